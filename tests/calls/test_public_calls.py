"""The pace of public calls: a burst of ten for an address, then one a second, over all loops of the process."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from kraken_async.calls.public_calls import admit
from tests.virtual_time import virtual

HOSTS = itertools.count()


@pytest.fixture
def host() -> str:
    """An address that no other test asks: the limit is one of the whole process."""
    return f"pace-{next(HOSTS)}.test"


async def gone(host: str, number: int, endpoint: str = "Time", pair: str | None = None) -> list[float]:
    """Let so many calls go, and return after how many seconds each of them went."""
    loop = asyncio.get_running_loop()
    began, found = loop.time(), []
    for _ in range(number):
        await admit(host, endpoint, {} if pair is None else {"pair": pair})
        found.append(loop.time() - began)
    return found


@virtual
async def test_ten_go_at_once_and_then_one_a_second(host: str) -> None:
    assert await gone(host, 14) == pytest.approx([0.0] * 10 + [1.0, 2.0, 3.0, 4.0], abs=0.01)


@virtual
async def test_what_was_not_used_is_saved_up_to_ten(host: str) -> None:
    await gone(host, 10)
    await asyncio.sleep(4.0)
    assert await gone(host, 5) == pytest.approx([0.0] * 4 + [1.0], abs=0.01)
    await asyncio.sleep(60.0)
    assert await gone(host, 11) == pytest.approx([0.0] * 10 + [1.0], abs=0.01)


@pytest.mark.parametrize(("before", "then"), [(10, [1.0, 2.0]), (9, [0.0, 1.0]), (4, [0.0, 0.0])])
def test_another_loop_finds_what_the_first_has_left(host: str, before: int, then: list[float]) -> None:
    found: list[list[float]] = []

    @virtual
    async def a_loop(number: int) -> None:
        found.append(await gone(host, number))

    a_loop(before)
    a_loop(len(then))  # its clock begins where that of the first began
    assert found[1] == pytest.approx(then, abs=0.01)


@virtual
async def test_trades_and_candles_are_counted_by_pair_and_everything_else_together(host: str) -> None:
    for endpoint in ("Trades", "OHLC"):
        for pair in ("XBTUSD", "ETHUSD"):
            assert await gone(host, 10, endpoint, pair) == [0.0] * 10
    assert await gone(host, 5, "Ticker", "XBTUSD") == [0.0] * 5
    assert await gone(host, 6, "Depth", "ETHUSD") == pytest.approx([0.0] * 5 + [1.0], abs=0.01)
