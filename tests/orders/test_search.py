"""What a session tells of its look-ups of an order, while its outcome is not known."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kraken_async import KrakenSession, OrderPolicy, OutcomeUnknown, SessionClosed
from kraken_async.emulator import Fault
from kraken_async.orders.intent import Intent
from kraken_async.orders.pending_order import Search
from tests.orders.fault_support import LIMIT, World, told
from tests.virtual_time import virtual

ORDER = {**LIMIT, "volume": "1.25"}
SHORT = OrderPolicy(settle_timeout=1.0)


@virtual
async def test_looks_are_counted_the_last_is_kept_and_the_search_goes_on_while_it_may_still_show(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    world.emulator.faults.next("AddOrder", Fault.http(502, "before"))
    answer = await told(client.private("AddOrder", ORDER))
    assert isinstance(answer.error, OutcomeUnknown)
    (intent,) = client.unresolved()
    first = client.search(intent)
    assert first.goes_on
    assert first.rounds >= 2
    assert client.search(answer.error) == first
    assert [(look.endpoint, look.answer) for look in first.last] == [
        ("OpenOrders", "0 shown"),
        ("ClosedOrders", "0 shown"),
    ]
    await asyncio.sleep(30.0)
    later = client.search(intent)
    assert later.goes_on
    assert later.rounds > first.rounds
    assert later.last[-1].at > first.last[-1].at
    await client.dismiss(intent)
    assert client.search(intent) == Search(rounds=0, last=(), goes_on=False)
    await client.aclose()


@virtual
async def test_a_search_that_can_tell_nothing_ends_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path, policy=OrderPolicy(deadline=None, settle_timeout=1.0))
    client = await world.session()
    world.emulator.faults.next("AddOrder", Fault.http(502, "before"))
    assert isinstance((await told(client.private("AddOrder", ORDER))).error, OutcomeUnknown)
    (intent,) = client.unresolved()
    assert client.search(intent).goes_on
    await asyncio.sleep(400.0)
    assert client.unresolved() == [intent]
    assert not client.search(intent).goes_on
    await client.aclose()


@virtual
async def test_what_a_session_that_died_has_left_is_not_looked_for_by_itself(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    first = await world.session()
    world.emulator.faults.next("AddOrder", Fault.http(502, "before"))
    assert isinstance((await told(first.private("AddOrder", ORDER))).error, OutcomeUnknown)
    await world.kill(first)
    client = await world.session()
    (intent,) = client.unresolved()
    await asyncio.sleep(30.0)
    assert (client.search(intent).rounds, client.search(intent).goes_on) == (0, False)
    assert isinstance((await told(client.resolve(intent))).error, OutcomeUnknown)
    assert client.search(intent).rounds > 0
    assert not client.search(intent).goes_on
    await client.aclose()


def test_a_session_that_is_not_open_knows_of_no_search() -> None:
    intent = Intent(id="x", endpoint="AddOrder", params={}, sent_at=1.0)
    with pytest.raises(SessionClosed):
        KrakenSession("key", "c2VjcmV0").search(intent)
