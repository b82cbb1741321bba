"""What a failed exchange leads to, as a table; and that it is carried out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async import (
    InvalidNonce,
    KrakenError,
    MemoryStore,
    NonceStoreError,
    Outcome,
    OutcomeUnknown,
    RequestTimeout,
    RetryPolicy,
)
from kraken_async.api.endpoints import find
from kraken_async.call import DEFAULTS, Call, CallState
from kraken_async.calls.ledger import CallLedger
from kraken_async.calls.lost_orders import LostOrders
from kraken_async.calls.market_modes import MarketModes
from kraken_async.calls.replies import Next, ReplyHandler, decide
from kraken_async.calls.request_queue import RequestQueue
from kraken_async.calls.tasks import Tasks
from kraken_async.limits.governor import BurstGovernor
from kraken_async.limits.order_ages import Age
from kraken_async.monitoring.metrics import Metrics
from kraken_async.monitoring.reporter import Listeners, Reporter
from kraken_async.orders.policy import OrderPolicy
from kraken_async.orders.tracker import OrderTracker
from kraken_async.problems import ProblemBoard
from kraken_async.server_time import ServerTime
from kraken_async.stores.base import KeyState, Shared
from kraken_async.wire.error_table import api_error
from tests.virtual_time import START, virtual

LOST = RequestTimeout("no answer within 10 s", outcome=Outcome.UNKNOWN)
TXID = {"txid": "OAAAAA-BBBBB-CCCCCC"}


def sent(name: str, params: dict[str, Any] | None = None, **changes: Any) -> Call:
    endpoint = find(name, private=True)
    future = asyncio.get_running_loop().create_future()
    call = Call(endpoint, params or {}, b"", endpoint.priority, 10.0, DEFAULTS, future)
    call.attempt = 1
    for field, value in changes.items():
        setattr(call, field, value)
    return call


def refused(text: str, name: str) -> KrakenError:
    return api_error([text], name, changes=find(name, private=True).changes)


def decided(call: Call, error: KrakenError, *, closing: bool = False) -> Next:
    retry = RetryPolicy(jitter=lambda: 1.0)
    return decide(call, error, retry, elapsed=0.0, server_now=0.0, closing=closing).next


@pytest.mark.parametrize(
    ("name", "params", "error", "unknown_before", "leads_to"),
    [
        ("Balance", {}, LOST, False, Next.REPEAT),
        ("Balance", {}, "EService:Busy", False, Next.REPEAT),
        ("Balance", {}, "EGeneral:Permission denied", False, Next.GIVE_UP),
        ("Balance", {}, "EAPI:Invalid nonce", False, Next.HEAL_NONCE),
        ("Balance", {}, "EAPI:Invalid nonce", True, Next.HEAL_NONCE),
        ("AddOrder", {}, LOST, False, Next.GIVE_UP),
        ("AddOrder", {}, "EService:Busy", False, Next.GIVE_UP),
        ("AddOrder", {}, "EAPI:Invalid nonce", False, Next.HEAL_NONCE),
        ("AddOrder", {}, "EAPI:Invalid nonce", True, Next.GIVE_UP),
        ("CancelOrder", TXID, LOST, False, Next.REPEAT),
        ("CancelOrder", TXID, "EOrder:Unknown order", False, Next.GIVE_UP),
        ("CancelOrder", TXID, "EOrder:Unknown order", True, Next.GOAL_REACHED),
        ("CancelOrder", {"txid": 7}, LOST, False, Next.GIVE_UP),
        ("Withdraw", {}, LOST, False, Next.GIVE_UP),
    ],
)
async def test_what_a_failure_leads_to(
    name: str, params: dict[str, Any], error: KrakenError | str, unknown_before: bool, leads_to: Next
) -> None:
    failure = refused(error, name) if isinstance(error, str) else error
    assert decided(sent(name, params, unknown_before=unknown_before), failure) is leads_to


async def test_nothing_is_repeated_for_a_caller_who_has_left_nor_later_while_closing() -> None:
    gone = sent("Balance")
    gone.future.cancel()
    assert decided(gone, LOST) is Next.GIVE_UP
    assert decided(sent("Balance"), refused("EService:Busy", "Balance"), closing=True) is Next.GIVE_UP
    assert decided(sent("CancelOrder", TXID), LOST, closing=True) is Next.REPEAT  # at once


class Bench:
    """A handler without a key, or with a stand-in: only for what needs no more."""

    def __init__(self, retry: RetryPolicy | None = None, key: Any = None) -> None:
        clock = asyncio.get_running_loop().time
        none: Any = None
        tasks, queue, time = Tasks(), RequestQueue(), ServerTime(clock)
        reporter = Reporter(Metrics(), Listeners(), tasks.start, clock)
        policy = OrderPolicy(journal=False)
        self.tracker = OrderTracker(policy, None, time, none)
        self.ledger = CallLedger(queue, (self.tracker, reporter))
        lost = LostOrders(policy, self.tracker, none, self.ledger, reporter, tasks, none, time, clock)
        gate = BurstGovernor.off().admission(None, "none", clock, queue.wake)
        self.handler = ReplyHandler(
            self.ledger,
            queue,
            key,
            gate,
            retry or RetryPolicy(attempts=1),
            none,
            lost,
            reporter,
            MarketModes(ProblemBoard(), clock),
            tasks,
            time,
            clock,
        )

    async def lose(self, name: str, params: dict[str, Any]) -> Call:
        call = sent(name, params, attempt=0)
        await self.tracker.record(call)
        self.ledger.enqueue(call)
        self.ledger.send(call, 17, 1.0)
        await self.handler.failed(call, RequestTimeout("no answer", outcome=Outcome.UNKNOWN))
        return call


async def test_an_order_that_was_only_validated_had_no_effect_whatever_happened() -> None:
    call = await Bench().lose("AddOrder", {"validate": True, "pair": "XBTUSD"})
    with pytest.raises(RequestTimeout):
        await call.future


async def test_a_write_that_cannot_be_looked_up_is_unknown_at_once() -> None:
    call = await Bench().lose("Withdraw", {"asset": "XBT", "amount": "1"})
    with pytest.raises(OutcomeUnknown) as caught:
        await call.future
    assert isinstance(caught.value.__cause__, RequestTimeout)
    assert caught.value.finding is None
    assert call.state is CallState.ENDED


async def test_the_end_of_the_worker_says_of_an_order_in_flight_what_was_found() -> None:
    bench = Bench()
    call = sent("AddOrder", {"pair": "XBTUSD", "cl_ord_id": "mine"}, attempt=0)
    await bench.tracker.record(call)
    bench.ledger.enqueue(call)
    bench.ledger.send(call, 17, 1.0)
    bench.handler.worker_ended(None)
    with pytest.raises(OutcomeUnknown) as caught:
        await call.future
    assert caught.value.finding == "unreachable"
    assert bench.tracker.given_up(call.order.intent.id) is call.order


def test_a_nonce_that_was_not_refused_by_kraken_is_not_healed() -> None:
    async def run() -> Next:
        paused = InvalidNonce("paused", outcome=Outcome.NOT_SENT)
        return decided(sent("Balance"), paused)

    assert asyncio.run(run()) is Next.GIVE_UP


class Keeping:
    """A key whose nonce lock a stopped process keeps; it notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.later = Shared()

    async def update(self, change: Any) -> Any:
        self.asked.append("update")
        raise NonceStoreError("a stopped process keeps the nonce lock")

    def insist(self, change: Any) -> None:
        self.asked.append("insist")
        change(self.later)


