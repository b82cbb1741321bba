"""What happens at the edges of a session's life, and where two of its promises meet."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kraken_async import (
    BurstGovernor,
    FileStore,
    KrakenError,
    KrakenSession,
    MemoryStore,
    OrderPolicy,
    OrderWithdrawn,
    OutcomeUnknown,
    Priority,
    QueueTimeout,
    RequestTimeout,
    RetryPolicy,
    SessionClosed,
    TradingHalted,
    TransportError,
)
from kraken_async.calls import public_calls
from kraken_async.emulator import Fault
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.errors import Outcome
from kraken_async.stores.memory import MemoryKey
from kraken_async.system.flock import FileLock
from kraken_async.wire.messages import Response
from tests import forked
from tests.conftest import LeakCheck
from tests.exchange import ORDER, Exchange, session, until

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="


@pytest.mark.proof
async def test_an_order_like_one_just_placed_is_not_taken_for_it(kraken: Exchange) -> None:
    """Another session placed it half a second ago; what this one sent is lost before Kraken sees it."""
    policy = OrderPolicy(deadline=2.0, visibility=0.2, settle_timeout=6.0)
    order = {**ORDER, "userref": 42}
    async with kraken.session(orders=policy) as client:
        placed = await client.private("AddOrder", order)
    async with kraken.session(orders=policy) as client:
        kraken.emulator.faults.next("AddOrder", Fault.disconnect("before"))
        with pytest.raises(OutcomeUnknown) as caught:
            await client.private("AddOrder", order)
        assert caught.value.finding == "absent"
    assert list(kraken.emulator.orders) == placed["txid"]


BOT = """if 1:
    import asyncio, json, sys
    from kraken_async import BurstGovernor, KrakenSession, OrderPolicy
    key, secret, url, folder, order = sys.argv[1:]
    async def main():
        policy = OrderPolicy(deadline=2.0, visibility=0.2)
        async with KrakenSession(
            key, secret, base_url=url, state_dir=folder, governor=BurstGovernor.off(), orders=policy
        ) as client:
            for _ in range(2):
                print((await client.private("AddOrder", json.loads(order)))["txid"][0], flush=True)
    asyncio.run(main())
