"""Every fault with every kind of call, the client alive or killed: what Kraken did against what the caller was told.

On virtual time, over a path in memory, against an exchange that is not kind (see fault_support). Agreement is the bar:
no order twice, none that is placed told to have failed, none that is absent told to be placed; and whatever is unknown
is settled once the server is back.

One representative of each way to fail is tried every day; the whole matrix is marked as proof.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kraken_async.emulator import CATALOGUE, Fault
from kraken_async.errors import OutcomeUnknown
from tests.orders.fault_support import LIMIT, Told, World, settled, told, volume_of
from tests.virtual_time import virtual

#: Seconds before an order shows: soon, in the caller's time no more, just within what the policy allows for.
DELAYS = (3.0, 20.0, 110.0)
#: A delay, or an end of the order, matters most when the answer is lost as well.
LOST = {
    "reset": Fault.reset("after"),
    "hang": Fault.hang("after"),
    "busy": Fault.refuse("EService:Busy", "after"),
}
FAULTS = {
    **CATALOGUE,
    "none": Fault(),
    **{f"{name}, shows after {s:g} s": f.with_(visibility=s) for name, f in LOST.items() for s in DELAYS},
    **{
        f"{name}, {end} at once": f.with_(ending=end)
        for name, f in LOST.items()
        for end in ("closed", "canceled")
    },
}
EVERY_DAY = {
    *("none", "reset before", "reset after", "late after", "status 502 before", "filled", "invisible"),
    *("hang, shows after 20 s", "busy, canceled at once", "error EAPI:Invalid nonce before"),
    *(str(Fault.no_result()), str(Fault.warning()), str(Fault.http(502, "after").with_(date=300.0))),
}
KINDS = ["limit", "market", "batch", "userref", "own id", "close"]
#: Longer than deadline, visibility and every late answer.
LONG = 260.0
#: Of a call that places two orders: the number of the second.
SECOND = 500


def faults() -> Any:
    """Return the faults as parameters: one of each kind every day, the others as proof."""
    assert FAULTS.keys() >= EVERY_DAY, EVERY_DAY - FAULTS.keys()
    return [
        pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.proof, id=name) for name in FAULTS
    ]


def order(kind: str, number: int) -> tuple[str, dict[str, Any]]:
    """Return the call that places orders known by ``number``."""
    volume = volume_of(number)
    if kind == "market":
        return "AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": volume}
    if kind == "batch":
        row = {"type": "buy", "ordertype": "limit", "price": "20000"}
        rows = [{**row, "volume": volume}, {**row, "volume": volume_of(number + SECOND)}]
        return "AddOrderBatch", {"pair": "XBTUSD", "orders": rows}
    own: dict[str, Any] = {}
    if kind == "userref":
        own = {"userref": 77}
    if kind == "zero":
        own = {"userref": 0}
    if kind == "own id":
        own = {"cl_ord_id": f"bot-{number}"}
    if kind == "close":
        own = {"close[ordertype]": "limit", "close[price]": "+50%"}
    return "AddOrder", {**LIMIT, "volume": volume, **own}


def txids(result: Any) -> list[str]:
    """Return the txids in the result of a placement, refused rows left out."""
    rows = result.get("orders")
    return list(result["txid"]) if rows is None else [row["txid"] for row in rows if "txid" in row]


def check_orders(world: World, kind: str, number: int, answer: Told) -> None:
    """Compare what a caller was told of a placement with what is in the book."""
    numbers = [number] + ([number + SECOND] if kind == "batch" else [])
    placed = [world.placed(each) for each in numbers]
    assert all(len(each) <= 1 for each in placed), f"placed twice: {placed}"
    there = [each[0] for each in placed if each]
    if answer.failed:
        assert there == [], f"placed, and told {answer.error!r}"
    elif answer.result is not None:
        assert txids(answer.result) == there, "told to be placed"
    elif answer.absent:
        assert there == [], "placed, and told to be absent"


async def agree_later(world: Alive, kind: str, number: int, answer: Told) -> None:
    """After the faults are over, what was unknown becomes known, in this session or the next."""
    if answer.unknown:
        assert isinstance(answer.error, OutcomeUnknown), repr(answer.error)
        final = await settled(world.alive, answer.error)
        check_orders(world, kind, number, final)
        expected = bool(world.placed(number))
        assert (final.result is not None) == expected, f"{final} but placed: {expected}"


class Alive(World):
    """A world with one session that is alive."""

    alive: Any = None


@virtual
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", faults())
async def test_an_order_is_placed_once_and_its_caller_knows(name: str, kind: str, tmp_path: Path) -> None:
    world = Alive(tmp_path, seed=len(name) + len(kind))
    world.alive = session = await world.session()
    await session.private("Balance")
    world.emulator.faults.next("*", FAULTS[name])
    endpoint, params = order(kind, 2)
    answer = await told(session.private(endpoint, params))
    check_orders(world, kind, 2, answer)
    if world.placed(2) and (FAULTS[name].visibility or 0) < world.policy.settle_timeout:
        assert answer.result is not None, f"it could have been found: {answer}"
    await agree_later(world, kind, 2, answer)
    await asyncio.sleep(LONG)
    check_orders(world, kind, 2, answer)
    for orphan in world.orphans:
        check_orders(world, kind, 2, Told(result=orphan.result, error=orphan.error))
    assert session.unresolved() == []
    await session.aclose()
    assert list(tmp_path.iterdir()) == []


@virtual
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "after",
    [
        pytest.param(0.0, id="at once"),
        pytest.param(0.1, id="soon", marks=pytest.mark.proof),
        pytest.param(21.0, id="late"),
    ],
)
@pytest.mark.parametrize("name", faults())
async def test_an_order_of_a_client_that_was_killed_is_settled_by_the_next(
    name: str, after: float, kind: str, tmp_path: Path
) -> None:
    world = Alive(tmp_path, seed=len(name) + len(kind))
    session = await world.session()
    await session.private("Balance")
    world.emulator.faults.next("*", FAULTS[name])
    endpoint, params = order(kind, 2)
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
    if (answer.left or answer.unknown) and world.placed(2):
        assert len(intents) == 1, "it is placed, and nobody knows"
    for intent in intents:
        final = await settled(session, intent)
        check_orders(world, kind, 2, final)
        assert (final.result is not None) == bool(world.placed(2)), final
    check_orders(world, kind, 2, answer)
    assert session.unresolved() == []
    await session.aclose()
    assert list(tmp_path.iterdir()) == []


async def with_an_order(tmp_path: Path, name: str) -> tuple[Alive, Any, str]:
    """Return a world, its session, and the txid of an order in the book; the next call meets the fault."""
    world = Alive(tmp_path, seed=len(name))
    world.alive = session = await world.session()
    (txid,) = (await session.private("AddOrder", {**LIMIT, "volume": "1.5"}))["txid"]
    world.emulator.faults.next("*", FAULTS[name])
    return world, session, txid


@virtual
@pytest.mark.parametrize("name", faults())
async def test_an_amend_is_done_once_and_its_caller_knows(name: str, tmp_path: Path) -> None:
    world, session, txid = await with_an_order(tmp_path, name)
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
        if look.failed or look.absent:
            assert amends == []
        elif look.result is not None:
            assert amends == [look.result["amend_id"]]
    await session.aclose()


@virtual
@pytest.mark.parametrize("name", faults())
async def test_an_edit_is_done_once_and_its_caller_knows(name: str, tmp_path: Path) -> None:
    world, session, txid = await with_an_order(tmp_path, name)
    params = {"txid": txid, "pair": "XBTUSD", "volume": volume_of(2)}
    answer = await told(session.private("EditOrder", params))
    final = answer
    if answer.unknown:
        assert isinstance(answer.error, OutcomeUnknown)
        final = await settled(session, answer.error)
    new = world.placed(2)
    assert len(new) <= 1
    assert not (answer.failed and new)
    assert [final.result["txid"]] == new if final.result is not None else new == [], final
    await session.aclose()


@virtual
@pytest.mark.parametrize("name", faults())
async def test_a_cancel_reaches_its_goal_or_says_so(name: str, tmp_path: Path) -> None:
    world, session, txid = await with_an_order(tmp_path, name)
    answer = await told(session.private("CancelOrder", {"txid": txid}))
    is_open = world.emulator.orders[txid].status == "open"
    if answer.result is not None:
        assert not is_open
    if answer.failed:
        assert is_open
    await asyncio.sleep(LONG)
    await session.aclose()


@virtual
@pytest.mark.parametrize("name", faults())
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
@pytest.mark.parametrize("name", faults())
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
