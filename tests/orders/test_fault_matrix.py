"""Every fault with every kind of call, the client alive or killed: what Kraken did against what the caller was told.

On virtual time, over a path in memory. Agreement is the bar: no order twice, none that is placed told to have failed,
none that is absent told to be placed; and whatever is unknown is settled once the server is back.
"""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kraken_async.emulator import CATALOGUE, LYING, Fault
from kraken_async.errors import OutcomeUnknown
from tests.orders.fault_support import LIMIT, Told, World, settled, told
from tests.virtual_time import virtual

#: Seconds before an order shows: soon, in the caller's time no more, just within what the policy allows for.
DELAYS = (3.0, 20.0, 55.0)
#: A delay, or an end of the order, matters most when the answer is lost as well.
LOST = {
    "reset": Fault.reset("after"),
    "hang": Fault.hang("after"),
    "busy": Fault.refuse("EService:Busy", "after"),
}
FAULTS = {
    **{name: fault for name, fault in CATALOGUE.items() if not name.startswith("warning WGeneral")},
    "none": Fault(),
    **{f"{name}, shows after {s:g} s": f.with_(visibility=s) for name, f in LOST.items() for s in DELAYS},
    **{
        f"{name}, {end} at once": f.with_(ending=end)
        for name, f in LOST.items()
        for end in ("closed", "canceled")
    },
}
KINDS = ["limit", "market", "batch", "userref", "close"]
#: Longer than deadline, visibility and every late answer.
LONG = 200.0


def order(kind: str, volume: str) -> tuple[str, dict[str, Any]]:
    """Return the call that places orders of this volume."""
    if kind == "market":
        return "AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": volume}
    if kind == "batch":
        row = {"type": "buy", "ordertype": "limit", "price": "20000"}
        second = {**row, "volume": str(Decimal(volume) + 1000)}
        return "AddOrderBatch", {"pair": "XBTUSD", "orders": [{**row, "volume": volume}, second]}
    own: dict[str, Any] = {"userref": 77} if kind == "userref" else {}
    if kind == "close":
        own = {"close[ordertype]": "limit", "close[price]": "30000"}
    return "AddOrder", {**LIMIT, "volume": volume, **own}


def txids(result: Any) -> list[str]:
    """Return the txids in the result of a placement, refused rows left out."""
    rows = result.get("orders")
    return list(result["txid"]) if rows is None else [row["txid"] for row in rows if "txid" in row]


def check_orders(world: World, kind: str, volume: str, answer: Told) -> None:
    """Compare what a caller was told of a placement with what is in the book."""
    volumes = [volume] + ([str(Decimal(volume) + 1000)] if kind == "batch" else [])
    placed = [world.placed(each) for each in volumes]
    assert all(len(each) <= 1 for each in placed), f"placed twice: {placed}"
    there = [each[0] for each in placed if each]
    if answer.failed:
        assert there == [], f"placed, and told {answer.error!r}"
    elif answer.result is not None:
        assert txids(answer.result) == there, "told to be placed"
    elif isinstance(answer.error, OutcomeUnknown) and answer.error.finding == "absent":
        assert there == [], "placed, and told to be absent"


async def agree_later(world: Alive, kind: str, volume: str, answer: Told) -> None:
    """After the faults are over, what was unknown becomes known, in this session or the next."""
    if answer.unknown:
        assert isinstance(answer.error, OutcomeUnknown), repr(answer.error)
        final = await settled(world.alive, answer.error)
        check_orders(world, kind, volume, final)
        expected = bool(world.placed(volume))
        assert (final.result is not None) == expected, f"{final} but placed: {expected}"


class Alive(World):
    """A world with one session that is alive."""

    alive: Any = None


@virtual
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FAULTS)
async def test_an_order_is_placed_once_and_its_caller_knows(name: str, kind: str, tmp_path: Path) -> None:
    world = Alive(tmp_path)
    world.alive = session = await world.session()
    await session.private("Balance")
    world.emulator.faults.next("*", FAULTS[name])
    endpoint, params = order(kind, "1.5")
    answer = await told(session.private(endpoint, params))
    check_orders(world, kind, "1.5", answer)
    if world.placed("1.5") and (FAULTS[name].visibility or 0) < world.policy.settle_timeout:
        assert answer.result is not None, f"it could have been found: {answer}"
    await agree_later(world, kind, "1.5", answer)
    await asyncio.sleep(LONG)
    check_orders(world, kind, "1.5", answer)
    for orphan in world.orphans:
        check_orders(world, kind, "1.5", Told(result=orphan.result, error=orphan.error))
    assert session.unresolved() == []
    await session.aclose()
    assert list(tmp_path.iterdir()) == []


