"""A clock that a test may put forward."""

from __future__ import annotations

from collections.abc import Callable


class ShiftedClock:
    """Another clock with seconds added to it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.seconds: float = 0.0

    def __call__(self) -> float:
        """Return its time in seconds."""
        return self.clock() + self.seconds
