"""The shared state as a server keeps it: read, written, joined; and two clocks between which its times are moved."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from kraken_async import NonceStoreError
from kraken_async.stores.base import Shared
from kraken_async.stores.redis import state
from kraken_async.stores.redis.state import Floor, Offset, Version

SNAPSHOT: dict[str, Any] = {
    "v": "1",
    "unit": "us",
    "last": "17",
    "gen": "5",
    "era": "e",
    "era_gen": "3",
    "level": "2.5",
    "level_at": "900.0",
    "seldom": "",
    "recalled": "7",
    "placed": "9",
    "sec": "1000",
    "usec": "500000",
}


def parsed(**fields: Any) -> Version:
    snapshot = list({**SNAPSHOT, **fields}.values())
    return state.parse(snapshot, Offset(2.0), 100.0, "redis://here", "k")


def test_a_snapshot_is_read_in_this_clock() -> None:
    seldom = json.dumps({**Shared().slow_fields(), "lockout_until": 1060.5, "pauses": 2})
    view = parsed(seldom=seldom)
    assert (view.gen, view.era, view.era_gen, view.unit) == (5, "e", 3, "us")
    assert (view.recalled, view.placed, view.merged) == (7, 9, False)
    shared = view.shared
    assert (shared.last, shared.level, shared.level_at) == (17, 2.5, 900.0 - 900.5)
    assert (shared.lockout_until, shared.pauses) == (160.0, 2)


def test_what_a_new_key_has_not_is_nothing() -> None:
    view = parsed(
        **dict.fromkeys(("v", "unit", "last", "gen", "era", "era_gen", "level", "level_at"), ""),
        recalled="",
        placed="",
    )
    assert (view.gen, view.era_gen, view.recalled, view.placed) == (0, 0, 0, 0)
    assert (view.shared.last, view.shared.level, view.shared.level_at) == (0, None, -900.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"v": "2"},
        {"unit": "s"},
        {"last": "12x"},
        {"last": "-1"},
        {"gen": "x"},
        {"level": "x"},
        {"seldom": "[1]"},
        {"seldom": "{"},
        {"more": "than there are fields"},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_an_error_that_names_the_key(wrong: dict[str, str]) -> None:
    with pytest.raises(NonceStoreError, match=r"the state in \{k\}:state is damaged"):
        parsed(**wrong)


def test_a_long_error_is_cut() -> None:
    with pytest.raises(NonceStoreError) as caught:
        parsed(level="x" * 1000)
    assert 200 <= len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("gen", "era", "lacks"),
    [(5, "e", False), (6, "e", True), (0, "", False), (3, "old", False), (4, "old", True)],
)
def test_a_server_lacks_what_is_newer_than_its_own(gen: int, era: str, lacks: bool) -> None:
    assert parsed().lacks(gen, era) is lacks


def known(now: float = 100.0, **fields: Any) -> Version | None:
    offset = Offset(2.0)
    view = state.parse(list(SNAPSHOT.values()), offset, 100.0, "redis://here", "k")
    return state.unchanged(
        [str(each).encode() for each in {**SNAPSHOT, **fields}.values()], view, offset, now
    )


def test_a_generation_that_is_known_is_not_read_again_but_for_its_counts() -> None:
    same = known(level="x", seldom="{", recalled=8, placed=12)
    assert same is not None
    assert (same.gen, same.era, same.era_gen, same.unit) == (5, "e", 3, "us")
    assert (same.recalled, same.placed, same.merged) == (8, 12, False)
    assert same.shared == parsed().shared
    none = known(recalled="", placed="")
    assert none is not None
    assert (none.recalled, none.placed) == (0, 0)


@pytest.mark.parametrize(
    "other", [{"gen": 6}, {"era": "f"}, {"recalled": "x"}, {"placed": "-1"}, {"more": "fields"}], ids=str
)
def test_another_generation_is_read(other: dict[str, Any]) -> None:
    assert known(**other) is None


def test_times_are_read_again_when_the_clocks_are_no_longer_as_far_apart() -> None:
    assert known(sec=1060, now=160.0) is not None
    assert known(sec=1060, now=160.4) is not None  # a slow answer
    assert known(sec=1060, now=120.0) is None  # this host slept for 40 s
    assert known(sec=1020, now=160.0) is None  # the server's clock was set


def test_the_servers_clock_is_learnt_from_a_generation_that_is_known_too() -> None:
    offset = Offset(2.0)
    snapshot = [each.encode() for each in SNAPSHOT.values()]
    view = state.parse(snapshot, offset, 100.0, "redis://here", "k")
    assert state.unchanged(snapshot, view, offset, 99.75) is not None
    assert offset.value == 99.75 - 1000.5


# ------------------------------------------------------------------ the clocks


def test_the_quickest_answer_counts_and_a_slow_one_up_to_the_timeout_is_no_other_clock() -> None:
    offset = Offset(timeout=2.0)
    assert offset.value == 0.0
    assert offset.learn(100.0, b"40", b"500000") == 59.5
    assert offset.learn(110.0, b"47", b"500000") == pytest.approx(59.5 + 10.0 * 1e-4)  # three seconds late
    assert offset.learn(120.0, b"57", b"400000") == pytest.approx(62.6)  # later than any answer may be
    assert offset.learn(119.0, b"40", b"000000") == 79.0
    assert offset.learn(118.0, b"39", b"000000") == 79.0  # this clock goes back: nothing is let up for that
    assert offset.learn(128.0, b"49", b"000000") == 79.0


def test_how_far_the_wall_clock_is_ahead_of_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1007.0)
    offset = Offset(timeout=2.0)
    assert offset.skew(100.0) == 0.0
    offset.learn(100.0, b"1000", b"0")
    assert offset.skew(100.0) == 7.0
    assert offset.skew(103.0) == 4.0


@pytest.mark.parametrize(("unit", "gone"), [("ns", 5_000_000), ("us", 5_000), ("ms", 5)])
def test_a_nonce_without_the_server_is_the_clock_or_the_floor_moved_on(
    unit: str, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = wall = 10**18
    monkeypatch.setattr(time, "monotonic_ns", lambda: clock)
    monkeypatch.setattr(time, "time_ns", lambda: wall)
    floor = Floor(unit)
    assert floor.nonce == 0
    now = wall // {"ns": 1, "us": 1000, "ms": 10**6}[unit]
    assert floor.next() == now
    assert floor.next() == now + 1
    floor.learn(now + 10**12)
    floor.learn(now)  # lower: learnt before
    clock += 5_000_000
    assert floor.next() == now + 10**12 + gone
    assert floor.next() == now + 10**12 + gone + 1


# ------------------------------------------------------------------ writing and joining


def test_times_are_written_in_the_servers_clock_and_slow_fields_when_they_have_changed() -> None:
    shared = Shared(level=2.5, level_at=100.0, lockout_until=160.0)
    assert state.dump(shared, -900.5) == ("2.5", "1000.5", "")
    shared.mark_changed()
    level, since, slow = state.dump(shared, -900.5)
    assert (level, since) == ("2.5", "1000.5")
    assert json.loads(slow)["lockout_until"] == 1060.5
    assert shared.lockout_until == 160.0
    assert state.dump(Shared(), 0.0) == ("", "0.0", "")


@pytest.mark.parametrize(
    ("stored", "own", "fresh", "level"),
    [
        (3.0, 8.0, True, 8.0),
        (3.0, 8.0, False, 3.0),
        (None, 8.0, False, None),
        (3.0, None, True, 3.0),
        (None, None, True, None),
    ],
)
def test_a_counter_that_others_may_have_charged_is_joined_while_it_is_fresh(
    stored: float | None, own: float | None, fresh: bool, level: float | None
) -> None:
    view = Version(1, "e", Shared(level=stored), "ns")
    assert state.merge(view, Shared(level=own), 50.0, fresh=fresh, lost=False).shared.level == level


@pytest.mark.parametrize(("lost", "at"), [(True, 50.0), (False, float("-inf"))])
def test_what_a_server_has_lost_may_have_named_an_order(lost: bool, at: float) -> None:
    own = Shared()
    joined = state.merge(Version(1, "e", Shared(), "ns"), own, 50.0, fresh=True, lost=lost)
    assert joined.shared.recalled is own.recalled
    assert own.recalled.lost_at == at
    assert joined.merged


def test_lists_are_lines_of_a_text_and_a_time() -> None:
    assert state.lines([("a", 100.0), ("b", 101.5)], -900.0) == "a 1000.0\nb 1001.5"
    assert state.lines([], 0.0) == ""
    found = [b"a 1000.0", b"b 1001.5", b"no time", b"inf inf", b" 5.0", b"", b"c nan", b"\xff 1.0"]
    assert list(state.entries(found, -900.0)) == [("a", 100.0), ("b", 101.5), ("�", -899.0)]


# ------------------------------------------------------------------ what is wrong with a server


@pytest.mark.parametrize(
    ("info", "persists", "codes"),
    [
        ({}, None, []),
        ({"aof_enabled": 1}, True, []),
        ({"aof_enabled": 0, "save": "3600 1"}, True, []),
        ({"aof_enabled": 0, "save": ""}, False, ["store-fleeting"]),
        ({"aof_enabled": 0}, None, []),
        ({"aof_enabled": 1, "maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, True, []),
        ({"aof_enabled": 1, "maxmemory": 100, "maxmemory_policy": "noeviction"}, True, []),
        ({"aof_enabled": 1, "maxmemory": 100}, True, []),
        ({"aof_enabled": 1, "maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, True, ["store-evicts"]),
    ],
    ids=str,
)
def test_a_server_is_judged_as_far_as_it_lets_us_see(
    info: dict[str, Any], persists: bool | None, codes: list[str]
) -> None:
    assert state.persists(info) is persists
    assert [each.code for each in state.server_problems(info, "redis://here")] == codes
