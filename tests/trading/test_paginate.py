"""Paging: every row once, whatever happens between two pages."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kraken_async import KrakenError, KrakenSession, RateLimitExceeded, TransportError
from kraken_async.trading.page_kinds import KINDS
from kraken_async.trading.paginate import Paginator
from tests.trading.history_support import NOW, History
from tests.virtual_time import VirtualLoop, virtual


def ledgers(history: History, position: str | None = None, **fields: Any) -> Paginator[tuple[str, Any]]:
    return Paginator(history, "Ledgers", fields, position=position)


async def ids(rows: Paginator[tuple[str, Any]]) -> list[str]:
    return [name async for name, _ in rows]


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 49, 50, 51, 100, 175])
async def test_every_row_comes_once_newest_first(rows: int, count: bool) -> None:
    history = History(count=count)
    history.add(rows)
    assert await ids(ledgers(history)) == history.ids


async def test_with_a_count_no_page_is_asked_for_in_vain() -> None:
    history = History()
    history.add(150)
    rows = ledgers(history)
    await ids(rows)
    assert [asked.get("ofs", 0) for asked in history.asked] == [0, 50, 100]
    assert rows.total == 150


async def test_the_end_is_fixed_at_krakens_time_and_sent_with_every_page() -> None:
    history = History()
    history.add(120)
    await ids(ledgers(history))
    assert {asked["end"] for asked in history.asked} == {str(NOW + 1)}


async def test_a_given_end_and_start_are_sent_as_they_are() -> None:
    history = History()
    history.add(3)
    await ids(ledgers(history, start=NOW - 200, end=NOW))
    assert (history.asked[0]["start"], history.asked[0]["end"]) == (str(NOW - 200), str(NOW))


@pytest.mark.parametrize("count", [True, False])
async def test_rows_that_arrive_above_the_end_change_nothing(count: bool) -> None:
    history = History(count=count)
    history.add(120)
    before = history.ids
    history.before = lambda number: history.add(7, time=NOW + 10)
    assert await ids(ledgers(history)) == before


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("arriving", [1, 49, 50, 51, 130])
async def test_rows_that_arrive_below_the_end_repeat_none_and_leave_out_none(
    arriving: int, count: bool
) -> None:
    history = History(count=count)
    history.add(200)
    before = history.ids
    history.before = lambda number: history.add(arriving if number == 3 else 0)
    rows = ledgers(history)
    assert await ids(rows) == before
    assert rows.total == (200 if count else None)


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("vanishing", [1, 10, 60])
async def test_rows_that_vanish_take_no_other_along(vanishing: int, count: bool) -> None:
    history = History(count=count)
    history.add(200)
    before = history.ids
    history.before = lambda number: history.rows.__delitem__(slice(-vanishing, None)) if number == 3 else None
    assert await ids(ledgers(history)) == before


async def test_equal_times_over_a_page_boundary_are_all_given() -> None:
    history = History()
    history.add(500, time=NOW - 5.0)
    assert await ids(ledgers(history)) == history.ids


@virtual
async def test_a_limit_that_refuses_neither_ends_it_nor_makes_it_loop() -> None:
    history = History()
    history.add(175)
    refused = RateLimitExceeded("EAPI:Rate limit exceeded", errors=["EAPI:Rate limit exceeded"])
    history.before = lambda number: refused if 1 < number < 8 else None
    assert await ids(ledgers(history)) == history.ids
    assert len(history.asked) == 4 + 6


@virtual
async def test_a_limit_that_refuses_for_good_is_raised_in_the_end() -> None:
    history = History()
    history.before = lambda number: RateLimitExceeded("EAPI:Rate limit exceeded")
    with pytest.raises(RateLimitExceeded):
        await ids(ledgers(history))
    assert len(history.asked) < 50


async def test_after_an_error_the_same_paginator_goes_on() -> None:
    history = History()
    history.add(120)
    history.before = lambda number: TransportError("no answer") if number == 2 else None
    rows = ledgers(history)
    found: list[str] = []
    found += [(await anext(rows))[0] for _ in range(50)]
    with pytest.raises(TransportError):
        await anext(rows)
    found += await ids(rows)
    assert found == history.ids


@pytest.mark.parametrize("empty", [{}, {"ledger": {}, "count": 120}])
async def test_one_answer_without_rows_is_not_the_end(empty: dict[str, Any]) -> None:
    history = History()
    history.add(120)
    history.before = lambda number: empty if number == 2 else None
    assert await ids(ledgers(history)) == history.ids


async def test_answers_without_rows_for_good_are_said_not_taken_for_the_end() -> None:
    history = History()
    history.add(120)
    history.before = lambda number: {} if number > 1 else None
    with pytest.raises(KrakenError, match="not all"):
        await ids(ledgers(history))


async def test_an_account_without_any_row_answers_nothing_at_all() -> None:
    history = History()
    history.before = lambda number: {}
    assert await ids(ledgers(history)) == []


async def test_a_server_that_shows_the_same_page_over_and_over_is_an_error() -> None:
    history = History()
    history.add(1000)
    first = {"ledger": dict(list(reversed(history.rows))[:50]), "count": 1000}
    history.before = lambda number: first
    with pytest.raises(KrakenError, match="same rows"):
        await ids(ledgers(history))


@pytest.mark.parametrize("taken", [0, 1, 49, 50, 51, 99, 119, 120])
@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("arriving", [0, 3, 140])
async def test_a_position_goes_on_behind_the_row_given_last(taken: int, count: bool, arriving: int) -> None:
    history = History(count=count)
    history.add(120)
    before = history.ids
    rows = ledgers(history, end=NOW + 1)
    found = [(await anext(rows))[0] for _ in range(taken)]
    history.add(arriving)
    found += await ids(ledgers(history, rows.position))
    assert found == (before if taken else history.ids)


async def test_a_position_is_json_text_and_carries_fields_and_end() -> None:
    history = History()
    history.add(60)
    rows = ledgers(history, type="trade")
    await anext(rows)
    assert json.loads(rows.position)["fields"] == {"type": "trade"}
    await ids(ledgers(history, rows.position))
    assert {asked["type"] for asked in history.asked} == {"trade"}
    with pytest.raises(ValueError, match="another 'type'"):
        ledgers(history, rows.position, type="deposit")
    with pytest.raises(ValueError, match="not of TradesHistory"):
        Paginator(history, "TradesHistory", {}, position=rows.position)
    with pytest.raises(ValueError, match="position"):
        ledgers(history, "no JSON")


async def test_pages_are_whole_results() -> None:
    history = History()
    history.add(75)
    pages = [page async for page in ledgers(history).pages()]
    assert [len(page["ledger"]) for page in pages] == [50, 25]
    assert pages[0]["count"] == 75


async def test_a_cursor_in_an_answer_is_followed() -> None:
    history = History()
    history.add(100)
    by_id = list(reversed(history.rows))

    def answer(number: int) -> dict[str, Any]:
        asked = history.asked[-1]
        at = int(asked.get("cursor", 0))
        following = str(at + 50) if at < 50 else None
        assert at == 0 or ("ofs" not in asked and asked["with_cursor"] is True)
        return {"ledger": dict(by_id[at : at + 50]), "cursor": {"next": following}}

    history.before = answer
    assert await ids(ledgers(history)) == history.ids
    rows = ledgers(history)
    found = [(await anext(rows))[0] for _ in range(70)]
    found += await ids(ledgers(history, rows.position))
    assert found == history.ids


async def test_funding_lists_follow_their_cursor_and_take_a_plain_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = History()
    made = [{"refid": f"F{number}", "amount": "1"} for number in range(5)]

    def answer(number: int) -> dict[str, Any]:
        cursor = history.asked[-1]["cursor"]
        at = 0 if cursor is True else int(cursor)
        return {"deposits": made[at : at + 2], "next_cursor": str(at + 2) if at + 2 < len(made) else None}

    history.before = answer
    assert [row async for row in Paginator[Any](history, "DepositStatus", {})] == made
    monkeypatch.setattr(history, "answer", lambda name, fields: _now(made))
    assert [row async for row in Paginator[Any](history, "WithdrawStatus", {"end": NOW})] == made


async def _now(value: Any) -> Any:
    return value


def test_what_does_not_answer_in_pages_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="Ledgers"):
        Paginator(History(), "Ledger", {})
    with pytest.raises(ValueError, match="itself"):
        ledgers(History(), ofs=50)
    with pytest.raises(ValueError, match="time zone"):
        ledgers(History(), start=datetime(2026, 1, 1))
    assert {"TradesHistory", "ClosedOrders", "Ledgers", "OpenOrders", "Trades"} <= set(KINDS)


@example(rows=12, size=5, count=False, events=[(1, 9), (7, 21)], stop=0)  # more than five pages at once
@given(
    rows=st.integers(0, 160),
    size=st.integers(5, 60),
    count=st.booleans(),
    events=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 30)), max_size=4),
    stop=st.integers(0, 160),
)
def test_no_row_twice_and_none_left_out_however_rows_arrive(
    rows: int, size: int, count: bool, events: list[tuple[int, int]], stop: int
) -> None:
    async def check() -> None:
        history = History(size=size, count=count)
        history.add(rows)
        before = history.ids
        arriving = dict(events)
        history.before = lambda number: history.add(arriving.get(number, 0))
        first = ledgers(history)
        found: list[str] = []
        async for name, _ in first:
            found.append(name)
            if len(found) == stop:
                break
        found += await ids(ledgers(history, first.position)) if found else []
        assert len(found) == len(set(found))
        assert [name for name in found if name in before] == (before if found else [])

    loop = VirtualLoop()
    try:
        loop.run_until_complete(check())
    finally:
        loop.close()


@pytest.mark.parametrize("name", [None, 5, b"Ledgers", ["Ledgers"], {}], ids=repr)
def test_a_name_that_is_no_text_is_said(name: Any) -> None:
    with pytest.raises(ValueError, match="takes an endpoint's name"):
        KrakenSession().paginate(name)