@pytest.mark.parametrize(
    ("name", "text", "asked"),
    [
        ("CancelOrder", "EOrder:Unknown order", []),
        ("CancelOrder", "EOrder:Invalid order", []),
        ("CancelAll", "EGeneral:Permission denied", []),
        ("CancelOrder", "EGeneral:Temporary lockout", ["update", "insist"]),
        ("CancelAll", "EAPI:Rate limit exceeded", ["update", "insist"]),
        ("Balance", "EService:Throttled: 99999999999", ["update", "insist"]),
    ],
)
async def test_a_refusal_waits_for_the_shared_state_only_where_it_says_something_of_other_calls(
    name: str, text: str, asked: list[str]
) -> None:
    """And what it says is written once the lock is free, if it cannot be at once."""
    key = Keeping()
    bench = Bench(key=key)
    call = sent(name, attempt=0)
    bench.ledger.enqueue(call)
    bench.ledger.send(call, 17, 1.0)
    await bench.handler.failed(call, refused(text, name))
    with pytest.raises(KrakenError):
        await call.future
    assert key.asked == asked
    assert (key.later != Shared()) is bool(asked)


@virtual
async def test_a_repeated_read_ends_within_its_budget_and_has_a_second_at_least() -> None:
    bench = Bench(RetryPolicy(budget=20.0, jitter=lambda: 1.0))
    now = asyncio.get_running_loop().time()
    for name, params, spent, time in (
        ("Balance", {}, 4.0, 10.0),
        ("Balance", {}, 15.0, 4.0),
        ("Balance", {}, 18.5, 1.0),
        ("CancelOrder", TXID, 15.0, 10.0),  # what changes something has all of its time
    ):
        call = sent(name, params, first_sent_at=now - spent)
        bench.ledger.enqueue(call)
        bench.ledger.send(call, 17, now)
        await bench.handler.failed(call, refused("EService:Busy", name))
        assert call.state is CallState.BACKING_OFF
        assert call.timeout == pytest.approx(time)
        bench.ledger.cancel_unsent(call, LOST)
        with pytest.raises(RequestTimeout):
            await call.future


