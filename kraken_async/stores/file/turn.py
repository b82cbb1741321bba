"""The turn: the exclusive right to send on one key, over every task, thread, loop and process of this host.

Whoever does not find it free stands in line (ticket_lock.py); at the head of the line it takes ``next``, waits
for ``turn``, and lets ``next`` and the head of the line go:

    line:  order of asking among those who wait
    next:  says that somebody waits; held by the head of the line
    turn:  held from before the nonce until the answer is in

Without ``next``, who has just released ``turn`` would take it again before a waiter has woken up. With it, a
newcomer that finds ``turn`` free fails on ``next`` as long as somebody waits, and goes to the end of the line.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from kraken_async.errors import NonceStoreError
from kraken_async.stores.file import ticket_lock
from kraken_async.stores.file.ticket_lock import Line
from kraken_async.system.flock import TRY, UNLOCK, FileLock, flock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger("kraken_async.store")

#: How long closing waits for an idle helper thread to end. One that stands in line is not waited for.
_CLOSING: Final = 0.25

_FREE, _WAITING, _HELD = range(3)


class Turn:
    """One session's place in the line for a key's turn. Belongs to one event loop.

    Free, the turn is taken by four system calls without suspending. Else a helper thread (one per session,
    started when first needed) stands in line. Closing while it stands there cannot recall it: it gives the
    turn back when it gets it and closes its descriptors then; until that moment the thread and the descriptors stay.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_jobs",
        "_line",
        "_next",
        "_path",
        "_state",
        "_thread",
        "_turn",
        "_waiters",
        "waits",
    )

    def __init__(self, path: Callable[[str], Path]) -> None:
        """``path``: the path of a lock file by its kind."""
        self._path = path
        self._next = FileLock(path("next"))
        try:
            self._turn = FileLock(path("turn"))
        except BaseException:
            self._next.abandon()
            raise
        self._line: Line | None = None  # opened with the helper thread
        self._state = _FREE
        self._closed = False
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._jobs: queue.SimpleQueue[asyncio.AbstractEventLoop | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.waits = 0  # how often the turn was not free

    @property
    def locks(self) -> list[FileLock]:
        """The lock files that must be those of the others."""
        return [self._next, self._turn]

    @property
    def held(self) -> bool:
        """Whether this session has the turn."""
        return self._state == _HELD

    @property
    def idle(self) -> bool:
        """Whether this session neither has the turn nor stands in line."""
        return self._state == _FREE and not self._waiters

    def try_acquire(self) -> bool:
        """Take the turn if it is free and nobody stands in line for it.

        OSError when the descriptors are gone.
        """
        if self._state != _FREE:
            return False
        next_fd, turn_fd = self._next.fd, self._turn.fd
        try:
            flock(next_fd, TRY)
        except BlockingIOError:
            return False
        try:
            flock(turn_fd, TRY)
        except BlockingIOError:
            return False
        else:
            self._state = _HELD
            return True
        finally:
            flock(next_fd, UNLOCK)

    async def wait(self) -> None:
        """Stand in line. Cancelled: the turn is not held. Raises NonceStoreError when closed meanwhile."""
        future = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        self.waits += 1
        if self._state == _FREE:
            self._stand_in_line()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release()  # given to us in the very moment that we were cancelled
            raise
        if self._closed:  # given, and closed before this line ran: closing has given it back
            raise _closed()

    def release(self) -> None:
        """Give the turn to the next in line, which is never this session again if another one waits."""
        if self._state != _HELD:
            return
        self._state = _FREE
        try:
            flock(self._turn.fd, UNLOCK)
        except OSError:  # a closed descriptor has let go of its lock
            log.exception("the turn could not be unlocked")
        if self._waiters:
            self._stand_in_line()

    def _stand_in_line(self) -> None:
        self._state = _WAITING
        self._jobs.put(asyncio.get_running_loop())
        if self._thread is None:
            jobs = self._jobs
            me = weakref.ref(self, lambda _: jobs.put(None))
            self._thread = threading.Thread(
                target=_help, args=(me, jobs), daemon=True, name="kraken_async-turn"
            )
            self._thread.start()

    def _serve(self, loop: asyncio.AbstractEventLoop) -> bool:
        """In the helper thread: stand in line for the loop. Return whether to go on.

        Meanwhile the state is _WAITING, so that the loop leaves the descriptors alone: a second flock on the
        same descriptor would succeed at once.
        """
        error = None
        try:
            self._wait_in_line()
        except OSError as failure:
            error = failure
        if not self._closed:
            try:
                loop.call_soon_threadsafe(self._arrived, error)
            except RuntimeError:  # the loop was closed without closing us
                self._closed = True
        if self._closed:
            self._shut()  # which gives the turn back
        return not self._closed

    def _wait_in_line(self) -> None:
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
        self._next.acquire()
        try:
            self._turn.acquire()
        finally:
            self._next.release()

    def _arrived(self, error: OSError | None) -> None:
        if self._closed:
            return
        self._state = _HELD
        while self._waiters:
            future = self._waiters.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(None)
                return
            future.set_exception(NonceStoreError(f"waiting for the turn failed: {error}"))
        self.release()

    def close(self) -> None:
        """Give the turn back, fail who waits, close the descriptors. See the class about a thread in line."""
        if self._closed:
            return
        self.release_for_good()
        thread = self._thread
        if thread is None:
            self._shut()
        elif self._state != _WAITING:
            thread.join(_CLOSING)  # it only has to wake up and close two descriptors: some 50 microseconds

    def release_for_good(self) -> None:
        """The part of closing that needs no waiting."""
        waiters, self._waiters = self._waiters, deque()
        self.release()
        self._closed = True
        for future in waiters:
            if not future.done():
                future.set_exception(_closed())
        self._jobs.put(None)

    def _shut(self) -> None:
        self._turn.close()
        self._next.close()
        if self._line is not None:
            self._line.close()

    def left_behind(self) -> None:
        """Runs in a forked child."""
        self._closed = True
        self._turn.abandon()
        self._next.abandon()
        if self._line is not None:
            self._line.close()


def _help(reference: weakref.ref[Turn], jobs: queue.SimpleQueue[asyncio.AbstractEventLoop | None]) -> None:
    # Idle, it has no hold on the turn, so that a forgotten one is collected, and its locks with it.
    while (loop := jobs.get()) is not None:
        turn = reference()
        if turn is None or not turn._serve(loop):
            return
        del turn, loop
    turn = reference()
    if turn is not None:
        turn._shut()


def _closed() -> NonceStoreError:
    return NonceStoreError("the store was closed while a call waited for its turn")
