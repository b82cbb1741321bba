"""A request becomes fields: form, JSON and query, as clients write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kraken_async.api.endpoints import find
from kraken_async.gateway.fields import LARGEST, in_short, parse, shaped

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"nonce=1&pair=XBTUSD&price=%2B5%25", FORM),
        (b"pair=XBTUSD&nonce=1&price=%2B5%25", ""),
        (b'{"nonce": 1, "pair": "XBTUSD", "price": "+5%"}', JSON),
        (b'{"pair": "XBTUSD", "price": "+5%"}', "text/plain"),
        (b'{"pair": "XBTUSD", "price": "+5%"}', "application/json; charset=utf-8"),
    ],
)
def test_form_and_json_give_the_same_fields_without_the_nonce(body: bytes, kind: str) -> None:
    assert parse(body, kind) == {"pair": "XBTUSD", "price": "+5%"}


def test_a_query_string_is_read_too() -> None:
    assert parse(b"", "", "pair=XBTUSD&since=0") == {"pair": "XBTUSD", "since": "0"}


def test_json_numbers_keep_their_digits() -> None:
    assert parse(b'{"price": 30000.10, "volume": 1e-8}', JSON) == {
        "price": Decimal("30000.10"),
        "volume": Decimal("1E-8"),
    }


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"txid=A&txid=B", FORM, "txid: given twice"),
        (b'{"a": 1, "a": 2}', JSON, "a: given twice"),
        (b'{"a": {"b": 1, "b": 2}}', JSON, "b: given twice"),
        (b'{"a": NaN}', JSON, "NaN"),
        (b'{"a": Infinity}', JSON, "Infinity"),
        (b"[1]", JSON, "object"),
        (b"{", JSON, "not JSON"),
        (b"\xff", JSON, "Unicode"),
        (b"a=%ff", FORM, "Unicode"),
        (b"\xff=1", FORM, "Unicode"),
        (b"[" * 200_000, JSON, "nested too deep"),
        (b"&".join(b"a%d=1" % number for number in range(2001)), FORM, "fields"),
        (b"otp=123456&pair=XBTUSD", FORM, "otp"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes, kind: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        parse(body[:LARGEST], kind)
    assert "123456" not in str(refused.value)


BATCH: dict[str, Any] = {
    "pair": "XBTUSD",
    "validate": "true",
    "orders[0][price]": "1",
    "orders[1][price]": "2",
    "orders[1][close][price]": "3",
}


def test_a_form_s_brackets_become_lists_and_mappings_where_kraken_reads_json() -> None:
    assert shaped(find("AddOrderBatch", private=True), BATCH) == {
        "pair": "XBTUSD",
        "validate": True,
        "orders": [{"price": "1"}, {"price": "2", "close": {"price": "3"}}],
    }


def test_a_form_s_brackets_stay_where_kraken_reads_a_form() -> None:
    fields = {"pair": "XBTUSD", "close[ordertype]": "limit"}
    assert shaped(find("AddOrder", private=True), fields) is fields


@pytest.mark.parametrize(
    "fields",
    [
        {"orders[0][a": "1"},
        {"orders[1][a]": "1"},
        {"orders[0]": "1", "orders[0][a]": "1"},
        {"orders": "1", "orders[0]": "1"},
        {"orders" + "[0]" * 20: "1"},
    ],
)
def test_brackets_that_make_no_list_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="orders"):
        shaped(find("AddOrderBatch", private=True), fields)


def test_what_is_shown_of_an_order_is_short_and_nothing_else() -> None:
    given = {"pair": "X" * 1000, "type": "buy", "volume": Decimal("0.10"), "price": {"a": "b"}, "userref": 7}
    assert in_short(given) == {"pair": "X" * 32, "type": "buy", "volume": "0.10"}
