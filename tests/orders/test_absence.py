"""Every condition of absence, one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kraken_async.api.key_info import KeyInfo
from kraken_async.orders.absence import MARGIN, Clocks, why_key_cannot_tell

#: Both clocks stand where absence can just be told, with a visibility of 120 s.
RIPE = Clocks(elapsed=5 + 120 + MARGIN, life=5.0, due=1005.0, kraken=1005 + 120 + MARGIN)


def test_absence_can_be_told_when_both_clocks_have_passed() -> None:
    assert RIPE.remaining(120) == 0
    assert RIPE.why_never() is None


@pytest.mark.parametrize(
    ("change", "seconds"),
    [({"elapsed": 100.0}, 26.0), ({"kraken": 1100.0}, 26.0), ({"elapsed": 100.0, "kraken": 1120.0}, 26.0)],
)
def test_the_clock_that_is_behind_decides(change: dict[str, Any], seconds: float) -> None:
    assert replace(RIPE, **change).remaining(120) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"due": None}, "no deadline"),
        ({"kraken": None}, "not known"),
        ({"afresh": True}, "learnt afresh"),
    ],
)
def test_it_can_never_be_told_without(change: dict[str, Any], words: str) -> None:
    clocks = replace(RIPE, **change)
    assert clocks.remaining(120) is None
    assert words in str(clocks.why_never())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"nonce": "5"}, None),
        ({"nonce": "5", "nonce_window": "0", "query_from": "0", "query_to": 0}, None),
        ({"nonce": "5", "nonce_window": "15"}, "nonce window"),
        ({"nonce": "5", "nonceWindow": 15}, "nonce window"),
        ({"nonce": "5", "query_from": "1"}, "query window"),
        ({"nonce": "5", "queryTo": "1"}, "query window"),
        ({"nonce": "5", "nonce_window": "x"}, "nonce window"),
    ],
)
def test_a_key_tells_absence_only_if_it_sees_all(answer: dict[str, Any], words: str | None) -> None:
    said = why_key_cannot_tell(KeyInfo.of(answer))
    assert said is None if words is None else words in str(said)


def test_a_key_that_was_not_asked_about_cannot_tell() -> None:
    assert "not answered" in str(why_key_cannot_tell(None))
