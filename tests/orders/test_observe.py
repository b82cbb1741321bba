"""What a bot sees on Kraken's WebSocket settles lost orders at once, and corrects the matching engine's counter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kraken_async import BurstGovernor, KrakenSession, OrderError, OrderPolicy, OutcomeUnknown, SessionClosed
from kraken_async.emulator import Emulator, Fault
from kraken_async.orders import reconciler
from kraken_async.orders.executions import executions
from tests.exchange import exchange, until

ORDER: dict[str, Any] = {
    "pair": "XBTUSD",
    "type": "buy",
    "ordertype": "limit",
    "price": "30000",
    "volume": "0.01",
}


def moment(ago: float = 0.0) -> str:
    return datetime.fromtimestamp(time.time() - ago, UTC).isoformat().replace("+00:00", "Z")


def event(**fields: Any) -> dict[str, Any]:
    """A message as Kraken documents it: one order that has just been placed."""
    row = {
        "order_id": "OAAAAA-BBBBB-CCCCCC",
        "exec_type": "new",
        "order_status": "new",
        "symbol": "BTC/USD",
        "side": "buy",
        "order_type": "limit",
        "order_qty": 0.01,
        "limit_price": 30000.0,
        "cum_qty": 0.0,
        "time_in_force": "GTC",
        "timestamp": moment(),
        "order_userref": 0,
        **fields,
    }
    return {"channel": "executions", "type": "update", "data": [row], "sequence": 7}


@asynccontextmanager
async def opened(tmp_path: Path, **options: Any) -> AsyncIterator[tuple[Emulator, KrakenSession]]:
    options.setdefault("governor", BurstGovernor("pro", startup_window=0))
    async with exchange(tmp_path) as kraken, kraken.session(account=str(tmp_path), **options) as client:
        yield kraken.emulator, client


def unreachable(emulator: Emulator) -> None:
    for endpoint in ("OpenOrders", "ClosedOrders"):
        emulator.faults.next(endpoint, *[Fault.refuse("EService:Unavailable")] * 500)


async def test_an_order_seen_while_it_is_looked_up_is_settled_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (emulator, client):
        unreachable(emulator)
        emulator.faults.next("AddOrder", Fault.reset("after"))
        lost = asyncio.create_task(client.private("AddOrder", ORDER))
        await until(lambda: any(a.endpoint == "OpenOrders" for a in emulator.history))
        (order,) = emulator.orders.values()
        client.observe(event(order_id=order.txid, cl_ord_id=order.cl_ord_id))
        result = await asyncio.wait_for(lost, 10.0)
        assert result["txid"] == [order.txid]
        assert result["descr"]["order"] == "buy 0.01 BTC/USD @ limit 30000.0"
        assert client.unresolved() == []


async def test_an_order_seen_before_its_answer_is_lost_needs_no_look_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as (emulator, client):
        emulator.faults.next("AddOrder", Fault.hang())
        lost = asyncio.create_task(client.with_options(timeout=0.5).private("AddOrder", ORDER))
        await until(lambda: emulator.orders)
        (order,) = emulator.orders.values()
        client.observe(json.dumps(event(order_id=order.txid, cl_ord_id=order.cl_ord_id)))
        assert not lost.done()  # its answer may still come
        assert (await lost)["txid"] == [order.txid]
        assert not [a for a in emulator.history if a.endpoint in ("OpenOrders", "ClosedOrders")]


async def test_an_order_of_the_callers_own_id_is_looked_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "FIRST_PAUSE", 60.0)  # the next look would be at the end of the search
    async with opened(tmp_path, governor=BurstGovernor.off()) as (emulator, client):
        emulator.faults.next("AddOrder", Fault.reset("after").with_(visibility=1.2))
        lost = asyncio.create_task(client.private("AddOrder", ORDER, cl_ord_id="mine"))
        await until(lambda: [a.endpoint for a in emulator.history].count("ClosedOrders") == 1)
        (order,) = emulator.orders.values()
        monkeypatch.setattr(reconciler, "PAUSE", 0.1)  # from the look that follows
        client.observe(event(order_id=order.txid, cl_ord_id="mine"))
        await until(lambda: [a.endpoint for a in emulator.history].count("OpenOrders") > 1)
        # As the emulator shows it, so it was asked: the event alone proves nothing of an id that may be used again.
        assert "XBTUSD" in (await lost)["descr"]["order"]


async def test_an_event_of_another_order_settles_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, orders=OrderPolicy(settle_timeout=0.6)) as (emulator, client):
        unreachable(emulator)
        emulator.faults.next("AddOrder", Fault.reset("before"))
        lost = asyncio.create_task(client.private("AddOrder", ORDER))
        await until(lambda: any(a.endpoint == "OpenOrders" for a in emulator.history))
        for other in ({}, {"cl_ord_id": "6d1b345e-2821-40e2-ad83-4ecb18a06876"}, {"order_userref": 5}):
            client.observe(event(**other))
        with pytest.raises(OutcomeUnknown):
            await lost


async def test_one_told_as_unknown_is_settled_later_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    policy = OrderPolicy(settle_timeout=0.2)
    async with opened(tmp_path, orders=policy, on_settled=told.append) as (emulator, client):
        unreachable(emulator)
        emulator.faults.next("AddOrder", Fault.reset("after"))
        with pytest.raises(OutcomeUnknown):
            await client.private("AddOrder", ORDER)
        (order,) = emulator.orders.values()
        client.observe(event(order_id=order.txid, cl_ord_id=order.cl_ord_id, exec_type="canceled"))
        await until(lambda: told)
        assert told[0].result["txid"] == [order.txid]
        assert "outcome is unknown: it was done" in caplog.text
        assert client.unresolved() == []


async def test_a_userref_made_here_for_a_conditional_close_proves_nothing_by_itself(tmp_path: Path) -> None:
    policy = OrderPolicy(settle_timeout=0.6)
    async with opened(tmp_path, orders=policy) as (emulator, client):
        unreachable(emulator)
        emulator.faults.next("AddOrder", Fault.reset("after"))
        close = {"close[ordertype]": "limit", "close[price]": "31000"}
        lost = asyncio.create_task(client.private("AddOrder", {**ORDER, **close}))
        await until(lambda: any(a.endpoint == "OpenOrders" for a in emulator.history))
        (order,) = emulator.orders.values()
        client.observe(event(order_userref=order.userref))  # it may be the child
        with pytest.raises(OutcomeUnknown):
            await lost


async def test_a_batch_is_settled_once_all_its_orders_were_seen(tmp_path: Path) -> None:
    async with opened(tmp_path) as (emulator, client):
        unreachable(emulator)
        emulator.faults.next("AddOrderBatch", Fault.reset("after"))
        rows = [{name: value for name, value in ORDER.items() if name != "pair"}] * 2
        lost = asyncio.create_task(client.private("AddOrderBatch", pair="XBTUSD", orders=rows))
        await until(lambda: any(a.endpoint == "OpenOrders" for a in emulator.history))
        for number, order in enumerate(emulator.orders.values()):
            assert not lost.done()
            client.observe(event(order_id=order.txid, cl_ord_id=order.cl_ord_id)["data"][0])
            assert number < 2
        result = await asyncio.wait_for(lost, 10.0)
        assert [row["txid"] for row in result["orders"]] == list(emulator.orders)


def decayed(level: float, began: float, within: float = 0.5) -> Any:
    """What is left of a level that has decayed since, by one a second."""
    passed = time.monotonic() - began
    return pytest.approx(level - passed / 2, abs=passed / 2 + within)


@pytest.mark.parametrize("name", ["ratecounter", "ratecount"])
async def test_the_counter_takes_the_level_that_kraken_names(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path) as (_, client):
        began = time.monotonic()
        client.observe(event(**{name: 100.0}))
        assert client.budget().pairs["XBTUSD"] == decayed(100.0, began)
        placed = await client.private("AddOrder", ORDER)
        assert client.budget().pairs["XBTUSD"] == decayed(101.0, began, 1.0)
        # From before the order was charged: Kraken had not seen it. A higher one counts all the same.
        client.observe(event(timestamp=moment(10.0), **{name: 3.0}))
        assert client.budget().pairs["XBTUSD"] > 95 - (time.monotonic() - began)
        began = time.monotonic() - 5.0  # it may count from its time, or from now
        client.observe(event(timestamp=moment(1.0), **{name: 150.0}))
        assert client.budget().pairs["XBTUSD"] == decayed(150.0, began)
        # After it: so it is, here and for the other sessions on the key.
        began = time.monotonic()
        client.observe(event(order_id=placed["txid"][0], timestamp=moment(-2.0), **{name: 2.0}))
        assert client.budget().pairs["XBTUSD"] == decayed(2.0, began)
        await client.private("Balance")
        assert client.budget().pairs["XBTUSD"] < 2.5


async def test_the_age_of_an_order_placed_elsewhere_is_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, client):
        client.observe(event(order_id="OOTHER-AAAAA-BBBBBB", timestamp=moment(100.0), ratecounter=0.0))
        client.observe(event(order_id="OYOUNG-AAAAA-BBBBBB", timestamp=moment(1.0)))
        for txid, least, most in (("OOTHER-AAAAA-BBBBBB", 0.0, 1.5), ("OYOUNG-AAAAA-BBBBBB", 7.0, 9.5)):
            before, began = client.budget().pairs["XBTUSD"], time.monotonic()
            with contextlib.suppress(OrderError):  # the emulator knows no such order
                await client.private("CancelOrder", txid=txid)
            charged = client.budget().pairs["XBTUSD"] - before
            assert least - 0.2 - (time.monotonic() - began) <= charged <= most


def test_what_is_no_execution_tells_nothing() -> None:
    for message in (
        {"channel": "heartbeat"},
        {"channel": "status", "data": [{"order_id": "O1"}]},
        {"method": "subscribe", "result": {}, "success": True},
        {"channel": "executions", "data": None},
        {"channel": "executions", "data": ["odd", {"order_id": 5}, {}]},
        {},
    ):
        assert executions(message) == []
    (odd,) = executions({"order_id": "O1", "timestamp": "odd", "ratecounter": "odd", "order_qty": "odd"})
    assert (odd.at, odd.level) == (None, None)


@pytest.mark.parametrize("message", ["no json", "[]", 5, None])
def test_what_is_no_message_is_refused(message: Any) -> None:
    with pytest.raises(ValueError):
        executions(message)


async def test_it_belongs_to_an_open_session_with_a_key() -> None:
    with pytest.raises(SessionClosed):
        KrakenSession().observe(event())
