"""How long a session waits for its disk, and for another's lock; on virtual time, with a disk that is a future."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import KeyState, Shared
from kraken_async.stores.file import FileStore, ceiling, hold, inspect, nonce_lock, turn
from kraken_async.stores.file import key as key_module
from kraken_async.system.flock import FileLock, Holder
from tests.stores.store_support import FailingDisk, draw, nothing, opened, setting, yes
from tests.virtual_time import virtual


@pytest.fixture(autouse=True)
def read_at_once() -> Iterator[None]:
    """Let opening read its file without the loop's executor: virtual time does not wait for those threads."""

    @asynccontextmanager
    async def plain(fd: int, *_: Any, **__: Any) -> AsyncIterator[Any]:
        async def read(size: int) -> bytes:
            return os.pread(fd, size, 0)

        yield SimpleNamespace(read=read)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_module, "aiofiles", SimpleNamespace(open=plain))
        yield


async def polled(path: Path) -> FileLock:
    """Wait for a lock as virtual time can: by looking."""
    lock = FileLock(path)
    async with asyncio.timeout(7200):
        while not lock.try_acquire():
            await asyncio.sleep(0.01)
    return lock


class SlowThreads:
    """Threads whose work is done when the test lets it be; those of one module."""

    def __init__(self, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pending: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []
        self.undo: Callable[[Any], object] = print
        monkeypatch.setattr(module, "in_thread", self._start)
        monkeypatch.setattr(ceiling, "time", SimpleNamespace(monotonic=asyncio.get_running_loop().time))

    def _start(
        self, work: Callable[[], Any], undo: Callable[[Any], object] = print, **__: Any
    ) -> asyncio.Future[Any]:
        self.undo = undo
        future = asyncio.get_running_loop().create_future()
        self.pending.append((future, work))
        return future

    def go_on(self) -> None:
        while self.pending:
            future, work = self.pending.pop()
            if not future.done():
                future.set_result(work())


async def took(work: Any) -> float:
    """Await something, and return the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await work
    return loop.time() - began


async def beyond(tmp_path: Path, **options: Any) -> KeyState:
    """A hold whose ceiling is used up: the clock has gone far beyond it."""
    key = await opened(FileStore(tmp_path, **options))
    await draw(key)
    await asyncio.sleep(3600)
    return key


@virtual
async def test_a_call_waits_five_seconds_for_the_disk_and_then_for_five_it_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await beyond(tmp_path)
    threads = SlowThreads(ceiling, monkeypatch)
    assert await took(draw(key)) == pytest.approx(5.0)
    assert not key.durable
    assert "no answer from the disk for 5.0 s" in key.problems()[0]
    assert await took(draw(key)) == 0.0
    await asyncio.sleep(4.9)
    assert await took(draw(key)) == 0.0
    assert key.figures()["disk_errors"] == 1
    await asyncio.sleep(0.2)
    assert await took(draw(key)) == pytest.approx(5.0)  # asked again, as nothing else does it here
    assert key.figures()["disk_errors"] == 2
    assert len(threads.pending) == 1  # the one that has not come back yet
    threads.go_on()
    await asyncio.sleep(0)
    assert key.durable
    assert key.problems() == ()
    assert key.figures()["raises"] == 1
    await asyncio.sleep(3600)
    monkeypatch.undo()
    assert await took(draw(key)) == 0.0
    await key.close()


@virtual
async def test_a_raise_that_no_one_waits_for_any_more_closes_the_file_that_it_made_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await beyond(tmp_path)
    threads = SlowThreads(ceiling, monkeypatch)
    await draw(key, overtake=True)
    closed: list[str] = []
    for name, found in (("the old one", None), ("made again", object())):
        file: Any = SimpleNamespace(close=lambda name=name: closed.append(name))
        made: Any = found
        threads.undo(ceiling.Raised(5, file, made))
    assert closed == ["made again"]
    threads.go_on()
    await asyncio.sleep(0)
    monkeypatch.undo()
    await key.close()


@virtual
async def test_with_a_flush_in_the_background_calls_go_on_while_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await beyond(tmp_path)
    due: list[float] = []
    key.on_flush_due = lambda: due.append(asyncio.get_running_loop().time())
    SlowThreads(ceiling, monkeypatch)
    await draw(key)
    await asyncio.sleep(60.0)
    assert due == []  # the disk had failed just now
    assert await took(draw(key)) == 0.0  # without a ceiling
    assert len(due) == 1
    await draw(key)
    assert len(due) == 1  # it is known
    assert await took(key.flush()) == pytest.approx(5.0)
    await draw(key)
    assert len(due) == 1  # it has failed again, and rests
    await asyncio.sleep(5.1)
    await draw(key)
    assert len(due) == 2
    monkeypatch.undo()
    key.drop()


@virtual
async def test_an_overtaking_cancel_waits_three_tenths_of_a_second_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await beyond(tmp_path)
    threads = SlowThreads(ceiling, monkeypatch)
    assert await took(draw(key, overtake=True)) == pytest.approx(0.3)
    assert not key.durable
    threads.go_on()
    await asyncio.sleep(0)
    assert key.durable
    monkeypatch.undo()
    await key.close()


@virtual
async def test_with_strict_durability_a_call_is_refused_at_once_while_the_disk_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await beyond(tmp_path, strict_durability=True)
    SlowThreads(ceiling, monkeypatch)
    loop = asyncio.get_running_loop()
    for wait, pause in ((5.0, 0.0), (0.0, 4.9), (0.0, 0.2), (5.0, 0.0)):
        began = loop.time()
        with pytest.raises(NonceStoreError, match="strict_durability"):
            await draw(key)
        assert loop.time() - began == pytest.approx(wait)
        await asyncio.sleep(pause)
    monkeypatch.undo()
    key.drop()


@virtual
@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()], ids=repr)
@pytest.mark.parametrize("strict", [False, True])
async def test_without_a_thread_the_disk_counts_as_failing(
    error: Exception, strict: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await beyond(tmp_path, strict_durability=strict)

    def none(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(ceiling, "in_thread", none)
    if strict:
        with pytest.raises(NonceStoreError, match="strict_durability"):
            await draw(key)
    else:
        assert await draw(key) > 0
    assert not key.durable
    assert (str(error) or "out of memory") in key.problems()[0]
    monkeypatch.undo()
    await key.close()


@virtual
async def test_opening_waits_ten_seconds_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SlowThreads(key_module, monkeypatch)
    key = FileStore(tmp_path).key("k", "ns")
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(NonceStoreError, match="is being changed by another process"):
        await key.open(loop.time)
    assert loop.time() - began == pytest.approx(10.0)


@virtual
async def test_closing_waits_a_second_for_the_disk_and_a_tenth_at_least(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await opened(FileStore(tmp_path))
    SlowThreads(key_module, monkeypatch)
    assert await took(key.close()) == pytest.approx(1.0)
    monkeypatch.undo()
    other = await beyond(tmp_path / "other")
    SlowThreads(ceiling, monkeypatch)
    waiting = asyncio.create_task(draw(other))
    await asyncio.sleep(0)
    SlowThreads(key_module, monkeypatch)
    assert await took(other.close()) == pytest.approx(1.1)  # a second for the raise that is under way
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


# ------------------------------------------------------------------ when the next ceiling is due


@virtual
@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
async def test_the_next_ceiling_is_due_when_half_of_two_seconds_is_left(unit: str, tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path), unit=unit)
    due: list[int] = []
    key.on_flush_due = lambda: due.append(1)
    await draw(key)
    assert due == []
    await asyncio.sleep(1.0)
    await draw(key)
    assert due == []
    await asyncio.sleep(0.001)
    await draw(key)
    await draw(key)
    assert due == [1]  # said once until it is flushed
    await key.flush()
    assert key.figures()["raises"] == 1
    await draw(key)
    assert due == [1]
    await asyncio.sleep(1.001)
    await draw(key)
    assert due == [1, 1]
    await key.close()


@virtual
async def test_nonces_ahead_of_the_clock_have_the_next_ceiling_with_half_a_hundred_left(
    tmp_path: Path,
) -> None:
    key = await opened(FileStore(tmp_path), unit="ms")
    await key.jump(10**6)
    await draw(key)
    assert key.figures()["ceiling"] == key.seen.last - 1 + 2000 + 100  # two seconds and what is kept ahead
    due: list[int] = []
    key.on_flush_due = lambda: due.append(key.seen.last)
    for _ in range(3000):
        if not due:
            await draw(key)
    assert due == [key.figures()["ceiling"] - 49]
    await key.flush()
    assert key.figures()["ceiling"] == due[0] + 100
    await key.close()


# ------------------------------------------------------------------ the nonce lock


@virtual
async def test_a_change_waits_two_seconds_for_the_nonce_lock_and_a_call_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stands_still(path: Path) -> None:
        await asyncio.sleep(3600)
        raise OSError

    key = await opened(FileStore(tmp_path))
    monkeypatch.setattr(nonce_lock, "wait_for_lock", stands_still)
    lock = FileLock(tmp_path / "k.nonce.lock")
    assert lock.try_acquire()
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(NonceStoreError, match="keeps the nonce lock"):
        await key.update(nothing)
    assert loop.time() - began == pytest.approx(2.0)
    assert not key.refresh()
    assert key.figures()["nonce_waits"] == 1
    waiting = asyncio.create_task(draw(key))
    await asyncio.sleep(60.0)
    assert not waiting.done()
    assert next(str(each) for each in key.waiting()).startswith("waits for the nonce lock of this key for ")
    waiting.cancel()
    lock.close()
    assert key.refresh()
    await key.close()


@virtual
@pytest.mark.parametrize(("unit", "margin"), [("ns", 1000), ("us", 8), ("ms", 8)])
async def test_a_cancel_past_the_nonce_lock_is_a_margin_above_the_last_nonce(
    unit: str,
    margin: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    holders = [Holder(os.getpid(), True, False)]
    monkeypatch.setattr(hold, "lock_holders", lambda status: tuple(holders))
    monkeypatch.setattr(nonce_lock, "wait_for_lock", polled)
    key = await opened(FileStore(tmp_path), unit=unit)
    last = await key.jump(10**12)
    with_lock = FileLock(tmp_path / "k.nonce.lock")
    assert with_lock.try_acquire()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await draw(key, overtake=True) == last + margin
    assert loop.time() - began == pytest.approx(0.2)
    assert key.figures()["past_the_nonce_lock"] == 1
    assert key.figures()["nonce_waits"] == 1
    assert await key.step(nothing, overtake=True) == (None, 0)
    assert key.figures()["past_the_nonce_lock"] == 1
    assert f"a cancel goes past the nonce lock, which process {os.getpid()} keeps" in caplog.text
    holders.clear()
    await draw(key, overtake=True)
    assert "which another process keeps" in caplog.text
    last += margin
    with_lock.close()
    assert await draw(key) == last + margin + 1
    await key.close()


@virtual
async def test_what_a_cancel_past_the_lock_charged_and_took_back_is_joined_with_what_others_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonce_lock, "wait_for_lock", polled)
    key = await opened(FileStore(tmp_path))
    await key.update(
        setting(touched=True, level=3.0, level_at=1.0, engine={"KEPT": [5.0, 1.0], "LESS": [5.0, 1.0]})
    )
    lock = FileLock(tmp_path / "k.nonce.lock")
    assert lock.try_acquire()

    def charge(shared: Shared) -> bool:
        shared.level, shared.level_at = 4.0, 2.0
        shared.engine |= {"KEPT": [2.0, 2.0], "LESS": [6.0, 2.0], "NEW": [0.5, 2.0]}
        shared.cancelled_all_at, shared.trading = 7.0, True
        shared.recalled.note("mine", 100.0)
        return True

    await key.step(charge, overtake=True)
    assert key.seen.level == 3.0  # not written yet
    lock.release()
    other = await opened(FileStore(tmp_path))
    async with asyncio.timeout(60):
        while not await other.update(lambda shared: shared.trading):
            await asyncio.sleep(0.01)
    found = await other.update(lambda shared: shared.copy())
    assert (found.level, found.level_at, found.cancelled_all_at) == (4.0, 2.0, 7.0)
    assert found.engine == {"KEPT": [5.0, 1.0], "LESS": [6.0, 2.0], "NEW": [0.5, 2.0]}
    assert await key.update(lambda shared: shared.recalled.names("mine", 100.0))
    assert lock.try_acquire()

    def less(shared: Shared) -> bool:
        shared.level, shared.cancelled_all_at = 1.0, 5.0
        return True

    await key.step(less, overtake=True)
    lock.close()
    async with asyncio.timeout(60):
        while await other.update(lambda shared: shared.last) < key.seen.last:
            await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    found = await other.update(lambda shared: shared.copy())
    assert (found.level, found.cancelled_all_at, found.trading) == (4.0, 7.0, True)
    for each in (key, other):
        await each.close()


@virtual
async def test_what_is_insisted_on_is_waited_for_by_one_task_and_by_none_once_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonce_lock, "wait_for_lock", polled)
    key = await opened(FileStore(tmp_path))
    lock = FileLock(tmp_path / "k.nonce.lock")
    assert lock.try_acquire()
    for pauses in (1, 2):
        key.insist(setting(pauses=pauses, touched=True))
        await asyncio.sleep(1.0)
        assert len(asyncio.all_tasks()) == 2
    lock.close()
    await asyncio.sleep(1.0)
    assert key.seen.pauses == 2
    assert len(asyncio.all_tasks()) == 1
    key.insist(setting(pauses=3, touched=True))
    await asyncio.sleep(1.0)
    assert key.seen.pauses == 3
    await key.close()
    key.insist(nothing)
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_who_has_the_turn_is_told_by_the_last_that_used_it_where_the_system_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "lock_holders", lambda status: ())
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.acquire_turn()
    await draw(one)
    two.refresh()
    monkeypatch.setattr(turn.Turn, "wait", lambda *_, **__: asyncio.sleep(5.0))
    waiting = asyncio.create_task(two.acquire_turn())
    await asyncio.sleep(1.0)
    (wait,) = two.waiting()
    assert wait.what == "the turn"
    assert wait.holder == f"process {os.getpid()} on {socket.gethostname()[:40]}, as far as is known"
    monkeypatch.setattr(
        hold, "lock_holders", lambda status: (Holder(0, True, False), Holder(4711, True, True))
    )
    assert two.waiting()[0].holder == wait.holder  # one waits itself, and one is of no process here
    monkeypatch.setattr(hold, "lock_holders", lambda status: (Holder(os.getpid(), True, False),))
    assert two.waiting()[0].holder == f"process {os.getpid()}"
    monkeypatch.setattr(
        hold, "lock_holders", lambda status: (Holder(1, True, False), Holder(os.getpid(), True, False))
    )
    assert two.waiting()[0].holder == "process 1"  # in a container a bot is often the first process
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    for each in (one, two):
        await each.close()


@virtual
async def test_a_step_that_was_overtaken_makes_way_and_is_taken_again_above(tmp_path: Path) -> None:
    """Its process stood still in the middle of it, and a cancel of another session went past."""
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    loop = asyncio.get_running_loop()
    past: list[int] = []

    def stands_still(_: Any) -> bool:
        if not past:
            past.append(two._record.floors.publish(time.time_ns() + 10**6))  # type: ignore[attr-defined]  # as the cancel does
        return True

    began = loop.time()
    _, nonce = await one.step(stands_still)
    assert nonce > past[0]
    assert loop.time() - began == pytest.approx(0.05)
    for key in (one, two):
        await key.close()


# ------------------------------------------------------------------ coming and going


async def test_closing_writes_a_note_only_where_the_nonce_lock_is_free(tmp_path: Path) -> None:
    one, two, three = [await opened(FileStore(tmp_path)) for _ in range(3)]
    lock = FileLock(tmp_path / "k.nonce.lock")
    assert lock.try_acquire()
    one.note(setting(level=9.0))
    await one.close()
    lock.close()
    assert await three.update(lambda shared: shared.level) is None
    two.note(setting(level=8.0))
    await two.close()
    assert await three.update(lambda shared: shared.level) == 8.0
    await three.close()


def test_a_reservation_says_once_that_its_disk_fails_and_once_that_it_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FailingDisk()
    reservation: Any = FileStore(tmp_path, disk=disk).reserve("k", "ns")
    start, stop = reservation.block(0, 10)
    assert reservation.durable
    assert stop - start > 10
    assert inspect(tmp_path / "k.state").ceiling == stop - 1
    disk.failing = {"sync"}
    for _ in range(3):
        start, stop = reservation.block(stop - 1, 10)
    assert not reservation.durable
    assert caplog.text.count("nonces go on without a durable ceiling") == 1
    disk.failing = set()
    for _ in range(3):
        start, stop = reservation.block(stop - 1, 10)
    assert reservation.durable
    assert caplog.text.count("the disk works again") == 1
    reservation.close(start)
    with pytest.raises(NonceStoreError, match="it is closed"):
        reservation.block(0, 1)
    assert inspect(tmp_path / "k.state").ceiling == start


def test_a_block_leaves_as_many_nonces_as_were_asked_for_or_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    reservation = FileStore(tmp_path).reserve("k", "ns")
    assert reservation.block(0, 10) == (10**18, 10**18 + 2 * 10**9 + 1)
    start, stop = reservation.block(10**18 + 5, 10**10)
    assert (start, stop - start) == (10**18 + 6, 10**10)
    reservation.close(start)
    late = FileStore(tmp_path).reserve("k", "ns")
    assert late.block(2**64 - 2, 10) == (2**64 - 1, 2**64)  # the highest there is
    with pytest.raises(NonceStoreError, match="the highest there is"):
        late.block(2**64 - 1, 10)
    late.close(start)


@virtual
async def test_who_waits_for_the_lock_of_a_closed_store_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await opened(FileStore(tmp_path))
    lock = FileLock(tmp_path / "k.nonce.lock")

    async def comes_free(path: Path) -> FileLock:
        await asyncio.sleep(1.0)
        return lock

    monkeypatch.setattr(nonce_lock, "wait_for_lock", comes_free)
    assert lock.try_acquire()
    waiting = [asyncio.create_task(work) for work in (key.step(yes), key.update(nothing))]
    passing = asyncio.create_task(draw(key, overtake=True))
    await asyncio.sleep(0.1)
    lock.release()
    await key.close()
    found = await asyncio.gather(*waiting, passing, return_exceptions=True)
    assert ["not open here" in str(each) for each in found] == [True] * 3


@virtual
async def test_who_tries_the_lock_while_the_store_is_closed_is_told(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    lock = FileLock(tmp_path / "k.nonce.lock")
    assert lock.try_acquire()
    trying = [asyncio.create_task(work) for work in (key.step(yes), key.update(nothing), key.jump(1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    lock.release()
    await key.close()
    found = await asyncio.gather(*trying, return_exceptions=True)
    assert ["not open here" in str(each) for each in found] == [True] * 3
