"""What was done and never heard of: by a client that left, and by a gateway that was killed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from kraken_async.emulator import Emulator, Fault
from kraken_async.gateway.replies import OUTCOME
from kraken_async.gateway.unheard import TOLD, left_behind
from kraken_async.orders.intent import Intent
from kraken_async.orders.journal import Journal
from tests.gateway.conftest import ORDER, Running, started

NOW = time.time()


def asked(number: str, **more: Any) -> dict[str, Any]:
    line = {
        "at": time.time(),
        "op": "asked",
        "call": number,
        "token": "bot",
        "account": "main",
        "endpoint": "AddOrder",
    }
    return line | {"fields": dict(ORDER)} | more


def ended(number: str, outcome: str = "answered", **more: Any) -> dict[str, Any]:
    return {
        "at": time.time(),
        "op": "ended",
        "call": number,
        "token": "bot",
        "outcome": outcome,
        "ids": ["O-1"],
    } | more


def ids(lines: list[Any], account: str = "main") -> list[tuple[str, ...]]:
    return [each.ids for each in left_behind(lines, account)]


def test_what_ended_and_was_not_heard_of_is_left() -> None:
    assert ids([asked("1"), ended("1")]) == [("O-1",)]


def test_what_a_later_line_says_was_heard_is_not() -> None:
    assert not ids([asked("1"), ended("1"), asked("2") | {"heard": ["1"]}])


def test_what_had_no_effect_or_is_the_journal_s_is_not() -> None:
    lines = [
        asked("1"),
        ended("1", "refused"),
        asked("2"),
        ended("2", "not-sent"),
        asked("3"),
        ended("3", "unknown"),
    ]
    assert not ids([*lines, asked("4")])


def test_another_account_s_and_a_day_old_ones_are_not() -> None:
    assert not ids([asked("1"), ended("1")], "other")
    assert not ids([asked("1"), ended("1", at=NOW - TOLD - 1)])


def test_lines_that_are_nonsense_are_passed_by() -> None:
    nonsense: list[dict[str, Any]] = [{}, {"op": "ended"}, {"op": "asked", "heard": 3}]
    nonsense.append({"op": "ended", "call": "1", "at": "x"})
    assert ids([*nonsense, asked("1", fields=7), *nonsense[:3], ended("1")]) == [("O-1",)]


async def test_the_next_gateway_tells_of_it_and_does_not_place_it_again(tmp_path: Path) -> None:
    lines = [
        asked("1"),
        ended("1"),
        asked("2", fields={**ORDER, "price": "20000"}),
        ended("2") | {"heard": ["9"]},
    ]
    lines += [ended("8") | {"heard": ["2"]}]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"half'
    (tmp_path / "gateway-audit.jsonl").write_text(text)
    async with started(tmp_path, Emulator(seed=1)) as running:
        bot, other = running.client(name="bot"), running.client(name="other")
        (unheard,) = (await bot.api("/api/orders/unresolved"))[1]["unheard"]
        assert (unheard["token"], unheard["ids"], unheard["fields"]) == ("bot", ["O-1"], ORDER)
        answer, headers = await bot.call("AddOrder", ORDER)
        assert (
            answer["error"][0] == "EGeneral:Duplicate of an order in doubt:AddOrder txid=O-1: it was placed"
        )
        assert headers[OUTCOME] == "refused"
        assert (await bot.call("AddOrder", {**ORDER, "price": "20000"}))[0]["error"] == []
        assert (await other.call("AddOrder", ORDER))[0]["error"] == []
    kept = (tmp_path / "gateway-audit.jsonl").read_text().splitlines()
    assert kept[len(lines)] == '{"half'
    assert json.loads(kept[len(lines) + 1])["op"] == "started"


@pytest.mark.parametrize("fault", [None, Fault.http(502, "after")], ids=["answered", "looked up"])
async def test_a_result_is_on_record_before_the_journal_strikes_its_order_off(
    running: Running, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    seen: list[dict[str, Any]] = []
    settle = Journal.close_intent

    def watched(journal: Journal, intent: Intent) -> None:
        seen.append(running.audit()[-1])
        settle(journal, intent)

    monkeypatch.setattr(Journal, "close_intent", watched)
    if fault is not None:
        running.emulator.faults.next("AddOrder", fault)
    answer, _ = await running.client().call("AddOrder", ORDER)
    (line,) = seen
    assert (line["op"], line["outcome"], line["ids"]) == ("ended", "answered", answer["result"]["txid"])
    assert [each["op"] for each in running.audit()].count("ended") == 1
