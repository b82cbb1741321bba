"""Writes: what tokens ask for that has an effect, each in a job of its own, on record, and never done twice.

A client that leaves takes back what has not left yet; what has left is finished, journaled, and put on record without
it. An order whose outcome its client does not know is not placed again (doubt.py), and a write asked for again under
its ``Idempotency-Key`` is answered with the outcome of the first (repeats.py).

More than 300 lines: a write's way from its token to its outcome, no step of which may be left out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import find
from kraken_async.call import CallTrace
from kraken_async.errors import KrakenError, Outcome, OutcomeUnknown
from kraken_async.gateway import doubt as doubts
from kraken_async.gateway import repeats, replies, upstream
from kraken_async.gateway.doubt import Doubt, Doubts
from kraken_async.gateway.repeats import Repeats
from kraken_async.gateway.scopes import is_cancel
from kraken_async.gateway.unheard import Unheard, UnheardWrites, left_behind
from kraken_async.order_fields import is_true, redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.api.endpoints import Endpoint
    from kraken_async.call import Orphan
    from kraken_async.gateway.audit import AuditLog
    from kraken_async.gateway.gates import Gates
    from kraken_async.gateway.replies import Reply
    from kraken_async.session import KrakenSession

log: logging.Logger = logging.getLogger("kraken_async.gateway")

#: Clients give up near 10 s. An order has so many seconds for its exchange, and SETTLE_TIMEOUT to be looked up in.
ORDER_TIMEOUT: Final = 4.5

_PLACES: Final = frozenset({"add", "add_batch", "amend", "edit"})


class WriteTrace(CallTrace):
    """Puts a result on record before the session's journal strikes the write off.

    The other way round, a gateway killed between the two would leave an order that neither knows of.
    """

    __slots__ = ("_put_on_record",)

    def __init__(self, put_on_record: Callable[[Any], object]) -> None:
        super().__init__()
        self._put_on_record = put_on_record

    def ended(self, result: Any, error: KrakenError | None) -> None:
        """Put a result on record; what failed is still the journal's, or had no effect."""
        if error is None:
            self._put_on_record(result)


@dataclass(slots=True, eq=False)
class Job:
    """One write on its way. ``heard``: clients that wait for its reply. ``on_record``: its result is, with its ids."""

    number: str
    token: str
    endpoint: Endpoint
    fields: dict[str, Any]
    fingerprint: str
    task: asyncio.Task[Reply] = field(init=False)
    trace: CallTrace = field(init=False)
    heard: int = 0
    doubt: Doubt | None = None
    ids: tuple[str, ...] = ()
    on_record: bool = False


