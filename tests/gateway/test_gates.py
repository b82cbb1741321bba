"""Lines: fair between tokens, bounded, with room for cancels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kraken_async import QueueFull, QueueTimeout
from kraken_async.gateway.gates import CANCELS, WIDTH
from kraken_async.gateway.gates import Gates as Lines


class Gates(Lines):
    """Lines that are entered and left by a block."""

    @asynccontextmanager
    async def passing(self, token: str, line: str, seconds: float) -> AsyncIterator[None]:
        await self.enter(token, line, seconds)
        try:
            yield
        finally:
            self.leave(token, line)


async def hold(gates: Gates, token: str, line: str, order: list[str], release: asyncio.Event) -> None:
    async with gates.passing(token, line, 30.0):
        order.append(token)
        await release.wait()


async def test_one_token_s_flood_does_not_keep_another_waiting() -> None:
    gates, release = Gates(most=1000, most_per_token=500), asyncio.Event()
    order: list[str] = []
    flood = [asyncio.create_task(hold(gates, "loud", "read", order, release)) for _ in range(100)]
    await asyncio.sleep(0)
    calm = asyncio.create_task(hold(gates, "calm", "read", order, release))
    await asyncio.sleep(0)
    assert order == ["loud"] * WIDTH + ["calm"]
    release.set()
    await asyncio.gather(*flood, calm)
    assert not gates.waiting()


async def test_a_token_s_reads_do_not_keep_its_orders_back() -> None:
    gates, release = Gates(most=1000, most_per_token=500), asyncio.Event()
    order: list[str] = []
    reads = [asyncio.create_task(hold(gates, "bot", "read", order, release)) for _ in range(50)]
    await asyncio.sleep(0)
    place = asyncio.create_task(hold(gates, "bot", "place", order, release))
    await asyncio.sleep(0)
    assert len(order) == WIDTH + 1
    release.set()
    await asyncio.gather(*reads, place)


async def test_calls_of_a_line_go_in_the_order_they_came() -> None:
    gates, seen = Gates(most=100, most_per_token=100), []

    async def one(number: int) -> None:
        async with gates.passing("bot", "read", 30.0):
            seen.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(40)))
    assert seen == list(range(40))


async def test_lines_are_bounded_and_cancels_have_room_all_the_same() -> None:
    gates, release = Gates(most=10, most_per_token=6), asyncio.Event()
    waiting = [asyncio.create_task(hold(gates, "a", "read", [], release)) for _ in range(6)]
    waiting += [asyncio.create_task(hold(gates, "b", "read", [], release)) for _ in range(4)]
    await asyncio.sleep(0)
    for token in ("a", "c"):  # its own bound, and the bound of all
        with pytest.raises(QueueFull):
            async with gates.passing(token, "read", 1.0):
                raise AssertionError
    async with gates.passing("a", "cancel", 1.0):
        assert gates.waiting() == {"a": 7, "b": 4}
    release.set()
    await asyncio.gather(*waiting)


async def test_cancels_are_bounded_too() -> None:
    gates, release = Gates(most=10, most_per_token=6), asyncio.Event()
    waiting = [asyncio.create_task(hold(gates, "a", "cancel", [], release)) for _ in range(CANCELS)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        async with gates.passing("a", "cancel", 1.0):
            raise AssertionError
    release.set()
    await asyncio.gather(*waiting)


async def test_who_waits_too_long_is_not_sent() -> None:
    gates, release = Gates(most=100, most_per_token=100), asyncio.Event()
    waiting = [asyncio.create_task(hold(gates, "a", "read", [], release)) for _ in range(WIDTH)]
    await asyncio.sleep(0)
    with pytest.raises(QueueTimeout):
        async with gates.passing("a", "read", 0.01):
            raise AssertionError
    assert gates.waiting() == {"a": WIDTH}
    release.set()
    await asyncio.gather(*waiting)


async def test_those_whose_time_is_over_are_passed_by() -> None:
    gates, release = Gates(most=100, most_per_token=100), asyncio.Event()
    waiting = [asyncio.create_task(hold(gates, "a", "read", [], release)) for _ in range(WIDTH)]
    await asyncio.sleep(0)
    late = [asyncio.create_task(gates.enter("a", "read", 0.01)) for _ in range(5)]
    await asyncio.sleep(0.005)
    last = asyncio.create_task(gates.enter("a", "read", 30.0))
    await asyncio.sleep(0.02)
    release.set()
    await asyncio.gather(*waiting)
    assert {type(error) for error in await asyncio.gather(*late, return_exceptions=True)} == {QueueTimeout}
    assert 0 < await last <= 30.0
    gates.leave("a", "read")
    assert not gates.lines
    assert not gates.waiting()


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancelled_caller_whose_time_is_over_at_once_frees_no_place_twice(turns: int) -> None:
    gates, release = Gates(most=100, most_per_token=100), asyncio.Event()
    waiting = [asyncio.create_task(hold(gates, "a", "read", [], release)) for _ in range(WIDTH)]
    await asyncio.sleep(0)
    late = asyncio.create_task(gates.enter("a", "read", 30.0))
    await asyncio.sleep(0)
    (waiter,) = next(iter(gates.lines.values())).waiting
    waiter.set_exception(QueueTimeout("over"))
    for _ in range(turns):
        await asyncio.sleep(0)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    (line,) = gates.lines.values()
    assert line.inside == WIDTH
    release.set()
    await asyncio.gather(*waiting)
    assert not gates.lines


async def test_those_who_leave_keep_no_place() -> None:
    gates, release = Gates(most=1000, most_per_token=500), asyncio.Event()
    order: list[str] = []
    waiting = [asyncio.create_task(hold(gates, "a", "read", order, release)) for _ in range(100)]
    await asyncio.sleep(0)
    for task in waiting[:90]:
        task.cancel()
    await asyncio.gather(*waiting[:90], return_exceptions=True)
    await asyncio.sleep(0)
    assert len(order) == 2 * WIDTH  # those in the session left, and the next took their places
    release.set()
    await asyncio.gather(*waiting[90:])
    assert len(order) == WIDTH + 10
    async with gates.passing("a", "read", 1.0):
        assert gates.waiting() == {"a": 1}
    assert not gates.lines


async def test_a_place_given_to_one_who_is_just_leaving_goes_to_the_next() -> None:
    gates, release = Gates(most=100, most_per_token=100), asyncio.Event()
    order: list[str] = []
    holders = [asyncio.create_task(hold(gates, "a", "read", order, release)) for _ in range(WIDTH)]
    await asyncio.sleep(0)
    leaving = asyncio.create_task(hold(gates, "a", "read", order, asyncio.Event()))
    await asyncio.sleep(0)
    following = asyncio.create_task(hold(gates, "a", "read", order, asyncio.Event()))
    await asyncio.sleep(0)
    holders[0].cancel()
    await asyncio.sleep(0)  # its place is given to `leaving`, which has not run yet
    leaving.cancel()
    await asyncio.gather(leaving, holders[0], return_exceptions=True)
    await asyncio.sleep(0)
    assert len(order) == WIDTH + 1
    following.cancel()
    release.set()
    await asyncio.gather(*holders[1:], following, return_exceptions=True)
    assert not gates.lines
    assert not gates.waiting()
