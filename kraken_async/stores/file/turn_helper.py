"""A thread that waits for the turn on behalf of an event loop, which must not wait in the kernel.

Rules:

1. It waits with descriptors of its own; the loop tries with other ones.
2. What it gets it offers to the loop. A loop that does not react within :data:`GRANT` seconds does not run: the turn is
   given back, and the thread waits again only once the loop has run. So a blocked loop costs the others a moment.
3. It keeps no reference to its session, so that a forgotten session is collected, and its locks with it.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from kraken_async.errors import NonceStoreError
from kraken_async.stores.file import ticket_lock
from kraken_async.stores.file.ticket_lock import Line
from kraken_async.system.flock import LOCK_EX, LOCK_SH, TRY, UNLOCK, FileLock, flock

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

#: Seconds within which a loop that is offered the turn has to take it.
GRANT: Final = 0.25
#: Seconds between looks at whether a loop that does not run was closed.
LOOK: Final = 1.0
#: How often an ordinary call at the head of the line lets waiting cancels go first, and seconds for each to get there.
_YIELDS: Final = 8
_YIELD: Final = 0.001

IDLE, WAITING, OFFERED, TAKEN = "idle", "waiting", "offered", "taken"


class Helper:
    """One thread and its descriptors, both there from the first :meth:`start` on.

    ``urgent``: for a cancel. It stands beside the line and goes before those in it.
    """

    def __init__(self, path: Callable[[str], Path], *, urgent: bool) -> None:
        self.state: str = IDLE
        self._path = path
        self._urgent = urgent
        self._mutex = threading.Lock()  # around changes of the state
        self._reacted = threading.Event()  # the loop has run since the offer
        self._jobs: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, Arrived] | None] = queue.SimpleQueue()
        self._locks: dict[str, FileLock] = {}
        self._line: Line | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self.forked: bool = False

    # -- in the loop -------------------------------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop, arrived: Arrived) -> None:
        """Begin to wait, if it does not already. ``arrived(helper, error)`` is called in the loop with the end of it.

        Raises NonceStoreError when no thread can be started.
        """
        if self.state != IDLE or self._closed:
            return
        if self._thread is None:
            thread = threading.Thread(target=self._run, daemon=True, name="kraken_async-turn")
            try:
                thread.start()
            except (RuntimeError, MemoryError) as error:
                raise NonceStoreError(
                    f"the turn cannot be waited for: {str(error) or 'out of memory'}"
                ) from error
            self._thread = thread
        self.state = WAITING
        self._jobs.put((loop, arrived))

    def take(self) -> bool:
        """Take what is offered. False: it was given back, as the loop did not run, and is waited for again."""
        with self._mutex:
            if self.state == OFFERED:
                self.state = TAKEN
        self._reacted.set()
        return self.state == TAKEN

    def release(self) -> None:
        """Give back what was taken."""
        self.state = IDLE
        self._unlock()

    def close(self) -> None:
        """Give back what it has; end the thread. One that waits in the kernel ends when it gets the turn."""
        self._closed = True
        with self._mutex:
            if self.state in (OFFERED, TAKEN):
                self.state = IDLE
                self._unlock()
        self._reacted.set()
        self._jobs.put(None)
        if self._thread is None:
            self._shut()

    def join(self, seconds: float) -> None:
        """Wait for the end of a thread that only has to wake up."""
        if self._thread is not None and self.state == IDLE:
            self._thread.join(seconds)

    def left_behind(self) -> None:
        """Close without unlocking, in a forked child, which has no such thread."""
        self._closed = self.forked = True
        for lock in self._locks.values():
            lock.abandon()
        if self._line is not None:
            self._line.close()

    # -- in the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._serve(*job):
                break
            del job
        self._shut()

    def _serve(self, loop: asyncio.AbstractEventLoop, arrived: Arrived) -> bool:
        """Wait for the turn and offer it, again until the loop takes it. Return whether to go on."""
        while not self._closed:
            error = None
            try:
                self._wait()
            except OSError as failure:
                error = failure
            self._reacted.clear()
            with self._mutex:
                if self._closed:
                    return False
                self.state = OFFERED if error is None else IDLE
            try:
                loop.call_soon_threadsafe(arrived, self, error)
            except RuntimeError:  # the loop was closed without closing us
                return False
            if error is not None or self._reacted.wait(GRANT):
                return not self._closed
            with self._mutex:
                if self.state != OFFERED:
                    return not self._closed
                self.state = WAITING
                self._unlock()
            while not self._reacted.wait(LOOK):
                if loop.is_closed():
                    return False
        return False

    def _wait(self) -> None:
        if self._urgent:
            self._wait_beside_the_line()
            return
        if not ticket_lock.available:  # pragma: no cover - macOS
            self._wait_at_the_head()
            return
        if self._line is None:
            self._line = Line(self._path("line"))
        number = self._line.draw()
        try:
            self._line.wait(number)
            self._wait_at_the_head()
        finally:
            self._line.leave(number)

    def _wait_at_the_head(self) -> None:
        waits, turn, urgent = self._lock("next"), self._lock("turn"), self._lock("urgent")
        flock(waits, LOCK_SH)
        try:
            flock(turn, LOCK_EX)
            for _ in range(_YIELDS):
                try:
                    flock(urgent, TRY)
                except BlockingIOError:
                    flock(turn, UNLOCK)
                    time.sleep(_YIELD)  # the cancel waits in the kernel already, and gets it
                    flock(turn, LOCK_EX)
                else:
                    flock(urgent, UNLOCK)
                    break
        finally:
            flock(waits, UNLOCK)

    def _wait_beside_the_line(self) -> None:
        waits, turn, urgent = self._lock("next"), self._lock("turn"), self._lock("urgent")
        flock(waits, LOCK_SH)
        try:
            flock(urgent, LOCK_SH)
            flock(turn, LOCK_EX)
        finally:
            flock(urgent, UNLOCK)
            flock(waits, UNLOCK)

    def _lock(self, kind: str) -> int:
        lock = self._locks.get(kind)
        if lock is None:
            lock = self._locks[kind] = FileLock(self._path(kind))
        return lock.fd

    def _unlock(self) -> None:
        lock = self._locks.get("turn")
        if lock is not None and lock.fd >= 0:
            flock(lock.fd, UNLOCK)

    def _shut(self) -> None:
        with self._mutex:  # close() may be about to unlock what is closed here
            self.state = IDLE
            for lock in self._locks.values():
                lock.close()
        if self._line is not None:
            self._line.close()


if TYPE_CHECKING:
    Arrived = Callable[[Helper, OSError | None], None]
