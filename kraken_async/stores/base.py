"""The state that users of one API key share, and the shape of a store that keeps it.

Rules that every store keeps:

1. A nonce is handed out under the *nonce lock*, above every nonce handed out before on this key.
2. The *turn*, the exclusive right to send, is another lock: a cancel that may not wait takes a nonce without it.
3. Shared state is read, changed and written back under the nonce lock, in one go: nothing is decided on a stale copy.
4. What must survive a crash is durable before it is relied upon; a crash may skip nonces, it never repeats one.

More than 300 lines: it is what every store must keep, and what a store's author reads from top to bottom.
"""

from __future__ import annotations

import abc
import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kraken_async.stores.recalled import Recalled, digest
from kraken_async.system.paths import default_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken_async.stores.waiting import Waiting

T = TypeVar("T")

#: Nanoseconds in one tick of each nonce unit.
UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000}
#: Kraken reads a nonce as an unsigned 64-bit integer.
MAX_NONCE: Final = 2**64 - 1
#: What is reserved ahead of the clock, and ahead of nonces that have left the clock behind.
WINDOW_NS: Final = 2_000_000_000
AHEAD_NS: Final = 1_000_000
AHEAD_TICKS: Final = 100  # for coarse units, where 1 ms is a handful
#: Names of placed orders that a store keeps at least.
MOST_PLACED: Final = 16384


def clock_ticks(unit: str) -> int:
    """Return the wall clock in ticks of ``unit``.

    Asked afresh each time, so a patched or stepped clock is seen.
    """
    return time.time_ns() // UNITS[unit]


def check_unit(unit: str) -> None:
    """Raise ValueError for what is no unit of nonces."""
    if unit not in UNITS:
        msg = f"the unit of nonces is one of {', '.join(UNITS)}, not {unit!r}"
        raise ValueError(msg)


def next_nonce(last: int, unit: str) -> int:
    """Return the clock, or one above ``last`` when the clock has not moved on or has stepped back."""
    now = clock_ticks(unit)
    return now if now > last else last + 1


