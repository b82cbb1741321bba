"""ProblemWatch: tell the caller's ``on_problem`` when a problem comes, and when it goes.

Most problems are conditions of the moment, such as the age of the call in flight, so they are looked at once a second;
those that are put on the board, at once. A problem is reported again only after it has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from kraken_async.problems import Problem, ProblemBoard, ProblemChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log: logging.Logger = logging.getLogger("kraken_async")

#: Seconds between looks.
EVERY: Final = 1.0


class ProblemWatch:
    """Compares ``problems()`` with those of the look before, and hands each change to ``tell``, which never raises."""

    def __init__(
        self,
        problems: Callable[[], Iterable[Problem]],
        tell: Callable[[ProblemChange], None],
        board: ProblemBoard,
    ) -> None:
        self._problems = problems
        self._tell = tell
        self._board = board
        self._known: dict[tuple[str, str], Problem] = {}
        self._failed = False

    async def run(self) -> None:
        """Look at once, and then until cancelled."""
        while True:
            self._board.changed.clear()
            self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._board.changed.wait()

    def look(self) -> None:
        """Tell what has come and what has gone since the last look. What a look meets is logged once."""
        try:
            now = {(each.code, each.subject): each for each in self._problems()}
        except Exception:
            if not self._failed:
                log.exception("problems cannot be looked at for on_problem")
            self._failed = True
            return
        self._failed = False
        gone = [each for name, each in self._known.items() if name not in now]
        come = [each for name, each in now.items() if name not in self._known]
        self._known = now
        for problems, came in ((gone, False), (come, True)):
            for each in problems:
                self._tell(ProblemChange(code=each.code, severity=each.severity, text=str(each), came=came))
