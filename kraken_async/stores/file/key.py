"""FileKey: one session's hold on a key of a FileStore.

A step is synchronous system calls on the page cache, some microseconds; the disk is only waited for when a
ceiling is used up, which the background flush prevents in a flow of calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiofiles

from kraken_async.errors import NonceStoreError
from kraken_async.problems import Problem, coded
from kraken_async.stores.file.ceiling import PATIENCE, Ceiling, Raised
from kraken_async.stores.file.record import Record
from kraken_async.stores.file.side_files import PlacedFile
from kraken_async.stores.file.state_file import StateFile
from kraken_async.stores.file.steps import Steps
from kraken_async.stores.file.turn import Turn
from kraken_async.system.flock import FileLock
from kraken_async.system.fork import unwatch_forks, watch_forks
from kraken_async.system.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.stores.base import Shared
    from kraken_async.stores.file.recovery import Found

T = TypeVar("T")

log: logging.Logger = logging.getLogger("kraken_async.store")

#: Seconds that opening waits for another process which is just coming, going or raising the ceiling.
OPEN_PATIENCE: Final = 10.0
#: Seconds that closing waits for the disk.
CLOSE_PATIENCE: Final = 1.0
#: How often the state is looked at when opening, before the first step does it.
_SPINS: Final = 20
_MOST_READ: Final = 64 * 2**20  # a foreign file may be of any size


class FileKey(Steps):
    """A session's hold on a key of a FileStore. Belongs to the event loop that opened it."""

    is_new: bool
    says_problems: bool = True
    seen: Shared

    # ------------------------------------------------------------------------------------ opening, closing

    async def open(self, clock: Callable[[], float]) -> None:
        """Join the key's users; as the first of them, recover.

        Waits for the disk (some syncs), and up to 10 s for another process that is just coming or going.
        Raises NonceStoreError naming the file and the cure. Cancelled: not open; what a thread is at is undone.
        """
        if self._forked:
            raise self._unusable()
        if self._lock_fd >= 0:
            return
        self._clock = clock
        file = self._new_file()
        # A step in a thread that fails closes the file; one that is no longer waited for is undone when done.
        entering = in_thread(file.enter, lambda _: file.close(), joined=True)
        try:
            with self._waits.waiting("the disk lock"):
                await asyncio.wait_for(entering, OPEN_PATIENCE)
        except TimeoutError:
            raise NonceStoreError(
                f"nonce state {file.path} is being changed by another process that does not finish (is it "
                "stopped?): see who holds it with `kraken-async nonce show`"
            ) from None
        try:
            async with aiofiles.open(file.fd, "rb", closefd=False) as stream:
                raw = await stream.read(_MOST_READ)
        except BaseException:
            file.close()
            raise
        found = await in_thread(lambda: file.recover(raw, clock), lambda _: file.close(), joined=True)
        self._limit = Ceiling(
            file, clock, strict=self._strict, on_raised=self._on_raised, on_change=self._on_durable
        )
        self._use(file, found)
        self.is_new = file.created
        for sentence in (*found.said, *self._place_problems()):
            self._say(sentence)
        watch_forks(self)
        # What the others know is known from the start, if they let us.
        for _ in range(0 if file.first else _SPINS):
            if self.refresh():
                break
            await asyncio.sleep(0)

    def _use(self, file: StateFile, found: Found) -> None:
        """Go over to ``file``, which has been entered and settled."""
        with contextlib.ExitStack() as undo:
            undo.callback(file.close)
            try:
                lock = FileLock(file.lock_path("nonce"))
                undo.callback(lock.close)
                turn = Turn(file.lock_path, self._turn_moved_at)
                undo.callback(turn.close)
                record = Record(file, found, self._clock)
            except OSError as error:
                raise NonceStoreError(f"the locks beside {file.path} cannot be opened: {error}") from error
            undo.pop_all()
        file.watched = [lock, *turn.locks]
        self._file, self._lock, self._turn, self._record = file, lock, turn, record
        self._placed = PlacedFile(file.path.with_suffix(".placed"), file.disk)
        self._lock_fd = lock.fd
        self.seen = found.shared

    async def close(self) -> None:
        """Give back the reservation if no other session uses the key, and every lock and descriptor. Idempotent.

        Waits for the disk, at most 1.1 s; a thread that the disk holds longer is released when it returns. So does a
        thread that waits for the turn (see Turn).
        """
        if self._lock_fd < 0:
            return
        await self.release_turn()
        insisting = self._let_go()
        if insisting is not None:
            await asyncio.wait([insisting])
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLOSE_PATIENCE
        await self._limit.quiet(CLOSE_PATIENCE)
        file, last = self._file, self._record.shared.last
        try:
            async with asyncio.timeout(max(0.1, deadline - loop.time())):
                await asyncio.shield(in_thread(lambda: file.finish(last), joined=True))
        except (OSError, TimeoutError) as error:
            log.warning("nonce state %s: the reservation could not be given back: %r", self.place, error)
        except (RuntimeError, MemoryError) as error:  # no thread can be started
            file.close()
            log.warning("nonce state %s: the reservation could not be given back: %r", self.place, error)

    def _let_go(self) -> asyncio.Task[None] | None:
        """Give back what needs no waiting. Return a task that is about to end."""
        self._write_notes()
        self._lock_fd = -1
        self._limit.stop()
        unwatch_forks(self)
        self._turn.close()
        self._lock.close()
        self._record.close()
        self._placed.close()
        if self._insisting is not None:
            self._insisting.cancel()
        return self._insisting

    def drop(self) -> None:
        """See KeyState.drop."""
        if self._lock_fd >= 0:
            self._let_go()
            self._file.close()

    def left_behind(self) -> None:
        """Close the descriptors in a forked child; the parent's locks stay."""
        self._forked = True
        self._lock_fd = -1
        self._turn.left_behind()
        self._lock.abandon()
        self._record.close()
        self._placed.close()
        self._file.left_behind()

    # --------------------------------------------------------------------------------------------- ceiling

    async def flush(self) -> None:
        """Make a new ceiling durable ahead of need.

        Never raises: a failing disk is logged once and retried.
        """
        self._due = False
        if self._lock_fd >= 0:
            with contextlib.suppress(NonceStoreError):
                await self._limit.cover(self._record.shared.last, PATIENCE)

    def _on_durable(self, durable: bool) -> None:
        self.durable = durable

    def _on_raised(self, raised: Raised) -> None:
        if self._lock_fd < 0:
            if raised.found is not None:
                raised.file.close()
        elif raised.found is None:
            # Durable, whether or not the header could be told.
            self._record.ceiling = max(self._record.ceiling, raised.ceiling)
        else:
            self._move(raised.file, raised.found)

    def _move(self, file: StateFile, found: Found) -> None:
        """Go over to the new file with what this session knows: the old one was removed or replaced."""
        old_file, old_lock, old_turn, known = self._file, self._lock, self._turn, self._record.shared
        found.shared.last = max(found.shared.last, known.last)
        with contextlib.suppress(OSError):
            self._record.load()  # what others cancelled until now
        self._record.close()
        self._placed.close()
        found.shared.recalled = known.recalled
        try:
            self._use(file, found)
        except NonceStoreError as error:
            self._limit.failed(OSError(None, str(error)))
            return
        if file.first:  # else others know better
            self._record.load()
            found.shared.level, found.shared.level_at = known.level, known.level_at
            found.shared.read_seldom(known.slow_fields())
            found.shared.mark_changed()
        self._say(f"nonce state {self.place} was removed or replaced in mid-run; it was made again")
        old_lock.close()
        old_file.close()
        if old_turn.held:
            self._old_turn = old_turn
        elif old_turn.idle:
            old_turn.close()

    # ---------------------------------------------------------------------------------------- what to tell

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the place or the disk, and what is waited for."""
        failure = self._limit.failure if self._lock_fd >= 0 else ""
        failing = (Problem("store-failing", failure),) if failure else ()
        return (*failing, *coded(self._said, "store-damaged"), *self._waits.problems())

    def figures(self) -> dict[str, Any]:
        """Return the ceiling, raises, disk errors, waits for the turn and for the nonce lock."""
        if self._lock_fd < 0:
            return {}
        return {
            "ceiling": self._record.ceiling,
            "generation": self._record.generation,
            "raises": self._limit.raises,
            "disk_errors": self._limit.errors,
            "turn_waits": self._turn.waits,
            "nonce_waits": self._nonce_waits,
            "past_the_nonce_lock": self._bypasses,
        }
