"""Candles made from Kraken's trades, so that they reach back as far as trades do (OHLC keeps 720)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from kraken_async.trading.numbers import seconds
from kraken_async.trading.paginate import Paginator

if TYPE_CHECKING:
    from kraken_async.call import Caller
    from kraken_async.trading.numbers import Moment


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle. ``time``: when it begins, unix seconds (or a datetime), a multiple of its length since the epoch.

    ``vwap``: the average price by volume; ``volume``: in the base asset; ``count``: how many trades.
    """

    time: int | datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    count: int


class _Forming:
    """A candle while its trades come in."""

    __slots__ = ("close", "cost", "count", "high", "low", "open", "volume")

    def __init__(self, price: Decimal) -> None:
        self.open = self.high = self.low = self.close = price
        self.volume = self.cost = Decimal(0)
        self.count = 0

    def add(self, price: Decimal, volume: Decimal) -> None:
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        with localcontext(prec=60):
            self.volume += volume
            self.cost += price * volume
        self.count += 1

    def done(self, time: int | datetime) -> Candle:
        vwap = self.cost / self.volume if self.volume else self.close
        prices = (self.open, self.high, self.low, self.close)
        return Candle(time, *prices, vwap, self.volume, self.count)


async def candles(
    caller: Caller,
    pair: str,
    *,
    minutes: int,
    start: Moment,
    end: Moment | None,
    times: type[datetime] | None = None,
) -> list[Candle]:
    """Return the candles that begin at or after ``start`` and before ``end``, oldest first, each of all its trades.

    None where no trade was. Without ``end`` the last one is of the trades up to now. Raises KrakenError, ValueError.
    """
    if type(minutes) is not int or minutes < 1:
        msg = f"minutes is a whole number from 1 on, not {minutes!r}"
        raise ValueError(msg)
    length = minutes * 60
    first = _next_beginning(seconds(start, "start"), length)
    beyond = None if end is None else _next_beginning(seconds(end, "end"), length)
    if beyond is not None and beyond <= first:
        return []
    since = max(0, first * 1_000_000_000 - 1)  # Kraken leaves out what is at `since` itself
    rows: Paginator[Any] = Paginator(caller, "Trades", {"pair": pair, "since": str(since), "end": beyond})
    forming: dict[int, _Forming] = {}
    async for price, volume, time, *_ in rows:
        at = seconds(time, "time")
        if at < first or (beyond is not None and at >= beyond):
            continue
        begins, price = int(at // length) * length, Decimal(price)
        forming.setdefault(begins, _Forming(price)).add(price, Decimal(volume))
    return [
        candle.done(datetime.fromtimestamp(begins, UTC) if times else begins)
        for begins, candle in sorted(forming.items())
    ]


def _next_beginning(moment: Decimal, length: int) -> int:
    """Return when the first candle begins that does not begin before ``moment``."""
    whole, rest = divmod(moment, length)
    return (int(whole) + (rest > 0)) * length
