"""Placing and changing orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from . import matching
from .account import Change
from .markets import Pair
from .order_reading import check_deadline, read_order, trailing
from .order_text import described
from .orders import AT_LIMIT, Order, same_id
from .prices import read_price, read_volume
from .rules import age_cost
from .values import Refusal
from .venue import Call
from .wire import bad, decimal, flag, text

_NO_POSITION = "EOrder:Reduce only:No position exists"


def require_market(call: Call, pair: Pair, *orders: Order, cancel: bool = False) -> None:
    """Refuse what the status of the exchange or of the pair does not allow."""
    if call.venue.status == "maintenance":
        raise Refusal("EService:Unavailable")
    if cancel:
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


def _read(call: Call, params: Mapping[str, Any], pair: Pair, fixed: float) -> Order:
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


def _place(call: Call, order: Order) -> None:
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
    order = _read(call, call.params, pair, 1)
    require_market(call, pair, order)
    charge_engine(call, pair, 1)
    if flag(call.params, "validate"):
        return {"descr": described(order)}
    _accept(call, order)
    _place(call, order)
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
    orders = [_read(call, row, pair, fixed) for row in rows]
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
    _place(call, order)
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


def amend_order(call: Call) -> Any:
    """AmendOrder: ``{amend_id}``; the order keeps its ids and fills."""
    order = find_order(call)
    try:
        check_deadline(call.params, call.t)
        change = _amended(call, order)
    except Refusal:
        charge_engine(call, order.pair, 1, held=False)
        raise
    require_market(call, order.pair)
    age = call.t - order.touched
    if change.volume <= order.executed:
        # Nothing is left to trade: Kraken charges such an amend as the cancel that it is.
        charge_engine(call, order.pair, age_cost("cancel", age), held=False)
    else:
        charge_engine(call, order.pair, 1 + age_cost("amend", age))
    _require_more(call, order, change.volume, change.price2 or change.price)
    call.txids.append(order.txid)
    made = matching.amend(call.account, order, call.t, change, delay=call.delays()[0])
    return {"amend_id": made}


def _amended(call: Call, order: Order) -> Change:
    params, pair = call.params, order.pair
    if order.close:
        raise Refusal("EOrder:Invalid order")
    if not any(params.get(name) for name in ("order_qty", "display_qty", "limit_price", "trigger_price")):
        raise Refusal("EOrder:No amendable parameters")
    behaviour = call.venue.behaviour
    volume = read_volume(decimal(params, "order_qty", str(order.volume)), pair, "order_qty", behaviour)
    display = decimal(params, "display_qty", str(order.display))
    if params.get("trigger_price") and not order.conditional:
        raise bad("trigger_price")
    if params.get("limit_price") and order.conditional and not order.ordertype.endswith("-limit"):
        raise bad("limit_price")
    if order.offset is not None and not order.triggered:
        return _trailing_change(params, order, volume, display)
    price, price2 = order.price, order.price2
    if params.get("trigger_price"):
        if order.triggered:
            raise bad("trigger_price")
        price = read_price(text(params, "trigger_price"), pair, order.side, "trigger_price", behaviour)
    if params.get("limit_price"):
        limit = read_price(text(params, "limit_price"), pair, order.side, "limit_price", behaviour)
        if flag(params, "post_only") and (limit >= pair.ask if order.side == "buy" else limit <= pair.bid):
            raise Refusal("EOrder:Post only order")
        price, price2 = (price, limit) if order.conditional else (limit, price2)
    return Change(volume, price, price2, display)


def _trailing_change(params: Mapping[str, Any], order: Order, volume: Decimal, display: Decimal) -> Change:
    """Return the change of an order that trails: its prices are distances."""
    offset, limit_offset = order.offset, order.limit_offset
    if params.get("trigger_price"):
        offset = trailing(text(params, "trigger_price"), "trigger_price", "+")
    if params.get("limit_price"):
        limit_offset = trailing(text(params, "limit_price"), "limit_price", "+-")
    if offset is order.offset and limit_offset is order.limit_offset:
        return Change(volume, order.price, order.price2, display)
    return Change(volume, order.price, order.price2, display, offset, limit_offset)


def _require_more(call: Call, order: Order, volume: Decimal, price: Decimal) -> None:
    """Refuse when the changed order needs more than is free beside what it holds already."""
    asset, held = order.need()
    if not held:
        return
    rest = max(volume - order.executed, Decimal(0))
    call.account.wallet.require(asset, (rest if order.side == "sell" else rest * price) - held)


def edit_order(call: Call) -> Any:
    """EditOrder: the old order is cancelled and a new one placed, with a new id."""
    pair = call.venue.markets.pair(text(call.params, "pair"))
    old = _edit_target(call, pair)
    order = _read(call, _edited(call, old), pair, 1)
    require_market(call, pair, order)
    charge_engine(call, pair, 1 + age_cost("edit", call.t - old.touched))
    if flag(call.params, "validate"):
        return {"status": "ok", "descr": described(order)}
    _require_more(call, old, order.volume, order.limit or order.price2 or order.price)
    call.account.finish(old, "canceled", call.t, "Order replaced")
    call.txids.append(old.txid)
    _place(call, order)
    return {
        "status": "ok",
        "txid": order.txid,
        "originaltxid": old.txid,
        "volume": pair.volume_text(order.volume),
        "price": pair.price_text(order.price),
        "price2": pair.price_text(order.price2),
        "orders_cancelled": 1,
        "descr": described(order),
    }


def _edit_target(call: Call, pair: Pair) -> Order:
    name = text(call.params, "txid")
    found = [
        o for o in call.account.open.values() if o.txid == name or (o.userref and str(o.userref) == name)
    ]
    if len(found) != 1 or found[0].pair is not pair:
        raise Refusal("EOrder:Unknown order" if call.venue.issued(name) else "EOrder:Invalid order")
    return found[0]


def _edited(call: Call, old: Order) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "ordertype": old.ordertype,
        "type": old.side,
        "volume": str(old.volume),
        "price": old.pair.price_text(old.price) if old.offset is None else old.offset.text(old.pair),
        "leverage": old.leverage,
        "timeinforce": old.timeinforce,
        "expiretm": str(int(old.expiretm)),
    }
    if old.limit_offset is not None:
        fields["price2"] = old.limit_offset.text(old.pair)
    elif old.price2:
        fields["price2"] = old.pair.price_text(old.price2)
    for name in ("volume", "price", "price2", "oflags", "userref", "displayvol"):
        if call.params.get(name) is not None:
            fields[name] = call.params[name]
    return fields


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "AddOrder": add_order,
    "AddOrderBatch": add_order_batch,
    "AmendOrder": amend_order,
    "EditOrder": edit_order,
}
