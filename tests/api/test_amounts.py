"""Amounts and times are converted exactly, everywhere the description says, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken_async.api.amounts import convert
from kraken_async.api.description import description
from kraken_async.api.notation import ListOf, MapOf, Object, Row, Scalar, Type, Union
from kraken_async.wire.json_decoder import exact, strict

KNOWN = description()
REPLIES: dict[str, list[Any]] = json.loads(
    (Path(__file__).parent / "replies.json").read_text(encoding="utf-8")
)
CASES = [(name, result) for name, results in REPLIES.items() for result in results]
AMOUNTS = {"amount", "amount_number", "price"}
TIMES = {"seconds", "whole_seconds", "seconds_text", "milliseconds", "nanoseconds", "iso_time"}


def read_exactly(result: object) -> Any:
    return exact(json.dumps(result).encode())


def both(name: str, result: object) -> Any:
    return convert(read_exactly(result), name, amounts=True, times=True)


def leaves(value: Any, type_: Type) -> Iterator[tuple[Any, str]]:
    """Every single value of a result, with the name of its described scalar ("" where there is none)."""
    type_ = KNOWN.resolve(type_)
    if isinstance(type_, Union):
        yield from leaves_of_options(value, [KNOWN.resolve(each) for each in type_.options])
    elif isinstance(type_, Scalar):
        yield value, type_.name
    elif isinstance(type_, (MapOf, ListOf)) and isinstance(value, dict if isinstance(type_, MapOf) else list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item, type_.of)
    elif isinstance(type_, Row) and isinstance(value, list):
        for item, place in zip(value, type_.places, strict=False):
            yield from leaves(item, place)
    elif isinstance(type_, Object) and isinstance(value, dict):
        named = {field.name: field.type for field in type_.fields if not field.others}
        others = next((field.type for field in type_.fields if field.others), Scalar("any"))
        for name, item in value.items():
            yield from leaves(item, named.get(name, others))
    else:
        yield value, ""


def leaves_of_options(value: Any, options: list[Type]) -> Iterator[tuple[Any, str]]:
    if isinstance(value, (dict, list)):
        wanted = (Object, MapOf) if isinstance(value, dict) else (ListOf, Row)
        fitting = [each for each in options if isinstance(each, wanted)]
        merged = Object(tuple(field for each in fitting if isinstance(each, Object) for field in each.fields))
        yield from leaves(value, merged if merged.fields else fitting[0])
        return
    scalars = {each.name for each in options if isinstance(each, Scalar)}
    yield value, next(iter(scalars & (AMOUNTS | TIMES)), "") or next(iter(scalars), "")


@pytest.mark.parametrize(("name", "result"), CASES)
def test_every_described_amount_and_time_is_converted_and_nothing_else(name: str, result: object) -> None:
    before = list(leaves(result, KNOWN.endpoints[name].result))
    after = list(leaves(both(name, result), KNOWN.endpoints[name].result))
    assert len(before) == len(after)
    for (was, kind), (now, _) in zip(before, after, strict=True):
        if kind == "price":
            assert now == (Decimal(was) if was[:1].isdigit() and was[-1:].isdigit() else was)
        elif kind in AMOUNTS and was is not None and not isinstance(was, bool):
            assert isinstance(now, Decimal)
            assert now == Decimal(str(was))
        elif kind in TIMES and was is not None:
            assert now is None if was in (0, "0", "") else isinstance(now, datetime) and now.tzinfo is UTC
        else:
            assert now == was
            assert type(now) is type(was)


@pytest.mark.parametrize(("name", "result"), CASES)
def test_what_is_not_asked_for_stays_as_it_was_sent(name: str, result: object) -> None:
    plain = strict(json.dumps(result).encode())
    assert convert(read_exactly(result), name, amounts=False, times=False) == plain
    only_amounts = list(
        leaves(convert(read_exactly(result), name, amounts=True, times=False), KNOWN.endpoints[name].result)
    )
    only_times = list(
        leaves(convert(read_exactly(result), name, amounts=False, times=True), KNOWN.endpoints[name].result)
    )
    for (was, kind), (one, _), (other, _) in zip(
        leaves(plain, KNOWN.endpoints[name].result), only_amounts, only_times, strict=True
    ):
        if kind not in AMOUNTS:
            assert (one, type(one)) == (was, type(was))
        if kind not in TIMES:
            assert (other, type(other)) == (was, type(was))


def test_the_result_that_is_given_is_not_changed() -> None:
    result = read_exactly(REPLIES["TradesHistory"][0])
    convert(result, "TradesHistory", amounts=True, times=True)
    assert result == read_exactly(REPLIES["TradesHistory"][0])


# ------------------------------------------------------------------ exact


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18))
def test_an_amount_has_the_digits_that_were_sent(amount: Decimal) -> None:
    text = f"{amount:f}"
    with localcontext() as context:
        context.prec = 3
        [found] = both("Balance", {"XXBT": text}).values()
        assert f"{found:f}" == text
        number = exact(f'{{"XXBT": {{"balance": {text}}}}}'.encode())
        found = convert(number, "BalanceEx", amounts=True, times=False)["XXBT"]["balance"]
        assert f"{found:f}" == text


@given(st.integers(0, 4_102_444_800), st.integers(0, 999_999))
def test_a_time_has_the_microseconds_that_were_sent(seconds: int, micro: int) -> None:
    expected = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)
    if not seconds and not micro:
        return
    with localcontext() as context:
        context.prec = 3
        body = f'{{"closed": {{"O": {{"opentm": {seconds}.{micro:06}}}}}}}'.encode()
        found = convert(exact(body), "ClosedOrders", amounts=False, times=True)
        assert found["closed"]["O"]["opentm"] == expected


@pytest.mark.parametrize(
    ("name", "result", "path", "expected"),
    [
        ("Time", {"unixtime": 1771234567}, ["unixtime"], datetime(2026, 2, 16, 9, 36, 7, tzinfo=UTC)),
        ("ClosedOrders", {"closed": {"O": {"expiretm": 0}}}, ["closed", "O", "expiretm"], None),
        ("GetApiKeyInfo", {"valid_until": "0"}, ["valid_until"], None),
        (
            "GetApiKeyInfo",
            {"valid_until": "1771234567"},
            ["valid_until"],
            datetime(2026, 2, 16, 9, 36, 7, tzinfo=UTC),
        ),
        (
            "OrderAmends",
            {"amends": [{"timestamp": 1771234567123}]},
            ["amends", 0, "timestamp"],
            datetime(2026, 2, 16, 9, 36, 7, 123000, tzinfo=UTC),
        ),
        (
            "OrderAmends",
            {"amends": [{"timestamp": 1771234567123456789}]},
            ["amends", 0, "timestamp"],
            datetime(2026, 2, 16, 9, 36, 7, 123456, tzinfo=UTC),
        ),
        (
            "SystemStatus",
            {"timestamp": "2026-02-16T10:36:07.1234567+01:00"},
            ["timestamp"],
            datetime(2026, 2, 16, 9, 36, 7, 123456, tzinfo=UTC),
        ),
        ("CancelAllOrdersAfter", {"triggerTime": "0"}, ["triggerTime"], None),
        ("PostTrade", {"last_ts": ""}, ["last_ts"], None),
    ],
)
def test_times_in_each_unit(name: str, result: object, path: list[Any], expected: object) -> None:
    found = both(name, result)
    for step in path:
        found = found[step]
    assert found == expected


# ------------------------------------------------------------------ what is no amount and no time


@pytest.mark.parametrize(
    "value", ["", "NaN", "-Infinity", "sNaN12", "1,5", "none", None, True, [], {}, "0x10"]
)
def test_what_is_no_amount_after_all_stays_as_it_was_sent(value: object) -> None:
    assert both("Balance", {"XXBT": value}) == {"XXBT": value}


@pytest.mark.parametrize("price", ["+50", "-5", "#10", "+5.0000%", "-4.0000%", "5%", "+0.5"])
def test_a_distance_is_no_price_and_stays_a_text(price: str) -> None:
    """A trailing order's ``descr`` shows the distance that was asked for; Decimal("+50") would pass for a price."""
    found = both("OpenOrders", {"open": {"O": {"descr": {"price": price, "price2": "25000.5"}}}})
    assert found["open"]["O"]["descr"] == {"price": price, "price2": Decimal("25000.5")}
    assert both("EditOrder", {"price": price, "price2": price}) == {"price": price, "price2": price}


