"""Gates: how many calls of a token are with the session at once, so that none is kept waiting by another's flood.

Rules kept here:

1. The session serves equal priority in order of arrival. A token therefore hands it a few calls at a time, and keeps
   the rest in a line of its own: behind each of them, at most a few of every other token's go first.
2. Reads and orders of a token have a line each: its reads never keep its orders back. Cancels have none.
3. Lines are bounded, by token and in all. Cancels are counted apart, with room that nothing else can take.
4. A caller who leaves costs nothing: lines are of futures, and those that are over are passed by.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from kraken_async.errors import QueueFull, QueueTimeout
from kraken_async.problems import counted

#: Calls of one token, and one line, that are with the session at once.
WIDTH: Final = 8
#: Cancels of one token that may be waiting or on their way.
CANCELS: Final = 256

LINES: Final = ("cancel", "place", "read")


class Line:
    """One token's line: ``inside`` calls are with the session, the others wait in order."""

    __slots__ = ("inside", "waiting", "width")

    def __init__(self, width: int) -> None:
        self.width: int = width
        self.inside: int = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def try_enter(self) -> bool:
        """Take a place if one is free and no other call waits for it."""
        if self.inside >= self.width or self.waiting:
            return False
        self.inside += 1
        return True

    async def enter(self, seconds: float) -> None:
        """Wait for a place. Raises QueueTimeout after ``seconds``."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _expire, waiter, seconds)
        self.waiting.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.leave()  # it had just been given a place
            elif waiter in self.waiting:
                self.waiting.remove(waiter)  # a line is bounded, so looking it up is cheap
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Give a place to the next that waits, or back."""
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the place goes to it
                return
        self.inside -= 1


class Gates:
    """The lines of all tokens on one account."""

    def __init__(self, *, most: int, most_per_token: int) -> None:
        self.most = most
        self.most_per_token = most_per_token
        #: The lines in which a call is, by token and kind.
        self.lines: dict[tuple[str, str], Line] = {}
        self._count: dict[str, int] = {}
        self._cancels: dict[str, int] = {}
        self._all = 0

    async def enter(self, token: str, line: str, seconds: float) -> float:
        """Wait for a place in a token's line; :meth:`leave` gives it back. Return what is left of ``seconds``.

        Raises QueueFull where as many wait as may, and QueueTimeout when ``seconds`` are over. Neither has an effect,
        nor has it when it is cancelled.
        """
        if line == "cancel":
            _count_up(self._cancels, token, CANCELS)
            return seconds
        if self._all >= self.most:
            raise QueueFull(
                f"{counted(self._all, 'call waits', 'calls wait')} at the gateway, as many as may"
            )
        _count_up(self._count, token, self.most_per_token)
        self._all += 1
        found = self.lines.get((token, line))
        if found is None:
            found = self.lines[token, line] = Line(WIDTH)
        if found.try_enter():
            return seconds
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await found.enter(seconds)
        except BaseException:
            self._count_off(token, line, found)
            raise
        return max(0.001, seconds - (loop.time() - started))

    def leave(self, token: str, line: str) -> None:
        """Give a place back that was entered."""
        if line == "cancel":
            _count_down(self._cancels, token)
            return
        found = self.lines[token, line]
        found.leave()
        self._count_off(token, line, found)

    def _count_off(self, token: str, line: str, found: Line) -> None:
        _count_down(self._count, token)
        self._all -= 1
        if not found.inside and not found.waiting:
            self.lines.pop((token, line), None)

    def waiting(self) -> dict[str, int]:
        """Return how many calls of each token wait here or are with the session, cancels among them."""
        names = {*self._count, *self._cancels}
        return {name: self._count.get(name, 0) + self._cancels.get(name, 0) for name in sorted(names)}


def _expire(waiter: asyncio.Future[None], seconds: float) -> None:
    if not waiter.done():
        waiter.set_exception(QueueTimeout(f"waited {seconds:g} s at the gateway and was not sent"))


def _count_up(counts: dict[str, int], token: str, most: int) -> None:
    count = counts.get(token, 0)
    if count >= most:
        waiting = counted(count, "call of this token waits", "calls of this token wait")
        raise QueueFull(f"{waiting} at the gateway, as many as may")
    counts[token] = count + 1


def _count_down(counts: dict[str, int], token: str) -> None:
    count = counts[token] - 1
    if count:
        counts[token] = count
    else:
        del counts[token]
