"""Tokens: hashed, scoped, removable, expiring."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from kraken_async.api.endpoints import find, known_endpoints
from kraken_async.gateway import TokenFile
from kraken_async.gateway.scopes import SCOPES, checked, needed
from kraken_async.gateway.tokens import seconds_of


def test_the_file_holds_no_token_and_is_this_user_s_alone(token_file: TokenFile) -> None:
    text = token_file.add("bot", ["main"], ["read"])
    kept = token_file.path.read_text()
    assert text not in kept
    assert text[8:] not in kept
    assert stat.S_IMODE(token_file.path.stat().st_mode) == 0o600


def test_a_token_is_letters_and_digits_and_valid_base64(token_file: TokenFile) -> None:
    text = token_file.add("bot", ["main"], ["read"])
    assert text.isalnum()
    assert len(base64.b64decode(text, validate=True)) == 36


def test_a_token_is_found_by_its_text_alone(token_file: TokenFile) -> None:
    text = token_file.add("bot", ["main"], ["read", "trade"])
    found = token_file.find(text)
    assert found is not None
    assert (found.name, found.accounts, found.allow) == ("bot", ("main",), ("read", "trade"))
    for other in ("", "bot", text[:-1], text + "x", found.sha256, "\ud800"):
        assert token_file.find(other) is None


def test_a_removed_token_is_refused_from_the_next_call_on(token_file: TokenFile) -> None:
    text, other = token_file.add("bot", ["main"], ["read"]), token_file.add("page", ["main"], ["halt"])
    assert token_file.find(text) is not None
    TokenFile(token_file.path).remove("bot")  # by another process
    assert token_file.find(text) is None
    assert token_file.find(other) is not None


def test_a_token_ends_when_its_time_is_over(tmp_path: Path) -> None:
    now = 1000.0
    tokens = TokenFile(tmp_path / "tokens.json", clock=lambda: now)
    text = tokens.add("bot", ["main"], ["read"], expires_in=seconds_of("30d"))
    now += 30 * 86400 - 1
    assert tokens.find(text) is not None
    now += 1
    assert tokens.find(text) is None


def test_two_tokens_cannot_have_one_name(token_file: TokenFile) -> None:
    token_file.add("bot", ["main"], ["read"])
    with pytest.raises(ValueError, match="already"):
        token_file.add("bot", ["main"], ["read"])
    assert len(token_file.read()) == 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"tokens": [{}]}', '{"tokens": [1]}', '{"tokens": null}'])
def test_a_damaged_file_lets_no_token_in_and_names_the_cure(token_file: TokenFile, damage: str) -> None:
    text = token_file.add("bot", ["main"], ["read"])
    token_file.path.write_text(damage)
    assert token_file.find(text) is None
    assert "move it away" in token_file.problem
    with pytest.raises(ValueError, match="damaged"):
        token_file.add("other", ["main"], ["read"])


def test_a_file_that_others_may_change_lets_no_token_in(token_file: TokenFile) -> None:
    text = token_file.add("bot", ["main"], ["read"])
    token_file.path.chmod(0o660)
    assert token_file.find(text) is None
    assert "chmod 600" in token_file.problem
    token_file.path.chmod(0o600)
    assert token_file.find(text) is not None


def test_a_word_that_a_newer_release_knows_allows_nothing_here(token_file: TokenFile) -> None:
    text = token_file.add("bot", ["main"], ["read"])
    data = json.loads(token_file.path.read_text())
    data["tokens"][0]["allow"] = ["read", "withdraw", "everything"]
    token_file.path.write_text(json.dumps(data))
    found = token_file.find(text)
    assert found is not None
    assert found.allow == ("read",)


@pytest.mark.parametrize("text", ["", "0d", "30", "d", "1.5d", "-1d", "1y", "1000000d9"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="30d"):
        seconds_of(text)


@pytest.mark.parametrize("words", ["", ",", "withdraw", "read,withdraw", "all", "read;trade"])
def test_words_that_allow_more_than_there_is_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match="withdrawals"):
        checked(words)


def test_the_words_are_taken_in_any_order_and_case() -> None:
    assert checked(" Trade, READ,read") == ("read", "trade")


# ------------------------------------------------------------------ what an endpoint asks for

NEVER = {"Withdraw", "WalletTransfer", "AccountTransfer", "CreateSubaccount"}


@pytest.mark.parametrize("name", sorted(known_endpoints(private=True)))
def test_every_endpoint_asks_for_a_word_or_is_for_no_token(name: str) -> None:
    words = needed(find(name, private=True), {})
    assert words <= set(SCOPES)
    assert (not words) == (name in NEVER)
    if find(name, private=True).changes and name not in ("AddExport", "RemoveExport"):
        assert "read" not in words


@pytest.mark.parametrize("name", ["SendCrypto", "Withdrawal", "PayOut", "Brandnew"])
def test_an_endpoint_that_is_not_known_is_for_no_token(name: str) -> None:
    assert not needed(find(name, private=True), {})


def test_a_websocket_token_asks_for_trade_as_it_can_trade() -> None:
    assert needed(find("GetWebSocketsToken", private=True), {}) == {"trade"}


def test_a_new_deposit_address_is_more_than_reading() -> None:
    endpoint = find("DepositAddresses", private=True)
    assert needed(endpoint, {"new": "true"}) == {"trade"}
    assert needed(endpoint, {}) == {"read"}


@pytest.mark.parametrize("name", ["CancelOrder", "CancelAll", "CancelOrderBatch", "CancelAllOrdersAfter"])
def test_cancels_are_for_trade_and_for_cancel(name: str) -> None:
    assert needed(find(name, private=True), {}) == {"trade", "cancel"}
