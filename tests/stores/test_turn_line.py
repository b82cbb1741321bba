"""A session's turn beside a line that stands still, on virtual time: no helper thread, but what it would say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores.file import turn as module
from kraken_async.stores.file.turn import Turn
from kraken_async.stores.file.turn_helper import IDLE, TAKEN, WAITING
from kraken_async.system.flock import FileLock
from tests.virtual_time import virtual


class Standing:
    """A helper whose thread waits as long as the test wants."""

    made: list[Standing] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, path: Callable[[str], Path], *, urgent: bool) -> None:
        self.urgent, self.state, self.forked = urgent, IDLE, False
        self.starts, self.released, self.closed = 0, 0, 0
        self.joined: list[float] = []
        self.refuses = False
        self.fails = False
        Standing.made.append(self)

    def start(self, loop: asyncio.AbstractEventLoop, arrived: Any) -> None:
        if self.fails:
            raise NonceStoreError("can't start new thread")
        self.starts += 1
        self.state, self._arrived = WAITING, arrived

    def arrive(self, error: OSError | None = None) -> None:
        """Offer the turn, or say why it cannot be waited for."""
        self._arrived(self, error)

    def take(self) -> bool:
        self.state = IDLE if self.refuses else TAKEN
        return not self.refuses

    def release(self) -> None:
        self.released += 1
        self.state = IDLE

    def close(self) -> None:
        self.closed += 1

    def join(self, seconds: float) -> None:
        self.joined.append(seconds)

    def left_behind(self) -> None:
        self.forked = True


@pytest.fixture(autouse=True)
def helpers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "Helper", Standing)
    Standing.made = []
    yield
    Standing.made = []


class Scene:
    """One turn, and a lock by which another session has it."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = asyncio.get_running_loop().time
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=self.clock))
        self.moved_at = 0.0
        self.turn = Turn(lambda kind: tmp_path / f"k.{kind}.lock", lambda: self.moved_at)
        self.ordinary, self.urgent = Standing.made
        self.other = FileLock(tmp_path / "k.turn.lock")
        self.next = FileLock(tmp_path / "k.next.lock")

    async def asked(self, *, urgent: bool = False) -> asyncio.Task[None]:
        """Ask for the turn; return the task once it waits."""
        waiting = asyncio.create_task(self.turn.wait(urgent=urgent))
        await asyncio.sleep(0)
        return waiting

    def close(self) -> None:
        self.turn.close()
        self.other.close()
        self.next.close()


Staged = Callable[[], Scene]


@pytest.fixture
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staged:
    """Make a scene in the loop of the test."""
    return lambda: Scene(tmp_path, monkeypatch)


@virtual
async def test_a_free_turn_is_taken_once_and_not_while_someone_waits_for_it(staged: Staged) -> None:
    scene = staged()
    turn = scene.turn
    assert (turn.idle, turn.held) == (True, False)
    assert turn.try_acquire()
    assert (turn.idle, turn.held) == (False, True)
    assert not turn.try_acquire()
    assert not scene.other.try_acquire()
    turn.release()
    turn.release()  # it is not held
    assert turn.idle
    assert scene.other.try_acquire()
    assert not turn.try_acquire()
    scene.other.release()
    assert scene.next.try_acquire()  # someone waits
    assert not turn.try_acquire()
    assert scene.other.try_acquire()  # and it was not kept
    scene.other.release()
    scene.next.release()
    assert turn.try_acquire()
    assert scene.next.try_acquire()  # nor was the place before it
    assert (turn.waits, turn.past) == (0, 0)
    scene.close()


@virtual
async def test_past_a_line_that_stands_still_it_is_taken_after_a_second(staged: Staged) -> None:
    scene = staged()
    began = scene.clock()
    await scene.turn.wait()
    assert scene.clock() - began == pytest.approx(1.0)
    assert (scene.turn.waits, scene.turn.past) == (1, 1)
    assert scene.turn.held
    assert not scene.other.try_acquire()
    assert (scene.ordinary.starts, scene.urgent.starts) == (1, 0)
    scene.turn.release()
    assert scene.other.try_acquire()
    scene.close()


@virtual
async def test_as_long_as_the_turn_moves_the_line_is_waited_in(staged: Staged) -> None:
    scene = staged()
    began = scene.clock()
    waiting = asyncio.create_task(scene.turn.wait())
    for _ in range(10):
        await asyncio.sleep(0.45)
        scene.moved_at = scene.clock()
    assert not waiting.done()
    await waiting
    # The last move was after 4.5 s; it is looked at every second.
    assert scene.clock() - began == pytest.approx(6.0)
    scene.close()


@virtual
async def test_a_turn_that_is_in_use_is_tried_every_twentieth_of_a_second_once_the_line_is_stuck(
    staged: Staged,
) -> None:
    scene = staged()
    assert scene.other.try_acquire()
    began = scene.clock()
    waiting = asyncio.create_task(scene.turn.wait())
    await asyncio.sleep(1.32)
    assert not waiting.done()
    scene.other.release()
    await waiting
    assert scene.clock() - began == pytest.approx(1.35)
    assert scene.turn.past == 1
    scene.close()


