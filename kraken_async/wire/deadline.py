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

import math
from typing import TYPE_CHECKING, Final, NamedTuple

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


class _Overtime(NamedTuple):
    """What was seen since the time was over."""

    enough: int = 0  # bytes of the body, above which it flows
    read: int = -1  # bytes of the answer, when they were last counted
    reading_until: float = 0.0


_NONE: Final = _Overtime()


class Deadline:
    """Calls ``give_up`` when the time set is over; ``came`` counts the bytes that came, and those of the body."""

    __slots__ = (
        "_came",
        "_due",
        "_give_up",
        "_loop",
        "_overtime",
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
        self._timer_at = math.inf  # while there is no timer
        self._due = 0.0
        self._overtime = _NONE

    def set(self, due: float) -> None:
        """Wait until ``due``, on the loop's clock, instead of what was set before."""
        self._due = due
        self._overtime = _NONE
        if due < self._timer_at:
            self._arm(due)

    def cancel(self) -> None:
        """Wait for nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf

    def _arm(self, at: float) -> None:
        self.cancel()
        self._timer, self._timer_at = self._loop.call_at(at, self._ring), at

    def _ring(self) -> None:
        self._timer, self._timer_at = None, math.inf
        now = self._loop.time()
        if now < self._due:
            self._arm(self._due)
            return
        came, body = self._came()
        enough, read, reading_until = self._overtime
        if body > enough:
            self._overtime = _Overtime(enough=body + int(FLOW * STEP))
            self._due = now + STEP
            self._arm(self._due)
        elif read < 0 or (came != read and now < reading_until):
            self._overtime = _Overtime(enough, came, reading_until or now + READING)
            self._after(TURNS)
        else:
            self._give_up()

    def _after(self, turns: int) -> None:
        self._timer_at = self._due
        if turns:
            self._timer = self._loop.call_soon(self._after, turns - 1)
        else:
            self._ring()
