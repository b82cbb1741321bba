"""Virtual time: an event loop whose clock jumps to the next timer, so that waiting takes no time.

`time.time` and `time.time_ns` follow the loop's clock. Threads do not: what waits for one must not be tested here.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any
from unittest import mock

#: The wall clock when a virtual loop starts.
START = 1_800_000_000.0


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: what would be waited is added to the loop's clock."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("nothing is scheduled and nothing is ready: this test would wait for ever")
        events = super().select(0)
        if not events and timeout > 0:
            self.loop.elapsed += timeout
        return events


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
