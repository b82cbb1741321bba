"""Kraken's clock, learnt from answers: an order's ``deadline`` is stamped in Kraken's time, not in ours."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: How long the two bounds on the offset are trusted before they are learnt afresh; clocks drift and are stepped.
LIFE: Final = 600.0


class ServerTime:
    """The offset of Kraken's clock to this machine's, in seconds, as an interval that every answer may narrow.

    A ``Date`` header (or ``unixtime``) D means that the server's clock stood in [D, D + 1) at some time between
    sending and receiving. This machine's clock is followed too: a step of it makes the interval start afresh.
    """

    def __init__(self) -> None:
        self._low = float("-inf")
        self._high = float("inf")
        self._learnt_at = float("-inf")
        self.due_at = float("-inf")  # when another answer is worth reading; once a second is plenty
        self._skew = 0.0  # wall minus monotonic, to notice a step of our own clock

    @property
    def known(self) -> bool:
        """Whether an answer has told anything yet."""
        return self._low > float("-inf")

    @property
    def offset(self) -> float:
        """Return Kraken's clock minus ours, in seconds; 0 while nothing is known."""
        return (self._low + self._high) / 2 if self.known else 0.0

    def now(self) -> float:
        """Return Kraken's time, as unix seconds."""
        return time.time() + self.offset

    def stamp(self, seconds: float) -> str:
        """Return the RFC 3339 time ``seconds`` from now, in Kraken's time."""
        at = datetime.fromtimestamp(self.now() + seconds, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"

    def observe_date(self, header: str | None, sent: float, now: float) -> None:
        """Learn from an answer's ``Date`` header; ``sent`` and ``now`` are monotonic seconds."""
        self.due_at = now + 1.0
        if header:
            try:
                date = parsedate_to_datetime(header).timestamp()
            except (TypeError, ValueError):
                return  # a Date that is none teaches nothing
            self.observe(date, sent, now)

    def observe(self, server: float, sent: float, now: float) -> None:
        """Learn that the server's clock showed the whole second ``server`` between ``sent`` and ``now``."""
        wall = time.time()
        skew = wall - now
        low, high = server - wall, server + 1.0 - (wall - (now - sent))
        stepped = abs(skew - self._skew) > 0.5
        if stepped or now - self._learnt_at > LIFE or low > self._high or high < self._low:
            self._low, self._high, self._learnt_at, self._skew = low, high, now, skew
        else:
            self._low, self._high = max(low, self._low), min(high, self._high)
