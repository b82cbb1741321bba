"""OrderTracker alone: what it remembers of orders on their way, of those whose outcome is unknown, and how long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kraken_async.api.endpoints import find
from kraken_async.call import DEFAULTS, Call
from kraken_async.calls.ledger import CallLedger
from kraken_async.calls.request_queue import RequestQueue
from kraken_async.errors import KrakenError, OutcomeUnknown
from kraken_async.orders import claims
from kraken_async.orders.intent import Intent
from kraken_async.orders.journal import Journal
from kraken_async.orders.policy import OrderPolicy
from kraken_async.orders.tracker import REMEMBERED, OrderTracker
from kraken_async.server_time import ServerTime

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "9"}


class SharedNames:
    """The list of names that the sessions of a key share: what was put there, and from when on it was asked for."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.asked_since: list[float] = []

    def note_placed(self, names: Iterable[str]) -> None:
        self.noted += names

    def placed(self, since: float) -> tuple[str, ...]:
        self.asked_since.append(since)
        return tuple(self.noted)


class Bench:
    """A tracker, and the names that it shares."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.shared = SharedNames()
        clock = asyncio.get_running_loop().time
        self.tracker = OrderTracker(OrderPolicy(journal=False), journal, ServerTime(clock), self.shared)

    async def place(self, endpoint: str = "AddOrder", **params: Any) -> Call:
        """Record an order that is about to be sent."""
        found = find(endpoint, private=True)
        future = asyncio.get_running_loop().create_future()
        call = Call(found, {**ORDER, **params}, b"", found.priority, 10.0, DEFAULTS, future)
        await self.tracker.record(call)
        return call

    async def lose(self, **params: Any) -> Call:
        """Place an order and have its caller told that its outcome is unknown."""
        call = await self.place(**params)
        self.tracker.call_ended(call, None, OutcomeUnknown("lost", finding="not seen"))
        return call


def result(txid: str) -> dict[str, Any]:
    return {"descr": {"order": ""}, "txid": [txid]}


def stranger(name: str, **params: Any) -> Intent:
    """An intent of another process, as the command line hands it over."""
    return Intent(id=name, endpoint="AddOrder", params={**ORDER, **params}, sent_at=1.0, sent=True)


# -- by client id ----------------------------------------------------------------------------------------------


async def test_of_two_orders_of_one_id_the_second_is_known_once_the_first_has_ended() -> None:
    """Else a cancel by that id would let the waiting one go out."""
    bench = Bench()
    first, second = await bench.place(cl_ord_id="bot-1"), await bench.place(cl_ord_id="bot-1")
    assert bench.tracker.carrying("bot-1") == [first, second]
    bench.tracker.call_ended(first, result("OA"), None)
    assert bench.tracker.carrying("bot-1") == [second]
    assert bench.tracker.live() == [second.order]
    bench.tracker.call_dropped(second)
    assert bench.tracker.carrying("bot-1") == []
    assert bench.tracker.live() == []
    assert not bench.tracker._by_client_id  # nothing is kept of an id once no order carries it


async def test_an_order_that_has_left_does_so_once() -> None:
    bench = Bench()
    call = await bench.place(cl_ord_id="bot-1")
    for _ in range(2):
        bench.tracker.call_ended(call, result("OA"), None)
    bench.tracker.forget(call)
    assert bench.tracker.live() == []


async def test_reads_are_none_of_its_business(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    heard: list[str] = []

    def note(call: Call, result: Any, error: KrakenError | None) -> None:
        heard.append(call.endpoint.name)

    monkeypatch.setattr(bench.tracker, "call_ended", note)
    ledger = CallLedger(RequestQueue(), [bench.tracker])
    for name in ("Balance", "AddOrder"):
        call = await bench.place(name)
        ledger.enqueue(call)
        ledger.send(call, 1, 1.0)
        ledger.finish(call, result={})
    assert heard == ["AddOrder"]


# -- how many are open -----------------------------------------------------------------------------------------


async def test_what_dead_sessions_left_and_what_is_unknown_here_counts_as_open(tmp_path: Path) -> None:
    dead = Journal(tmp_path, "k")
    for name in ("one", "two", "three"):
        await dead.record(stranger(name))
        dead.sent(stranger(name))
    dead.close()
    bench = Bench(Journal(tmp_path, "k"))
    assert bench.tracker.open_count == 3
    lost = await bench.lose()
    assert bench.tracker.open_count == 4
    assert len(bench.tracker.unknown()) == 4
    bench.tracker.dismiss(lost.order.intent.id)
    assert bench.tracker.open_count == 3
    bench.tracker.close_journal()


# -- claims ----------------------------------------------------------------------------------------------------


async def test_a_claim_that_was_made_is_given_back_and_none_is_that_was_not() -> None:
    bench = Bench()
    claimed, silent, without = [
        await bench.place(userref=7),
        await bench.place(userref=8),
        await bench.place(),
    ]
    bench.tracker.claim(claimed)
    assert bench.shared.noted == claims.claim(claimed.order)
    bench.shared.noted.clear()
    bench.tracker.call_ended(silent, result("OS"), None)
    bench.tracker.call_ended(without, result("OW"), None)
    assert bench.shared.noted == []
    bench.tracker.call_ended(claimed, result("OC"), None)
    assert bench.shared.noted == claims.release(claimed.order, ["OC"])


async def test_the_claim_of_a_dead_session_is_given_back_when_its_order_is_settled_here() -> None:
    bench = Bench()
    order = bench.tracker.pending(stranger("theirs", userref=7))
    bench.tracker.close(order, result("OTXID"))
    assert bench.shared.noted == claims.release(order, ["OTXID"])


async def test_names_are_asked_for_from_three_minutes_before_an_order_was_sent() -> None:
    bench = Bench()
    call = await bench.place(userref=7)
    call.sent_unix = 10_000.0
    bench.tracker.others(call.order)
    # Of which it is not known: all.
    bench.tracker.others(bench.tracker.pending(stranger("theirs", userref=8)))
    assert bench.shared.asked_since == [9_820.0, 0.0]


# -- how much is remembered ------------------------------------------------------------------------------------


async def test_whose_an_id_is_is_remembered_of_the_last_four_thousand_orders() -> None:
    assert REMEMBERED == 4096
    bench = Bench()
    other = await bench.place(userref=7)
    for number in range(REMEMBERED):
        bench.tracker.close(bench.tracker.pending(stranger(f"i{number}")), result(f"O{number}"))
    assert len(bench.tracker.others(other.order)[0]) == REMEMBERED
    bench.tracker.close(bench.tracker.pending(stranger("last")), result("OLAST"))
    others, _ = bench.tracker.others(other.order)
    assert len(others) == REMEMBERED
    assert "O0" not in others
    assert {"O1", "OLAST"} <= others


async def test_since_when_an_order_of_another_process_is_known_is_remembered_of_four_thousand() -> None:
    """It matters for how long it may have been on its way: see absence.py."""
    bench = Bench()
    kept = [bench.tracker.pending(stranger(f"i{number}")) for number in range(REMEMBERED)]
    assert bench.tracker.pending(stranger("i0")) is kept[0]
    bench.tracker.pending(stranger("one more"))
    assert bench.tracker.pending(stranger("i1")) is kept[1]
    assert bench.tracker.pending(stranger("i0")) is not kept[0]


# -- other keys, and what may be dismissed ---------------------------------------------------------------------


async def test_of_another_key_nothing_is_known_without_a_journal_and_its_orders_are_with_one(
    tmp_path: Path,
) -> None:
    assert Bench().tracker.unresolved("other") == []
    dead = Journal(tmp_path, "other")
    await dead.record(stranger("theirs"))
    dead.sent(stranger("theirs"))
    dead.close()
    bench = Bench(Journal(tmp_path, "k"))
    assert bench.tracker.unresolved() == []
    (found,) = bench.tracker.unresolved("other")
    assert found.id == "theirs"
    assert bench.tracker.dismiss("theirs").intent.id == "theirs"  # where it is on record
    assert bench.tracker.unresolved("other") == []
    bench.tracker.close_journal()


async def test_what_is_on_record_nowhere_is_not_open_and_cannot_be_dismissed() -> None:
    bench = Bench()
    bench.tracker.pending(stranger("theirs"))
    for name in ("theirs", "never heard of"):
        with pytest.raises(KeyError, match=name):
            bench.tracker.dismiss(name)
    lost = await bench.lose()
    bench.tracker.dismiss(lost.order.intent.id)
    with pytest.raises(KeyError):
        bench.tracker.dismiss(lost.order.intent.id)
