"""The tree of failures: what each says, that it travels, and that it tells no secret."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async import errors
from kraken_async.api.endpoints import find
from kraken_async.errors import (
    GuardRefused,
    InsufficientFunds,
    KrakenAPIError,
    KrakenError,
    OrderError,
    OrderWithdrawn,
    Outcome,
    OutcomeUnknown,
    RateLimitExceeded,
    RequestTimeout,
    ServiceUnavailable,
    TemporaryLockout,
    TradingHalted,
    TransportError,
)

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, KrakenError)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_crosses_processes_whole(cls: type[KrakenError]) -> None:
    error = cls("what happened", endpoint="Balance", retryable=True, outcome=Outcome.UNKNOWN, errors=["E:x"])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__
    assert str(copy.copy(error)) == str(error)


@pytest.mark.parametrize(
    ("cls", "outcome"),
    [
        (KrakenAPIError, Outcome.REFUSED),
        (InsufficientFunds, Outcome.REFUSED),
        (TransportError, Outcome.UNKNOWN),
        (RequestTimeout, Outcome.UNKNOWN),
        (OutcomeUnknown, Outcome.UNKNOWN),
        (OrderWithdrawn, Outcome.NOT_SENT),
        (errors.QueueTimeout, Outcome.NOT_SENT),
        (errors.QueueFull, Outcome.NOT_SENT),
        (GuardRefused, Outcome.NOT_SENT),
        (errors.NonceStoreError, Outcome.NOT_SENT),
        (errors.SessionClosed, Outcome.NOT_SENT),
        (TradingHalted, Outcome.NOT_SENT),
    ],
)
def test_class_says_what_the_call_has_done(cls: type[KrakenError], outcome: Outcome) -> None:
    assert cls("x").outcome is outcome
    assert not cls("x").errors


def test_outcome_reads_as_plain_words() -> None:
    assert [str(each) for each in Outcome] == ["refused", "not sent", "unknown"]


def test_what_one_instance_says_does_not_change_its_class() -> None:
    error = ServiceUnavailable("x", outcome=Outcome.UNKNOWN, retryable=True)
    assert error.outcome is Outcome.UNKNOWN
    assert ServiceUnavailable("x").outcome is Outcome.REFUSED
    assert not ServiceUnavailable("x").retryable


def test_tree_is_as_drawn() -> None:
    assert issubclass(InsufficientFunds, OrderError)
    assert issubclass(OrderError, KrakenAPIError)
    assert issubclass(RequestTimeout, TransportError)
    assert issubclass(TradingHalted, OrderWithdrawn)
    assert issubclass(TradingHalted, GuardRefused)
    assert not issubclass(TransportError, KrakenAPIError)
    drawn = errors.__doc__ or ""
    assert [cls.__name__ for cls in CLASSES if cls.__name__ not in drawn and cls is not errors.NotSent] == []


def test_transport_error_that_was_not_sent_may_be_sent_again() -> None:
    assert TransportError("x", outcome=Outcome.NOT_SENT).retryable
    assert not TransportError("x").retryable
    assert TransportError("x", retryable=True).retryable
    assert TransportError("x", status=502, retry_after=3.0).status == 502


def test_limits_carry_their_times() -> None:
    error = RateLimitExceeded("x", retry_after=2.0, until=1741500000.0)
    assert (error.retry_after, error.until) == (2.0, 1741500000.0)
    assert TemporaryLockout("x", until=5.0).until == 5.0


# ------------------------------------------------------------------ unknown outcomes


@pytest.mark.parametrize(
    ("endpoint", "ids", "headline"),
    [
        ("AddOrder", {"cl_ord_id": "abc"}, "Order may be live: cl_ord_id=abc"),
        ("AddOrder", {"userref": 7, "nonce": 9}, "Order may be live: userref=7"),
        ("AddOrder", {"nonce": 9}, "Order may be live: nonce=9"),
        ("AddOrderBatch", {"nonce": 9}, "Orders may be live: nonce=9"),
        ("AmendOrder", {"txid": "OA"}, "AmendOrder may have been done: txid=OA"),
        ("Withdraw", {"nonce": 9}, "Withdraw may have been done: nonce=9"),
        (
            "CancelOrder",
            {"txid": "OA"},
            "Order may still be live, CancelOrder may or may not have been done: txid=OA",
        ),
        ("AddOrder", {}, "Order may be live: no id"),
    ],
)
def test_unknown_outcome_begins_with_what_matters(endpoint: str, ids: dict[str, Any], headline: str) -> None:
    assert str(OutcomeUnknown("no answer came", endpoint=endpoint, **ids)) == f"{headline}. no answer came"


def test_unknown_outcome_tells_what_was_found() -> None:
    error = OutcomeUnknown(endpoint="AddOrder", cl_ord_id="abc", finding="not seen")
    assert str(error) == "Order may be live: cl_ord_id=abc (not seen)"
    assert error.finding == "not seen"


def test_unknown_outcome_is_made_of_a_call_and_its_failure() -> None:
    params = {"pair": "XBTUSD", "cl_ord_id": "abc", "otp": "123456"}
    call = SimpleNamespace(endpoint=find("AddOrder", private=True), params=params, nonce=9, sent_unix=5.0)
    error = OutcomeUnknown.of(
        call, ServiceUnavailable("busy", errors=["EService:Busy"]), finding="unreachable"
    )
    assert (error.endpoint, error.cl_ord_id, error.nonce, error.sent_at) == ("AddOrder", "abc", 9, 5.0)
    assert error.sent == {"pair": "XBTUSD", "cl_ord_id": "abc"}
    assert error.errors == ("EService:Busy",)
    assert str(error).startswith("Order may be live: cl_ord_id=abc (unreachable)")


async def test_resolve_awaits_what_the_session_bound() -> None:
    async def look() -> dict[str, int]:
        return {"count": 1}

    error = OutcomeUnknown(endpoint="AddOrder")
    error._resolver = look
    assert await error.resolve() == {"count": 1}


async def test_resolve_without_a_session_names_the_cure() -> None:
    async def look() -> None: ...

    error = OutcomeUnknown(endpoint="AddOrder", cl_ord_id="abc")
    error._resolver = look
    elsewhere = pickle.loads(pickle.dumps(error))
    with pytest.raises(KrakenError, match=r"client\.resolve\(intent\)") as caught:
        await elsewhere.resolve()
    assert caught.value.outcome is Outcome.NOT_SENT


def test_secrets_among_what_was_sent_are_left_out() -> None:
    error = OutcomeUnknown(endpoint="AddOrder", sent={"otp": "hunter2", "token": "hunter2", "pair": "XBTUSD"})
    assert "hunter2" not in repr(error) + str(error) + str(error.__dict__)
    assert error.sent["pair"] == "XBTUSD"
