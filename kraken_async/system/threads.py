"""Threads for what must wait in the kernel or for the disk.

They are daemons outside the default executor, which ``asyncio.run`` would join.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def in_thread(
    work: Callable[[], T],
    undo: Callable[[T], object] | None = None,
    *,
    joined: bool = False,
    name: str = "kraken_async-disk",
) -> asyncio.Future[T]:
    """Run ``work`` in a daemon thread of its own and return its future.

    Cancelling the future does not stop the work; ``undo`` is then called with its result. ``joined``: the
    thread is gone when the result is there, for opening and closing; it costs the loop some microseconds.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if joined:
            thread.join()
        if future.done():
            if error is None and undo is not None:
                undo(result)  # type: ignore[arg-type]  # no error: it is a T
        elif error is not None:
            future.set_exception(error)
            future.exception()  # seen: its waiter may have gone, and asyncio would complain
        else:
            future.set_result(result)  # type: ignore[arg-type]  # no error: it is a T

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as failure:
            error = failure
        try:
            loop.call_soon_threadsafe(deliver, result, error)
        except RuntimeError:  # the loop was closed in the meantime: no one will ever ask
            if error is None and undo is not None:
                undo(result)  # type: ignore[arg-type]  # no error: it is a T

    thread = threading.Thread(target=run, daemon=True, name=name)
    thread.start()
    return future
