"""What the sessions of a key tell each other of orders that carry no id made here."""

from __future__ import annotations

from typing import Any

import pytest

from kraken_async.orders import claims
from kraken_async.orders.intent import Intent
from kraken_async.orders.pending_order import PendingOrder


def order(name: str, endpoint: str = "AddOrder", **params: Any) -> PendingOrder:
    fields = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "9", **params}
    return PendingOrder(Intent(id=name, endpoint=endpoint, params=fields, sent_at=1.0), 0.0)


MINE, OTHER, THIRD = order("mine", userref=7), order("other", userref=7), order("third", userref=7)


def read(names: list[str], **owners: str) -> tuple[set[str], bool]:
    others, standing = claims.read(MINE, names, owners)
    return set(others), standing


def test_an_order_s_own_claim_stands_in_nobody_s_way() -> None:
    assert read(claims.claim(MINE)) == (set(), False)


def test_another_claim_stands_until_it_is_given_back() -> None:
    taken = claims.claim(OTHER)
    assert read(taken) == (set(), True)
    assert read([*taken, *claims.release(OTHER, ["OTHERS"])]) == ({"OTHERS"}, False)
    assert read([*taken, *claims.claim(THIRD), *claims.release(OTHER, [])]) == (set(), True)


@pytest.mark.parametrize(
    "other", [order("x", userref=8), order("x", cl_ord_id="7"), order("x", "EditOrder", txid="7")]
)
def test_a_claim_to_something_else_does_not_matter(other: PendingOrder) -> None:
    assert read(claims.claim(other)) == (set(), False)


def test_what_this_call_has_become_is_its_own_and_what_others_have_become_is_not() -> None:
    assert read(claims.release(MINE, ["MINE"])) == (set(), False)
    assert read(["placed by hand"]) == ({"placed by hand"}, False)
    assert read([], MINE="mine", OTHERS="other") == ({"OTHERS"}, False)


def test_an_order_of_several_keys_claims_each() -> None:
    rows = [{"userref": 7}, {"cl_ord_id": "a"}, {}]
    batch = order("batch", "AddOrderBatch", orders=rows)
    assert len(claims.claim(batch)) == 2
    assert read(claims.claim(batch)) == (set(), True)
