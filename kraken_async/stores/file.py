"""FileStore: a key's state in a file, shared by every thread, loop and process of this host.

A step is synchronous system calls on the page cache, some microseconds; the disk is only waited for when a
ceiling is used up, which the background flush prevents in a flow of calls. See slots.py for the bytes,
statefile.py for what survives which crash, turn.py for the right to send.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiofiles

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import (
    AHEAD_NS,
    AHEAD_TICKS,
    MAX_NONCE,
    UNITS,
    WINDOW_NS,
    KeyState,
    Shared,
    Store,
    raised,
)
from kraken_async.stores.exclusive import FileReservation
from kraken_async.stores.locks import (
    FORKED,
    TRY,
    UNLOCK,
    FileLock,
    flock,
    in_thread,
    unwatch_forks,
    wait_for_lock,
    watch_forks,
)
from kraken_async.stores.places import boot_id, default_directory, place_problems
from kraken_async.stores.slots import (
    HEADER_AT,
    HEADER_MAGIC,
    HEADER_SIZE,
    Disk,
    Rest,
    crc32,
    pack_crc,
    pack_fields,
    pack_rest,
    step_done,
    unpack_header,
)
from kraken_async.stores.statefile import Found, StateFile, read_rest
from kraken_async.stores.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

log = logging.getLogger("kraken_async.store")

#: Seconds that opening waits for another process which is just coming, going or raising the ceiling.
OPEN_PATIENCE: Final = 10.0
#: Seconds after which a disk that does not answer counts as failing; for a cancel that overtakes, much less.
DISK_PATIENCE: Final = 5.0
OVERTAKING_PATIENCE: Final = 0.3
#: Seconds between attempts on a failing disk.
RETRY: Final = 5.0
#: Seconds that closing waits for the disk.
CLOSE_PATIENCE: Final = 5.0
#: How often a step tries again at once, letting other threads run, before it waits for the nonce lock in a
#: thread.
_SPINS: Final = 20
_MOST_READ: Final = 64 * 2**20  # a foreign file may be of any size
_NAN: Final = float("nan")


class FileStore(Store):
    """Keeps each key in a file of ``state_dir`` (default: the user's state directory), for all processes of
    this host.

    ``strict_durability``: when the disk fails in mid-run, refuse nonces (NonceStoreError) rather than go on
    without a durable ceiling. Going on risks one refused nonce after a crash *and* a clock that was set
    back; refusing means that even a cancel fails for want of disk space.
    """

    def __init__(
        self,
        state_dir: str | Path | None = None,
        strict_durability: bool = False,
        *,
        disk: Disk | None = None,
    ) -> None:
        self.directory = (
            Path(state_dir).expanduser().absolute() if state_dir is not None else default_directory()
        )
        self.strict_durability = strict_durability
        self._chosen = state_dir is not None
        self._disk = disk or Disk()  # another one: for tests

    def __repr__(self) -> str:
        return f"FileStore({str(self.directory)!r}, strict_durability={self.strict_durability})"

    def key(self, name: str, unit: str) -> FileKey:
        """Return a session's hold on ``name``, to be opened."""
        return FileKey(self, name, unit)

    def reserve(self, name: str, unit: str) -> FileReservation:
        """Take ``name`` for one NonceSource alone.

        Raises NonceStoreError when anybody else uses it. Blocks.
        """
        file = StateFile(self.directory, name, unit, self._disk, exclusive=True)
        return FileReservation(file, strict=self.strict_durability)

    def problems(self) -> tuple[str, ...]:
        """Return why the directory may not keep what is put there."""
        return place_problems(self.directory, chosen=self._chosen)


class FileKey(KeyState):
    """A session's hold on a key of a FileStore. Belongs to the event loop that opened it."""

    def __init__(self, store: FileStore, name: str, unit: str) -> None:
        self._store = store
        self._name = name
        self._unit = unit
        self._tick = UNITS[unit]
        self._half_window = WINDOW_NS // 2 // self._tick
        self._half_ahead = max(AHEAD_NS // self._tick, AHEAD_TICKS) // 2
        self._strict = store.strict_durability
        self._pread, self._pwrite = store._disk.pread, store._disk.pwrite
        self._boot = boot_id()
        self._clock: Callable[[], float] = time.monotonic
        self._file = StateFile(store.directory, name, unit, store._disk)
        self._lock: FileLock | None = None  # the nonce lock, by a descriptor of the loop's own
        self._turn: Turn | None = None
        self._fd = self._lock_fd = -1
        self._shared = self.seen = Shared()
        self._raw = b""  # the header as last seen in the file or put there
        self._generation = 0
        self._ceiling = 0
        self._rest = Rest()
        self._rest_known = False
        self._due = False
        self._raising: asyncio.Future[int] | None = None
        self._retry_at = 0.0
        self._failure = ""
        self._said: dict[str, None] = {}
        self._forked = False
        self._counts = {"raises": 0, "disk_errors": 0, "nonce_waits": 0}
        self.place = str(self._file.path)

    def __repr__(self) -> str:
        return f"<FileKey {self.place} last={self._shared.last} ceiling={self._ceiling}>"

    # ------------------------------------------------------------------------------------- opening, closing

    async def open(self, clock: Callable[[], float]) -> None:
        """Join the key's users; as the first of them, recover. Raises NonceStoreError naming the file and
        the cure.

        Waits for the disk (two syncs), and up to 10 s for another process that is just coming or going.
        """
        if self._forked:
            raise self._unusable()
        if self._fd >= 0:
            return
        self._clock = clock
        file = self._file = StateFile(self._store.directory, self._name, self._unit, self._store._disk)
        # A step in a thread that fails closes the file; one that is no longer waited for is undone when it
        # is done.
        entering = in_thread(file.enter, lambda _: file.close())
        try:
            await asyncio.wait_for(entering, OPEN_PATIENCE)
        except TimeoutError:
            raise NonceStoreError(
                f"nonce state {file.path} is being changed by another process that does not finish (is it stopped?): "
                "see who holds it with `kraken-async nonce show`"
            ) from None
        try:
            async with aiofiles.open(file.fd, "rb", closefd=False) as stream:
                raw = await stream.read(_MOST_READ)
        except BaseException:
            file.close()
            raise
        self._take(await in_thread(lambda: file.settle(raw, clock), lambda _: file.close()))
        watch_forks(self)

    def _take(self, found: Found) -> None:
        file = self._file
        try:
            self._lock = FileLock(file.lock_path("nonce"))
            self._turn = Turn(file.lock_path)
        except OSError as error:
            file.close()
            if self._lock is not None:
                self._lock.close()
            raise NonceStoreError(
                f"the locks of nonce state {file.path} cannot be opened: {error}"
            ) from error
        self._fd, self._lock_fd = file.fd, self._lock.fd
        self._shared = self.seen = found.shared
        self._ceiling = found.ceiling
        self._raw, self._rest_known = b"", False
        self.is_new = file.created
        for sentence in found.said:
            self._say(sentence)
        for sentence in self._store.problems():
            self._say(sentence)

    async def close(self) -> None:
        """Give back the reservation if nobody else uses the key; let go of every lock and descriptor.
        Idempotent.

        Waits for the disk, at most 5 s; a thread that the disk holds longer lets go when it returns.
        """
        if self._fd < 0:
            return
        self._fd = self._lock_fd = -1
        unwatch_forks(self)
        assert self._turn is not None
        assert self._lock is not None
        self._turn.close()
        self._lock.close()
        file, last = self._file, self._shared.last
        try:
            await asyncio.wait_for(asyncio.shield(in_thread(lambda: file.finish(last))), CLOSE_PATIENCE)
        except (OSError, TimeoutError) as error:
            log.warning("nonce state %s: the reservation could not be given back: %s", self.place, error)

    def left_behind(self) -> None:
        """Runs in a forked child: the descriptors are closed, the parent's locks stay."""
        self._forked = True
        self._fd = self._lock_fd = -1
        if self._turn is not None:
            self._turn.left_behind()
        if self._lock is not None:
            self._lock.abandon()
        self._file.left_behind()

    def _unusable(self) -> NonceStoreError:
        why = FORKED if self._forked else "it is not open"
        return NonceStoreError(f"this hold on {self.place} cannot be used: {why}")

    # ----------------------------------------------------------------------------------------------- turn

    async def acquire_turn(self) -> None:
        """Wait for the right to send.

        Free: four system calls, no suspension. Cancelled: the turn is not held.
        """
        turn = self._turn
        try:
            if turn.try_acquire():  # type: ignore[union-attr]
                return
        except (AttributeError, ValueError):
            raise self._unusable() from None
        await turn.wait()  # type: ignore[union-attr]

    async def release_turn(self) -> None:
        """Give the turn to the next in line; nothing happens when it is not held."""
        if self._turn is not None:
            self._turn.release()

    # ---------------------------------------------------------------------------------------------- nonces

    async def step(
        self, choose: Callable[[Shared], T | None], *, overtake: bool = False
    ) -> tuple[T | None, int]:
        """See KeyState.step.

        Suspends only when the ceiling is used up or another process has the nonce lock.
        """
        while True:
            try:
                flock(self._lock_fd, TRY)
                lock = None
            except BlockingIOError:
                lock = await self._wait_for_nonce_lock()
            except ValueError:
                raise self._unusable() from None
            try:
                if self._pread(self._fd, HEADER_SIZE, HEADER_AT) != self._raw:
                    self._absorb()
                shared = self._shared
                now = time.time_ns() // self._tick
                nonce = now if now > shared.last else shared.last + 1
                if nonce <= self._ceiling or self._goes_beyond(nonce):
                    # Looked at before choosing: what was charged for a nonce is never charged again.
                    level, level_at = shared.level, shared.level_at
                    chosen = choose(shared)
                    if chosen is not None:
                        shared.last = nonce
                        self._save()
                    else:
                        if shared.changed or shared.level != level or shared.level_at != level_at:
                            self._save()
                        nonce = 0
                    break
            except BaseException:
                self._forget()
                raise
            finally:
                if lock is None:
                    flock(self._lock_fd, UNLOCK)
                else:
                    lock.close()
            await self._cover(nonce, OVERTAKING_PATIENCE if overtake else DISK_PATIENCE)
        if self._ceiling < now + self._half_window or self._ceiling < shared.last + self._half_ahead:
            self._flush_is_due()
        return chosen, nonce

    async def update(self, change: Callable[[Shared], T]) -> T:
        """See KeyState.update. Suspends only when another process has the nonce lock."""
        lock = self._try_nonce_lock() or await self._wait_for_nonce_lock()
        try:
            self._load()
            result = change(self._shared)
            self._save()
        except BaseException:
            self._forget()
            raise
        finally:
            lock.release() if lock is self._lock else lock.close()
        return result

    async def jump(self, ticks: int) -> int:
        """Raise the nonce, durably; ValueError for a negative number or one beyond 64 bits."""
        while True:
            lock = self._try_nonce_lock() or await self._wait_for_nonce_lock()
            try:
                self._load()
                target = raised(self._shared.last, ticks, self._unit)
                if target <= self._ceiling or self._goes_beyond(target):
                    self._shared.last = target
                    self._save()
                    return target
            finally:
                lock.release() if lock is self._lock else lock.close()
            # Some way above, as the clock and other processes do not stand still until we come back.
            await self._cover(min(MAX_NONCE, target + 2 * self._half_window), DISK_PATIENCE)

    def _try_nonce_lock(self) -> FileLock | None:
        if self._fd < 0 or self._lock is None:
            raise self._unusable()
        return self._lock if self._lock.try_acquire() else None

    async def _wait_for_nonce_lock(self) -> FileLock:
        """Return the nonce lock, held, on a descriptor of its own. It is held for microseconds by others."""
        if self._fd < 0:
            raise self._unusable()
        lock = FileLock(self._file.lock_path("nonce"))
        for _ in range(_SPINS):
            if lock.try_acquire():
                return lock
            time.sleep(0)  # lets the holder's thread go on, when it is one of this process
        lock.abandon()
        # Its holder was stopped in the middle, or the machine is crowded.
        self._counts["nonce_waits"] += 1
        lock = await wait_for_lock(self._file.lock_path("nonce"))
        if self._fd < 0:
            lock.close()
            raise self._unusable()
        return lock

    # ------------------------------------------------------------------------------- the header, under its
    # lock

    def _load(self) -> None:
        if self._pread(self._fd, HEADER_SIZE, HEADER_AT) != self._raw:
            self._absorb()

    def _forget(self) -> None:
        """Half a change may be in memory: what the file says counts."""
        self._raw = b""
        self._rest_known = False

    def _absorb(self) -> None:
        """Take over what others wrote."""
        raw = self._pread(self._fd, HEADER_SIZE, HEADER_AT)
        header = unpack_header(raw)
        if header is None:
            self._repair()
            return
        shared = self._shared
        # Not below what this session knows: the file may be older when a write of ours has failed.
        shared.last = max(shared.last, header.last)
        shared.level = None if header.level != header.level else header.level
        shared.level_at = header.level_at
        self._ceiling = header.ceiling
        self._generation = header.generation
        self._raw = raw
        rest = Rest(header.rest_at, header.rest_size, header.rest_crc)
        if rest != self._rest or not self._rest_known:
            data = read_rest(self._store._disk, self._fd, rest)
            if data is None:
                self._say(
                    f"nonce state {self.place}: pauses and orders were damaged; this session's own count"
                )
            else:
                shared.read_seldom(data)
                shared.changed = False
            self._rest, self._rest_known = rest, True

    def _repair(self) -> None:
        """The header was damaged under us: start above every ceiling, with the counters unknown."""
        self._say(
            f"nonce state {self.place}: the header was damaged in mid-run; nonces go on above the ceiling"
        )
        shared = self._shared
        shared.last = max(shared.last, self._ceiling, self._file.highest())
        shared.level = None
        shared.touch()
        self._ceiling = shared.last
        self._save()

    def _save(self) -> None:
        """Write the state back; on failure go on in memory and say so."""
        shared = self._shared
        try:
            if shared.changed:
                self._save_rest()
            self._generation += 1
            level = shared.level
            rest = self._rest
            packed = pack_fields(
                HEADER_MAGIC,
                self._generation,
                shared.last,
                self._ceiling,
                _NAN if level is None else level,
                shared.level_at,
                self._clock(),
                time.time(),
                self._boot,
                rest.at,
                rest.size,
                rest.crc,
            )
            raw = packed + pack_crc(crc32(packed))
            if self._pwrite(self._fd, raw, HEADER_AT) != HEADER_SIZE:
                raise OSError(None, "the header was written in part")
        except OSError as error:
            self._disk_failed(error)
        else:
            self._raw = raw
            step_done("header written")

    def _save_rest(self) -> None:
        data = pack_rest(self._shared.seldom())
        rest = self._rest.place(data)
        if self._pwrite(self._fd, data, rest.at) != len(data):
            raise OSError(None, "the state was written in part")
        step_done("rest written")
        self._rest, self._rest_known = rest, True
        self._shared.changed = False

    # --------------------------------------------------------------------------------------------- ceiling

    async def flush(self) -> None:
        """Make a new ceiling durable ahead of need.

        Never raises: a failing disk is logged once and retried.
        """
        self._due = False
        if self._fd >= 0:
            with contextlib.suppress(NonceStoreError):
                await self._cover(self._shared.last, DISK_PATIENCE)

    def _flush_is_due(self) -> None:
        if self._due or (not self.durable and time.monotonic() < self._retry_at):
            return
        self._due = True
        if self.on_flush_due is not None:
            self.on_flush_due()

    def _goes_beyond(self, nonce: int) -> bool:
        """Whether to hand out a nonce above the durable ceiling: the disk fails, and calls must go on."""
        if nonce > MAX_NONCE:
            raise NonceStoreError(
                f"nonce state {self.place}: the last nonce is the highest there is. Use a new API key"
            )
        if self.durable or self._strict:
            return False
        return self.on_flush_due is not None or time.monotonic() < self._retry_at

    async def _cover(self, last: int, patience: float) -> None:
        """Wait until a ceiling above ``last`` is durable, or the disk has failed, or ``patience`` is over.

        Raises NonceStoreError with ``strict_durability`` when it is not durable then.
        """
        if not self.durable and self._strict and time.monotonic() < self._retry_at:
            raise self._not_durable()
        raising = self._raising
        if raising is None:
            file = self._file
            raising = self._raising = in_thread(lambda: file.raise_ceiling(last))
            raising.add_done_callback(self._raised)
        await asyncio.wait([raising], timeout=patience)
        if not raising.done():
            self._disk_failed(OSError(None, f"no answer from the disk for {patience} s"))
        if not self.durable and self._strict:
            raise self._not_durable()

    def _raised(self, raising: asyncio.Future[int]) -> None:
        self._raising = None
        if raising.cancelled():
            return
        error = raising.exception()
        if isinstance(error, OSError):
            self._disk_failed(error)
        elif error is not None:
            self._disk_failed(OSError(None, repr(error)))
        else:
            # Durable, whether or not the header could be told.
            self._ceiling = max(self._ceiling, raising.result())
            self._counts["raises"] += 1
            if not self.durable:
                self.durable = True
                self._failure = ""
                log.warning("nonce state %s: the disk works again", self.place)

    def _disk_failed(self, error: OSError) -> None:
        self._counts["disk_errors"] += 1
        self._retry_at = time.monotonic() + RETRY
        why = error.strerror or str(error)
        self._failure = (
            f"nonce state {self.place} cannot be written ({why}): "
            + ("calls are refused" if self._strict else "calls go on without a durable ceiling")
            + "; free or repair the disk"
        )
        if self.durable:
            self.durable = False
            log.error("%s", self._failure)

    def _not_durable(self) -> NonceStoreError:
        return NonceStoreError(f"{self._failure} (strict_durability)")

    # ------------------------------------------------------------------------------------------ what to tell

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said[sentence] = None
            log.warning("%s", sentence)

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the place or the disk."""
        return (*((self._failure,) if self._failure else ()), *self._said)

    def figures(self) -> dict[str, Any]:
        """Return the ceiling, raises, disk errors, waits for the turn and for the nonce lock."""
        waits = self._turn.waits if self._turn is not None else 0
        return {"ceiling": self._ceiling, "generation": self._generation, "turn_waits": waits, **self._counts}