class Writes:
    """The writes of one account. ``queue_timeout``: seconds that one may wait before it is refused unsent."""

    def __init__(
        self, account: str, session: KrakenSession, gates: Gates, audit: AuditLog, queue_timeout: float
    ) -> None:
        self.unheard: UnheardWrites = UnheardWrites()
        self.absent: UnheardWrites = UnheardWrites()  # told as unknown, and found out not to be done
        self.jobs: set[Job] = set()  # on their way to Kraken
        self._account = account
        self._session = session
        self._gates = gates
        self._audit = audit
        self._queue_timeout = queue_timeout
        self._doubts = Doubts(session.unresolved)
        self._repeats: Repeats[Job] = Repeats(time.monotonic)
        self._answered: dict[str, Job] = {}  # on their way to their clients
        self._numbers = count(1)
        self._run_id = f"{int(time.time()):x}"

    def __repr__(self) -> str:
        return f"<Writes of {self._account}, {len(self.jobs)} under way>"

    async def make(self, token: str, endpoint: Endpoint, fields: dict[str, Any], key: str | None) -> Reply:
        """Make a write for a token, and return what its client is answered. ``key``: its Idempotency-Key."""
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
            reply = replies.duplicate(str(found), found.client_id)
            self.put_refusal_on_record(token, endpoint, fields, reply)
            return reply
        job = Job(f"{self._run_id}-{next(self._numbers)}", token, endpoint, fields, mark)
        job.trace = WriteTrace(lambda result: self._put_on_record(job, result))
        job.task = asyncio.get_running_loop().create_task(self._run(job), name=f"gateway {endpoint.name}")
        self.jobs.add(job)
        job.task.add_done_callback(lambda _: self.jobs.discard(job))
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
        for each in left_behind(self._audit.tail(), self._account):
            self.unheard.add(each)
            left = doubts.UNHEARD - (time.time() - each.at)
            if left > 0 and not is_cancel(find(each.endpoint, private=True)):
                found = Doubt(each.endpoint, each.fields.get("cl_ord_id"), ", ".join(each.ids) or None)
                self._doubts.ended(found, left)
                self._doubts.add(each.token, doubts.fingerprint(each.endpoint, each.fields), found)

    async def _run(self, job: Job) -> Reply:
        """Make a write, with its beginning and its end on record."""
        endpoint = job.endpoint
        self._audit.asked(job.number, job.token, self._account, endpoint.name, job.fields)
        line = "cancel" if is_cancel(endpoint) else "place"
        error: KrakenError | None = None
        try:
            left = await self._gates.enter(job.token, line, self._queue_timeout)
            try:
                answer = await upstream.private(
                    self._session,
                    endpoint.name,
                    job.fields,
                    timeout=ORDER_TIMEOUT,
                    queue_timeout=left,
                    trace=job.trace,
                )
            finally:
                self._gates.leave(job.token, line)
            reply = replies.of_answer(answer)
        except KrakenError as failed:
            error = failed
            reply = replies.of_error(failed, changes=True)
        except ValueError as wrong:
            reply = replies.invalid(str(wrong))
        except (
            Exception
        ) as fault:  # ours: the client learns what may have been done, as after any other failure
            log.exception("%s ended by a fault of the gateway", endpoint.name)
            reply = replies.faulty(fault, sent=job.trace.sent)
        except asyncio.CancelledError:
            self._audit.ended(
                job.number, job.token, replies.NOT_SENT, error="its client went away while it waited"
            )
            raise
        self._over(job, error, reply)
        return replace(reply, call=job.number, account=self._account)

    def _put_on_record(self, job: Job, result: Any) -> None:
        job.ids, job.on_record = tuple(_ids_in(result)), True
        self._audit.ended(job.number, job.token, "answered", ids=list(job.ids))

    def _over(self, job: Job, error: KrakenError | None, reply: Reply) -> None:
        """Put the end of a write on record, and whether it is in doubt from now on."""
        if not job.on_record or reply.outcome != "answered":
            client_id = getattr(error, "cl_ord_id", None)
            self._audit.ended(job.number, job.token, reply.outcome, error=reply.error, cl_ord_id=client_id)
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

    def put_refusal_on_record(
        self, token: str, endpoint: Endpoint, fields: dict[str, Any], reply: Reply
    ) -> None:
        """Record a write that the gateway refused."""
        self._audit.noted(
            "refused",
            token=token,
            account=self._account,
            endpoint=endpoint.name,
            fields=redacted(fields),
            error=reply.error,
        )

    # -- what is found out later -----------------------------------------------------------------------------------

    def found_out(self, orphan: Orphan) -> None:
        """Handle what the session found of an order that was told as unknown. See KrakenSession's ``on_settled``."""
        name = orphan.cl_ord_id or orphan.params.get("userref")
        ids = tuple(_ids_in(orphan.result))
        outcome = _outcome_found(orphan.error)
        self._audit.noted("found", account=self._account, cl_ord_id=name, outcome=outcome, ids=ids)
        for token, fingerprint, doubt in self._doubts.told_under(str(name)):
            found = Unheard(
                at=time.time(), token=token, endpoint=orphan.endpoint, fields=dict(orphan.params), ids=ids
            )
            if outcome == "answered":
                doubt.txid = ", ".join(ids) or None
                self._doubts.ended(doubt)
                self.unheard.add(found)
            elif outcome != str(Outcome.UNKNOWN):
                self._doubts.drop(token, fingerprint)
                self.absent.add(found)

    def asked_by(self, client_id: str) -> str | None:
        """Return the token that was told of this order as unknown; None if a gateway before this one told it."""
        return next((token for token, _, _ in self._doubts.told_under(client_id)), None)

    def told(self, token: str, client_id: str) -> None:
        """Note that a token has asked for, and now knows, the outcome of its order."""
        for owner, fingerprint, _ in self._doubts.told_under(client_id):
            if owner == token:
                self._doubts.drop(owner, fingerprint)

    async def settled(self) -> None:
        """Wait until no write is under way. Cancelled: nothing changes."""
        while self.jobs:
            await asyncio.wait([job.task for job in self.jobs])

    async def close(self) -> None:
        """End what is still under way, and see its end put on record. The session is closed by then."""
        for job in list(self.jobs):
            job.task.cancel()
        await self.settled()


def _outcome_found(error: KrakenError | None) -> str:
    """Return the outcome of an order that was looked for: "answered", "absent", "refused", or "unknown" still."""
    if error is None:
        return "answered"
    return "absent" if getattr(error, "finding", "") == "absent" else str(error.outcome)


def _ids_in(found: object) -> list[str]:
    """Return Kraken's ids in the result of a write."""
    if not isinstance(found, dict):
        return []
    rows = found["orders"] if isinstance(found.get("orders"), list) else [found]
    ids: list[str] = []
    for row in rows:
        for name in ("txid", "amend_id", "refid"):
            value = row.get(name) if isinstance(row, dict) else None
            ids += value if isinstance(value, list) else [value] if value else []
    return [str(each) for each in ids]
