"""Submission: what is asked for becomes a call in the queue, each with what is its own."""

from __future__ import annotations

import asyncio
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
