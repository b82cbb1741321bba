"""Faults: exceptions that nothing should have raised. Each is one call's error, and never the end of the worker.

A fault that repeats is counted: its traceback is logged once for the place where it was raised, and then a line at its
10th, 100th, 1,000th time. Its text is not logged, as it may hold signed headers; where it was raised is.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Final

from kraken_async.call import ENDS_PROGRAM
from kraken_async.errors import Outcome, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container

log: logging.Logger = logging.getLogger("kraken_async")

#: Seconds before background work that met a fault begins again.
PAUSE: Final = 1.0
#: Places that are told apart; beyond them every fault is logged whole.
MOST_PLACES: Final = 256


def is_an_end(fault: BaseException, tasks: Container[object]) -> bool:
    """Return whether this ends the program or the task that met it, one of ``tasks``, and is no caller's fault."""
    if isinstance(fault, ENDS_PROGRAM):
        return True
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs: what it left is collected
        task = None
    if isinstance(fault, GeneratorExit):
        # Nothing can close a coroutine while its own task runs it: a caller's function has raised it.
        return task not in tasks
    # aiohttp raises a CancelledError of its own when a session is closed under a request.
    return isinstance(fault, asyncio.CancelledError) and (task is None or task.cancelling() > 0)


class Faults:
    """The faults of one session. ``total``: how many were met."""

    def __init__(self) -> None:
        self.total: int = 0
        self._met: dict[tuple[str, str], int] = {}

    def __repr__(self) -> str:
        return f"<Faults {self.total}>"

    def log(self, name: str, fault: BaseException) -> None:
        """Log a fault that ``name`` met: whole for the first time at its place, then at powers of ten."""
        self.total += 1
        kind, where = type(fault).__name__, traceback.extract_tb(fault.__traceback__)
        place = kind, f"{where[-1].filename}:{where[-1].lineno}" if where else ""
        times = self._met.get(place, 0) + 1
        if times > 1 or len(self._met) < MOST_PLACES:
            self._met[place] = times
        if times == 1:
            lines = "".join(traceback.format_tb(fault.__traceback__))
            log.error("%s met a fault, %s:\n%s", name, kind, lines, extra={"endpoint": name})
        elif str(times).strip("0") == "1":
            log.error("%s met a fault, %s, for the %dth time", name, kind, times, extra={"endpoint": name})

    def error(self, name: str, fault: BaseException, outcome: Outcome = Outcome.UNKNOWN) -> TransportError:
        """Log a fault and return the error for the call that met it."""
        self.log(name, fault)
        msg = f"{name} met a fault on its way ({type(fault).__name__}), see the log"
        if outcome is Outcome.NOT_SENT:
            msg = f"{name} was not sent: it met a fault ({type(fault).__name__}), see the log"
        return TransportError(msg, endpoint=name, outcome=outcome)

    async def keep_going(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run background work that must outlive its faults: log each, and begin again after a moment."""
        while True:
            try:
                await work()
            except Exception as fault:
                self.log(name, fault)
            else:
                return
            await asyncio.sleep(PAUSE)
