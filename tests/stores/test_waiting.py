"""A wait for another session is told while it lasts: in the log, among the problems, in stats().waiting_for and top."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.console import Console

from kraken_async import KrakenSession, MemoryStore, Response, SignedRequest
from kraken_async.cli.top import picture
from kraken_async.stores.waiting import SAY_AFTER
from tests.conftest import key_state
from tests.virtual_time import virtual


async def answer(request: SignedRequest, timeout: float) -> Response:
    return Response(200, {}, b'{"error":[],"result":{}}')


@virtual
async def test_a_read_behind_a_frozen_neighbour_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    session = KrakenSession("key", "c2VjcmV0", tier="pro", store=store, transport=answer)
    async with session, key_state(store, "key") as neighbour:
        await neighbour.acquire_turn()
        read = asyncio.create_task(session.private("Balance"))
        await asyncio.sleep(0.5)
        assert session.stats().waiting_for is None  # the ordinary round of the turn
        await asyncio.sleep(1.0)
        assert session.stats().waiting_for == "this session waits for the turn of this key for 2 s"
        assert "neighbour-stalled" not in dict(session.stats().problem_codes)
        await asyncio.sleep(SAY_AFTER - 1.0)
        stats = session.stats()
        assert ("neighbour-stalled", "warning") in stats.problem_codes
        assert stats.waiting_for in stats.problems
        assert "waits for the turn of this key for 4 s" in caplog.text
        await neighbour.release_turn()
        await read
        assert session.stats().waiting_for is None
        assert "neighbour-stalled" not in dict(session.stats().problem_codes)
    assert caplog.text.count("waits for the turn") == 1


def test_top_shows_what_is_waited_for_and_problems_by_severity() -> None:
    stats = KrakenSession().stats().as_dict()
    stats |= {
        "waiting_for": "5 calls wait for Kraken's call counter",
        "problems": ["private calls are locked out", "a sentence without a code"],
        "problem_codes": [["locked-out", "critical"]],
    }
    status = {"stats": stats, "silent": 0.0, "key": "0123", "pid": 1, "last_calls": []}
    console = Console(width=100)
    with console.capture() as capture:
        console.print(picture([status], Path("state")))
    shown = capture.get()
    assert "waiting" in shown
    assert "5 calls wait for Kraken's call counter" in shown
    assert "! private calls are locked out" in shown
    assert "! a sentence without a code" in shown
