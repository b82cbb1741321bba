"""FileKey: one session's hold on a key of a FileStore.

A step is synchronous system calls on the page cache, some microseconds; the disk is only waited for when a
ceiling is used up, which the background flush prevents in a flow of calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiofiles

from kraken_async.errors import NonceStoreError
from kraken_async.problems import Problem, coded
from kraken_async.stores.base import (
    AHEAD_NS,
    AHEAD_TICKS,
    MAX_NONCE,
    UNITS,
    WINDOW_NS,
    KeyState,
    Shared,
    raised,
)
from kraken_async.stores.file import nonce_lock
from kraken_async.stores.file.ceiling import OVERTAKING_PATIENCE, PATIENCE, Ceiling, Raised
from kraken_async.stores.file.record import Record
from kraken_async.stores.file.side_files import PlacedFile
from kraken_async.stores.file.state_file import StateFile
from kraken_async.stores.file.turn import Turn
from kraken_async.stores.waiting import SAY_AFTER, Waits
from kraken_async.system.flock import TRY, UNLOCK, FileLock, flock, lock_holders, process_text
from kraken_async.system.fork import FORKED, unwatch_forks, watch_forks
from kraken_async.system.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken_async.stores.file.recovery import Found
    from kraken_async.stores.recalled import Entry
    from kraken_async.stores.waiting import Waiting
    from kraken_async.system.durable import Disk

T = TypeVar("T")

log = logging.getLogger("kraken_async.store")

#: Seconds that opening waits for another process which is just coming, going or raising the ceiling.
OPEN_PATIENCE: Final = 10.0
#: Seconds that closing waits for the disk.
CLOSE_PATIENCE: Final = 1.5
#: Seconds for which a step that was overtaken lets others have the nonce lock.
MAKE_WAY: Final = 0.05
#: Seconds that update() waits for the nonce lock.
UPDATE_PATIENCE: Final = 2.0
#: How far above the last nonce on record a cancel goes that cannot have the nonce lock, and in coarse units at least.
PAST_NS: Final = 1000
PAST_TICKS: Final = 8
#: How often the state is looked at when opening, before the first step does it.
_SPINS: Final = 20
_MOST_READ: Final = 64 * 2**20  # a foreign file may be of any size


class FileKey(KeyState):
    """A session's hold on a key of a FileStore. Belongs to the event loop that opened it."""

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
        self.seen = Shared()
        self.place = str(directory / f"{name}.state")

    def __repr__(self) -> str:
        return f"<FileKey {self.place} last={self.seen.last}>"

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
        found = await in_thread(lambda: file.settle(raw, clock), lambda _: file.close(), joined=True)
        self._limit = Ceiling(
            file, clock, strict=self._strict, on_raised=self._on_raised, on_change=self._on_durable
        )
        self._use(file, found)
        self.is_new = file.created
        for sentence in (*found.said, *self._place_problems()):
            self._say(sentence)
        watch_forks(self)
        for _ in range(
            0 if file.first else _SPINS
        ):  # what the others know is known from the start, if they let us
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
        """Give back the reservation if nobody else uses the key; let go of every lock and descriptor.
        Idempotent.

        Waits for the disk, at most 1.5 s; a thread that the disk holds longer lets go when it returns. So does a
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
        """Runs in a forked child: the descriptors are closed, the parent's locks stay."""
        self._forked = True
        self._lock_fd = -1
        self._turn.left_behind()
        self._lock.abandon()
        self._record.close()
        self._placed.close()
        self._file.left_behind()

    def _unusable(self) -> NonceStoreError:
        return NonceStoreError(
            f"nonce state {self.place}: {FORKED if self._forked else 'it is not open here'}"
        )

    # ----------------------------------------------------------------------------------------------- turn

    async def acquire_turn(self, *, urgent: bool = False) -> None:
        """See KeyState.acquire_turn. Free: four system calls, no suspension."""
        while self._lock_fd >= 0:
            turn = self._turn
            if not turn.try_acquire():
                with self._waits.waiting("the turn"):
                    await turn.wait(urgent=urgent)
            if turn is self._turn:
                return
            turn.close()  # the directory was made anew meanwhile, and the line is another one
        raise self._unusable()

    def hurry(self) -> None:
        """See KeyState.hurry."""
        if self._lock_fd >= 0:
            self._turn.hurry()

    def moved_at(self) -> float:
        """See KeyState.moved_at. One system call, without a lock."""
        if self._lock_fd < 0:
            return 0.0
        try:
            return self._record.peek_turn()
        except OSError:
            return self._record.turn_at

    def _turn_moved_at(self) -> float:
        # By the monotonic clock, whatever clock the loop has.
        return self.moved_at() - self._clock() + time.monotonic()

    async def release_turn(self) -> None:
        """Give the turn to the next in line; nothing happens when it is not held."""
        if self._old_turn is not None:
            self._old_turn.close()
            self._old_turn = None
        elif self._lock_fd >= 0:
            self._turn.release()

    # --------------------------------------------------------------------------------------------- nonces

    async def step(
        self, choose: Callable[[Shared], T | None], *, overtake: bool = False
    ) -> tuple[T | None, int]:
        """See KeyState.step.

        Suspends only when the ceiling is used up or another process has the nonce lock.
        """
        overtaken = False
        while True:
            if overtaken:
                # This process stood still in the middle of the step, and a cancel went past it. Let it write down what
                # it takes back before another call is chosen; what was charged stays charged.
                overtaken = False
                await asyncio.sleep(MAKE_WAY)
            try:
                flock(self._lock_fd, TRY)
                lock = self._lock
            except BlockingIOError:
                if overtake and not await self._nonce_lock_soon():
                    return await self._step_past(choose)
                lock = self._lock if overtake else await self._wait_for_nonce_lock()
            except ValueError:
                raise self._unusable() from None
            self._holding = True
            record = self._record
            try:
                self._load()
                shared = record.shared
                now = time.time_ns() // self._tick
                last = shared.last
                nonce = now if now > last else last + 1
                # Looked at before choosing: what was charged for a nonce is never charged again.
                if nonce <= record.ceiling or self._limit.may_go_beyond(
                    nonce, flushed=self.on_flush_due is not None
                ):
                    level, level_at = shared.level, shared.level_at
                    if self._notes:
                        self._apply_notes(shared)
                    chosen = choose(shared)
                    if chosen is not None:
                        shared.last = last = nonce
                        if not overtake:
                            record.turn_at = self._clock()
                        self._save(record)
                        if record.overtaken():
                            overtaken = True
                            continue
                    else:
                        nonce = 0
                        if shared.changed or shared.level != level or shared.level_at != level_at:
                            self._save(record)
                    break
            except BaseException:
                record.forget()
                raise
            finally:
                self._holding = False
                if lock is self._lock:
                    flock(self._lock_fd, UNLOCK)
                else:
                    lock.close()
            await self._limit.cover(nonce, OVERTAKING_PATIENCE if overtake else PATIENCE)
        if record.ceiling < now + self._half_window or record.ceiling < last + self._half_ahead:
            self._flush_is_due()
        return chosen, nonce

    def _peek(self, record: Record) -> Shared:
        try:
            return record.peek()
        except OSError as error:
            self._limit.failed(error)  # what is in memory has to do
            return record.shared.copy()

    async def _nonce_lock_soon(self) -> bool:
        self._nonce_waits += 1
        taken = await nonce_lock.soon(self._lock)
        if self._lock_fd < 0:
            raise self._unusable()
        return taken

    async def _step_past(self, choose: Callable[[Shared], T | None]) -> tuple[T | None, int]:
        """A step of a cancel without the nonce lock, whose holder stands still; see floors.py.

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
        if self._lock_fd >= 0 and self._insisting is None:
            self._insisting = asyncio.get_running_loop().create_task(self._write_notes_when_free())
            self._insisting.add_done_callback(self._insisted)

    async def _write_notes_when_free(self) -> None:
        while self._notes:
            with await self._nonce_lock():
                record = self._load()
                self._apply_notes(record.shared)
                self._save(record)

    def _insisted(self, task: asyncio.Task[None]) -> None:
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

    async def _nonce_lock(self, patience: float | None = None) -> _Nonces:
        if self._lock_fd < 0:
            raise self._unusable()
        lock = self._lock if self._lock.try_acquire() else await self._wait_for_nonce_lock(patience)
        return _Nonces(self, lock, ours=lock is self._lock)

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
        try:
            record.save()
        except OSError as error:
            self._limit.failed(error)  # in memory it goes on

    # -------------------------------------------------------------------------------------------- ceiling

    async def flush(self) -> None:
        """Make a new ceiling durable ahead of need.

        Never raises: a failing disk is logged once and retried.
        """
        self._due = False
        if self._lock_fd >= 0:
            with contextlib.suppress(NonceStoreError):
                await self._limit.cover(self._record.shared.last, PATIENCE)

    def _flush_is_due(self) -> None:
        if not self._due and not self._limit.resting():
            self._due = True
            if self.on_flush_due is not None:
                self.on_flush_due()

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
        """The old file was removed or replaced: go over to the new one with what this session knows."""
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
        self._say(f"nonce state {self.place} was removed or replaced in mid-run; it was made anew")
        old_lock.close()
        old_file.close()
        if old_turn.held:
            self._old_turn = old_turn
        elif old_turn.idle:
            old_turn.close()

    # ------------------------------------------------------------------------------------------ what to tell

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said[sentence] = None
            log.warning("%s", sentence)

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

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the place or the disk, and what is waited for."""
        failure = self._limit.failure if self._lock_fd >= 0 else ""
        waits = [
            Problem("neighbour-stalled", f"this session {wait}", wait.what)
            for wait in self._waits.now(SAY_AFTER)
        ]
        failing = (Problem("store-failing", failure),) if failure else ()
        return (*failing, *coded(self._said, "store-damaged"), *waits)

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


class _Nonces:
    """The nonce lock, held: ``with`` lets it go."""

    __slots__ = ("_key", "_lock", "_ours")

    def __init__(self, key: FileKey, lock: FileLock, *, ours: bool) -> None:
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