@virtual
async def test_what_a_helper_brings_goes_to_the_first_that_waits_and_back_when_all_have_left(
    staged: Staged,
) -> None:
    scene = staged()
    first, second = (asyncio.create_task(scene.turn.wait()) for _ in range(2))
    await asyncio.sleep(0)
    assert not scene.turn.idle
    scene.ordinary.arrive()
    await first
    assert scene.turn.held
    assert not second.done()
    scene.turn.release()
    assert scene.ordinary.released == 1
    assert scene.ordinary.starts == 2 + 1  # each began to wait, and the second does again
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    scene.ordinary.arrive()
    assert not scene.turn.held
    assert scene.ordinary.released == 2  # given back at once
    assert scene.turn.idle
    scene.close()


@virtual
async def test_what_comes_by_two_ways_is_kept_once(staged: Staged) -> None:
    scene = staged()
    waiting = await scene.asked()
    scene.turn.hurry()
    assert scene.urgent.starts == 1
    scene.urgent.arrive()
    await waiting
    scene.ordinary.arrive()
    assert scene.turn.held
    assert (scene.urgent.released, scene.ordinary.released) == (0, 1)
    scene.turn.hurry()  # nothing waits
    assert scene.urgent.starts == 1
    scene.turn.release()
    assert scene.urgent.released == 1
    scene.close()


@virtual
async def test_an_offer_that_was_taken_back_gives_nothing(staged: Staged) -> None:
    scene = staged()
    waiting = await scene.asked(urgent=True)
    assert (scene.ordinary.starts, scene.urgent.starts) == (0, 1)
    scene.urgent.refuses = True
    scene.urgent.arrive()
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not scene.turn.held
    scene.urgent.refuses = False
    scene.urgent.arrive()
    await waiting
    scene.close()


@virtual
async def test_who_cannot_wait_is_told_and_so_are_all_who_wait_with_it(staged: Staged) -> None:
    scene = staged()
    waiting = [asyncio.create_task(scene.turn.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    scene.ordinary.arrive(OSError(24, "Too many open files"))
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each).__name__ for each in found] == ["NonceStoreError", "CancelledError", "NonceStoreError"]
    assert "Too many open files" in str(found[0])
    scene.ordinary.fails = True
    with pytest.raises(NonceStoreError, match="can't start new thread"):
        await scene.turn.wait()
    scene.close()


@virtual
async def test_a_thread_that_cannot_start_when_the_turn_is_given_back_fails_those_who_wait(
    staged: Staged,
) -> None:
    scene = staged()
    assert scene.turn.try_acquire()
    waiting = await scene.asked()
    assert scene.ordinary.starts == 0  # it is here: no one has to wait for it in the kernel
    scene.ordinary.fails = True
    scene.turn.release()
    with pytest.raises(NonceStoreError, match="can't start new thread"):
        await waiting
    scene.close()


@virtual
async def test_given_in_the_moment_of_being_cancelled_it_goes_on(staged: Staged) -> None:
    scene = staged()
    first, second = (asyncio.create_task(scene.turn.wait()) for _ in range(2))
    await asyncio.sleep(0)
    scene.ordinary.arrive()
    first.cancel()
    await asyncio.sleep(0)
    assert first.cancelled()
    assert not scene.turn.held
    assert scene.ordinary.released == 1
    scene.ordinary.arrive()
    await second
    assert scene.turn.held
    scene.close()


@virtual
async def test_closing_gives_it_back_fails_who_waits_and_gives_the_threads_a_quarter_of_a_second(
    staged: Staged,
) -> None:
    scene = staged()
    assert scene.turn.try_acquire()
    waiting = await scene.asked()
    scene.turn.close()
    scene.turn.close()
    with pytest.raises(NonceStoreError, match="the store was closed"):
        await waiting
    for helper in (scene.ordinary, scene.urgent):
        assert helper.joined == [0.25]
        assert helper.closed == 1
    assert scene.other.try_acquire()
    assert [lock.fd for lock in scene.turn.locks] == [-1, -1]
    await asyncio.sleep(5.0)  # no timer of its own raises
    scene.other.close()
    scene.next.close()


@virtual
async def test_given_and_closed_before_its_waiter_ran_it_is_not_held(staged: Staged) -> None:
    scene = staged()
    waiting = await scene.asked()
    scene.ordinary.arrive()
    scene.turn.close()
    with pytest.raises(NonceStoreError, match="the store was closed"):
        await waiting
    assert scene.ordinary.released == 1
    scene.ordinary.arrive()  # late: closed
    assert not scene.turn.held
    scene.close()


@virtual
async def test_a_turn_that_was_forgotten_closes_its_threads_and_a_forked_child_does_not(
    staged: Staged,
) -> None:
    scene = staged()
    ordinary, urgent = scene.ordinary, scene.urgent
    del scene.turn
    assert (ordinary.closed, urgent.closed) == (1, 1)
    Standing.made = []
    again = staged()
    again.turn.left_behind()
    assert again.ordinary.forked
    del again.turn
    assert (again.ordinary.closed, again.urgent.closed) == (0, 0)
    for each in (scene, again):
        each.other.close()
        each.next.close()


@virtual
async def test_a_helper_of_a_turn_that_was_forgotten_is_closed_when_it_arrives(staged: Staged) -> None:
    scene = staged()
    waiting = await scene.asked()
    ordinary = scene.ordinary
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    del scene.turn, waiting
    await asyncio.sleep(2.0)  # its timer finds none either
    closed = ordinary.closed
    ordinary.arrive()
    assert ordinary.closed == closed + 1
    scene.other.close()
    scene.next.close()
