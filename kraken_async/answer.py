"""Answer: the future that one caller waits on, which the worker may hand over without a turn of the event loop.

A future tells its waiter through ``loop.call_soon``: the caller runs one turn of the loop later, and its next call
wakes the worker another turn later. Two turns a call are a tenth of what a call costs. The worker, done with a call
and holding nothing, instead lets the caller go on at once, inside its own step; what the caller then asks for is in
the queue when the worker looks again.

Rules:

1. One waiter, the coroutine that made the call. It is awaited once.
2. :meth:`hand_over` is for a running task that holds no lock and no turn. Everybody else uses the future's own ways.
3. Of the two tasks only one is "current" at a time: asyncio's documented hooks for that are used, nothing else.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task  # docs.python.org/3/library/asyncio-extending.html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context


class Answer(asyncio.Future[Any]):
    """A future whose single waiter can be run by :meth:`hand_over` instead of in the loop's next turn."""

    # Slots, as a hundred thousand of these may be waiting. They are set with the waiter.
    __slots__ = ("_context", "_waiter")

    _waiter: Callable[[Any], object] | None
    _context: Context

    def add_done_callback(self, fn: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Take the waiter (a task's wake-up); a future that is done already tells it in the usual way."""
        if not self.done() and not hasattr(self, "_waiter") and context is not None:
            self._waiter, self._context = fn, context
            super().add_done_callback(self._tell, context=context)
        else:
            super().add_done_callback(fn, context=context)

    def _tell(self, _future: asyncio.Future[Any]) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter(self)

    def hand_over(self, result: Any) -> None:
        """Set the result and let the waiter go on now, within the running task's step."""
        waiter, worker = getattr(self, "_waiter", None), asyncio.current_task()
        if waiter is None or worker is None:
            self.set_result(result)
            return
        self._waiter = None
        super().remove_done_callback(self._tell)
        self.set_result(result)
        loop = self.get_loop()
        _leave_task(loop, worker)
        try:
            self._context.run(waiter, self)
        finally:
            _enter_task(loop, worker)
