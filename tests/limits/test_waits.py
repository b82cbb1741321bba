"""Waits for Kraken's limits are said: one line for each when it begins, a sentence and a problem while they last."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from kraken_async import (
    BurstGovernor,
    KrakenSession,
    MemoryStore,
    OutcomeUnknown,
    Priority,
    Response,
    SignedRequest,
    TransportError,
)
from kraken_async.limits.waits import LULL
from kraken_async.stores.base import Shared
from tests.limits.limits_support import Clock, admission, call
from tests.virtual_time import virtual

ORDER = {
    "pair": "XBTUSD",
    "type": "buy",
    "ordertype": "limit",
    "price": "100",
    "volume": "1",
    "validate": True,
}


async def answer(request: SignedRequest, timeout: float) -> Response:
    """Answer everything, as a Kraken that is near."""
    await asyncio.sleep(0.05)
    return Response(200, {}, b'{"error":[],"result":{"order":{"descr":""},"trades":{},"count":0}}')


def session(**options: Any) -> KrakenSession:
    given: dict[str, Any] = {
        "store": MemoryStore(),
        "transport": answer,
        "account": str(id(options)),
        **options,
    }
    return KrakenSession("key", "c2VjcmV0", **given)


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [
        each.getMessage()
        for each in caplog.records
        if each.name == "kraken_async.limits" and each.levelno == level
    ]


@virtual
async def test_history_reads_on_defaults_say_what_they_wait_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with session() as client:
        reads = [asyncio.create_task(client.private("TradesHistory")) for _ in range(8)]
        await asyncio.sleep(1.0)
        stats = client.stats()
        assert stats.waiting_for is not None
        assert stats.waiting_for.startswith(
            "5 calls wait for Kraken's call counter: TradesHistory goes in 1."
        )
        assert stats.waiting_for in stats.problems
        assert ("limit-wait", "info") in stats.problem_codes
        await asyncio.gather(*reads)
        assert client.stats().waiting_for is None
        assert "limit-wait" not in dict(client.stats().problem_codes)
    (line,) = lines(caplog, logging.INFO)
    assert line.startswith("TradesHistory waits ")
    assert line.endswith("s for Kraken's call counter")
    (warning,) = lines(caplog, logging.WARNING)
    assert "'starter'" in warning
    assert "no tier was given" in warning


@virtual
async def test_the_end_of_a_wait_is_said_once_and_the_next_one_is_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    loop = asyncio.get_running_loop()
    async with session(tier="starter") as client:
        began = loop.time()
        await asyncio.gather(*(client.private("TradesHistory") for _ in range(8)))
        took = loop.time() - began
        await asyncio.sleep(LULL - 0.5)
        (first,) = lines(caplog, logging.INFO)
        await asyncio.sleep(1.0)
        _, end = lines(caplog, logging.INFO)
        await asyncio.gather(*(client.private("TradesHistory") for _ in range(8)))
        await asyncio.sleep(LULL + 1)
    assert first.startswith("TradesHistory waits ")
    what, _, seconds = end.removesuffix(" s").rpartition(", after ")
    assert what == "no call waits any more for Kraken's call counter"
    assert float(seconds) == pytest.approx(took, abs=1.5)
    record = next(each for each in caplog.records if each.getMessage() == end)
    assert record.__dict__["seconds"] == pytest.approx(took, abs=1.5)
    assert record.__dict__["limit"] == "counter"
    assert [line.partition(" ")[0] for line in lines(caplog, logging.INFO)] == ["TradesHistory", "no"] * 2


@virtual
async def test_a_session_that_is_closed_says_nothing_more_of_its_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with session(tier="starter") as client:
        await asyncio.gather(*(client.private("TradesHistory") for _ in range(8)))
    await asyncio.sleep(60)
    (line,) = lines(caplog, logging.INFO)
    assert line.startswith("TradesHistory waits ")


@virtual
async def test_the_last_of_those_that_wait_goes_about_when_it_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    async with session(tier="starter") as client:
        began = loop.time()
        reads = [asyncio.create_task(client.private("TradesHistory")) for _ in range(8)]
        await asyncio.sleep(1.0)
        said = client.stats().waiting_for or ""
        last = float(said.partition("the last in some ")[2].partition(" s")[0])
        await asyncio.gather(*reads)
        assert loop.time() - began == pytest.approx(1.0 + last, abs=1.0)
    assert lines(caplog, logging.WARNING) == []  # a tier was given


@virtual
async def test_a_wait_at_start_up_is_another_and_short_ones_are_no_problem(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with session(tier="pro") as client:
        orders = [asyncio.create_task(client.private("AddOrder", {**ORDER, "userref": n})) for n in range(14)]
        await asyncio.sleep(0.6)
        assert "the pace at start-up" in (client.stats().waiting_for or "")
        assert "limit-wait" not in dict(client.stats().problem_codes)
        await asyncio.gather(*orders)
        assert client.stats().waiting_for is None
    assert [line.partition(" for ")[2] for line in lines(caplog, logging.INFO)] == [
        "the pace at start-up (startup_window, startup_interval)"
    ]


@virtual
async def test_no_wait_is_said_with_the_governor_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with session(governor=BurstGovernor.off()) as client:
        await asyncio.gather(*(client.private("TradesHistory") for _ in range(8)))
        assert client.stats().waiting_for is None
    assert lines(caplog, logging.INFO) == lines(caplog, logging.WARNING) == []


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda shared, now: setattr(shared, "throttled_until", now + 9), "throttled"),
        (lambda shared, now: shared.__setattr__("level", 15.0), "counter"),
        (lambda shared, now: shared.engine.update({"XBTUSD": [60.0, now]}), "pair:XBTUSD"),
    ],
)
async def test_each_limit_has_its_line(
    make: Callable[[Shared, float], None], limit: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock, shared = Clock(), Shared()
    shared.level, shared.level_at = 0.0, clock.now
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    make(shared, clock.now)
    name = "AddOrder" if limit.startswith("pair") else "Balance"
    waiting = call(name, pair="XBTUSD")
    waiting.resource = gate.resource(waiting)
    for _ in range(3):  # looked at again and again, said once
        quote = gate.seconds_until_free(waiting, shared, clock.now)
        assert quote.limit == limit
        assert quote.scarce
        clock.now += 0.5
    (line,) = lines(caplog, logging.INFO)
    assert line.startswith(f"{name} waits ")
    clock.now += 60  # a new one, after a lull
    make(shared, clock.now)
    shared.level_at = clock.now
    assert gate.seconds_until_free(waiting, shared, clock.now).limit == limit
    assert len(lines(caplog, logging.INFO)) == 2


async def test_the_last_of_those_held_at_start_up_goes_by_the_pace() -> None:
    clock, shared = Clock(), Shared()
    gate = admission(BurstGovernor("pro", startup_interval=0.5), clock)
    orders = [call("AddOrder", pair="XBTUSD") for _ in range(13)]
    for each in orders:
        each.resource = gate.resource(each)
    for each in orders[:10]:
        await gate.started(each, clock.now)
    (wait,) = gate.waits([(orders[10], 3)], shared, clock.now)
    assert (wait.limit, wait.calls) == ("start-up", 3)
    assert wait.seconds == pytest.approx(0.5)
    quote = gate.seconds_until_free(orders[10], shared, clock.now)
    assert not quote.scarce  # what has another pace, or another limit, may go before it
    shared.level, shared.level_at = 20.0, clock.now
    read = call("Balance")
    read.resource = gate.resource(read)
    assert gate.seconds_until_free(read, shared, clock.now).scarce
    clock.now += 0.25
    (later,) = gate.waits([(orders[10], 3)], shared, clock.now)
    assert later.seconds == pytest.approx(0.25)
    assert wait.last == pytest.approx(wait.seconds + 2 * 0.5)


@pytest.mark.parametrize(("window", "starts"), [(0, False), (0.5, True), (10.0, True)])
def test_a_start_up_of_any_length_is_protected_and_none_is_not(window: float, starts: bool) -> None:
    clock = Clock()
    gate = admission(BurstGovernor("pro", startup_window=window), clock)
    assert gate.starting is starts
    assert gate.in_startup(clock.now) is starts


async def test_to_look_at_waits_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock, shared = Clock(), Shared()
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    reads = [call("Ledgers", Priority.READ) for _ in range(3)]
    for each in reads:
        each.resource = gate.resource(each)
    assert gate.waits([(each, 1) for each in reads], shared, clock.now) == []
    assert shared.level is None
    shared.level, shared.level_at = 15.0, clock.now
    (wait,) = gate.waits([(reads[0], 2), (reads[1], 1)], shared, clock.now)
    assert (wait.calls, wait.first) == (3, "Ledgers")
    assert wait.last == pytest.approx(wait.seconds + 2 * 2 / 0.33)
    assert caplog.text == ""


@virtual
async def test_the_session_s_own_look_ups_are_told_from_calls_that_wait_beside_them() -> None:
    async def losing(request: SignedRequest, timeout: float) -> Response:
        if request.path.endswith("AddOrder"):
            raise TransportError("the connection was cut")
        if request.path.endswith("OpenOrders"):
            return Response(200, {}, b'{"error":[],"result":{"open":{}}}')
        if request.path.endswith("ClosedOrders"):
            return Response(200, {}, b'{"error":[],"result":{"closed":{},"count":0}}')
        return await answer(request, timeout)

    order = {**ORDER, "validate": False}
    async with session(tier="starter", transport=losing) as client:
        reads = [asyncio.create_task(client.private("TradesHistory")) for _ in range(12)]
        lost = asyncio.create_task(client.private("AddOrder", order))
        for _ in range(300):
            await asyncio.sleep(0.1)
            stats = client.stats()
            if stats.lookups["age"] > 0.5:
                break
        assert stats.lookups["waiting"] == stats.queue_depth["AMEND"] == 1
        assert stats.queue_age["AMEND"] == 0.0
        assert stats.queue_age["HISTORY"] > stats.lookups["age"]
        assert re.search(r": the look-up (Open|Closed)Orders goes in ", stats.waiting_for or "")
        with pytest.raises(OutcomeUnknown):
            await lost
        assert client.stats().lookups["ended"] >= 2
        for each in reads:
            each.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
