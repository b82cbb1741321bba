"""Placing orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import matching
from .markets import Pair
from .order_reading import check_deadline, read_order
from .order_text import described
from .orders import AT_LIMIT, Order, same_id
from .values import Refusal
from .venue import Call
from .wire import bad, flag, text

_NO_POSITION = "EOrder:Reduce only:No position exists"


def require_market(call: Call, pair: Pair, *orders: Order, cancel: bool = False) -> None:
    """Refuse what the status of the exchange or of the pair does not allow."""
    if call.venue.status == "maintenance":
        raise Refusal("EService:Unavailable")
    if cancel or call.venue.status == pair.status == "online":
        return
    allowed = {
        "cancel_only": False,
        "post_only": bool(orders) and all("post" in order.oflags for order in orders),
        "limit_only": all(order.ordertype in AT_LIMIT for order in orders),
        "reduce_only": bool(orders) and all(order.reduce_only for order in orders),
    }
    for status in (call.venue.status, pair.status):
        if not allowed.get(status, True):
            raise Refusal(f"EService:Market in {status} mode")


def charge_engine(call: Call, pair: Pair, cost: float, *, held: bool = True) -> None:
    """Charge the pair's engine counter; over the threshold refuse what may be ``held``."""
    if not call.venue.limits:
        return
    counter = call.account.engine(pair, call.key.settings.tier)
    if not held:
        counter.charge(cost, call.t)
    elif not counter.admit(cost, call.t, exclusive=call.venue.exclusive):
        raise Refusal("EOrder:Rate limit exceeded")


def read_fields(call: Call, params: Mapping[str, Any], pair: Pair, fixed: float) -> Order:
    """Return the order asked for; the fixed part of the cost falls due even when the arguments are bad."""
    try:
        check_deadline(call.params, call.t)
        order = read_order(params, pair, call.t, call.venue.behaviour)
        _fit_to_positions(call, order)
        return order
    except Refusal:
        charge_engine(call, pair, fixed, held=False)
        raise


def _fit_to_positions(call: Call, order: Order) -> None:
    """Give an order that closes what stands against it its volume; refuse one that has nothing to close."""
    if not order.on_margin:
        return
    closable = call.account.positions.volume_against(order.pair, order.side)
    if order.reduce_only and not closable:
        same = any(p.pair is order.pair for p in call.account.positions.open.values())
        raise Refusal("EOrder:Reduce only:Non-PC" if same else _NO_POSITION)
    # 0 has passed the reading only where it closes all.
    if order.volume and order.ordertype != "settle-position":
        return
    if not closable:
        raise Refusal("EOrder:Unknown position")
    if order.volume > closable:
        raise bad("volume")
    order.volume = order.volume or closable


def _accept(call: Call, order: Order) -> None:
    """Refuse what only the engine can see: ids in use, the cap on open orders, post-only, funds."""
    account = call.account
    if order.cl_ord_id is not None and same_id(order.cl_ord_id) in account.by_client_id:
        raise bad("cl_ord_id not unique")
    if call.venue.limits:
        standing = sum(1 for o in account.open.values() if o.pair is order.pair)
        if standing >= call.key.settings.tier.open_orders:
            raise Refusal("EOrder:Orders limit exceeded")
    if "post" in order.oflags and order.crosses():
        raise Refusal("EOrder:Post only order")
    account.require(order)


def place(call: Call, order: Order) -> None:
    """Place an order of a call; fill it as far as the market does."""
    order.nonce = call.nonce
    matching.place(call.account, order, call.t, delays=call.delays())
    call.txids.append(order.txid)
    if order.is_open and call.ending == "closed":
        order.status, order.triggered = "open", order.conditional
        market = order.pair.ask if order.side == "buy" else order.pair.bid
        matching.trade(call.account, order, order.remaining, market, call.t, taker=True)
    elif order.is_open and call.ending:
        call.account.finish(order, call.ending, call.t, "User requested")


def add_order(call: Call) -> Any:
    """AddOrder: ``{descr, txid: [id]}``, without txid when only validated."""
    pair = call.venue.markets.pair(text(call.params, "pair"))
    order = read_fields(call, call.params, pair, 1)
    require_market(call, pair, order)
    charge_engine(call, pair, 1)
    if flag(call.params, "validate"):
        return {"descr": described(order)}
    _accept(call, order)
    place(call, order)
    return {"descr": described(order), "txid": [order.txid]}


def add_order_batch(call: Call) -> Any:
    """AddOrderBatch: rows answer in place; bad arguments in one row refuse all of them."""
    rows = call.params.get("orders")
    if (
        not isinstance(rows, list)
        or not 2 <= len(rows) <= 15
        or not all(isinstance(r, Mapping) for r in rows)
    ):
        raise bad("orders")
    pair = call.venue.markets.pair(text(call.params, "pair"))
    fixed = len(rows) / 2
    orders = [read_fields(call, row, pair, fixed) for row in rows]
    require_market(call, pair, *orders)
    charge_engine(call, pair, fixed)
    if flag(call.params, "validate"):
        return {"orders": [{"descr": described(order)} for order in orders]}
    return {"orders": [_batch_row(call, order) for order in orders]}


def _batch_row(call: Call, order: Order) -> dict[str, Any]:
    try:
        _accept(call, order)
    except Refusal as refusal:
        return {"error": refusal.errors[0]}
    place(call, order)
    return {"txid": order.txid, "descr": described(order)}


def find_order(call: Call) -> Order:
    """Return the open order that ``txid`` or ``cl_ord_id`` names."""
    client_id = call.params.get("cl_ord_id")
    if client_id is not None:
        order = call.account.by_client_id.get(same_id(text(call.params, "cl_ord_id")))
    else:
        txid = text(call.params, "txid")
        order = call.account.open.get(txid)
        if order is None and not call.venue.issued(txid):
            raise Refusal("EOrder:Invalid order")
    if order is None:
        raise Refusal("EOrder:Unknown order")
    return order


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "AddOrder": add_order,
    "AddOrderBatch": add_order_batch,
}
