"""NonceSource: strictly increasing nonces for one API key, usable alone and from any thread.

How millions a second are handed out without a lock, and why none comes twice:

1. Numbers come from the iterator of a ``range``, a *stretch*; to draw from it is one step in C, atomic under the GIL.
2. A number counts only if its stretch is still the current one after the drawing, and after its expiry was looked at;
   else it is thrown away and drawn again.
3. A stretch is replaced under a lock, in this order: take it away, then ask it for its next number (all that were
   handed out are below it), then begin the new one there or at the clock, whichever is higher. None comes back.
4. Every stretch ends at a limit that the store has made durable. A thread moves the limit ahead of need.
"""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self

from kraken_async.api.arguments import check_one_of, check_text
from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import (
    AHEAD_NS,
    AHEAD_TICKS,
    MAX_NONCE,
    UNITS,
    Store,
    clock_ticks,
    low_ceiling,
    next_nonce,
    raised,
)
from kraken_async.system.fork import FORKED, unwatch_forks, watch_forks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kraken_async.stores.base import Reservation

#: Seconds for which a stretch is good. Nonces lag the clock by no more, however seldom or often they are
#: asked for (plus the time that the caller's own thread stands still after drawing).
FRESH: Final = 0.001

#: Numbers of a stretch: more than can be drawn while it is good. Those of a ``range`` beyond 63 bits are slow.
LONGEST: Final = 1_000_000_000

#: The stretch while there is none.
_NONE: Final[Iterator[int]] = iter(())

#: A build without the GIL has no atomic iterator for us: the lock is taken for each number there.
_GIL: Final = getattr(sys, "_is_gil_enabled", lambda: True)()


