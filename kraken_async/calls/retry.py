"""The meaning of a failure for a call, and whether the call may be sent again. Pure, by the tables.

                        reads              cancels by txid or         any other write
                                           cl_ord_id, the like
    not sent            repeated           repeated                   repeated
    no answer, broken   repeated           repeated at once           never: it may have been done
    limits              repeated           repeated                   never
    Busy, Unavailable   repeated           repeated                   never: it may have been done
    lockout, arguments  never              never                      never

A refused nonce is not decided here: its own ladder does it. Nothing is repeated beyond `attempts`, nor beyond
`budget`, but for a cancel whose answer was lost: however long that took, it is repeated once.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kraken_async.api.arguments import check_whole, number_of
from kraken_async.api.endpoints import Priority, has_effect, may_repeat
from kraken_async.errors import KrakenAPIError, Outcome, RateLimitExceeded, TransportError
from kraken_async.wire.error_table import is_warning, look_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken_async.api.endpoints import Endpoint
    from kraken_async.errors import KrakenError
    from kraken_async.wire.error_table import ErrorRule


def classify(endpoint: Endpoint, error: KrakenError, params: Mapping[str, Any] | None = None) -> Outcome:
    """Return what a call that failed so has done: nothing (refused, not sent), or what is not known.

    A read does nothing; "unknown" says of it only that no answer came.
    """
    if not isinstance(error, KrakenAPIError) or error.outcome is Outcome.NOT_SENT:
        return error.outcome
    if has_effect(endpoint, params or {}) and any(row.effect == "possible" for row in _rows(error)):
        return Outcome.UNKNOWN
    return error.outcome if endpoint.changes else Outcome.REFUSED


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often, and for how long, what may be repeated is repeated. Times in seconds.

    `attempts`: sendings of one call at most, the first included; 1 repeats nothing. `budget`: no repeat
    starts later than this after the first sending. The pause before the n-th repeat is random, between 0 and
    `base` doubled n-1 times, at most `cap` ("full jitter"), plus what Kraken asks for. `jitter` gives the
    random numbers, from 0 to 1.

    >>> RetryPolicy(attempts=5, budget=60.0)  # doctest: +ELLIPSIS
    RetryPolicy(attempts=5, budget=60.0, base=0.5, cap=5.0)
    """

    attempts: int = 3
    budget: float = 15.0
    base: float = 0.5
    cap: float = 5.0
    jitter: Callable[[], float] = field(default=random.random, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_whole("attempts, the number of sendings,", self.attempts, least=1)
        if not callable(self.jitter):
            msg = f"jitter is a function that returns a number from 0 to 1, not {self.jitter!r}"
            raise ValueError(msg)
        if not all(number_of(each) >= 0 for each in (self.budget, self.base, self.cap)):
            msg = f"budget, base and cap are seconds, 0 or more, not {self.budget!r}, {self.base!r}, {self.cap!r}"
            raise ValueError(msg)

    def delay(
        self,
        error: KrakenError,
        endpoint: Endpoint,
        attempt: int,
        elapsed: float,
        *,
        params: Mapping[str, Any] | None = None,
        now: float | None = None,
    ) -> float | None:
        """Return the seconds to wait before the same call is sent again, or None if it must not be.

        `attempt`: how often it has been sent, `elapsed`: seconds since the first time. `params`: its fields;
        without them a cancel is taken to name its order by txid or cl_ord_id. `now`: unix seconds, for errors
        that name a time; None reads the clock.
        """
        if attempt >= self.attempts:
            return None
        least = _least(error, endpoint, params or {}, now)
        if least is None:
            return None
        if attempt == 1 and least == 0 and endpoint.priority == Priority.CANCEL and _lost(error):
            return 0.0
        delay = least + self.jitter() * min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        return delay if elapsed + delay <= self.budget else None


def _least(
    error: KrakenError, endpoint: Endpoint, params: Mapping[str, Any], now: float | None
) -> float | None:
    """Return the seconds that must pass before a repeat, None if there may be none."""
    if isinstance(error, TransportError):
        lost = error.outcome is Outcome.UNKNOWN and may_repeat(endpoint, params)
        return (error.retry_after or 0.0) if lost or error.outcome is Outcome.NOT_SENT else None
    if not isinstance(error, KrakenAPIError) or not _answered_so(error, endpoint, params):
        return None
    least = max(row.wait for row in _rows(error))
    if isinstance(error, RateLimitExceeded):
        least = max(least, error.retry_after or 0.0)
        if error.until is not None:
            least = max(least, error.until - (time.time() if now is None else now))
    return least


def _lost(error: KrakenError) -> bool:
    return isinstance(error, TransportError) and error.outcome is not Outcome.REFUSED


def _answered_so(error: KrakenAPIError, endpoint: Endpoint, params: Mapping[str, Any]) -> bool:
    """Whether Kraken's answer allows a repeat of this call by itself."""
    rows = _rows(error)
    if not rows or any(row.retry in ("no", "nonce") for row in rows):
        return False
    # CancelAll may not be repeated after a lost answer, but it may after a refusal: it must get through.
    refused_cancel = endpoint.priority == Priority.CANCEL and all(row.effect == "none" for row in rows)
    return may_repeat(endpoint, params) or refused_cancel


def _rows(error: KrakenAPIError) -> list[ErrorRule]:
    return [look_up(entry) for entry in error.errors if not is_warning(entry)]