def new_ceiling(last: int, unit: str) -> int:
    """Return how far to reserve: 2 s beyond the clock, or 1 ms of nonces beyond ``last``, whichever is higher.

    A reservation of fixed size drifts: a process that crashes in a loop leaves the clock by a whole one
    each time. This one stays within 2 s of the clock whatever the number of crashes, as long as they are 1
    ms apart, and nonces that already run ahead of the clock (it was set back) lose 1 ms of them per crash.
    """
    tick = UNITS[unit]
    return min(
        MAX_NONCE, max(clock_ticks(unit) + WINDOW_NS // tick, last + max(AHEAD_NS // tick, AHEAD_TICKS))
    )


def low_ceiling(last: int, now: int, tick: int) -> int:
    """Return the ceiling below which it is time for the next one: half of :func:`new_ceiling`'s lead is used up.

    Both halves are looked at, so that nonces which ran ahead and are caught up by the clock do not have to wait.
    """
    return max(now + WINDOW_NS // 2 // tick, last + max(AHEAD_NS // tick, AHEAD_TICKS) // 2)


def raised(last: int, ticks: int, unit: str) -> int:
    """Return the clock or ``last``, whichever is higher, plus ``ticks``.

    ValueError when that makes no nonce.
    """
    target = max(last, clock_ticks(unit)) + ticks
    if ticks < 0 or target > MAX_NONCE:
        raise ValueError(f"a nonce can be raised by 0 to {MAX_NONCE - target + ticks} {unit}, not by {ticks}")
    return target


@dataclass(slots=True)
class Shared:
    """One key's shared state.

    Times are seconds of this boot's monotonic clock (``loop.time()`` on every loop).
    """

    last: int = 0  # the highest nonce handed out
    # Kraken's call counter; None: nothing is known (no state at all)
    level: float | None = None
    level_at: float = 0.0
    # Everything below changes seldom. What changes it calls mark_changed().
    lockout_until: float = 0.0  # EGeneral:Temporary lockout
    throttled_until: float = 0.0  # EService:Throttled:<ts>
    pause_until: float = 0.0  # after InvalidNonce could not be healed
    pauses: int = 0  # how many such pauses in a row
    jumped_at: float | None = None  # the last 60 s jump
    halted: bool = False
    cancelled_all_at: float | None = None
    engine: dict[str, list[float]] = field(default_factory=dict)  # pair -> [level, at]
    trading: bool = False  # the key has placed an order, so a reserve is kept for taking it back
    changed: bool = False
    #: Cancelled client ids, as the session knows them; kept apart from the rest by the store.
    recalled: Recalled = field(default_factory=Recalled, compare=False)

    def mark_changed(self) -> None:
        """Mark the slow fields as changed, so that the store writes them too."""
        self.changed = True

    def shift(self, seconds: float) -> None:
        """Move every time by ``seconds``: the state comes from another boot, or from a server's clock."""
        self.level_at += seconds
        for name in ("lockout_until", "throttled_until", "pause_until"):
            if getattr(self, name):
                setattr(self, name, getattr(self, name) + seconds)
        for name in ("jumped_at", "cancelled_all_at"):
            if getattr(self, name) is not None:
                setattr(self, name, getattr(self, name) + seconds)
        self.engine = {k: [level, at + seconds] for k, (level, at) in self.engine.items()}
        self.recalled.shift(seconds)

    def slow_fields(self) -> dict[str, Any]:
        """Return the slow fields as plain JSON data."""
        return {name: getattr(self, name) for name in SELDOM}

    def read_seldom(self, data: dict[str, Any]) -> None:
        """Take over :meth:`slow_fields` data.

        Fields that another release added are ignored, missing ones get their default.
        """
        for name in SELDOM:
            setattr(self, name, data[name] if name in data else getattr(_FRESH, name))
        for client_id, asked_at in data.get("withdrawn", {}).items():  # written by release 0.1.0
            self.recalled.learn([(digest(client_id), float(asked_at))])

    def copy(self) -> Shared:
        """Return a copy that may be changed without touching the original, but for ``recalled``."""
        # Field by field, which takes a sixth of what dataclasses.replace() does: on Redis each step copies it.
        return Shared(
            self.last,
            self.level,
            self.level_at,
            self.lockout_until,
            self.throttled_until,
            self.pause_until,
            self.pauses,
            self.jumped_at,
            self.halted,
            self.cancelled_all_at,
            {pair: list(record) for pair, record in self.engine.items()},
            self.trading,
            recalled=self.recalled,
        )


#: The slow fields: written when they have changed.
SELDOM: Final = (
    "lockout_until",
    "throttled_until",
    "pause_until",
    "pauses",
    "jumped_at",
    "halted",
    "cancelled_all_at",
    "engine",
    "trading",
)

_FRESH: Final = Shared()


class KeyState(abc.ABC):
    """One session's hold on what its API key shares. Belongs to the event loop that opened it."""

    #: False once the disk (or server) failed and nonces go on without a durable ceiling.
    durable: bool = True
    #: Where the state is kept, for people to read.
    place: str = ""
    #: The state as this session last saw it; for statistics, never for a decision.
    seen: Shared
    #: Called (in the loop) when a flush is due, at most once until the next flush(); see maintain().
    on_flush_due: Callable[[], None] | None = None
    #: Whether sessions' statuses are kept here, for others on any host; see :meth:`beat`.
    shares_status: bool = False
    #: Whether it logs its problems itself, as they come.
    says_problems: bool = False
    #: True when the key had no state before: the first private call is then worth a warning.
    is_new: bool = False

    @abc.abstractmethod
    async def open(self, clock: Callable[[], float]) -> None:
        """Read or create the state. Raises NonceStoreError naming the place and the cure."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Give back the reservation if no one else uses the key, and release every lock and handle.

        Idempotent.
        """

    async def beat(self, status: bytes) -> None:
        """Show others on the key, on any host, what this session says of itself; empty: take it back.

        Only where ``shares_status``; elsewhere a session's status is a file. Raises NonceStoreError.
        """
        return

    async def sessions(self) -> list[bytes]:
        """Return what the living sessions on the key last said of themselves. Raises NonceStoreError."""
        return []

    def drop(self) -> None:
        """Release every lock and handle at once, giving no reservation back: the session was never closed.

        For the end of its loop. Idempotent; close() does nothing any more.
        """
        return

    @abc.abstractmethod
    async def acquire_turn(self, *, urgent: bool = False) -> None:
        """Wait for the exclusive right to send. ``urgent``: for a cancel, which goes before calls that are none.

        Does not suspend when it is free. Cancelled: the turn is not held.
        """

    def try_acquire_turn(self) -> bool:
        """Take the turn if it is free and that takes no waiting; else acquire_turn() is to be awaited."""
        return False

    @abc.abstractmethod
    def hurry(self) -> None:
        """Let what waits in acquire_turn() go on as if it were urgent: a cancel waits now. Never raises."""

    async def moved_at(self) -> float:
        """Return when any session of the key last took a nonce with the turn (loop's clock); 0 if that is not known.

        Takes a moment at most, and none where no server is asked. Raises nothing but CancelledError.
        """
        return 0.0

    @abc.abstractmethod
    async def release_turn(self) -> None:
        """Give the turn to the next in line; nothing happens when it is not held. Never raises."""

    def try_release_turn(self) -> bool:
        """Do so at once, if that takes no waiting; else release_turn() is to be awaited."""
        return False

    @abc.abstractmethod
    async def step(
        self, choose: Callable[[Shared], T | None], *, overtake: bool = False
    ) -> tuple[T | None, int]:
        """Under the nonce lock: show ``choose`` the shared state; if it returns something, hand out a nonce with it.

        ``choose`` may charge counters in the state it is shown. It is synchronous, without other effects,
        and may be called again when the attempt has to be repeated. ``overtake``: asked for without holding
        the turn, by a cancel: must not wait for anything that can take longer than a moment. Returns
        ``(None, 0)`` when nothing was chosen. Raises NonceStoreError.
        """

    @abc.abstractmethod
    async def update(self, change: Callable[[Shared], T]) -> T:
        """Change the shared state under the nonce lock, without taking a nonce.

        ``change`` as ``choose`` above.
        """

    @abc.abstractmethod
    def note(self, change: Callable[[Shared], object]) -> None:
        """Change the shared state with the next step, update or close, whichever is first.

        For what an answer taught and does no harm when it is lost. Never waits, never raises. ``change`` as
        ``choose`` above.
        """

    def insist(self, change: Callable[[Shared], object]) -> None:
        """Change the shared state as soon as it can be had, in the background: for what an update() could not write.

        Never waits, never raises. ``change`` as ``choose`` above.
        """
        self.note(change)

    @abc.abstractmethod
    def note_placed(self, names: Iterable[str]) -> None:
        """Put on record that orders of these names (txid, cl_ord_id) were placed. Never waits, never raises."""

    @abc.abstractmethod
    def placed(self, since: float) -> tuple[str, ...]:
        """Return the names of orders placed on the key at or after ``since`` (unix seconds), by any session.

        The newest :data:`MOST_PLACED` of them at least. Takes milliseconds; never waits, never raises.
        """

    @abc.abstractmethod
    async def jump(self, ticks: int) -> int:
        """Raise the nonce by ``ticks`` from the clock or the last nonce, whichever is higher.

        Return the new last.
        """

    @abc.abstractmethod
    async def flush(self) -> None:
        """Make a new ceiling durable ahead of need.

        Never raises: a failing disk is logged once, counted, retried.
        """

    async def maintain(self) -> None:
        """Raise the durable ceiling ahead of need, until cancelled. A session runs it as a task."""
        due = asyncio.Event()
        self.on_flush_due = due.set
        try:
            while True:
                await due.wait()
                due.clear()
                await self.flush()
        finally:
            self.on_flush_due = None

    def refresh(self) -> bool:
        """Bring ``seen`` up to what others have written, if that needs no waiting. Return whether it is.

        Never raises.
        """
        return False

    def waiting(self) -> tuple[Waiting, ...]:
        """Return what this session waits for that others on the key have. Never waits."""
        return ()

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the place or the disk, in plain sentences."""
        return ()

    def figures(self) -> dict[str, Any]:
        """Return counts for statistics (ceiling, disk errors, ...)."""
        return {}


class Store(abc.ABC):
    """Where keys keep their state. One store may serve many keys."""

    @abc.abstractmethod
    def key(self, name: str, unit: str) -> KeyState:
        """Return a session's hold on the key called ``name`` (a hash of the API key, never the key itself)."""

    @abc.abstractmethod
    def reserve(self, name: str, unit: str) -> Reservation:
        """Return an exclusive reservation of ``name``'s nonces, for a NonceSource used alone."""

    def journal_directory(self, state_dir: str | os.PathLike[str] | None) -> Path | None:
        """Return where a session on this store keeps its order journal; None: in memory.

        A journal is of one host. A store that keeps no files there leaves it to ``state_dir``, or to the user's state
        directory.
        """
        return Path(state_dir).expanduser().absolute() if state_dir is not None else default_directory()

    def status_directory(self) -> Path | None:
        """Return where a session shows its status to others on this host; None: nowhere."""
        return None


class Reservation(abc.ABC):
    """Exclusive use of one nonce sequence, in blocks. Thread-safe by its caller's lock."""

    @abc.abstractmethod
    def block(self, above: int, size: int) -> tuple[int, int]:
        """Make ``[start, stop)`` durable and return it.

        The start is above ``above`` and every earlier nonce, and not below the clock.
        """

    @abc.abstractmethod
    def close(self, last: int) -> None:
        """Give back what was reserved above ``last``, and release the lock. Idempotent."""
