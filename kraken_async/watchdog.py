"""Watchdog: a time limit for each request in flight, with one timer for all.

``asyncio.timeout`` sets and clears a timer for each request, a tenth of what the whole request costs. Nearly every
request ends long before its limit, so here the one timer is left to run, and looks for whoever is overdue.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Watchdog:
    """Cancels a task that is still watched when its time is over; the task asks whether that was why."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Task[Any], float] = {}
        self._bitten: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        return len(self._due)

    def watch(self, seconds: float) -> asyncio.Task[Any]:
        """Watch the running task for so many seconds; returns it, for :meth:`done`."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            msg = "a request can only be sent from a task"
            raise RuntimeError(msg)
        due = self._due[task] = loop.time() + seconds
        if self._timer is None or due < self._timer_at:
            self._arm(loop, due)
        return task

    def done(self, task: asyncio.Task[Any]) -> None:
        """Stop watching. Always called, however the request ended."""
        self._due.pop(task, None)
        self._bitten.discard(task)

    def bit(self, task: asyncio.Task[Any]) -> bool:
        """Return whether the CancelledError in hand is this watchdog's, and nobody else's as well."""
        return task in self._bitten and task.uncancel() == 0

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = loop.call_at(at, self._look, loop), at

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for task, due in list(self._due.items()):
            if due <= now:
                del self._due[task]
                self._bitten.add(task)
                task.cancel()
        if self._due:
            self._arm(loop, min(self._due.values()))
