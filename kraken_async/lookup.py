"""Looking an order up: what is asked of Kraken, in which order, and what an empty answer proves.

Rules kept here:

1. Open orders first, closed ones after: an order moves one way only, so it cannot slip through between the
   two.
2. Nothing found proves something only when every question of the round was answered in full.
3. Where no id proves identity, both answers are in before anything is called found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kraken_async import settling
from kraken_async.errors import KrakenError, PermissionDenied, SessionClosed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.calls import Call
    from kraken_async.errors import KrakenError as Failure
    from kraken_async.intents import Intent
    from kraken_async.settling import Orders, Row


#: Kraken gives 50 closed orders a page; more than this many pages are not turned.
MOST_PAGES: Final = 10
PAGE: Final = 50
#: One of these may still find an order when the key may not ask the other.
_EITHER: Final = frozenset({"OpenOrders", "ClosedOrders"})


@dataclass(slots=True, eq=False)
class Ticket:
    """One order call on its way, or one that a dead session left: what is known of it so far."""

    intent: Intent
    rows: tuple[Row, ...] = ()
    nonce: int = 0
    sent_clock: float | None = None  # the loop's clock when it was last sent; None: by another session
    call: Call | None = None
    reason: Failure | None = None  # how its last sending failed
    found: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)  # rows of a batch seen so far
    txid: str | None = None  # the order an amend is about, once known
    looked: bool = False  # a whole round was answered
    denied: dict[str, str] = field(default_factory=dict)  # what the key may not look at, and Kraken's words
    told: bool = False  # the caller has been told "unknown"
    resent: bool = False
    limit_at: float | None = None  # when the caller's patience ends, on the loop's clock


@dataclass(slots=True)
class Look:
    """What one round brought. ``complete``: every question was answered, so that nothing found means something."""

    result: Any = None
    complete: bool = True
    barred: bool = False  # the key may look at nothing
    closed: bool = False  # the session is closed


class Finder:
    """Asks for one ticket's order. ``known``: txids and amend ids that belong to other calls, kept by the desk."""

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask
        self.known: dict[str, None] = {}
        self.rivals: Callable[[Ticket], bool] = lambda _ticket: False

    async def look(self, ticket: Ticket, since: float, until: float | None) -> Look:
        """Go once through all there is to ask. ``since``, ``until``: Kraken's time of sending and of the deadline."""
        look = Look()
        endpoint = ticket.intent.endpoint
        if endpoint == "AmendOrder":
            look.result = await self._amend(ticket, look, since, until)
        elif endpoint == "EditOrder":
            look.result = await self._edit(ticket, look, since, until)
        elif endpoint == "AddOrderBatch":
            look.result = await self._batch(ticket, look, since, until)
        else:
            look.result = await self._order(ticket, look, since, until)
        if look.complete:
            ticket.looked = True
        return look

    # -- one order -----------------------------------------------------------------------------------------

    async def _order(self, ticket: Ticket, look: Look, since: float, until: float | None) -> Any:
        row = ticket.rows[0]
        if not row.findable:
            look.barred = True
            return None
        filters: dict[str, Any] = (
            {"cl_ord_id": row.cl_ord_id} if row.cl_ord_id is not None else {"userref": row.userref}
        )
        orders = await self._open(ticket, look, filters)
        txid = self._pick(ticket, row, orders, since, until) if row.named else None
        if txid is None and not look.closed:
            if row.cl_ord_id is None:
                filters = {**filters, **_since(since)}
            orders |= await self._closed(ticket, look, filters)
            if row.named or look.complete:
                txid = self._pick(ticket, row, orders, since, until)
        return None if txid is None else settling.add_result(txid, orders[txid])

    def _pick(
        self,
        ticket: Ticket,
        row: Row,
        orders: Orders,
        since: float,
        until: float | None,
        *,
        filtered: bool = True,
    ) -> str | None:
        if row.generated and row.cl_ord_id is not None:
            return settling.pick(row, orders, filtered=filtered)
        if not row.named and (not ticket.intent.clocked or self.rivals(ticket)):
            return None  # another order like it may be on its way, or the time of sending is not known well enough
        fresh = settling.new_orders(orders, since, until, self.known)
        return settling.pick(row, fresh, filtered=filtered)

    # -- a batch -------------------------------------------------------------------------------------------

    async def _batch(self, ticket: Ticket, look: Look, since: float, until: float | None) -> Any:
        if not any(row.findable for row in ticket.rows):
            look.barred = True
            return None
        orders = await self._open(ticket, look, {})
        self._collect(ticket, orders, since, until, all_in=False)
        if len(ticket.found) < len(ticket.rows) and not look.closed:
            orders |= await self._closed(ticket, look, _since(since))
            self._collect(ticket, orders, since, until, all_in=look.complete)
        if len(ticket.found) < len(ticket.rows):
            look.complete = look.complete and all(row.findable for row in ticket.rows)
            return None
        return settling.batch_result(ticket.found, len(ticket.rows))

    def _collect(
        self, ticket: Ticket, orders: Orders, since: float, until: float | None, *, all_in: bool
    ) -> None:
        taken = {txid for txid, _ in ticket.found.values()}
        for place, row in enumerate(ticket.rows):
            if place in ticket.found or not row.findable or not (row.named or all_in):
                continue
            rest = {txid: order for txid, order in orders.items() if txid not in taken}
            txid = self._pick(ticket, row, rest, since, until, filtered=False)
            if txid is not None:
                taken.add(txid)
                ticket.found[place] = (txid, orders[txid])

    # -- changes to an order -------------------------------------------------------------------------------

    async def _amend(self, ticket: Ticket, look: Look, since: float, until: float | None) -> Any:
        params = ticket.intent.params
        ticket.txid = ticket.txid or (str(params["txid"]) if params.get("txid") else None)
        if ticket.txid is None:
            filters = {"cl_ord_id": params.get("cl_ord_id")}
            orders = await self._open(ticket, look, filters) or await self._closed(ticket, look, filters)
            ticket.txid = max(orders, key=lambda txid: float(orders[txid].get("opentm", 0)), default=None)
            if ticket.txid is None:
                return None
        answer = await self._question(ticket, look, "OrderAmends", {"order_id": ticket.txid})
        amends = answer.get("amends") or [] if answer else []
        amend_id = settling.pick_amend(params, amends, since, until, self.known)
        return None if amend_id is None else {"amend_id": amend_id}

    async def _edit(self, ticket: Ticket, look: Look, since: float, until: float | None) -> Any:
        params = ticket.intent.params
        old_id = str(params.get("txid"))
        answer = await self._question(ticket, look, "QueryOrders", {"txid": old_id})
        if answer is None:
            return None
        old = answer.get(old_id)
        if old is None:  # named by a userref, which is not kept
            look.complete = False
            return None
        if old.get("status") in ("open", "pending"):
            return None
        orders = await self._open(ticket, look, {})
        orders |= await self._closed(ticket, look, _since(since))
        fresh = settling.new_orders(orders, since, until, self.known)
        new = [
            txid for txid, order in fresh.items() if txid != old_id and settling.edited(params, old, order)
        ]
        if len(new) != 1 or not look.complete:
            return None
        return settling.edit_result(old_id, new[0], fresh[new[0]])

    # -- questions -----------------------------------------------------------------------------------------

    async def _open(self, ticket: Ticket, look: Look, filters: dict[str, Any]) -> Orders:
        answer = await self._question(ticket, look, "OpenOrders", filters)
        return dict(answer.get("open") or {}) if answer else {}

    async def _closed(self, ticket: Ticket, look: Look, filters: dict[str, Any]) -> Orders:
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

    async def _question(self, ticket: Ticket, look: Look, name: str, params: dict[str, Any]) -> Any:
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
        look.barred = look.barred or denied >= {"OpenOrders", "ClosedOrders"} or name in denied - _EITHER
        return None


def _since(since: float) -> dict[str, Any]:
    # Kraken's `start` is exclusive and in whole seconds.
    return {"start": math.floor(since - settling.SLACK) - 1, "closetime": "open"}
