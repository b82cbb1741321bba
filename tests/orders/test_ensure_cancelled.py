"""Making sure that an order is cancelled, what a person needs of an unknown outcome, and pairs that are held."""

from __future__ import annotations

import asyncio
import json
import pickle
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kraken_async import GuardRefused, OrderPolicy, OutcomeUnknown
from kraken_async.emulator import Fault
from kraken_async.errors import (
    KrakenError,
    Looked,
    OrderError,
    PermissionDenied,
    RequestTimeout,
    TransportError,
    cause_of,
)
from kraken_async.orders import outcome_log
from tests.orders.fault_support import LIMIT, Told, World, told
from tests.virtual_time import virtual

ORDER = {**LIMIT, "volume": "1.25"}
SHORT = OrderPolicy(settle_timeout=1.0)


async def lost(world: World, client: Any, fault: Fault, /, **fields: Any) -> OutcomeUnknown:
    """Return the error of an order whose answer does not come and which is not found in the caller's time."""
    world.emulator.faults.next("AddOrder", fault)
    answer = await told(client.private("AddOrder", {**ORDER, **fields}))
    assert isinstance(answer.error, OutcomeUnknown)
    return answer.error


# -- an order whose outcome is not known -------------------------------------------------------------------


@virtual
@pytest.mark.parametrize(
    "own", [{}, {"cl_ord_id": "bot-1"}, {"close[ordertype]": "limit", "close[price]": "+50%"}]
)
async def test_an_order_that_shows_late_is_cancelled_for_certain(own: dict[str, Any], tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    error = await lost(world, client, Fault.reset("after").with_(visibility=30.0), **own)
    (txid,) = world.emulator.orders
    executed = await error.ensure_cancelled()
    assert executed["txid"] == txid
    assert executed["status"] == "canceled"
    assert Decimal(executed["vol_exec"]) == 0
    assert world.emulator.orders[txid].status == "canceled"
    assert client.unresolved() == []
    await client.aclose()


@virtual
async def test_what_was_executed_is_returned(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    error = await lost(world, client, Fault.reset("after").with_(visibility=10.0))
    (txid,) = world.emulator.orders
    world.emulator.fill(txid, "0.5")
    executed = await error.ensure_cancelled()
    assert (executed["txid"], executed["status"], Decimal(executed["vol_exec"])) == (
        txid,
        "canceled",
        Decimal("0.5"),
    )
    await client.aclose()


@virtual
async def test_an_order_that_was_never_placed_is_absent_once_that_can_be_told(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    error = await lost(world, client, Fault.reset("before"))
    began = time.time()
    assert await error.ensure_cancelled() == {"txid": None, "status": "absent", "vol_exec": "0"}
    assert time.time() - began > 120
    assert client.unresolved() == []
    await client.aclose()


@virtual
async def test_while_it_is_not_proven_it_is_raised(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    error = await lost(world, client, Fault.reset("before"))
    down = {"OpenOrders", "ClosedOrders"}
    world.emulator.faults.plan = lambda _n, name: Fault.http(503) if name in down else None
    with pytest.raises(OutcomeUnknown) as caught:
        await error.ensure_cancelled()
    assert caught.value.finding == "not seen"
    assert "not answered in full" in str(caught.value)
    assert len(client.unresolved()) == 1
    await client.aclose()


@virtual
async def test_every_order_of_a_lost_batch_is_cancelled(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    row = {"type": "buy", "ordertype": "limit", "price": "20000", "volume": "1.5"}
    world.emulator.faults.next("AddOrderBatch", Fault.reset("after").with_(visibility=20.0))
    answer = await told(
        client.private("AddOrderBatch", pair="XBTUSD", orders=[row, {**row, "volume": "2.5"}])
    )
    assert isinstance(answer.error, OutcomeUnknown)
    assert (answer.error.pair, answer.error.side, answer.error.volume) == ("XBTUSD", "buy", None)
    assert answer.error.exposure == Decimal(4)
    executed = await answer.error.ensure_cancelled()
    assert [each["status"] for each in executed["orders"]] == ["canceled"] * 2
    assert {order.status for order in world.emulator.orders.values()} == {"canceled"}
    await client.aclose()


@virtual
@pytest.mark.parametrize("endpoint", ["AmendOrder", "EditOrder"])
@pytest.mark.parametrize("done", [True, False])
async def test_the_order_of_a_lost_change_is_cancelled(endpoint: str, done: bool, tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    (txid,) = (await client.private("AddOrder", ORDER))["txid"]
    change = {"order_qty": "2"} if endpoint == "AmendOrder" else {"pair": "XBTUSD", "volume": "2"}
    fault = Fault.reset("after" if done else "before").with_(visibility=20.0 if done else None)
    world.emulator.faults.next(endpoint, fault)
    answer = await told(client.private(endpoint, {"txid": txid, **change}))
    assert isinstance(answer.error, OutcomeUnknown)
    executed = await answer.error.ensure_cancelled()
    assert executed["status"] == "canceled"
    assert {order.status for order in world.emulator.orders.values()} == {"canceled"}
    await client.aclose()


@virtual
async def test_a_withdrawal_cannot_be_cancelled_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    world.emulator.faults.next("Withdraw", Fault.reset("after"))
    answer = await told(client.private("Withdraw", asset="XBT", key="cold", amount="1"))
    assert isinstance(answer.error, OutcomeUnknown)
    with pytest.raises(KrakenError, match="nothing here can cancel it"):
        await answer.error.ensure_cancelled()
    await client.aclose()


# -- an order by its id ------------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("by", ["cl_ord_id", "txid"])
async def test_an_order_is_cancelled_by_either_id(by: str, tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    (txid,) = (await client.private("AddOrder", {**ORDER, "cl_ord_id": "bot-1"}))["txid"]
    world.emulator.faults.next("CancelOrder", *[Fault.reset("before")] * 4)
    named: dict[str, Any] = {by: {"cl_ord_id": "bot-1", "txid": txid}[by]}
    executed = await client.ensure_cancelled(**named)
    assert (executed["txid"], executed["status"]) == (txid, "canceled")
    await client.aclose()


@virtual
async def test_an_older_order_of_the_same_id_is_not_taken_for_the_one_that_is_meant(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    world.emulator.cancel(world.emulator.place(**{**ORDER, "cl_ord_id": "bot-1"}))
    await asyncio.sleep(600)
    client = await world.session()
    await lost(world, client, Fault.reset("after").with_(visibility=60.0), cl_ord_id="bot-1")
    old, new = world.emulator.orders
    executed = await client.ensure_cancelled(cl_ord_id="bot-1")
    assert executed["txid"] == new != old
    assert world.emulator.orders[new].status == "canceled"
    await client.aclose()


@virtual
async def test_an_id_that_nothing_has_is_absent_once_it_would_show(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    began = time.time()
    assert (await client.ensure_cancelled(cl_ord_id="nothing"))["status"] == "absent"
    assert 121 <= time.time() - began < 140
    await client.aclose()


@virtual
async def test_a_key_that_may_not_cancel_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.key = world.emulator.add_key(permissions=["query-open-trades", "query-closed-trades"])
    client = await world.session()
    with pytest.raises(PermissionDenied):
        await client.ensure_cancelled(cl_ord_id="bot-1")
    both: dict[str, Any] = {"cl_ord_id": "a", "txid": "b"}
    for wrong in (dict[str, Any](), both):
        with pytest.raises(ValueError, match="one of them names the order"):
            await client.ensure_cancelled(**wrong)
    await client.aclose()


# -- what a person needs -----------------------------------------------------------------------------------


@virtual
async def test_an_unknown_outcome_tells_what_is_needed_at_three_in_the_morning(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    client = await world.session()
    error = await lost(world, client, Fault.http(502, "before"))
    assert (error.pair, error.side, error.volume, error.exposure) == (
        "XBTUSD",
        "buy",
        "1.25",
        Decimal("1.25"),
    )
    assert error.cause == "HTTP 502"
    assert len(error.looks) >= 2
    assert {look.endpoint for look in error.looks} == {"OpenOrders", "ClosedOrders"}
    assert error.looks[0] == Looked(error.looks[0].at, "OpenOrders", "0 shown")
    assert abs(error.looks[0].at - time.time()) < 5
    (intent,) = client.unresolved()
    assert error.intent_id == intent.id
    assert error.command == f"kraken-async orders resolve {intent.id}"
    assert error.decidable_at == pytest.approx((error.sent_at or 0.0) + 126, abs=3)
    travelled = pickle.loads(pickle.dumps(error))
    assert (travelled.looks, travelled.decidable_at, travelled.cause) == (
        error.looks,
        error.decidable_at,
        error.cause,
    )
    await client.aclose()


@virtual
async def test_without_a_deadline_it_is_never_decidable(tmp_path: Path) -> None:
    world = World(tmp_path, policy=OrderPolicy(deadline=None, settle_timeout=1.0))
    client = await world.session()
    error = await lost(world, client, Fault.reset("before"))
    assert error.decidable_at is None
    await client.dismiss(error)
    await client.aclose()


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RequestTimeout("no answer within 5 s"), "timeout"),
        (TransportError("AddOrder: HTTP 502, an HTML page", status=502), "HTTP 502"),
        (TransportError("the connection was cut"), "the connection was cut"),
        (OrderError("x", errors=["EService:Busy"]), "EService:Busy"),
        (None, ""),
    ],
)
def test_a_cause_is_a_few_words(error: KrakenError | None, cause: str) -> None:
    assert cause_of(error) == cause


@virtual
async def test_what_is_found_later_is_told_to_on_settled(tmp_path: Path) -> None:
    world = World(tmp_path, policy=SHORT)
    settled: list[Any] = []
    client = await world.session(on_settled=settled.append)
    await lost(world, client, Fault.reset("after").with_(visibility=30.0))
    await asyncio.sleep(60)
    (found,) = settled
    assert found.result["txid"] == list(world.emulator.orders)
    assert world.orphans == []
    await client.aclose()


@virtual
async def test_a_pair_is_held_while_an_outcome_on_it_is_unknown(tmp_path: Path) -> None:
    policy = OrderPolicy(settle_timeout=1.0, hold_pair_while_unknown=True)
    world = World(tmp_path, policy=policy)
    client = await world.session()
    error = await lost(world, client, Fault.reset("before"))
    answer = await told(client.private("AddOrder", {**ORDER, "pair": "BTC/USD"}))
    assert isinstance(answer.error, GuardRefused)
    assert answer.failed
    other = await client.private("AddOrder", {**ORDER, "pair": "ETHUSD", "price": "1000"})
    await client.private("CancelOrder", txid=other["txid"][0])
    await client.dismiss(error)
    assert (await client.private("AddOrder", ORDER))["txid"]
    await client.aclose()


@virtual
async def test_a_pair_is_held_while_an_order_on_it_is_looked_up(tmp_path: Path) -> None:
    world = World(tmp_path, policy=OrderPolicy(hold_pair_while_unknown=True))
    client = await world.session()
    await client.private("Balance")
    world.emulator.faults.next("AddOrder", Fault.reset("after").with_(visibility=5.0))
    first = asyncio.ensure_future(told(client.private("AddOrder", ORDER)))
    await asyncio.sleep(1)
    assert isinstance((await told(client.private("AddOrder", ORDER))).error, GuardRefused)
    assert (await first).result is not None
    second: Told = await told(client.private("AddOrder", ORDER))
    assert second.result is not None
    await client.aclose()


# -- the log of outcomes -----------------------------------------------------------------------------------


def logged(path: Path) -> list[tuple[str, str | None]]:
    return [(line["outcome"], line["finding"]) for line in map(json.loads, path.read_text().splitlines())]


@virtual
async def test_outcomes_are_logged_as_they_become_known(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    world = World(tmp_path / "state", policy=OrderPolicy(settle_timeout=1.0, outcome_log=path))
    client = await world.session()
    await client.private("AddOrder", ORDER)
    await told(client.private("AddOrder", {**ORDER, "price": "0"}))
    await lost(world, client, Fault.reset("after").with_(visibility=10.0))
    await asyncio.sleep(60)
    await lost(world, client, Fault.reset("before"))
    await asyncio.sleep(300)
    await client.dismiss(await lost(world, client, Fault.reset("before")))
    await (await lost(world, client, Fault.reset("after").with_(visibility=10.0))).ensure_cancelled()
    found = logged(path)
    assert found[:8] == [
        *(("done", None), ("refused", None), ("unknown", "not seen"), ("done", None)),
        *(("unknown", "not seen"), ("unknown", "absent"), ("unknown", "not seen"), ("dismissed", None)),
    ]
    assert found[8] == ("unknown", "not seen")
    assert found[-1] == ("cancelled", None)
    assert path.stat().st_mode & 0o777 == 0o600
    assert '"20000"' not in path.read_text()
    await client.aclose()


@virtual
async def test_a_log_that_is_full_is_begun_again_and_one_that_fails_stops_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outcome_log, "LARGEST", 300)
    path = tmp_path / "outcomes.jsonl"
    world = World(tmp_path / "state", policy=OrderPolicy(outcome_log=path))
    client = await world.session()
    for _ in range(4):
        await client.private("AddOrder", ORDER)
    assert path.with_name("outcomes.jsonl.1").exists()
    path.unlink(missing_ok=True)
    path.mkdir()
    for _ in range(2):
        assert (await client.private("AddOrder", ORDER))["txid"]
    assert caplog.text.count("outcomes cannot be written") == 1
    await client.aclose()
