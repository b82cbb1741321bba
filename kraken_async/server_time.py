"""Kraken's clock, learnt from answers: an order's ``deadline`` is stamped in Kraken's time, not in this machine's.

Rules kept here:

1. A clock is learnt from Kraken's own answers alone: status 200, Kraken's envelope, kept by no cache (``Age``).
   The page of a gateway carries the gateway's clock.
2. What is known is an interval of the offset between Kraken's clock and one of this machine that is never set. An
   answer may narrow it. It widens with time, as clocks drift, and it always holds the true offset.
3. A sample that contradicts what is known, or is years off this machine's clock, changes nothing. A second one that
   agrees with it, of another request at least ``APART`` seconds later, starts afresh: ``epoch`` rises, and what was
   stamped before proves no absence.
"""

from __future__ import annotations

import math
import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: By how much two good clocks part, in seconds per second: twice what a kernel slews at most.
DRIFT: Final = 0.001
#: Seconds between a sample that contradicts what is known and the one that confirms it.
APART: Final = 5.0
#: Seconds between Kraken's clock and this machine's wall clock above which a first sample is not taken by itself.
FAR: Final = 365 * 86_400.0
#: An interval narrower than this is narrowed once a second, a wider one by every answer.
FINE: Final = 0.05
#: Seconds by which two looks at one clock are close, and how often they are made until they are.
_CLOSE: Final = 0.0001
_LOOKS: Final = 20
#: Kraken's times have whole seconds here: a shown second S stands for [S, S + 1).
SECOND: Final = 1.0


# A named tuple: made in half the time of a frozen dataclass, and one is made of every answer that is looked at.
class _Offset(NamedTuple):
    """Bounds on Kraken's clock minus this machine's, each with the moment it was learnt."""

    low: float
    low_at: float
    high: float
    high_at: float

    def at(self, moment: float) -> tuple[float, float]:
        """Return the bounds at another moment, earlier or later, widened by what clocks drift meanwhile."""
        return (
            self.low - DRIFT * abs(moment - self.low_at),
            self.high + DRIFT * abs(moment - self.high_at),
        )

    def narrowed(self, other: _Offset, moment: float) -> _Offset | None:
        """Return what remains when both are true; None: they cannot be."""
        (low, high), (other_low, other_high) = self.at(moment), other.at(moment)
        if low > other_high or other_low > high:
            return None
        lower, upper = (self if low >= other_low else other), (self if high <= other_high else other)
        return _Offset(lower.low, lower.low_at, upper.high, upper.high_at)


