"""Waits for Kraken's limits: what calls wait for, how many, and for how long.

A wait is logged once when it begins, not again while calls keep waiting for the same limit, and once when it is over.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kraken_async.api.endpoints import Tier
    from kraken_async.call import Call

log: logging.Logger = logging.getLogger("kraken_async.limits")

#: Seconds without a wait after which it is over: that is logged, and so is the next one for the same limit.
LULL: Final = 5.0
#: Seconds until the last of the waiting calls goes, from which on the wait is among the problems.
LONG: Final = 5.0

#: Limits: the two that do not name a counter of Kraken's, as a quote's ``limit``.
START_UP: Final = "start-up"
THROTTLED: Final = "throttled"


def limit_text(limit: str) -> str:
    """Return a limit in words: a quote's ``limit``, which is a call's resource or one of those above."""
    if limit == START_UP:
        return "the pace at start-up (startup_window, startup_interval)"
    if limit == THROTTLED:
        return "the time that Kraken named (EService:Throttled)"
    pair = limit.removeprefix("pair:")
    return "Kraken's call counter" if pair == limit else f"the matching engine's counter of {pair}"


@dataclass(frozen=True, slots=True)
class LimitWait:
    """Calls that wait for one limit now: the ``first`` goes in ``seconds``, the last in some ``last`` seconds."""

    limit: str
    calls: int
    first: str  # its endpoint; "the look-up ClosedOrders" of a call of the session's own
    seconds: float
    last: float

    def __str__(self) -> str:
        what = limit_text(self.limit)
        if self.calls == 1:
            return f"{self.first} waits for {what}: {self.seconds:.1f} s more"
        return (
            f"{self.calls} calls wait for {what}: {self.first} goes in {self.seconds:.1f} s, "
            f"the last in some {self.last:.0f} s"
        )


def add_wait(
    found: dict[str, LimitWait], call: Call, limit: str, seconds: float, count: int, delay: float
) -> None:
    """Count ``count`` more calls that wait for a limit. Each delays the next by ``delay`` seconds."""
    wait = found.get(limit)
    if wait is None:
        first = f"the look-up {call.endpoint.name}" if call.internal else call.endpoint.name
        wait, count_behind = LimitWait(limit, 0, first, seconds, seconds), count - 1
    else:
        count_behind = count
    found[limit] = replace(wait, calls=wait.calls + count, last=wait.last + count_behind * delay)


class LimitWaits:
    """Logs the waits of one session. ``tier``: the one taken for want of another, None where one was given."""

    def __init__(self, tier: Tier | None) -> None:
        self._tier = tier
        self._until: dict[str, float] = {}  # by limit: the end of the last wait
        self._timers: dict[str, asyncio.TimerHandle] = {}  # of the waits that are not over

    def note(self, call: Call, limit: str, seconds: float, now: float) -> None:
        """Take note that a call waits for ``seconds``; log it where that is news."""
        last = self._until.get(limit)
        self._until[limit] = now + seconds
        timer = self._timers.get(limit)
        if timer is not None:
            if last is not None and now - last <= LULL:
                return
            timer.cancel()
        self._watch(limit, seconds + LULL, now, now)
        name = call.endpoint.name
        extra = {"endpoint": name, "limit": limit, "seconds": seconds}
        log.info("%s waits %.1f s for %s", name, seconds, limit_text(limit), extra=extra)
        tier, counted = self._tier, limit not in (START_UP, THROTTLED)
        if tier is not None and counted:
            self._tier = None  # once a session
            log.warning(
                "%s waits %.1f s by the limits of tier %r, which is taken as no tier was given: "
                "give tier='intermediate' or 'pro' if yours is higher",
                name,
                seconds,
                tier.value,
                extra=extra,
            )

    def _watch(self, limit: str, seconds: float, began: float, now: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[limit] = loop.call_later(seconds, self._look, limit, began, now + seconds)

    def _look(self, limit: str, began: float, now: float) -> None:
        """Log the end of a wait, if it is over by now."""
        until = self._until[limit]
        if (left := until + LULL - now) > 0:
            self._watch(limit, left, began, now)
            return
        del self._timers[limit]
        extra = {"limit": limit, "seconds": until - began}
        log.info("no call waits any more for %s, after %.0f s", limit_text(limit), until - began, extra=extra)

    def close(self) -> None:
        """End without a word about what still waits."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
