"""Virtual time: an event loop whose clock jumps to the next timer, so that waiting takes no time.

`time.time` and `time.time_ns` follow the loop's clock. Threads do not: while one of the package's works for the loop,
its clock stands still.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any
from unittest import mock

#: How often a hundredth of a second is waited for a thread.
THREAD_LOOKS = 2000
#: The wall clock when a virtual loop starts.
START = 1_800_000_000.0


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: what would be waited is added to the loop's clock."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        for _ in range(THREAD_LOOKS):
            at_work = _threads_at_work()  # first: one that ends now has written to the loop before
            events = super().select(0.01 if at_work and timeout != 0 else 0)
            if events or timeout == 0:
                return events
            if not at_work:
                break
        if timeout is None:
            raise AssertionError("nothing is scheduled and nothing is ready: this test would wait for ever")
        self.loop.elapsed += timeout
        return []


def _threads_at_work() -> bool:
    """Whether a thread of the package works for a loop: it will wake it."""
    return threading.active_count() > 1 and any(
        thread.name.startswith("kraken_async") for thread in threading.enumerate()
    )


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return 1000.0 + self.elapsed

    def wall(self) -> float:
        return START + self.elapsed

    def wall_ns(self) -> int:
        return int(START) * 10**9 + round(self.elapsed * 1e9)


def virtual(test: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Run an async test, fixtures and all, on a virtual loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> Any:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, VirtualLoop)
            with (
                mock.patch("time.time", loop.wall),
                mock.patch("time.time_ns", loop.wall_ns),
            ):
                return runner.run(test(*args, **kwargs))

    return run
