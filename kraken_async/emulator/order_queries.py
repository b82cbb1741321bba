"""Reading orders: open, closed, by id, and how they were amended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .order_text import public
from .orders import Order, same_id
from .paging import bounds, by_cursor, limit, named, page
from .values import Refusal
from .venue import Call
from .wire import bad, flag, integer, listed, text


def _matching(call: Call, orders: Iterable[Order]) -> list[Order]:
    """Return the orders that the filters ``userref`` and ``cl_ord_id`` let through."""
    found = [order for order in orders if call.key.sees(order.opened)]
    if call.params.get("userref") is not None:
        userref = integer(call.params, "userref")
        found = [order for order in found if (order.userref or 0) == userref]
    if call.params.get("cl_ord_id") is not None:
        client_id = same_id(text(call.params, "cl_ord_id"))
        found = [o for o in found if o.cl_ord_id is not None and same_id(o.cl_ord_id) == client_id]
    return found


def _shown(call: Call, orders: Iterable[Order]) -> dict[str, Any]:
    trades = flag(call.params, "trades")
    return {order.txid: _as_shown(call, order, trades=trades) for order in orders}


def _as_shown(call: Call, order: Order, *, trades: bool) -> dict[str, Any]:
    if order.before_closing is not None and call.t < order.visible_closed:
        return order.before_closing
    return public(order, call.venue.behaviour, trades=trades)


def open_orders(call: Call) -> Any:
    """OpenOrders: all of them (at most 1000), newest first; with a cursor up to 100 a page."""
    found = _matching(call, call.account.shown_open(call.t))
    found.reverse()
    if flag(call.params, "with_cursor") or call.params.get("cursor"):
        rows, cursor = by_cursor(call, found, limit(call, 100, 100))
        return {"open": _shown(call, rows), **cursor}
    return {"open": _shown(call, found[: limit(call, 1000, 1000)])}


def closed_orders(call: Call) -> Any:
    """ClosedOrders: 50 a page, newest first, with the grand total."""
    found = _matching(call, call.account.shown_closed(call.t))
    found.sort(key=lambda order: order.closed, reverse=True)
    by = text(call.params, "closetime", "both")
    if by not in ("open", "close", "both"):
        raise bad("closetime")
    times = [order.opened if by == "open" else order.closed for order in found]
    orders = call.account.orders
    known = {name: orders[name].closed for name in bounds(call) if name in orders}
    rows, beside = page(call, list(zip(times, found, strict=True)), known)
    return {"closed": _shown(call, rows), **beside}


def query_orders(call: Call) -> Any:
    """QueryOrders: up to 50 ids, or a filter."""
    names = listed(call.params, "txid", most=50)
    if not names and call.params.get("cl_ord_id") is None and call.params.get("userref") is None:
        raise bad("txid")
    orders = [*call.account.shown_closed(call.t), *call.account.shown_open(call.t)]
    if names:
        by_id = {order.txid: order for order in orders}
        orders = list(named(call, by_id, names, "EOrder:Invalid order").values())
    return _shown(call, _matching(call, orders))


def order_amends(call: Call) -> Any:
    """OrderAmends: the history of one order's changes."""
    order = call.account.orders.get(text(call.params, "order_id"))
    if order is None or order.visible > call.t or not call.key.sees(order.opened):
        raise Refusal("EOrder:Invalid order")
    rows = [row for row in order.amends if order.amends_visible.get(row["amend_id"], 0.0) <= call.t]
    return {"count": len(rows), "amends": rows}


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "OpenOrders": open_orders,
    "ClosedOrders": closed_orders,
    "QueryOrders": query_orders,
    "OrderAmends": order_amends,
}
