"""Looking an order up: what is asked of Kraken, in which order, and what an empty answer proves.

Rules kept here:

1. Open orders first, closed ones after: an order moves one way only, so it cannot slip through between.
2. Nothing found proves something only when every question of the round was answered in full, and nothing that
   came back could be it.
3. Where no id proves identity, both answers are in before anything is called found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import KrakenError, PermissionDenied, SessionClosed
from kraken_async.orders import order_matching

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.orders.order_matching import Orders, RequestedOrder
    from kraken_async.orders.pending_order import PendingOrder
    from kraken_async.orders.tracker import OrderTracker

#: Kraken gives 50 closed orders a page; more than this many pages are not turned.
MOST_PAGES: Final = 10
PAGE: Final = 50
#: One of these may still find an order when the key may not ask the other.
_EITHER: Final = frozenset({"OpenOrders", "ClosedOrders"})


@dataclass(slots=True)
class LookupRound:
    """What one round brought. ``complete``: all was answered, so that nothing found means something."""

    since: float | None  # when it was sent, in Kraken's time; None: not known
    until: float | None  # the deadline, likewise; None: there is none
    result: Any = None
    complete: bool = True
    not_permitted: bool = False  # the key may look at nothing, or there is nothing to look for
    closed: bool = False  # the session is closed
    others: frozenset[str] = frozenset()  # txids and amend ids that are other calls'


class OrderLookup:
    """Asks for one order. ``tracker`` knows the other orders of the session."""

    def __init__(self, ask: Callable[[str, dict[str, Any]], Awaitable[Any]], tracker: OrderTracker) -> None:
        self._ask = ask
        self._tracker = tracker

    async def look(self, ticket: PendingOrder, since: float | None, until: float | None) -> LookupRound:
        """Go once through all there is to ask."""
        look = LookupRound(since, until, others=self._tracker.ids_of_others(ticket))
        how = {"AmendOrder": self._amend, "EditOrder": self._edit, "AddOrderBatch": self._batch}
        look.result = await how.get(ticket.intent.endpoint, self._order)(ticket, look)
        ticket.looked = ticket.looked or look.complete
        return look

    # -- placed? -------------------------------------------------------------------------------------------

    async def _order(self, ticket: PendingOrder, look: LookupRound) -> Any:
        row = ticket.rows[0]
        if not row.findable:
            look.not_permitted, look.complete = True, False
            return None
        name = "userref" if row.cl_ord_id is None else "cl_ord_id"
        filters: dict[str, Any] = {name: row.userref if row.cl_ord_id is None else row.cl_ord_id}
        orders = await self._open(ticket, look, filters)
        txid = self._pick(ticket, look, row, orders, filtered=True) if row.named else None
        if txid is None and not look.closed:
            more = filters if row.cl_ord_id is not None else {**filters, **_since(look)}
            orders |= await self._closed(ticket, look, more)
            if row.named or look.complete:
                txid = self._pick(ticket, look, row, orders, filtered=True)
            if txid is None and order_matching.candidates(row, self._fresh(look, orders), filtered=True):
                look.complete = False  # one of these may be it
        return None if txid is None else order_matching.add_result(txid, orders[txid])

    def _fresh(self, look: LookupRound, orders: Orders) -> Orders:
        return order_matching.new_orders(orders, look.since, look.until, look.others)

    def _pick(
        self, ticket: PendingOrder, look: LookupRound, row: RequestedOrder, orders: Orders, *, filtered: bool
    ) -> str | None:
        if not row.named and (look.since is None or self._tracker.shares_userref(ticket)):
            return None  # it may be another one's, or be older
        fresh = orders if row.generated and row.cl_ord_id is not None else self._fresh(look, orders)
        return order_matching.pick(row, fresh, filtered=filtered)

    async def _batch(self, ticket: PendingOrder, look: LookupRound) -> Any:
        if not any(row.findable for row in ticket.rows):
            look.not_permitted, look.complete = True, False
            return None
        orders = await self._open(ticket, look, {})
        self._collect(ticket, look, orders, all_in=False)
        if len(ticket.found) < len(ticket.rows) and not look.closed:
            orders |= await self._closed(ticket, look, _since(look))
            self._collect(ticket, look, orders, all_in=look.complete)
        if len(ticket.found) == len(ticket.rows):
            return order_matching.batch_result(ticket.found, len(ticket.rows))
        missing = [row for place, row in enumerate(ticket.rows) if place not in ticket.found]
        fresh = self._fresh(look, orders)
        if any(not row.findable or order_matching.candidates(row, fresh, filtered=False) for row in missing):
            look.complete = False
        return None

    def _collect(self, ticket: PendingOrder, look: LookupRound, orders: Orders, *, all_in: bool) -> None:
        taken = {txid for txid, _ in ticket.found.values()}
        for place, row in enumerate(ticket.rows):
            if place in ticket.found or not row.findable or not (row.named or all_in):
                continue
            rest = {txid: order for txid, order in orders.items() if txid not in taken}
            txid = self._pick(ticket, look, row, rest, filtered=False)
            if txid is not None:
                taken.add(txid)
                ticket.found[place] = (txid, orders[txid])

    # -- changed? ------------------------------------------------------------------------------------------

    async def _amend(self, ticket: PendingOrder, look: LookupRound) -> Any:
        params = ticket.intent.params
        ticket.txid = ticket.txid or (str(params["txid"]) if params.get("txid") else None)
        if ticket.txid is None:
            filters = {"cl_ord_id": params.get("cl_ord_id")}
            orders = await self._open(ticket, look, filters) or await self._closed(ticket, look, filters)
            ticket.txid = max(orders, key=lambda txid: float(orders[txid].get("opentm", 0)), default=None)
            if ticket.txid is None:
                look.complete = False  # the order itself does not show yet
                return None
        answer = await self._question(ticket, look, "OrderAmends", {"order_id": ticket.txid})
        if not answer:
            return None
        amends = answer.get("amends") or []
        amend_id = order_matching.pick_amend(params, amends, look.since, look.until, look.others)
        return None if amend_id is None else {"amend_id": amend_id}

    async def _edit(self, ticket: PendingOrder, look: LookupRound) -> Any:
        params = ticket.intent.params
        old_id = str(params.get("txid"))
        answer = await self._question(ticket, look, "QueryOrders", {"txid": old_id})
        if answer is None:
            return None
        old = answer.get(old_id)
        if (
            old is None or look.since is None
        ):  # named by a userref, which is not kept; or the time is not known
            look.complete = False
            return None
        if old.get("status") in ("open", "pending"):
            return None
        orders = await self._open(ticket, look, {})
        orders |= await self._closed(ticket, look, _since(look))
        fresh = self._fresh(look, orders)
        new = [t for t, order in fresh.items() if t != old_id and order_matching.edited(params, old, order)]
        if len(new) == 1 and look.complete:
            return order_matching.edit_result(old_id, new[0], fresh[new[0]])
        look.complete = look.complete and not new
        return None

    # -- questions -----------------------------------------------------------------------------------------

    async def _open(self, ticket: PendingOrder, look: LookupRound, filters: dict[str, Any]) -> Orders:
        answer = await self._question(ticket, look, "OpenOrders", filters)
        return dict(answer.get("open") or {}) if answer else {}

    async def _closed(self, ticket: PendingOrder, look: LookupRound, filters: dict[str, Any]) -> Orders:
        """Return the closed orders, all pages of them; more than MOST_PAGES are not complete."""
        orders: Orders = {}
        for page in range(MOST_PAGES):
            more = {**filters, "ofs": page * PAGE} if page else filters
            answer = await self._question(ticket, look, "ClosedOrders", more)
            if answer is None:
                return orders
            rows = answer.get("closed") or {}
            orders |= rows
            count = answer.get("count")
            if len(rows) < PAGE or (count is not None and len(orders) >= int(count)):
                return orders
        look.complete = False
        return orders

    async def _question(
        self, ticket: PendingOrder, look: LookupRound, name: str, params: dict[str, Any]
    ) -> Any:
        """Ask; None when there is no answer, which is noted."""
        answer: Any = None
        if name not in ticket.denied:
            try:
                answer = await self._ask(name, params)
            except PermissionDenied as error:
                ticket.denied[name] = ", ".join(error.errors) or str(error)
            except SessionClosed:
                look.closed = True
            except KrakenError:
                pass  # it is asked again in the next round
        if isinstance(answer, dict):
            return answer
        look.complete = False
        denied = ticket.denied.keys()
        look.not_permitted = look.not_permitted or denied >= _EITHER or name in denied - _EITHER
        return None


def _since(look: LookupRound) -> dict[str, Any]:
    # Kraken's `start` is exclusive and in whole seconds.
    if look.since is None:
        return {}
    return {"start": math.floor(look.since - order_matching.SLACK) - 1, "closetime": "open"}