"""


@pytest.mark.proof
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
async def test_nor_is_one_that_a_killed_process_left_open(
    kraken_emulator: RunningEmulator, tmp_path: Path
) -> None:
    policy = OrderPolicy(deadline=2.0, visibility=0.2, settle_timeout=8.0)
    order = {**ORDER, "userref": 42}
    emulator = kraken_emulator.emulator
    words = [*emulator.key, kraken_emulator.url, str(tmp_path), json.dumps(order)]
    bot = forked.Popen([sys.executable, "-c", BOT, *words], stdout=subprocess.PIPE, text=True)
    assert bot.stdout is not None
    try:
        hung = threading.Event()

        def hang_the_second(_index: int, name: str) -> Fault | None:
            if name != "AddOrder" or not emulator.orders:
                return None
            hung.set()
            return Fault.hang("before")

        emulator.faults.plan = hang_the_second
        placed = (await asyncio.to_thread(bot.stdout.readline)).strip()
        assert await asyncio.to_thread(hung.wait, 30)
    finally:
        bot.kill()
        bot.wait()
        bot.stdout.close()
    emulator.faults.plan = None
    async with session(kraken_emulator, state_dir=tmp_path, orders=policy) as client:
        (intent,) = client.unresolved()
        with pytest.raises(OutcomeUnknown) as caught:
            await client.resolve(intent)
        assert caught.value.finding == "absent"
        assert client.unresolved() == []
    assert list(emulator.orders) == [placed]


@pytest.mark.parametrize("name", ["CancelAll", "CancelAllOrdersAfter"])
@pytest.mark.parametrize("priority", [None, Priority.AMEND, Priority.HISTORY])
async def test_what_takes_back_all_orders_is_held_by_nothing_at_any_priority(
    kraken: Exchange, name: str, priority: Priority | None
) -> None:
    async with kraken.session(governor=BurstGovernor("starter")) as client:
        reads = [asyncio.create_task(client.private("Ledgers")) for _ in range(40)]
        await until(lambda: client.stats().counter_level > 13 and not client.stats().in_flight)
        params = {"timeout": 60} if name == "CancelAllOrdersAfter" else {}
        before = len(kraken.calls())
        await asyncio.wait_for(client.with_options(priority=priority).private(name, params), 20.0)
        # No read goes before it but one that is being sent already; another may in six seconds.
        assert name in kraken.calls()[before : before + 2]
        for read in reads:
            read.cancel()


async def test_the_dead_mans_switch_is_armed_at_once_on_a_full_counter(kraken: Exchange) -> None:
    async with kraken.session(governor=BurstGovernor("starter")) as client:
        reads = [asyncio.create_task(client.private("Ledgers")) for _ in range(40)]
        await until(lambda: client.stats().counter_level > 13 and not client.stats().in_flight)
        before = len(kraken.calls())
        async with client.dead_man_switch(10, every=5):
            # No read goes before it but one that is being sent already; another may in six seconds.
            assert "CancelAllOrdersAfter" in kraken.calls()[before : before + 2]
        for read in reads:
            read.cancel()


async def test_with_the_governor_off_only_the_breaker_holds_back(kraken: Exchange) -> None:
    async with kraken.session(retry=RetryPolicy(attempts=1)) as client:
        kraken.emulator.faults.next("Balance", Fault.refuse(f"EService:Throttled: {time.time() + 30:.0f}"))
        with pytest.raises(KrakenError):
            await client.private("Balance")
        await asyncio.wait_for(client.private("Balance"), 20.0)


async def test_whatever_a_transport_raises_ends_one_call_and_not_the_session(
    kraken: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_request: Any, _timeout: float) -> Any:
        raise RuntimeError(_request.headers)  # as aiohttp's own errors may show them

    async with kraken.session(transport=broken, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(TransportError, match="RuntimeError"):
            await client.public("Time")
        for name in ("Balance", "CancelAll"):
            with pytest.raises(KrakenError, match="RuntimeError") as caught:
                await client.private(name)
            assert caught.value.outcome is Outcome.UNKNOWN
    assert "API-Sign" not in caplog.text
    assert "in broken" in caplog.text
    async with aiohttp.ClientSession() as http, kraken.session(http=http) as client:
        await client.private("Balance")
        await http.close()
        caplog.clear()
        for _ in range(2):
            with pytest.raises(TransportError) as lost:
                await client.private("AddOrder", ORDER)
            assert lost.value.outcome is Outcome.NOT_SENT
        assert "a request met a fault, RuntimeError" in caplog.text


async def test_a_cancel_takes_back_at_once_what_it_names_while_the_worker_is_busy(kraken: Exchange) -> None:
    rows = [{k: v for k, v in {**ORDER, "cl_ord_id": f"row{n}"}.items() if k != "pair"} for n in (1, 2)]
    async with kraken.session() as client:
        kraken.emulator.faults.next("Balance", Fault.late(2.0))
        read = asyncio.create_task(client.private("Balance"))
        await until(lambda: client.stats().in_flight == 1)
        batch = asyncio.create_task(client.private("AddOrderBatch", pair="XBTUSD", orders=rows))
        order = asyncio.create_task(client.private("AddOrder", ORDER, cl_ord_id="mine"))
        await until(lambda: client.stats().queue_depth["PLACE"] == 2)
        cancels = [
            asyncio.create_task(client.private("CancelOrder", cl_ord_id=name)) for name in ("row2", "mine")
        ]
        for withdrawn in (batch, order):
            with pytest.raises(OrderWithdrawn):
                await asyncio.wait_for(withdrawn, 20.0)
        assert not read.done()
        again = asyncio.create_task(client.private("AddOrder", ORDER, cl_ord_id="mine"))  # another one
        assert (await again)["txid"]
        await read
        await asyncio.gather(*cancels, return_exceptions=True)
        assert len(kraken.emulator.orders) == 1


async def test_waiting_for_krakens_time_is_part_of_the_wait(kraken: Exchange) -> None:
    async with kraken.session() as client:
        kraken.emulator.faults.next("Time", Fault.hang("before"))
        begun = time.monotonic()
        with pytest.raises(QueueTimeout):
            await client.with_options(queue_timeout=0.2).private("AddOrder", ORDER)
        assert time.monotonic() - begun < 1.8  # of Kraken's time alone it waits 2 s
        assert not kraken.emulator.orders


async def test_closing_while_an_order_waits_for_krakens_time_tells_its_caller(kraken: Exchange) -> None:
    async with kraken.session() as client:
        kraken.emulator.faults.next("Time", Fault.hang("before"))
        order = asyncio.create_task(client.private("AddOrder", ORDER))
        await asyncio.sleep(0.05)
        await client.aclose()
        with pytest.raises(SessionClosed):
            await order
        assert order.cancelling() == 0


async def test_closing_while_it_is_opened_leaves_nothing(kraken: Exchange, no_leaks: LeakCheck) -> None:
    async with no_leaks:
        for step in range(30):
            client = kraken.session()
            opening = asyncio.create_task(client.open())
            for _ in range(step):
                await asyncio.sleep(0)
            await client.aclose()
            (found,) = await asyncio.gather(opening, return_exceptions=True)
            assert found is client or isinstance(found, SessionClosed)


async def test_a_resume_elsewhere_ends_a_halt_here(kraken: Exchange) -> None:
    async with kraken.session() as one, kraken.session() as other:
        await one.halt()
        other.resume()
        await until(lambda: not one.stats().halted)
        assert (await one.private("AddOrder", ORDER))["txid"]
        await other.halt()
        with pytest.raises(TradingHalted):
            await one.private("AddOrder", ORDER)


async def test_a_timeout_of_its_own_bounds_each_sending(kraken: Exchange) -> None:
    retry = RetryPolicy(attempts=2, base=0.0)
    async with kraken.session(retry=retry) as client:
        for _ in range(2):
            kraken.emulator.faults.next("Balance", Fault.hang("before"))
        begun = time.monotonic()
        with pytest.raises(RequestTimeout, match=r"within 0\.2 s"):
            await client.with_options(timeout=0.2).private("Balance")
        assert time.monotonic() - begun < 9.0  # a timeout that is not its own is 10 s


async def test_an_order_in_flight_at_the_end_says_what_was_found(kraken: Exchange) -> None:
    client = kraken.session()
    await client.open()
    kraken.emulator.faults.next("AddOrder", Fault.hang("after"))
    order = asyncio.create_task(client.private("AddOrder", ORDER))
    await until(lambda: client.stats().in_flight == 1)
    await client.aclose(grace=0.05)
    with pytest.raises(OutcomeUnknown) as caught:
        await order
    assert caught.value.finding == "unreachable"


class SlowStore(MemoryStore):
    """A step takes a round trip, as over Redis: the call is chosen before, and sent after it."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen, self.go = asyncio.Event(), asyncio.Event()

    def key(self, name: str, unit: str) -> SlowKey:
        return SlowKey(self, name, unit)