@pytest.mark.parametrize(
    "value", ["1771234567.1_1", "1771234567.5 ", " 1771234567", "1.2.3", "-5", -1.5, -2.25e9]
)
def test_what_only_looks_like_seconds_stays_as_it_was_sent(value: object) -> None:
    assert both("GetApiKeyInfo", {"valid_until": value}) == {"valid_until": value}


@pytest.mark.parametrize("value", ["soon", None, True, 10**30, -(10**30), 1e300, "1e5", [], {}, "9" * 5000])
def test_what_is_no_time_after_all_stays_as_it_was_sent(value: object) -> None:
    for name, result in (
        ("Time", {"unixtime": value}),
        ("OrderAmends", {"amends": [{"timestamp": value}]}),
        ("SystemStatus", {"timestamp": value}),
    ):
        assert both(name, result) == json.loads(json.dumps(result))


@pytest.mark.parametrize("result", [None, [], "text", 5, 1.5, True, {"XXBTZUSD": None}, {"XXBTZUSD": [[1]]}])
def test_a_result_of_another_shape_is_no_error(result: object) -> None:
    for name in KNOWN.endpoints:
        both(name, result)


def test_fields_that_are_new_stay_and_their_numbers_are_floats() -> None:
    found = both("Depth", {"XXBTZUSD": {"asks": [["1.5", "2", 1771234567, 0.25]], "new": [1.5, {"a": 2.5}]}})
    [ask] = found["XXBTZUSD"]["asks"]
    assert ask == [Decimal("1.5"), Decimal(2), datetime(2026, 2, 16, 9, 36, 7, tzinfo=UTC), 0.25]
    assert type(ask[3]) is float
    assert found["XXBTZUSD"]["new"] == [1.5, {"a": 2.5}]


def test_a_position_to_continue_from_is_no_time() -> None:
    assert both("Trades", {"XXBTZUSD": [], "last": "1771234567123456789"})["last"] == "1771234567123456789"
    assert both("OHLC", {"XXBTZUSD": [], "last": 1771234567})["last"] == 1771234567


def test_an_endpoint_that_is_not_described_is_unchanged() -> None:
    result = {"amount": "1.5", "time": 1771234567.5}
    assert both("FromTheFuture", result) == result
    assert type(both("FromTheFuture", result)["time"]) is float


@pytest.mark.parametrize("text", ["1e400", "NaN", "Infinity", "-1e999999999"])
def test_a_number_that_json_cannot_hold_is_refused_when_read_exactly_too(text: str) -> None:
    with pytest.raises(ValueError, match="not a number that JSON can hold"):
        exact(f'{{"a": {text}}}'.encode())