# ------------------------------------------------------------------ what an answer teaches


class Counter:
    """What a handler asks of the limits; the pair's counters are of no interest here."""

    def __init__(self, late: float = 0.0) -> None:
        self.late = late
        self.refusals: list[bool] = []
        self.engine: Any = SimpleNamespace(pair=lambda call: "XBTUSD", learn=self._learn)
        self.told: list[Age] = []

    def late_charge(self, call: Call, now: float) -> float:
        return self.late

    def level(self, shared: Shared, now: float) -> float:
        return shared.level or 0.0

    def refused(self, call: Call, shared: Shared, now: float, *, engine: bool) -> None:
        self.refusals.append(engine)

    def _learn(self, told: list[Age], now: float) -> None:
        self.told += told


class Desk:
    """A handler with a key in memory, a counter that a test sets, and a nonce recovery that looks when it is asked."""

    def __init__(self, key: KeyState, gate: Counter, **policy: Any) -> None:
        clock = asyncio.get_running_loop().time
        self.key, self.gate, self.looked = key, gate, 0
        tasks, self.queue, time = Tasks(), RequestQueue(), ServerTime(clock)
        self.tasks = tasks
        reporter = Reporter(Metrics(), Listeners(), tasks.start, clock)
        self.ledger = CallLedger(self.queue, ())
        handed: Any = gate
        nonces: Any = SimpleNamespace(inspect=self._inspect)
        lost: Any = SimpleNamespace(take=lambda call, error: False)
        self.handler = ReplyHandler(
            self.ledger,
            self.queue,
            key,
            handed,
            RetryPolicy(**{"jitter": lambda: 1.0, **policy}),
            nonces,
            lost,
            reporter,
            MarketModes(ProblemBoard(), clock),
            tasks,
            time,
            clock,
        )

    async def _inspect(self) -> None:
        self.looked += 1

    def sent(self, name: str, params: dict[str, Any] | None = None, **changes: Any) -> Call:
        """A call of this desk that is on its way."""
        call = sent(name, params, attempt=0)
        self.ledger.enqueue(call)
        self.ledger.send(call, 17, asyncio.get_running_loop().time())
        for field, value in changes.items():
            setattr(call, field, value)
        return call


@asynccontextmanager
async def desk(late: float = 0.0, **policy: Any) -> AsyncIterator[Desk]:
    key = MemoryStore().key("k", "ns")
    await key.open(asyncio.get_running_loop().time)
    made = Desk(key, Counter(late), **policy)
    async with made.tasks:
        yield made
    await key.close()


@virtual
@pytest.mark.parametrize(("late", "level"), [(0.0, 2.0), (0.25, 2.25), (3.0, 5.0)])
@pytest.mark.parametrize("answered", [True, False])
async def test_what_an_exchange_may_have_cost_more_is_charged_at_its_end(
    late: float, level: float, answered: bool
) -> None:
    async with desk(late, attempts=1) as made:
        made.key.seen.level = 2.0
        call = made.sent("Ledgers")
        await asyncio.sleep(1.0)
        if answered:
            await made.handler.answered(call, {})
            assert await call.future == {}
        else:
            await made.handler.failed(call, RequestTimeout("no answer", outcome=Outcome.UNKNOWN))
            with pytest.raises(RequestTimeout):
                await call.future
        assert made.key.seen.level == level
        assert made.key.seen.level_at == (asyncio.get_running_loop().time() if late else 0.0)


@virtual
async def test_what_was_not_sent_cost_nothing() -> None:
    async with desk(3.0, attempts=1) as made:
        call = made.sent("Ledgers")
        await made.handler.failed(call, RequestTimeout("no connection", outcome=Outcome.NOT_SENT))
        with pytest.raises(RequestTimeout):
            await call.future
        assert made.key.seen.level is None


@virtual
@pytest.mark.parametrize(
    ("text", "engine"), [("EAPI:Rate limit exceeded", False), ("EOrder:Rate limit exceeded", True)]
)
async def test_a_refusal_for_a_limit_tells_which_of_them_is_full(text: str, engine: bool) -> None:
    async with desk(attempts=1) as made:
        call = made.sent("AddOrder")
        await made.handler.failed(call, refused(text, "AddOrder"))
        with pytest.raises(KrakenError):
            await call.future
        assert made.gate.refusals == [engine]