class SlowKey(MemoryKey):
    """A hold on a key of a SlowStore; overtaking cancels have a way of their own, and are quick."""

    _store: SlowStore

    async def step(self, choose: Any, *, overtake: bool = False) -> Any:
        found = await super().step(choose, overtake=overtake)
        if found[0] is not None and not overtake:
            self._store.chosen.set()
            await self._store.go.wait()
        return found


@pytest.mark.parametrize("how", ["leaves", "expires", "is cancelled", "is halted"])
async def test_a_call_that_ends_while_its_nonce_is_fetched_ends_once(kraken: Exchange, how: str) -> None:
    slow = SlowStore()
    async with kraken.session(store=slow) as client:
        await client.public("Time")
        view = client.with_options(queue_timeout=0.2) if how == "expires" else client
        order = asyncio.create_task(view.private("AddOrder", ORDER, cl_ord_id="mine"))
        await slow.chosen.wait()
        others: list[asyncio.Task[Any]] = []
        if how == "leaves":
            order.cancel()
        elif how == "is cancelled":
            others.append(asyncio.create_task(client.private("CancelOrder", cl_ord_id="mine")))
        elif how == "is halted":
            others.append(asyncio.create_task(client.halt()))
        await asyncio.wait([order], timeout=5)
        slow.go.set()
        await asyncio.gather(order, *others, return_exceptions=True)
        await asyncio.wait_for(client.drain(), 20.0)  # nothing is pending
        assert not kraken.emulator.orders


async def test_what_the_worker_has_chosen_no_overtaking_cancel_sends_as_well(kraken: Exchange) -> None:
    slow = SlowStore()
    async with kraken.session(cancel_patience=0.1, store=slow) as client:
        await client.public("Time")
        order = asyncio.create_task(client.with_options(priority=Priority.CANCEL).private("AddOrder", ORDER))
        await slow.chosen.wait()
        cancel = asyncio.create_task(client.private("CancelAll"))  # this one overtakes
        await asyncio.wait_for(cancel, 20.0)
        slow.go.set()
        await asyncio.wait_for(order, 20.0)
        assert kraken.calls().count("AddOrder") <= 2  # overtaken: refused for its nonce, and healed
        assert len(kraken.emulator.orders) == 1


