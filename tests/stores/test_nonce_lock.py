"""How long the nonce lock of a key is tried, and what is tried where nothing can wait for it in the kernel."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest

from kraken_async import NonceStoreError
from kraken_async.stores.file import nonce_lock
from tests.virtual_time import virtual


class Lock:
    """A lock that comes free with the n-th try."""

    def __init__(self, free_at: int | None = None) -> None:
        self.path = Path("k.nonce.lock")
        self.free_at, self.tries = free_at, 0

    def try_acquire(self) -> bool:
        self.tries += 1
        return self.free_at is not None and self.tries >= self.free_at


def lock_of(lock: Lock) -> Any:
    return lock


async def elapsed(since: float) -> float:
    return asyncio.get_running_loop().time() - since


@virtual
@pytest.mark.parametrize(
    ("free_at", "taken", "after"),
    [(1, True, 0.0), (20, True, 0.0), (21, True, 0.02), (30, True, 0.2), (31, False, 0.2)],
)
async def test_a_cancel_tries_for_a_fifth_of_a_second(free_at: int, taken: bool, after: float) -> None:
    lock = Lock(free_at)
    began = asyncio.get_running_loop().time()
    assert await nonce_lock.soon(lock_of(lock)) is taken
    assert await elapsed(began) == pytest.approx(after)
    assert lock.tries == min(free_at, 30)


@virtual
async def test_who_waits_tries_first_and_lets_others_run_meanwhile() -> None:
    lock, turns = Lock(5), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    found: Any = await nonce_lock.wait(lock_of(lock), None)
    assert found is lock
    assert turns >= 3
    running.cancel()


@virtual
@pytest.mark.parametrize(
    "trouble",
    [OSError(errno.EMFILE, "Too many open files"), RuntimeError("can't start new thread"), MemoryError()],
)
@pytest.mark.parametrize(
    ("free_at", "taken", "after"), [(21, True, 0.01), (120, True, 1.0), (121, False, 1.0)]
)
async def test_without_a_thread_or_descriptor_it_is_tried_for_a_second(
    trouble: Exception, free_at: int, taken: bool, after: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(path: Path) -> None:
        raise trouble

    monkeypatch.setattr(nonce_lock, "wait_for_lock", fails)
    lock = Lock(free_at)
    began = asyncio.get_running_loop().time()
    if taken:
        found: Any = await nonce_lock.wait(lock_of(lock), None)
        assert found is lock
    else:
        with pytest.raises(NonceStoreError, match="cannot be waited for"):
            await nonce_lock.wait(lock_of(lock), None)
    assert await elapsed(began) == pytest.approx(after)


@virtual
async def test_patience_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stands_still(path: Path) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(nonce_lock, "wait_for_lock", stands_still)
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await nonce_lock.wait(lock_of(Lock()), 2.0)
    assert await elapsed(began) == pytest.approx(2.0)
