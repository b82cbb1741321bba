"""What a failure means for a call, and when the call is sent again."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kraken_async.api.endpoints import find, known_endpoints
from kraken_async.calls.retry import RetryPolicy, classify
from kraken_async.errors import (
    AuthenticationError,
    GuardRefused,
    InvalidNonce,
    KrakenError,
    Outcome,
    OutcomeUnknown,
    QueueTimeout,
    RateLimitExceeded,
    RequestTimeout,
    SessionClosed,
    TemporaryLockout,
    TransportError,
)
from kraken_async.wire.error_table import api_error

READ = find("Balance", private=True)
PUBLIC = find("Ticker", private=False)
ORDER = find("AddOrder", private=True)
CANCEL = find("CancelOrder", private=True)
CANCEL_ALL = find("CancelAll", private=True)
UNHEARD = find("NewEndpoint", private=True)
POLICY = RetryPolicy(jitter=lambda: 0.5)

LOST = TransportError("reset")
TIMEOUT = RequestTimeout("no answer")
NOT_SENT = TransportError("refused", outcome=Outcome.NOT_SENT)
EDGE = TransportError("403", outcome=Outcome.REFUSED, status=403)
TXID = {"txid": "OMADEU-PTXID-FORUSE"}
USERREF = {"txid": 12345}


def api(entry: str, *, changes: bool = False) -> KrakenError:
    return api_error([entry], "x", changes=changes)


# ------------------------------------------------------------------ what it means


@pytest.mark.parametrize(
    ("error", "read", "write"),
    [
        (LOST, Outcome.UNKNOWN, Outcome.UNKNOWN),
        (TIMEOUT, Outcome.UNKNOWN, Outcome.UNKNOWN),
        (NOT_SENT, Outcome.NOT_SENT, Outcome.NOT_SENT),
        (EDGE, Outcome.REFUSED, Outcome.REFUSED),
        (api("EService:Busy"), Outcome.REFUSED, Outcome.UNKNOWN),
        (api("EOrder:Unknown order"), Outcome.REFUSED, Outcome.REFUSED),
        (TemporaryLockout("not sent", outcome=Outcome.NOT_SENT), Outcome.NOT_SENT, Outcome.NOT_SENT),
        (GuardRefused("x"), Outcome.NOT_SENT, Outcome.NOT_SENT),
        (OutcomeUnknown("x"), Outcome.UNKNOWN, Outcome.UNKNOWN),
    ],
    ids=range(9),
)
def test_failure_says_what_a_call_has_done(error: KrakenError, read: Outcome, write: Outcome) -> None:
    assert (classify(READ, error), classify(ORDER, error)) == (read, write)


def test_a_read_that_creates_is_a_write() -> None:
    addresses = find("DepositAddresses", private=True)
    assert classify(addresses, api("EService:Busy"), {"new": True}) is Outcome.UNKNOWN
    assert classify(addresses, api("EService:Busy"), {}) is Outcome.REFUSED


# ------------------------------------------------------------------ what is sent again


@pytest.mark.parametrize(
    ("endpoint", "params", "error", "repeated"),
    [
        (READ, {}, LOST, True),
        (PUBLIC, {}, TIMEOUT, True),
        (READ, {}, NOT_SENT, True),
        (READ, {}, EDGE, False),
        (ORDER, {}, NOT_SENT, True),
        (ORDER, {}, LOST, False),
        (ORDER, {}, TIMEOUT, False),
        (ORDER, {}, EDGE, False),
        (ORDER, {}, api("EAPI:Rate limit exceeded", changes=True), False),
        (UNHEARD, {}, LOST, False),
        (UNHEARD, {}, NOT_SENT, True),
        (CANCEL, TXID, LOST, True),
        (CANCEL, {"cl_ord_id": "a"}, LOST, True),
        (CANCEL, USERREF, LOST, False),
        (CANCEL, USERREF, NOT_SENT, True),
        (CANCEL, TXID, api("EService:Busy", changes=True), True),
        (CANCEL, USERREF, api("EService:Busy", changes=True), False),
        (CANCEL, USERREF, api("EAPI:Rate limit exceeded", changes=True), True),
        (CANCEL, TXID, api("EOrder:Unknown order", changes=True), False),
        (CANCEL_ALL, {}, LOST, False),
        (CANCEL_ALL, {}, NOT_SENT, True),
        (CANCEL_ALL, {}, api("EService:Busy", changes=True), False),
        (CANCEL_ALL, {}, api("EAPI:Rate limit exceeded", changes=True), True),
        (find("DepositAddresses", private=True), {"new": True}, LOST, False),
        (find("DepositAddresses", private=True), {}, LOST, True),
    ],
)
def test_only_what_can_do_no_harm_is_sent_again(
    endpoint: Any, params: dict[str, Any], error: KrakenError, repeated: bool
) -> None:
    assert (POLICY.delay(error, endpoint, 1, 0.0, params=params, now=0.0) is not None) is repeated


@pytest.mark.parametrize(
    "name", [name for name, endpoint in known_endpoints(private=True).items() if not endpoint.repeatable]
)
@pytest.mark.parametrize(
    "error", [LOST, TIMEOUT, api("EService:Busy", changes=True), api("EGeneral:Internal error", changes=True)]
)
def test_what_may_have_been_done_is_never_sent_again(name: str, error: KrakenError) -> None:
    assert POLICY.delay(error, find(name, private=True), 1, 0.0) is None


@pytest.mark.parametrize(
    "error",
    [
        TemporaryLockout("x", outcome=Outcome.NOT_SENT),
        InvalidNonce("x", outcome=Outcome.NOT_SENT),
        AuthenticationError("x", outcome=Outcome.NOT_SENT),
        QueueTimeout("x"),
        SessionClosed("x"),
        OutcomeUnknown("x"),
        api("EGeneral:Temporary lockout"),
        api("EAPI:Invalid nonce"),
        api_error(["EService:Busy", "EGeneral:Temporary lockout"], "x", changes=False),
        api_error(["EService:Busy", "EGeneral:Permission denied"], "x", changes=False),
    ],
    ids=range(10),
)
def test_lockout_nonce_and_what_never_left_are_not_decided_here(error: KrakenError) -> None:
    for endpoint in (READ, ORDER, CANCEL):
        assert POLICY.delay(error, endpoint, 1, 0.0) is None


# ------------------------------------------------------------------ when


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 5.0), (2000, 5.0)]
)
def test_pause_is_drawn_between_nothing_and_a_doubling_cap(attempt: int, longest: float) -> None:
    drawn = 0.0
    policy = RetryPolicy(attempts=5000, jitter=lambda: drawn)
    for drawn in (0.0, 0.25, 1.0):
        assert policy.delay(LOST, READ, attempt, 0.0) == drawn * longest


def test_attempts_are_counted_with_the_first() -> None:
    assert POLICY.delay(LOST, READ, 2, 0.0) is not None
    assert POLICY.delay(LOST, READ, 3, 0.0) is None
    assert RetryPolicy(attempts=1).delay(LOST, READ, 1, 0.0) is None


def test_no_repeat_starts_beyond_the_budget() -> None:
    assert POLICY.delay(LOST, READ, 1, 14.75) == 0.25
    assert POLICY.delay(LOST, READ, 1, 14.76) is None


def test_cancel_whose_answer_was_lost_goes_again_at_once_then_after_a_pause() -> None:
    assert POLICY.delay(LOST, CANCEL, 1, 0.0, params=TXID) == 0.0
    assert POLICY.delay(LOST, CANCEL, 2, 0.0, params=TXID) == 0.5


def test_cancel_that_timed_out_beyond_the_budget_goes_again_once() -> None:
    assert POLICY.delay(TIMEOUT, CANCEL, 1, 30.0, params=TXID) == 0.0
    assert POLICY.delay(TIMEOUT, CANCEL, 2, 60.0, params=TXID) is None
    assert RetryPolicy(attempts=1).delay(TIMEOUT, CANCEL, 1, 30.0, params=TXID) is None


def test_retry_after_is_waited_for_and_bounded_by_the_budget() -> None:
    assert POLICY.delay(TransportError("429", status=429, retry_after=7.0), READ, 1, 0.0) == 7.25
    assert POLICY.delay(TransportError("429", status=429, retry_after=60.0), READ, 1, 0.0) is None
    assert (
        POLICY.delay(
            RateLimitExceeded("x", errors=["EGeneral:Too many requests"], retry_after=3.0), READ, 1, 0.0
        )
        == 3.25
    )
    assert (
        POLICY.delay(TransportError("429", status=429, retry_after=7.0), CANCEL, 1, 0.0, params=TXID) == 7.25
    )


def test_throttled_waits_until_the_time_named() -> None:
    error = api("EService: Throttled: 1741500000")
    assert POLICY.delay(error, READ, 1, 0.0, now=1741499995.0) == 5.25
    assert POLICY.delay(error, READ, 1, 0.0, now=1741500009.0) == 0.25
    assert POLICY.delay(error, READ, 1, 0.0, now=1741400000.0) is None


def test_throttled_reads_the_clock_if_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kraken_async.calls.retry.time.time", lambda: 1741499995.0)
    assert POLICY.delay(api("EService: Throttled: 1741500000"), READ, 1, 0.0) == 5.25


def test_unavailable_waits_a_second_and_a_refused_login_a_minute() -> None:
    assert POLICY.delay(api("EService:Unavailable"), READ, 1, 0.0) == 1.25
    assert POLICY.delay(api("EAuth:Too many requests"), READ, 1, 0.0) is None
    assert (
        RetryPolicy(budget=90.0, jitter=lambda: 0.5).delay(api("EAuth:Too many requests"), READ, 1, 0.0)
        == 60.25
    )


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"budget": -1.0}, {"base": float("nan")}, {"cap": -1.0}])
def test_a_policy_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"1 or more|0 or more"):
        RetryPolicy(**wrong)


def test_a_policy_is_a_value() -> None:
    assert RetryPolicy() == RetryPolicy(attempts=3, budget=15.0, base=0.5, cap=5.0)
    assert repr(RetryPolicy()) == "RetryPolicy(attempts=3, budget=15.0, base=0.5, cap=5.0)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        RetryPolicy().attempts = 5  # type: ignore[misc]  # what is tried
    with pytest.raises(TypeError):
        RetryPolicy(5)  # type: ignore[call-arg]  # by keyword only


@pytest.mark.parametrize("field", ["budget", "base", "cap"])
def test_a_time_of_the_policy_may_be_nothing_or_a_part_of_a_second_and_is_not_negative(field: str) -> None:
    for given in (0.0, 0.5):
        fields: dict[str, Any] = {field: given}
        assert getattr(RetryPolicy(**fields), field) == given
    for wrong in (-0.1, float("nan")):
        fields = {field: wrong}
        with pytest.raises(ValueError, match="seconds, 0 or more"):
            RetryPolicy(**fields)


def test_one_sending_is_the_least() -> None:
    assert RetryPolicy(attempts=1).attempts == 1
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="1 or more"):
            RetryPolicy(attempts=wrong)
