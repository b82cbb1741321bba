"""Locks between tasks, threads, event loops and processes.

Rules kept here:

1. A lock of the file system (``flock``) is released by the kernel when its process dies, at any instruction.
2. Nothing waits by polling, and nothing blocks an event loop: what must wait in the kernel waits in a thread of its
   own (threads.py).
3. A waiter that gives up never keeps what it is then given.
4. A forked child closes what it inherited without unlocking it (fork.py): the lock is still its parent's.
5. Each user opens its own descriptors: ``flock`` then also keeps threads and sessions of one process apart.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

from kraken_async.system.threads import in_thread

if sys.platform != "win32":
    from fcntl import LOCK_EX as LOCK_EX
    from fcntl import LOCK_NB as LOCK_NB
    from fcntl import LOCK_SH as LOCK_SH
    from fcntl import LOCK_UN as LOCK_UN
    from fcntl import flock as flock
else:  # pragma: no cover - one process per key, as places.py says
    from kraken_async.system.emulated_flock import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, EmulatedLocks

    flock = EmulatedLocks().flock

TRY: Final = LOCK_EX | LOCK_NB
TRY_SHARED: Final = LOCK_SH | LOCK_NB
UNLOCK: Final = LOCK_UN


class FileLock:
    """One user's descriptor on a lock file, which is created when missing and never deleted."""

    __slots__ = ("fd", "path")

    def __init__(self, path: Path) -> None:
        self.path: Path = path
        self.fd: int = -1
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def acquire(self) -> None:
        """Wait in the kernel, in order of asking. Not for an event loop's thread."""
        flock(self.fd, LOCK_EX)

    def try_acquire(self) -> bool:
        """Take it if no one has it."""
        try:
            flock(self.fd, TRY)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Unlock by word, not by closing: a program just being started may hold a copy of the descriptor."""
        flock(self.fd, LOCK_UN)

    def close(self) -> None:
        """Unlock and close. Idempotent."""
        if self.fd >= 0:
            try:
                self.release()
            finally:
                self.abandon()

    def __del__(self) -> None:
        self.abandon()  # a forgotten session must not keep the turn for the rest of the process's life

    def abandon(self) -> None:
        """Close without unlocking, which the kernel does unless a forked child still has a copy."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class Holder(NamedTuple):
    """A line of /proc/locks: which process holds a file's lock, or waits for it."""

    pid: int
    exclusive: bool
    waiting: bool


def lock_holders(status: os.stat_result) -> tuple[Holder, ...]:
    """Return who holds or awaits the lock of a file, as far as the system tells (Linux, same PID namespace).

    While others take and release locks, a look at the system's list misses some and shows some twice (one of
    two looks, beside two busy processes): so it is looked at until two looks agree, five times at most.
    """
    before, found = None, _look(status)
    for _ in range(4):
        if found == before:
            break
        before, found = found, _look(status)
    return found


def process_text(pid: int) -> str:
    """Return "process 4711", and whether it is stopped, where the system tells."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        state = ""
    return f"process {pid} (stopped)" if state in ("T", "t") else f"process {pid}"


def _look(status: os.stat_result) -> tuple[Holder, ...]:
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return ()
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    found: dict[Holder, None] = {}
    for line in lines:
        fields = line.split()
        waiting = fields[1] == "->"
        kind, _, mode, pid, inode = fields[1 + waiting : 6 + waiting]
        if kind == "FLOCK" and inode == wanted:
            found[Holder(int(pid), mode == "WRITE", waiting)] = None
    return tuple(found)


async def wait_for_lock(path: Path) -> FileLock:
    """Wait for a lock with a descriptor of one's own; closing it gives it back. Cancelled: not held."""

    def work() -> FileLock:
        lock = FileLock(path)
        try:
            lock.acquire()
        except BaseException:
            lock.abandon()
            raise
        return lock

    return await in_thread(work, FileLock.close, name="kraken_async-lock")
