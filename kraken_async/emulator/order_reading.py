"""Reading an order from a request, and refusing what Kraken refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

from .behaviour import Behaviour
from .markets import Pair
from .orders import AT_LIMIT, AT_MARKET, UUID, ZERO, Order
from .values import Refusal
from .wire import bad, decimal, flag, integer, plain, rfc3339, text

ORDER_TYPES = frozenset(
    {
        "market", "limit", "iceberg", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit",
        "trailing-stop", "trailing-stop-limit", "settle-position",
    }
)  # fmt: skip
_FLAGS = frozenset({"post", "fcib", "fciq", "viqc", "nompp"})
_FREE_TEXT = re.compile(r"[!-~]{1,18}")
_RELATIVE = re.compile(r"([+\-#])(\d{1,12}(?:\.\d{1,10})?)(%?)")
_MONTH = 31 * 86_400
_ROUNDING = {"cut": ROUND_DOWN, "round": ROUND_HALF_EVEN}


def read_order(params: Mapping[str, Any], pair: Pair, t: float, behaviour: Behaviour) -> Order:
    """Return the order that ``params`` ask for, without an id; refuse bad arguments."""
    ordertype = _one_of(params, "ordertype", ORDER_TYPES)
    side = _one_of(params, "type", frozenset({"buy", "sell"}))
    flags = _flags(params)
    order = Order(
        txid="",
        account="",
        pair=pair,
        side=side,
        ordertype=ordertype,
        volume=_volume(params, pair, ordertype, flags, behaviour),
        price=ZERO
        if ordertype in AT_MARKET
        else read_price(text(params, "price"), pair, side, "price", behaviour),
        price2=_second_price(params, pair, side, ordertype, behaviour),
        cl_ord_id=_cl_ord_id(params),
        userref=_userref(params),
        oflags=flags,
        timeinforce=_one_of(params, "timeinforce", frozenset({"GTC", "IOC", "GTD", "FOK"}), "GTC"),
        leverage=_leverage(params),
        display=decimal(params, "displayvol", "0"),
        close=_close(params, pair, side, behaviour),
        starttm=_moment(params, "starttm", t),
        expiretm=_moment(params, "expiretm", t),
    )
    _check_combination(order, params, t)
    return order


def _check_combination(order: Order, params: Mapping[str, Any], t: float) -> None:
    if order.cl_ord_id is not None and (params.get("userref") is not None or order.close):
        # Kraken's SDK refuses a client id beside a conditional close; the documentation excludes userref only.
        raise bad("cl_ord_id")
    if "post" in order.oflags and order.ordertype not in AT_LIMIT:
        raise bad("oflags")
    if order.timeinforce == "GTD" and not t + 5 <= order.expiretm <= t + _MONTH:
        raise bad("expiretm")
    if order.display and order.display < order.volume / 15:
        raise bad("displayvol")
    flag(params, "reduce_only")
    _one_of(params, "stptype", frozenset({"cancel-newest", "cancel-oldest", "cancel-both"}), "cancel-newest")
    _one_of(params, "trigger", frozenset({"last", "index"}), "last")


def _one_of(params: Mapping[str, Any], name: str, choices: frozenset[str], default: str | None = None) -> str:
    value = text(params, name, default)
    if value not in choices:
        raise bad(name)
    return value


def _flags(params: Mapping[str, Any]) -> tuple[str, ...]:
    given = tuple(part.strip() for part in text(params, "oflags", "").split(",") if part.strip())
    if not _FLAGS.issuperset(given):
        raise bad("oflags")
    shown = tuple(flag for flag in given if flag != "nompp")  # Kraken ignores it
    return shown if "fcib" in shown or "fciq" in shown else (*shown, "fciq")


def read_volume(volume: Decimal, pair: Pair, name: str, behaviour: Behaviour) -> Decimal:
    """Return a volume in whole lots; digits beyond them are cut, rounded or refused."""
    if behaviour.volumes == "refuse":
        if volume % pair.lot:
            raise bad(name)
        return volume
    return volume.quantize(pair.lot, _ROUNDING[behaviour.volumes])


def _volume(
    params: Mapping[str, Any], pair: Pair, ordertype: str, flags: tuple[str, ...], behaviour: Behaviour
) -> Decimal:
    volume = decimal(params, "volume")
    if "viqc" in flags:
        if ordertype != "market" or params.get("type") != "buy":
            raise bad("oflags")
        volume = (volume / pair.ask).quantize(pair.lot, ROUND_DOWN)
    volume = read_volume(volume, pair, "volume", behaviour)
    if ordertype != "settle-position" and volume < pair.ordermin:
        raise Refusal("EOrder:Order minimum not met")
    return volume


def _second_price(
    params: Mapping[str, Any], pair: Pair, side: str, ordertype: str, behaviour: Behaviour
) -> Decimal:
    if ordertype in AT_LIMIT or not ordertype.endswith("-limit"):
        return ZERO
    return read_price(text(params, "price2"), pair, side, "price2", behaviour)


def read_price(value: str, pair: Pair, side: str, name: str, behaviour: Behaviour) -> Decimal:
    """Return an absolute price on the tick; ``+5%``, ``-10`` and ``#1%`` are relative to the last one."""
    relative = _RELATIVE.fullmatch(value)
    if relative is None:
        price = on_tick(plain(value, name), pair, behaviour)
    else:
        sign, amount, percent = relative.groups()
        step = pair.last * Decimal(amount) / 100 if percent else Decimal(amount)
        upward = sign == "+" or (sign == "#" and side == "sell")
        price = _to_tick(pair.last + (step if upward else -step), pair, ROUND_HALF_EVEN)
    if price <= 0:
        raise Refusal("EOrder:Invalid price")
    return price


def on_tick(price: Decimal, pair: Pair, behaviour: Behaviour) -> Decimal:
    """Return a price on the tick: refused, rounded or cut when it is not."""
    if behaviour.prices != "refuse":
        return _to_tick(price, pair, _ROUNDING[behaviour.prices])
    if price % Decimal(1).scaleb(-pair.pair_decimals):
        raise Refusal(
            f"EOrder:Invalid price:{pair.key} price can only be specified up to {pair.pair_decimals} decimals."
        )
    if price % pair.tick:
        raise Refusal("EOrder:Tick size check failed")
    return price


def _to_tick(price: Decimal, pair: Pair, rounding: str) -> Decimal:
    return (price / pair.tick).to_integral_value(rounding) * pair.tick


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


def _leverage(params: Mapping[str, Any]) -> str:
    value = text(params, "leverage", "none").removesuffix(":1")
    if value in ("none", "0", "1"):
        return "none"
    if value not in ("2", "3", "4", "5"):
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
    ordertype = _one_of(given, "ordertype", ORDER_TYPES - {"market", "settle-position"})
    close = {"ordertype": ordertype}
    for name in ("price", "price2"):
        if name == "price" or (ordertype != "limit" and ordertype.endswith("-limit")):
            value, field = text(given, name), f"close[{name}]"
            resolved = read_price(value, pair, "sell" if side == "buy" else "buy", field, behaviour)
            close[name] = relative_text(value, pair) or pair.price_text(resolved)
    return close


def relative_text(value: str, pair: Pair) -> str:
    """Return a relative price as Kraken writes it: ``+5.0000%``, ``-10.0``; an empty text for an absolute one."""
    relative = _RELATIVE.fullmatch(value)
    if relative is None:
        return ""
    sign, amount, percent = relative.groups()
    return f"{sign}{Decimal(amount):.4f}%" if percent else f"{sign}{pair.price_text(Decimal(amount))}"


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
