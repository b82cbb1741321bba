"""Fields to bytes: plain digits, order kept, and a name for whatever cannot be told."""

from __future__ import annotations

import contextlib
import enum
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken_async.wire.encoding import form, json_members, query
from tests.wire.odd_fields import NotWhole, deep, fields, within_itself


def members(params: dict[str, Any]) -> str:
    return json_members(params).decode()


class Side(str, enum.Enum):  # noqa: UP042  # as people still write it
    BUY = "buy"


class Flag(enum.IntEnum):
    ON = 1


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ({}, b""),
        ({"pair": "XBTUSD", "type": "buy"}, b"pair=XBTUSD&type=buy"),
        ({"type": "buy", "pair": "XBTUSD"}, b"type=buy&pair=XBTUSD"),
        ({"timeout": 60, "expiretm": "+60"}, b"timeout=60&expiretm=%2B60"),
        ({"price": "+5%"}, b"price=%2B5%25"),
        ({"pair": "BTC/USD", "memo": "a b&c=d"}, b"pair=BTC%2FUSD&memo=a+b%26c%3Dd"),
        ({"name": "Zoë"}, b"name=Zo%C3%AB"),
        ({"txid": ["OA", "OB"]}, b"txid=OA%2COB"),
        ({"id": (1, 2)}, b"id=1%2C2"),
        ({"close": {"ordertype": "limit", "price": 5}}, b"close%5Bordertype%5D=limit&close%5Bprice%5D=5"),
        ({"close[price]": "5"}, b"close%5Bprice%5D=5"),
        (
            {"orders": [{"type": "buy"}, {"type": "sell"}]},
            b"orders%5B0%5D%5Btype%5D=buy&orders%5B1%5D%5Btype%5D=sell",
        ),
        ({"validate": True, "trades": False}, b"validate=true&trades=false"),
        ({"type": Side.BUY, "flag": Flag.ON}, b"type=buy&flag=1"),
        ({"empty": ""}, b"empty="),
    ],
)
def test_form_body(params: dict[str, Any], body: bytes) -> None:
    assert form(params) == body


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, ""),
        ({"pair": "BTC/USD", "depth": 10}, '"pair":"BTC/USD","depth":10'),
        ({"volume": Decimal("1.250")}, '"volume":1.250'),
        ({"orders": ["OA", {"txid": "OB"}]}, '"orders":["OA",{"txid":"OB"}]'),
        ({"orders": []}, '"orders":[]'),
        ({"validate": True, "x": {"y": False}}, '"validate":true,"x":{"y":false}'),
        ({"name": 'Zoë "x" \\ \n'}, '"name":"Zo\\u00eb \\"x\\" \\\\ \\n"'),
        ({"name": "\U0001f600"}, '"name":"\\ud83d\\ude00"'),
        ({"type": Side.BUY, "flag": Flag.ON}, '"type":"buy","flag":1'),
    ],
)
def test_json_members(params: dict[str, Any], text: str) -> None:
    assert members(params) == text


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        (1e-8, "0.00000001"),
        (1e22, "10000000000000000000000"),
        (1.5e-7, "0.00000015"),
        (-2.5e-9, "-0.0000000025"),
        (37500.0, "37500.0"),
        (0.1, "0.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("1.2500"), "1.2500"),
        (Decimal("-0.5"), "-0.5"),
        (10**30, "1000000000000000000000000000000"),
        (-7, "-7"),
    ],
)
def test_numbers_are_plain_digits(number: float | Decimal, digits: str) -> None:
    assert form({"x": number}) == f"x={digits}".encode()
    assert members({"x": number}) == f'"x":{digits}'


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**30), 10**30, allow_nan=False))
def test_every_finite_number_keeps_its_value_without_an_exponent(number: float | Decimal) -> None:
    text = form({"x": number}).removeprefix(b"x=").decode()
    assert set(text) <= set("-.0123456789")
    assert type(number)(text) == number
    assert members({"x": number}) == f'"x":{text}'


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT.filter(lambda name: name not in ("", "nonce", "otp")), TEXT))
def test_any_text_arrives_as_it_was(params: dict[str, str]) -> None:
    assert parse_qsl(form(params).decode(), keep_blank_values=True) == list(params.items())
    assert json.loads(f"{{{members(params)}}}") == params


