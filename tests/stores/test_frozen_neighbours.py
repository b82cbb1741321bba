"""Other processes on the key that stand still (SIGSTOP) while they hold something, and loops that do not run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores import waiting
from kraken_async.stores.base import KeyState, Shared
from kraken_async.stores.file import FileStore, state_file, turn
from kraken_async.stores.file.floors import Floors
from kraken_async.system.durable import Disk
from tests import forked
from tests.stores.store_support import FailingDisk, draw, in_line, needs_proc, opened, setting, yes

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")

#: A process on the key that stops itself at a point of a step, and then tells its nonce.
STOPS = """
import asyncio, os, signal, sys, threading, time
from kraken_async.stores.file import FileStore, layout
from kraken_async.stores.file.record import Record
where, point = sys.argv[1:]

def stop():
    print("stopped", flush=True)
    # To this very thread: one that sends it to its process may go on until the main thread has taken it.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

def at(name):
    if name == point:
        layout.fault = None
        stop()

def choose(shared):
    global point
    if point == "chosen":
        point = ""
        stop()
    shared.level = 1.0
    return True

async def main():
    key = FileStore(where).key("k", "ns")
    await key.open(time.monotonic)
    await key.step(lambda shared: True)
    layout.fault = at
    if point == "turn":
        await key.acquire_turn()
        stop()
        await key.release_turn()
    elif point == "line":
        task = asyncio.create_task(key.acquire_turn())
        while "k.turn.lock" and not key._turn._ordinary._line:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        stop()
        await task
        await key.release_turn()
    elif point == "disk":
        task = asyncio.create_task(key.flush())
        layout.fault = lambda name: name == "slot A synced" and stop()
        from kraken_async.stores.file import state_file
        state_file.low_ceiling = lambda *_: 2**62
        await task
    else:
        nonce = (await key.step(choose))[1]
        print(nonce, flush=True)
    sys.stdin.readline()
    await key.close()
asyncio.run(main())
"""


class Neighbour:
    """A child process on the key."""

    def __init__(self, where: Path, point: str) -> None:
        self.process = forked.Popen(
            [sys.executable, "-c", STOPS, str(where), point],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    async def stopped(self) -> None:
        """Until it stands still."""
        assert await asyncio.to_thread(self.line) == "stopped"
        threads = Path(f"/proc/{self.process.pid}/task")
        while {each.read_text().rpartition(")")[2].split()[0] for each in threads.glob("*/stat")} != {"T"}:
            await asyncio.sleep(0.005)

    def go_on(self) -> None:
        """Let it run again."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it, whatever it is at."""
        self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


Starting = Callable[[str], Neighbour]


@pytest.fixture
def neighbour(tmp_path: Path) -> Iterator[Starting]:
    """Start a process that stops at a point."""
    started: list[Neighbour] = []

    def start(point: str) -> Neighbour:
        started.append(Neighbour(tmp_path, point))
        return started[-1]

    yield start
    for each in started:
        each.end()


async def within(seconds: float, work: Awaitable[object]) -> float:
    """Await; return how long it took."""
    began = time.monotonic()
    await asyncio.wait_for(work, seconds)
    return time.monotonic() - began


@pytest.mark.parametrize("point", ["chosen", "header written"])
async def test_a_cancel_goes_past_a_nonce_lock_that_a_stopped_process_keeps(
    point: str, tmp_path: Path, neighbour: Starting
) -> None:
    key = await opened(FileStore(tmp_path))
    other = neighbour(point)
    await other.stopped()
    last = key.seen.last
    ordinary = asyncio.create_task(draw(key))
    nonces, took = [], []
    for _ in range(3):
        began = time.monotonic()
        nonces.append(await draw(key, overtake=True))
        took.append(time.monotonic() - began)
    assert min(took) < 1.0  # of three: one or another meets a busy machine
    assert last < nonces[0] < nonces[1] < nonces[2]
    assert not ordinary.done()
    assert key.figures()["past_the_nonce_lock"] == 3
    other.go_on()
    theirs = int(await asyncio.to_thread(other.line))
    mine = await asyncio.wait_for(ordinary, 20)
    assert theirs > nonces[-1]  # taken again above all that went past
    assert mine > nonces[-1]
    assert mine != theirs
    await key.close()


async def test_two_cancels_past_the_same_lock_never_share_a_nonce(
    tmp_path: Path, neighbour: Starting
) -> None:
    keys = [await opened(FileStore(tmp_path)) for _ in range(3)]
    await keys[0].jump(10**12)  # ahead of the clock, where nothing but the floors keeps them apart
    for key in keys:
        await draw(key)
    await neighbour("chosen").stopped()
    drawn = await asyncio.gather(*(draw(key, overtake=True) for key in keys for _ in range(5)))
    assert len(set(drawn)) == 15
    for key in keys:
        await key.close()


