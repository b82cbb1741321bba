"""The session without await: complete, from any thread, under a running loop, in forked processes, closed properly."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import types
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import kraken_async
from kraken_async import BurstGovernor, InvalidArguments, OrderPolicy, SessionClosed, sync
from kraken_async.client import ClientView
from kraken_async.emulator import Fault
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.sync import KrakenSession, OutcomeUnknown
from tests import forked
from tests.conftest import LeakCheck

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.01"}
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.0001"}


@pytest.fixture
def make(kraken_emulator: RunningEmulator, tmp_path: Path) -> Iterator[Callable[..., KrakenSession]]:
    made: list[KrakenSession] = []

    def make(**options: Any) -> KrakenSession:
        options = {"governor": BurstGovernor.off(), "state_dir": tmp_path / "state", **options}
        key = kraken_emulator.api_key, kraken_emulator.api_secret
        made.append(KrakenSession(*key, base_url=kraken_emulator.url, tier="pro", **options))
        return made[-1]

    yield make
    for session in made:
        session.close()


#: Spelt otherwise there: `close`.
_ASYNC_ONLY = {"aclose"}


@pytest.mark.parametrize(
    ("here", "there"), [(KrakenSession, kraken_async.KrakenSession), (sync.ClientView, ClientView)]
)
def test_every_public_name_is_there_with_the_same_parameters(here: type, there: type) -> None:
    names = {name for name in dir(there) if not name.startswith("_")} - _ASYNC_ONLY
    assert names <= set(dir(here))
    for name in sorted(names):
        one, other = getattr(here, name), getattr(there, name)
        assert not inspect.iscoroutinefunction(one), name
        assert one.__doc__, name
        if callable(other):
            parameters = [
                [(p.name, p.kind, p.default) for p in inspect.signature(each).parameters.values()]
                for each in (one, other)
            ]
            assert parameters[0] == parameters[1], name


def test_the_constructor_has_the_same_parameters() -> None:
    assert str(inspect.signature(KrakenSession)) == str(inspect.signature(kraken_async.KrakenSession))


def test_calls_are_made_without_await(make: Callable[..., KrakenSession]) -> None:
    with make() as client:
        assert "XXBT" in client.private("Balance")
        assert client.public("Time")["unixtime"] > 0
        assert "XXBT" in client.spot.balance()
        placed = client.private("AddOrder", ORDER)
        assert client.with_options(timeout=5.0).spot.cancel_order(txid=placed["txid"][0]) == {"count": 1}
        assert client.markets()["BTC/USD"].key == "XXBTZUSD"
        assert client.wait_for(txid=placed["txid"][0])["status"] == "canceled"
        assert client.stats().total_nonces_issued >= 4
        assert client.budget().tier == "pro"
        assert client.unresolved() == []
        client.halt()
        client.resume()
        client.drain()


def test_wrong_arguments_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(ValueError, match="go together"):
        KrakenSession("key")
    with pytest.raises(ValueError, match="tier"):
        KrakenSession(tier="gold")


def test_views_convert_and_are_checked_when_they_are_made(make: Callable[..., KrakenSession]) -> None:
    with make() as client:
        exact = client.with_options(amounts=Decimal, times=datetime)
        assert isinstance(exact.private("Balance")["XXBT"], Decimal)
        client.private("AddOrder", MARKET)
        ((_, trade),) = exact.with_options(timeout=5.0).paginate("TradesHistory")
        assert isinstance(trade["price"], Decimal)
        assert trade["time"].tzinfo is not None
        with pytest.raises(ValueError, match="amounts"):
            client.with_options(amounts=float)  # type: ignore[arg-type] # what is tested
        with pytest.raises(TypeError, match="time_limit"):
            client.with_options(time_limit=5.0)  # type: ignore[call-overload] # what is tested


def test_errors_come_as_they_are(make: Callable[..., KrakenSession]) -> None:
    with make() as client, pytest.raises(InvalidArguments):
        client.public("Ticker", pair="NOSUCH")


def test_pages_are_a_plain_iterator(make: Callable[..., KrakenSession]) -> None:
    with make() as client:
        for _ in range(120):
            client.private("AddOrder", MARKET)
        seen = [row_id for row_id, _ in client.paginate("Ledgers")]
        assert len(seen) == len(set(seen)) == 240
        rows = client.paginate("TradesHistory")
        first = [next(rows)[0] for _ in range(60)]
        rest = [txid for txid, _ in client.paginate("TradesHistory", position=rows.position)]
        assert len(set(first + rest)) == len(first + rest) == 120
        assert sum(len(page["trades"]) for page in client.paginate("TradesHistory").pages()) == 120


def test_any_number_of_threads_share_one_session(
    make: Callable[..., KrakenSession], kraken_emulator: RunningEmulator, no_leaks: LeakCheck
) -> None:
    with no_leaks, make() as client, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: client.private("Balance"), range(100)))
    assert len(found) == 100
    assert kraken_emulator.emulator.refused() == 0
    assert kraken_emulator.emulator.max_in_flight[kraken_emulator.api_key] == 1


async def test_it_works_under_a_running_loop(make: Callable[..., KrakenSession]) -> None:
    """As in a notebook: the cell waits, the kernel's loop with it."""
    with make() as client:
        assert "XXBT" in client.private("Balance")
    assert asyncio.get_running_loop().is_running()


