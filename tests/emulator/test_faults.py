"""Faults on the path: the client's answer, the emulator's deed, and the record that knows both."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from kraken_async.emulator import CATALOGUE, ConnectionDropped, Fault, Reply
from kraken_async.emulator.faults import When
from tests.emulator.emulator_support import LIMIT, START, Desk

NOT_ARRIVING = {"reset", "disconnect", "status", "html", "garbage", "hang"}


async def send(desk: Desk, fault: Fault | None, name: str = "AddOrder", **fields: str) -> Reply:
    """Send one order over the path on virtual time."""
    if fault is not None:
        desk.emulator.faults.next(name, fault)
    path, headers, body = desk.request(name, {**LIMIT, **fields})
    return await desk.emulator.exchange("POST", path, headers, body, sleep=desk.clock.sleep)


def envelope(reply: Reply) -> Any:
    return json.loads(reply.body)


@pytest.mark.parametrize("name", CATALOGUE)
async def test_every_fault_executes_exactly_when_it_says_so(name: str) -> None:
    desk, fault = Desk(), CATALOGUE[name]
    exchange = asyncio.ensure_future(send(desk, fault))
    if fault.what == "hang":
        for _ in range(5):
            await asyncio.sleep(0)
        assert not exchange.done()
        exchange.cancel()
    await asyncio.wait([exchange])
    harmless = fault.what in ("none", "late", "slow")
    executed = fault.when == "after" or harmless
    (arrival,) = desk.emulator.history
    assert arrival.executed is executed
    assert arrival.fault == str(fault)
    assert len(desk.emulator.orders) == len(arrival.txids) == executed
    answered = not exchange.cancelled() and exchange.exception() is None
    if answered and exchange.result().status == 200 and fault.what not in ("html", "garbage", "broken json"):
        told = envelope(exchange.result())["error"]
        assert told == ([fault.error] if fault.error else [])
    assert desk.emulator.refused("") == 0


def test_catalogue_has_every_kind_and_no_name_twice() -> None:
    kinds = {fault.what for fault in CATALOGUE.values()}
    assert kinds >= NOT_ARRIVING | {"truncated", "broken json", "slow", "late", "error"}
    statuses = {fault.status for fault in CATALOGUE.values() if fault.what == "status"}
    assert statuses == {429, 500, 502, 503, 504, *range(520, 528)}
    assert len(set(CATALOGUE.values())) == len(CATALOGUE) > 50


@pytest.mark.parametrize("when", ["before", "after"])
async def test_lost_connections_carry_what_the_client_cannot_know(when: When) -> None:
    desk = Desk()
    with pytest.raises(ConnectionDropped) as dropped:
        await send(desk, Fault.reset(when))
    assert (dropped.value.executed, dropped.value.abrupt) == (when == "after", True)
    assert not dropped.value.sent_any_reply_bytes
    with pytest.raises(ConnectionDropped) as dropped:
        await send(desk, Fault.disconnect(when))
    assert not dropped.value.abrupt


async def test_truncated_answer_declares_its_full_length() -> None:
    desk = Desk()
    with pytest.raises(ConnectionDropped) as dropped:
        await send(desk, Fault.truncated())
    part = dropped.value.reply
    assert part is not None
    assert dropped.value.sent_any_reply_bytes
    assert 0 < len(part.body) < int(part.headers["Content-Length"])


async def test_lost_request_spends_no_nonce_and_is_on_record() -> None:
    desk = Desk()
    reply = await send(desk, Fault.http(502, "before"))
    assert (reply.status, reply.headers["Content-Type"]) == (502, "text/html; charset=UTF-8")
    assert b"Error 502" in reply.body
    (arrival,) = desk.emulator.history
    assert (arrival.nonce, arrival.endpoint, arrival.executed) == (1, "AddOrder", False)
    desk.call("Balance", nonce=1)


async def test_injected_errors_come_before_the_nonce_is_taken_or_after_as_theirs_do() -> None:
    desk = Desk()
    assert envelope(await send(desk, Fault.refuse("EAPI:Invalid nonce")))["error"] == ["EAPI:Invalid nonce"]
    desk.call("Balance", nonce=1)
    assert envelope(await send(desk, Fault.refuse("EService:Busy")))["error"] == ["EService:Busy"]
    assert desk.refusal("Balance", nonce=2) == "EAPI:Invalid nonce"
    # The client's own; the injected one does not count.
    assert desk.emulator.refused("EAPI:Invalid nonce") == 1
    throttled = await send(desk, Fault.throttled(START + 9))
    assert envelope(throttled)["error"] == ["EService: Throttled: 1700000009"]


async def test_real_refusal_wins_over_an_injected_one() -> None:
    desk = Desk()
    desk.call("Balance", nonce=100)
    assert envelope(await send(desk, Fault.refuse("EService:Busy")))["error"] == ["EAPI:Invalid nonce"]
    assert desk.emulator.refused() == 1


async def test_status_may_carry_an_envelope_and_a_time_to_come_back() -> None:
    desk = Desk()
    reply = await send(desk, Fault.http(503, error="EService:Unavailable", retry_after=7))
    assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
    assert envelope(reply) == {"error": ["EService:Unavailable"]}


async def test_late_answer_was_executed_at_once_and_a_late_request_only_later() -> None:
    desk = Desk()
    await send(desk, Fault.late(20, "after"))
    await send(desk, Fault.late(20, "before"))
    first, second = desk.emulator.orders.values()
    assert (first.opened, second.opened) == (START, START + 40)


async def test_late_request_is_overtaken_and_refused() -> None:
    desk = Desk()
    delayed = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await delayed.wait()

    desk.emulator.faults.next("AddOrder", Fault.delayed(1))
    path, headers, body = desk.request("AddOrder", LIMIT)
    late = asyncio.ensure_future(desk.emulator.exchange("POST", path, headers, body, sleep=sleep))
    await asyncio.sleep(0)
    desk.call("Balance")
    delayed.set()
    assert envelope(await late)["error"] == ["EAPI:Invalid nonce"]


async def test_jitter_is_drawn_from_its_range_for_each_call() -> None:
    desk = Desk(jitter=(0.001, 0.005))
    pauses = []
    for _ in range(50):
        before = desk.clock()
        await send(desk, None)
        pauses.append(desk.clock() - before)
    assert all(0.001 <= round(pause, 6) <= 0.005 for pause in pauses)
    assert len({round(pause, 6) for pause in pauses}) > 20


async def test_what_becomes_of_the_order_can_be_added_to_any_fault() -> None:
    desk = Desk()
    with pytest.raises(ConnectionDropped):
        await send(desk, Fault.reset("after").with_(ending="closed", visibility=5))
    (order,) = desk.emulator.orders.values()
    assert (order.status, order.visible) == ("closed", START + 5)
    await send(desk, Fault.closed())
    await send(desk, Fault.closed().with_(ending="expired"))
    statuses = [order.status for order in desk.emulator.orders.values()]
    assert statuses == ["closed", "canceled", "expired"]


async def test_slow_body_names_its_pace() -> None:
    assert (await send(Desk(), Fault.slow(2))).pace == 2


# ------------------------------------------------------------------ which call meets which fault


async def test_faults_queue_by_endpoint_then_for_any_then_by_plan() -> None:
    desk = Desk()
    met = []

    def plan(index: int, endpoint: str) -> Fault | None:
        met.append((index, endpoint))
        return Fault.refuse("EService:Timeout") if index == 3 else None

    faults = desk.emulator.faults
    faults.plan = plan
    faults.next("AddOrder", Fault.refuse("EService:Busy"))
    faults.next("*", Fault.refuse("EService:Unavailable"))
    errors = [envelope(await send(desk, None))["error"] for _ in range(5)]
    assert errors == [["EService:Busy"], ["EService:Unavailable"], [], ["EService:Timeout"], []]
    assert met == [(2, "AddOrder"), (3, "AddOrder"), (4, "AddOrder")]
    faults.next("AddOrder", Fault.refuse("EService:Busy"))
    faults.clear()
    assert envelope(await send(desk, None))["error"] == []


async def test_names_with_a_slash_and_public_names_meet_their_faults() -> None:
    desk = Desk()
    faults = desk.emulator.faults
    faults.next("Earn/Strategies", Fault.refuse("EService:Busy"))
    faults.next("Time", Fault.refuse("EService:Busy"), Fault.refuse("EAPI:Invalid nonce"), Fault.html())
    path, headers, body = desk.request("Earn/Strategies")
    assert envelope(await desk.emulator.exchange("POST", path, headers, body))["error"] == ["EService:Busy"]
    for error in ("EService:Busy", "EAPI:Invalid nonce"):
        assert envelope(await desk.emulator.exchange("GET", "/0/public/Time", {}, b"")) == {"error": [error]}
    assert (await desk.emulator.exchange("GET", "/0/public/Time?x=1", {}, b"")).body.startswith(b"<!DOCTYPE")


# ------------------------------------------------------------------ in flight, and given up


async def test_calls_in_flight_are_counted_by_key_until_their_answer_leaves() -> None:
    desk = Desk()
    other = desk.emulator.add_key()
    gate = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await gate.wait()

    def start(**how: Any) -> asyncio.Future[Reply]:
        path, headers, body = desk.request("Balance", **how)
        return asyncio.ensure_future(
            desk.emulator.exchange("POST", path, headers, body, sleep=sleep, jitter=(1, 1))
        )

    calls = [start(), start(), start(key=other)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*calls)
    await start()
    most = desk.emulator.max_in_flight
    assert (most[desk.emulator.key.api_key], most[other.api_key]) == (2, 1)


def test_flight_that_is_ended_twice_counts_once() -> None:
    desk = Desk()
    key = desk.emulator.key.api_key
    first, second = desk.emulator.begin(key), desk.emulator.begin(key)
    first.end()
    first.end()
    desk.emulator.begin(key)
    assert desk.emulator.max_in_flight[key] == 2
    second.end()
    second.end()
    desk.emulator.begin(key)
    desk.emulator.begin(key)
    assert desk.emulator.max_in_flight[key] == 3


async def test_call_given_up_is_in_flight_no_longer_but_its_bytes_arrive() -> None:
    desk = Desk()
    gate = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await gate.wait()

    path, headers, body = desk.request("AddOrder", LIMIT)
    caller = asyncio.ensure_future(
        desk.emulator.deliver("POST", path, headers, body, sleep=sleep, jitter=(1, 1))
    )
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert desk.emulator.orders == {}
    flight = desk.emulator.begin(desk.emulator.key.api_key)
    assert desk.emulator.max_in_flight[desk.emulator.key.api_key] == 1
    flight.end()
    gate.set()
    await desk.emulator.landed()
    assert len(desk.emulator.orders) == 1


async def test_delivery_that_hangs_ends_when_its_caller_leaves() -> None:
    desk = Desk()
    desk.emulator.faults.next("AddOrder", Fault.hang("after"))
    path, headers, body = desk.request("AddOrder", LIMIT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(desk.emulator.deliver("POST", path, headers, body), 0.01)
    await desk.emulator.landed()
    assert len(desk.emulator.orders) == 1


async def test_delivery_passes_on_a_dropped_connection() -> None:
    desk = Desk()
    desk.emulator.faults.next("AddOrder", Fault.reset("before"))
    path, headers, body = desk.request("AddOrder", LIMIT)
    with pytest.raises(ConnectionDropped):
        await desk.emulator.deliver("POST", path, headers, body)
    await desk.emulator.landed()
