"""The turn: in order of asking, over sessions, threads and processes; given up, closed, killed in line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import KeyState
from kraken_async.stores.file import FileStore, inspect, ticket_lock, turn, turn_helper
from kraken_async.system.flock import FileLock
from tests import forked
from tests.stores.store_support import draw, in_line, needs_proc, opened, pass_through, turn_of


async def ask_in_turn(path: Path, *keys: KeyState) -> list[asyncio.Task[None]]:
    """Ask for the turn by each key, once the one before it stands in line."""
    tasks = []
    for key in keys:
        tasks.append(asyncio.create_task(key.acquire_turn()))
        await in_line(path, len(tasks))
    return tasks


async def test_a_free_turn_is_taken_without_suspending(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    for _ in range(3):
        for part in (key.acquire_turn(), key.release_turn()):
            with pytest.raises(StopIteration):
                part.send(None)
    assert key.figures()["turn_waits"] == 0
    await key.close()


@needs_proc
async def test_the_turn_is_given_in_order_of_asking(tmp_path: Path) -> None:
    keys = [await opened(FileStore(tmp_path)) for _ in range(6)]
    order: list[int] = []
    await keys[0].acquire_turn()
    tasks = []
    for number in (3, 1, 5, 2, 4):
        tasks.append(asyncio.create_task(pass_through(keys, number, order)))
        await in_line(tmp_path, len(tasks))
    await keys[0].release_turn()
    await asyncio.gather(*tasks)
    assert order == [3, 1, 5, 2, 4]
    for key in keys:
        await key.close()


@needs_proc
async def test_who_releases_the_turn_does_not_get_it_again_before_a_waiter(tmp_path: Path) -> None:
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.acquire_turn()
    waiter = asyncio.create_task(two.acquire_turn())
    await in_line(tmp_path, 1)
    late = turn_of(tmp_path)
    await one.release_turn()
    assert not late.try_acquire()  # while the waiter has hardly woken up
    greedy = asyncio.create_task(one.acquire_turn())
    await waiter
    await asyncio.sleep(0.01)
    assert not greedy.done()
    await two.release_turn()
    await greedy
    late.close()
    for key in (one, two):
        await key.close()


@needs_proc
async def test_a_cancelled_waiter_does_not_get_the_turn_and_stops_nobody(tmp_path: Path) -> None:
    one, two, three = [await opened(FileStore(tmp_path)) for _ in range(3)]
    await one.acquire_turn()
    gone, last = await ask_in_turn(tmp_path, two, three)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await one.release_turn()
    await asyncio.wait_for(last, 20)
    await three.release_turn()
    await asyncio.wait_for(two.acquire_turn(), 5)  # and may ask again
    for key in (one, two, three):
        await key.close()


@needs_proc
async def test_asking_again_after_a_cancelled_wait_takes_the_place_that_is_still_in_line(
    tmp_path: Path,
) -> None:
    one, two, three = [await opened(FileStore(tmp_path)) for _ in range(3)]
    await one.acquire_turn()
    gone, later = await ask_in_turn(tmp_path, two, three)
    gone.cancel()
    again = asyncio.create_task(two.acquire_turn())
    await asyncio.sleep(0)
    await one.release_turn()
    await asyncio.wait_for(again, 20)
    assert not later.done()
    await two.release_turn()
    await later
    for key in (one, two, three):
        await key.close()


async def test_cancelled_in_the_moment_of_the_grant_passes_the_turn_on(tmp_path: Path) -> None:
    one, two, three = [await opened(FileStore(tmp_path)) for _ in range(3)]
    await one.acquire_turn()
    mine: turn.Turn = two._turn  # type: ignore[attr-defined]  # the test reaches inside
    task = asyncio.create_task(two.acquire_turn())
    await asyncio.sleep(0)
    await one.release_turn()
    while not mine.held:
        await asyncio.sleep(0)
    task.cancel()  # the future has its result; whether the task has seen it, it must not keep the turn
    (result,) = await asyncio.gather(task, return_exceptions=True)
    if result is None:
        await two.release_turn()
    await asyncio.wait_for(three.acquire_turn(), 20)
    for key in (one, two, three):
        await key.close()


@needs_proc
async def test_closing_while_a_thread_stands_in_line_returns_at_once_and_the_thread_lets_go_later(
    tmp_path: Path, no_leaks: Any
) -> None:
    async with no_leaks:
        one, two, three = [await opened(FileStore(tmp_path)) for _ in range(3)]
        await one.acquire_turn()
        task = asyncio.create_task(two.acquire_turn())
        await in_line(tmp_path, 1)
        begun = time.monotonic()
        await two.close()
        assert time.monotonic() - begun < 3.0  # the turn is not given back before that
        with pytest.raises(NonceStoreError, match="closed"):
            await task
        await one.release_turn()
        await asyncio.wait_for(three.acquire_turn(), 20)
        for key in (one, three):
            await key.close()
        while any(thread.name == "kraken_async-turn" for thread in threading.enumerate()):
            await asyncio.sleep(0)


def test_a_loop_that_ends_while_its_thread_stands_in_line_does_not_hang(tmp_path: Path) -> None:
    code = """if 1:
        import asyncio, sys, time
        from kraken_async.stores.file import FileStore
        async def main():
            one, two = FileStore(sys.argv[1]).key("k", "ns"), FileStore(sys.argv[1]).key("k", "ns")
            await one.open(time.monotonic)
            await two.open(time.monotonic)
            await one.acquire_turn()
            asyncio.ensure_future(two.acquire_turn())
            await asyncio.sleep(0.05)
        asyncio.run(main())
        print("ended")
        """
    done = forked.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.stdout == "ended\n", done.stderr


CHILD = """if 1:
    import asyncio, os, random, struct, sys, threading, time
    from kraken_async.stores.file import FileStore
    where, threads, calls, hold = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    count = os.open(where + "/count", os.O_RDWR)   # turns taken by anybody
    log = os.open(where + "/log", os.O_WRONLY | os.O_APPEND)
    most = []

    def taken():
        return struct.unpack("<Q", os.pread(count, 8, 0))[0]

    async def session():
        key = FileStore(where).key("k", "ns")
        key.on_flush_due = lambda: flushes.append(asyncio.ensure_future(key.flush()))
        flushes, waited = [], 0
        await key.open(time.monotonic)
        for _ in range(calls):
            asked = taken()
            await key.acquire_turn()
            got = taken()
            os.pwrite(count, struct.pack("<Q", got + 1), 0)
            waited = max(waited, got - asked)
            nonce = (await key.step(lambda shared: True))[1]
            await asyncio.sleep(random.random() * hold)
            os.write(log, b"%d %d\\n" % (nonce, os.getpid()))   # arrived
            await key.release_turn()
        await asyncio.gather(*flushes)
        await key.close()
        most.append(waited)

    print("ready", flush=True)
    sys.stdin.readline()
    workers = [threading.Thread(target=lambda: asyncio.run(session())) for _ in range(threads)]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(most) == threads
    print(time.monotonic() - begun, max(most))
    """


def crowd(
    where: Path, processes: int, threads: int, calls: int, hold: float
) -> tuple[list[float], int, list[tuple[int, str]]]:
    """Run processes of threads on one key.

    Return the seconds of each, the most turns waited, and nonces with their processes in order of arrival.
    """
    (where / "count").write_bytes(bytes(8))
    (where / "log").write_bytes(b"")
    arguments = [sys.executable, "-c", CHILD, str(where), str(threads), str(calls), str(hold)]
    children = [
        forked.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()
        answers = [child.communicate(timeout=300)[0].split() for child in children]
    finally:
        for child in children:
            child.kill()
            child.wait()
    lines = [line.split() for line in (where / "log").read_text().splitlines()]
    arrived = [(int(nonce), pid) for nonce, pid in lines]
    return [float(seconds) for seconds, _ in answers], max(int(most) for _, most in answers), arrived


def check_crowd(
    where: Path, processes: int, threads: int, calls: int, hold: float
) -> tuple[list[float], int, float]:
    """Check the order in which nonces arrive.

    Return the seconds of each process, the most turns waited, and how many more turns than another one a process had.
    """
    seconds, most, arrived = crowd(where, processes, threads, calls, hold)
    print(
        f"{processes}x{threads}: slowest/fastest {max(seconds) / min(seconds):.2f}, most turns waited {most}"
    )
    nonces, order = [nonce for nonce, _ in arrived], [pid for _, pid in arrived]
    assert len(nonces) == processes * threads * calls
    assert nonces == sorted(set(nonces))  # one at a time, in order of arrival
    begin = max(order.index(pid) for pid in set(order))  # a process that is started later has had no turn yet
    end = min(len(order) - order[::-1].index(pid) for pid in set(order))
    turns = [order[begin:end].count(pid) for pid in set(order)]
    assert sum(turns) > len(order) / 4, "they hardly met: this shows nothing"
    return seconds, most, max(turns) / min(turns)


def test_eight_processes_share_a_key_in_fair_turns(tmp_path: Path) -> None:
    """In one of three tries: a process that a busy machine keeps from asking misses turns, and waits none too long."""
    for number in range(3):
        where = tmp_path / str(number)
        where.mkdir()
        _, most, more = check_crowd(where, 8, 1, 60, 0.002)
        if most <= 60 and more <= 1.5:
            return
    raise AssertionError(f"the last of three: {most} turns waited, {more:.2f} times as many turns")


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_eight_processes_of_four_threads_share_a_key_in_fair_turns(tmp_path: Path) -> None:
    seconds, most, more = check_crowd(tmp_path, 8, 4, 500, 0.002)
    assert most <= 60
    assert more <= 1.5
    assert max(seconds) <= 1.5 * min(seconds)


@pytest.mark.skipif(not ticket_lock.available, reason="the kernel's order has to do here")
@needs_proc
async def test_a_process_killed_in_line_or_with_the_turn_holds_up_nobody(tmp_path: Path) -> None:
    code = """if 1:
        import asyncio, sys, time
        from kraken_async.stores.file import FileStore
        async def main():
            key = FileStore(sys.argv[1]).key("k", "ns")
            await key.open(time.monotonic)
            await key.acquire_turn()
            print("got it", flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
        """
    key = await opened(FileStore(tmp_path))
    children = []
    try:
        for number in range(4):  # the first has the turn, the others stand in line
            child = forked.Popen(
                [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
            )
            children.append(child)
            if number == 0:
                assert child.stdout is not None
                child.stdout.readline()
            else:
                await in_line(tmp_path, number)
        mine = asyncio.create_task(key.acquire_turn())
        await in_line(tmp_path, 4)
        children[3].kill()  # our predecessor, out of the middle of the line
        children[3].wait()
        await asyncio.sleep(0.02)
        assert not mine.done()
        assert inspect(tmp_path / "k.state").turn == children[0].pid
        for number in (0, 1):  # with the turn: the next one in line gets it, and we do not
            children[number].kill()
            children[number].wait()
            following = children[number + 1].stdout
            assert following is not None
            assert await asyncio.wait_for(asyncio.to_thread(following.readline), 20) == "got it\n"
            await asyncio.sleep(0.02)
            assert not mine.done()
        children[2].kill()
        await asyncio.wait_for(mine, 20)
        await draw(key)
    finally:
        for child in children:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
    await key.close()


def test_whose_predecessor_was_killed_in_line_is_not_at_the_head(tmp_path: Path) -> None:
    if not ticket_lock.available:
        pytest.skip("no line here")
    first, killed, third = (ticket_lock.Line(tmp_path / "line") for _ in range(3))
    assert [first.draw(), killed.draw(), third.draw()] == [1, 2, 3]
    first.wait(1)
    passed = threading.Thread(target=third.wait, args=(3,))
    passed.start()
    killed.close()  # as the kernel closes it
    passed.join(0.05)
    assert passed.is_alive()
    first.leave(1)
    passed.join(20)
    assert not passed.is_alive()
    for line in (first, third):
        line.close()


@needs_proc
async def test_nobody_passes_a_waiter_that_has_not_woken_up_yet(tmp_path: Path) -> None:
    """A hundred times, as whether it could be passed is a matter of microseconds."""
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    late = turn_of(tmp_path)
    for _ in range(100):
        await one.acquire_turn()
        waiter = asyncio.create_task(two.acquire_turn())
        await in_line(tmp_path, 1)
        await one.release_turn()
        assert not late.try_acquire()
        await waiter
        await two.release_turn()
    late.close()
    for key in (one, two):
        await key.close()


def test_a_damaged_counter_of_the_line_costs_order_but_not_exclusion(tmp_path: Path) -> None:
    if not ticket_lock.available:
        pytest.skip("no line here")
    line = ticket_lock.Line(tmp_path / "line")
    for content in (b"", b"xyz", b"\xff" * 8, bytes(8)):
        (tmp_path / "line").write_bytes(content)
        number = line.draw()
        assert number == 1
        line.wait(number)
        line.leave(number)
    line.close()


async def test_without_a_line_the_kernels_order_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_lock, "available", False)
    keys: list[KeyState] = [await opened(FileStore(tmp_path)) for _ in range(4)]
    inside = 0

    async def take(key: KeyState) -> None:
        nonlocal inside
        for _ in range(10):
            await key.acquire_turn()
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1
            await key.release_turn()

    await asyncio.gather(*(take(key) for key in keys))
    assert not (tmp_path / "k.line.lock").exists()
    for key in keys:
        await key.close()


def test_closing_a_lock_unlocks_it_though_a_copy_of_its_descriptor_lives(tmp_path: Path) -> None:
    one, two = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    copy = os.dup(one.fd)
    assert one.try_acquire()
    assert not two.try_acquire()
    one.close()
    one.close()
    assert two.try_acquire()
    two.abandon()
    os.close(copy)


def test_a_thread_that_ends_closes_nothing_that_is_being_unlocked(tmp_path: Path) -> None:
    helper = turn_helper.Helper(tmp_path.joinpath, urgent=False)
    fd = helper._lock("turn")
    assert helper._locks["turn"].try_acquire()
    helper.state = turn_helper.TAKEN
    ending = threading.Thread(target=helper._shut)
    with helper._mutex:  # as close() has it while it unlocks
        ending.start()
        ending.join(0.05)
        assert helper._locks["turn"].fd == fd
    ending.join()
    helper.close()
    other = FileLock(tmp_path / "turn")
    assert other.try_acquire()
    other.close()
