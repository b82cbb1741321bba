"""MemoryStore: the same promises within one process, and nothing after it.

For tests, and for keys that a single short-lived process uses. Sessions on any number of threads and event
loops that are given the same MemoryStore object share their keys; a session with another MemoryStore knows
nothing of them.

More than 300 lines: a whole store, the plainest one, to be read beside the rules in base.py.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kraken_async.errors import NonceStoreError
from kraken_async.problems import Problem, counted
from kraken_async.stores.base import (
    MOST_PLACED,
    UNITS,
    KeyState,
    Reservation,
    Shared,
    Store,
    next_nonce,
    raised,
)
from kraken_async.stores.recalled import KEPT, Recalled
from kraken_async.stores.waiting import Waits
from kraken_async.system.fork import FORKED, watch_forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from kraken_async.stores.recalled import Entry
    from kraken_async.stores.waiting import Waiting

T = TypeVar("T")

_NOT_KEPT: Final = (
    "nonce state is in memory only: it is neither kept over a restart nor shared with other processes"
)


class _Turn:
    """The right to send, handed from loop to loop in the order of asking."""

    __slots__ = ("_held", "_mutex", "_waiting")

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    def try_acquire(self) -> bool:
        with self._mutex:
            if self._held:
                return False
            self._held = True
            return True

    def line_up(self, *, urgent: bool) -> asyncio.Future[None]:
        """Return a future that is done when the turn is ours; it may be free by now. ``urgent``: before the others."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        with self._mutex:
            if self._held:
                (self._waiting.appendleft if urgent else self._waiting.append)((loop, future))
            else:
                self._held = True
                future.set_result(None)
        return future

    def hurry(self, future: asyncio.Future[None]) -> None:
        """Put who waits before the others."""
        with self._mutex:
            for waiter in self._waiting:
                if waiter[1] is future:
                    self._waiting.remove(waiter)
                    self._waiting.appendleft(waiter)
                    return

    def release(self) -> None:
        """Hand over to the next in line. `_held` stays True meanwhile, so that no one slips in between."""
        with self._mutex:
            while self._waiting:
                loop, future = self._waiting.popleft()
                try:
                    loop.call_soon_threadsafe(self._grant, future)
                except RuntimeError:  # that loop has been closed
                    continue
                return
            self._held = False

    def _grant(self, future: asyncio.Future[None]) -> None:
        if future.done():  # gave up while waiting
            self.release()
        else:
            future.set_result(None)


class _Key:
    """The state that all users of one key share."""

    __slots__ = (
        "lock",
        "moved_at",
        "new",
        "placed",
        "recalled",
        "recalls",
        "shared",
        "source",
        "steps",
        "turn",
        "unit",
        "users",
    )

    def __init__(self, unit: str) -> None:
        self.lock = threading.RLock()  # the nonce lock; a listener's task may start in mid-step
        self.turn = _Turn()
        self.shared = Shared()
        self.unit = unit
        self.users = 0
        self.source = False  # a NonceSource has it for itself
        self.new = True
        self.steps = 0
        self.recalled: deque[Entry] = deque(maxlen=KEPT)
        self.recalls = 0  # how many there ever were
        self.moved_at = 0.0
        self.placed: deque[tuple[float, str]] = deque(maxlen=MOST_PLACED)

    def lend(self, recalled: Recalled, now: float) -> Shared:
        """Return the shared state with a session's own knowledge of cancelled ids. Under the nonce lock."""
        missing, recalled.total = self.recalls - recalled.total, self.recalls
        if missing:
            recalled.learn(islice(self.recalled, max(0, len(self.recalled) - missing), None))
            if missing > len(self.recalled):
                recalled.lost_at = now
        self.shared.recalled = recalled
        return self.shared

    def keep(self, recalled: Recalled) -> None:
        """Put on record what a session cancelled. Under the nonce lock."""
        if recalled.new:
            self.recalled.extend(recalled.new)
            self.recalls += len(recalled.new)
            recalled.new.clear()
            recalled.total = self.recalls


