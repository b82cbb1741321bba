"""The turn: the exclusive right to send on one key, over every task, thread, loop and process of this host.

A session that does not find it free waits in the line (ticket_lock.py); at the head of the line it takes ``next``,
waits for ``turn``, and lets ``next`` and the head of the line go:

    line:    order of asking among those who wait
    next:    says that somebody waits; held, shared, by the head of the line and by waiting cancels
    urgent:  says that a cancel waits; held, shared, by those
    turn:    held from before the nonce until the answer is in

Without ``next``, who has just released ``turn`` would take it again before a waiter has woken up. With it, a
newcomer that finds ``turn`` free fails on ``next`` as long as somebody waits, and goes to the end of the line. A cancel
waits beside the line; the head of the line, once it has ``turn``, gives it up as long as ``urgent`` is held.

A process that stands still (SIGSTOP) in the line or at its head holds up those behind it though ``turn`` is free. So
a session that has waited for :data:`STUCK` seconds while the turn has not moved at all tries ``turn`` itself, past the
line: the line gives order, ``turn`` alone gives exclusion.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from kraken_async.errors import NonceStoreError
from kraken_async.stores.file.turn_helper import IDLE, Helper
from kraken_async.system.flock import TRY, UNLOCK, FileLock, flock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log: logging.Logger = logging.getLogger("kraken_async.store")

#: How long closing waits for an idle helper thread to end. One that waits in line is not waited for.
_CLOSING: Final = 0.25
#: Seconds without a move after which the line counts as stuck, and between tries to go past it.
STUCK: Final = 1.0
_AGAIN: Final = 0.05


class Turn:
    """One session's turn. Belongs to one event loop.

    Free, it is taken by four system calls without suspending. Else helper threads (at most two per session, started
    when first needed) wait. Closing cannot recall a thread from the kernel: it gives the turn back when it gets it and
    closes its descriptors then; until that moment the thread and the descriptors stay.

    ``moved_at``: when any session of the key last took a nonce with the turn, by ``time.monotonic()``.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_held",
        "_moved_at",
        "_next",
        "_ordinary",
        "_since",
        "_timer",
        "_turn",
        "_urgent",
        "_waiters",
        "past",
        "waits",
    )

    def __init__(self, path: Callable[[str], Path], moved_at: Callable[[], float] = time.monotonic) -> None:
        """``path``: the path of a lock file by its kind."""
        self._next = FileLock(path("next"))
        try:
            self._turn = FileLock(path("turn"))
        except BaseException:
            self._next.abandon()
            raise
        self._moved_at = moved_at
        self._ordinary = Helper(path, urgent=False)
        self._urgent = Helper(path, urgent=True)
        self._held: Helper | FileLock | None = None  # by which descriptor
        self._closed = False
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.waits: int = 0  # how often the turn was not free
        self.past: int = 0  # how often it was taken past a line that was stuck

    @property
    def locks(self) -> list[FileLock]:
        """The lock files that must be those of the others."""
        return [self._next, self._turn]

    @property
    def held(self) -> bool:
        """Whether this session has the turn."""
        return self._held is not None

    @property
    def idle(self) -> bool:
        """Whether this session neither has the turn nor waits for it."""
        waits = self._ordinary.state != IDLE or self._urgent.state != IDLE
        return self._held is None and not self._waiters and not waits

    def try_acquire(self) -> bool:
        """Take the turn if it is free and no one waits for it.

        OSError when the descriptors are gone.
        """
        if self._held is not None or self._waiters:
            return False
        turn, next_fd = self._turn, self._next.fd
        try:
            flock(next_fd, TRY)
        except BlockingIOError:
            return False
        try:
            flock(turn.fd, TRY)
        except BlockingIOError:
            return False
        else:
            self._held = turn
            return True
        finally:
            flock(next_fd, UNLOCK)

    async def wait(self, *, urgent: bool = False) -> None:
        """Wait in the line, or beside it. Cancelled: the turn is not held.

        Raises NonceStoreError when closed meanwhile, and when the system has no thread or descriptor to wait with.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiters.append(future)
        self.waits += 1
        try:
            if self._held is None:
                self._begin_waiting(loop, urgent=urgent)
            await future
        except BaseException:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release()  # given to us in the very moment that we were cancelled
            elif not future.done():
                future.cancel()
            raise
        if self._closed:  # given, and closed before this line ran: closing has given it back
            raise _closed()

    def hurry(self) -> None:
        """Let what waits here go before all calls that are no cancels: a cancel waits now."""
        if self._waiters and self._held is None and not self._closed:
            with contextlib.suppress(NonceStoreError):  # the place in the line is kept
                self._urgent.start(asyncio.get_running_loop(), _arrival(self))

    def _begin_waiting(self, loop: asyncio.AbstractEventLoop, *, urgent: bool = False) -> None:
        (self._urgent if urgent else self._ordinary).start(loop, _arrival(self))
        self._since = time.monotonic()
        if self._timer is None:
            self._timer = loop.call_later(STUCK, _look, weakref.ref(self))

    def _look(self) -> None:
        """Once a second while it is waited for: go past a line in which a process stands still."""
        self._timer = None
        self._waiters = deque(each for each in self._waiters if not each.done())
        if not self._waiters or self._held is not None or self._closed:
            return
        again, moved_at = STUCK, max(self._since, self._moved_at())
        if time.monotonic() - moved_at >= STUCK:
            again = _AGAIN
            with contextlib.suppress(BlockingIOError):
                flock(self._turn.fd, TRY)
                self.past += 1
                self._give(self._turn)
        self._timer = asyncio.get_running_loop().call_later(again, _look, weakref.ref(self))

    def _arrived(self, helper: Helper, error: OSError | None) -> None:
        """In the loop: a helper offers the turn, or could not wait for it."""
        if self._closed:
            return
        if error is not None:
            waiters, self._waiters = self._waiters, deque()
            for future in waiters:
                if not future.done():
                    future.set_exception(NonceStoreError(f"waiting for the turn failed: {error}"))
        elif helper.take():
            if self._held is None:
                self._give(helper)
            else:  # it came by another way meanwhile
                helper.release()

    def _give(self, held: Helper | FileLock) -> None:
        self._held = held
        while self._waiters:
            future = self._waiters.popleft()
            if not future.done():
                future.set_result(None)
                return
        self.release()

    def release(self) -> None:
        """Give the turn to the next in line, which is never this session again if another one waits."""
        held = self._held
        if held is None:
            return
        self._held = None
        try:
            if held is self._turn:
                flock(self._turn.fd, UNLOCK)
            else:
                held.release()
        except OSError:  # a closed descriptor has released its lock
            log.exception("the turn could not be unlocked")
        if self._waiters:
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Wait on for others of this session, once it has given the turn to the line."""
        if any(not future.done() for future in self._waiters):
            try:
                self._begin_waiting(asyncio.get_running_loop())
            except NonceStoreError as error:
                self._fail(error)

    def _fail(self, error: NonceStoreError) -> None:
        waiters, self._waiters = self._waiters, deque()
        for future in waiters:
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """Give the turn back, fail who waits, close the descriptors. See the class about a thread in the kernel."""
        if self._closed:
            return
        waiters, self._waiters = self._waiters, deque()
        self.release()
        self._closed = True
        self._waiters = waiters
        self._fail(_closed())
        if self._timer is not None:
            self._timer.cancel()
        for helper in (self._ordinary, self._urgent):
            helper.close()
        for helper in (self._ordinary, self._urgent):
            helper.join(_CLOSING)  # it only has to wake up and close its descriptors: some 50 microseconds
        self._turn.close()
        self._next.close()

    def __del__(self) -> None:
        # Its own descriptors go with it; a helper thread has those of its own.
        for name in ("_ordinary", "_urgent"):
            helper = getattr(self, name, None)
            if helper is not None and not helper.forked:
                helper.close()

    def left_behind(self) -> None:
        """Note that this is a forked child: close, do not unlock."""
        self._closed = True
        self._turn.abandon()
        self._next.abandon()
        for helper in (self._ordinary, self._urgent):
            helper.left_behind()


def _arrival(turn: Turn) -> Callable[[Helper, OSError | None], None]:
    """Return what a helper calls in the loop; it does not keep ``turn`` alive."""
    reference = weakref.ref(turn)

    def arrived(helper: Helper, error: OSError | None) -> None:
        found = reference()
        if found is None:
            helper.close()
        else:
            found._arrived(helper, error)

    return arrived


def _look(reference: weakref.ref[Turn]) -> None:
    turn = reference()
    if turn is not None:
        turn._look()


def _closed() -> NonceStoreError:
    return NonceStoreError("the store was closed while a call waited for its turn")
