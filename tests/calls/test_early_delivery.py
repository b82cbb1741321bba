"""A result is with its caller a turn of the loop before its worker goes on: what holds all the same."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from kraken_async import KrakenError, MemoryStore
from kraken_async.call import Call
from kraken_async.calls.replies import ReplyHandler
from kraken_async.emulator import Fault
from tests.exchange import exchange


async def test_the_turn_is_free_once_the_caller_goes_on(tmp_path: Path) -> None:
    async with exchange(tmp_path) as kraken, kraken.session() as client:
        for _ in range(3):
            await client.private("Balance")
            assert client.stats().in_flight == 0
            # A caller that computes now, for a minute, keeps no other process from sending.
            with next(tmp_path.rglob("*.turn.lock")).open() as turn:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_the_turn_goes_to_a_session_that_waits_for_it(tmp_path: Path) -> None:
    store = MemoryStore()
    async with (
        exchange(tmp_path) as kraken,
        kraken.session(store=store) as one,
        kraken.session(store=store) as other,
    ):
        for _ in range(20):
            await one.private("Balance")
            await other.private("Balance")
        assert kraken.emulator.refused() == 0
        assert len(kraken.calls()) == 40


async def test_a_refusal_is_handled_once(tmp_path: Path) -> None:
    async with exchange(tmp_path) as kraken, kraken.session() as client:
        await client.private("Balance")
        kraken.emulator.faults.next("Balance", Fault.refuse("EGeneral:Permission denied"))
        with pytest.raises(KrakenError, match="Permission denied"):
            await client.private("Balance")
        stats = client.stats()
        assert stats.errors == {"EGeneral:Permission denied": 1}
        assert (stats.answered, stats.refused) == (1, 1)


async def test_what_fails_after_the_caller_has_its_result_costs_neither_the_connection_nor_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_deliver, failed = ReplyHandler.deliver, []

    def deliver(replies: ReplyHandler, call: Call, result: Any) -> None:
        really_deliver(replies, call, result)
        failed.append(call.endpoint.name)
        raise RuntimeError("what it taught")

    async with exchange(tmp_path) as kraken, kraken.session() as client:
        await client.private("Balance")
        with monkeypatch.context() as patch:
            patch.setattr(ReplyHandler, "deliver", deliver)
            for _ in range(2):
                assert "ZUSD" in await client.private("Balance")
            assert len(failed) >= 3  # what failed early was met once more, where faults are handled
        assert "ZUSD" in await client.private("Balance")
        assert len(kraken.calls()) == 4
        assert client.stats().answered == 4
