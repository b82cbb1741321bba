"""The ledger: every call moves as the table says, ends once, and its listeners hear of it before its caller."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kraken_async
from kraken_async import KrakenError, OutcomeUnknown, Priority, SessionClosed
from kraken_async.api.endpoints import find
from kraken_async.call import DEFAULTS, MOVES, Call, CallListener, CallState
from kraken_async.calls import submission
from kraken_async.calls.ledger import CallLedger
from kraken_async.calls.request_queue import RequestQueue
from kraken_async.emulator import Fault
from tests.orders.fault_support import LIMIT, World, told
from tests.virtual_time import virtual


def call(name: str = "Balance", *, internal: bool = False) -> Call:
    endpoint = find(name, private=True)
    future = asyncio.get_running_loop().create_future()
    return Call(endpoint, {}, b"", endpoint.priority, 10.0, DEFAULTS, future, internal=internal)


class Listener(CallListener):
    """Writes down what it hears, and whether the caller knew before."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Call, bool]] = []

    def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        self.heard.append(("ended", call, call.future.done()))

    def call_cancelled_unsent(self, call: Call, error: KrakenError) -> None:
        self.heard.append(("cancelled unsent", call, call.future.done()))

    def call_dropped(self, call: Call) -> None:
        self.heard.append(("dropped", call, call.future.done()))


def ledger() -> tuple[CallLedger, Listener]:
    listener = Listener()
    return CallLedger(RequestQueue(), (listener,)), listener


async def test_a_call_ends_once_and_its_listeners_hear_of_it_first() -> None:
    book, listener = ledger()
    one = call()
    book.enqueue(one)
    assert book.send(one, 17, 1.0)
    book.finish(one, result={"ZUSD": "1"})
    book.finish(one, error=SessionClosed("too late"))
    assert await one.future == {"ZUSD": "1"}
    assert listener.heard == [("ended", one, False)]
    assert one.state is CallState.ENDED
    await asyncio.wait_for(book.idle(), 20)


async def test_a_call_whose_caller_has_left_is_not_sent_and_is_heard_of_as_dropped() -> None:
    book, listener = ledger()
    one = call()
    book.enqueue(one)
    one.future.cancel()
    assert not book.send(one, 17, 1.0)
    assert listener.heard == [("dropped", one, True)]
    assert one.attempt == 0
    await asyncio.wait_for(book.idle(), 20)


@pytest.mark.parametrize("how", ["answered", "taken back", "dropped"])
async def test_however_a_call_ends_its_timer_ends_with_it(how: str) -> None:
    made, _ = ledger()
    each = call()
    made.enqueue(each)
    timer = each.timer = asyncio.get_running_loop().call_later(3600, lambda: None)
    if how == "answered":
        made.send(each, 1, 1.0)
        made.finish(each, result={})
        assert await each.future == {}
    elif how == "taken back":
        made.cancel_unsent(each, SessionClosed("closed"))
        with pytest.raises(SessionClosed):
            await each.future
    else:
        each.future.cancel()
        assert not made.send(each, 1, 1.0)
    assert each.state is CallState.ENDED
    assert timer.cancelled()
    assert each.timer is None


async def test_a_call_that_was_sent_goes_on_without_its_caller() -> None:
    book, listener = ledger()
    one = call("AddOrder")
    book.enqueue(one)
    book.send(one, 17, 1.0)
    one.future.cancel()
    book.abandon(one)
    assert listener.heard == []
    book.finish(one, result={"txid": ["O"]})
    assert listener.heard == [("ended", one, True)]


async def test_a_call_that_is_taken_back_is_not_sent() -> None:
    book, listener = ledger()
    one = call()
    book.enqueue(one)
    book.cancel_unsent(one, SessionClosed("closing"))
    book.cancel_unsent(one, SessionClosed("again"))
    assert not book.send(one, 17, 1.0)
    assert [what for what, _, _ in listener.heard] == ["cancelled unsent", "ended"]
    with pytest.raises(SessionClosed, match="closing"):
        await one.future


