"""Tasks: the background work of a session; a reference to each task, so that none is lost and none outlives it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

log: logging.Logger = logging.getLogger("kraken_async")

#: Seconds that a cancelled task has to end before it is cancelled again.
AGAIN: Final = 0.2


class Tasks:
    """Tasks that end by themselves, or with the ``async with`` that holds them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cancel what still runs, and wait until it has ended, what it starts meanwhile included.

        A task that waits while it tidies up, for a server that does not answer, is cancelled again.
        """
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=AGAIN)
            await asyncio.sleep(0)  # for their callbacks

    def start(
        self,
        work: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        on_end: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        """Start a task. See :meth:`task`."""
        _ = self._task(work, name, on_end)

    def task(
        self, work: Coroutine[Any, Any, Any], *, on_end: Callable[[BaseException | None], None] | None = None
    ) -> asyncio.Task[Any]:
        """Start a task and return it.

        ``on_end`` is called when it has ended, with what it raised or None (also when it was cancelled). Without
        ``on_end`` a failure is logged.
        """
        return self._task(work, None, on_end)

    def _task(
        self,
        work: Coroutine[Any, Any, Any],
        name: str | None,
        on_end: Callable[[BaseException | None], None] | None,
    ) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, on_end))
        return task

    def _ended(self, on_end: Callable[[BaseException | None], None] | None, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if on_end is not None:
            on_end(error)
        elif error is not None:
            log.error("a background task failed", exc_info=error)