REFUSED = [
    ({"price": None}, "field 'price' is None: leave it out"),
    ({"price": float("nan")}, "field 'price' is NaN: give a finite number"),
    ({"price": float("-inf")}, "field 'price' is -Infinity: give a finite number"),
    ({"price": Decimal("sNaN")}, "field 'price' is sNaN: give a finite number"),
    ({"price": Decimal("Infinity")}, "field 'price' is Infinity: give a finite number"),
    ({"price": Decimal("1E+999999")}, "field 'price' has too many digits"),
    ({"price": 2**20_000}, "field 'price' has too many digits"),
    ({"pair": b"XBTUSD"}, "field 'pair' is of type bytes: give text"),
    ({"pair": object()}, "field 'pair' is of type object: give text"),
    ({"pair": {"a", "b"}}, "field 'pair' is of type set: give text"),
    ({"pair": 1j}, "field 'pair' is of type complex: give text"),
    ({"close": {"price": None}}, r"field 'close\[price\]' is None"),
    ({"orders": [{"price": float("nan")}]}, r"field 'orders\[0\]\[price\]' is NaN"),
    ({"nonce": 5}, "field 'nonce' is set by the session: leave it out"),
    ({"otp": "1"}, "field 'otp' is set by the session: give it to KrakenSession"),
    ({"otp": 1}, "field 'otp' is set by the session"),
    ({"": "x"}, "field \"''\" is not a field name"),
    ({5: "x"}, "field '5' is not a field name"),
    ({"close": {5: "x"}}, r"field 'close\[5\]' is not a field name"),
    ({"name": "\ud800"}, "field 'name' is not valid Unicode text"),
]


@pytest.mark.parametrize(("params", "says"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_encoded_is_named_with_its_cure(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        form(params)
    with pytest.raises(ValueError, match=says):
        json_members(params)


@pytest.mark.parametrize("params", [{"txid": []}, {"txid": ()}, {"close": {}}])
def test_nothing_in_a_form_field_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is empty: leave it out"):
        form(params)


@pytest.mark.parametrize(
    "params", [{"close": {"price": 1}, "close[price]": 2}, {"close[price]": 2, "close": {"price": 1}}]
)
def test_a_form_field_given_twice_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"field 'close\[price\]' is given twice"):
        form(params)


def test_a_refusal_does_not_tell_the_value() -> None:
    with pytest.raises(ValueError, match="of type bytes") as caught:
        form({"key": b"hunter2"})
    assert "hunter2" not in str(caught.value)


def test_query_string_has_its_question_mark_only_if_it_has_fields() -> None:
    assert query({"pair": "BTC/USD", "count": 2}) == "?pair=BTC%2FUSD&count=2"
    assert query({}) == query(None) == query() == ""
    assert query({"nonce": "a field like any other in public"}).startswith("?nonce=a+field")


def test_an_integer_of_another_kind_is_sent_as_its_digits() -> None:
    class Integer:
        def __index__(self) -> int:
            return 7

    assert form({"userref": Integer()}) == b"userref=7"


@pytest.mark.parametrize("encode", [form, json_members, query])
def test_whatever_is_passed_is_encoded_or_refused(encode: Callable[[Any], object]) -> None:
    for seed in range(8000):
        with contextlib.suppress(ValueError):
            encode(fields(seed))


@pytest.mark.parametrize("encode", [form, json_members])
def test_what_is_nested_within_itself_is_refused(encode: Callable[[Any], bytes]) -> None:
    for mapping in (True, False):
        with pytest.raises(ValueError, match="is nested too deeply"):
            encode({"close": within_itself(mapping=mapping)})
        assert encode({"close": deep(15, mapping=mapping)})


@pytest.mark.parametrize("encode", [form, json_members])
def test_a_value_that_fails_when_it_is_read_is_named(encode: Callable[[Any], bytes]) -> None:
    with pytest.raises(ValueError, match=r"field 'price' cannot be read \(TypeError\): give text") as caught:
        encode({"price": NotWhole()})
    assert caught.value.__suppress_context__