class MemoryStore(Store):
    """Keeps keys in this process's memory. Give the same object to every session that uses the same API key.

    Thread-safe. In a forked child it refuses to work, as the parent's nonces would be issued twice.
    """

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}
        self._mutex = threading.Lock()
        self._forked = False
        watch_forks(self)

    def left_behind(self) -> None:
        """Note that this is a forked child: close, do not unlock."""
        self._forked = True

    def __repr__(self) -> str:
        return f"<MemoryStore {counted(len(self._keys), 'key')}>"

    def key(self, name: str, unit: str) -> MemoryKey:
        """Return a session's hold on ``name``.

        Raises NonceStoreError when its unit is coarser than that in use.
        """
        return MemoryKey(self, name, unit)

    def reserve(self, name: str, unit: str) -> MemoryReservation:
        """Return the exclusive use of ``name``.

        Raises NonceStoreError when sessions or another source have it.
        """
        return MemoryReservation(self, name, unit)

    def journal_directory(self, state_dir: str | os.PathLike[str] | None) -> Path | None:
        """Return None: the journal is kept in memory, as the state is."""
        del state_dir
        return None

    def _enter(self, name: str, unit: str, *, source: bool) -> _Key:
        if self._forked:
            raise NonceStoreError(f"this MemoryStore cannot be used: {FORKED}")
        with self._mutex:
            key = self._keys.setdefault(name, _Key(unit))
            if key.source or (source and key.users):
                holder = "a NonceSource, which has it for itself" if key.source else f"{key.users} session(s)"
                raise NonceStoreError(f"the nonces of {name!r} are in use by {holder}; close it first")
            if UNITS[unit] > UNITS[key.unit]:
                raise NonceStoreError(
                    f"{name!r} has used nonces in {key.unit}; in {unit} they would all be lower. Use {key.unit}"
                )
            key.unit = unit
            key.source = source
            key.users += not source
        return key

    def _leave(self, key: _Key, *, source: bool) -> None:
        with self._mutex:
            key.source = key.source and not source
            key.users -= not source


