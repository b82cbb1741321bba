"""Changing orders: amending one in its place, and putting another in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from .account import Account, Change
from .markets import Pair
from .matching import arrive
from .order_reading import check_deadline, trailing
from .order_text import described
from .orders import ZERO, Order
from .prices import read_price, read_volume
from .rules import age_cost
from .trading import charge_engine, find_order, place, read_fields, require_market
from .values import Refusal
from .venue import Call
from .wire import bad, decimal, flag, text


def amend(account: Account, order: Order, t: float, change: Change, *, delay: float = 0.0) -> str:
    """Change an open order and return the amend's id; one filled beyond its new volume is cancelled.

    OrderAmends shows it after ``delay`` seconds.
    """
    order.volume = max(change.volume, order.executed)
    order.display, order.touched = change.display, t
    if change.offset is not None:
        order.offset, order.limit_offset, order.price = change.offset, change.limit_offset, ZERO
        order.trail()
    else:
        order.price, order.price2 = change.price, change.price2
    account.hold(order)
    made = account.amended(order, t, delay)
    if not order.remaining:
        account.finish(order, "canceled", t, "User requested")
    elif order.status == "open":
        _take_if_changed(account, order, t)
    return made


def _take_if_changed(account: Account, order: Order, t: float) -> None:
    if order.waiting and not order.fires():
        return
    if order.waiting or order.crosses():
        arrive(account, order, t)


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
    made = amend(call.account, order, call.t, change, delay=call.delays()[0])
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
    order = read_fields(call, _edited(call, old), pair, 1)
    require_market(call, pair, order)
    charge_engine(call, pair, 1 + age_cost("edit", call.t - old.touched))
    if flag(call.params, "validate"):
        return {"status": "ok", "descr": described(order)}
    _require_more(call, old, order.volume, order.limit or order.price2 or order.price)
    call.account.finish(old, "canceled", call.t, "Order replaced")
    call.txids.append(old.txid)
    place(call, order)
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


ENDPOINTS: dict[str, Callable[[Call], Any]] = {"AmendOrder": amend_order, "EditOrder": edit_order}
