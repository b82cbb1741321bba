"""Submission: what is asked for becomes a call in the queue, each with what is its own."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    CallRecord,
    GuardRefused,
    InvalidArguments,
    KrakenError,
    KrakenSession,
    MemoryStore,
    Outcome,
    Priority,
    QueueFull,
    QueueTimeout,
    Request,
    Response,
    RetryPolicy,
    SessionClosed,
    SignedRequest,
    TemporaryLockout,
    guards,
)
from kraken_async.client import in_body, lenient
from kraken_async.emulator import Fault
from kraken_async.stores.base import Shared
from kraken_async.stores.memory import MemoryKey
from tests.conftest import key_state
from tests.exchange import session_through
from tests.orders.fault_support import LIMIT, World, told
from tests.stores.store_support import setting
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


ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}


class Exchange:
    """Answers at once, but for what is held; a body that a test lays out comes first."""

    def __init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        self.sent: list[str] = []
        self.bytes_sent: list[bytes] = []
        self.held: dict[str, asyncio.Event] = {}
        self.bodies: dict[str, list[bytes]] = {}

    async def send(self, request: SignedRequest, timeout: float) -> Response:
        name = request.path.rpartition("/")[2]
        self.sent.append(name)
        self.bytes_sent.append(request.body)
        if name in self.held:
            await self.held[name].wait()
        laid_out = self.bodies.get(name)
        body = (
            laid_out.pop(0)
            if laid_out
            else b'{"error":[],"result":{"count":1,"txid":["OAAAAA-BBBBB-CCCCCC"]}}'
        )
        return Response(200, {}, body)

    def session(self, **options: Any) -> KrakenSession:
        return session_through(self.send, **options)


@virtual
async def test_what_is_worth_a_warning_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    exchange = Exchange()
    async with exchange.session() as client:
        for _ in range(3):
            await client.private("Balance")
            await client.private("SomethingNew")
            await client.private("SomethingElse")
    said = [each.getMessage() for each in caplog.records]
    assert sum("this key has no state yet" in text for text in said) == 1
    assert sum("SomethingNew" in text for text in said) == 1
    assert sum("SomethingElse" in text for text in said) == 1
    assert not [text for text in said if "Balance" in text]


@virtual
async def test_a_call_that_is_turned_away_is_reported_with_the_class_it_would_have_had() -> None:
    records: list[CallRecord] = []
    exchange = Exchange()
    async with exchange.session(observers=[records.append]) as client:
        with pytest.raises(GuardRefused):
            await client.private("Withdraw", asset="XBT", key="mine", amount="1")
        with pytest.raises(InvalidArguments):
            await client.private("AddOrder", {**ORDER, "volumee": "1"})
        with pytest.raises(GuardRefused):
            await client.with_options(priority=Priority.HISTORY).private(
                "Withdraw", asset="XBT", key="k", amount="1"
            )
    assert exchange.sent == []
    assert [each.endpoint for each in records] == ["Withdraw", "AddOrder", "Withdraw"]
    assert [each.priority for each in records[1:]] == ["PLACE", "HISTORY"]


@virtual
async def test_money_is_refused_before_a_guard_of_ones_own_and_it_may_change_a_call() -> None:
    exchange = Exchange()
    exchange.bodies["CancelAll"] = [b'{"error":[],"result":{"count":0}}']
    exchange.bodies["Withdraw"] = [b'{"error":[],"result":{"refid":"FTAAAAA-BBBBBB-CCCCCC"}}']
    seen: list[str] = []

    def guard(request: Request) -> Request:
        seen.append(request.endpoint)
        if request.endpoint == "Ledgers":
            return Request("Balance", {}, changes=False)
        return request

    async with exchange.session(guard=guard) as client:
        await client.private("Ledgers")
        await client.private("CancelAll")
    assert seen == ["Ledgers", "CancelAll"]
    assert exchange.sent == ["Balance", "CancelAll"]
    async with exchange.session(guard=guards.allow_all) as client:
        await client.private("Withdraw", asset="XBT", key="mine", amount="1")
    assert exchange.sent[-1] == "Withdraw"


@virtual
async def test_a_guard_of_ones_own_sees_every_call_and_so_do_stricter_checks() -> None:
    exchange = Exchange()
    seen: list[str] = []

    def guard(request: Request) -> Request:
        seen.append(request.endpoint)
        return request

    async with exchange.session(guard=guard) as client:
        for _ in range(3):
            await client.private("Balance")
    assert seen == ["Balance"] * 3
    async with exchange.session() as client:
        for _ in range(2):
            await lenient(client).private("QueryOrders")
            with pytest.raises(InvalidArguments):
                await client.private("QueryOrders")


@virtual
async def test_a_read_is_sent_with_the_fields_and_in_the_form_that_are_asked_for() -> None:
    exchange = Exchange()
    async with exchange.session() as client:
        for view in (client, in_body(client, "json"), client):
            await view.private("Balance")
        await client.private("Balance", rebase_multiplier="base")
    assert [body[:1] == b"{" for body in exchange.bytes_sent] == [False, True, False, False]
    assert [b"rebase_multiplier=base" in body for body in exchange.bytes_sent] == [False, False, False, True]


@virtual
async def test_orders_without_fields_have_an_id_each() -> None:
    exchange = Exchange()
    async with exchange.session(checks=False) as client:
        for _ in range(3):
            await client.private("AddOrder")
    ids = {part for body in exchange.bytes_sent for part in body.split(b"&") if b"cl_ord_id" in part}
    assert len(ids) == 3


@virtual
async def test_a_record_says_how_long_a_call_waited_before_it_was_first_sent_or_ended_unsent() -> None:
    records: list[CallRecord] = []
    exchange = Exchange()
    exchange.held["Balance"] = asyncio.Event()
    exchange.bodies["Ledgers"] = [b'{"error":["EService:Busy"]}']
    retry = RetryPolicy(base=4.0, jitter=lambda: 1.0)
    async with exchange.session(retry=retry, observers=[records.append]) as client:
        stalled = asyncio.create_task(client.private("Balance"))
        await asyncio.sleep(0.5)
        with pytest.raises(QueueTimeout):
            await client.with_options(queue_timeout=1.5).private("TradeBalance")
        exchange.held["Balance"].set()
        await stalled
        await client.private("Ledgers")
    expired, _, repeated = records
    assert (expired.attempts, repeated.attempts) == (0, 2)
    assert expired.wait == pytest.approx(1.5, abs=0.1)
    assert repeated.wait == pytest.approx(0.0, abs=0.1)


@virtual
async def test_a_read_that_finds_the_queue_full_is_counted_as_not_sent() -> None:
    records: list[CallRecord] = []
    exchange = Exchange()
    exchange.held["Balance"] = asyncio.Event()
    async with exchange.session(max_queued=1, observers=[records.append]) as client:
        calls = [asyncio.create_task(client.private("Balance")) for _ in range(2)]
        await asyncio.sleep(0.1)
        calls.append(asyncio.create_task(client.private("Balance")))
        await asyncio.sleep(0.1)
        with pytest.raises(QueueFull):
            await client.with_options(priority=Priority.HISTORY, queue_timeout=1.0).private("Ledgers")
        assert [(each.endpoint, each.priority, each.outcome) for each in records][-1] == (
            *("Ledgers", "HISTORY", "not sent"),
        )
        await asyncio.sleep(2.0)  # nothing expires that was turned away
        exchange.held["Balance"].set()
        await asyncio.gather(*calls, return_exceptions=True)
    assert sum(each.endpoint == "Ledgers" for each in records) == 1


@virtual
async def test_a_call_expires_in_the_queue_and_not_once_it_was_sent() -> None:
    exchange = Exchange()
    exchange.held["Balance"] = asyncio.Event()
    exchange.bodies["Ledgers"] = [b'{"error":["EService:Busy"]}']
    retry = RetryPolicy(base=4.0, jitter=lambda: 1.0)
    async with exchange.session(retry=retry) as client:
        impatient = client.with_options(queue_timeout=1.5)
        stalled = asyncio.create_task(client.private("Balance"))
        await asyncio.sleep(0.5)
        began = exchange.clock()
        with pytest.raises(QueueTimeout, match=r"waited 1\.5 s \(queue_timeout\) and was not sent"):
            await impatient.private("Ledgers")
        assert exchange.clock() - began == pytest.approx(1.5)
        exchange.held["Balance"].set()
        await stalled
        await impatient.private("Ledgers")  # refused as busy, and sent again after four seconds
        assert exchange.clock() - began == pytest.approx(5.5)
    assert exchange.sent == ["Balance", "Ledgers", "Ledgers"]


@virtual
async def test_an_order_that_waits_for_krakens_time_expires_with_its_patience() -> None:
    exchange = Exchange()
    exchange.held["Time"] = asyncio.Event()
    async with exchange.session() as client:
        began = exchange.clock()
        with pytest.raises(QueueTimeout):
            await client.with_options(queue_timeout=0.5).private("AddOrder", ORDER)
        assert exchange.clock() - began == pytest.approx(0.5)
        await client.with_options(queue_timeout=5.0).private("AddOrder", ORDER)
        assert exchange.clock() - began == pytest.approx(
            2.0
        )  # Kraken was asked for two seconds, for all orders
        await client.private("AddOrder", ORDER)
        await client.private("CancelAll")
    assert exchange.sent == ["Time", "AddOrder", "AddOrder", "CancelAll"]


def setattr_of(name: str, value: float, shared: Shared) -> None:
    setattr(shared, name, value)


@virtual
async def test_the_shared_state_is_read_afresh_only_where_it_closes_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    updates = 0
    really_update = MemoryKey.update

    async def counting(key: MemoryKey, change: Any) -> Any:
        nonlocal updates
        updates += 1
        return await really_update(key, change)

    exchange, store = Exchange(), MemoryStore()
    async with exchange.session(store=store) as client, key_state(store, "key") as other:
        monkeypatch.setattr(MemoryKey, "update", counting)
        await client.private("Balance")
        assert updates == 0
        now = exchange.clock()
        for field, value in (("halted", True), ("lockout_until", now - 1.0), ("pause_until", now - 1.0)):
            await other.update(partial(setattr_of, field, value))
            before = updates
            await client.private("Balance")
            assert updates > before
            await other.update(partial(setattr_of, field, 0.0))


@virtual
async def test_a_lockout_fails_calls_at_once_but_those_that_are_to_go_all_the_same() -> None:
    exchange, store = Exchange(), MemoryStore()
    async with exchange.session(store=store) as client, key_state(store, "key") as other:
        await other.update(setting(lockout_until=exchange.clock() + 900.0))
        with pytest.raises(TemporaryLockout):
            await client.private("Balance")
        await client.with_options(ignore_breaker=True).private("Balance")
        await client.private("Balance")  # Kraken has answered
    assert exchange.sent == ["Balance", "Balance"]


@virtual
@pytest.mark.parametrize("field", ["lockout_until", "pause_until"])
async def test_a_closed_key_is_told_at_once_and_not_when_the_call_in_flight_has_ended(field: str) -> None:
    exchange, store = Exchange(), MemoryStore()
    exchange.held["Ledgers"] = asyncio.Event()
    async with exchange.session(store=store) as client, key_state(store, "key") as other:
        stalled = asyncio.create_task(client.private("Ledgers"))
        await asyncio.sleep(0.1)
        await other.update(partial(setattr_of, field, exchange.clock() + 900.0))
        with pytest.raises(KrakenError) as told:
            async with asyncio.timeout(1.0):
                await client.private("Balance")
        assert told.value.outcome is Outcome.NOT_SENT
        exchange.held["Ledgers"].set()
        await stalled
    assert exchange.sent == ["Ledgers"]


@virtual
async def test_nothing_new_is_taken_while_closing_and_what_waits_ends() -> None:
    exchange = Exchange()
    exchange.held["Balance"] = asyncio.Event()
    client = exchange.session()
    await client.open()
    stalled = asyncio.create_task(client.private("Balance"))
    await asyncio.sleep(0.1)
    waiting = asyncio.create_task(client.private("Ledgers"))
    await asyncio.sleep(0.1)
    closing = asyncio.create_task(client.aclose(5.0))
    await asyncio.sleep(0.1)
    for late in (client.private("TradeBalance"), waiting):
        with pytest.raises(SessionClosed):
            await late
    exchange.held["Balance"].set()
    await closing
    assert await stalled
    assert exchange.sent == ["Balance"]


@virtual
async def test_a_cancel_takes_back_what_it_names_and_nothing_that_was_sent_or_has_another_name() -> None:
    exchange = Exchange()
    exchange.held["AddOrder"] = asyncio.Event()
    async with exchange.session() as client:
        first = asyncio.create_task(client.private("AddOrder", ORDER, cl_ord_id="first"))
        await asyncio.sleep(0.1)
        second, third = (
            asyncio.create_task(client.private("AddOrder", ORDER, cl_ord_id=name))
            for name in ("second", "third")
        )
        await asyncio.sleep(0.1)
        cancels = [
            asyncio.create_task(client.private("CancelOrder", cl_ord_id=name)) for name in ("first", "second")
        ]
        await asyncio.sleep(0.1)
        assert second.done()
        assert "its cancel came (cl_ord_id=second)" in str(second.exception())
        assert not first.done()
        exchange.held["AddOrder"].set()
        assert (await first)["txid"]
        assert (await third)["txid"]
        await asyncio.gather(*cancels)
    assert exchange.sent.count("AddOrder") == 2
