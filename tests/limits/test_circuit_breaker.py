"""The breaker: what opens it, for how long, what it says, and that an accepted call closes it."""

from __future__ import annotations

import pytest

from kraken_async.errors import (
    InvalidNonce,
    KrakenError,
    Outcome,
    RateLimitExceeded,
    TemporaryLockout,
)
from kraken_async.limits.circuit_breaker import LOCKOUT, PAUSE, closed_until, learn, passed, pause, refusal
from kraken_async.stores.base import Shared

NOW = 1000.0


def test_pauses_double_up_to_a_lockouts_length() -> None:
    shared = Shared()
    assert [pause(shared, NOW) for _ in range(6)] == [60.0, 120.0, 240.0, 480.0, LOCKOUT, LOCKOUT]
    assert shared.pauses == 6
    assert shared.pause_until == NOW + LOCKOUT
    assert shared.changed
    assert PAUSE == 60.0


def test_a_lockout_is_a_quarter_of_an_hour_and_its_refusal_was_not_sent() -> None:
    shared = Shared()
    refused = TemporaryLockout("EGeneral:Temporary lockout")
    learn(shared, refused, NOW, 0.0)
    assert refused.until is not None
    assert shared.lockout_until == NOW + 900.0
    assert shared.changed
    assert closed_until(shared, NOW) == NOW + 900.0
    error = refusal(shared, NOW + 300.0, "Balance")
    assert isinstance(error, TemporaryLockout)
    assert "for 600 s more" in str(error)
    assert error.outcome is Outcome.NOT_SENT
    assert refusal(shared, NOW + 900.0, "Balance") is None
    assert closed_until(shared, NOW + 900.0) == 0.0


def test_a_pause_says_how_long_and_ends_by_itself() -> None:
    shared = Shared()
    pause(shared, NOW)
    error = refusal(shared, NOW + 20.0, "Balance")
    assert isinstance(error, InvalidNonce)
    assert "40 s more" in str(error)
    assert refusal(shared, NOW + 60.0, "Balance") is None


@pytest.mark.parametrize(
    ("until", "waits"), [(5030.0, 30.0), (4000.0, 0.0), (99_999.0, LOCKOUT)], ids=["ahead", "past", "absurd"]
)
def test_throttled_waits_until_the_time_that_kraken_names(until: float, waits: float) -> None:
    shared = Shared()
    error = RateLimitExceeded("EService:Throttled")
    error.until = until
    learn(shared, error, NOW, 5000.0)
    assert shared.throttled_until == NOW + waits
    assert error.retry_after == waits
    assert shared.changed


def test_other_refusals_teach_nothing_here() -> None:
    shared = Shared()
    for error in (RateLimitExceeded("EAPI:Rate limit exceeded"), KrakenError("EOrder:Unknown order")):
        learn(shared, error, NOW, 5000.0)
    assert shared == Shared()
    assert not shared.changed


@pytest.mark.parametrize("field", ["pauses", "pause_until", "lockout_until"])
def test_an_accepted_call_closes_it_whatever_had_opened_it(field: str) -> None:
    shared = Shared()
    setattr(shared, field, 1 if field == "pauses" else NOW + 10.0)
    passed(shared, NOW)
    assert (shared.pauses, shared.pause_until, shared.lockout_until) == (0, 0.0, 0.0)
    assert shared.changed


def test_an_accepted_call_writes_nothing_where_nothing_was_open() -> None:
    shared = Shared(pause_until=NOW, lockout_until=NOW - 5.0)
    passed(shared, NOW)
    assert not shared.changed
    assert (shared.pause_until, shared.lockout_until) == (NOW, NOW - 5.0)
