"""Kraken's clock, learnt from answers: an order's ``deadline`` is stamped in Kraken's time, not in ours."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long the two bounds on the offset are trusted before they are learnt afresh; clocks drift.
LIFE: Final = 600.0


class ServerTime:
    """Kraken's clock beside one of this machine that is never set: an interval that every answer may narrow.

    A ``Date`` header (or ``unixtime``) D means that the server's clock stood in [D, D + 1) at some time between
    sending and receiving. The wall clock is asked only while nothing is known: when it is set in mid-run, a deadline
    must not move with it, nor the moment from which an order that is not there can be called absent.

    ``clock``: the loop's, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._low = float("-inf")  # Kraken's clock minus ours, at least
        self._high = float("inf")
        self._learnt_at = float("-inf")
        self.due_at = float("-inf")  # when another answer is worth reading; once a second is plenty

    @property
    def known(self) -> bool:
        """Whether an answer has told anything yet."""
        return self._low > float("-inf")

    def now(self) -> float:
        """Return Kraken's time, as unix seconds; this machine's while nothing is known."""
        if not self.known:
            return time.time()
        return (self._low + self._high) / 2 + self.clock() + _asleep()

    def at_least(self) -> float:
        """Return the earliest that Kraken's clock can show now, as unix seconds: for what must not be too early."""
        return self._low + self.clock() + _asleep() if self.known else time.time()

    def stamp(self, seconds: float) -> str:
        """Return the RFC 3339 time ``seconds`` from now, in Kraken's time."""
        at = datetime.fromtimestamp(self.now() + seconds, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"

    def observe_date(self, header: str | None, sent: float, now: float) -> None:
        """Learn from an answer's ``Date`` header; ``sent`` and ``now`` are seconds of the loop's clock."""
        self.due_at = now + 1.0
        if header:
            try:
                date = parsedate_to_datetime(header).timestamp()
            except (TypeError, ValueError):
                return  # a Date that is none teaches nothing
            self.observe(date, sent, now)

    def observe(self, server: float, sent: float, now: float) -> None:
        """Learn that the server's clock showed the whole second ``server`` between ``sent`` and ``now``."""
        asleep = _asleep()
        low, high = server - now - asleep, server + 1.0 - sent - asleep
        if now - self._learnt_at > LIFE or low > self._high or high < self._low:
            self._low, self._high, self._learnt_at = low, high, now
        else:
            self._low, self._high = max(low, self._low), min(high, self._high)


if sys.platform == "linux":

    def _asleep() -> float:
        """For how long this machine has been suspended, in seconds: the loop's clock stood still then."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)

else:  # pragma: no cover - not told; a time that is behind makes orders late, and no order "absent" too early

    def _asleep() -> float:
        return 0.0
