"""The ways to a key's nonce lock. Its holders keep it for microseconds, unless their process stands still."""

from __future__ import annotations

import asyncio
from typing import Final

from kraken_async.errors import NonceStoreError
from kraken_async.system.flock import FileLock, wait_for_lock

#: How often the lock is tried again at once, letting other tasks and threads run.
SPINS: Final = 20
#: How often, and seconds between, for a cancel, which then goes without the lock.
TRIES: Final = 10
PAUSE: Final = 0.02
#: The same where no thread or descriptor can be had to wait in the kernel.
POLLS: Final = 100


async def soon(lock: FileLock) -> bool:
    """Take the lock if it comes free within a moment (0.2 s)."""
    if await _at_once(lock):
        return True
    for _ in range(TRIES):
        await asyncio.sleep(PAUSE)
        if lock.try_acquire():
            return True
    return False


async def wait(lock: FileLock, patience: float | None) -> FileLock:
    """Wait for the lock; return it held: ``lock`` itself, or another descriptor, to be closed.

    Raises TimeoutError after ``patience`` seconds (None: as long as it takes), and NonceStoreError when the system has
    neither descriptor nor thread left and the lock does not come free within a second. Cancelled: not held.
    """
    if await _at_once(lock):
        return lock
    try:
        return await asyncio.wait_for(wait_for_lock(lock.path), patience)
    except TimeoutError:
        raise
    except (OSError, RuntimeError, MemoryError) as error:
        trouble = error
    for _ in range(POLLS):
        await asyncio.sleep(PAUSE / 2)
        if lock.try_acquire():
            return lock
    raise NonceStoreError(f"{lock.path} is locked by another process, and cannot be waited for: {trouble!r}")


async def _at_once(lock: FileLock) -> bool:
    for _ in range(SPINS):
        if lock.try_acquire():
            return True
        await asyncio.sleep(0)
    return False
