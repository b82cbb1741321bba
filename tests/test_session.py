"""KrakenSession against the emulator on a real socket: order, cancellation, closing, overtaking, healing, halting."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kraken_async import (
    AuthenticationError,
    BurstGovernor,
    CallRecord,
    FileStore,
    GuardRefused,
    InvalidNonce,
    KrakenError,
    KrakenSession,
    MemoryStore,
    NonceStoreError,
    OrderWithdrawn,
    Orphan,
    Outcome,
    OutcomeUnknown,
    Priority,
    QueueFull,
    QueueTimeout,
    Request,
    Response,
    SessionClosed,
    SignedRequest,
    TemporaryLockout,
    TradingHalted,
    guards,
)
from kraken_async.emulator import Emulator, Fault
from tests.conftest import key_state
from tests.exchange import ORDER, Exchange, exchange, until
from tests.virtual_time import virtual


@pytest.mark.proof
@pytest.mark.kraken(jitter=(0.0, 0.002))
async def test_a_thousand_gathered_calls_arrive_in_order_one_at_a_time(kraken: Exchange) -> None:
    async with kraken.session() as client:
        results = await asyncio.gather(*(client.private("Balance") for _ in range(1000)))
        nonces = [arrival.nonce or 0 for arrival in kraken.emulator.history]
        assert len(results) == 1000
        assert all("ZUSD" in result for result in results)
        assert kraken.emulator.refused() == 0
        assert kraken.most_in_flight == 1
        assert nonces == sorted(set(nonces))
        assert all(len(str(nonce)) == 19 for nonce in nonces)


@pytest.mark.kraken(jitter=(0.0, 0.002))
async def test_threads_with_a_loop_and_session_each_share_one_key(kraken: Exchange) -> None:

    async def run() -> None:
        async with kraken.session() as client:
            await asyncio.gather(*(client.private("Balance") for _ in range(25)))

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(lambda: asyncio.run(run())) for _ in range(8)]
        await asyncio.wait(list(map(asyncio.wrap_future, running)))
    assert [each.exception() for each in running] == [None] * 8
    assert len(kraken.calls()) == 200
    assert kraken.emulator.refused() == 0
    assert kraken.most_in_flight == 1


async def test_cancelling_half_of_the_queued_calls_sends_none_of_those(kraken: Exchange) -> None:
    async with kraken.session() as client:
        tasks = [asyncio.create_task(client.private("Ledgers", ofs=n)) for n in range(400)]
        await asyncio.sleep(0)
        for task in tasks[1::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 200
        assert len(kraken.calls()) == 200
        assert kraken.emulator.refused() == 0
        assert client.stats().queue_depth["HISTORY"] == 0


async def test_nothing_is_left_after_closing(kraken: Exchange) -> None:
    before = set(asyncio.all_tasks())
    async with kraken.session() as client:
        await client.private("Balance")
        await client.private("AddOrder", ORDER)
    left = set(asyncio.all_tasks()) - before
    # The server's own handlers of the closed connections may still be ending.
    assert not [
        task for task in left if "kraken_async/emulator" not in str(task) and "web_protocol" not in str(task)
    ]
    with pytest.raises(SessionClosed):
        await client.private("Balance")


async def test_a_cancel_goes_before_everything_that_waits(kraken: Exchange) -> None:
    async with kraken.session() as client:
        reads = [asyncio.create_task(client.private("Ledgers")) for _ in range(20)]
        await asyncio.sleep(0)
        await client.private("CancelAll")
        await asyncio.gather(*reads)
        assert kraken.calls().index("CancelAll") <= 1


@pytest.mark.kraken(jitter=(0.05, 0.05))
async def test_cancelled_after_sending_finishes_by_itself_and_is_reported(kraken: Exchange) -> None:
    orphans: list[Orphan] = []
    async with (
        kraken.session(on_orphan=orphans.append) as client,
    ):
        task = asyncio.create_task(client.private("AddOrder", ORDER))
        await until(lambda: client.stats().in_flight == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not orphans
        await client.drain()
        (orphan,) = orphans
        assert orphan.endpoint == "AddOrder"
        assert orphan.result["txid"]
        assert orphan.cl_ord_id
        assert client.stats().orphans == 1


@pytest.mark.kraken(jitter=(0.1, 0.1))
async def test_a_queue_timeout_fails_a_stale_call_before_it_is_sent(kraken: Exchange) -> None:
    async with kraken.session() as client:
        first = asyncio.create_task(client.private("Balance"))
        await asyncio.sleep(0)
        with pytest.raises(QueueTimeout) as caught:
            await client.with_options(queue_timeout=0.02).private("Balance")
        assert caught.value.outcome is Outcome.NOT_SENT
        await first
        assert len(kraken.calls()) == 1


@pytest.mark.kraken(jitter=(0.02, 0.02))
async def test_closing_sends_waiting_cancels_and_fails_the_rest(kraken: Exchange) -> None:
    client = await kraken.session().open()
    in_flight = asyncio.create_task(client.private("Balance"))
    await until(lambda: client.stats().in_flight == 1)
    waiting = [asyncio.create_task(client.private("Balance")) for _ in range(5)]
    cancel = asyncio.create_task(client.private("CancelAll"))
    await asyncio.sleep(0)
    await client.aclose()
    assert "ZUSD" in await in_flight
    assert (await cancel)["count"] == 0
    for task in waiting:
        with pytest.raises(SessionClosed):
            await task
    assert kraken.calls() == ["Balance", "CancelAll"]


async def test_a_call_that_outlives_the_grace_ends_by_what_may_have_become_of_it(kraken: Exchange) -> None:
    kraken.emulator.faults.next("AddOrder", Fault.hang())
    client = await kraken.session(guard=guards.allow_all).open()
    order = asyncio.create_task(client.private("AddOrder", ORDER))
    await until(lambda: client.stats().in_flight == 1)
    await client.aclose(grace=0.05)
    with pytest.raises(OutcomeUnknown, match="Order may be live"):
        await order


async def test_drain_waits_for_all_that_waits(kraken: Exchange) -> None:
    async with kraken.session() as client:
        tasks = [asyncio.create_task(client.private("Balance")) for _ in range(10)]
        await asyncio.sleep(0)
        await client.drain()
        assert all(task.done() for task in tasks)


async def test_a_stalled_read_does_not_block_a_cancel_and_is_sent_again(kraken: Exchange) -> None:
    async with kraken.session(timeout=4.0) as client:
        kraken.emulator.faults.next("Ledgers", Fault.hang("before"))
        read = asyncio.create_task(client.private("Ledgers"))
        await until(lambda: client.stats().in_flight == 1)
        await client.private("CancelAll")  # it overtakes after one second; the read gives up after four
        assert kraken.calls() == ["Ledgers", "CancelAll"]
        assert "ledger" in await read
        assert kraken.calls().count("CancelAll") == 1


async def test_a_call_stalled_in_another_session_does_not_block_a_cancel(kraken: Exchange) -> None:
    async with kraken.session() as one, kraken.session(timeout=40.0) as other:
        kraken.emulator.faults.next("Ledgers", Fault.hang("before"))
        read = asyncio.create_task(other.private("Ledgers"))
        await until(lambda: other.stats().in_flight == 1)
        await asyncio.wait_for(one.private("CancelAll"), 20.0)  # and not for as long as the other hangs
        assert not read.done()
        read.cancel()


async def test_the_next_call_lets_an_overtaking_cancel_arrive_first(kraken: Exchange) -> None:
    async with kraken.session(cancel_patience=1.5) as client:
        kraken.emulator.faults.next("Ledgers", Fault.hang("before"))
        # On its way as the read times out.
        kraken.emulator.faults.next("CancelAll", Fault.late(1.5, "before"))
        read = asyncio.create_task(client.with_options(timeout=2.25).private("Ledgers"))
        await until(lambda: client.stats().in_flight == 1)
        next_call = asyncio.create_task(client.private("Balance"))
        assert (await client.private("CancelAll"))["count"] == 0
        await asyncio.gather(next_call, read)
        assert kraken.calls().index("CancelAll") < kraken.calls().index("Balance")
        assert kraken.emulator.refused() == 0


async def test_an_invalid_nonce_heals_with_a_fresh_one(kraken: Exchange) -> None:
    async with kraken.session() as client:
        kraken.emulator.faults.next("Balance", Fault.refuse("EAPI:Invalid nonce"))
        assert "ZUSD" in await client.private("Balance")
        assert client.stats().retries == 1


async def test_a_key_used_further_ahead_heals_with_one_jump_then_stops_with_a_diagnosis(
    kraken: Exchange,
) -> None:
    elsewhere = MemoryStore()
    async with (
        kraken.session() as client,
        kraken.session(store=elsewhere) as stranger,  # shares nothing with us but the key
        key_state(elsewhere, kraken.key.api_key) as strangers_key,
    ):
        await strangers_key.jump(30_000_000_000)
        await stranger.private("Balance")
        assert "ZUSD" in await client.private("Balance")  # 30 s: within the jump
        await until(lambda: "GetApiKeyInfo" in kraken.calls())  # who else moves the nonce?
        await client.drain()
        await strangers_key.jump(3_600_000_000_000)
        await stranger.private("Balance")
        with pytest.raises(InvalidNonce, match="another writer") as caught:
            await client.private("Balance")
        assert caught.value.outcome is Outcome.REFUSED
        sent = len(kraken.calls())
        with pytest.raises(InvalidNonce) as paused:
            await client.private("Balance")
        assert paused.value.outcome is Outcome.NOT_SENT
        assert len(kraken.calls()) == sent
        assert client.stats().breaker == "paused"


async def test_a_lockout_fails_calls_at_once_also_after_a_restart_and_lets_a_deliberate_one_pass(
    kraken: Exchange,
) -> None:
    async with kraken.session() as client:
        kraken.emulator.faults.next("Balance", Fault.refuse("EGeneral:Temporary lockout"))
        with pytest.raises(TemporaryLockout):
            await client.private("Balance")
        assert client.stats().breaker == "locked out"
    async with kraken.session() as client:
        sent = len(kraken.calls())
        with pytest.raises(TemporaryLockout) as caught:
            await asyncio.wait_for(client.private("Balance"), 10.0)
        assert caught.value.until is not None
        assert 800 < caught.value.until - time.time() <= 900
        assert len(kraken.calls()) == sent
        assert "ZUSD" in await client.with_options(ignore_breaker=True).private("Balance")
        assert client.stats().breaker == "closed"


@pytest.mark.kraken(jitter=(0.02, 0.02))
async def test_an_order_still_waiting_is_withdrawn_by_its_cancel(kraken: Exchange) -> None:
    async with kraken.session() as client:
        read = asyncio.create_task(client.private("Balance"))
        await until(lambda: client.stats().in_flight == 1)
        order = asyncio.create_task(client.private("AddOrder", ORDER, cl_ord_id="mine"))
        await asyncio.sleep(0)
        with pytest.raises(KrakenError):  # Kraken knows of no such order
            await client.private("CancelOrder", cl_ord_id="mine")
        with pytest.raises(OrderWithdrawn):
            await order
        await read
        assert "AddOrder" not in kraken.calls()


async def test_after_halt_no_order_leaves_until_resume_in_any_session(kraken: Exchange) -> None:
    async with kraken.session() as client, kraken.session() as other:
        waiting = [asyncio.create_task(client.private("AddOrder", ORDER)) for _ in range(3)]
        await asyncio.sleep(0)
        assert "count" in await client.halt()
        placed = kraken.calls().count("AddOrder")
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(outcome, TradingHalted) for outcome in outcomes) == 3 - placed
        for session in (client, other):
            with pytest.raises(TradingHalted):
                await session.private("AddOrder", ORDER)
        assert kraken.calls().count("AddOrder") == placed
        assert client.stats().halted
        client.resume()
        assert (await client.private("AddOrder", ORDER))["txid"]
        assert (await other.private("AddOrder", ORDER))["txid"]


async def test_what_other_sessions_did_shows_at_once_in_a_new_one_and_in_an_idle_one(
    kraken: Exchange,
) -> None:
    limits = BurstGovernor("pro", startup_window=0)
    async with (
        kraken.session(governor=limits, account="idle") as idle,
        kraken.session(governor=limits, account="busy") as busy,
    ):
        for _ in range(4):
            await busy.private("TradesHistory")
        await busy.private("AddOrder", ORDER)
        await busy.halt()
        async with kraken.session(governor=limits, account="fresh") as fresh:
            for session in (idle, fresh):
                stats = session.stats()
                assert stats.halted
                assert any("halted" in problem for problem in stats.problems)
                assert stats.last_nonce == busy.stats().last_nonce > 0
                assert stats.counter_level == pytest.approx(busy.stats().counter_level, abs=0.1)
                assert session.budget().level == pytest.approx(busy.budget().level, abs=0.1)
                assert session.budget().pairs.keys() == {"XBTUSD"}
            busy.resume()
            await until(lambda: not idle.stats().halted and not fresh.stats().halted)


async def test_a_halt_after_resume_holds_and_resume_outlives_the_session(kraken: Exchange) -> None:
    async with kraken.session() as other:
        async with kraken.session() as client:
            await client.halt()
            client.resume()
            await client.halt()
            await asyncio.sleep(0.05)
            assert other.stats().halted
            with pytest.raises(TradingHalted):
                await client.private("AddOrder", ORDER)
            client.resume()
        assert not other.stats().halted


@virtual
async def test_twenty_four_orders_at_once_are_spaced_at_start_up_until_it_is_switched_off() -> None:
    loop, emulator = (
        asyncio.get_running_loop(),
        Emulator(clock=lambda: time.time()),
    )  # patched: looked up late
    times: list[float] = []

    async def send(request: SignedRequest, _timeout: float) -> Response:
        if request.path.endswith("/AddOrder"):
            times.append(loop.time())
        await asyncio.sleep(0.001)
        reply = emulator.handle(request.method, request.path, request.headers, request.body)
        return Response(reply.status, reply.headers, reply.body)

    governor = BurstGovernor("pro")
    async with KrakenSession(*emulator.key, transport=send, store=MemoryStore(), governor=governor) as client:
        orders = [asyncio.create_task(client.private("AddOrder", ORDER)) for _ in range(24)]
        async with asyncio.timeout(30):
            while len(times) < 11:
                await asyncio.sleep(0.01)
        assert "count" in await client.private("CancelAll")
        assert client.stats().queue_depth["PLACE"] > 3  # one leaves every half second
        client.governor.enabled = False
        await asyncio.wait_for(asyncio.gather(*orders), 3.0)  # spaced: six seconds
    assert len(emulator.orders) == 24
    assert times[9] - times[0] < 3.0  # spaced: 4.5 s
    assert times[10] - times[0] > 0.45


async def test_a_dropped_connection_is_not_repeated_for_an_order_but_looked_up(kraken: Exchange) -> None:
    async with kraken.session() as client:
        kraken.emulator.faults.next("AddOrder", Fault.reset("after"))
        result = await client.private("AddOrder", ORDER)
        assert len(result["txid"]) == 1
        assert kraken.calls().count("AddOrder") == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("store", "redis://:hunter2@host"),
        ("store", 5),
        ("state_dir", 5),
        ("governor", "off"),
        ("orders", {"deadline": 5}),
        ("retry", 3),
        ("http", 5),
        ("transport", 5),
        ("observers", 5),
        ("plain_http", 5),
        ("account", 5),
        ("max_queued", -1),
        ("max_queued", "5"),
        ("base_url", "https://api.kraken.com/0"),
    ],
)
def test_an_option_of_the_wrong_kind_is_named_when_the_session_is_made(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option) as caught:
        KrakenSession("k", "YWJj", **{option: value})
    assert "hunter2" not in str(caught.value)


def test_what_an_open_session_can_do_says_that_it_is_not_open() -> None:
    session = KrakenSession("k", "YWJj")
    for method in (session.resume, session.budget):
        with pytest.raises(SessionClosed, match="is not open"):
            method()


def test_one_host_for_plain_http_may_be_a_text() -> None:
    KrakenSession("k", "YWJj", base_url="http://proxy.internal", plain_http="proxy.internal")


async def test_bad_input_fails_before_anything_is_sent(kraken: Exchange) -> None:
    for key, secret, options in [
        ("k", "not base64!", {}),
        ("", "YWJj", {}),
        ("k", "YWJj", {"tier": "gold"}),
        ("k", "YWJj", {"nonce_unit": "s"}),
        ("k", "YWJj", {"base_url": "http://example.com"}),
        ("k", "YWJj", {"timeout": 0}),
        ("k", None, {}),
    ]:
        with pytest.raises(ValueError, match=".") as caught:
            KrakenSession(key, secret, **options)  # type: ignore[arg-type]  # wrong on purpose
        assert "\n" not in str(caught.value)
    async with kraken.session() as client:
        for fields in (
            {"volume": float("nan")},
            {"volume": Decimal("Infinity")},
            {"price": object()},
            {"nonce": 1},
        ):
            with pytest.raises(ValueError, match=next(iter(fields))):
                await client.private("AddOrder", {**ORDER, **fields})
        with pytest.raises(GuardRefused, match="allow_all"):
            await client.private("Withdraw", asset="XBT", key="w", amount="1")
    assert kraken.calls() == []


async def test_an_unwritable_state_directory_is_named_with_the_cure(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    async with exchange(blocked / "state") as kraken:
        with pytest.raises(NonceStoreError, match=re.escape(str(blocked))):
            await kraken.session().open()
        assert kraken.calls() == []


async def test_private_calls_without_a_key_are_refused_and_public_ones_pass(kraken: Exchange) -> None:
    async with KrakenSession(base_url=kraken.server.url) as client:
        assert "unixtime" in await client.public("Time")
        with pytest.raises(AuthenticationError) as caught:
            await client.private("Balance")
        assert caught.value.outcome is Outcome.NOT_SENT


async def test_an_unknown_endpoint_is_sent_as_it_is_and_the_nearest_known_one_is_named(
    kraken: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    async with kraken.session() as client:
        with caplog.at_level(logging.WARNING), pytest.raises(KrakenError):
            await client.private("Addorder", ORDER)
        assert "Addorder: AddOrder?" in caplog.text
        assert kraken.calls() == ["Addorder"]


async def test_a_guard_of_ones_own_sees_every_call_and_may_change_it(kraken: Exchange) -> None:
    seen: list[str] = []

    def guard(request: Request) -> Request:
        seen.append(request.endpoint)
        if request.endpoint == "AddOrder":
            return Request("AddOrder", {**request.params, "validate": True}, request.changes)
        return request

    async with kraken.session(guard=guard) as client:
        await client.private("Balance")
        assert "txid" not in await client.private("AddOrder", ORDER)
        assert seen == ["Balance", "AddOrder"]


async def test_the_callers_dict_is_not_written(kraken: Exchange) -> None:
    async with kraken.session() as client:
        params = dict(ORDER)
        await client.private("AddOrder", params)
        assert params == ORDER


async def test_an_injected_http_session_is_used_and_left_open(kraken: Exchange) -> None:
    async with aiohttp.ClientSession() as http:
        async with kraken.session(http=http) as client:
            await client.private("Balance")
        assert not http.closed


@pytest.mark.kraken(jitter=(0.02, 0.02))
async def test_max_queued_refuses_more_but_never_a_cancel(kraken: Exchange) -> None:
    async with kraken.session(max_queued=1) as client:
        first = asyncio.create_task(client.private("Balance"))
        await until(lambda: client.stats().in_flight == 1)
        second = asyncio.create_task(client.private("Balance"))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await client.private("Balance")
        await client.private("CancelAll")
        await asyncio.gather(first, second)


async def test_observers_and_counts_agree_whatever_became_of_a_call(kraken: Exchange) -> None:
    records: list[Any] = []
    async with (
        kraken.session(observers=[records.append], max_queued=2) as client,
    ):
        await client.private("Balance")
        with pytest.raises(GuardRefused):
            await client.private("Withdraw", asset="XBT", key="k", amount="1")
        calls = [asyncio.create_task(client.private("Balance")) for _ in range(10)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(each, QueueFull) for each in found)
        await client.halt()
        with pytest.raises(TradingHalted):
            await client.private("AddOrder", ORDER)
        kraken.emulator.faults.next("Balance", Fault.refuse("EGeneral:Permission denied"))
        with pytest.raises(KrakenError):
            await client.private("Balance")
        stats = client.stats()
        told = Counter(record.outcome for record in records)
        counted = {"answered": stats.answered, "refused": stats.refused, "not sent": stats.not_sent}
        assert told == counted
        assert sum(counted.values()) == 1 + 1 + 10 + 1 + 1 + 1
        assert {record.error for record in records} >= {"GuardRefused", "QueueFull", "TradingHalted"}


async def test_observers_get_one_record_a_call_and_may_fail(kraken: Exchange) -> None:
    records: list[CallRecord] = []

    def broken(record: CallRecord) -> None:
        raise RuntimeError("an observer's own fault")

    async with kraken.session(observers=[records.append, broken]) as client:
        await client.private("Balance")
        with pytest.raises(KrakenError):
            await client.private("AddOrder", pair="NOPE", type="buy", ordertype="limit", price=1, volume=1)
        assert [(record.endpoint, record.outcome) for record in records] == [
            ("Balance", "answered"),
            ("AddOrder", "refused"),
        ]
        assert client.stats().observer_errors == 2


async def test_stats_have_the_fields_that_people_knew(kraken: Exchange, tmp_path: Path) -> None:
    async with kraken.session() as client:
        await client.private("Balance")
        stats = client.stats()
        assert stats.total_nonces_issued == 1
        assert stats.last_nonce == kraken.emulator.history[-1].nonce
        assert stats.rate_limit_config["max_burst_rate"] == 20
        assert Path(stats.persistence_file).is_relative_to(tmp_path)
        assert stats.durable
        assert stats.problems == () or all("last" in problem for problem in stats.problems)
        assert stats.as_dict()["answered"] == 1


async def test_priority_may_be_given_to_any_call(kraken: Exchange) -> None:
    async with kraken.session() as client:
        reads = [asyncio.create_task(client.private("Balance")) for _ in range(10)]
        await asyncio.sleep(0)
        await client.with_options(priority=Priority.CANCEL).private("Ledgers")
        await asyncio.gather(*reads)
        assert kraken.calls().index("Ledgers") <= 1


@pytest.mark.kraken(jitter=(0.0, 0.002))
async def test_memory_store_shared_by_two_sessions_keeps_one_order(kraken: Exchange) -> None:
    store = MemoryStore()
    async with (
        kraken.session(store=store) as one,
        kraken.session(store=store) as two,
    ):
        await asyncio.gather(*(client.private("Balance") for client in (one, two) for _ in range(50)))
        assert kraken.emulator.refused() == 0
        assert kraken.most_in_flight == 1


async def test_another_loop_is_told_to_open_its_own_session(kraken: Exchange) -> None:
    async with kraken.session() as client:

        def elsewhere() -> None:
            asyncio.run(client.private("Balance"))

        with pytest.raises(RuntimeError, match="event loop"):
            await asyncio.to_thread(elsewhere)


async def test_a_restart_with_the_clock_an_hour_back_each_time_is_never_refused(
    kraken: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time_ns
    for hours in range(10):
        monkeypatch.setattr(time, "time_ns", lambda back=hours: real() - back * 3_600_000_000_000)
        async with kraken.session(store=FileStore(tmp_path)) as client:
            await asyncio.gather(*(client.private("Balance") for _ in range(5)))
    assert kraken.emulator.refused() == 0
    assert len(kraken.calls()) == 50
