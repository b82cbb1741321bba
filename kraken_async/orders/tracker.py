"""Orders are placed at most once, and what became of each is known: ids and deadlines, the journal, settling.

Rules kept here:

1. An order leaves with an id and a deadline, so that it can be looked up, and cannot be accepted for ever.
2. It is on record before its turn is asked for, and marked as sent before its bytes leave.
3. An answer that leaves the outcome open is never guessed at: the order is looked up. What cannot be told in
   the caller's time is ``OutcomeUnknown``, and is looked for further in the background.
4. "Absent" is said only when both look-ups, begun after Kraken's clock had passed the deadline and the time
   that an order may take to show, were answered and empty.
5. Nothing is sent again, unless the policy says so and the order is absent.

An amend is settled by OrderAmends, which names it, so the caller gets ``{"amend_id": ...}`` as from Kraken.
An edit is settled by the order that took the old one's place.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kraken_async.call import Orphan
from kraken_async.errors import KrakenError, NonceStoreError, Outcome, OutcomeUnknown, SessionClosed
from kraken_async.orders.intent import Intent, new_cl_ord_id
from kraken_async.orders.pending_order import PendingOrder, intent_of, intent_of_error, names_in
from kraken_async.orders.policy import ORDERS, OrderPolicy, complete, validates
from kraken_async.orders.recall import placed_ids
from kraken_async.orders.reconciler import OrderReconciler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from kraken_async.api.endpoints import Endpoint
    from kraken_async.call import Call
    from kraken_async.errors import Finding
    from kraken_async.orders.journal import Journal
    from kraken_async.orders.order_lookup import LookupRound
    from kraken_async.server_time import ServerTime

__all__ = ["OrderDesk", "OrderPolicy", "new_cl_ord_id"]

log = logging.getLogger("kraken_async.orders")

#: Seconds within which an order placed before could be taken for one placed now, with a margin for both clocks.
JUST: Final = 60.0
#: How many ids of other calls' orders are remembered.
REMEMBERED: Final = 4096


class OrderDesk:
    """What a session does so that an order is placed at most once. Belongs to the session's loop.

    ``ask`` makes a read just below cancels; ``finish`` ends a call; ``report`` tells ``on_orphan``.
    ``resend`` is set by the session: puts a call back into the queue, to be signed and sent anew.
    """

    def __init__(
        self,
        policy: OrderPolicy,
        *,
        ask: Callable[..., Awaitable[Any]],
        finish: Callable[..., None],
        report: Callable[[Any], None],
        server_time: ServerTime,
        clock: Callable[[], float],
        journal: Journal | None,
    ) -> None:
        self.policy = policy
        self.resend: Callable[[Call], None] | None = None
        #: Gives the names of orders that any session on the key has placed since a time (unix seconds).
        self.placed: Callable[[float], Iterable[str]] = lambda _since: ()
        self._ask = ask
        self._pursuit = OrderReconciler(
            self._look_at, self._rivals, server_time=server_time, clock=clock, visibility=policy.visibility
        )
        self._pursuit.finder.placed = self._placed_by_others
        self._finish = finish
        self._report = report
        self._server_time = server_time
        self._clock = clock
        self._journal = journal
        self._made: frozenset[str] = frozenset()
        self._live: set[PendingOrder] = set()  # from the queue to the end of the call
        self._named: dict[str, list[Call]] = {}  # the same by client id
        self._given_up: dict[str, PendingOrder] = {}  # told "unknown", and not settled since
        self._tasks: dict[PendingOrder, asyncio.Task[None]] = {}
        self._closed = False
        self._left = 0 if journal is None else len(journal.left(server_time.now()))
        policy.warn()
        if self._left:
            log.warning("of sessions that died, orders may be live: %d, see client.unresolved()", self._left)

    def __repr__(self) -> str:
        return f"<OrderDesk {len(self._tasks)} being settled, {len(self._given_up)} unknown>"

    @property
    def open_count(self) -> int:
        """How many outcomes are not known, dead sessions' as they were last read."""
        return self._left + len(self._given_up)

    async def _look_at(self, name: str, params: dict[str, Any]) -> Any:
        if self._closed:
            raise SessionClosed("the session is closed", endpoint=name)
        return await self._ask(name, params)

    # -- on the way out ------------------------------------------------------------------------------------

    def complete(self, endpoint: Endpoint, params: dict[str, Any]) -> tuple[dict[str, Any], float | None]:
        """Return the fields with ids added, and the seconds for a deadline stamped at signing (or None)."""
        if endpoint.engine not in ORDERS:
            return params, None
        params, seconds, self._made = complete(self.policy, endpoint, params)
        return params, seconds

    async def open(self, call: Call) -> None:
        """Put an order on record before it is queued. Returns at once for everything else.

        Raises NonceStoreError, naming the file and the cure, when that fails. Cancelled: nothing is left on record.
        """
        if call.endpoint.engine not in ORDERS or validates(call.params):
            return
        session = "" if self._journal is None else self._journal.session
        intent = intent_of(call, self._made, self._server_time.now(), session)
        ticket = PendingOrder(intent, call)
        call.intent = ticket
        if self._journal is not None:
            try:
                await self._journal.record(intent)
            except BaseException as error:
                self._journal.done(intent.id)
                call.intent = None
                if isinstance(error, NonceStoreError):
                    error.endpoint = call.endpoint.name
                raise
        self._live.add(ticket)
        for name in placed_ids(call):
            self._named.setdefault(name, []).append(call)

    def named(self, client_id: str) -> list[Call]:
        """Return the orders and changes on their way that carry a client id, from the queue to the end of the call."""
        return list(self._named.get(client_id, ()))

    def sent(self, call: Call) -> None:
        """Mark an order as sent, with its deadline. Called before its bytes leave, at each sending.

        Raises NonceStoreError: then it must not be sent.
        """
        ticket: PendingOrder | None = call.intent
        if ticket is None:
            return
        now = self._server_time.now()
        due = ticket.intent.due if call.deadline is None else now + call.deadline
        intent = replace(ticket.intent, sent=True, sent_at=now, due=due, clocked=self._server_time.known)
        if self._journal is not None:
            self._journal.sent(intent)
        ticket.intent, ticket.nonce = intent, call.nonce
        if not ticket.resent:  # what the first sending did may still show
            ticket.sent_clock = self._clock()

    def _placed_by_others(self, ticket: PendingOrder) -> Iterable[str]:
        """Return the names of orders that other calls have placed on the key, since just before it."""
        return self.placed(ticket.intent.sent_at - JUST)

    # -- the end of a call ---------------------------------------------------------------------------------

    def ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Every call's end passes here: what is certain is struck off the record."""
        ticket: PendingOrder | None = call.intent
        if ticket is None:
            return
        self._live.discard(ticket)
        for name in placed_ids(call):
            calls = self._named.get(name, [])
            if call in calls:
                calls.remove(call)
            if not calls:
                self._named.pop(name, None)
        if isinstance(error, OutcomeUnknown):
            self._bind(error, ticket)
            if error.finding != "absent":
                self._given_up[ticket.intent.id] = ticket
                return
        self._settled(ticket, result)

    def _bind(self, error: OutcomeUnknown, ticket: PendingOrder) -> None:
        error._resolver, error._intent = partial(self._resolve, ticket), ticket.intent.id

    def _settled(self, ticket: PendingOrder, result: Any) -> None:
        known = self._pursuit.finder.known
        for name in names_in(result):
            known[name] = ticket.intent.id
        while len(known) > REMEMBERED:
            del known[next(iter(known))]
        self._given_up.pop(ticket.intent.id, None)
        if self._journal is not None:
            self._journal.settle(ticket.intent)

    # -- settling ------------------------------------------------------------------------------------------

    def lost(self, call: Call, error: KrakenError) -> bool:
        """Take over an order whose answer leaves it open, and end it later. False: it is not one."""
        ticket: PendingOrder | None = call.intent
        if ticket is None:
            if error.outcome is Outcome.UNKNOWN and call.endpoint.engine in ORDERS:
                self._finish(call, error=error)  # only validated: whatever happened, it had no effect
                return True
            return False
        if self._closed or not _leaves_open(call, ticket, error):
            return False
        if ticket.rows and not any(row.findable for row in ticket.rows):
            return False  # there is nothing to look for it by
        ticket.reason = error
        if ticket.limit_at is None:
            ticket.limit_at = self._clock() + self.policy.settle_timeout
        # A settling task that resends ends by itself; the next one belongs to the next answer.
        self._tasks[ticket] = task = asyncio.get_running_loop().create_task(self._settle(call, ticket))
        task.add_done_callback(partial(self._forget, ticket))
        return True

    def _forget(self, ticket: PendingOrder, task: asyncio.Task[None]) -> None:
        if self._tasks.get(ticket) is task:
            del self._tasks[ticket]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("settling an order failed by a fault of its own", exc_info=error)
            call = ticket.call
            if call is not None and not ticket.told:
                self._tell_unknown(call, ticket)

    async def _settle(self, call: Call, ticket: PendingOrder) -> None:
        limit = ticket.limit_at or 0.0
        timer = asyncio.get_running_loop().call_later(limit - self._clock(), self._tell_unknown, call, ticket)
        try:
            look, finding = await self._pursuit.run(ticket, None)
        finally:
            timer.cancel()
        if ticket.told:
            self._report_late(ticket, look, finding)
        elif look.result is not None:
            self._finish(call, result=look.result)
        elif finding == "absent" and self._may_resend(call, ticket):
            ticket.resent = True
            log.warning("%s is absent and is sent again", call.endpoint.name, extra=_ids(ticket))
            assert self.resend is not None
            self.resend(call)
        else:
            self._finish(call, error=self._unknown(ticket, finding))

    def _may_resend(self, call: Call, ticket: PendingOrder) -> bool:
        return (
            self.policy.resend
            and self.resend is not None
            and not ticket.resent
            and call.endpoint.engine == "add"
            and call.deadline is not None
            and call.params.get("cl_ord_id") is not None
            and not call.future.done()
        )

    def _tell_unknown(self, call: Call, ticket: PendingOrder) -> None:
        """The caller has waited long enough; the search goes on without it."""
        if not ticket.told:
            ticket.told = True
            self._finish(call, error=self._unknown(ticket, "not seen" if ticket.looked else "unreachable"))

    def _report_late(self, ticket: PendingOrder, look: LookupRound, finding: Finding | None) -> None:
        error = None if look.result is not None else self._unknown(ticket, finding)
        if look.result is not None or finding == "absent":
            self._settled(ticket, look.result)
        log.warning(
            "%s, whose caller was told that its outcome is unknown: %s",
            ticket.intent.endpoint,
            "it was done" if error is None else error,
            extra=_ids(ticket),
        )
        if not self._closed:
            self._report(self._orphan(ticket, look.result, error))

    def _orphan(self, ticket: PendingOrder, result: Any, error: KrakenError | None) -> Orphan:
        intent = ticket.intent
        return Orphan(
            endpoint=intent.endpoint,
            cl_ord_id=intent.cl_ord_id,
            nonce=ticket.nonce,
            sent_at=intent.sent_at,
            result=result,
            error=error,
            params=dict(intent.params),
        )

    def _rivals(self, ticket: PendingOrder) -> bool:
        """Return whether another order on its way, or lost, carries the same userref."""
        refs = {row.userref for row in ticket.rows if row.userref is not None}
        if len(refs) < sum(1 for row in ticket.rows if row.userref is not None):
            return True
        others = (other for other in {*self._live, *self._given_up.values()} if other is not ticket)
        return any(row.userref in refs for other in others for row in other.rows if row.userref is not None)

    # -- later ---------------------------------------------------------------------------------------------

    def unresolved(self) -> list[Intent]:
        """Return what is not known: of sessions that died, and what this one told callers is unknown."""
        left = [] if self._journal is None else self._journal.left(self._server_time.now())
        self._left = len(left)
        return left + [ticket.intent for ticket in self._given_up.values()]

    async def resolve(self, what: Intent | OutcomeUnknown) -> Any:
        """Settle one: return its result as Kraken would have given it.

        Looks for up to ``settle_timeout``. Raises OutcomeUnknown with its ``finding``; "absent" closes it, as
        no more can be learnt. Raises SessionClosed when this session is. Cancelled: nothing changes.
        """
        if isinstance(what, OutcomeUnknown):
            if what._resolver is not None:
                return await what.resolve()
            what = intent_of_error(what, self.policy)
        ticket = self._given_up.get(what.id)
        if ticket is None:
            ticket = PendingOrder(what)
        return await self._resolve(ticket)

    async def _resolve(self, ticket: PendingOrder) -> Any:
        if ticket.intent.endpoint not in ORDERS.values():
            raise self._unknown(ticket, None)
        look, finding = await self._pursuit.run(ticket, self._clock() + self.policy.settle_timeout)
        if look.closed:
            msg = "the session is closed: open one and give this to its resolve()"
            raise SessionClosed(msg, endpoint=ticket.intent.endpoint)
        if look.result is not None or finding == "absent":
            task = self._tasks.pop(ticket, None)
            if task is not None and ticket.told:
                task.cancel()  # its search is over too
            self._settled(ticket, look.result)
            if ticket.call is None:
                self._left = max(0, self._left - 1)
        if look.result is not None:
            return look.result
        raise self._unknown(ticket, finding)

    def _unknown(self, ticket: PendingOrder, finding: Finding | None) -> OutcomeUnknown:
        error = ticket.unknown(finding)
        self._bind(error, ticket)
        return error

    def stop(self) -> None:
        """Ask nothing more: there is no worker left to send it, and nobody must wait for it."""
        self._closed = True

    async def close(self) -> None:
        """Stop searching: callers still waiting are told, what is open stays on record. Idempotent."""
        self.stop()
        tasks = dict(self._tasks)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        for ticket in tasks:
            if ticket.call is not None:
                self._tell_unknown(ticket.call, ticket)
        if self._journal is not None:
            self._journal.close()


def _leaves_open(call: Call, ticket: PendingOrder, error: KrakenError) -> bool:
    if error.outcome is Outcome.UNKNOWN:
        return True
    # "cl_ord_id not unique": an earlier sending of this very order lives, if there was one or nobody else has the id.
    earlier = getattr(error, "effect", "none") == "earlier"
    return earlier and (ticket.intent.generated or call.unknown_before)


def _ids(ticket: PendingOrder) -> Mapping[str, Any]:
    intent = ticket.intent
    return {"endpoint": intent.endpoint, "cl_ord_id": intent.cl_ord_id, "nonce": ticket.nonce}
