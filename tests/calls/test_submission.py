"""Submission: what is asked for becomes a call in the queue, each with what is its own."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

import pytest

from kraken_async.emulator import Fault
from tests.orders.fault_support import LIMIT, World, told
from tests.virtual_time import virtual


@virtual
@pytest.mark.parametrize(
    ("own", "made_here"),
    [
        ([{}, {}], [True, True]),
        ([{}, {"cl_ord_id": "mine"}], [True, False]),
        ([{"userref": 7}, {}], [False, True]),
    ],
)
async def test_orders_gathered_as_a_sessions_first_calls_each_know_which_id_was_made_for_them(
    own: list[dict[str, object]], made_here: list[bool], tmp_path: Path
) -> None:
    world = World(tmp_path)
    session = await world.session()
    world.emulator.faults.next("Time", Fault.delayed(0.5))  # both wait for Kraken's time
    await asyncio.gather(*(told(session.private("AddOrder", {**LIMIT, **ids, "volume": "1"})) for ids in own))
    recorded = world.journals[session].recorded
    assert [intent.generated for intent in recorded] == made_here
    assert len({intent.cl_ord_id for intent in recorded}) == 2
    await session.aclose()


@virtual
async def test_a_call_that_waits_takes_at_most_one_and_a_half_kibibytes(tmp_path: Path) -> None:
    world = World(tmp_path)
    session = await world.session()
    await session.private("Balance")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        calls = [asyncio.ensure_future(session.private("Balance")) for _ in range(2000)]
        await asyncio.sleep(0)
        size = (tracemalloc.get_traced_memory()[0] - before) / len(calls)
    finally:
        tracemalloc.stop()
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await session.aclose()
    assert size <= 1536
