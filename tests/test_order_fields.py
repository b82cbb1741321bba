"""What an order's fields say: one spelling for each id and each pair, and numbers that cannot raise."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken_async import order_fields as of

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ROW = st.dictionaries(st.sampled_from(["txid", "cl_ord_id", "amend_id"]), SCALAR, max_size=2)
ANYTHING = SCALAR | ROW | st.lists(SCALAR | ROW, max_size=3)
KEYS = st.sampled_from(["txid", "cl_ord_id", "orders", "cl_ord_ids", "amend_id", "userref", "pair", "close"])


@pytest.mark.parametrize(
    "names",
    [
        ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "btcusd"),
        ("USDTZUSD", "USDTUSD", "USDT/USD"),
        ("XTZUSD", "XTZ/USD", "xtzusd"),
        ("XXDGZUSD", "XDGUSD", "DOGE/USD"),
        ("ZEURZUSD", "EURUSD", "EUR/USD"),
        ("XETHXXBT", "ETHXBT", "ETH/BTC"),
    ],
)
def test_the_names_of_a_pair_have_one_key(names: tuple[str, ...]) -> None:
    assert len({of.pair_key(name) for name in names}) == 1


def test_pairs_that_differ_keep_their_own_keys() -> None:
    names = ["XBTUSD", "XBTEUR", "USDTUSD", "USDCUSD", "XTZUSD", "ETHXBT", "XDGUSD", "WBTCUSD", "EURUSD"]
    assert len({of.pair_key(name) for name in names}) == len(names)


@given(st.uuids())
def test_a_uuid_is_one_id_however_it_is_spelt(given: uuid.UUID) -> None:
    spelt = {str(given), str(given).upper(), given.hex, given.hex.upper()}
    assert len({of.canonical_id(each) for each in spelt}) == 1


@given(st.uuids(), st.uuids())
def test_two_uuids_are_two_ids(one: uuid.UUID, other: uuid.UUID) -> None:
    assert (of.canonical_id(one) == of.canonical_id(other)) == (one == other)


def test_free_text_keeps_its_dashes() -> None:
    assert of.canonical_id("Bot-1") == "bot-1" != of.canonical_id("bot1")


@pytest.mark.parametrize("value", [0, "0.0", None, "", "x", True, 1.5, "1e999", "nan", [], {}])
def test_a_userref_of_nothing_is_none(value: Any) -> None:
    assert of.userref(value) is None


@pytest.mark.parametrize(("value", "read"), [(77, 77), (" 77", 77), ("77.0", 77), (-5, -5)])
def test_a_userref_is_read_as_a_number(value: Any, read: int) -> None:
    assert of.userref(value) == read


@given(st.dictionaries(KEYS, ANYTHING, max_size=6))
def test_no_field_can_raise(params: dict[str, Any]) -> None:
    for batch in (False, True):
        assert all(isinstance(each, str) for each in of.client_ids(params, batch=batch))
    assert all(isinstance(each, str) for each in of.named_orders(params))
    assert all(isinstance(each, str) for each in of.ids_in_result(params))
    assert of.has_close(params) == ("close" in params)
    for value in params.values():
        found = of.number(value)
        assert found is None or found.is_finite()
        assert isinstance(of.flags(value), frozenset)
        assert isinstance(of.is_true(value), bool)


def test_ids_are_read_from_every_shape_of_a_result() -> None:
    assert of.ids_in_result({"txid": ["OA"], "descr": {}}) == ["OA"]
    assert of.ids_in_result({"orders": [{"txid": "OA"}, {"error": "x"}, {"txid": ["OB"]}]}) == ["OA", "OB"]
    assert of.ids_in_result({"amend_id": "TA"}) == ["TA"]
    assert of.ids_in_result(None) == []


def test_orders_are_named_in_every_shape_of_a_cancel() -> None:
    assert of.named_orders({"txid": "OA,OB"}) == ["OA", "OB"]
    assert of.named_orders({"orders": [{"txid": "OA"}, {"cl_ord_id": "b"}, "OC"]}) == ["OA", "b", "OC"]
    assert of.named_orders({"cl_ord_id": "b", "cl_ord_ids": ["c"]}) == ["b", "c"]
    assert of.named_orders({"orders": [{}, {"volume": "1"}]}) == []


def test_numbers_keep_their_digits() -> None:
    assert of.number("0.10000000") == Decimal("0.1")
    assert of.number(1.25) == Decimal("1.25")
    assert of.number("Infinity") is None


def test_flags_are_a_set_in_every_form() -> None:
    assert of.flags("post, fciq,nompp") == of.flags(["fciq", "post"]) == {"post", "fciq"}


@pytest.mark.parametrize(("value", "yes"), [(True, True), ("true", True), (False, False), ("0", False)])
def test_a_field_says_yes_or_no(value: Any, yes: bool) -> None:
    assert of.is_true(value) is yes


def test_a_txid_is_known_by_its_form() -> None:
    assert of.is_txid("OAAAAA-AAAAA-AAAAAA")
    assert not of.is_txid(str(uuid.uuid4()))
