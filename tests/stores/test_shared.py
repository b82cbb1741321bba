"""What the sessions of a key share, as a value: moved in time, raised, told while it is waited for."""

from __future__ import annotations

import asyncio
import time

import pytest

from kraken_async import MemoryStore
from kraken_async.stores.base import MAX_NONCE, UNITS, Shared, low_ceiling, new_ceiling, raised
from kraken_async.stores.waiting import Waits
from tests.stores.store_support import draw, opened
from tests.virtual_time import virtual


def test_every_time_moves_and_what_never_was_stays_so() -> None:
    shared = Shared(
        level=3.0,
        level_at=100.0,
        lockout_until=200.0,
        throttled_until=300.0,
        pause_until=400.0,
        pauses=2,
        jumped_at=50.0,
        cancelled_all_at=60.0,
        engine={"XBTUSD": [7.0, 70.0]},
    )
    shared.shift(1000.0)
    assert shared == Shared(
        level=3.0,
        level_at=1100.0,
        lockout_until=1200.0,
        throttled_until=1300.0,
        pause_until=1400.0,
        pauses=2,
        jumped_at=1050.0,
        cancelled_all_at=1060.0,
        engine={"XBTUSD": [7.0, 1070.0]},
    )
    fresh = Shared()
    fresh.shift(1000.0)
    assert fresh == Shared(level_at=1000.0)


def test_a_nonce_is_raised_from_the_clock_or_the_last_to_the_highest_there_is() -> None:
    last = time.time_ns() + 10**15
    assert raised(last, 7, "ns") == last + 7
    assert raised(0, 0, "ms") == pytest.approx(time.time_ns() // 10**6, abs=5_000)
    assert raised(MAX_NONCE - 5, 5, "ns") == MAX_NONCE
    with pytest.raises(ValueError, match="by 0 to 5 ns, not by 6"):
        raised(MAX_NONCE - 5, 6, "ns")
    with pytest.raises(ValueError, match="by 0 to 5 ns, not by -1"):
        raised(MAX_NONCE - 5, -1, "ns")


@pytest.mark.parametrize("unit", UNITS)
def test_half_a_reservation_is_used_before_the_next_is_made(unit: str) -> None:
    tick = UNITS[unit]
    now = time.time_ns() // tick
    last = now + 10**12 // tick  # far ahead of the clock
    assert low_ceiling(last, now, tick) - last == max(10**6 // tick, 100) // 2
    assert new_ceiling(last, unit) - last == max(10**6 // tick, 100)
    assert low_ceiling(0, now, tick) - now == 10**9 // tick  # on the clock: a second of two
    assert abs(new_ceiling(0, unit) - now - 2 * 10**9 // tick) < 5 * 10**9 // tick


@virtual
async def test_of_two_waits_for_one_thing_the_longer_is_told_and_the_other_remains() -> None:
    loop = asyncio.get_running_loop()
    waits = Waits(lambda what: "somebody", loop.time)
    first, second = waits.waiting("the turn"), waits.waiting("the turn")
    first.__enter__()
    await asyncio.sleep(3.0)
    second.__enter__()
    await asyncio.sleep(2.0)
    (wait,) = waits.now()
    assert (wait.what, wait.seconds, wait.holder) == ("the turn", 5.0, "somebody")
    first.__exit__(None, None, None)
    (wait,) = waits.now()
    assert wait.seconds == 2.0
    assert waits.problems() == []
    await asyncio.sleep(2.0)
    (problem,) = waits.problems()
    assert problem == "this session waits for the turn of this key for 4 s, held by somebody"
    second.__exit__(None, None, None)
    assert waits.now() == ()


async def test_the_turn_given_back_twice_is_not_taken_from_who_has_it_then() -> None:
    store = MemoryStore()
    one, two, third = [await opened(store) for _ in range(3)]
    await one.acquire_turn()
    await one.release_turn()
    await two.acquire_turn()
    await one.release_turn()
    waiting = asyncio.create_task(third.acquire_turn())
    await asyncio.sleep(0)
    assert not waiting.done()
    await two.release_turn()
    await waiting
    await third.release_turn()
    for key in (one, two, third):
        await key.close()


async def test_what_moved_last_is_known_to_all_sessions_on_a_store() -> None:
    store = MemoryStore()
    one, two = await opened(store), await opened(store)
    assert await one.moved_at() == 0.0
    await two.acquire_turn()
    await draw(two, overtake=True)
    assert await one.moved_at() == 0.0
    before = time.monotonic()
    await draw(two)
    assert before <= await one.moved_at() <= time.monotonic()
    await one.close()
    assert await one.moved_at() == 0.0
    await two.close()
