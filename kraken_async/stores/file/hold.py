"""A session's hold on a key: its descriptors and locks, what it waits for, and the turn."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import (
    AHEAD_NS,
    AHEAD_TICKS,
    UNITS,
    WINDOW_NS,
    KeyState,
    Shared,
)
from kraken_async.stores.file import nonce_lock
from kraken_async.stores.file.ceiling import Ceiling
from kraken_async.stores.file.record import Record
from kraken_async.stores.file.side_files import PlacedFile
from kraken_async.stores.file.state_file import StateFile
from kraken_async.stores.file.turn import Turn
from kraken_async.stores.waiting import Waits
from kraken_async.system.flock import FileLock, lock_holders, process_text
from kraken_async.system.fork import FORKED

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.stores.waiting import Waiting
    from kraken_async.system.durable import Disk


log: logging.Logger = logging.getLogger("kraken_async.store")


class Hold(KeyState):
    """A session's descriptors on a key's files, from open() on."""

    # There from open() on. A closed hold has a lock descriptor of -1, which every use meets first.
    _file: StateFile
    _lock: FileLock  # the nonce lock, by a descriptor of the loop's own
    _turn: Turn
    _record: Record
    _placed: PlacedFile
    _limit: Ceiling

    def __init__(
        self,
        directory: Path,
        name: str,
        unit: str,
        disk: Disk,
        *,
        strict: bool,
        problems: Callable[[], tuple[str, ...]],
    ) -> None:
        self._new_file: Callable[[], StateFile] = lambda: StateFile(directory, name, unit, disk)
        self._place_problems = problems
        self._strict = strict
        self._unit = unit
        self._tick = UNITS[unit]
        self._half_window = WINDOW_NS // 2 // self._tick
        self._half_ahead = max(AHEAD_NS // self._tick, AHEAD_TICKS) // 2
        self._clock: Callable[[], float] = time.monotonic
        self._lock_fd = -1
        self._old_turn: Turn | None = None  # of a directory that was removed while this session held it
        self._due = False
        self._said: dict[str, None] = {}
        self._notes: list[Callable[[Shared], object]] = []
        self._nonce_waits = 0
        self._insisting: asyncio.Task[None] | None = None
        self._bypasses = 0  # nonces taken without the nonce lock
        self._waits = Waits(self._holder)
        self._forked = False
        self._holding = False  # the nonce lock is held by this session, in the middle of a step
        self.seen: Shared = Shared()
        self.place: str = str(directory / f"{name}.state")

    def __repr__(self) -> str:
        return f"<FileKey {self.place} last={self.seen.last}>"

    # ------------------------------------------------------------------------------------------------ turn

    async def acquire_turn(self, *, urgent: bool = False) -> None:
        """See KeyState.acquire_turn. Free: four system calls, no suspension."""
        while self._lock_fd >= 0:
            turn = self._turn
            if not turn.try_acquire():
                with self._waits.waiting("the turn"):
                    await turn.wait(urgent=urgent)
            if turn is self._turn:
                return
            turn.close()  # the directory was made again meanwhile, and the line is another one
        raise self._unusable()

    def try_acquire_turn(self) -> bool:
        """See KeyState.try_acquire_turn. Four system calls."""
        return self._lock_fd >= 0 and self._turn.try_acquire()

    def hurry(self) -> None:
        """See KeyState.hurry."""
        if self._lock_fd >= 0:
            self._turn.hurry()

    async def moved_at(self) -> float:
        """See KeyState.moved_at. One system call, without a lock; never suspends."""
        return self._moved_at()

    def _moved_at(self) -> float:
        if self._lock_fd < 0:
            return 0.0
        try:
            return self._record.peek_turn()
        except OSError:
            return self._record.turn_at

    def _turn_moved_at(self) -> float:
        # By the monotonic clock, whatever clock the loop has.
        return self._moved_at() - self._clock() + time.monotonic()

    async def release_turn(self) -> None:
        """Give the turn to the next in line; nothing happens when it is not held."""
        if self._old_turn is not None:
            self._old_turn.close()
            self._old_turn = None
        elif self._lock_fd >= 0:
            self._turn.release()

    def try_release_turn(self) -> bool:
        """See KeyState.try_release_turn. One system call."""
        if self._old_turn is not None or self._lock_fd < 0:
            return False
        self._turn.release()
        return True

    # ------------------------------------------------------------------------------------------ nonce lock

    async def _nonce_lock(self, patience: float | None = None) -> Nonces:
        if self._holding:  # in mid-step, by a listener's task that starts eagerly: not its turn yet
            await asyncio.sleep(0)
        if self._lock_fd < 0:
            raise self._unusable()
        lock = self._lock if self._lock.try_acquire() else await self._wait_for_nonce_lock(patience)
        return Nonces(self, lock, ours=lock is self._lock)

    async def _wait_for_nonce_lock(self, patience: float | None = None) -> FileLock:
        """Return the nonce lock, held; on a descriptor of its own, to be closed, if it is not ``self._lock``."""
        self._nonce_waits += 1
        try:
            with self._waits.waiting("the nonce lock"):
                lock = await nonce_lock.wait(self._lock, patience)
        except TimeoutError:
            who = self._holder("the nonce lock") or "another process"
            raise NonceStoreError(
                f"nonce state {self.place}: {who} keeps the nonce lock (is it stopped?)"
            ) from None
        except ValueError:  # closed between two tries
            raise self._unusable() from None
        if self._lock_fd < 0:
            lock.close()
            raise self._unusable()
        return lock

    def _load(self) -> Record:
        record = self._record
        try:
            damage = record.load()
        except OSError as error:
            self._limit.failed(error)  # what is in memory has to do
        else:
            if damage is not None:
                self._say(f"nonce state {self.place}: {damage}")
        return record

    def _save(self, record: Record) -> None:
        if (failure := record.save()) is not None:
            self._limit.failed(failure)  # in memory it goes on

    # ---------------------------------------------------------------------------------------- what to tell

    def _flush_is_due(self) -> None:
        if not self._due and not self._limit.resting():
            self._due = True
            if self.on_flush_due is not None:
                self.on_flush_due()

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said[sentence] = None
            log.warning("%s", sentence)

    def _unusable(self) -> NonceStoreError:
        return NonceStoreError(
            f"nonce state {self.place}: {FORKED if self._forked else 'it is not open here'}"
        )

    def waiting(self) -> tuple[Waiting, ...]:
        """See KeyState.waiting."""
        return self._waits.now()

    def _holder(self, what: str) -> str:
        """Return which process has a lock, as far as the system or the last header tells; "" if neither does."""
        kind = what.split()[1]
        path = Path(self.place).with_suffix(f".{kind}.lock")
        try:
            holders = lock_holders(path.stat())
        except OSError:
            holders = ()
        pids = [holder.pid for holder in holders if not holder.waiting and holder.pid > 0]
        if pids:
            return process_text(pids[0])
        trailer = self._record.trailer if self._lock_fd >= 0 and kind == "turn" else None
        if trailer is not None and trailer.pid:
            return f"process {trailer.pid} on {trailer.host.decode(errors='replace')}, as far as is known"
        return ""


class Nonces:
    """The nonce lock, held: ``with`` lets it go."""

    __slots__ = ("_key", "_lock", "_ours")

    def __init__(self, key: Hold, lock: FileLock, *, ours: bool) -> None:
        self._key = key
        self._lock = lock
        self._ours = ours

    def __enter__(self) -> None:
        self._key._holding = True

    def __exit__(self, *_: object) -> None:
        self._key._holding = False
        if self._ours:
            self._lock.release()
        else:
            self._lock.close()
