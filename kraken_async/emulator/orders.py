"""An order: how it is read from a request, and how Kraken shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .markets import Pair
from .values import Refusal
from .wire import bad, decimal, flag, integer, plain, rfc3339, text

ORDER_TYPES = frozenset(
    {
        "market", "limit", "iceberg", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit",
        "trailing-stop", "trailing-stop-limit", "settle-position",
    }
)  # fmt: skip
_AT_MARKET = frozenset({"market", "settle-position"})
_AT_LIMIT = frozenset({"limit", "iceberg"})
_FLAGS = frozenset({"post", "fcib", "fciq", "viqc", "nompp"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
_FREE_TEXT = re.compile(r"[!-~]{1,18}")
_RELATIVE = re.compile(r"([+\-#])(\d{1,12}(?:\.\d{1,10})?)(%?)")
_MONTH = 31 * 86_400
ZERO = Decimal(0)


@dataclass(slots=True)
class Order:
    """One order in an account's book.

    ``opened``, ``touched`` (created or last amended), ``closed`` and ``visible`` (when queries begin to show
    it) are unix seconds. ``nonce`` is that of the call which placed it.
    """

    txid: str
    account: str
    pair: Pair
    side: str
    ordertype: str
    volume: Decimal
    price: Decimal
    price2: Decimal = ZERO
    cl_ord_id: str | None = None
    userref: int = 0
    oflags: tuple[str, ...] = ("fciq",)
    timeinforce: str = "GTC"
    leverage: str = "none"
    display: Decimal = ZERO
    close: Mapping[str, str] = field(default_factory=dict)
    refid: str | None = None
    starttm: float = 0
    expiretm: float = 0
    nonce: int | None = None
    status: str = "open"
    reason: str | None = None
    opened: float = 0.0
    touched: float = 0.0
    closed: float = 0.0
    visible: float = 0.0
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    trades: list[str] = field(default_factory=list)
    amends: list[dict[str, Any]] = field(default_factory=list)

    @property
    def remaining(self) -> Decimal:
        """Volume not filled yet."""
        return self.volume - self.executed

    @property
    def limit(self) -> Decimal | None:
        """The limit price, or None for an order that takes any price or waits for its trigger."""
        return self.price if self.ordertype in _AT_LIMIT else None

    @property
    def triggered_type(self) -> bool:
        """Whether the order waits for a trigger price."""
        return self.ordertype not in _AT_LIMIT and self.ordertype not in _AT_MARKET

    def crosses(self) -> bool:
        """Return whether the order would trade at once."""
        if self.ordertype in _AT_MARKET:
            return True
        if self.limit is None:
            return False
        return self.limit >= self.pair.ask if self.side == "buy" else self.limit <= self.pair.bid

    def describe(self) -> str:
        """Return the sentence in ``descr.order``."""
        words = f"{self.side} {self.pair.volume_text(self.volume)} {self.pair.altname} @ "
        words += _type_words(
            self.ordertype, self.pair.price_text(self.price), self.pair.price_text(self.price2)
        )
        return words + (f" with {self.leverage} leverage" if self.leverage != "none" else "")

    def describe_close(self) -> str:
        """Return the sentence in ``descr.close``; empty without a conditional close."""
        if not self.close:
            return ""
        prices = self.close["price"], self.close.get("price2", "0")
        return "close position @ " + _type_words(self.close["ordertype"], *prices)

    def public(self, *, trades: bool = False) -> dict[str, Any]:
        """Return the order as OpenOrders, ClosedOrders and QueryOrders show it."""
        pair = self.pair
        shown: dict[str, Any] = {
            "refid": self.refid,
            "userref": self.userref,
            "status": self.status,
            "opentm": round(self.opened, 4),
            "starttm": self.starttm,
            "expiretm": self.expiretm,
            "descr": {
                "pair": pair.altname,
                "type": self.side,
                "ordertype": self.ordertype,
                "price": "0" if self.ordertype in _AT_MARKET else pair.price_text(self.price),
                "price2": pair.price_text(self.price2) if self.price2 else "0",
                "leverage": self.leverage,
                "order": self.describe(),
                "close": self.describe_close(),
            },
            "vol": pair.volume_text(self.volume),
            "vol_exec": pair.volume_text(self.executed),
            "cost": pair.cost_text(self.cost),
            "fee": pair.cost_text(self.fee),
            "price": pair.price_text(self.cost / self.executed if self.executed else ZERO),
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": ",".join(self.oflags),
        }
        if self.cl_ord_id is not None:
            shown["cl_ord_id"] = self.cl_ord_id
        if self.triggered_type:
            shown["trigger"] = "last"
        if self.status not in ("open", "pending"):
            shown["reason"] = self.reason
            shown["closetm"] = round(self.closed, 4)
        if trades and self.trades:
            shown["trades"] = list(self.trades)
        return shown


def _type_words(ordertype: str, price: str, price2: str) -> str:
    if ordertype in _AT_MARKET:
        return "market" if ordertype == "market" else "settle position"
    stem = ordertype.removesuffix("-limit") if ordertype != "limit" else ordertype
    words = f"{stem.replace('-', ' ')} {price}"
    return f"{words} -> limit {price2}" if stem != ordertype else words


def read_order(params: Mapping[str, Any], pair: Pair, t: float) -> Order:
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
        volume=_volume(params, pair, ordertype, flags),
        price=ZERO if ordertype in _AT_MARKET else read_price(text(params, "price"), pair, side, "price"),
        price2=_second_price(params, pair, side, ordertype),
        cl_ord_id=_cl_ord_id(params),
        userref=_userref(params),
        oflags=flags,
        timeinforce=_one_of(params, "timeinforce", frozenset({"GTC", "IOC", "GTD", "FOK"}), "GTC"),
        leverage=_leverage(params),
        display=decimal(params, "displayvol", "0"),
        close=_close(params, pair),
        starttm=_moment(params, "starttm", t),
        expiretm=_moment(params, "expiretm", t),
    )
    _check_combination(order, params, t)
    return order


def _check_combination(order: Order, params: Mapping[str, Any], t: float) -> None:
    if order.cl_ord_id is not None and (params.get("userref") is not None or order.close):
        # Kraken's SDK refuses a client id beside a conditional close; the documentation excludes userref only.
        raise bad("cl_ord_id")
    if "post" in order.oflags and order.ordertype not in _AT_LIMIT:
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
    return given if "fcib" in given or "fciq" in given else (*given, "fciq")


def _volume(params: Mapping[str, Any], pair: Pair, ordertype: str, flags: tuple[str, ...]) -> Decimal:
    volume = decimal(params, "volume")
    if "viqc" in flags:
        if ordertype != "market" or params.get("type") != "buy":
            raise bad("oflags")
        volume = volume / pair.ask
    volume = pair.rounded_volume(volume)
    if ordertype != "settle-position" and volume < pair.ordermin:
        raise Refusal("EOrder:Order minimum not met")
    return volume


def _second_price(params: Mapping[str, Any], pair: Pair, side: str, ordertype: str) -> Decimal:
    if ordertype in _AT_LIMIT or not ordertype.endswith("-limit"):
        return ZERO
    return read_price(text(params, "price2"), pair, side, "price2")


def read_price(value: str, pair: Pair, side: str, name: str) -> Decimal:
    """Return an absolute price; ``+5%``, ``-10`` and ``#1%`` are relative to the last one."""
    relative = _RELATIVE.fullmatch(value)
    if relative is None:
        price = plain(value, name)
        if price % pair.tick:
            raise Refusal("EOrder:Tick size check failed")
    else:
        sign, amount, percent = relative.groups()
        step = pair.last * Decimal(amount) / 100 if percent else Decimal(amount)
        upward = sign == "+" or (sign == "#" and side == "sell")
        price = (pair.last + (step if upward else -step)).quantize(pair.tick)
    if price <= 0:
        raise Refusal("EOrder:Invalid price")
    return price


def _cl_ord_id(params: Mapping[str, Any]) -> str | None:
    if params.get("cl_ord_id") is None:
        return None
    value = text(params, "cl_ord_id")
    if not (_UUID.fullmatch(value) or _FREE_TEXT.fullmatch(value)):
        raise bad("cl_ord_id")
    return value


def _userref(params: Mapping[str, Any]) -> int:
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


def _close(params: Mapping[str, Any], pair: Pair) -> dict[str, str]:
    given = params.get("close")
    if not given:
        return {}
    if not isinstance(given, Mapping):
        raise bad("close")
    ordertype = _one_of(given, "ordertype", ORDER_TYPES - {"market", "settle-position"})
    close = {"ordertype": ordertype}
    for name in ("price", "price2"):
        if name == "price" or (ordertype != "limit" and ordertype.endswith("-limit")):
            close[name] = pair.price_text(read_price(text(given, name), pair, "sell", f"close[{name}]"))
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
