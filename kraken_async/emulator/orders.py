"""An order in the book, and how Kraken shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from uuid import UUID as UUIDValue

from .behaviour import Behaviour
from .markets import Pair

AT_MARKET = frozenset({"market", "settle-position"})
AT_LIMIT = frozenset({"limit", "iceberg"})
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
ZERO = Decimal(0)


@dataclass(slots=True)
class Order:
    """One order in an account's book.

    ``opened``, ``touched`` (created or last amended) and ``closed`` are unix seconds, as are ``visible`` (when
    queries begin to show it) and ``visible_closed`` (when they begin to show that it is closed). ``before_closing``
    is how it was shown last while it was open. ``nonce`` is that of the call which placed it, None for an
    order of another writer.
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
    userref: int | None = None
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
    closed_delay: float = 0.0
    visible_closed: float = 0.0
    before_closing: dict[str, Any] | None = None
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    trades: list[str] = field(default_factory=list)
    amends: list[dict[str, Any]] = field(default_factory=list)
    amends_visible: dict[str, float] = field(default_factory=dict)

    @property
    def remaining(self) -> Decimal:
        """Volume not filled yet."""
        return self.volume - self.executed

    @property
    def limit(self) -> Decimal | None:
        """The limit price, or None for an order that takes any price or waits for its trigger."""
        return self.price if self.ordertype in AT_LIMIT else None

    @property
    def triggered_type(self) -> bool:
        """Whether the order waits for a trigger price."""
        return self.ordertype not in AT_LIMIT and self.ordertype not in AT_MARKET

    def crosses(self) -> bool:
        """Return whether the order would trade at once."""
        if self.ordertype in AT_MARKET:
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

    def public(self, behaviour: Behaviour, *, trades: bool = False) -> dict[str, Any]:
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
                "price": "0" if self.ordertype in AT_MARKET else pair.price_text(self.price),
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
        if not self.userref:
            _show_none(shown, behaviour.no_userref)
        if self.cl_ord_id is not None:
            shown["cl_ord_id"] = _spelt(self.cl_ord_id, behaviour.client_ids)
        if self.triggered_type:
            shown["trigger"] = "last"
        if self.status not in ("open", "pending"):
            shown["reason"] = self.reason
            shown["closetm"] = round(self.closed, 4)
        if trades and self.trades:
            shown["trades"] = list(self.trades)
        return shown


def _show_none(shown: dict[str, Any], how: str) -> None:
    """Show that there is no userref; zero, too, is none."""
    shown["userref"] = 0 if how == "zero" else None
    if how == "missing":
        del shown["userref"]


def same_id(cl_ord_id: str) -> str:
    """Return a spelling that is the same for every spelling of one client id: UUIDs differ in case and dashes."""
    return cl_ord_id.replace("-", "").lower() if UUID.fullmatch(cl_ord_id) else cl_ord_id


def _spelt(cl_ord_id: str, how: str) -> str:
    if how == "sent" or not UUID.fullmatch(cl_ord_id):
        return cl_ord_id
    return str(UUIDValue(cl_ord_id)) if how == "dashed" else cl_ord_id.lower()


def _type_words(ordertype: str, price: str, price2: str) -> str:
    if ordertype in AT_MARKET:
        return "market" if ordertype == "market" else "settle position"
    stem = ordertype.removesuffix("-limit") if ordertype != "limit" else ordertype
    words = f"{stem.replace('-', ' ')} {price}"
    return f"{words} -> limit {price2}" if stem != ordertype else words
