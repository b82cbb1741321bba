"""A thread that waits for the turn on behalf of a loop: offered, taken, given back, and gone when it is not wanted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores.file import turn_helper
from kraken_async.stores.file.turn_helper import IDLE, OFFERED, TAKEN, WAITING, Helper
from kraken_async.system.flock import FileLock


class Loop:
    """A loop that notes when something is to be called in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.called = threading.Event()
        self.is_closed = loop.is_closed

    def call_soon_threadsafe(self, callback: Callable[..., object], *given: object) -> None:
        self.called.set()
        self._loop.call_soon_threadsafe(callback, *given)


class Scene:
    """One helper, and what it has said."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.helper = Helper(self.path, urgent=False)
        self.said: list[OSError | None] = []
        self.came = asyncio.Event()
        self.locks: list[FileLock] = []

    def path(self, kind: str) -> Path:
        return self.tmp_path / f"k.{kind}.lock"

    def lock(self, kind: str = "turn") -> FileLock:
        """A descriptor of another session's."""
        self.locks.append(FileLock(self.path(kind)))
        return self.locks[-1]

    def arrived(self, helper: Helper, error: OSError | None) -> None:
        assert helper is self.helper
        self.said.append(error)
        self.came.set()

    def start(self) -> None:
        self.came.clear()
        self.helper.start(asyncio.get_running_loop(), self.arrived)

    async def arrival(self) -> None:
        await asyncio.wait_for(self.came.wait(), 20)

    def is_free(self) -> bool:
        lock = FileLock(self.path("turn"))
        free = lock.try_acquire()
        lock.close()
        return free


def threads() -> int:
    return sum(thread.name == "kraken_async-turn" for thread in threading.enumerate())


def until(true: Callable[[], bool]) -> None:
    """Look until it is true, without letting the loop run."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    yield made
    for lock in made.locks:
        lock.close()
    made.helper.close()
    until(lambda: threads() == 0)


async def test_it_is_offered_taken_and_given_back_by_one_thread(scene: Scene) -> None:
    helper = scene.helper
    assert (helper.state, helper.forked) == (IDLE, False)
    for _ in range(3):
        scene.start()
        scene.start()  # it waits already
        await scene.arrival()
        assert helper.state == OFFERED
        assert helper.take()
        assert helper.state == TAKEN
        assert not scene.is_free()
        helper.release()
        assert helper.state == IDLE
        assert scene.is_free()
    assert scene.said == [None] * 3
    assert threads() == 1
    helper.close()
    helper.join(20)
    assert threads() == 0
    scene.start()  # closed: nothing begins
    assert (helper.state, threads()) == (IDLE, 0)


async def test_what_is_not_free_is_waited_for(scene: Scene) -> None:
    lock = scene.lock()
    assert lock.try_acquire()
    scene.start()
    assert scene.helper.state == WAITING
    await asyncio.sleep(0.01)
    assert scene.said == []
    lock.release()
    await scene.arrival()
    assert scene.helper.take()
    scene.helper.join(20)  # it is not idle: there is nothing to wait for


@pytest.mark.parametrize("taken", [False, True])
async def test_closing_gives_back_what_was_offered_or_taken(scene: Scene, taken: bool) -> None:
    scene.start()
    await scene.arrival()
    if taken:
        scene.helper.take()
    scene.helper.close()
    assert scene.is_free()
    assert scene.helper.state == IDLE
    assert not scene.helper.take()
    until(lambda: threads() == 0)


async def test_a_loop_that_does_not_react_costs_the_others_a_moment_and_is_offered_it_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert turn_helper.GRANT == 0.25
    monkeypatch.setattr(turn_helper, "GRANT", 0.01)
    lock = scene.lock()
    loop: Any = Loop(asyncio.get_running_loop())
    scene.helper.start(loop, scene.arrived)
    assert loop.called.wait(20)
    until(lock.try_acquire)  # the loop does not run meanwhile
    until(lambda: scene.helper.state == WAITING)
    await scene.arrival()  # late
    assert not scene.helper.take()
    scene.came.clear()
    lock.release()
    await scene.arrival()
    monkeypatch.setattr(turn_helper, "GRANT", 20.0)
    while not scene.helper.take():  # it may have been given back once more
        scene.came.clear()
        await scene.arrival()
    assert not scene.is_free()
    scene.helper.release()


async def test_a_thread_ends_with_a_loop_that_was_closed_without_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = scene.lock()
    assert lock.try_acquire()
    loop = asyncio.new_event_loop()
    scene.helper.start(loop, scene.arrived)
    loop.close()
    lock.release()
    until(lambda: threads() == 0)
    assert scene.is_free()
    assert scene.said == []


async def test_a_thread_ends_with_a_loop_that_is_closed_after_the_offer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_helper, "GRANT", 0.01)
    monkeypatch.setattr(turn_helper, "LOOK", 0.01)
    other = asyncio.new_event_loop()
    loop: Any = Loop(other)
    scene.helper.start(loop, scene.arrived)
    assert loop.called.wait(20)
    until(scene.is_free)
    other.close()
    until(lambda: threads() == 0)
    assert scene.is_free()


async def test_what_cannot_be_waited_for_is_said_and_may_be_tried_again(scene: Scene) -> None:
    scene.tmp_path.rename(scene.tmp_path.with_name("away"))
    scene.start()
    await scene.arrival()
    (error,) = scene.said
    assert isinstance(error, FileNotFoundError)
    assert scene.helper.state == IDLE
    scene.tmp_path.with_name("away").rename(scene.tmp_path)
    scene.start()
    await scene.arrival()
    assert scene.helper.take()
    scene.helper.release()


@pytest.mark.parametrize(
    ("error", "said"),
    [(RuntimeError("can't start new thread"), "can't start new thread"), (MemoryError(), "out of memory")],
)
async def test_a_thread_that_cannot_start_is_an_error_and_may_start_later(
    scene: Scene, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(thread: threading.Thread) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fails)
        with pytest.raises(NonceStoreError, match=said):
            scene.start()
    assert scene.helper.state == IDLE
    scene.start()
    await scene.arrival()
    assert scene.helper.take()
    scene.helper.release()


async def test_an_ordinary_call_lets_a_waiting_cancel_go_before_it_eight_times(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(turn_helper, "time", SimpleNamespace(sleep=pauses.append))
    urgent = scene.lock("urgent")
    assert urgent.try_acquire()  # a cancel waits, and does not come
    scene.start()
    await scene.arrival()
    assert pauses == [0.001] * 8
    assert scene.helper.take()
    scene.helper.release()
    urgent.release()
    pauses.clear()
    scene.start()
    await scene.arrival()
    assert pauses == []
    assert scene.helper.take()
    scene.helper.release()


async def test_a_cancel_waits_beside_the_line_and_says_so(scene: Scene) -> None:
    scene.helper.close()
    scene.helper = Helper(scene.path, urgent=True)
    turn, urgent, next_ = scene.lock(), scene.lock("urgent"), scene.lock("next")
    assert turn.try_acquire()
    scene.start()
    until(lambda: not _tried(urgent))
    assert not _tried(next_)
    turn.release()
    await scene.arrival()
    assert _tried(urgent)
    assert _tried(next_)
    assert not scene.path("line").exists()
    assert scene.helper.take()
    scene.helper.release()


def _tried(lock: FileLock) -> bool:
    """Whether a lock is free: it is taken for a moment to see it."""
    free = lock.try_acquire()
    if free:
        lock.release()
    return free
