"""Deadlines: for how long an answer is waited for.

Rules:

1. Until its time is over.
2. Then for as long as bytes are still read: a loop that was blocked past the limit reads what lies in the socket
   before anything is given up.
3. A body that flows fast enough is a download, and is not cut off; one that only drips is.
4. The timer is left to run from call to call, and looks what is due when it rings: to set and clear one for each call
   would be a tenth of what the call costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: Seconds by which a body that has begun is waited for beyond its time, and the bytes it must bring in each of them.
STEP: Final = 1.0
FLOW: Final = 16 * 1024
#: Turns of the loop after which some of what lies in a socket has been read.
TURNS: Final = 2
#: Seconds for which it is read at most.
READING: Final = 1.0


class Deadline:
    """Calls ``give_up`` when the time set is over; ``came`` counts the bytes that came, and those of the body."""

    __slots__ = (
        "_came",
        "_due",
        "_enough",
        "_give_up",
        "_loop",
        "_read",
        "_reading_until",
        "_timer",
        "_timer_at",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        give_up: Callable[[], object],
        came: Callable[[], tuple[int, int]],
    ) -> None:
        self._loop = loop
        self._give_up = give_up
        self._came = came
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        self._due = 0.0

    def set(self, due: float) -> None:
        """Wait until ``due``, on the loop's clock, instead of what was set before."""
        self._due = due
        self._enough, self._read, self._reading_until = 0, -1, 0.0
        if self._timer is None or due < self._timer_at:
            self._arm(due)

    def cancel(self) -> None:
        """Wait for nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        self.cancel()
        self._timer, self._timer_at = self._loop.call_at(at, self._ring), at

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now < self._due:
            self._arm(self._due)
            return
        came, body = self._came()
        if body > self._enough:
            self._enough, self._read, self._reading_until = body + int(FLOW * STEP), -1, 0.0
            self._due = now + STEP
            self._arm(self._due)
        elif self._read < 0 or (came != self._read and now < self._reading_until):
            self._reading_until = self._reading_until or now + READING
            self._read = came
            self._after(TURNS)
        else:
            self._give_up()

    def _after(self, turns: int) -> None:
        self._timer_at = self._due
        if turns:
            self._timer = self._loop.call_soon(self._after, turns - 1)
        else:
            self._ring()
