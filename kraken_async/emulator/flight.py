"""How many calls of a key are in flight: from arrival until the answer leaves or the client has gone."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter


class InFlight:
    """Counts calls in flight per key, and remembers the most; safe to use from several threads."""

    def __init__(self) -> None:
        self.most: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, api_key: str) -> Flight:
        """Count one more call; the caller ends the flight."""
        with self._lock:
            now = self._now[api_key] + 1
            self._now[api_key] = now
            if now > self.most[api_key]:
                self.most[api_key] = now
        return Flight(self, api_key)

    def now(self, api_key: str) -> int:
        """Return how many calls of a key are in flight."""
        return self._now[api_key]

    def _end(self, api_key: str) -> None:
        with self._lock:
            self._now[api_key] -= 1


class Flight:
    """One call in flight, ended by the exchange, or before by the server when the client hangs up."""

    __slots__ = ("_api_key", "_ended", "_gone", "_of")

    def __init__(self, of: InFlight, api_key: str) -> None:
        self._of = of
        self._api_key = api_key
        self._ended = False
        self._gone: asyncio.Event | None = None

    def end(self) -> None:
        """End the flight: the answer leaves, or its caller has gone; wakes `ended`."""
        if not self._ended:
            self._ended = True
            self._of._end(self._api_key)
            if self._gone is not None:
                self._gone.set()

    async def ended(self) -> None:
        """Wait until the flight has been ended by somebody else."""
        if not self._ended:
            self._gone = self._gone or asyncio.Event()
            await self._gone.wait()
