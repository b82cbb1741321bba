"""One account of the gateway: its session, and the calls that tokens make on it.

A read is made in its client's own handler, and ends with it. A write is made in a job of its own: a client that goes
away takes back what has not left yet, and what has left is finished, journaled and put on record without it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.api.endpoints import find, has_effect
from kraken_async.call import CallTrace
from kraken_async.errors import KrakenError, Outcome, OutcomeUnknown
from kraken_async.gateway import doubt as doubts
from kraken_async.gateway import downloads, repeats, replies, upstream
from kraken_async.gateway.doubt import Doubt, Doubts
from kraken_async.gateway.fields import shaped
from kraken_async.gateway.gates import Gates
from kraken_async.gateway.repeats import Repeats
from kraken_async.gateway.replies import Reply
from kraken_async.gateway.scopes import is_cancel, needed
from kraken_async.gateway.unheard import Unheard, UnheardWrites, left_behind
from kraken_async.guards import no_funding
from kraken_async.order_fields import is_true, redacted

if TYPE_CHECKING:
    from kraken_async.api.endpoints import Endpoint
    from kraken_async.gateway.audit import AuditLog
    from kraken_async.gateway.config import AccountConfig, GatewayConfig
    from kraken_async.gateway.tokens import Token
    from kraken_async.session import KrakenSession

log = logging.getLogger("kraken_async.gateway")

#: Clients give up near 10 s. An order has so many seconds for its exchange, and then so many to be looked up in.
ORDER_TIMEOUT: Final = 4.5
SETTLE_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 8.0
#: Seconds after which a halt that is still under way is answered as such.
HALT_PATIENCE: Final = 8.0
LAST_CALLS: Final = 50

_PLACES: Final = frozenset({"add", "add_batch", "amend", "edit"})


@dataclass(slots=True, eq=False)
class Job:
    """One write on its way. ``heard``: clients that wait for its reply."""

    number: str
    token: str
    endpoint: Endpoint
    fields: dict[str, Any]
    fingerprint: str
    task: asyncio.Task[Reply] = field(init=False)
    trace: CallTrace = field(default_factory=CallTrace)
    heard: int = 0
    doubt: Doubt | None = None
    ids: tuple[str, ...] = ()


class LastCall(NamedTuple):
    """One of the last calls, for the page. ``took``: seconds from its arrival at the gateway to its reply."""

    at: float
    token: str
    endpoint: str
    outcome: str
    error: str | None
    took: float


class Account:
    """Make the calls of tokens on one session. The gateway opens and closes the session."""

    def __init__(
        self, config: AccountConfig, session: KrakenSession, gateway: GatewayConfig, audit: AuditLog
    ) -> None:
        self.config = config
        self.name = config.name
        self.session = session
        self.gates = Gates(most=gateway.max_waiting, most_per_token=gateway.max_waiting_per_token)
        self.last_calls: deque[LastCall] = deque(maxlen=LAST_CALLS)
        self.calls_by_token: dict[str, int] = {}
        self.halting: asyncio.Task[Any] | None = None
        self._audit = audit
        self._doubts = Doubts(session.unresolved)
        self._repeats: Repeats[Job] = Repeats(time.monotonic)
        self.unheard = UnheardWrites()
        self._jobs: set[Job] = set()
        self._answered: dict[str, Job] = {}  # on their way to their clients
        self._numbers = count(1)
        self._run_id = f"{int(time.time()):x}"

    def __repr__(self) -> str:
        return f"<Account {self.name}, {len(self._jobs)} writes under way>"

    # -- calls ----------------------------------------------------------------------------------------------------

    async def private(
        self, token: Token, endpoint: Endpoint, fields: dict[str, Any], key: str | None = None
    ) -> Reply:
        """Make a private call for a token, and return what its client is answered. Raises nothing of its own."""
        started = time.monotonic()
        reply = await self._private(token, endpoint, fields, key)
        self._note(token.name, endpoint.name, reply, time.monotonic() - started)
        return reply

    async def _private(
        self, token: Token, endpoint: Endpoint, fields: dict[str, Any], key: str | None
    ) -> Reply:
        words = needed(endpoint, fields)
        changes = has_effect(endpoint, fields)
        if not words.intersection(token.allow):
            reply = _not_allowed(token, endpoint, words)
            if changes:
                self._put_refusal_on_record(token.name, endpoint, fields, reply)
            return reply
        try:
            fields = shaped(endpoint, fields)
        except ValueError as error:
            return replies.invalid(str(error))
        if changes:
            return await self._write(token.name, endpoint, fields, key)
        return await self._read(token.name, endpoint, fields)

    async def public(self, who: str, name: str, fields: dict[str, Any]) -> Reply:
        """Make a public call, at the pace that Kraken allows this address."""
        try:
            await self.gates.enter(who, "public", self.config.queue_timeout)
            try:
                return _reply(await upstream.public(self.session, name, fields, timeout=READ_TIMEOUT))
            finally:
                self.gates.leave(who, "public")
        except KrakenError as error:
            return replies.of_error(error, changes=False)
        except ValueError as error:
            return replies.invalid(str(error))

    async def _read(self, token: str, endpoint: Endpoint, fields: dict[str, Any]) -> Reply:
        try:
            left = await self.gates.enter(token, "read", self.config.queue_timeout)
            try:
                if endpoint.binary:
                    return await downloads.fetch(self.session, endpoint.name, fields, queue_timeout=left)
                return _reply(
                    await upstream.private(
                        self.session, endpoint.name, fields, timeout=READ_TIMEOUT, queue_timeout=left
                    )
                )
            finally:
                self.gates.leave(token, "read")
        except KrakenError as error:
            return replies.of_error(error, changes=False)
        except ValueError as error:
            return replies.invalid(str(error))

    # -- writes ---------------------------------------------------------------------------------------------------

    async def _write(self, token: str, endpoint: Endpoint, fields: dict[str, Any], key: str | None) -> Reply:
        asked_for = doubts.fingerprint(endpoint.name, fields)
        if key is not None:
            if not 0 < len(key) <= repeats.LONGEST:
                return replies.invalid(f"Idempotency-Key: 1 to {repeats.LONGEST} characters")
            first = self._repeats.find(token, key)
            if first is not None:
                if first.fingerprint != asked_for:
                    return replies.invalid("Idempotency-Key: used for another request")
                return await self._heard(first.job)
            fields = repeats.named(endpoint.name, fields, token, key)
        mark = doubts.fingerprint(endpoint.name, fields)
        if not is_cancel(endpoint) and (found := self._doubts.find(token, mark)) is not None:
            reply = _in_doubt(found)
            self._put_refusal_on_record(token, endpoint, fields, reply)
            return reply
        job = Job(f"{self._run_id}-{next(self._numbers)}", token, endpoint, fields, mark)
        job.task = asyncio.get_running_loop().create_task(self._run(job), name=f"gateway {endpoint.name}")
        self._jobs.add(job)
        job.task.add_done_callback(lambda _: self._jobs.discard(job))
        if key is not None:
            self._repeats.keep(token, key, asked_for, job)
        return await self._heard(job)

    async def _heard(self, job: Job) -> Reply:
        """Wait for a job's reply. A client that leaves takes back what has not left yet."""
        job.heard += 1
        try:
            return await asyncio.shield(job.task)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if job.task.cancelled() and not (task is not None and task.cancelling()):
                outcome = replies.UNKNOWN if job.trace.sent else replies.NOT_SENT
                return replies.refusal("EService:Unavailable", "the gateway is closing", outcome=outcome)
            job.heard -= 1
            if not job.heard:
                self._left_by_client(job)
            raise

    def _left_by_client(self, job: Job) -> None:
        if job.task.done():
            self.not_delivered(job.number)
        elif not job.trace.sent:
            job.task.cancel()
        else:
            log.warning("the client of %s left while it was in flight: it is finished", job.endpoint.name)
            self._doubt(job)

    def _doubt(self, job: Job) -> Doubt:
        if job.doubt is None:
            job.doubt = Doubt(job.endpoint.name, job.fields.get("cl_ord_id"))
            if not is_cancel(job.endpoint):
                self._doubts.add(job.token, job.fingerprint, job.doubt)
        return job.doubt

    def delivered(self, number: str) -> None:
        """Record that the client of a write has its answer."""
        if self._answered.pop(number, None) is not None:
            self._audit.heard(number)

    def not_delivered(self, number: str) -> None:
        """Record that the client of a write left before it had the answer."""
        job = self._answered.pop(number, None)
        if job is not None:
            self._unheard(job)

    def _unheard(self, job: Job) -> None:
        """Record a write that was carried out without its client knowing: it is listed, and not done twice."""
        doubt = self._doubt(job)
        doubt.txid = ", ".join(job.ids) or None
        self._doubts.ended(doubt)
        self.unheard.add(
            Unheard(
                at=time.time(), token=job.token, endpoint=job.endpoint.name, fields=job.fields, ids=job.ids
            )
        )

    def recall(self) -> None:
        """Read from the audit log which writes the previous gateway did not get to answer. Once, on opening."""
        for each in left_behind(self._audit.tail(), self.name):
            self.unheard.add(each)
            left = doubts.UNHEARD - (time.time() - each.at)
            if left > 0 and not is_cancel(find(each.endpoint, private=True)):
                found = Doubt(each.endpoint, each.fields.get("cl_ord_id"), ", ".join(each.ids) or None)
                self._doubts.ended(found, left)
                self._doubts.add(each.token, doubts.fingerprint(each.endpoint, each.fields), found)

    async def _run(self, job: Job) -> Reply:
        """Make a write, with its beginning and its end on record."""
        endpoint = job.endpoint
        self._audit.asked(job.number, job.token, self.name, endpoint.name, job.fields)
        line = "cancel" if is_cancel(endpoint) else "place"
        answer: upstream.Answer | None = None
        error: KrakenError | None = None
        try:
            left = await self.gates.enter(job.token, line, self.config.queue_timeout)
            try:
                answer = await upstream.private(
                    self.session,
                    endpoint.name,
                    job.fields,
                    timeout=ORDER_TIMEOUT,
                    queue_timeout=left,
                    trace=job.trace,
                )
            finally:
                self.gates.leave(job.token, line)
            reply = _reply(answer)
        except KrakenError as failed:
            error = failed
            reply = replies.of_error(failed, changes=True)
        except ValueError as wrong:
            reply = replies.invalid(str(wrong))
        except (
            Exception
        ) as fault:  # ours: the client is told what may have been done, as after any other failure
            log.exception("%s ended by a fault of the gateway", endpoint.name)
            reply = _faulty(fault, sent=job.trace.sent)
        except asyncio.CancelledError:
            self._audit.ended(
                job.number, job.token, replies.NOT_SENT, error="its client went away while it waited"
            )
            raise
        self._over(job, answer, error, reply)
        return replace(reply, call=job.number, account=self.name)

    def _over(
        self, job: Job, answer: upstream.Answer | None, error: KrakenError | None, reply: Reply
    ) -> None:
        """Put the end of a write on record, and whether it is in doubt from now on."""
        job.ids = tuple(_ids(answer))
        client_id = getattr(error, "cl_ord_id", None)
        self._audit.ended(
            job.number,
            job.token,
            reply.outcome,
            error=reply.error,
            ids=list(job.ids),
            cl_ord_id=client_id,
        )
        if reply.outcome == replies.UNKNOWN:
            self._in_doubt_now(job, error)
        elif reply.outcome != "answered":
            if job.doubt is not None:
                self._doubts.drop(job.token, job.fingerprint)
        elif job.heard:
            self._answered[job.number] = job
        else:
            self._unheard(job)

    def _in_doubt_now(self, job: Job, error: KrakenError | None) -> None:
        if is_cancel(job.endpoint) or is_true(job.fields.get("validate")):
            return
        doubt = job.doubt or Doubt(job.endpoint.name)
        doubt.told = True
        if isinstance(error, OutcomeUnknown):
            userref = None if error.userref is None else str(error.userref)
            doubt.client_id = error.cl_ord_id or userref
        if job.endpoint.engine not in _PLACES or doubt.client_id is None:
            self._doubts.ended(doubt, doubts.UNSETTLED)  # nothing can be looked up, so time has to do
        self._doubts.add(job.token, job.fingerprint, doubt)

    def _put_refusal_on_record(
        self, token: str, endpoint: Endpoint, fields: dict[str, Any], reply: Reply
    ) -> None:
        self._audit.noted(
            "refused",
            token=token,
            account=self.name,
            endpoint=endpoint.name,
            fields=redacted(fields),
            error=reply.error,
        )

    def _note(self, token: str, endpoint: str, reply: Reply, took: float) -> None:
        self.calls_by_token[token] = self.calls_by_token.get(token, 0) + 1
        self.last_calls.append(LastCall(time.time(), token, endpoint, reply.outcome, reply.error, took))

    # -- stopping -------------------------------------------------------------------------------------------------

    async def halt(self, token: str) -> dict[str, Any]:
        """Stop all trading on the key. Returns what is to be told: ``halted``, ``cancelled`` or ``error``.

        Asked for while one is under way: the same halt. A client that leaves does not stop it.
        """
        if self.halting is None or self.halting.done():
            self._audit.noted("halt", token=token, account=self.name)
            self.halting = asyncio.get_running_loop().create_task(self.session.halt(), name="gateway halt")
        told: dict[str, Any] = {"account": self.name, "halted": True, "cancelled": None, "error": []}
        try:
            async with asyncio.timeout(HALT_PATIENCE):
                answer = await asyncio.shield(self.halting)
        except TimeoutError:
            return told | {"error": ["the orders' cancel is still under way: look again"], "pending": True}
        except KrakenError as error:
            self._audit.noted("halted", token=token, account=self.name, error=str(error))
            unsent = error.outcome is Outcome.NOT_SENT
            outcome = "did not leave" if unsent else f"was not proven done: {error}"
            return told | {"error": [f"orders are refused from now on, but CancelAll {outcome}"]}
        self._audit.noted("halted", token=token, account=self.name, cancelled=answer)
        return told | {"cancelled": answer}

    async def settled(self) -> None:
        """Wait until no write and no halt is under way. Cancelled: nothing changes."""
        while self._jobs or (self.halting is not None and not self.halting.done()):
            tasks = [job.task for job in self._jobs]
            if self.halting is not None:
                tasks.append(self.halting)
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Close the session, and see the ends of all writes put on record."""
        await self.session.aclose()
        for job in list(self._jobs):
            job.task.cancel()
        if self._jobs:
            await asyncio.wait([job.task for job in self._jobs])


def make_session(config: AccountConfig) -> KrakenSession:
    """Return the session of an account. Raises ValueError for what cannot work."""
    from kraken_async.calls.retry import RetryPolicy
    from kraken_async.limits.governor import BurstGovernor
    from kraken_async.orders.policy import OrderPolicy
    from kraken_async.session import KrakenSession
    from kraken_async.stores.url import store_of

    return KrakenSession(
        config.key,
        config.secret,
        base_url=config.base_url,
        tier=config.tier,
        store=store_of(config.store, config.state_dir, name=f"accounts.{config.name}.store"),
        state_dir=config.state_dir,
        governor=None if config.governor else BurstGovernor.off(),
        guard=no_funding,
        orders=OrderPolicy(
            settle_timeout=SETTLE_TIMEOUT, hold_pair_while_unknown=config.hold_pair_while_unknown
        ),
        retry=RetryPolicy(budget=READ_TIMEOUT),
        account=config.name,
    )


def _reply(answer: upstream.Answer) -> Reply:
    if answer.body is None:
        return replies.result(answer.result)
    if answer.error is not None:
        return Reply(body=answer.body, outcome=replies.REFUSED, error=answer.error.errors[0])
    if isinstance(answer.result, bytes):
        return Reply(body=answer.body, content_type="application/zip")
    return Reply(body=answer.body)


def _faulty(fault: Exception, *, sent: bool) -> Reply:
    """Return what is answered when the gateway itself failed over a write."""
    if not sent:
        return replies.refusal("EGeneral:Internal error", type(fault).__name__, outcome=replies.NOT_SENT)
    said = "EGeneral:Outcome unknown:the gateway failed while it was in flight"
    return replies.refusal(said, type(fault).__name__, outcome=replies.UNKNOWN)


def _not_allowed(token: Token, endpoint: Endpoint, words: frozenset[str]) -> Reply:
    if endpoint.funding:
        why = "no token may withdraw or transfer"
    elif not words:
        why = f"{endpoint.name} is not known here, or for no token" if not endpoint.known else "for no token"
    else:
        why = f"the token {token.name} may not: it needs --allow {' or '.join(sorted(words))}"
    return replies.refusal("EGeneral:Permission denied", f"{endpoint.name}: {why}")


def _in_doubt(doubt: Doubt) -> Reply:
    said = f"EGeneral:Duplicate of an order in doubt:{doubt}"
    cure = "look it up, or give a cl_ord_id of its own to place another; see /api/orders/unresolved"
    return replies.refusal(replies.one_line(said), cure, client_id=doubt.client_id)


def _ids(answer: upstream.Answer | None) -> list[str]:
    """Return Kraken's ids in the result of a write."""
    found = answer.result if answer is not None else None
    if not isinstance(found, dict):
        return []
    rows = found["orders"] if isinstance(found.get("orders"), list) else [found]
    ids: list[str] = []
    for row in rows:
        for name in ("txid", "amend_id", "refid"):
            value = row.get(name) if isinstance(row, dict) else None
            ids += value if isinstance(value, list) else [value] if value else []
    return [str(each) for each in ids]