async def test_what_went_past_the_lock_is_charged_and_taken_back_for_all(
    tmp_path: Path, neighbour: Starting
) -> None:
    key, third = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    other = neighbour("chosen")
    await other.stopped()

    def cancel(shared: Shared) -> bool:
        shared.engine["XBTUSD"] = [8.0, 1.0]
        shared.cancelled_all_at = 5.0
        shared.recalled.note("mine", 100.0)
        shared.mark_changed()
        return True

    await key.step(cancel, overtake=True)
    other.go_on()
    await draw(key)
    seen = await third.update(lambda shared: shared)
    assert (seen.engine, seen.cancelled_all_at) == ({"XBTUSD": [8.0, 1.0]}, 5.0)
    assert seen.recalled.names("mine", 99.0)
    for each in (key, third):
        await each.close()


async def test_the_next_start_is_above_what_went_past_the_lock_and_above_the_ceiling(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    high = await draw(key) + 10**13
    floors = Floors(tmp_path / "k.floors", Disk())
    assert floors.publish(high) == high + 1
    floors.close()
    assert await draw(key) > high
    await key.close()
    key = await opened(FileStore(tmp_path))
    assert await draw(key) > high
    assert (tmp_path / "k.floors").stat().st_size == 0
    await key.close()


def test_floors_that_were_emptied_begin_anew_and_none_of_the_new_ones_is_missed(tmp_path: Path) -> None:
    one = Floors(tmp_path / "f", Disk())
    assert [one.publish(100), one.publish(50)] == [101, 102]  # above all floors, whatever it was asked above
    one.empty()
    two = Floors(tmp_path / "f", Disk())
    assert two.highest == 0
    assert two.publish(200) == 201
    assert one.read() == 201
    assert [one.publish(201), two.publish(0)] == [202, 203]
    for each in (one, two):
        each.close()


def test_a_torn_entry_hides_no_other(tmp_path: Path) -> None:
    one, two = Floors(tmp_path / "f", Disk()), Floors(tmp_path / "f", Disk())
    one.publish(100)
    with (tmp_path / "f").open("ab") as file:
        file.write(b"flr\n123")
    two.publish(200)
    assert one.read() == 201
    assert two.read() == 201
    one.close()
    two.close()


async def test_the_ceiling_used_up_and_the_disk_lock_kept_by_a_stopped_process(
    tmp_path: Path, neighbour: Starting, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await opened(FileStore(tmp_path), flushed=True)
    await neighbour("disk").stopped()
    now = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: now)
    began = time.monotonic()
    assert await draw(key, overtake=True) == now
    assert time.monotonic() - began < 4.0  # a call that may wait waits 5 s
    assert not key.durable
    assert "cannot be written" in key.problems()[0]
    assert key.figures()["disk_errors"] > 0
    began = time.monotonic()
    await key.close()
    # It waits for the lock for one second, and not for as long as it is kept.
    assert time.monotonic() - began < 5.0


async def test_a_session_opens_beside_a_stopped_process_that_keeps_the_disk_lock(
    tmp_path: Path, neighbour: Starting
) -> None:
    key = await opened(FileStore(tmp_path), flushed=True)
    last = await draw(key)
    other = neighbour("disk")
    await other.stopped()
    began = time.monotonic()
    late = await opened(FileStore(tmp_path), flushed=True)
    assert time.monotonic() - began < 5.0  # likewise
    assert await draw(late, overtake=True) > last
    await late.update(setting(touched=True, halted=True))
    assert await key.update(lambda shared: shared.halted)
    other.go_on()
    for each in (late, key):
        await each.close()


async def test_a_change_of_the_shared_state_waits_two_seconds_and_names_the_process(
    tmp_path: Path, neighbour: Starting
) -> None:
    key = await opened(FileStore(tmp_path))
    other = neighbour("chosen")
    await other.stopped()
    with pytest.raises(NonceStoreError, match=rf"process {other.process.pid} \(stopped\)"):
        await within(20.0, key.update(setting(halted=True)))
    await key.close()


@pytest.mark.parametrize("point", ["turn", "line"])
async def test_who_keeps_what_is_waited_for_is_said(
    point: str,
    tmp_path: Path,
    neighbour: Starting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(waiting, "SAY_AFTER", 0.3)
    monkeypatch.setattr(turn, "STUCK", 60.0)  # not past the line here
    key, holder = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    if point == "line":
        await holder.acquire_turn()
    other = neighbour(point)
    await other.stopped()
    if point == "line":
        await holder.release_turn()
    task = asyncio.create_task(key.acquire_turn())
    while not caplog.records:
        await asyncio.sleep(0.02)
    (wait,) = key.waiting()
    assert wait.what == "the turn"
    assert wait.seconds >= 0.3
    if point == "turn":
        assert wait.holder == f"process {other.process.pid} (stopped)"
        assert str(wait) in caplog.text or wait.holder in caplog.text
        assert any(wait.holder in problem for problem in key.problems())
    other.go_on()
    await asyncio.wait_for(task, 20)
    assert key.waiting() == ()
    for each in (key, holder):
        await each.close()


async def test_the_turn_goes_past_a_line_in_which_a_process_stands_still(
    tmp_path: Path, neighbour: Starting
) -> None:
    holder, key = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await holder.acquire_turn()
    await draw(holder)
    await neighbour("line").stopped()
    task = asyncio.create_task(key.acquire_turn())
    await asyncio.sleep(0)
    await holder.release_turn()
    await within(20.0, task)  # not for as long as it stands still
    await key.release_turn()
    assert key._turn.past == 1  # type: ignore[attr-defined]  # counted there
    for each in (key, holder):
        await each.close()


BLOCKED = """
import asyncio, sys, time
from kraken_async.stores.file import FileStore
async def main():
    key = FileStore(sys.argv[1]).key("k", "ns")
    await key.open(time.monotonic)
    task = asyncio.create_task(key.acquire_turn())
    while not key._turn.waits:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    print("blocks", flush=True)
    sys.stdin.readline()  # the loop's own thread
    await task
    print("has the turn", flush=True)
    await key.release_turn()
    await key.close()
asyncio.run(main())
"""


async def test_a_loop_that_does_not_run_keeps_no_place_in_line(tmp_path: Path) -> None:
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.acquire_turn()
    child = forked.Popen(
        [sys.executable, "-c", BLOCKED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        assert (await asyncio.to_thread(child.stdout.readline)).strip() == "blocks"
        behind = asyncio.create_task(two.acquire_turn())
        await asyncio.sleep(0.05)
        await one.release_turn()
        await within(20.0, behind)  # not for as long as the other blocks
        await two.release_turn()
        for _ in range(5):  # and the turn goes round
            await within(20.0, one.acquire_turn())
            await one.release_turn()
        child.stdin.write("\n")
        child.stdin.flush()
        assert (await asyncio.to_thread(child.stdout.readline)).strip() == "has the turn"
        assert await asyncio.to_thread(child.wait, 20) == 0
    finally:
        child.kill()
        child.wait(5)
        child.stdin.close()
        child.stdout.close()
    for each in (one, two):
        await each.close()


async def beside_the_line(path: Path, count: int) -> None:
    """Until so many threads say that a cancel waits."""

    def there() -> int:
        inode = f":{(path / 'k.urgent.lock').stat().st_ino} "
        lines = Path("/proc/locks").read_text().splitlines()
        return sum(inode in line and " -> " not in line for line in lines)

    while not (path / "k.urgent.lock").exists() or min(there() for _ in range(5)) < count:
        await asyncio.sleep(0)


@needs_proc
async def test_a_cancels_wait_goes_before_all_that_wait_in_the_line(tmp_path: Path) -> None:
    keys = [await opened(FileStore(tmp_path)) for _ in range(6)]
    order: list[int] = []

    async def take(number: int, *, urgent: bool = False) -> None:
        await keys[number].acquire_turn(urgent=urgent)
        order.append(number)
        await asyncio.sleep(0.01)
        await keys[number].release_turn()

    await keys[0].acquire_turn()
    tasks = []
    for number in range(1, 5):
        tasks.append(asyncio.create_task(take(number)))
        await in_line(tmp_path, number)
    tasks.append(asyncio.create_task(take(5, urgent=True)))
    await asyncio.sleep(0)  # it begins to wait
    keys[4].hurry()  # the last in the line
    await beside_the_line(tmp_path, 2)
    await keys[0].release_turn()
    await asyncio.wait_for(asyncio.gather(*tasks), 20)
    assert set(order[:2]) == {4, 5}
    assert order[2:] == [1, 2, 3]
    for key in keys:
        await key.close()


async def test_a_descriptor_that_is_missing_for_a_moment_ends_nothing(
    tmp_path: Path, neighbour: Starting, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await opened(FileStore(tmp_path))
    other = neighbour("chosen")
    await other.stopped()

    def full(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("kraken_async.system.flock.os.open", full)
        with pytest.raises(NonceStoreError, match="Too many open files"):
            await within(20.0, draw(key))
        assert await draw(key, overtake=True) > 0
    other.go_on()
    assert await asyncio.wait_for(draw(key), 20) > 0
    await key.close()


async def test_a_thread_that_cannot_start_is_that_calls_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.acquire_turn()

    def none_left(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("threading.Thread.start", none_left)
        with pytest.raises(NonceStoreError, match="can't start new thread"):
            await two.acquire_turn()
        await two.flush()  # says so, and goes on
        assert not two.durable
    await two.flush()
    assert two.durable
    await one.release_turn()
    await two.acquire_turn()
    for each in (one, two):
        await each.close()


async def test_a_disk_that_hangs_does_not_hold_up_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, met = threading.Event(), threading.Event()

    class Hanging(FailingDisk):
        def sync(self, fd: int) -> None:
            if not hangs.is_set():
                met.set()
            hangs.wait(40)
            super().sync(fd)

    hangs.set()
    key: KeyState = await opened(FileStore(tmp_path, disk=Hanging()))
    await key.step(yes)
    hangs.clear()
    # So that it is raised whatever was raised before.
    monkeypatch.setattr(state_file, "low_ceiling", lambda *_: 2**62)
    flushing = asyncio.create_task(key.flush())
    assert await asyncio.to_thread(met.wait, 20)
    try:
        assert await within(20.0, key.close()) < 5.0  # it waits for the disk for one second
    finally:
        hangs.set()
    await flushing
    assert os.path.exists(tmp_path / "k.state")
