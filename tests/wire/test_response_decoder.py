"""Answers to results or errors: Kraken's own word first, then the HTTP status."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from kraken_async.api.endpoints import find
from kraken_async.errors import (
    InvalidNonce,
    KrakenAPIError,
    KrakenError,
    OrderError,
    Outcome,
    RateLimitExceeded,
    ServiceUnavailable,
    TransportError,
)
from kraken_async.wire import response_decoder as module
from kraken_async.wire.json_decoder import reader, strict
from kraken_async.wire.messages import Response
from kraken_async.wire.response_decoder import decode

READ = find("Balance", private=True)
WRITE = find("AddOrder", private=True)
EXPORT = find("RetrieveExport", private=True)
TIME = find("Time", private=False)
CLOUDFLARE = (
    b"<!DOCTYPE html>\n<html><head>"
    b"<title>api.kraken.com | 520: Web server is returning an unknown error</title>"
    b"</head><body>Ray ID: 7d1f3b2a9c8e4f5d API-Key: KEYKEYKEY</body></html>"
)


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def failure(response: Response, endpoint: Any = READ) -> TransportError:
    with pytest.raises(TransportError) as caught:
        decode(response, endpoint)
    assert caught.value.endpoint == endpoint.name
    assert caught.value.status == response.status
    assert caught.value.__cause__ is None
    return caught.value


@pytest.fixture(params=["json", "msgspec"])
def any_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "reader", lambda: strict if request.param == "json" else reader())


# ------------------------------------------------------------------ results


@pytest.mark.usefixtures("any_reader")
@pytest.mark.parametrize(
    "result", [{"ZUSD": "1.50"}, [1, 2], True, False, 0, "text", {"a": 1688666559.8974}, {}]
)
def test_result_is_given_as_sent(result: Any) -> None:
    assert decode(answer({"error": [], "result": result}), READ) == result


def test_missing_list_of_errors_reads_as_none() -> None:
    assert decode(answer({"error": None, "result": {"unixtime": 1}}), TIME) == {"unixtime": 1}


def test_result_under_another_status_is_a_result() -> None:
    assert decode(answer({"error": [], "result": True}, 202), WRITE) is True
    assert decode(answer({"error": [], "result": True}, 502), WRITE) is True


def test_warning_is_logged_and_the_result_given(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kraken_async"):
        assert decode(answer({"error": ["WDatabase:No change"], "result": {"count": 0}}), WRITE) == {
            "count": 0
        }
        assert decode(answer({"error": ["WDatabase:No change"]}), WRITE) is None
    assert [record.getMessage() for record in caplog.records] == ["AddOrder: WDatabase:No change"] * 2


def test_a_transfer_whose_empty_result_names_nothing_is_unknown() -> None:
    for name in ("Withdraw", "WalletTransfer", "AccountTransfer"):
        empty: Any
        for empty in ({}, [], "", False):
            error = failure(answer({"error": [], "result": empty}), find(name, private=True))
            assert error.outcome is Outcome.UNKNOWN


def test_an_empty_result_beside_a_warning_is_none() -> None:
    assert decode(answer({"error": ["WDatabase:No change"], "result": {}}), WRITE) is None
    error = failure(answer({"error": ["WGeneral:Degraded"], "result": {}}), WRITE)
    assert error.outcome is Outcome.UNKNOWN
    assert decode(answer({"error": ["WGeneral:Degraded"], "result": []}), READ) == []


NO_RESULT = [{"error": []}, {"error": [], "result": None}, {"error": ["WGeneral:Something"]}]


@pytest.mark.parametrize("body", NO_RESULT, ids=["absent", "null", "a warning alone"])
def test_read_without_a_result_is_empty_by_its_description(body: Any) -> None:
    assert decode(answer(body), READ) == {}
    assert decode(answer(body), find("WithdrawStatus", private=True)) == []
    assert decode(answer(body), find("CreditLines", private=True)) is None
    assert decode(answer(body), TIME) == {}


@pytest.mark.parametrize("status", [200, 202, 400, 403, 502])
@pytest.mark.parametrize("body", NO_RESULT, ids=["absent", "null", "a warning alone"])
@pytest.mark.parametrize("name", ["AddOrder", "Withdraw", "CancelOrder", "BrandNewCall"])
def test_write_without_a_result_is_not_done(name: str, body: Any, status: int) -> None:
    error = failure(answer(body, status), find(name, private=True))
    assert error.outcome is Outcome.UNKNOWN
    assert not error.retryable


@pytest.mark.parametrize("status", [202, 502])
def test_read_without_a_result_under_another_status_is_broken(status: int) -> None:
    assert failure(answer({"error": []}, status)).outcome is Outcome.UNKNOWN


def test_no_change_says_that_nothing_was_to_be_done() -> None:
    for body in ({"error": ["WDatabase:No change"]}, {"error": ["WDatabase:No change"], "result": None}):
        assert decode(answer(body), WRITE) is None
    both = {"error": ["WDatabase:No change", "WGeneral:Something"], "result": {"amend_id": "T"}}
    assert decode(answer(both), find("AmendOrder", private=True)) == {"amend_id": "T"}


def test_export_is_given_as_bytes() -> None:
    assert decode(answer(b"PK\x03\x04..."), EXPORT) == b"PK\x03\x04..."


def test_export_of_any_size_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 3)
    assert decode(answer(b"PK\x03\x04..."), EXPORT) == b"PK\x03\x04..."


def test_error_instead_of_an_export_is_raised() -> None:
    with pytest.raises(KrakenError, match="EGeneral:Permission denied"):
        decode(answer({"error": ["EGeneral:Permission denied"]}), EXPORT)


def test_page_instead_of_an_export_is_no_export() -> None:
    assert "an HTML page" in str(failure(answer(CLOUDFLARE), EXPORT))
    assert failure(answer(b"PK\x03\x04", 502), EXPORT).outcome is Outcome.UNKNOWN


def test_file_from_a_call_that_gives_none_is_broken() -> None:
    assert failure(answer(b"PK\x03\x04")).outcome is Outcome.UNKNOWN


# ------------------------------------------------------------------ Kraken's errors


@pytest.mark.usefixtures("any_reader")
@pytest.mark.parametrize(
    "body", [{"error": ["EOrder:Unknown order"]}, {"error": ["EOrder:Unknown order"], "result": {}}]
)
def test_error_is_raised_as_its_class(body: Any) -> None:
    with pytest.raises(OrderError) as caught:
        decode(answer(body), WRITE)
    assert (caught.value.endpoint, caught.value.errors) == ("AddOrder", ("EOrder:Unknown order",))


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500, 502, 503, 520])
def test_envelope_is_read_before_the_status(status: int) -> None:
    with pytest.raises(InvalidNonce):
        decode(answer({"error": ["EAPI:Invalid nonce"]}, status), WRITE)


def test_busy_leaves_a_write_unknown_and_a_read_refused() -> None:
    for endpoint, outcome in ((WRITE, Outcome.UNKNOWN), (READ, Outcome.REFUSED)):
        with pytest.raises(ServiceUnavailable) as caught:
            decode(answer({"error": ["EService:Busy"]}), endpoint)
        assert caught.value.outcome is outcome


def test_error_beside_a_warning_counts() -> None:
    with pytest.raises(OrderError) as caught:
        decode(answer({"error": ["WDatabase:No change", "EOrder:Unknown order"], "result": {}}), WRITE)
    assert caught.value.errors == ("WDatabase:No change", "EOrder:Unknown order")


@pytest.mark.parametrize("errors", ["EOrder:Unknown order", ["EOrder:Unknown order"]])
def test_error_that_is_no_list_is_an_error_too(errors: Any) -> None:
    with pytest.raises(OrderError):
        decode(answer({"error": errors}), WRITE)


def test_limit_takes_the_time_that_a_header_names() -> None:
    with pytest.raises(RateLimitExceeded) as caught:
        decode(answer({"error": ["EGeneral:Too many requests"]}, 429, retry_after="7"), READ)
    assert caught.value.retry_after == 7.0


# ------------------------------------------------------------------ what is not Kraken's


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_refused_at_the_edge_has_no_effect(status: int) -> None:
    error = failure(answer(b"<html><title>Forbidden</title>", status), WRITE)
    assert (error.outcome, error.retryable) == (Outcome.REFUSED, False)
    assert str(error) == f"AddOrder: HTTP {status}, an HTML page: Forbidden"


@pytest.mark.parametrize("status", [200, 408, 425, 429, 500, 502, 503, 504, *range(520, 528), 530])
def test_anything_else_is_unknown_for_a_write_and_may_be_repeated_for_a_read(status: int) -> None:
    write, read = failure(answer(CLOUDFLARE, status), WRITE), failure(answer(CLOUDFLARE, status), READ)
    assert (write.outcome, write.retryable) == (Outcome.UNKNOWN, False)
    assert (read.outcome, read.retryable) == (Outcome.UNKNOWN, True)


@pytest.mark.parametrize("status", [301, 302, 307, 410, 418])
def test_status_that_nobody_expects_is_unknown_and_not_repeated(status: int) -> None:
    error = failure(answer(b"", status), READ)
    assert (error.outcome, error.retryable) == (Outcome.UNKNOWN, False)


@pytest.mark.usefixtures("any_reader")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b'{"error":[],"result":{"ZUSD":"1', "JSON that is broken, cut short, or not Kraken's (31 bytes)"),
        (b'{"error":[]}', "neither an error nor a result"),
        (b'{"result":{"ZUSD":"1"}}', "JSON that is broken, cut short, or not Kraken's (23 bytes)"),
        (b'["error"]', "JSON that is broken, cut short, or not Kraken's (9 bytes)"),
        (b'{"error":[],"result":NaN}', "JSON that is broken, cut short, or not Kraken's (25 bytes)"),
        (b'{"error":[],"result":"\xff"}', "JSON that is broken, cut short, or not Kraken's (25 bytes)"),
        (b"error code: 1020", "not JSON: error code: 1020"),
        (b"12", "not JSON: …"),
        (b"\x00\xff\xfe", "not JSON: …"),
    ],
)
def test_answer_that_is_no_envelope_is_broken(body: bytes, says: str) -> None:
    error = failure(answer(body), WRITE)
    assert error.outcome is Outcome.UNKNOWN
    assert str(error) == f"AddOrder: HTTP 200, {says}"


def test_page_is_told_by_its_title() -> None:
    assert str(failure(answer(CLOUDFLARE, 520))) == (
        "Balance: HTTP 520, an HTML page: … … 520: Web server is returning an unknown error"
    )


def test_answer_larger_than_any_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 10)
    error = failure(answer({"error": [], "result": True}), WRITE)
    assert error.outcome is Outcome.UNKNOWN
    assert "is too large" in str(error)


SECRETS = (
    "hunter2",
    "123456",
    "1616492376594000000",
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSU",
    "4ecb18a06876",
    "AbcdefghijklmnopqrstuvwxyzAbcdefghij",
)


@pytest.mark.parametrize(
    "template",
    [
        "nonce=1616492376594000000&otp={0}&pair=XBTUSD",
        "Bad Request: API-Key: {0} was refused",
        '{{"nonce":"1616492376594000000","otp":"{0}"',
        '{{"error":[],"result":{{"token":"{0}',
        "<html><title>Bad {0} Request</title>otp={0}</html>",
        "<p>{0}</p>",
        "{0}",
    ],
)
def test_excerpt_is_short_and_tells_nothing_that_was_sent(template: str) -> None:
    for secret in SECRETS:
        for status in (200, 400, 520):
            error = failure(answer(template.format(secret).encode(), status), WRITE)
            assert secret not in str(error)
            assert "1616492376594000000" not in str(error)
    long = failure(answer(b"word " * 10_000), WRITE)
    assert len(str(long)) <= 200


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("7", None, 7.0),
        (" 7 ", None, 7.0),
        ("0", None, 0.0),
        ("Tue, 24 Nov 2026 20:00:30 GMT", "Tue, 24 Nov 2026 20:00:10 GMT", 20.0),
        ("Tue, 24 Nov 2026 20:00:00 GMT", "Tue, 24 Nov 2026 20:00:10 GMT", 0.0),
        ("Tue, 24 Nov 2026 20:00:30 GMT", None, None),
        ("Tue, 24 Nov 2026 20:00:30 GMT", "Tue, 24 Nov 2026 20:00:10", None),
        ("soon", "Tue, 24 Nov 2026 20:00:10 GMT", None),
        ("nan", None, None),
        ("-5", None, None),
        ("٧", None, None),
        ("", None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_answers_own_clock(
    value: str, date: str | None, seconds: float | None
) -> None:
    headers = {"retry-after": value} if date is None else {"retry-after": value, "DATE": date}
    assert failure(Response(503, headers, b"")).retry_after == seconds


FORGED = "EGeneral:Odd\nERROR kraken_async withdrawn: all of it\x1b[2J\u2028\ud800"


def test_what_a_server_sends_forges_no_line_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"error": [FORGED.replace("EGeneral", "WGeneral")], "result": {"count": 1}}).encode()
    with caplog.at_level("WARNING"):
        assert decode(answer(body), READ) == {"count": 1}
    (line,) = caplog.messages
    assert line.isprintable()
    assert r"WGeneral:Odd\nERROR" in line


def test_the_message_of_an_error_is_one_line_and_its_strings_are_verbatim() -> None:
    with pytest.raises(KrakenAPIError) as caught:
        decode(answer(json.dumps({"error": [FORGED]}).encode()), READ)
    assert str(caught.value).isprintable()
    assert caught.value.errors == (FORGED,)
