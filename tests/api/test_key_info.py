"""KeyInfo reads GetApiKeyInfo in both spellings, and claims nothing that it cannot read."""

from __future__ import annotations

from typing import Any

import pytest

from kraken_async.api.key_info import KeyInfo


def test_both_spellings_say_the_same() -> None:
    live = {
        "nonce": "1700000000000000001",
        "nonce_window": "15",
        "permissions": ["query-funds"],
        "query_from": "0",
        "query_to": "1700000000",
        "valid_until": "1800000000",
        "ip_allowlist": ["192.0.2.7"],
    }
    documented = {
        "nonce": "1700000000000000001",
        "nonceWindow": 15,
        "permissions": ["query-funds"],
        "queryFrom": 0,
        "queryTo": 1700000000,
        "validUntil": 1800000000,
        "ipAllowlist": ["192.0.2.7"],
    }
    assert KeyInfo.of(live) == KeyInfo.of(documented)
    assert KeyInfo.of(live).nonce_window == 15
    assert KeyInfo.of(live).valid_until == 1_800_000_000
    assert not KeyInfo.of(live).sees_all


@pytest.mark.parametrize("nothing", [None, "", 0, "0"], ids=repr)
def test_no_bound_has_four_spellings_and_may_be_missing(nothing: Any) -> None:
    fields = dict.fromkeys(("nonce_window", "query_from", "query_to"), nothing)
    for answer in (fields, {}):
        info = KeyInfo.of(answer)
        assert (info.nonce_window, info.query_from, info.query_to) == (0, 0.0, 0.0)
        assert info.sees_all


@pytest.mark.parametrize("odd", ["soon", [], {}, "nan", float("inf"), -1], ids=repr)
def test_a_bound_that_cannot_be_read_is_no_promise(odd: Any) -> None:
    assert not KeyInfo.of({"query_to": odd}).sees_all
    assert not KeyInfo.of({"queryFrom": odd}).sees_all


def test_a_list_of_one_empty_text_is_empty() -> None:
    assert KeyInfo.of({"ip_allowlist": [""]}).ip_allowlist == ()


@pytest.mark.parametrize("odd", [None, [], "text", 7], ids=repr)
def test_what_is_no_object_shows_no_permission_and_no_nonce(odd: Any) -> None:
    info = KeyInfo.of(odd)
    assert (info.nonce, info.permissions) == (None, frozenset())