def test_a_first_call_opens_it_and_a_close_is_for_good(make: Callable[..., KrakenSession]) -> None:
    client = make()
    assert client.stats().total_nonces_issued == 0
    assert client.unresolved() == []
    assert client.private("Balance")
    client.close()
    client.close()
    with pytest.raises(SessionClosed):
        client.private("Balance")
    assert client.stats().total_nonces_issued >= 0


def test_one_that_is_dropped_is_closed(no_leaks: LeakCheck) -> None:
    with no_leaks:
        client = KrakenSession()
        client.open()
        threads = {thread.name for thread in threading.enumerate()}
        assert "kraken_async-session" in threads
        del client
        gc.collect()


def test_a_thread_that_can_have_no_loop_is_an_error_not_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(main: Coroutine[Any, Any, None]) -> None:
        main.close()
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(asyncio, "run", none_left)
    with pytest.raises(OSError, match="Too many"):
        KrakenSession().open()


def test_greenlets_in_place_of_threads_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    patched = types.SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", patched)
    with pytest.raises(RuntimeError, match="gevent"):
        KrakenSession().open()


def test_a_lost_order_is_resolved_without_await(
    make: Callable[..., KrakenSession], kraken_emulator: RunningEmulator
) -> None:
    faults = kraken_emulator.emulator.faults
    with make(orders=OrderPolicy(settle_timeout=0.2)) as client:
        faults.next("AddOrder", Fault.reset("after"))
        for endpoint in ("OpenOrders", "ClosedOrders"):
            for _ in range(20):
                faults.next(endpoint, Fault.refuse("EService:Unavailable"))
        with pytest.raises(kraken_async.OutcomeUnknown) as caught:
            client.private("AddOrder", ORDER)
        faults.clear()
        error = caught.value
        assert isinstance(error, OutcomeUnknown)
        found = error.resolve()
        assert found["txid"] == list(kraken_emulator.emulator.orders)
    travelled = pickle.loads(pickle.dumps(error))
    with pytest.raises(kraken_async.KrakenError, match="left its session"):
        travelled.resolve()


def test_the_dead_mans_switch_is_a_plain_with(
    make: Callable[..., KrakenSession], kraken_emulator: RunningEmulator
) -> None:
    with make() as client, pytest.raises(ValueError, match="seconds"):
        client.dead_man_switch(10, every=20)
    with make() as client, client.dead_man_switch(60, every=15) as switch:
        assert "armed" in repr(switch)
    armed = [a for a in kraken_emulator.emulator.history if a.endpoint == "CancelAllOrdersAfter"]
    assert len(armed) == 2


def test_no_secret_is_shown(make: Callable[..., KrakenSession], kraken_emulator: RunningEmulator) -> None:
    client = make()
    for shown in (repr(client), repr(client.with_options(timeout=1.0)), repr(vars(client))):
        assert kraken_emulator.api_secret not in shown
        assert kraken_emulator.api_key not in shown


def run(code: str, emulator: RunningEmulator, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return forked.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(code)],
        env={
            **os.environ,
            "KRAKEN_API_KEY": emulator.api_key,
            "KRAKEN_API_SECRET": emulator.api_secret,
            "KRAKEN_API_URL": emulator.url,
            "KRAKEN_API_TIER": "pro",
            "KRAKEN_GOVERNOR": "off",
            "KRAKEN_STATE_DIR": str(tmp_path / "state"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_script_that_closes_nothing_ends(kraken_emulator: RunningEmulator, tmp_path: Path) -> None:
    code = """
        from kraken_async.sync import KrakenSession
        client = KrakenSession.from_env()
        print(len(client.private("Balance")))
    """
    done = run(code, kraken_emulator, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_forked_workers_use_the_session_that_was_made_before(
    kraken_emulator: RunningEmulator, tmp_path: Path
) -> None:
    """As gunicorn does with --preload: made, and even used, in the master; workers with threads; their end."""
    code = """
        import os, sys
        from concurrent.futures import ThreadPoolExecutor
        from kraken_async.sync import KrakenSession

        client = KrakenSession.from_env()
        client.private("Balance")
        children = []
        for number in range(3):
            child = os.fork()
            if not child:
                with ThreadPoolExecutor(4) as pool:
                    assert len(list(pool.map(lambda _: client.private("Balance"), range(15)))) == 15
                client.close()
                os._exit(0)
            children.append(child)
        for _ in range(15):
            client.private("Balance")
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
        client.private("Balance")
        client.close()
    """
    done = run(code, kraken_emulator, tmp_path)
    assert done.returncode == 0, done.stderr
    emulator = kraken_emulator.emulator
    assert emulator.refused() == 0
    assert emulator.max_in_flight[kraken_emulator.api_key] == 1
    assert sum(a.endpoint == "Balance" for a in emulator.history) == 3 * 15 + 15 + 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_worker_goes_on_when_the_process_it_was_forked_from_is_killed(
    kraken_emulator: RunningEmulator, tmp_path: Path
) -> None:
    code = """
        import os, signal
        from kraken_async.sync import KrakenSession

        client = KrakenSession.from_env()
        client.private("Balance")
        reader, writer = os.pipe()
        worker = os.fork()
        if worker:
            os.close(reader)
            while True:
                client.private("Balance")
        os.close(writer)
        client.private("Balance")
        os.kill(os.getppid(), signal.SIGKILL)
        os.read(reader, 1)  # the parent's end is closed: it is gone
        for _ in range(10):
            client.private("Balance")
        print("went on", flush=True)
        client.close()
        os._exit(0)
    """
    done = run(code, kraken_emulator, tmp_path)
    assert done.stdout == "went on\n", done.stderr
