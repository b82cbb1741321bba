"""How Kraken shows an order: its sentence, its fields, the rows of its amends."""

from __future__ import annotations

from typing import Any
from uuid import UUID as UUIDValue

from .behaviour import Behaviour
from .orders import AT_MARKET, UUID, ZERO, Order

_NO_PRICE = "0.00000"


def describe(order: Order) -> str:
    """Return the sentence in ``descr.order``."""
    pair = order.pair
    volume = order.volume if order.quote_volume is None else order.quote_volume
    words = f"{order.side} {pair.volume_text(volume)} {pair.altname} @ "
    words += _type_words(order.ordertype, *_prices(order))
    return words + (f" with {order.leverage} leverage" if order.on_margin else "")


def describe_close(order: Order) -> str:
    """Return the sentence in ``descr.close``; empty without a conditional close."""
    if not order.close:
        return ""
    prices = order.close["price"], order.close.get("price2", "0")
    return "close position @ " + _type_words(order.close["ordertype"], *prices)


def described(order: Order) -> dict[str, str]:
    """Return ``descr`` as AddOrder answers it."""
    close = describe_close(order)
    return {"order": describe(order), **({"close": close} if close else {})}


def _prices(order: Order) -> tuple[str, str]:
    """Return the two prices as text, those of a trailing order as the distances that were asked for."""
    pair = order.pair
    first = order.offset.text(pair) if order.offset is not None else pair.price_text(order.price)
    if order.limit_offset is not None:
        return first, order.limit_offset.text(pair)
    return first, pair.price_text(order.price2) if order.price2 else "0"


def _type_words(ordertype: str, price: str, price2: str) -> str:
    if ordertype in AT_MARKET:
        return "market" if ordertype == "market" else "settle position"
    stem = ordertype.removesuffix("-limit") if ordertype != "limit" else ordertype
    words = f"{stem.replace('-', ' ')} {price}"
    return f"{words} -> limit {price2}" if stem != ordertype else words


def public(order: Order, behaviour: Behaviour, *, trades: bool = False) -> dict[str, Any]:
    """Return the order as OpenOrders, ClosedOrders and QueryOrders show it.

    Volumes of an order by cost are in the quote currency.
    """
    pair = order.pair
    price, price2 = _prices(order)
    by_cost = order.quote_volume is not None
    shown: dict[str, Any] = {
        "refid": order.refid,
        "userref": order.userref,
        "status": order.status,
        "opentm": round(order.opened, 4),
        "starttm": order.starttm,
        "expiretm": order.expiretm,
        "descr": {
            "pair": pair.altname,
            "type": order.side,
            "ordertype": order.ordertype,
            "price": "0" if order.ordertype in AT_MARKET else price,
            "price2": price2,
            "leverage": order.leverage,
            "order": describe(order),
            "close": describe_close(order),
        },
        "time_in_force": order.timeinforce.lower(),
        "vol": pair.volume_text(order.volume if order.quote_volume is None else order.quote_volume),
        "vol_exec": pair.volume_text(order.cost if by_cost else order.executed),
        "cost": pair.cost_text(order.cost),
        "fee": pair.cost_text(order.fee),
        "price": pair.price_text(order.cost / order.executed if order.executed else ZERO),
        "stopprice": _NO_PRICE if order.offset is None else pair.price_text(order.price),
        "limitprice": _limit_shown(order),
        "margin": order.on_margin,
        "misc": "",
        "oflags": ",".join(order.oflags),
    }
    _add_optional(shown, order, behaviour)
    if trades and order.trades:
        shown["trades"] = list(order.trades)
    return shown


def _limit_shown(order: Order) -> str:
    """Return the limit of an order that has fired, or of one that trails."""
    if order.price2 and (order.triggered or order.limit_offset is not None):
        return order.pair.price_text(order.price2)
    return _NO_PRICE


def _add_optional(shown: dict[str, Any], order: Order, behaviour: Behaviour) -> None:
    if not order.userref:  # zero, too, is none
        shown["userref"] = 0 if behaviour.no_userref == "zero" else None
        if behaviour.no_userref == "missing":
            del shown["userref"]
    if order.refid is None and behaviour.no_refid != "null":
        shown["refid"] = "None"
        if behaviour.no_refid == "missing":
            del shown["refid"]
    if order.cl_ord_id is not None:
        shown["cl_ord_id"] = _spelt(order.cl_ord_id, behaviour.client_ids)
    if order.conditional:
        shown["trigger"] = order.trigger
    if order.reduce_only:
        shown["reduce_only"] = True
    if order.display:
        shown["displayvol"] = order.pair.volume_text(order.display)
        shown["displayvolremain"] = order.pair.volume_text(min(order.display, order.remaining))
    if not order.is_open:
        shown["reason"] = order.reason
        shown["closetm"] = round(order.closed, 4)


def _spelt(cl_ord_id: str, how: str) -> str:
    if how == "sent" or not UUID.fullmatch(cl_ord_id):
        return cl_ord_id
    return str(UUIDValue(cl_ord_id)) if how == "dashed" else cl_ord_id.lower()
