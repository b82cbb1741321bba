"""A slip of the keyboard is told from a word that is not known yet."""

from __future__ import annotations

import pytest

from kraken_async.api.parameters import PARAMETERS
from kraken_async.api.rules import OneOf
from kraken_async.api.slips import slip

ORDER = PARAMETERS["AddOrder"].table
TYPES = ORDER["ordertype"]
assert isinstance(TYPES, OneOf)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("oflag", "oflags"),
        ("ordertpye", "ordertype"),
        ("order_type", "ordertype"),
        ("time_in_force", "timeinforce"),
        ("stp_type", "stptype"),
        ("pairs", "pair"),
        ("vloume", "volume"),
        ("cl_order_id", "cl_ord_id"),
        ("expiretime", "expiretm"),
    ],
)
def test_fields_misspelt_by_an_edit_or_two_are_slips(word: str, meant: str) -> None:
    assert slip(word, ORDER) == meant


@pytest.mark.parametrize("word", ["post_only", "price3", "tag", "x", "", "client_order_id", "size", "memo"])
def test_other_fields_may_be_new_ones(word: str) -> None:
    assert slip(word, ORDER) is None


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("by", {"buy", "sell"}, "buy"),
        ("bye", {"buy", "sell"}, None),
        ("byu", {"buy", "sell"}, "buy"),
        ("sel", {"buy", "sell"}, "sell"),
        ("limt", TYPES.values, "limit"),
        ("makret", TYPES.values, "market"),
        ("stop-los", TYPES.values, "stop-loss"),
        ("stop-limit", TYPES.values, None),
        ("GTX", {"GTC", "IOC", "GTD", "FOK"}, None),
        ("GTCC", {"GTC", "IOC", "GTD", "FOK"}, "GTC"),
        ("flase", {"true", "false"}, "false"),
        ("ture", {"true", "false"}, "true"),
    ],
)
def test_values_are_judged_by_the_same_rule(word: str, known: set[str], meant: str | None) -> None:
    assert slip(word, known) == meant