@virtual
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [0.0, 0.1, 21.0], ids=["at once", "soon", "late"])
@pytest.mark.parametrize("name", FAULTS)
async def test_an_order_of_a_client_that_was_killed_is_settled_by_the_next(
    name: str, after: float, kind: str, tmp_path: Path
) -> None:
    world = Alive(tmp_path)
    session = await world.session()
    await session.private("Balance")
    world.emulator.faults.next("*", FAULTS[name])
    endpoint, params = order(kind, "1.5")
    call = asyncio.ensure_future(told(session.private(endpoint, params)))
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(after)
    answer = call.result() if call.done() else Told(left=True)
    await world.kill(session)
    await call
    world.alive = session = await world.session()
    await session.private("Balance")
    await asyncio.sleep(21)  # bytes that were on their way have arrived
    intents = session.unresolved()
    if (answer.left or answer.unknown) and world.placed("1.5"):
        assert len(intents) == 1, "it is placed, and nobody knows"
    for intent in intents:
        final = await settled(session, intent)
        check_orders(world, kind, "1.5", final)
        assert (final.result is not None) == bool(world.placed("1.5")), final
    check_orders(world, kind, "1.5", answer)
    assert session.unresolved() == []
    await session.aclose()
    assert list(tmp_path.iterdir()) == []


@virtual
@pytest.mark.parametrize("name", FAULTS)
async def test_an_amend_is_done_once_and_its_caller_knows(name: str, tmp_path: Path) -> None:
    world = Alive(tmp_path)
    world.alive = session = await world.session()
    (txid,) = (await session.private("AddOrder", {**LIMIT, "volume": "1.5"}))["txid"]
    world.emulator.faults.next("*", FAULTS[name])
    answer = await told(session.private("AmendOrder", {"txid": txid, "limit_price": "20010"}))
    for look in (answer, None):
        if look is None:
            if not answer.unknown:
                break
            assert isinstance(answer.error, OutcomeUnknown)
            look = await settled(session, answer.error)
        amends = [
            row["amend_id"] for row in world.emulator.orders[txid].amends if row["amend_type"] == "user"
        ]
        assert len(amends) <= 1
        if look.failed or (isinstance(look.error, OutcomeUnknown) and look.error.finding == "absent"):
            assert amends == []
        elif look.result is not None:
            assert amends == [look.result["amend_id"]]
    await session.aclose()


@virtual
@pytest.mark.parametrize("name", FAULTS)
async def test_an_edit_is_done_once_and_its_caller_knows(name: str, tmp_path: Path) -> None:
    world = Alive(tmp_path)
    world.alive = session = await world.session()
    (txid,) = (await session.private("AddOrder", {**LIMIT, "volume": "1.5"}))["txid"]
    world.emulator.faults.next("*", FAULTS[name])
    params = {"txid": txid, "pair": "XBTUSD", "volume": "2.5"}
    answer = await told(session.private("EditOrder", params))
    final = answer
    if answer.unknown:
        assert isinstance(answer.error, OutcomeUnknown)
        final = await settled(session, answer.error)
    new = world.placed("2.5")
    assert len(new) <= 1
    assert not (answer.failed and new)
    assert [final.result["txid"]] == new if final.result is not None else new == [], final
    await session.aclose()


@virtual
@pytest.mark.parametrize("name", FAULTS)
async def test_a_cancel_reaches_its_goal_or_says_so(name: str, tmp_path: Path) -> None:
    world = Alive(tmp_path)
    world.alive = session = await world.session()
    (txid,) = (await session.private("AddOrder", {**LIMIT, "volume": "1.5"}))["txid"]
    world.emulator.faults.next("*", FAULTS[name])
    answer = await told(session.private("CancelOrder", {"txid": txid}))
    is_open = world.emulator.orders[txid].status == "open"
    if answer.result is not None:
        assert not is_open
    if answer.failed:
        assert is_open
    await asyncio.sleep(LONG)
    await session.aclose()