class ServerTime:
    """Kraken's clock beside one of this machine that is never set.

    The wall clock is asked only while nothing is known: when it is set in mid-run, a deadline must not move with it,
    nor the moment from which an order that is not there can be called absent.

    ``clock``: the loop's, in seconds. ``asleep``: for how long it has stood still since the machine's boot; None: as
    the machine tells.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, asleep: Callable[[], float] | None = None
    ) -> None:
        self.clock = clock
        self._asleep = asleep or machine_asleep
        self.epoch: int = 0  # rises when what was known is thrown away
        self.due_at: float = float("-inf")  # when another answer is worth reading, on the loop's clock
        self._offset: _Offset | None = None
        self._odd: tuple[_Offset, float] | None = None  # a sample that contradicts, and when it had arrived
        self._dates_lie = False  # the Date beside Kraken's own `unixtime` was another time

    @property
    def known(self) -> bool:
        """Whether an answer has told anything yet."""
        return self._offset is not None

    def boot_clock(self) -> float:
        """Return the seconds since this machine's boot, suspension included: the clock that is never set."""
        return self.clock() + self._asleep()

    def span(self, moment: float | None = None) -> tuple[float, float] | None:
        """Return the earliest and latest that Kraken's clock can have shown, in unix seconds; None: not known.

        ``moment``: of :meth:`boot_clock`, past or to come; None: now.
        """
        if self._offset is None:
            return None
        at = self.boot_clock() if moment is None else moment
        low, high = self._offset.at(at)
        return low + at, high + at

    def reading(self, moment: float) -> tuple[float, float | None]:
        """Return Kraken's time at a moment of :meth:`boot_clock`, and by how much it is not known, either way.

        While nothing is known: this machine's time now, and None.
        """
        span = self.span(moment)
        if span is None:
            return time.time(), None
        return (span[0] + span[1]) / 2, (span[1] - span[0]) / 2

    def now(self) -> float:
        """Return Kraken's time, as unix seconds; this machine's while nothing is known."""
        span = self.span()
        return time.time() if span is None else (span[0] + span[1]) / 2

    def at_least(self) -> float:
        """Return the earliest that Kraken's clock can show now, as unix seconds: for what must not be too early."""
        span = self.span()
        return time.time() if span is None else span[0]

    def stamp(self, seconds: float) -> str:
        """Return the RFC 3339 time ``seconds`` from now, in Kraken's time."""
        at = self.now() + seconds
        second = math.floor(at)
        return f"{_text_of(second)}.{int((at - second) * 1000):03d}Z"

    # -- learning ------------------------------------------------------------------------------------------

    def learn(self, status: int, headers: Mapping[str, str], sent: float, now: float) -> None:
        """Learn from an answer whose body was Kraken's envelope; ``sent`` and ``now`` are of the loop's clock."""
        if status == 200 and not self._dates_lie and not _kept(headers):
            self.observe_date(_header(headers, "Date"), sent, now)

    def learn_unixtime(
        self, status: int, headers: Mapping[str, str], unixtime: Any, sent: float, now: float
    ) -> None:
        """Learn from an answer of ``Time``. Where its ``Date`` is another time, dates are rewritten: none teaches."""
        if status != 200 or _kept(headers):
            return
        try:
            server = float(unixtime)
        except (TypeError, ValueError):
            return
        if math.isfinite(server):
            date = _seconds(_header(headers, "Date"))
            self._dates_lie = date is not None and abs(date - server) > 2 * SECOND
            self.observe(math.floor(server), sent, now)

    def observe_date(self, header: str | None, sent: float, now: float) -> None:
        """Learn from a ``Date`` header of Kraken's own answer. One that is none teaches nothing."""
        self.due_at = now + 1.0
        server = _seconds(header)
        if server is not None:
            self.observe(server, sent, now)

    def observe(self, server: float, sent: float, now: float) -> None:
        """Learn that the server's clock showed the whole second ``server`` between ``sent`` and ``now``."""
        asleep = self._asleep()
        now_at, sent_at = now + asleep, sent + asleep
        sample = _Offset(server - now_at, now_at, server + SECOND - sent_at, now_at)
        known = self._offset
        narrowed = None if known is None else known.narrowed(sample, now_at)
        if narrowed is not None:
            self._offset, self._odd = narrowed, None
        elif known is None and abs(server - time.time()) < FAR:
            self._offset = sample
        else:
            self._contradicted(sample, sent_at, now_at)
        if self._offset is not None and self._offset.high - self._offset.low > max(FINE, 2 * (now - sent)):
            self.due_at = now + FINE / 2  # fine enough; a flow of calls is not looked at one by one

    def _contradicted(self, sample: _Offset, sent_at: float, now_at: float) -> None:
        """Keep a sample that cannot be believed alone, or start afresh when it confirms the one before."""
        confirmed = None if self._odd is None else self._odd[0].narrowed(sample, now_at)
        if self._odd is None or confirmed is None:
            self._odd = sample, now_at
        elif sent_at - self._odd[1] >= APART:
            self._offset, self._odd = confirmed, None
            self.epoch += 1


@lru_cache(maxsize=2)
def _text_of(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _kept(headers: Mapping[str, str]) -> bool:
    """Return whether a cache may have kept the answer: it says how long, or says it unreadably."""
    age = _header(headers, "Age")
    if age is None:
        return False
    try:
        return float(age) > 0
    except ValueError:
        return True


@lru_cache(maxsize=2)  # many answers come in one second
def _seconds(header: str | None) -> float | None:
    """Return a ``Date`` header as unix seconds; None for what is none."""
    try:
        return None if not header else parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    found = headers.get(name)
    if found is None and not getattr(headers, "any_case", False):
        found = next((value for key, value in headers.items() if key.lower() == name.lower()), None)
    return None if found is None else str(found).strip()


if sys.platform == "linux":

    def machine_asleep() -> float:
        """Return for how long this machine has been suspended, in seconds: the loop's clock stood still then.

        On a busy machine this process may be kept from running between two looks at clocks, and what they differ by
        is then no suspension. So one clock is looked at before and after the other, again until both are close.
        """
        found, closest = 0.0, math.inf
        for _ in range(_LOOKS):
            before = time.clock_gettime(time.CLOCK_MONOTONIC)
            boot = time.clock_gettime(time.CLOCK_BOOTTIME)
            apart = time.clock_gettime(time.CLOCK_MONOTONIC) - before
            if apart < closest:
                found, closest = boot - before - apart / 2, apart
            if closest < _CLOSE:
                break
        return found

else:  # pragma: no cover - not told; a time that is behind makes orders late, and no order "absent" too early

    def machine_asleep() -> float:
        """Return 0: this system does not tell."""
        return 0.0
