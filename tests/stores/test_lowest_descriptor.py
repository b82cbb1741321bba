"""A program without standard input gets descriptor 0 for the first file that it opens; it is one like any other."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import KeyState, Shared
from kraken_async.stores.file import FileStore, inspect
from tests.stores.store_support import draw, opened, setting

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors are numbered otherwise")


@pytest.fixture
def lowest(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], list[str]]]:
    """Let the n-th opening of a file of this name get descriptor 0; return what was opened so."""
    really_open, kept = os.open, os.dup(0)

    def choose(name: str, nth: int) -> list[str]:
        seen, got = 0, []

        def open_(path: Any, flags: int, mode: int = 0o777, **how: Any) -> int:
            nonlocal seen
            fd = really_open(path, flags, mode, **how)
            if str(path).endswith(name):
                seen += 1
                if seen == nth:
                    os.dup2(fd, 0, inheritable=False)
                    os.close(fd)
                    got.append(name)
                    return 0
            return fd

        monkeypatch.setattr(os, "open", open_)
        return got

    yield choose
    monkeypatch.undo()
    os.dup2(kept, 0)
    os.close(kept)


def recall(shared: Shared) -> bool:
    shared.recalled.note("mine", 100.0)
    return True


async def used(key: KeyState) -> None:
    """Use all of a hold."""
    assert await draw(key) > 0
    assert await key.update(lambda shared: shared.last) == key.seen.last
    assert key.refresh()
    await key.step(recall)
    key.note_placed(["OAAAAA"])
    assert key.placed(0.0) == ("OAAAAA",)
    key.insist(setting(pauses=3, touched=True))
    async with asyncio.timeout(20):
        while key.seen.pauses != 3:
            await asyncio.sleep(0)
    assert await key.jump(1000) == key.seen.last
    await key.acquire_turn()
    assert await draw(key) > 0
    assert time.monotonic() - 60 < await key.moved_at() <= time.monotonic()
    await key.release_turn()
    await asyncio.wait_for(key.acquire_turn(), 20)  # it was given back
    await key.release_turn()
    await key.flush()
    assert key.problems() == ()
    assert key.figures()["raises"] >= 1


async def waited_for(key: KeyState, other: KeyState) -> None:
    """Let each wait for the other's turn."""
    for one, two in ((key, other), (other, key)):
        await one.acquire_turn()
        waiting = asyncio.create_task(two.acquire_turn())
        await asyncio.sleep(0.01)
        two.hurry()
        assert not waiting.done()
        await one.release_turn()
        await asyncio.wait_for(waiting, 20)
        await two.release_turn()


FILES = [
    *((name, 1) for name in ("k.state", "k.disk.lock", "k.nonce.lock", "k.turn.lock", "k.next.lock")),
    *((name, 1) for name in ("k.floors", "k.recalled", "k.placed", "k.line.lock", "k.urgent.lock")),
    ("k.nonce.lock", 2),
    ("k.turn.lock", 2),
    ("k.floors", 2),
]


@pytest.mark.parametrize(("name", "nth"), FILES, ids=[f"{name} {nth}" for name, nth in FILES])
async def test_any_file_of_a_key_may_have_it(
    name: str, nth: int, tmp_path: Path, lowest: Callable[[str, int], list[str]]
) -> None:
    got = lowest(name, nth)
    key = await opened(FileStore(tmp_path))
    await used(key)
    if name in ("k.line.lock", "k.urgent.lock") or (name, nth) == ("k.turn.lock", 2):
        other = await opened(FileStore(tmp_path))
        await waited_for(key, other)
        await other.close()
    assert got == [name]
    last = key.seen.last
    await key.close()
    async with asyncio.timeout(20):
        while is_open(0):  # a helper thread closes its own a moment later
            await asyncio.sleep(0.001)
    view = inspect(tmp_path / "k.state")
    assert (view.ceiling, view.users) == (last, ())  # the reservation was given back
    with pytest.raises(NonceStoreError, match="not open here"):
        await draw(key)
    assert not key.refresh()


async def test_a_copy_of_it_in_a_program_that_is_being_started_keeps_no_one_out(
    tmp_path: Path, lowest: Callable[[str, int], list[str]]
) -> None:
    lowest("k.state", 1)
    key = await opened(FileStore(tmp_path))
    copy = os.dup(0)
    try:
        await key.close()
        reservation = FileStore(tmp_path).reserve("k", "ns")  # for itself
        reservation.close(0)
    finally:
        os.close(copy)


@pytest.mark.parametrize("name", ["k.state", "k.nonce.lock", "k.disk.lock"])
async def test_a_hold_that_is_dropped_closes_it(
    name: str, tmp_path: Path, lowest: Callable[[str, int], list[str]]
) -> None:
    lowest(name, 1)
    key = await opened(FileStore(tmp_path))
    await draw(key)
    key.drop()
    assert not is_open(0)


@pytest.mark.parametrize("name", ["k.state", "k.nonce.lock", "k.disk.lock"])
def test_a_reservation_may_have_it(
    name: str, tmp_path: Path, lowest: Callable[[str, int], list[str]]
) -> None:
    lowest(name, 1)
    reservation = FileStore(tmp_path).reserve("k", "ns")
    start, _ = reservation.block(0, 5)
    (tmp_path / "k.state").rename(tmp_path / "moved")  # made again
    assert reservation.block(0, 5)[0] > start
    reservation.close(start)
    assert not is_open(0)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
