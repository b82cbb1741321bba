"""Public trades of one pair, from which Trades, OHLC, Ticker and PostTrade are made."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

_MOST = 50_000
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Print:
    """One public trade. ``side`` is that of the taker."""

    number: int
    t: float
    price: Decimal
    volume: Decimal
    side: str


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices and volume of one interval that begins at ``t``."""

    t: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    count: int


class Tape:
    """Trades in the order of their times, the newest 50,000; before the first, ``start`` was the price."""

    def __init__(self, start: Decimal) -> None:
        self.start: Decimal = start
        self.prints: list[Print] = []
        self._times: list[float] = []
        self._count = 0

    def add(self, t: float, price: Decimal, volume: Decimal, side: str) -> None:
        """Add one trade; a time before that of the last one counts as the last one's."""
        self._count += 1
        t = max(t, self._times[-1]) if self._times else t
        self.prints.append(Print(self._count, t, price, volume, side))
        self._times.append(t)
        if len(self.prints) > 2 * _MOST:
            self.start = self.prints[-_MOST - 1].price
            del self.prints[:-_MOST], self._times[:-_MOST]

    def between(self, first: float, last: float) -> list[Print]:
        """Return the trades after ``first``, up to ``last``."""
        return self.prints[bisect_right(self._times, first) : bisect_right(self._times, last)]

    def price_at(self, t: float) -> Decimal:
        """Return the price of the last trade up to ``t``."""
        index = bisect_right(self._times, t)
        return self.prints[index - 1].price if index else self.start

    def candle(self, t: int, seconds: int) -> Candle:
        """Return the candle that begins at ``t``; without a trade it stands still at the price before."""
        rows = self.between(t - 1e-9, t + seconds - 1e-9)
        if not rows:
            price = self.price_at(t)
            return Candle(t, price, price, price, price, price, Decimal(0), 0)
        prices = [row.price for row in rows]
        volume = sum((row.volume for row in rows), Decimal(0))
        cost = sum((row.volume * row.price for row in rows), Decimal(0))
        vwap = cost / volume if volume else prices[-1]
        return Candle(t, prices[0], max(prices), min(prices), prices[-1], vwap, volume, len(rows))

    def day(self, t: float) -> Candle:
        """Return the candle of the 24 hours up to ``t``."""
        first = int(t) - _DAY
        before, candle = self.price_at(first), self.candle(first, _DAY + 1)
        return Candle(
            first,
            before,
            max(before, candle.high),
            min(before, candle.low),
            candle.close,
            candle.vwap,
            candle.volume,
            candle.count,
        )
