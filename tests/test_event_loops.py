"""A session in the event loops that people run it in: asyncio's and uvloop's, with tasks that start eagerly or not.

A loop with `asyncio.eager_task_factory` (Python 3.12) runs a task's first step inside the call that makes it, so the
task may be done before its maker has kept it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kraken_async import CallRecord, FileStore, KrakenError, MemoryStore, SessionClosed, TradingHalted
from kraken_async.emulator import Fault
from kraken_async.runtime import Runtime
from kraken_async.stores.base import Shared
from kraken_async.system.flock import FileLock
from tests.conftest import LeakCheck, key_state
from tests.exchange import ORDER, exchange, until
from tests.stores.store_support import setting

Run = Callable[[Coroutine[Any, Any, None]], None]


# uvloop 0.22 asks what Python 3.14 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:'asyncio.iscoroutinefunction' is deprecated:DeprecationWarning"
)


@pytest.fixture(params=["asyncio", "asyncio, eager", "uvloop", "uvloop, eager"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine in a loop of one kind."""
    kind, _, eager = request.param.partition(", ")
    if eager and sys.version_info < (3, 12):
        pytest.skip("tasks start eagerly from Python 3.12 on")
    make = asyncio.new_event_loop if kind == "asyncio" else pytest.importorskip("uvloop").new_event_loop

    def made() -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = make()
        # Named as asyncio names the threads of its own, which `no_leaks` knows.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        if eager and sys.version_info >= (3, 12):
            loop.set_task_factory(asyncio.eager_task_factory)
        return loop

    def run(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=made) as runner:
            runner.run(work)

    return run


def test_calls_arrive_in_order_and_nothing_is_left(run: Run, tmp_path: Path, no_leaks: LeakCheck) -> None:
    async def work() -> None:
        async with exchange(tmp_path, jitter=(0.0, 0.001)) as kraken:
            async with no_leaks, kraken.session() as one, kraken.session() as other:
                calls = [session.private("Balance") for _ in range(40) for session in (one, other)]
                results = await asyncio.gather(one.public("Time"), *calls)
            assert len(results) == 81
            nonces = [arrival.nonce for arrival in kraken.emulator.history if arrival.nonce is not None]
            assert nonces == sorted(set(nonces))
            assert len(nonces) == 80
            assert kraken.emulator.refused() == 0
            assert kraken.most_in_flight == 1
            with pytest.raises(SessionClosed):
                await one.private("Balance")

    run(work())


def test_callers_that_leave_the_queue_have_sent_nothing(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        async with exchange(tmp_path) as kraken, kraken.session() as client:
            tasks = [asyncio.create_task(client.private("Ledgers", ofs=n)) for n in range(40)]
            await asyncio.sleep(0)
            for task in tasks[1::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 20
            assert len(kraken.calls()) == 20

    run(work())


def test_a_lost_order_is_looked_up_and_never_placed_twice(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        async with exchange(tmp_path) as kraken, kraken.session() as client:
            kraken.emulator.faults.next("AddOrder", Fault.reset("after"))
            assert len((await client.private("AddOrder", ORDER))["txid"]) == 1
            assert kraken.calls().count("AddOrder") == 1

    run(work())


def test_a_cancel_goes_past_a_stalled_call(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        async with exchange(tmp_path) as kraken, kraken.session(cancel_patience=0.2) as client:
            kraken.emulator.faults.next("Ledgers", Fault.hang("before"))
            read = asyncio.create_task(client.private("Ledgers"))
            await until(lambda: client.stats().in_flight == 1)
            await client.private("CancelAll")
            assert kraken.calls() == ["Ledgers", "CancelAll"]
            assert not read.done()
            read.cancel()

    run(work())


def test_a_halt_holds_until_resume_in_every_session(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        async with exchange(tmp_path) as kraken, kraken.session() as one, kraken.session() as other:
            await one.halt()
            for session in (one, other):
                with pytest.raises(TradingHalted):
                    await session.private("AddOrder", ORDER)
            assert "AddOrder" not in kraken.calls()
            one.resume()
            for session in (one, other):
                assert (await session.private("AddOrder", ORDER))["txid"]

    run(work())


def test_what_a_store_is_told_twice_in_one_step_of_the_loop_is_written(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        store = FileStore(tmp_path)
        async with key_state(store, "key") as key, key_state(store, "key") as other:
            key.insist(setting(pauses=1, touched=True))
            key.insist(setting(pauses=2, touched=True))
            for _step in range(20):
                await asyncio.sleep(0)
            assert await other.update(lambda shared: shared.pauses) == 2

    run(work())


def test_a_session_whose_observer_closes_it_while_it_is_closed_is_closed_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closings: list[Runtime] = []
    close = Runtime.close

    async def counted(self: Runtime, grace: float) -> None:
        closings.append(self)
        await close(self, grace)

    monkeypatch.setattr(Runtime, "close", counted)
    by_observer: list[asyncio.Task[None]] = []

    async def work() -> None:
        async with exchange(tmp_path) as kraken:

            def close_it(_: CallRecord) -> None:
                by_observer.append(asyncio.create_task(client.aclose()))

            client = kraken.session(observers=[close_it])
            await client.open()
            kraken.emulator.faults.next("Ledgers", Fault.hang("before"))
            calls = [asyncio.create_task(client.private("Ledgers")) for _ in range(3)]
            await until(lambda: client.stats().in_flight == 1)
            await client.aclose(grace=0.0)
            await asyncio.gather(*by_observer)
            ends = await asyncio.gather(*calls, return_exceptions=True)
        assert len(by_observer) == len(ends) == 3
        assert all(isinstance(end, KrakenError) for end in ends)
        assert len(closings) == 1

    run(work())


@pytest.mark.timeout(30)
@pytest.mark.parametrize("in_files", [True, False])
def test_an_update_that_a_listener_starts_in_the_middle_of_a_step_leaves_the_step_its_lock(
    run: Run, tmp_path: Path, in_files: bool
) -> None:
    async def work() -> None:
        store = FileStore(tmp_path) if in_files else MemoryStore()
        async with key_state(store, "key") as key:
            updates: list[asyncio.Task[None]] = []

            def choose(shared: Shared) -> bool:
                updates.append(asyncio.create_task(key.update(setting(pauses=2, touched=True))))
                if in_files:
                    (path,) = tmp_path.rglob("*.nonce.lock")
                    with contextlib.closing(FileLock(path)) as lock:
                        assert not lock.try_acquire()
                shared.pauses += 1
                return True

            _, first = await key.step(choose)
            await asyncio.gather(*updates)
            assert key.seen.pauses in (2, 3)
            _, second = await key.step(lambda _: True)
            assert second > first

    run(work())
