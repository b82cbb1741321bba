"""MemoryStore: one process, any number of threads and loops."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores import memory
from kraken_async.stores.base import MAX_NONCE, KeyState
from kraken_async.stores.memory import MemoryStore
from tests.stores.store_support import nothing, opened, pass_through, yes


async def test_nonces_are_on_the_clock_and_rise() -> None:
    key = await opened(MemoryStore())
    before = time.time_ns()
    drawn = [(await key.step(yes))[1] for _ in range(100)]
    assert before <= drawn[0] <= time.time_ns()
    assert drawn == sorted(set(drawn))


async def test_a_clock_that_steps_back_does_not_lower_the_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    key = await opened(MemoryStore())
    first = (await key.step(yes))[1]
    monkeypatch.setattr(time, "time_ns", lambda: first - 3_600_000_000_000)
    assert [(await key.step(yes))[1] for _ in range(3)] == [first + 1, first + 2, first + 3]


async def test_choosing_nothing_spends_no_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    key = await opened(MemoryStore())
    first = (await key.step(yes))[1]
    assert await key.step(nothing) == (None, 0)
    assert key.seen.last == first


async def test_sessions_of_one_store_share_state_and_sessions_of_two_do_not() -> None:
    store = MemoryStore()
    one, two, other = await opened(store), await opened(store), await opened(MemoryStore())
    await one.update(lambda shared: setattr(shared, "level", 7.0))
    assert await two.update(lambda shared: shared.level) == 7.0
    assert await other.update(lambda shared: shared.level) is None
    assert one.is_new
    assert not two.is_new
    assert other.is_new


async def test_the_turn_goes_round_in_order_of_asking_and_skips_who_gave_up() -> None:
    store = MemoryStore()
    keys = [await opened(store) for _ in range(5)]
    order: list[int] = []
    await keys[0].acquire_turn()
    tasks = [asyncio.create_task(pass_through(keys, number, order)) for number in range(1, 5)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await keys[0].release_turn()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [1, 3, 4]


async def just_granted(one: KeyState, two: KeyState) -> asyncio.Task[None]:
    """Give the turn from one to the other: the grant has run, the waiting task has not."""
    await one.acquire_turn()
    waiting = asyncio.create_task(two.acquire_turn())
    await asyncio.sleep(0)
    await one.release_turn()
    await asyncio.sleep(0)
    return waiting


async def test_cancelled_in_the_moment_of_the_grant_passes_the_turn_on() -> None:
    store = MemoryStore()
    one, two, three = [await opened(store) for _ in range(3)]
    waiting = await just_granted(one, two)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(three.acquire_turn(), 10)


async def test_a_cancel_that_waits_goes_before_the_others_and_puts_its_session_in_front() -> None:
    store = MemoryStore()
    holder, *others = [await opened(store) for _ in range(4)]
    await holder.acquire_turn()
    served: list[int] = []

    async def wait(number: int, *, urgent: bool = False) -> None:
        await others[number].acquire_turn(urgent=urgent)
        served.append(number)
        await others[number].release_turn()

    waiting = []
    for number in range(3):
        waiting.append(asyncio.create_task(wait(number, urgent=number == 2)))
        await asyncio.sleep(0)
    others[1].hurry()
    holder.hurry()  # it waits for nothing
    await holder.release_turn()
    await asyncio.gather(*waiting)
    assert served == [1, 2, 0]
    for key in (holder, *others):
        await key.close()


async def test_what_came_free_while_one_lined_up_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    one, two = await opened(store), await opened(store)
    with monkeypatch.context() as patch:
        patch.setattr(memory._Turn, "try_acquire", lambda turn: False)  # it was held a moment ago
        await one.acquire_turn()
    waiting = asyncio.create_task(two.acquire_turn())
    await asyncio.sleep(0)
    assert not waiting.done()
    await one.release_turn()
    await waiting
    for key in (one, two):
        await key.close()


async def test_who_does_not_have_the_turn_gives_none_back() -> None:
    store = MemoryStore()
    holder, other = await opened(store), await opened(store)
    await other.acquire_turn()
    await other.close()
    await other.open(time.monotonic)
    await holder.acquire_turn()
    fresh = await opened(store)
    for key in (other, fresh):
        await key.release_turn()
    other.hurry()
    waiting = asyncio.create_task(fresh.acquire_turn())
    await asyncio.sleep(0)
    assert not waiting.done()
    await holder.release_turn()
    await waiting
    for key in (holder, other, fresh):
        assert key.refresh()
        await key.close()


async def test_figures_are_those_of_the_key_and_none_once_it_is_closed() -> None:
    store = MemoryStore()
    one, two = await opened(store), await opened(store)
    await one.step(yes)
    await two.step(yes, overtake=True)
    assert one.figures() == two.figures() == {"steps": 2, "users": 2}
    await one.close()
    await one.close()
    assert one.figures() == {}
    assert two.figures() == {"steps": 2, "users": 1}
    assert one.placed(0.0) == ()
    one.note_placed(["O"])
    one.note(nothing)
    await two.close()


async def test_closing_gives_the_turn_on_and_fails_who_waits() -> None:
    store = MemoryStore()
    one, two, three = [await opened(store) for _ in range(3)]
    await one.acquire_turn()
    waiting = [asyncio.create_task(two.acquire_turn()), asyncio.create_task(three.acquire_turn())]
    await asyncio.sleep(0)
    await two.close()
    await one.close()
    await one.close()
    with pytest.raises(NonceStoreError, match="closed"):
        await waiting[0]
    await asyncio.wait_for(waiting[1], 20)
    with pytest.raises(NonceStoreError, match="not open"):
        await one.step(yes)


async def test_closing_after_the_grant_but_before_the_waiter_ran_loses_no_turn() -> None:
    store = MemoryStore()
    one, two, three = [await opened(store) for _ in range(3)]
    waiting = await just_granted(one, two)
    closing = two.close()
    with pytest.raises(StopIteration):
        closing.send(None)  # runs before the waiter does
    with pytest.raises(NonceStoreError, match="closed"):
        await waiting
    await asyncio.wait_for(three.acquire_turn(), 10)


def in_threads(count: int, work: Callable[[int], Any]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_loops_of_several_threads_share_nonces_in_turns() -> None:
    store = MemoryStore()
    arrived: list[int] = []
    inside = 0

    async def session(_: int) -> None:
        nonlocal inside
        key = await opened(store)
        for _call in range(50):
            await key.acquire_turn()
            inside += 1
            assert inside == 1
            nonce = (await key.step(yes))[1]
            await asyncio.sleep(0)  # the send
            arrived.append(nonce)
            inside -= 1
            await key.release_turn()
        await key.close()

    in_threads(8, lambda number: asyncio.run(session(number)))
    assert len(arrived) == 400
    assert arrived == sorted(set(arrived))


async def test_a_waiter_whose_loop_was_closed_is_passed_over() -> None:
    store = MemoryStore()
    one, two = await opened(store), await opened(store)
    await one.acquire_turn()

    def vanish(_: int) -> None:
        loop = asyncio.new_event_loop()
        key = loop.run_until_complete(opened(store))
        task = loop.create_task(key.acquire_turn())
        loop.run_until_complete(asyncio.sleep(0))
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # the test reaches inside
        loop.close()

    await asyncio.to_thread(in_threads, 1, vanish)
    await one.release_turn()
    await asyncio.wait_for(two.acquire_turn(), 10)


async def test_jump_counts_from_the_clock_or_the_last_nonce() -> None:
    key = await opened(MemoryStore())
    far = await key.jump(60_000_000_000)
    assert far >= time.time_ns() + 59_000_000_000
    assert await key.jump(5) == far + 5
    assert (await key.step(yes))[1] == far + 6
    for wrong in (-1, MAX_NONCE):
        with pytest.raises(ValueError, match="can be raised by"):
            await key.jump(wrong)


async def test_a_coarser_unit_is_refused_and_a_finer_one_taken() -> None:
    store = MemoryStore()
    await (await opened(store, unit="ms")).step(yes)
    assert len(str((await (await opened(store, unit="ns")).step(yes))[1])) == 19
    with pytest.raises(NonceStoreError, match="Use ns"):
        await opened(store, unit="us")


async def test_a_source_and_sessions_exclude_each_other() -> None:
    store = MemoryStore()
    source = store.reserve("k", "ns")
    with pytest.raises(NonceStoreError, match="NonceSource"):
        await opened(store)
    with pytest.raises(NonceStoreError, match="NonceSource"):
        store.reserve("k", "ns")
    start, stop = source.block(0, 100)
    assert stop == start + 100
    source.close(start + 10)
    key = await opened(store)
    assert (await key.step(yes))[1] > start + 10
    with pytest.raises(NonceStoreError, match="1 session"):
        store.reserve("k", "ns")
    await key.close()
    store.reserve("k", "ns").close(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_a_forked_child_is_refused() -> None:
    store = MemoryStore()
    key = await opened(store)
    child = os.fork()
    if child == 0:
        refused = 0
        for use in (key.step(yes), key.acquire_turn(), opened(store)):
            try:
                use.send(None)
            except NonceStoreError as error:
                refused += "parent process" in str(error)
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    await key.step(yes)


async def test_a_key_that_a_source_has_used_is_not_new() -> None:
    store = MemoryStore()
    reservation = store.reserve("k", "ns")
    start, stop = reservation.block(0, 10)
    assert stop == start + 10
    reservation.close(start + 3)
    key = await opened(store)
    assert not key.is_new
    assert (await key.step(yes))[1] > start + 3
    assert (await opened(store, "other")).is_new
    with pytest.raises(NonceStoreError, match="it is closed"):
        reservation.block(0, 1)


async def test_names_are_found_from_the_moment_of_their_placing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    key = await opened(MemoryStore())
    key.note_placed(["O"])
    assert key.placed(1000.0) == ("O",)
    assert key.placed(1000.1) == ()


async def test_it_says_that_nothing_is_kept() -> None:
    key = await opened(MemoryStore())
    assert not key.durable
    assert "memory only" in key.problems()[0]
    assert key.figures() == {"steps": 0, "users": 1}
