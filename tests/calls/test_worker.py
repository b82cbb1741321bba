"""What the worker gives a call: its time, and the way past an overtaking cancel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kraken_async import (
    KrakenError,
    KrakenSession,
    NonceStoreError,
    Outcome,
    Response,
    RetryPolicy,
    SignedRequest,
    TransportError,
)
from kraken_async.stores.memory import MemoryKey
from tests.exchange import session_through
from tests.virtual_time import virtual

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}


class Exchange:
    """Answers at once, but for what is held."""

    def __init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        self.sent: list[tuple[str, float, float]] = []  # name, its time, when
        self.held: dict[str, asyncio.Event] = {}

    async def send(self, request: SignedRequest, timeout: float) -> Response:
        name = request.path.rpartition("/")[2]
        self.sent.append((name, timeout, self.clock()))
        if name in self.held:
            await self.held[name].wait()
        return Response(200, {}, b'{"error":[],"result":{"count":1,"txid":["OAAAAA-BBBBB-CCCCCC"]}}')

    def session(self, **options: Any) -> KrakenSession:
        return session_through(self.send, **options)


@virtual
async def test_a_read_has_ten_seconds_and_what_changes_something_thirty() -> None:
    exchange = Exchange()
    async with exchange.session() as client:
        await client.private("Balance")
        await client.private("AddOrder", {**ORDER, "validate": True})
        await client.with_options(timeout=4.0).private("Balance")
    assert [time for name, time, _ in exchange.sent if name != "Time"] == [10.0, 30.0, 4.0]


@virtual
async def test_a_time_of_the_session_is_that_of_all_its_calls() -> None:
    exchange = Exchange()
    async with exchange.session(timeout=7.0) as client:
        await client.private("Balance")
        await client.private("CancelAll")
    assert [time for _, time, _ in exchange.sent] == [7.0, 7.0]


@virtual
@pytest.mark.parametrize("rounds", [1, 2])
async def test_after_an_overtaking_cancel_was_answered_the_next_call_goes_at_once(rounds: int) -> None:
    exchange = Exchange()
    async with exchange.session() as client:
        for _ in range(rounds):
            exchange.held["Ledgers"] = asyncio.Event()
            stalled = asyncio.create_task(client.private("Ledgers"))
            await asyncio.sleep(0.1)
            await client.private("CancelAll")  # past it, after its patience
            exchange.held["Ledgers"].set()
            await stalled
            asked = exchange.clock()
            await client.private("Balance")
            assert exchange.sent[-1] == ("Balance", 10.0, asked)
    names = [name for name, _, _ in exchange.sent]
    assert names == ["Ledgers", "CancelAll", "Balance"] * rounds


@virtual
async def test_the_next_call_waits_for_an_overtaking_cancel_no_longer_than_its_patience() -> None:
    exchange = Exchange()
    exchange.held = {"Ledgers": asyncio.Event(), "CancelAll": asyncio.Event()}
    async with exchange.session(cancel_patience=2.0) as client:
        stalled = asyncio.create_task(client.private("Ledgers"))
        await asyncio.sleep(0.1)
        cancel = asyncio.create_task(client.private("CancelAll"))
        await asyncio.sleep(3.0)
        asked = exchange.clock()
        exchange.held["Ledgers"].set()
        await stalled
        await client.private("Balance")
        assert exchange.sent[-1][2] == pytest.approx(asked + 2.0, abs=0.01)
        exchange.held["CancelAll"].set()
        await cancel


@virtual
async def test_without_the_shared_state_calls_fail_unsent_and_cancels_go_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = Exchange()

    def out_of_reach(key: MemoryKey) -> bool:
        raise NonceStoreError("out of reach")

    async with exchange.session() as client:
        monkeypatch.setattr(MemoryKey, "try_acquire_turn", out_of_reach)
        async with asyncio.timeout(60):
            asked = [client.private(name) for name in ("Balance", "CancelAll", "Ledgers", "CancelAll")]
            found = await asyncio.gather(*asked, return_exceptions=True)
        monkeypatch.undo()
    assert [name for name, _, _ in exchange.sent] == ["CancelAll", "CancelAll"]
    for place in (0, 2):
        error = found[place]
        assert isinstance(error, NonceStoreError)
        assert error.outcome is Outcome.NOT_SENT
        assert "out of reach" in str(error)


@virtual
async def test_a_store_that_fails_cancels_too_fails_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange()
    really_step = MemoryKey.step

    async def step(key: MemoryKey, choose: Any, *, overtake: bool = False) -> Any:
        if overtake:
            raise NonceStoreError("not even for a cancel")
        return await really_step(key, choose)

    exchange.held["Balance"] = asyncio.Event()
    async with exchange.session() as client:
        monkeypatch.setattr(MemoryKey, "step", step)
        stalled, waiting = (asyncio.create_task(client.private(name)) for name in ("Balance", "Ledgers"))
        await asyncio.sleep(0.1)
        with pytest.raises(NonceStoreError, match="not even for a cancel"):
            await client.private("CancelAll")
        exchange.held["Balance"].set()
        await asyncio.gather(stalled, waiting)
    assert [name for name, _, _ in exchange.sent] == ["Balance", "Ledgers"]


@virtual
async def test_faults_are_among_the_problems_for_ten_minutes_and_counted_on() -> None:
    exchange = Exchange()

    async def send(request: SignedRequest, timeout: float) -> Response:
        if request.path.endswith("Ledgers"):
            raise ValueError
        return await exchange.send(request, timeout)

    def told(client: KrakenSession) -> list[str]:
        return [str(each) for each in client.stats().problems if "since the session was opened" in str(each)]

    async with exchange.session(transport=send, retry=RetryPolicy(attempts=1)) as client:
        assert told(client) == []
        for number in (1, 2):
            with pytest.raises(KrakenError):
                await client.private("Ledgers")
            (text,) = told(client)
            assert text.startswith(f"{number} fault")
            await asyncio.sleep(599.0)
            assert len(told(client)) == 1
            await asyncio.sleep(2.0)
            assert told(client) == []


@virtual
async def test_statistics_tell_the_waiting_the_one_in_flight_and_what_waits_in_each_class() -> None:
    exchange = Exchange()
    exchange.held["Balance"] = asyncio.Event()
    async with exchange.session() as client:
        asked = [
            asyncio.create_task(client.private(name))
            for name in ("Balance", "Ledgers", "Ledgers", "TradeBalance")
        ]
        await asyncio.sleep(0.1)
        stats = client.stats()
        assert stats.queue_depth["HISTORY"] == 2
        assert stats.queue_depth["READ"] == 1
        assert stats.queue_age["HISTORY"] == pytest.approx(0.1)
        assert stats.queue_age["READ"] == pytest.approx(0.1)
        assert stats.in_flight
        exchange.held["Balance"].set()
        await asyncio.gather(*asked)
        assert not client.stats().in_flight
        assert sum(client.stats().queue_depth.values()) == 0


async def test_calls_one_after_the_other_take_a_turn_of_the_loop_each() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with Exchange().session() as client:
        await client.private("Balance")
        counting = asyncio.ensure_future(count())
        await asyncio.sleep(0)
        before = turns
        for _ in range(100):
            await client.private("Balance")
        taken = turns - before
        counting.cancel()
    assert taken <= 110  # two each, if the worker slept between them


@virtual
async def test_a_worker_that_is_closed_in_an_exchange_ends_and_fails_what_waits() -> None:
    """As a loop's tasks are closed when they are collected: then an await is no longer possible."""
    exchange = Exchange()
    exchange.held["Balance"] = asyncio.Event()
    async with exchange.session() as client:
        call = asyncio.create_task(client.private("Balance"))
        await asyncio.sleep(0.5)
        (worker,) = (each for each in asyncio.all_tasks() if "CallWorker.run" in repr(each.get_coro()))
        coroutine: Any = worker.get_coro()
        coroutine.close()
        worker.cancel()  # it would not run again by itself
        with pytest.raises(TransportError, match="was in flight when the session was closed"):
            await call
