"""Locks between tasks, threads, event loops and processes.

Rules kept here:

1. A lock of the file system (``flock``) is released by the kernel when its process dies, at any instruction.
2. Nothing waits by polling, and nothing blocks an event loop: what must wait in the kernel waits in a
   thread of its own. These threads are daemons outside the default executor, which ``asyncio.run`` would join.
3. A waiter that gives up never keeps what it is then given.
4. A forked child lets go of what it inherited without unlocking it: the lock is still its parent's.
5. Each user opens its own descriptors: ``flock`` then also keeps threads and sessions of one process apart.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

if sys.platform != "win32":
    from fcntl import LOCK_EX as LOCK_EX
    from fcntl import LOCK_NB as LOCK_NB
    from fcntl import LOCK_SH as LOCK_SH
    from fcntl import LOCK_UN as LOCK_UN
    from fcntl import flock as flock
else:  # pragma: no cover - one process per key, as places.py says
    from kraken_async.system.emulated_flock import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, EmulatedLocks

    flock = EmulatedLocks().flock

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TRY: Final = LOCK_EX | LOCK_NB
TRY_SHARED: Final = LOCK_SH | LOCK_NB
UNLOCK: Final = LOCK_UN


# ------------------------------------------------------------------------------------------------- lock files


class FileLock:
    """One user's descriptor on a lock file, which is created when missing and never deleted."""

    __slots__ = ("fd", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def acquire(self) -> None:
        """Wait in the kernel, in order of asking. Not for an event loop's thread."""
        flock(self.fd, LOCK_EX)

    def try_acquire(self) -> bool:
        """Take it if nobody has it."""
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


# ---------------------------------------------------------------------------------------------------- threads


def in_thread(
    work: Callable[[], T],
    undo: Callable[[T], object] | None = None,
    *,
    joined: bool = False,
    name: str = "kraken_async-disk",
) -> asyncio.Future[T]:
    """Run ``work`` in a daemon thread of its own and return its future.

    Cancelling the future does not stop the work; ``undo`` is then called with its result. ``joined``: the
    thread is gone when the result is there, for opening and closing; it costs the loop some microseconds.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if joined:
            thread.join()
        if future.done():
            if error is None and undo is not None:
                undo(result)  # type: ignore[arg-type]  # no error: it is a T
        elif error is not None:
            future.set_exception(error)
            future.exception()  # seen: whoever waited may have gone, and asyncio would complain
        else:
            future.set_result(result)  # type: ignore[arg-type]  # no error: it is a T

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as failure:
            error = failure
        try:
            loop.call_soon_threadsafe(deliver, result, error)
        except RuntimeError:  # the loop was closed in the meantime: nobody will ever ask
            if error is None and undo is not None:
                undo(result)  # type: ignore[arg-type]  # no error: it is a T

    thread = threading.Thread(target=run, daemon=True, name=name)
    thread.start()
    return future


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


# ------------------------------------------------------------------------------------------------------- fork


class Inherited(Protocol):
    """Something that must not be used on in a forked child."""

    def left_behind(self) -> None:
        """Runs in the child right after the fork: close, do not unlock; be unusable from now on."""


# The one piece of module state: fork takes no arguments. Weak, so that a forgotten session can be collected.
_living: Final[dict[int, weakref.ref[Inherited]]] = {}


def watch_forks(thing: Inherited) -> None:
    """Have ``thing.left_behind()`` called in every child forked from now on."""
    key = id(thing)
    _living[key] = weakref.ref(thing, lambda _: _living.pop(key, None))


def unwatch_forks(thing: Inherited) -> None:
    """Undo :func:`watch_forks`. Idempotent."""
    _living.pop(id(thing), None)


def _leave_behind() -> None:
    for reference in list(_living.values()):
        thing = reference()
        if thing is not None:
            thing.left_behind()
    _living.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_leave_behind)

#: What a user is told who goes on with a parent's session, store or source in a forked child.
FORKED: Final = "it belongs to the parent process; after a fork, open one of your own in the child"
