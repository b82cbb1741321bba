"""The record of what arrived, for checkers: another thread may read it while calls go on."""

from __future__ import annotations

from collections import Counter

from .values import Arrival


class Record:
    """Arrivals in order, about ``limit`` of them, and a complete tally of what was refused."""

    def __init__(self, limit: int | None) -> None:
        self.arrivals: list[Arrival] = []
        self._limit = limit
        self._refused: Counter[str] = Counter()

    def add(self, arrival: Arrival) -> Arrival:
        """Append one arrival and return it; its outcome is written into it."""
        self.arrivals.append(arrival)
        if self._limit is not None and len(self.arrivals) > 2 * self._limit:
            del self.arrivals[: -self._limit]
        return arrival

    def refuse(self, arrival: Arrival, errors: tuple[str, ...], *, injected: bool) -> None:
        """Note that an arrival was refused; an injected refusal is not counted as the client's doing."""
        arrival.errors = errors
        if not injected:
            self._refused.update(errors)

    def refused(self, prefix: str) -> int:
        """Return how many calls the rules refused with an error that begins with ``prefix``."""
        return sum(count for error, count in self._refused.copy().items() if error.startswith(prefix))
