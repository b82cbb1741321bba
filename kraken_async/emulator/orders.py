"""An order in an account's book: what it waits for, and when it trades."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from .markets import Pair
from .prices import Relative

AT_MARKET: Final = frozenset({"market", "settle-position"})
AT_LIMIT: Final = frozenset({"limit", "iceberg"})
ORDER_TYPES: Final = AT_MARKET | AT_LIMIT | frozenset(
    {
        "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit", "trailing-stop", "trailing-stop-limit",
    }
)  # fmt: skip
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
ZERO: Final = Decimal(0)


@dataclass(slots=True)
class Order:
    """One order in an account's book.

    ``price`` is the limit, or the price that a triggered order waits for: for a trailing one it follows the
    market at the distance ``offset``. ``price2`` is the limit that applies once it has fired; a trailing one
    finds it from ``limit_offset``. ``quote_volume`` is what a market order by cost (``viqc``) may spend.

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
    offset: Relative | None = None
    limit_offset: Relative | None = None
    quote_volume: Decimal | None = None
    triggered: bool = False
    trigger: str = "last"
    cl_ord_id: str | None = None
    userref: int | None = None
    oflags: tuple[str, ...] = ("fciq",)
    timeinforce: str = "GTC"
    leverage: str = "none"
    reduce_only: bool = False
    stptype: str = "cancel-newest"
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
    def is_open(self) -> bool:
        """Whether it is in the book, or waits for its start."""
        return self.status in ("open", "pending")

    @property
    def remaining(self) -> Decimal:
        """Volume not filled yet."""
        return self.volume - self.executed

    @property
    def on_margin(self) -> bool:
        """Whether it opens or closes positions instead of moving balances."""
        return self.leverage != "none"

    @property
    def conditional(self) -> bool:
        """Whether it is of a type that waits for a trigger price."""
        return self.ordertype not in AT_LIMIT and self.ordertype not in AT_MARKET

    @property
    def waiting(self) -> bool:
        """Whether it waits for its trigger price now."""
        return self.conditional and not self.triggered

    @property
    def limit(self) -> Decimal | None:
        """The limit price, or None for an order that takes any price or waits for its trigger."""
        if self.ordertype in AT_LIMIT:
            return self.price
        if self.triggered and self.ordertype.endswith("-limit"):
            return self.price2
        return None

    def crosses(self) -> bool:
        """Return whether the order would trade at once."""
        if self.status == "pending" or self.waiting:
            return False
        return self.limit is None or self.reaches(self.pair.best(self.side))

    def reaches(self, price: Decimal) -> bool:
        """Return whether the order would trade at ``price``, offered to it."""
        limit = self.limit
        return limit is None or (limit >= price if self.side == "buy" else limit <= price)

    def fires(self) -> bool:
        """Return whether the last price has reached the trigger price, which a profit has on a stop's other side."""
        falling = (self.side == "sell") != self.ordertype.startswith("take-profit")
        return self.pair.last <= self.price if falling else self.pair.last >= self.price

    def trail(self) -> None:
        """Let the trigger of a trailing order follow the last price, in the one direction that it may take."""
        if self.offset is None or self.triggered:
            return
        reached = self.offset.of(self.pair.last, self.pair, upward=self.side == "buy")
        if not self.price:
            self.price = reached
        elif self.side == "buy":
            self.price = min(self.price, reached)
        else:
            self.price = max(self.price, reached)
        if self.limit_offset is not None:
            self.price2 = self.limit_offset.of(self.price, self.pair, upward=self.limit_offset.sign == "+")

    def need(self) -> tuple[str, Decimal]:
        """Return the asset and the amount that the rest of the order takes; nothing on margin."""
        if self.on_margin:
            return self.pair.quote, ZERO
        if self.side == "sell":
            return self.pair.base, self.remaining
        if self.quote_volume is not None:
            return self.pair.quote, self.quote_volume - self.cost
        price = self.limit or self.price2 or self.price or self.pair.ask
        return self.pair.quote, self.remaining * price


def same_id(cl_ord_id: str) -> str:
    """Return a spelling that is the same for every spelling of one client id: UUIDs differ in case and dashes."""
    return cl_ord_id.replace("-", "").lower() if UUID.fullmatch(cl_ord_id) else cl_ord_id
