"""Cancellation: cancel an order by its id, and look until it is proven closed.

Rules kept here:

1. A cancel's own answer proves nothing: ``Unknown order`` comes for an order that was filled, for one that was
   cancelled, and for one that has not arrived yet. What counts is the order as Kraken shows it.
2. The cancel goes out first, is repeated until it is answered, and goes out again whenever the order shows as open.
3. Kraken lets a ``cl_ord_id`` be used again. A closed order of that id is the one that is meant only if it was closed
   after the cancel was sent, or was seen open before; else the time that an order may take to show is waited for.
4. What was asked for before the cancel does not go out after it, in any session of the key; what was on its way is
   refused for its lower nonce. So an id that shows nothing by then has no open order.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.call import DEFAULTS
from kraken_async.errors import OrderError, OutcomeUnknown, TransportError
from kraken_async.order_fields import canonical_id, ids_in_result, shown_text
from kraken_async.orders.absence import MARGIN
from kraken_async.orders.order_matching import SLACK, closed, opened
from kraken_async.orders.reconciler import BEYOND, WITHOUT_PROOF, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.calls.submission import Submission
    from kraken_async.orders.order_matching import Orders
    from kraken_async.orders.pending_order import PendingOrder
    from kraken_async.orders.reconciler import OrderReconciler
    from kraken_async.server_time import ServerTime

#: Seconds between two looks: the first pause, its growth, and its cap.
FIRST_PAUSE: Final = 0.25
GROWTH: Final = 1.6
PAUSE: Final = 5.0
_OPEN: Final = frozenset({"open", "pending"})
#: What is returned of an order.
_TOLD: Final = (
    "status",
    "vol",
    "vol_exec",
    "cost",
    "fee",
    "price",
    "reason",
    "closetm",
    "cl_ord_id",
    "descr",
)
_ABSENT: Final[dict[str, Any]] = {"txid": None, "status": "absent", "vol_exec": "0"}


class _Answered(NamedTuple):
    """When a cancel was answered, on the loop's clock, and the earliest that Kraken's clock showed when it was sent."""

    at: float
    sent: float


class Cancellation:
    """Cancels orders for certain. ``visibility``: seconds that an accepted order may take to show."""

    def __init__(
        self,
        submission: Submission,
        reconciler: OrderReconciler,
        server_time: ServerTime,
        clock: Callable[[], float],
        visibility: float,
    ) -> None:
        self._submission = submission
        self._reconciler = reconciler
        self._server_time = server_time
        self._clock = clock
        self._visibility = visibility

    # -- an order whose outcome is not known -----------------------------------------------------------------------

    async def ensure_order(self, order: PendingOrder) -> dict[str, Any] | Verdict:
        """Cancel what a call may have placed; return what was executed, or what is known while that is not proven."""
        endpoint, params = order.intent.endpoint, order.intent.params
        if endpoint == "AmendOrder":
            return await self.ensure(**_named(params))
        if endpoint == "EditOrder":
            await self._cancel({"txid": str(params.get("txid"))})
        for row in order.rows:
            if row.cl_ord_id is not None:
                await self._cancel({"cl_ord_id": row.cl_ord_id})
        remaining = self._reconciler.remaining(order)
        patience = WITHOUT_PROOF if remaining is None else max(remaining, 0.0) + BEYOND
        verdict = await self._reconciler.run(order, self._clock() + patience)
        if not verdict.final:
            return verdict
        found = [await self.ensure(txid=txid) for txid in ids_in_result(verdict.result)]
        if endpoint == "EditOrder" and verdict.result is None:
            found = [await self.ensure(**_named(params))]  # the edit was not done, so the old one is meant
        if endpoint == "AddOrderBatch":
            return {"orders": found}
        return found[0] if found else dict(_ABSENT)

    # -- an order by its id ----------------------------------------------------------------------------------------

    async def ensure(self, *, cl_ord_id: str | None = None, txid: str | None = None) -> dict[str, Any]:
        """Cancel one order and return it as Kraken shows it once it is closed.

        Raises OutcomeUnknown when it is not proven closed in time, and what refuses the cancel or the look-ups.
        """
        named = {"txid": txid} if txid is not None else {"cl_ord_id": cl_ord_id}
        began, pause, seen_open = self._clock(), FIRST_PAUSE, set[str]()
        answered: _Answered | None = None
        while True:
            answered = answered or await self._cancel(named)
            waited = 0.0 if answered is None else self._clock() - answered.at
            shown, complete = await self._shown(named)
            still_open = [name for name, order in shown.items() if order.get("status") in _OPEN]
            seen_open.update(still_open)
            for name in still_open:
                await self._cancel({"txid": name})
            if answered is not None and complete and not still_open:
                over = waited >= self._visibility + MARGIN
                told = self._closed_one(shown, seen_open, answered, over=over or txid is not None)
                if told is not None or over:
                    return told or dict(_ABSENT)
            if self._clock() - began > 2 * self._visibility + BEYOND:
                raise _unproven(named, shown)
            await asyncio.sleep(pause)
            pause = min(pause * GROWTH, PAUSE)

    def _closed_one(
        self, shown: Orders, seen_open: set[str], answered: _Answered, *, over: bool
    ) -> dict[str, Any] | None:
        """Return what was executed of the order that is meant, None while it is not certain which one that is."""
        meant = {
            txid: order
            for txid, order in shown.items()
            if over or txid in seen_open or (closed(order) or 0.0) >= answered.sent - SLACK
        }
        if not meant:
            return None
        txid = max(meant, key=lambda name: opened(meant[name]) or 0.0)
        return {"txid": txid, **{name: meant[txid][name] for name in _TOLD if name in meant[txid]}}

    async def _cancel(self, named: dict[str, Any]) -> _Answered | None:
        """Cancel. None: no answer came. That nothing is there to be cancelled is one."""
        span = self._server_time.span()
        try:
            await self._submission.ask(DEFAULTS, "CancelOrder", dict(named))
        except OrderError:
            pass
        except (OutcomeUnknown, TransportError):
            return None
        return _Answered(self._clock(), float("inf") if span is None else span[0])

    async def _shown(self, named: dict[str, Any]) -> tuple[Orders, bool]:
        """Return the orders of this id that Kraken shows, and whether all was answered in full."""
        if "txid" in named:
            rows = await self._asked("QueryOrders", named, None)
            found = {txid: order for txid, order in (rows or {}).items() if txid == named["txid"]}
            return found, bool(found)
        found, complete = {}, True
        client_id = canonical_id(named["cl_ord_id"])
        for endpoint, field in (("OpenOrders", "open"), ("ClosedOrders", "closed")):
            rows = await self._asked(endpoint, named, field)
            complete = complete and rows is not None
            for txid, order in (rows or {}).items():
                if canonical_id(shown_text(order.get("cl_ord_id")) or client_id) == client_id:
                    found[txid] = order
        return found, complete

    async def _asked(self, endpoint: str, params: dict[str, Any], field: str | None) -> Orders | None:
        try:
            result = (await self._submission.ask_internal(endpoint, params)).result
        except TransportError:
            return None
        rows = result.get(field) if field is not None and isinstance(result, dict) else result
        if not isinstance(rows, dict):
            return None
        return {txid: order for txid, order in rows.items() if isinstance(order, dict)}


def _named(params: dict[str, Any]) -> dict[str, str]:
    name = "txid" if params.get("txid") is not None else "cl_ord_id"
    return {name: str(params.get(name))}


def _unproven(named: dict[str, Any], shown: Orders) -> OutcomeUnknown:
    return OutcomeUnknown(
        "it was cancelled, and is not proven closed",
        endpoint="CancelOrder",
        txid=next(iter(shown), named.get("txid")),
        cl_ord_id=named.get("cl_ord_id"),
        sent=named,
        finding="not seen",
    )