async def test_a_listener_that_fails_keeps_no_result_from_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(CallListener):
        def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
            raise OSError(28, "No space left on device")

    listener = Listener()
    book = CallLedger(RequestQueue(), (Broken(), listener))
    one = call()
    book.enqueue(one)
    book.send(one, 17, 1.0)
    book.finish(one, result=1)
    assert await one.future == 1
    assert [what for what, _, _ in listener.heard] == ["ended"]
    assert "Balance could not be put on record" in caplog.text


async def test_who_hears_of_orders_only_hears_of_no_read() -> None:
    class OfOrders(Listener):
        orders_only = True

    all_of_them, orders = Listener(), OfOrders()
    book = CallLedger(RequestQueue(), (all_of_them, orders))
    read, order = call(), call("AddOrder")
    order.order = object()
    for one in (read, order):
        book.enqueue(one)
        book.send(one, 17, 1.0)
        book.finish(one, result=1)
        assert await one.future == 1
    assert [one for _, one, _ in all_of_them.heard] == [read, order]
    assert [one for _, one, _ in orders.heard] == [order]


async def test_a_sending_is_counted_and_the_first_is_remembered() -> None:
    book, _ = ledger()
    one = call()
    book.enqueue(one)
    assert book.send(one, 17, 1.0)
    book.repeat(one, 0.0)
    assert one.state is CallState.WAITING
    assert book.send(one, 18, 2.0)
    assert (one.attempt, one.first_sent_at, one.sent_at, one.nonce) == (2, 1.0, 2.0, 18)
    assert book.calls() == [one]
    book.finish(one, result=1)
    assert await one.future == 1
    assert book.calls() == []


async def test_a_call_that_was_sent_cannot_expire_in_the_queue_any_more() -> None:
    book, _ = ledger()
    one = call()
    book.enqueue(one)
    timer = one.timer = asyncio.get_running_loop().call_later(3600, lambda: None)
    assert book.send(one, 17, 1.0)
    assert timer.cancelled()
    assert one.timer is None
    book.finish(one, result=1)
    assert await one.future == 1


async def test_a_short_pause_is_a_pause() -> None:
    book, _ = ledger()
    one = call()
    book.enqueue(one)
    book.send(one, 17, 1.0)
    book.repeat(one, 0.001)
    assert one.state is CallState.BACKING_OFF
    assert book.waiting() == [one]
    async with asyncio.timeout(20):
        while one.state is CallState.BACKING_OFF:
            await asyncio.sleep(0.001)
    assert book.waiting() == [one]
    book.cancel_unsent(one, SessionClosed("closed"))
    with pytest.raises(SessionClosed):
        await one.future


async def test_a_trace_hears_of_the_end_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[Any] = []

    class Trace:
        sent = False

        def ended(self, result: Any, error: Any) -> None:
            ended.append(result)
            raise OSError

    book, listener = ledger()
    traced, plain = call(), call()
    trace: Any = Trace()
    traced.options = replace(DEFAULTS, trace=trace)
    for one in (traced, plain):
        book.enqueue(one)
        book.send(one, 17, 1.0)
        book.finish(one, result=5)
        assert await one.future == 5
    assert ended == [5]
    assert len(listener.heard) == 2
    assert "could not be traced" in caplog.text


@pytest.mark.parametrize("internal", [False, True])
async def test_what_is_idle_leaves_out_the_sessions_own_look_ups(internal: bool) -> None:
    book, _ = ledger()
    one = call(internal=internal)
    book.enqueue(one)
    idle = asyncio.create_task(book.idle())
    await asyncio.sleep(0)
    assert idle.done() is internal
    book.finish(one, result=1)
    await asyncio.wait_for(idle, 20)