class NonceSource:
    """Hands out nonces that rise strictly and follow the clock; thread-safe.

    ``store``: None for this process's memory; a FileStore to keep them over restarts, crashes and clock
    steps. It then has the name for itself: a second source, or a session, on the same name gets
    NonceStoreError. ``name``: one per API key. ``unit``: "ns", "us" or "ms"; a key that has seen a finer
    unit refuses a coarser one for good.

    Order between threads: a call that begins after another one has returned gives the higher number, in
    whatever threads the two run. Calls that overlap in time have no order, but never the same number. In
    particular every thread sees its own numbers rise. The order of drawing is not the order of sending:
    draw under the lock under which you send, or let KrakenSession do both.

    Nonces lag the clock by at most a millisecond; ahead of it they run only when it was set back, after a
    jump, after a crash (2 s at most) or when more are drawn than the unit has ticks.

    Raises ValueError for arguments that cannot be; NonceStoreError when the store cannot be used, in a forked child,
    and after :meth:`close`.

    >>> with NonceSource() as source:
    ...     first, second = source.next(), source.next()
    >>> first < second
    True
    """

    def __init__(self, store: Store | None = None, name: str = "default", *, unit: str = "ns") -> None:
        self._closed = True  # until everything is there
        check_text("name", name, "default")
        if store is not None and not isinstance(store, Store):
            raise ValueError(f"store takes None or a FileStore(...), not {type(store).__name__}")
        check_one_of("unit", unit, UNITS)
        self._unit = unit
        self._tick = UNITS[unit]
        self._name = name
        self._stretch = _NONE
        self._expiry = 0.0  # of the stretch, on the monotonic clock
        self._start = 0  # its first number
        self._stop = 0  # its end
        self._last = 0  # the highest handed out before the stretch
        self._limit = MAX_NONCE + 1  # of what may be handed out; changed under _disk only
        self._lock = threading.Lock()  # for changing the stretch. Order: _lock, _disk
        self._disk = threading.Lock()  # for the reservation
        self._wake = threading.Event()
        self._ahead: threading.Thread | None = None
        self._forked = False
        self._reservation: Reservation | None = None
        if store is not None:
            self._reservation = store.reserve(name, unit)
            start, self._limit = self._reservation.block(0, self._size)
            self._last = start - 1
        self._closed = False
        watch_forks(self)

    def __repr__(self) -> str:
        state = " closed" if self._closed else ""
        return f"<NonceSource {self._name!r} in {self._unit}, last {self.last}{state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, warn: Any = warnings.warn) -> None:
        if not self._closed and not self._forked and self._reservation is not None:
            warn(
                f"unclosed NonceSource {self._name!r}: the next start skips what it had reserved",
                ResourceWarning,
            )

    @property
    def _size(self) -> int:
        return max(AHEAD_NS // self._tick, AHEAD_TICKS)

    if _GIL:

        def next(self) -> int:
            """Return the next nonce.

            Waits for the disk only when the clock has overtaken what is reserved.
            """
            stretch = self._stretch
            for nonce in stretch:
                # The last thing looked at, with no call after it: today's CPython changes threads only at
                # calls and loops, so that what passes here is returned before any other thread can replace the stretch.
                if monotonic() < self._expiry and self._stretch is stretch:
                    return nonce
                break
            with self._lock:
                return self._draw()

    else:  # pragma: no cover - free-threaded builds

        def next(self) -> int:
            """Return the next nonce.

            Waits for the disk only when the clock has overtaken what is reserved.
            """
            with self._lock:
                return self._draw()

    @property
    def last(self) -> int:
        """The highest nonce handed out by this source; before the first one, what the store knew, or 0."""
        if self._forked:
            return self._last
        with self._lock:
            self._retire()
            return self._last

    def jump_forward(self, nanoseconds: int) -> int:
        """Raise the nonce by that much, from the clock or the last one, whichever is higher; return the new last.

        From then on only higher ones are handed out, also by calls that were under way in other threads.
        Durable when it returns. ValueError for what is no whole number, for a negative one, and beyond 64 bits.
        """
        if isinstance(nanoseconds, bool) or not isinstance(nanoseconds, int):
            raise ValueError(f"nanoseconds is a whole number, not {nanoseconds!r}")
        with self._lock:
            self._check()
            self._retire()
            target = raised(self._last, -(-nanoseconds // self._tick), self._unit)
            self._extend(target)
            self._last = target
            return target

    def close(self) -> None:
        """Give back what was reserved and release the store. Idempotent; next() raises from now on."""
        with self._lock:
            if self._closed or self._forked:
                return
            self._retire()
            self._closed = True
            self._wake.set()
            unwatch_forks(self)
            with self._disk:
                if self._reservation is not None:
                    self._reservation.close(self._last)
        if self._ahead is not None and self._ahead is not threading.current_thread():
            self._ahead.join()

    def left_behind(self) -> None:
        """Renew the locks in a forked child: threads that may have held them do not exist here."""
        self._forked = True
        self._stretch = _NONE
        self._lock, self._disk = threading.Lock(), threading.Lock()

    # ------------------------------------------------------------------------------------- under the lock

    def _check(self) -> None:
        if self._forked or self._closed:
            raise NonceStoreError(
                f"this NonceSource cannot be used: {FORKED if self._forked else 'it is closed'}"
            )

    def _retire(self) -> None:
        """Take the stretch away, and learn how far it was used."""
        stretch = self._stretch
        if stretch is _NONE:
            return
        self._stretch = _NONE
        reached = next(stretch, self._stop)
        if reached > self._start:
            self._last = reached - 1

    def _renew(self) -> None:
        self._retire()
        self._check()
        start = next_nonce(self._last, self._unit)
        self._extend(start)
        self._start, self._stop = start, min(self._limit, start + LONGEST)
        self._expiry = monotonic() + FRESH
        self._stretch = iter(range(start, self._stop))
        if self._reservation is not None and self._limit <= low_ceiling(
            start, clock_ticks(self._unit), self._tick
        ):
            self._reserve_ahead()

    def _draw(self) -> int:
        """Return the next nonce, of a new stretch unless another thread has just begun one.

        Other threads draw from it at once, so that it may be used up when this one does.
        """
        if monotonic() >= self._expiry:
            self._renew()
        while (nonce := next(self._stretch, None)) is None:
            self._renew()
        return nonce

    # ----------------------------------------------------------------------------------------- durability

    def _extend(self, nonce: int) -> None:
        """Have ``nonce`` below the limit."""
        if nonce < self._limit:
            return
        if self._reservation is None:
            raise NonceStoreError("the last nonce is the highest there is. Use a new API key")
        with self._disk:
            if nonce >= self._limit:  # the thread ahead may have been quicker
                self._limit = max(self._limit, self._reservation.block(nonce, self._size)[1])

    def _reserve_ahead(self) -> None:
        if self._ahead is None:
            wake = self._wake
            me = weakref.ref(self, lambda _: wake.set())
            self._ahead = threading.Thread(
                target=_ahead, args=(me, wake), daemon=True, name="kraken_async-nonce"
            )
            self._ahead.start()
        self._wake.set()

    def _extend_ahead(self) -> None:
        with self._disk:
            if not self._closed and self._reservation is not None:
                self._limit = max(self._limit, self._reservation.block(self._start, self._size)[1])


def _ahead(reference: weakref.ref[NonceSource], wake: threading.Event) -> None:
    # Without a hold on the source, so that a forgotten one is collected, and this thread ends.
    while True:
        wake.wait()
        wake.clear()
        source = reference()
        if source is None or source._closed:
            return
        try:
            source._extend_ahead()
        except NonceStoreError:
            pass  # next() will meet it too, and raise it in front of its caller
        del source
