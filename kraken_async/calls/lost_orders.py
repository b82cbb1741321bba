"""LostOrders: orders whose answers were lost are looked up in the background, and their callers told in time.

Rules kept here:

1. An answer that leaves the outcome open is never guessed at: the order is looked up.
2. Its caller waits for the verdict at most ``settle_timeout`` seconds, then learns that the outcome is unknown. The
   search goes on, and what it brings is reported to ``on_orphan``.
3. Nothing is sent again.

An amend is reconciled by OrderAmends, which names it, so the caller gets ``{"amend_id": ...}`` as from Kraken. An edit
is reconciled by the order that took the old one's place.

More than 300 lines: the ways on which news of a lost order comes in end in one place, so that its caller hears it once.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import known_endpoints
from kraken_async.call import CallState, Orphan
from kraken_async.errors import KrakenError, Outcome, OutcomeUnknown, SessionClosed
from kraken_async.order_fields import canonical_id
from kraken_async.orders.order_answers import add_result, batch_result
from kraken_async.orders.outcome_log import OutcomeLog
from kraken_async.orders.pending_order import Search, intent_of_error
from kraken_async.orders.reconciler import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken_async.call import Call
    from kraken_async.calls.cancellation import Cancellation
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.calls.tasks import Tasks
    from kraken_async.errors import Finding
    from kraken_async.monitoring.reporter import Reporter
    from kraken_async.orders.intent import Intent
    from kraken_async.orders.pending_order import PendingOrder
    from kraken_async.orders.policy import OrderPolicy
    from kraken_async.orders.reconciler import OrderReconciler
    from kraken_async.orders.tracker import OrderTracker
    from kraken_async.server_time import ServerTime

log: logging.Logger = logging.getLogger("kraken_async.orders")

#: Seconds before its caller learns that an order is unknown, at which it is looked for once more.
LAST_LOOK: Final = 1.0


class LostOrders:
    """The orders of a session whose answers were lost. Belongs to the session's loop."""

    def __init__(
        self,
        policy: OrderPolicy,
        tracker: OrderTracker,
        reconciler: OrderReconciler,
        ledger: CallLedger,
        reporter: Reporter,
        tasks: Tasks,
        cancellation: Cancellation,
        server_time: ServerTime,
        clock: Callable[[], float],
        outcomes: OutcomeLog | None = None,
    ) -> None:
        self._outcomes = OutcomeLog(None) if outcomes is None else outcomes
        self._cancellation = cancellation
        self._server_time = server_time
        self._policy = policy
        self._tracker = tracker
        self._reconciler = reconciler
        self._ledger = ledger
        self._reporter = reporter
        self._tasks = tasks
        self._clock = clock
        self._searches: dict[PendingOrder, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"<LostOrders {len(self._searches)} being looked up>"

    # -- in the background -----------------------------------------------------------------------------------------

    def take(self, call: Call, error: KrakenError) -> bool:
        """Take over an order whose answer leaves it open, and end its call later. False: it is not one."""
        order: PendingOrder | None = call.order
        if order is None or self._ledger.ended or not _leaves_open(call, order, error):
            return False
        if not order.findable:
            return False
        order.reason = error
        self._ledger.reconcile(call)
        if (result := _proven(order)) is not None:  # it was seen elsewhere while it was on its way
            self._ledger.finish(call, result=result)
            return True
        limit = self._clock() + self._policy.settle_timeout
        self._searches[order] = self._tasks.task(
            self._search(call, order, limit), on_end=partial(self._search_ended, call, order)
        )
        return True

    async def _search(self, call: Call, order: PendingOrder, limit: float) -> None:
        loop, left = asyncio.get_running_loop(), limit - self._clock()
        timers = [loop.call_later(left, self._give_up, call, order)]
        if left > LAST_LOOK:  # what shows while its caller waits is found while it waits, just before the end
            timers.append(loop.call_later(left - LAST_LOOK, order.look_soon))
        try:
            verdict = await self._reconciler.run(order, None)
        finally:
            for timer in timers:
                timer.cancel()
        if order.caller_informed:
            self._report_late(order, verdict)
        elif verdict.result is not None:
            self._ledger.finish(call, result=verdict.result)
        else:
            self._ledger.finish(call, error=self.unknown(order, verdict.finding, verdict.why))

    def _give_up(self, call: Call, order: PendingOrder) -> None:
        """End the call of a caller who has waited long enough; the search goes on."""
        if call.state is CallState.RECONCILING:
            order.caller_informed = True
            self._ledger.finish(call, error=self.unknown(order, order.finding))

    def _search_ended(self, call: Call, order: PendingOrder, fault: BaseException | None) -> None:
        self._searches.pop(order, None)
        if fault is not None:
            log.error("settling an order failed by a fault of its own", exc_info=fault)
        self._give_up(call, order)  # cut short, it has not ended its call

    def _report_late(self, order: PendingOrder, verdict: Verdict) -> None:
        error = None if verdict.result is not None else self.unknown(order, verdict.finding, verdict.why)
        if verdict.final:
            self._close(order, verdict)
        log.warning(
            "%s, whose caller was told that its outcome is unknown: %s",
            order.intent.endpoint,
            "it was done" if error is None else error,
            extra=_ids(order),
        )
        if not self._ledger.ended:
            self._reporter.settled(_orphan(order, verdict.result, error))

    # -- seen elsewhere --------------------------------------------------------------------------------------------

    def seen(self, txid: str, shown: Mapping[str, Any]) -> None:
        """Take note of an order that another channel of Kraken's shows: settle the lost order that it proves to be.

        One that may be it, and is not certain to be, is looked up at once. Never waits.
        """
        for order in dict.fromkeys((*self._tracker.live(), *self._searches, *self._tracker.unknown())):
            if not _may_be(order, txid, shown):
                continue
            _note_found(order, txid, shown)
            if order.reason is None and order.call is not None:
                continue  # its answer may still come
            result = _proven(order)
            if result is not None:
                self._settle(order, result)
            else:
                order.look_soon()

    def _settle(self, order: PendingOrder, result: Any) -> None:
        search, call = self._searches.get(order), order.call
        if call is not None and call.state is CallState.RECONCILING:
            self._ledger.finish(call, result=result)
        else:
            self._report_late(order, Verdict(result))
        if search is not None:
            search.cancel()

    # -- by hand ---------------------------------------------------------------------------------------------------

    async def resolve(self, what: Intent | OutcomeUnknown) -> Any:
        """Look one up: return its result as Kraken would have given it.

        Looks for up to ``settle_timeout``. Raises OutcomeUnknown with its ``finding``; "absent" closes it, as
        no more can be learnt. Raises SessionClosed when this session is. Cancelled: nothing changes.
        """
        if isinstance(what, OutcomeUnknown):
            mine = what._resolver
            if isinstance(mine, partial) and mine.func == self._resolve:
                return await mine()
            what = intent_of_error(what, self._policy)
        return await self._resolve(self._tracker.pending(what))

    async def _resolve(self, order: PendingOrder) -> Any:
        endpoint = known_endpoints(private=True).get(order.intent.endpoint)
        if endpoint is None or not endpoint.places_orders:
            raise self.unknown(order, None)
        if order.result is not None:
            return order.result  # what was told to on_settled is not unlearnt by look-ups that fail
        verdict = await self._reconciler.run(order, self._clock() + self._policy.settle_timeout)
        if verdict.session_closed:
            msg = "the session is closed: open one and give this to its resolve()"
            raise SessionClosed(msg, endpoint=order.intent.endpoint)
        if verdict.final:
            self._end_search(order)
            self._close(order, verdict)
        if verdict.result is not None:
            return verdict.result
        raise self.unknown(order, verdict.finding, verdict.why)

    async def ensure_cancelled(self, what: Intent | OutcomeUnknown) -> dict[str, Any]:
        """Cancel what an order of another session or process may have placed; see OutcomeUnknown.ensure_cancelled."""
        intent = intent_of_error(what, self._policy) if isinstance(what, OutcomeUnknown) else what
        return await self._ensure_cancelled(self._tracker.pending(intent))

    async def _ensure_cancelled(self, order: PendingOrder) -> dict[str, Any]:
        endpoint = known_endpoints(private=True).get(order.intent.endpoint)
        if endpoint is None or not endpoint.places_orders:
            msg = f"{order.intent.endpoint} places no order that could be cancelled"
            raise KrakenError(msg, endpoint=order.intent.endpoint, outcome=Outcome.NOT_SENT)
        found = await self._cancellation.ensure_order(order)
        if isinstance(found, Verdict):
            raise self.unknown(order, found.finding, found.why)
        self._end_search(order)
        self._tracker.close(order, found)
        self._outcomes.write(order, "cancelled")
        return found

    async def dismiss(self, what: Intent | OutcomeUnknown) -> None:
        """Strike an intent off the record, whatever its outcome. Raises KeyError: it is not open."""
        intent_id = what.intent_id if isinstance(what, OutcomeUnknown) else what.id
        order = self._tracker.dismiss(str(intent_id))
        self._end_search(order)
        self._outcomes.write(order, "dismissed")
        log.warning(
            "%s is dismissed: nothing more is found out about it", order.intent.endpoint, extra=_ids(order)
        )

    def search(self, what: Intent | OutcomeUnknown) -> Search:
        """Return what was done so far to find out about an order, and whether it goes on by itself."""
        order = self._tracker.known(str(what.intent_id if isinstance(what, OutcomeUnknown) else what.id))
        if order is None:
            return Search(rounds=0, last=(), goes_on=False)
        return Search(rounds=order.rounds, last=order.last_round, goes_on=order in self._searches)

    def _close(self, order: PendingOrder, verdict: Verdict) -> None:
        order.result = verdict.result
        self._tracker.close(order, verdict.result)
        self._outcomes.write(order, "done" if verdict.result is not None else "unknown", verdict.finding)

    def _end_search(self, order: PendingOrder) -> None:
        search = self._searches.get(order)
        if search is not None and order.caller_informed:
            search.cancel()

    def unknown(self, order: PendingOrder, finding: Finding | None, why: str = "") -> OutcomeUnknown:
        """Return the error that says what is known of an order; its ``resolve()`` looks again."""
        remaining = self._reconciler.remaining(order)
        decidable_at = None if remaining is None else self._server_time.now() + max(remaining, 0.0)
        return self.bound(order.unknown(finding, why=why, decidable_at=decidable_at), order)

    def bound(self, error: OutcomeUnknown, order: PendingOrder) -> OutcomeUnknown:
        """Return an error whose ``resolve()`` looks an order up."""
        error._resolver = partial(self._resolve, order)
        error._canceller = partial(self._ensure_cancelled, order)
        error._intent, error.intent_id = order.intent, order.intent.id
        return error


def _may_be(order: PendingOrder, txid: str, shown: Mapping[str, Any]) -> bool:
    """Return whether what was shown may be a lost order, or the order that a lost change is about."""
    if order.rows:
        return any(row.carried_by(shown, filtered=False) is not False for row in order.rows)
    params = order.intent.params
    names = {canonical_id(name) for name in (txid, shown.get("cl_ord_id")) if name}
    return any(canonical_id(params[name]) in names for name in ("txid", "cl_ord_id") if params.get(name))


def _note_found(order: PendingOrder, txid: str, shown: Mapping[str, Any]) -> None:
    """Note which rows of an order a ``cl_ord_id`` that was made here proves.

    A userref proves nothing here: a conditional close carries its parent's, and may not say whose child it is.
    """
    for place, row in enumerate(order.rows):
        if row.identity == "id made here" and row.cl_ord_id and row.carried_by(shown, filtered=False):
            order.found[place] = txid, dict(shown)


def _proven(order: PendingOrder) -> Any:
    """Return the order's result, if all its rows were found; else None."""
    if not order.rows or len(order.found) < len(order.rows):
        return None
    if order.intent.endpoint == "AddOrder":
        return add_result(*order.found[0])
    return batch_result(order.found, len(order.rows), 0.0)


def _leaves_open(call: Call, order: PendingOrder, error: KrakenError) -> bool:
    if error.outcome is Outcome.UNKNOWN:
        return True
    # "cl_ord_id not unique": an earlier sending of this very order lives, if there was one or no one else has the id.
    earlier = getattr(error, "effect", "none") == "earlier"
    return earlier and (order.intent.generated or call.unknown_before)


def _orphan(order: PendingOrder, result: Any, error: KrakenError | None) -> Orphan:
    intent = order.intent
    return Orphan(
        endpoint=intent.endpoint,
        cl_ord_id=intent.cl_ord_id,
        nonce=order.nonce,
        sent_at=intent.sent_at,
        result=result,
        error=error,
        params=dict(intent.params),
    )


def _ids(order: PendingOrder) -> Mapping[str, Any]:
    intent = order.intent
    return {"endpoint": intent.endpoint, "cl_ord_id": intent.cl_ord_id, "nonce": order.nonce}