@virtual
@pytest.mark.parametrize("name", FAULTS)
async def test_a_withdrawal_is_never_sent_twice(name: str, tmp_path: Path) -> None:
    world = Alive(tmp_path)
    world.alive = session = await world.session()
    await session.private("Balance")
    world.emulator.faults.next("*", FAULTS[name])
    answer = await told(session.private("Withdraw", {"asset": "XBT", "key": "cold", "amount": "1"}))
    await asyncio.sleep(LONG)
    done = world.emulator.accounts["main"].withdrawals
    assert len(done) <= 1
    if answer.failed:
        assert done == []
    if answer.result is not None:
        assert [row["refid"] for row in done] == [answer.result["refid"]]
    await session.aclose()


@virtual
@pytest.mark.parametrize("name", FAULTS)
async def test_a_read_is_answered_within_its_budget(name: str, tmp_path: Path) -> None:
    world = Alive(tmp_path)
    world.alive = session = await world.session()
    world.emulator.faults.next("*", FAULTS[name])
    loop = asyncio.get_running_loop()
    started = loop.time()
    answer = await told(session.private("Balance"))
    # A deadline is for writes: no read is told that it has elapsed, and if one is, it is not repeated.
    assert answer.result is not None or "Deadline elapsed" in name, answer
    assert loop.time() - started < 16
    await session.aclose()


# -- random schedules ------------------------------------------------------------------------------------------


async def run_schedule(seed: int, directory: Path) -> None:
    """Some callers at once, faults at random, callers who leave, a client that may be killed; then all is settled."""
    rng = random.Random(seed)
    world = Alive(directory, seed=seed)
    world.emulator.jitter = (0.0, rng.choice((0.0, 0.01, 1.0)))
    faults = [fault for name, fault in FAULTS.items() if name not in LYING]
    share = rng.choice((0.1, 0.4, 0.8))
    session = await world.session()
    await session.private("Balance")  # tells Kraken's time, without which a userref can prove nothing later
    world.emulator.faults.plan = lambda _n, _name: rng.choice(faults) if rng.random() < share else None
    calls: dict[str, tuple[str, asyncio.Task[Told]]] = {}
    for number in range(rng.randint(1, 6)):
        volume, kind = f"1.{number + 1}", rng.choice(KINDS)
        endpoint, params = order(kind, volume)
        calls[volume] = kind, asyncio.ensure_future(told(session.private(endpoint, params)))
        if rng.random() < 0.3:
            calls[f"0.{number + 1}"] = "", asyncio.ensure_future(told(session.private("Balance")))
        await asyncio.sleep(rng.choice((0.0, 0.0, 0.5, 20.0)))
        if rng.random() < 0.2:
            calls[volume][1].cancel()
    killed = rng.random() < 0.4
    if killed:
        await asyncio.sleep(rng.uniform(0, 60))
        done = {volume for volume, (_, task) in calls.items() if task.done()}
        await world.kill(session)
    answers = {volume: (kind, await task) for volume, (kind, task) in calls.items()}
    if killed:
        answers = {v: (k, a if v in done else Told(left=True)) for v, (k, a) in answers.items()}
    world.emulator.faults.clear()
    if not killed:
        await asyncio.sleep(LONG)
        await session.aclose()
    await asyncio.sleep(LONG)
    world.alive = session = await world.session()
    await session.private("Balance")
    settled_now = {
        str(intent.params.get("volume") or intent.params["orders"][0]["volume"]): await settled(
            session, intent
        )
        for intent in session.unresolved()
    }
    reported = {
        str(o.params.get("volume") or o.params["orders"][0]["volume"]) for o in world.orphans if o.params
    }
    for volume, (kind, answer) in answers.items():
        if kind:
            check_orders(world, kind, volume, answer)
            if volume in settled_now:
                check_orders(world, kind, volume, settled_now[volume])
            if world.placed(volume) and answer.result is None:
                assert volume in reported | settled_now.keys(), f"{volume} is placed, and nobody was told"
    assert session.unresolved() == []
    await session.aclose()


@virtual
async def test_300_random_schedules_agree(tmp_path: Path) -> None:
    for seed in range(300):
        try:
            await run_schedule(seed, tmp_path / str(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.soak
@pytest.mark.timeout(3600)
@virtual
async def test_10_000_random_schedules_agree(tmp_path: Path) -> None:
    for seed in range(1000, 11_000):
        try:
            await run_schedule(seed, tmp_path / str(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
