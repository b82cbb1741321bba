"""Waits for other sessions on a key: what is waited for, for how long, and who has it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kraken_async.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log: logging.Logger = logging.getLogger("kraken_async.store")

#: Seconds after which a wait is logged and is among the problems.
SAY_AFTER: Final = 4.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """One wait that goes on. ``holder`` is empty where the system does not tell it."""

    what: str  # "the turn", "the nonce lock", "the disk lock"
    seconds: float
    holder: str  # "process 4711 (stopped)"

    def __str__(self) -> str:
        who = f", held by {self.holder}" if self.holder else ""
        return f"waits for {self.what} of this key for {self.seconds:.0f} s{who}"


class Waits:
    """The waits of one session; its loop only. ``holder``: tells who has a thing. ``clock``: in seconds."""

    def __init__(
        self,
        holder: Callable[[str], str] = lambda what: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._holder = holder
        self._clock = clock
        self._since: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Count the time inside as a wait for ``what``."""
        began = self._clock()
        begun = self._since.setdefault(what, [])
        begun.append(began)
        timer = asyncio.get_running_loop().call_later(SAY_AFTER, self._say, what)
        try:
            yield
        finally:
            timer.cancel()
            begun.remove(began)
            if not begun:
                self._since.pop(what, None)

    def _say(self, what: str) -> None:
        for wait in self.now():
            if wait.what == what:
                log.warning("a session %s; cancels go past it", wait)

    def problems(self) -> list[Problem]:
        """Return those that have lasted for long."""
        return [
            Problem("neighbour-stalled", f"this session {wait}", wait.what) for wait in self.now(SAY_AFTER)
        ]

    def now(self, at_least: float = 0.0) -> tuple[Waiting, ...]:
        """Return the waits that have lasted ``at_least`` so many seconds."""
        now = self._clock()
        return tuple(
            Waiting(what, now - begun[0], self._holder(what))
            for what, begun in self._since.items()
            if begun and now - begun[0] >= at_least
        )
