"""The breaker: when Kraken has locked the key out, or its nonces cannot be healed, private calls fail at once.

Kept in the shared state, so that a restart or another process does not renew the ban. Every further attempt during a
lockout prolongs it; two clients jumping over each other's nonces end in one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kraken_async.errors import InvalidNonce, KrakenError, Outcome, RateLimitExceeded, TemporaryLockout

if TYPE_CHECKING:
    from kraken_async.stores.base import Shared

#: Seconds that Kraken's support gives for a temporary lockout.
LOCKOUT: Final = 900.0
#: The first pause after nonces could not be healed; each further one doubles, up to LOCKOUT.
PAUSE: Final = 60.0


def closed_until(shared: Shared, now: float) -> float:
    """Return the loop time until which private calls must not be sent, 0 when they may."""
    until = max(shared.lockout_until, shared.pause_until)
    return until if until > now else 0.0


def refusal(shared: Shared, now: float, endpoint: str) -> KrakenError | None:
    """Return the error for a call that the open breaker stops, None if nothing stops it."""
    if shared.lockout_until > now:
        seconds = shared.lockout_until - now
        error: KrakenError = TemporaryLockout(
            f"{endpoint} was not sent: Kraken has locked this key out for {seconds:.0f} s more. "
            "Wait; one deliberate call may pass with with_options(ignore_breaker=True)",
            endpoint=endpoint,
            outcome=Outcome.NOT_SENT,
        )
        error.until = time.time() + seconds  # type: ignore[attr-defined]  # TemporaryLockout has it
        return error
    if shared.pause_until > now:
        return InvalidNonce(
            f"{endpoint} was not sent: this key's nonces could not be healed, private calls pause for "
            f"{shared.pause_until - now:.0f} s more. Run `kraken-async doctor`; one deliberate call may pass with "
            "with_options(ignore_breaker=True)",
            endpoint=endpoint,
            outcome=Outcome.NOT_SENT,
        )
    return None


def teaches(error: KrakenError) -> bool:
    """Return whether :func:`learn` takes anything from a refusal."""
    return isinstance(error, TemporaryLockout) or (
        isinstance(error, RateLimitExceeded) and error.until is not None
    )


def learn(shared: Shared, error: KrakenError, now: float, server_now: float) -> None:
    """Take from a refusal what it says about all calls of this key, and say in it until when they wait.

    ``server_now``: Kraken's time, unix seconds.
    """
    if isinstance(error, TemporaryLockout):
        error.until = time.time() + LOCKOUT
        shared.lockout_until = now + LOCKOUT
        shared.mark_changed()
    elif isinstance(error, RateLimitExceeded) and error.until is not None:
        # An exact time is given only by EService:Throttled, in Kraken's time; bounded, in case that is not known.
        error.retry_after = min(max(error.until - server_now, 0.0), LOCKOUT)
        shared.throttled_until = now + error.retry_after
        shared.mark_changed()


def pause(shared: Shared, now: float) -> float:
    """Open the breaker after an InvalidNonce that could not be healed; return the seconds."""
    seconds = min(PAUSE * 2.0**shared.pauses, LOCKOUT)
    shared.pause_until = now + seconds
    shared.pauses += 1
    shared.mark_changed()
    return seconds


def passed(shared: Shared, now: float) -> None:
    """Let calls go again: one was accepted."""
    if shared.pauses or shared.pause_until > now or shared.lockout_until > now:
        shared.pauses = 0
        shared.pause_until = 0.0
        shared.lockout_until = 0.0
        shared.mark_changed()
