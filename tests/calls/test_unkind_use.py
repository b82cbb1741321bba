"""What is asked for wrongly, or at the wrong time, is one call's error and costs nobody else anything."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from typing import Any

import pytest

from kraken_async import (
    BurstGovernor,
    InvalidArguments,
    KrakenError,
    KrakenSession,
    MemoryStore,
    OrderPolicy,
    RetryPolicy,
    SessionClosed,
    guards,
)
from kraken_async.emulator import Fault
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.limits.governor import Admission
from kraken_async.sync import KrakenSession as BlockingSession
from tests.exchange import session


def short(value: object) -> str:
    """Return the name of a case."""
    return repr(value)[:20]


@pytest.mark.parametrize("checks", [True, False, "warn"])
@pytest.mark.parametrize(
    "fields",
    [
        {"orders": 5, "validate": True, "pair": "XBTUSD"},
        {"orders": "text", "pair": "XBTUSD"},
        {"orders": [7, None], "pair": "XBTUSD"},
        {"orders": {}, "pair": ["XBTUSD"]},
    ],
    ids=["number", "text", "rows", "mapping"],
)
async def test_a_batch_that_is_no_list_is_one_call_s_error(
    kraken_emulator: RunningEmulator, fields: dict[str, Any], checks: Any
) -> None:
    async with session(kraken_emulator, checks=checks, governor=BurstGovernor("pro")) as client:
        with pytest.raises((KrakenError, ValueError)) as caught:
            await client.private("AddOrderBatch", fields)
        if checks is True:
            assert isinstance(caught.value, InvalidArguments)
        assert await client.private("Balance")
        assert (await client.private("CancelAll"))["count"] == 0
    assert not kraken_emulator.emulator.orders


@pytest.mark.parametrize(
    "wrong", [float("nan"), float("inf"), 10**400, 0, -1, "5", True, Decimal(5), [5]], ids=short
)
async def test_a_time_that_is_none_is_refused_before_anything_is_sent(
    kraken_emulator: RunningEmulator, wrong: Any
) -> None:
    with pytest.raises(ValueError, match="timeout is a number of seconds above 0"):
        session(kraken_emulator, timeout=wrong)
    with pytest.raises(ValueError, match="cancel_patience is a number of seconds above 0"):
        session(kraken_emulator, cancel_patience=wrong)
    async with session(kraken_emulator, guard=guards.allow_all) as client:
        with pytest.raises(ValueError, match="timeout is a number of seconds"):
            client.with_options(timeout=wrong)
        if wrong != 0 or isinstance(wrong, bool):
            with pytest.raises(ValueError, match="queue_timeout is a number of seconds"):
                client.with_options(queue_timeout=wrong)
        with pytest.raises(ValueError, match="dead man's switch"):
            client.dead_man_switch(wrong)
    assert not kraken_emulator.emulator.history


@pytest.mark.parametrize(
    "wrong", [float("nan"), float("inf"), 10**400, -1, "5", True, Decimal(5), [5]], ids=short
)
async def test_a_grace_that_is_none_is_refused_and_the_session_stays_open(
    kraken_emulator: RunningEmulator, wrong: Any
) -> None:
    async with session(kraken_emulator) as client:
        with pytest.raises(ValueError, match="grace is a number of seconds of 0 or more"):
            await client.aclose(wrong)
        assert await client.private("Balance")
    synchronous = BlockingSession(store=MemoryStore(), base_url=kraken_emulator.url)
    with synchronous, pytest.raises(ValueError, match="grace is a number of seconds of 0 or more"):
        synchronous.close(wrong)
    with pytest.raises(SessionClosed):
        synchronous.public("Time")


@pytest.mark.parametrize("wrong", [float("nan"), 10**400, -1, "5", True, Decimal(5), [5]], ids=short)
def test_a_figure_that_is_none_is_refused_when_it_is_given(wrong: Any) -> None:
    for make in (
        lambda: KrakenSession(store=MemoryStore(), max_queued=wrong),
        lambda: OrderPolicy(deadline=wrong),
        lambda: OrderPolicy(settle_timeout=wrong),
        lambda: OrderPolicy(visibility=wrong),
        lambda: RetryPolicy(attempts=wrong),
        lambda: RetryPolicy(budget=wrong),
        lambda: RetryPolicy(base=wrong),
        lambda: RetryPolicy(cap=wrong),
        lambda: BurstGovernor(startup_window=wrong),
        lambda: BurstGovernor(startup_interval=wrong),
        lambda: BurstGovernor(max_burst_rate=wrong),
        lambda: BurstGovernor(margin=wrong),
    ):
        with pytest.raises(ValueError, match=re.escape(repr(wrong))):
            make()


@pytest.mark.parametrize("fault", [Fault.hang("after"), Fault.refuse("EGeneral:Internal error")], ids=str)
async def test_a_call_without_a_result_is_charged_for_when_it_may_have_arrived(
    kraken_emulator: RunningEmulator, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kraken charges when a call arrives, and that may be as late as when it was given up on."""
    kraken_emulator.emulator.faults.next("Ledgers", fault)
    # Half a unit decays in a second: a machine may take some for these three calls.
    options = {"governor": BurstGovernor("intermediate", startup_window=0), "retry": RetryPolicy(attempts=1)}
    async with session(kraken_emulator, **options) as client:
        await client.private("Balance")
        before = client.budget().level
        monkeypatch.setattr(Admission, "late_charge", lambda *_: 5.0)
        with pytest.raises(KrakenError):
            await client.with_options(timeout=0.2).private("Ledgers")
        monkeypatch.undo()
        await client.private("Balance")  # what was noted is written by the next step
        assert client.budget().level > before + 2 + 5 - 1.5


async def test_closing_does_not_wait_for_a_read_whose_caller_has_left(
    kraken_emulator: RunningEmulator,
) -> None:
    kraken_emulator.emulator.faults.next("Ledgers", Fault.hang("after"))
    loop = asyncio.get_running_loop()
    async with session(kraken_emulator) as client:
        asked = asyncio.ensure_future(client.private("Ledgers"))
        while "Ledgers" not in [each.endpoint for each in kraken_emulator.emulator.history]:
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        started = loop.time()
    assert loop.time() - started < 2


async def test_closing_waits_for_an_order_whose_caller_has_left(kraken_emulator: RunningEmulator) -> None:
    kraken_emulator.emulator.faults.next("AddOrder", Fault.late(0.3))
    orphans: list[Any] = []
    async with session(kraken_emulator, on_orphan=orphans.append) as client:
        order = client.private(
            "AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price="37500", volume="1"
        )
        asked = asyncio.ensure_future(order)
        while "AddOrder" not in [each.endpoint for each in kraken_emulator.emulator.history]:
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    assert [orphan.result["txid"] for orphan in orphans]
