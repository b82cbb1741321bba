"""SwitchTimers: say when a dead man's switch was not refreshed in time, and when it must have fired.

Timers of the loop say it, not the refresh: one that only waits for its turn, or for an answer, says nothing itself.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from kraken_async.problems import Problem

if TYPE_CHECKING:
    from kraken_async.problems import ProblemBoard

log: logging.Logger = logging.getLogger("kraken_async.dead_man")

#: Seconds that a refresh of the next beat but one is given before the switch is late.
LEEWAY: Final = 1.0


class SwitchTimers:
    """The timers of one armed switch of ``seconds``, refreshed ``every`` so many. Belongs to its event loop."""

    def __init__(self, seconds: float, every: float, board: ProblemBoard) -> None:
        self.fired: bool = False
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        # Two beats without a refresh, or half of what is left after the first, whichever is earlier.
        self._late_after = min(2 * every + LEEWAY, (every + seconds) / 2)
        self._board = board
        self._timers: list[asyncio.TimerHandle] = []
        self._armed_at = 0.0
        self._late = False
        self._why = ""

    def armed(self, at: float) -> None:
        """Begin again: Kraken has the timer since ``at``, on the loop's clock, or since a later moment."""
        if self.fired:
            log.warning("the dead man's switch is armed again; orders placed before may have been cancelled")
        elif self._late:
            log.info("the dead man's switch is refreshed again")
        self.stop()
        self._armed_at = at
        self._timers = [
            self._loop.call_at(at + self._late_after, self._is_late),
            self._loop.call_at(at + self._seconds, self._has_fired),
        ]

    def failed(self, error: Exception) -> None:
        """Take note of a refresh that failed."""
        self._why = f": {error}"
        if not self.fired:
            self._say_late()

    def stop(self) -> None:
        """End the timers, and take what they said off the board."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        self.fired = self._late = False
        self._why = ""
        self._board.clear("switch-late")
        self._board.clear("switch-fired")

    def _is_late(self) -> None:
        if not self._late and not self.fired:
            self._say_late()

    def _say_late(self) -> None:
        self._late = True
        silence = self._loop.time() - self._armed_at
        text = (
            f"the dead man's switch was not refreshed for {silence:.0f} s, {self._seconds - silence:.0f} s left"
            f"{self._why or ': the refresh waits for its turn or its answer'}"
        )
        log.warning("%s", text)
        self._board.put(Problem("switch-late", text))

    def _has_fired(self) -> None:
        self.fired = True
        text = (
            f"the dead man's switch was not refreshed for {self._seconds:.0f} s: it must have fired, and cancelled all "
            f"of the account's orders{self._why}"
        )
        log.error("%s", text)
        self._board.clear("switch-late")
        self._board.put(Problem("switch-fired", text))