async def test_a_look_up_that_is_given_up_counts_for_no_caller_s_call() -> None:
    book, _ = ledger()
    own, other = call(internal=True), call()
    for one in (own, other):
        book.enqueue(one)
    assert book.send(own, 17, 1.0)
    own.future.cancel()
    book.abandon(own)
    idle = asyncio.create_task(book.idle())
    await asyncio.sleep(0)
    assert not idle.done()
    book.finish(own, result=1)
    book.finish(other, result=1)
    await asyncio.wait_for(idle, 20)


async def test_a_call_that_ends_while_it_backs_off_is_not_kept() -> None:
    book, _ = ledger()
    one = call()
    book.enqueue(one)
    assert book.send(one, 17, 1.0)
    book.repeat(one, 3600.0)
    assert book.calls() == [one]
    book.cancel_unsent(one, SessionClosed("closed"))
    assert book.calls() == []
    with pytest.raises(SessionClosed):
        await one.future


async def test_at_the_end_what_waits_was_not_sent_and_what_was_sent_is_lost() -> None:
    book, _ = ledger()
    waits, rests, sent = call(), call(), call()
    for one in (waits, rests, sent):
        book.enqueue(one)
    for one in (rests, sent):
        book.send(one, 17, 1.0)
    book.repeat(rests, 60.0)
    book.fail_all(lambda call: SessionClosed("not sent"), lambda call: OutcomeUnknown("lost"))
    assert book.ended
    for one in (waits, rests):
        with pytest.raises(SessionClosed):
            await one.future
    with pytest.raises(OutcomeUnknown):
        await sent.future
    await asyncio.wait_for(book.idle(), 20)


# -- the table of states ---------------------------------------------------------------------------------------


def test_the_ledger_alone_moves_a_call() -> None:
    package = Path(kraken_async.__file__).parent
    texts = {path.relative_to(package).as_posix(): path.read_text() for path in package.rglob("*.py")}
    movers = {
        name
        for name, text in texts.items()
        if re.search(r"kraken_async\.call import|class CallState", text)
        and re.search(r"\.state(?:: \w+)?\s*=[^=]", text)
    }
    assert movers == {"call.py", "calls/ledger.py"}


class WatchedCall(Call):
    """A call that moves only as the table says; the moves of all are noted."""

    moves: set[tuple[CallState, CallState]] = set()  # noqa: RUF012 - of all calls of the test

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "state" and hasattr(self, "state"):
            assert value in MOVES[self.state], f"{self} moved to {value}"
            self.moves.add((self.state, value))
        super().__setattr__(name, value)


@virtual
async def test_every_move_of_the_table_happens_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "Call", WatchedCall)
    WatchedCall.moves.clear()
    world = World(tmp_path)
    session = await world.session()
    faults = world.emulator.faults
    await session.private("Balance")
    faults.next("Balance", Fault.refuse("EService:Busy"))  # backs off
    await session.private("Balance")
    faults.next("CancelAll", Fault.refuse("EAPI:Invalid nonce"))  # goes again at once
    await session.private("CancelAll")
    faults.next("AddOrder", Fault.disconnect("after"))  # is looked up
    await session.private("AddOrder", {**LIMIT, "volume": "1"})
    faults.next("Balance", Fault.delayed(5.0))
    first, second = (asyncio.ensure_future(told(session.private("Balance"))) for _ in range(2))
    await asyncio.sleep(1)
    second.cancel()  # while it waits
    await first
    view = session.with_options(priority=Priority.HISTORY, queue_timeout=0.5)
    faults.next("Balance", Fault.delayed(5.0))
    first = asyncio.ensure_future(told(session.private("Balance")))
    await asyncio.sleep(0.1)
    assert (await told(view.private("Balance"))).failed
    await first
    faults.next("Balance", Fault.throttled(int(time.time()) + 5))
    leaver = asyncio.ensure_future(told(session.private("Balance")))
    await asyncio.sleep(1)
    leaver.cancel()  # while it backs off
    await session.private("Balance")
    await session.aclose()
    table = {(state, after) for state, some in MOVES.items() for after in some}
    assert table == WatchedCall.moves
