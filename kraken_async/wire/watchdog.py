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
        #: Task -> when it is due, and how often it had been asked to end before it was watched.
        self._due: dict[asyncio.Task[Any], tuple[float, int]] = {}
        self._bitten: dict[asyncio.Task[Any], int] = {}
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
        due = loop.time() + seconds
        self._due[task] = due, task.cancelling()
        if self._timer is None or due < self._timer_at:
            self._arm(loop, due)
        return task

    def done(self, task: asyncio.Task[Any]) -> None:
        """Stop watching. Always called, however the request ended."""
        self._due.pop(task, None)
        self._bitten.pop(task, None)

    def bit(self, task: asyncio.Task[Any]) -> bool:
        """Return whether the CancelledError in hand is this watchdog's, and nobody else's as well."""
        before = self._bitten.get(task)
        return before is not None and task.uncancel() <= before

    def close(self) -> None:
        """Let go of the timer; whoever is still watched is overdue."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in list(self._due):
            self._bite(task)

    def _bite(self, task: asyncio.Task[Any]) -> None:
        self._bitten[task] = self._due.pop(task)[1]
        task.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = loop.call_at(at, self._look, loop), at

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for task, (due, _) in list(self._due.items()):
            if due <= now:
                self._bite(task)
        if self._due:
            self._arm(loop, min(due for due, _ in self._due.values()))
