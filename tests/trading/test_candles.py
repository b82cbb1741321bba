"""Trades in pages, and the candles made of them."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kraken_async.trading.candles import Candle, candles
from kraken_async.trading.paginate import Paginator

START = 1_700_000_100  # a multiple of five minutes
NOW = START + 10_000


class Tape:
    """Answers Trades as Kraken does: oldest first, ``since`` in nanoseconds and exclusive, so many a page."""

    def __init__(self, *, size: int = 4, exclusive: bool = True) -> None:
        self.trades: list[tuple[int, list[Any]]] = []  # (nanoseconds, row)
        self.size = size
        self.exclusive = exclusive
        self.asked: list[str] = []

    def trade(self, seconds: float, price: str = "100.0", volume: str = "1.0") -> None:
        ns = int(Decimal(str(seconds)) * 10**9)
        self.trades.append((ns, [price, volume, seconds, "b", "m", "", len(self.trades) + 1]))

    async def _answer(self, name: str, fields: dict[str, Any]) -> Any:
        if name == "Time":
            return {"unixtime": NOW}
        since = fields.get("since", "0")
        self.asked.append(since)
        assert len(self.asked) < 100
        later = [(ns, row) for ns, row in self.trades if ns > int(since) - (not self.exclusive)]
        page = later[: self.size]
        last = str(page[-1][0]) if page else since
        return {"XXBTZUSD": [row for _, row in page], "last": last}

    def public(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        return self._answer(endpoint, {**(params or {}), **fields})

    private = public

    def with_options(self, *, priority: Any = None, timeout: float | None = None) -> Tape:
        return self


def trades(tape: Tape, position: str | None = None, **fields: Any) -> Paginator[Any]:
    return Paginator(tape, "Trades", {"pair": "XBTUSD", **fields}, position=position)


@pytest.mark.parametrize("exclusive", [True, False])
async def test_trades_of_one_nanosecond_over_a_page_boundary_come_once_each(exclusive: bool) -> None:
    tape = Tape(exclusive=exclusive)
    for second in (1, 2, 3, 3.5, 3.5, 3.5, 4, 5, 5, 6):
        tape.trade(START + second)
    assert [row[6] async for row in trades(tape)] == list(range(1, 11))


async def test_trades_end_at_krakens_time_whatever_arrives() -> None:
    tape = Tape(size=2)
    for second in range(5):
        tape.trade(START + second)
    found = []
    async for row in trades(tape):
        found.append(row[6])
        tape.trade(NOW + 100 + len(found))
    assert found == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("taken", range(11))
async def test_trades_go_on_behind_the_row_given_last(taken: int) -> None:
    tape = Tape()
    for second in (1, 2, 3, 3.5, 3.5, 3.5, 4, 5.1234567, 5.1234567, 6):
        tape.trade(START + second)
    rows = trades(tape, start=START)
    found = [(await anext(rows))[6] for _ in range(taken)]
    found += [row[6] async for row in trades(tape, rows.position)]
    assert found == list(range(1, 11))


async def test_a_candle_is_made_of_all_its_trades() -> None:
    tape = Tape()
    tape.trade(START - 1, "1.0")
    tape.trade(START, "100.0", "1.0")  # the start belongs to it
    tape.trade(START + 10, "120.0", "2.0")
    tape.trade(START + 20, "90.0", "0.5")
    tape.trade(START + 299, "102.0", "0.5")
    tape.trade(START + 300, "7.0", "1.0")  # the next one's
    tape.trade(START + 900, "5.0", "1.0")  # the end does not belong to it
    found = await candles(tape, "XBTUSD", minutes=5, start=START, end=START + 900)
    (first, second) = found
    assert (first.time, first.count, first.volume, first.vwap) == (START, 4, Decimal("4.0"), Decimal(109))
    prices = [first.open, first.high, first.low, first.close]
    assert prices == [Decimal(price) for price in ("100.0", "120.0", "90.0", "102.0")]
    assert (second.time, second.count) == (START + 300, 1)
    assert (second.open, second.close) == (Decimal(7), Decimal(7))
    assert isinstance(first, Candle)


async def test_no_candle_stands_where_no_trade_was() -> None:
    tape = Tape()
    tape.trade(START + 1)
    tape.trade(START + 3000)
    found = await candles(tape, "XBTUSD", minutes=5, start=START, end=NOW)
    assert [candle.time for candle in found] == [START, START + 3000]
    assert await candles(tape, "XBTUSD", minutes=5, start=START, end=START) == []


async def test_moments_between_candles_take_whole_candles_only() -> None:
    tape = Tape()
    for second in (0, 100, 300, 400, 599, 600):
        tape.trade(START + second)
    found = await candles(tape, "XBTUSD", minutes=5, start=START + 50, end=START + 350)
    assert [(candle.time, candle.count) for candle in found] == [(START + 300, 3)]


async def test_datetimes_go_in_and_come_out() -> None:
    tape = Tape()
    tape.trade(START)
    moment = datetime.fromtimestamp(START, UTC)
    found = await candles(tape, "XBTUSD", minutes=5, start=moment, end=None, times=datetime)
    assert [candle.time for candle in found] == [moment]
    with pytest.raises(ValueError, match="minutes"):
        await candles(tape, "XBTUSD", minutes=0, start=moment, end=None)
