"""A session's steps: nonces and changes of the shared state, under the nonce lock or, for a cancel, past it."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from kraken_async.problems import Problem
from kraken_async.stores.base import (
    MAX_NONCE,
    Shared,
    raised,
)
from kraken_async.stores.file import nonce_lock
from kraken_async.stores.file.ceiling import OVERTAKING_PATIENCE, PATIENCE
from kraken_async.stores.file.hold import Hold
from kraken_async.stores.file.record import Record
from kraken_async.system.flock import TRY, UNLOCK, FileLock, flock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken_async.stores.recalled import Entry

T = TypeVar("T")

log: logging.Logger = logging.getLogger("kraken_async.store")

#: Seconds for which a step that was overtaken lets others have the nonce lock.
MAKE_WAY: Final = 0.05
#: Seconds that update() waits for the nonce lock.
UPDATE_PATIENCE: Final = 2.0
#: How far above the last nonce on record a cancel goes that cannot have the nonce lock, and in coarse units at least.
PAST_NS: Final = 1000
PAST_TICKS: Final = 8
#: In place of a nonce: the step was overtaken while it was taken.
_OVERTAKEN: Final = -1


class Steps(Hold):
    """The part of a hold that reads and changes what the key's users share."""

    async def step(
        self, choose: Callable[[Shared], T | None], *, overtake: bool = False
    ) -> tuple[T | None, int]:
        """See KeyState.step.

        Suspends only when the ceiling is used up or another process has the nonce lock.
        """
        while True:
            try:
                flock(self._lock_fd, TRY)
                lock = self._lock
            except BlockingIOError:
                busy = await self._busy_nonce_lock(overtake=overtake)
                if busy is None:
                    return await self._step_past(choose)
                lock = busy
            except ValueError:
                raise self._unusable() from None
            self._holding = True
            try:
                taken = self._take(choose, overtake)
            except BaseException:
                self._record.forget()
                raise
            finally:
                self._holding = False
                if lock is self._lock:
                    flock(self._lock_fd, UNLOCK)
                else:
                    lock.close()
            if taken[0] is not None or not taken[1]:
                return taken
            await self._before_another_try(taken[1], overtake=overtake)

    def _take(self, choose: Callable[[Shared], T | None], overtake: bool) -> tuple[T | None, int]:
        """Choose, and take a nonce, with the nonce lock. Every call comes this way: what is rare has left it.

        Return ``(None, 0)`` when nothing was chosen, and ``(None, nonce)`` for a step that has to be repeated.
        """
        record = self._record
        if not record.is_current():
            self._load()
        shared = record.shared
        now = time.time_ns() // self._tick
        nonce = now if now > shared.last else shared.last + 1
        # Looked at before choosing: what was charged for a nonce is never charged again.
        near = nonce > record.ceiling - self._half_window
        if near and not self._covers(record, nonce):
            return None, nonce
        if self._notes:
            self._apply_notes(shared)
        chosen = choose(shared)
        if chosen is None:
            nonce = 0
            self._save_what_changed(record)
        else:
            shared.last = nonce
            if (failure := record.save(turn=not overtake)) is not None:
                self._limit.failed(failure)  # in memory it goes on
            if record.overtaken():
                return None, _OVERTAKEN
        if near:
            self._look_at_ceiling(record, now)
        return chosen, nonce

    def _covers(self, record: Record, nonce: int) -> bool:
        """Return whether a nonce may be handed out: below the durable ceiling, or because the disk fails."""
        flushed = self.on_flush_due is not None
        return nonce <= record.ceiling or self._limit.may_go_beyond(nonce, flushed=flushed)

    def _look_at_ceiling(self, record: Record, now: int) -> None:
        """Say that the next ceiling is due once half of what is kept ahead of clock or nonces is used up."""
        if record.ceiling < max(now + self._half_window, record.shared.last + self._half_ahead):
            self._flush_is_due()

    def _save_what_changed(self, record: Record) -> None:
        if record.shared.changed or record.level_has_changed():
            self._save(record)

    async def _before_another_try(self, nonce: int, *, overtake: bool) -> None:
        if nonce == _OVERTAKEN:
            # This process stood still in the middle of the step, and a cancel went past it. Let it write down what
            # it takes back before another call is chosen; what was charged stays charged.
            await asyncio.sleep(MAKE_WAY)
        else:
            await self._limit.cover(nonce, OVERTAKING_PATIENCE if overtake else PATIENCE)

    async def _busy_nonce_lock(self, *, overtake: bool) -> FileLock | None:
        """Return the nonce lock that another process has, once it is held; None: a cancel goes without it."""
        if not overtake:
            return await self._wait_for_nonce_lock()
        return self._lock if await self._nonce_lock_soon() else None

    def _peek(self, record: Record) -> Shared:
        try:
            return record.peek()
        except OSError as error:
            self._limit.failed(error)  # what is in memory has to do
            return record.shared.copy()

    async def _nonce_lock_soon(self) -> bool:
        self._nonce_waits += 1
        try:
            return await nonce_lock.soon(self._lock)
        except ValueError:  # closed meanwhile
            raise self._unusable() from None

    async def _step_past(self, choose: Callable[[Shared], T | None]) -> tuple[T | None, int]:
        """Take a step of a cancel without the nonce lock, whose holder stands still; see floors.py.

        What it charges and takes back is written by the next step that gets the lock.
        """
        record = self._record
        shared = self._peek(record)
        margin = max(PAST_NS // self._tick, PAST_TICKS)
        nonce = max(shared.last + margin, time.time_ns() // self._tick)
        if nonce > record.ceiling and not self._limit.may_go_beyond(nonce, flushed=True):
            await self._limit.cover(nonce, OVERTAKING_PATIENCE)
        chosen = choose(shared)
        if chosen is None:
            return None, 0
        try:
            nonce = record.floors.publish(nonce - 1)
        except OSError as error:
            self._limit.failed(error)  # it goes all the same: a cancel must not fail for want of disk space
        record.shared.last = max(record.shared.last, nonce)
        self._bypasses += 1
        self.insist(partial(_owe, shared, shared.recalled.new.copy()))
        shared.recalled.new.clear()
        log.warning(
            "a cancel goes past the nonce lock, which %s keeps",
            self._holder("the nonce lock") or "another process",
            extra={"nonce": nonce},
        )
        return chosen, nonce

    def refresh(self) -> bool:
        """See KeyState.refresh. Three system calls; False when another process has the nonce lock."""
        # In mid-step (an observer may ask for statistics) the lock is ours: to let it go here would let others in.
        if self._lock_fd < 0 or self._holding or not self._lock.try_acquire():
            return False
        try:
            self._load()
        finally:
            self._lock.release()
        return True

    async def update(self, change: Callable[[Shared], T]) -> T:
        """See KeyState.update. Suspends only when another process has the nonce lock, for at most 2 s."""
        with await self._nonce_lock(UPDATE_PATIENCE):
            record = self._load()
            try:
                self._apply_notes(record.shared)
                result = change(record.shared)
            except BaseException:
                record.forget()
                raise
            self._save(record)
            return result

    def note(self, change: Callable[[Shared], object]) -> None:
        """See KeyState.note."""
        self._notes.append(change)

    def insist(self, change: Callable[[Shared], object]) -> None:
        """See KeyState.insist. A task waits for the nonce lock, however long."""
        self.note(change)
        if self._lock_fd >= 0 and (self._insisting is None or self._insisting.done()):
            self._insisting = asyncio.get_running_loop().create_task(self._write_notes_when_free())
            self._insisting.add_done_callback(self._insisted)

    async def _write_notes_when_free(self) -> None:
        while self._notes:
            with await self._nonce_lock():
                record = self._load()
                self._apply_notes(record.shared)
                self._save(record)

    def _insisted(self, task: asyncio.Task[None]) -> None:
        if self._insisting is task:  # else the next one's, as one that started eagerly was done before this
            self._insisting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("nonce state %s: a change is not written yet: %s", self.place, error)

    def _apply_notes(self, shared: Shared) -> None:
        notes, self._notes = self._notes, []
        for change in notes:
            change(shared)

    def _write_notes(self) -> None:
        """Before closing: keep what was noted, if the nonce lock is free."""
        if self._notes and self._lock.try_acquire():
            try:
                record = self._load()
                self._apply_notes(record.shared)
                self._save(record)
            finally:
                self._lock.release()

    def note_placed(self, names: Iterable[str]) -> None:
        """See KeyState.note_placed. One append to a file of its own, without a lock."""
        try:
            self._placed.append(names)
        except OSError as error:
            self._say(Problem("store-failing", f"placed orders cannot be put on record: {error}", "placed"))

    def placed(self, since: float) -> tuple[str, ...]:
        """See KeyState.placed. Reads two files of at most 1 MiB."""
        try:
            return self._placed.since(since)
        except OSError as error:
            self._say(Problem("store-failing", f"placed orders cannot be looked up: {error}", "placed"))
            return ()

    async def jump(self, ticks: int) -> int:
        """Raise the nonce, durably; ValueError for a negative number or one beyond 64 bits."""
        while True:
            with await self._nonce_lock():
                record = self._load()
                target = raised(record.shared.last, ticks, self._unit)
                if target <= record.ceiling or self._limit.may_go_beyond(target, flushed=True):
                    record.shared.last = target
                    self._save(record)
                    return target
            # Some way above, as the clock and other processes do not stand still until we come back.
            await self._limit.cover(min(MAX_NONCE, target + 2 * self._half_window), PATIENCE)


def _owe(was: Shared, recalled: list[Entry], shared: Shared) -> None:
    """Write down what a cancel without the lock has charged (``was``: the state that it left) and taken back."""
    for pair, (level, at) in was.engine.items():
        known = shared.engine.get(pair)
        if known is None or level > known[0]:
            shared.engine[pair] = [level, at]
    if was.level is not None and (shared.level is None or was.level > shared.level):
        shared.level, shared.level_at = was.level, was.level_at
    if was.cancelled_all_at is not None:
        shared.cancelled_all_at = max(was.cancelled_all_at, shared.cancelled_all_at or was.cancelled_all_at)
    shared.trading = shared.trading or was.trading
    shared.recalled.new += recalled
    shared.mark_changed()
