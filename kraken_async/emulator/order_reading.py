"""Reading an order from a request, and refusing what Kraken refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from .behaviour import Behaviour
from .markets import Pair
from .orders import AT_LIMIT, AT_MARKET, ORDER_TYPES, UUID, ZERO, Order
from .prices import Relative, read_price, read_volume
from .values import Refusal
from .wire import bad, decimal, flag, integer, rfc3339, text

_CLOSE_TYPES = ORDER_TYPES - AT_MARKET - {"iceberg"}
_FLAGS = frozenset({"post", "fcib", "fciq", "viqc", "nompp"})
_FREE_TEXT = re.compile(r"[!-~]{1,18}")
_SIDES = frozenset({"buy", "sell"})
_FORCES = frozenset({"GTC", "IOC", "GTD", "FOK"})
_SELF_TRADES = frozenset({"cancel-newest", "cancel-oldest", "cancel-both"})
_TRIGGERS = frozenset({"last", "index"})
_MONTH = 31 * 86_400


def read_order(params: Mapping[str, Any], pair: Pair, t: float, behaviour: Behaviour) -> Order:
    """Return the order that ``params`` ask for, without an id; refuse bad arguments.

    Its volume is 0 for an order on margin that is to close whatever stands against it.
    """
    ordertype = one_of(params, "ordertype", ORDER_TYPES)
    order = Order(
        txid="",
        account="",
        pair=pair,
        side=one_of(params, "type", _SIDES),
        ordertype=ordertype,
        volume=ZERO,
        price=ZERO,
        cl_ord_id=_cl_ord_id(params),
        userref=_userref(params),
        oflags=_flags(params),
        timeinforce=one_of(params, "timeinforce", _FORCES, "GTC"),
        leverage=_leverage(params, pair),
        reduce_only=flag(params, "reduce_only"),
        stptype=one_of(params, "stptype", _SELF_TRADES, "cancel-newest"),
        trigger=one_of(params, "trigger", _TRIGGERS, "last"),
        display=decimal(params, "displayvol", "0"),
        starttm=_moment(params, "starttm", t),
        expiretm=_moment(params, "expiretm", t),
    )
    _read_prices(order, params, behaviour)
    _read_volume(order, params, behaviour)
    order.close = _close(params, pair, order.side, behaviour)
    _check_combination(order, params, t)
    return order


def _read_prices(order: Order, params: Mapping[str, Any], behaviour: Behaviour) -> None:
    if order.ordertype in AT_MARKET:
        return
    price = text(params, "price")
    with_limit = order.conditional and order.ordertype.endswith("-limit")
    if order.ordertype.startswith("trailing-stop"):
        order.offset = trailing(price, "price", "+")
        if with_limit:
            order.limit_offset = trailing(text(params, "price2"), "price2", "+-")
        order.trail()
        if order.price <= 0 or (order.limit_offset is not None and order.price2 <= 0):
            raise Refusal("EOrder:Invalid price")
        return
    order.price = read_price(price, order.pair, order.side, "price", behaviour)
    if with_limit:
        order.price2 = read_price(text(params, "price2"), order.pair, order.side, "price2", behaviour)


def trailing(value: str, name: str, signs: str) -> Relative:
    """Return the distance of a trailing order, which must be relative and begin with one of ``signs``."""
    relative = Relative.read(value)
    if relative is None or relative.sign not in signs:
        raise bad(name)
    return relative


def _read_volume(order: Order, params: Mapping[str, Any], behaviour: Behaviour) -> None:
    volume, pair = decimal(params, "volume"), order.pair
    closes_all = order.on_margin and not volume  # not: a volume that is cut to nothing
    if "viqc" in order.oflags:
        if order.ordertype != "market" or order.side != "buy" or order.on_margin:
            raise bad("oflags")
        order.quote_volume = volume.quantize(pair.money, ROUND_DOWN)
        volume = (order.quote_volume / pair.best("buy")).quantize(pair.lot, ROUND_DOWN)
    order.volume = read_volume(volume, pair, "volume", behaviour)
    if closes_all or order.ordertype == "settle-position":
        return
    if order.volume < pair.ordermin:
        raise Refusal("EOrder:Order minimum not met")
    if order.quote_volume is None and order.volume * _price_for_cost(order) < pair.costmin:
        raise Refusal("EOrder:Cost minimum not met")
    if order.quote_volume is not None and order.quote_volume < pair.costmin:
        raise Refusal("EOrder:Cost minimum not met")


def _price_for_cost(order: Order) -> Decimal:
    return order.price2 or order.price or order.pair.last


def _check_combination(order: Order, params: Mapping[str, Any], t: float) -> None:
    if order.cl_ord_id is not None and (params.get("userref") is not None or order.close):
        # Kraken's SDK refuses a client id beside a conditional close; the documentation excludes userref only.
        raise bad("cl_ord_id")
    if "post" in order.oflags and order.ordertype not in AT_LIMIT:
        raise bad("oflags")
    if (
        order.timeinforce == "FOK"
        and order.ordertype not in AT_LIMIT
        and not order.ordertype.endswith("-limit")
    ):
        raise bad("timeinforce")
    if (order.timeinforce == "GTD" or order.expiretm) and not t + 5 <= order.expiretm <= t + _MONTH:
        raise bad("expiretm")
    if order.display and (order.ordertype != "iceberg" or order.display < order.volume / 15):
        raise bad("displayvol")
    if order.reduce_only and not order.on_margin:
        raise bad("reduce_only")
    if order.ordertype == "settle-position" and not order.on_margin:
        raise bad("leverage")


def one_of(params: Mapping[str, Any], name: str, choices: frozenset[str], default: str | None = None) -> str:
    """Return a field that must be one of ``choices``."""
    value = text(params, name, default)
    if value not in choices:
        raise bad(name)
    return value


def _flags(params: Mapping[str, Any]) -> tuple[str, ...]:
    if not params.get("oflags"):
        return ("fciq",)
    given = tuple(part.strip() for part in text(params, "oflags", "").split(",") if part.strip())
    if not _FLAGS.issuperset(given) or {"fcib", "fciq"}.issubset(given):
        raise bad("oflags")
    shown = tuple(flag for flag in given if flag != "nompp")  # Kraken ignores it
    return shown if "fcib" in shown or "fciq" in shown else (*shown, "fciq")


def _cl_ord_id(params: Mapping[str, Any]) -> str | None:
    if params.get("cl_ord_id") is None:
        return None
    value = text(params, "cl_ord_id")
    if not (UUID.fullmatch(value) or _FREE_TEXT.fullmatch(value)):
        raise bad("cl_ord_id")
    return value


def _userref(params: Mapping[str, Any]) -> int | None:
    if params.get("userref") is None:
        return None
    value = integer(params, "userref", 0)
    if not -(2**31) <= value < 2**31:
        raise bad("userref")
    return value


def _leverage(params: Mapping[str, Any], pair: Pair) -> str:
    value = text(params, "leverage", "none").removesuffix(":1")
    if value in ("none", "0", "1"):
        return "none"
    if value not in map(str, pair.leverage):
        raise bad("leverage")
    return f"{value}:1"


def _close(params: Mapping[str, Any], pair: Pair, side: str, behaviour: Behaviour) -> dict[str, str]:
    """Return the conditional close: its prices as text, relative ones as they were asked for.

    What is relative is resolved when the order that it closes has traded.
    """
    given = params.get("close")
    if not given:
        return {}
    if not isinstance(given, Mapping):
        raise bad("close")
    ordertype = one_of(given, "ordertype", _CLOSE_TYPES)
    close, trails = {"ordertype": ordertype}, ordertype.startswith("trailing-stop")
    for name, signs in (("price", "+"), ("price2", "+-")):
        if name == "price2" and (ordertype == "limit" or not ordertype.endswith("-limit")):
            break
        value, field = text(given, name), f"close[{name}]"
        relative = trailing(value, field, signs) if trails else Relative.read(value)
        resolved = (
            None if trails else read_price(value, pair, "sell" if side == "buy" else "buy", field, behaviour)
        )
        if relative is not None:
            close[name] = relative.text(pair)
        elif resolved is not None:
            close[name] = pair.price_text(resolved)
    return close


def _moment(params: Mapping[str, Any], name: str, t: float) -> float:
    """Return unix seconds for ``0``, a unix time or ``+n``."""
    value = text(params, name, "0")
    try:
        return int(t) + int(value) if value.startswith("+") else int(value)
    except ValueError:
        raise bad(name) from None


def check_deadline(params: Mapping[str, Any], t: float) -> None:
    """Refuse a request that the engine gets to after its ``deadline``, or one that is too far ahead.

    The documented minimum of two seconds is for the sender: the engine sees what is left of it.
    """
    if params.get("deadline") is None:
        return
    deadline = rfc3339(text(params, "deadline"), "deadline")
    if deadline <= t:
        raise Refusal("EService:Deadline elapsed")
    if deadline > t + 61:
        raise bad("deadline")
