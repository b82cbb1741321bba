"""100,000 ledger rows: in the time that the budget foretold, within Kraken's counter, in memory that does not grow."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from typing import Any

import pytest

from kraken_async import BurstGovernor, KrakenSession, MemoryStore
from kraken_async.emulator import Emulator, request_handler
from kraken_async.emulator.venue import Call
from kraken_async.wire.messages import Response, SignedRequest
from tests.virtual_time import START, virtual

ROWS = 100_000
PAGE = 50
ROW = {
    "refid": "TAAAAA-AAAAA-AAAAAA",
    "type": "trade",
    "subtype": "",
    "aclass": "currency",
    "asset": "ZUSD",
    "amount": "1.0000",
    "fee": "0.0000",
    "balance": "1.0000",
}


def ledgers(call: Call) -> dict[str, Any]:
    """Answer as Ledgers does, with rows that are made when they are asked for."""
    first = int(call.params.get("ofs", 0))
    numbers = range(ROWS - first, max(0, ROWS - first - PAGE), -1)
    rows = {f"L{number:06d}": {**ROW, "time": START - ROWS + number} for number in numbers}
    return {"ledger": rows, "count": ROWS}


@pytest.mark.proof
@virtual
async def test_a_hundred_thousand_rows_take_what_the_budget_foretold_and_no_more_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "kraken_async")  # what is logged of each call would be kept
    loop = asyncio.get_running_loop()
    emulator = Emulator(clock=lambda: time.time(), limits=True, tier="pro", history_limit=100)
    monkeypatch.setitem(request_handler.PRIVATE, "Ledgers", ledgers)

    async def send(request: SignedRequest, _timeout: float) -> Response:
        await asyncio.sleep(0.05)
        reply = emulator.handle(request.method, request.path, request.headers, request.body)
        return Response(reply.status, reply.headers, reply.body)

    governor = BurstGovernor("pro", startup_window=0)
    async with KrakenSession(
        *emulator.key, tier="pro", store=MemoryStore(), governor=governor, transport=send
    ) as client:
        await client.private("Balance")
        foretold = client.budget().seconds("Ledgers", ROWS // PAGE)
        began, seen, last = loop.time(), 0, ROWS + 1
        early = 0
        async for row_id, _ in client.paginate("Ledgers"):
            assert int(row_id[1:]) == last - 1
            last, seen = last - 1, seen + 1
            if seen == ROWS // 5:
                gc.collect()
                early = sys.getallocatedblocks()
        gc.collect()
        late = sys.getallocatedblocks()
        assert seen == ROWS
        assert loop.time() - began == pytest.approx(foretold, rel=0.03)
        assert emulator.refused("EAPI:Rate limit exceeded") == 0
        assert late - early < 2_000, "objects more after 80,000 rows"