@virtual
async def test_a_lockout_and_a_throttling_close_the_key_and_an_answer_opens_it() -> None:
    async with desk(attempts=1) as made:
        now = asyncio.get_running_loop().time()
        for text in ("EGeneral:Temporary lockout", f"EService:Throttled: {START + 30:.0f}", "EService:Busy"):
            call = made.sent("Balance")
            await made.handler.failed(call, refused(text, "Balance"))
            with pytest.raises(KrakenError):
                await call.future
        assert made.gate.refusals == []
        assert made.key.seen.lockout_until > now
        assert made.key.seen.throttled_until == pytest.approx(now + 30.0, abs=1.1)
        call = made.sent("Balance")
        await made.handler.answered(call, {})
        assert made.key.seen.lockout_until == 0.0
        made.key.seen.pauses = 2
        await made.handler.answered(made.sent("Balance"), {})
        assert made.key.seen.pauses == 0


@virtual
@pytest.mark.parametrize(("refusals", "looked"), [(0, 0), (1, 0), (2, 1)])
async def test_after_a_jump_kraken_is_asked_who_else_moves_the_nonce(refusals: int, looked: int) -> None:
    async with desk() as made:
        await made.handler.answered(made.sent("Balance", nonce_refusals=refusals), {})
        await asyncio.sleep(0)
        assert made.looked == looked


@virtual
async def test_placed_and_shown_orders_tell_their_ages_and_only_placed_ones_are_put_on_record() -> None:
    async with desk() as made:
        now = asyncio.get_running_loop().time()
        placed = {"txid": ["OAAAAA-BBBBB-CCCCCC"], "descr": {}}
        await made.handler.answered(made.sent("AddOrder", {"pair": "XBTUSD"}), placed)
        assert [(age.names, age.at) for age in made.gate.told] == [(("OAAAAA-BBBBB-CCCCCC",), now)]
        assert made.key.placed(0.0) == ("OAAAAA-BBBBB-CCCCCC",)
        made.gate.told.clear()
        shown = {"OBBBBB-BBBBB-CCCCCC": {"opentm": START - 60.0, "descr": {"pair": "XBTUSD"}}}
        await made.handler.answered(made.sent("OpenOrders"), {"open": shown})
        ((name, since),) = [(age.names[0], age.at) for age in made.gate.told]
        assert name == "OBBBBB-BBBBB-CCCCCC"
        assert since == pytest.approx(now - 60.0, abs=0.01)
        assert made.key.placed(0.0) == ("OAAAAA-BBBBB-CCCCCC",)
        made.gate.told.clear()
        await made.handler.answered(made.sent("Balance"), {"open": shown})
        assert made.gate.told == []  # no read of orders
        edited = {"txid": "OCCCCC-BBBBB-CCCCCC", "originaltxid": "OAAAAA-BBBBB-CCCCCC"}
        await made.handler.answered(made.sent("EditOrder", {"pair": "XBTUSD"}), edited)
        assert "OCCCCC-BBBBB-CCCCCC" in made.key.placed(0.0)


@virtual
async def test_a_repeat_of_a_cancel_that_finds_nothing_has_reached_its_goal() -> None:
    async with desk() as made:
        call = made.sent("CancelOrder", TXID)
        await made.handler.failed(call, LOST)
        assert call.unknown_before
        made.ledger.send(call, 18, asyncio.get_running_loop().time())
        await made.handler.failed(call, refused("EOrder:Unknown order", "CancelOrder"))
        assert await call.future == {"count": 0}


@virtual
async def test_a_call_is_repeated_after_its_pause_and_counted_from_its_first_sending() -> None:
    loop = asyncio.get_running_loop()
    async with desk(attempts=9, budget=4.0, base=1.0, cap=1.0) as made:
        call = made.sent("Balance")
        for _ in range(2):
            await asyncio.sleep(1.0)
            await made.handler.failed(call, LOST)
            assert call.state is CallState.BACKING_OFF
            began = loop.time()
            async with asyncio.timeout(60):
                while call.state is CallState.BACKING_OFF:
                    await asyncio.sleep(0.1)
            assert loop.time() - began == pytest.approx(1.0, abs=0.11)
            made.ledger.send(call, 18, loop.time())
        await made.handler.failed(call, LOST)  # four seconds after the first sending, there is none left
        with pytest.raises(RequestTimeout):
            await call.future
        assert call.attempt == 3