async def test_a_stray_cancellation_ends_one_call_and_not_the_worker(kraken: Exchange) -> None:
    async def stray(_request: Any, _timeout: float) -> Any:
        raise asyncio.CancelledError

    once = RetryPolicy(attempts=1)
    async with kraken.session(transport=stray, retry=once) as client:
        for _ in range(2):
            with pytest.raises(KrakenError, match="CancelledError"):
                await asyncio.wait_for(client.private("Balance"), 20.0)


@pytest.mark.parametrize(
    "result",
    [{"txid": 5}, {"txid": [["A"]]}, {"orders": True}, {"orders": [{"txid": ["A"]}, 5]}, [1], "x"],
)
async def test_an_answer_in_any_shape_ends_its_call(kraken: Exchange, result: Any) -> None:
    """What names no order is looked up, here in vain: the look-ups are answered so too."""

    async def answer(request: Any, _timeout: float) -> Response:
        del request
        return Response(200, {}, json.dumps({"error": [], "result": result}).encode())

    rows = [{"type": "buy", "ordertype": "market", "volume": "1"}] * 2
    policy = OrderPolicy(settle_timeout=0.1)
    async with kraken.session(transport=answer, orders=policy) as client:
        for call in (
            client.private("AddOrder", ORDER),
            client.private("AddOrderBatch", pair="XBTUSD", orders=rows),
        ):
            (told,) = await asyncio.wait_for(asyncio.gather(call, return_exceptions=True), 20.0)
            assert told == result or isinstance(told, OutcomeUnknown)
        await asyncio.wait_for(client.drain(), 20.0)  # nothing is pending


async def test_a_closing_that_is_cancelled_while_it_opens_leaves_nothing(
    kraken: Exchange, no_leaks: LeakCheck
) -> None:
    async with no_leaks:
        for step in range(1, 20):
            client = kraken.session()
            opening = asyncio.create_task(client.open())
            await asyncio.sleep(0)
            closing = asyncio.create_task(client.aclose())
            for _ in range(step):
                await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(opening, closing, return_exceptions=True)


async def test_statistics_in_mid_step_do_not_let_the_nonce_lock_go(tmp_path: Path) -> None:
    key = FileStore(tmp_path).key("k", "ns")
    await key.open(time.monotonic)
    other = FileLock(tmp_path / "k.nonce.lock")

    def choose(_shared: Any) -> str:
        assert not key.refresh()
        assert not other.try_acquire()
        return "chosen"

    assert (await key.step(choose))[0] == "chosen"
    assert await key.update(choose) == "chosen"
    assert key.refresh()
    other.close()
    await key.close()


@pytest.mark.proof
def test_public_calls_of_all_event_loops_share_the_limit_of_their_address(
    kraken_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_calls, "BURST", 3)

    async def ask() -> None:
        async with KrakenSession(base_url=kraken_emulator.url) as client:
            await asyncio.gather(*(client.public("Time") for _ in range(2)))

    began = time.time()  # an arrival may be late, and is never early
    with ThreadPoolExecutor(3) as pool:
        for each in [pool.submit(asyncio.run, ask()) for _ in range(3)]:
            each.result(20)
    times = sorted(arrival.t for arrival in kraken_emulator.emulator.history)
    assert len(times) == 6
    assert times[3] - began > 0.8  # of one burst three, then one a second
    assert times[5] - began > 2.8


@pytest.mark.parametrize(
    "wrong",
    [
        {"tier": "gold"},
        {"nonce_unit": "s"},
        {"timeout": -1},
        {"base_url": "http://example.com"},
        {"guard": 3},
        {"on_orphan": "me"},
        {"observers": [None, 5]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_misuse_is_said_at_once_with_no_secret_in_the_locals(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        KrakenSession("canary-key-0123456789", SECRET, otp="canary-otp", store=MemoryStore(), **wrong)
    summary = traceback.StackSummary.extract(traceback.walk_tb(caught.tb), capture_locals=True)
    ours = repr([frame.locals for frame in summary if "/kraken_async/" in frame.filename])
    assert "KrakenSession" in ours
    assert not [secret for secret in ("canary", SECRET) if secret in ours + str(caught.value)]