class MemoryKey(KeyState):
    """A session's hold on a key of a MemoryStore."""

    is_new: bool

    durable = False
    place = "memory"

    def __init__(self, store: MemoryStore, name: str, unit: str) -> None:
        self._store = store
        self._name = name
        self._unit = unit
        self._tick = UNITS[unit]
        self._key: _Key | None = None
        self._holds_turn = False
        self._waiting: set[asyncio.Future[None]] = set()
        self._clock: Callable[[], float] = time.monotonic
        self._waits = Waits(clock=lambda: self._clock())
        self._recalled = Recalled()
        self.seen: Shared = Shared()

    def __repr__(self) -> str:
        return f"<MemoryKey {self._name!r} last={self.seen.last}>"

    def _open_key(self) -> _Key:
        if self._key is None:
            raise NonceStoreError(f"the nonces of {self._name!r} are not open")
        if self._store._forked:
            raise NonceStoreError(f"this session cannot be used: {FORKED}")
        return self._key

    async def open(self, clock: Callable[[], float]) -> None:
        """Join the key's users. Raises NonceStoreError when a NonceSource has it for itself."""
        if self._key is None:
            key = self._key = self._store._enter(self._name, self._unit, source=False)
            with key.lock:
                self.is_new, key.new = key.new, False
                self._recalled.total = key.recalls
            self.seen, self._clock = key.shared, clock

    async def close(self) -> None:
        """Leave.

        A turn held is given on, and callers that still wait for one get NonceStoreError. Idempotent.
        """
        self.drop()

    def drop(self) -> None:
        """See KeyState.drop."""
        key, self._key = self._key, None
        if key is None:
            return
        for future in self._waiting:
            if not future.done():
                future.set_exception(NonceStoreError(f"the nonces of {self._name!r} were closed"))
        if self._holds_turn:
            self._holds_turn = False
            key.turn.release()
        self._store._leave(key, source=False)

    def refresh(self) -> bool:
        """See KeyState.refresh. All sessions look at the same object."""
        return True

    def try_acquire_turn(self) -> bool:
        """See KeyState.try_acquire_turn."""
        if not self._open_key().turn.try_acquire():
            return False
        self._holds_turn = True
        return True

    async def acquire_turn(self, *, urgent: bool = False) -> None:
        """Wait for the turn, in order of asking over all loops. Cancelled: not held."""
        turn = self._open_key().turn
        if not turn.try_acquire():
            future = turn.line_up(urgent=urgent)
            self._waiting.add(future)
            try:
                with self._waits.waiting("the turn"):
                    await future
            except asyncio.CancelledError:
                if not future.cancelled():  # granted in the very moment we were cancelled
                    turn.release()
                raise
            finally:
                self._waiting.discard(future)
            if self._key is None:  # closed between the grant and this line
                turn.release()
                raise NonceStoreError(f"the nonces of {self._name!r} were closed")
        self._holds_turn = True

    def hurry(self) -> None:
        """See KeyState.hurry."""
        if self._key is not None:
            for future in self._waiting:
                self._key.turn.hurry(future)

    async def moved_at(self) -> float:
        """See KeyState.moved_at. Never suspends."""
        return self._key.moved_at if self._key is not None else 0.0

    async def release_turn(self) -> None:
        """Give the turn to the next in line; nothing happens when it is not held."""
        self.try_release_turn()

    def try_release_turn(self) -> bool:
        """See KeyState.try_release_turn."""
        if self._holds_turn and self._key is not None:
            self._holds_turn = False
            self._key.turn.release()
        return True

    async def step(
        self, choose: Callable[[Shared], T | None], *, overtake: bool = False
    ) -> tuple[T | None, int]:
        """See KeyState.step. Never suspends."""
        key = self._open_key()
        with key.lock:
            shared = key.lend(self._recalled, self._clock())
            chosen = choose(shared)
            if chosen is None:
                return None, 0
            key.keep(self._recalled)
            key.steps += 1
            if not overtake:
                key.moved_at = self._clock()
            now = time.time_ns() // self._tick
            nonce = shared.last = now if now > shared.last else shared.last + 1
            return chosen, nonce

    async def update(self, change: Callable[[Shared], T]) -> T:
        """See KeyState.update. Never suspends."""
        key = self._open_key()
        with key.lock:
            result = change(key.lend(self._recalled, self._clock()))
            key.keep(self._recalled)
            return result

    def note(self, change: Callable[[Shared], object]) -> None:
        """See KeyState.note. Done at once."""
        if (key := self._key) is not None:
            with key.lock:
                change(key.shared)

    def note_placed(self, names: Iterable[str]) -> None:
        """See KeyState.note_placed."""
        if (key := self._key) is not None:
            now = time.time()
            key.placed.extend((now, name) for name in names)

    def placed(self, since: float) -> tuple[str, ...]:
        """See KeyState.placed."""
        key = self._key
        return () if key is None else tuple(name for at, name in tuple(key.placed) if at >= since)

    async def jump(self, ticks: int) -> int:
        """Raise the nonce; ValueError for a negative number or one beyond 64 bits."""
        key = self._open_key()
        with key.lock:
            key.shared.last = raised(key.shared.last, ticks, self._unit)
            return key.shared.last

    async def flush(self) -> None:
        """Nothing to do: there is no ceiling."""

    def problems(self) -> tuple[str, ...]:
        """Say that nothing is kept, and what is waited for."""
        return Problem("store-fleeting", _NOT_KEPT), *self._waits.problems()

    def waiting(self) -> tuple[Waiting, ...]:
        """See KeyState.waiting."""
        return self._waits.now()

    def figures(self) -> dict[str, Any]:
        """Return how many nonces were handed out and how many sessions share the key."""
        key = self._key
        return {"steps": key.steps, "users": key.users} if key else {}


class MemoryReservation(Reservation):
    """Exclusive use of a MemoryStore's key, for a NonceSource."""

    def __init__(self, store: MemoryStore, name: str, unit: str) -> None:
        self._store = store
        self._unit = unit
        self._key: _Key | None = store._enter(name, unit, source=True)

    def block(self, above: int, size: int) -> tuple[int, int]:
        """Return ``[start, stop)`` above everything handed out before and not below the clock."""
        if self._key is None or self._store._forked:
            raise NonceStoreError(
                f"this reservation cannot be used: {FORKED if self._key else 'it is closed'}"
            )
        start = next_nonce(max(above, self._key.shared.last), self._unit)
        return start, start + size

    def close(self, last: int) -> None:
        """Keep ``last`` for the next user of the key. Idempotent."""
        key, self._key = self._key, None
        if key is not None:
            key.shared.last = max(key.shared.last, last)
            key.new = False
            self._store._leave(key, source=True)
