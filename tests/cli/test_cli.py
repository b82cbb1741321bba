"""The command line as its users meet it: what it prints, what it asks, how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import pydoc
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import kraken_async
from kraken_async import BurstGovernor, KrakenSession
from kraken_async.adapters.background import BackgroundSession
from kraken_async.api.endpoints import known_endpoints
from kraken_async.api.parameters import PARAMETERS
from kraken_async.cli import main
from kraken_async.cli.app import app
from kraken_async.cli.call import parse_fields
from kraken_async.cli.endpoints import complete_endpoint
from kraken_async.cli.parameters import page, parameters
from kraken_async.emulator import EmulatorServer, Fault
from kraken_async.errors import TradingHalted
from tests import forked
from tests.cli.cli_support import data, run

ROOT = Path(__file__).parents[2]
ORDER = ["pair=XBTUSD", "type=buy", "ordertype=limit", "price=37500", "volume=1.25"]
LIMIT = dict(word.split("=") for word in ORDER)
# ------------------------------------------------------------------ help


COMMANDS = [
    *(
        ["demo"],
        ["call"],
        ["emulator"],
        ["doctor"],
        ["budget"],
        ["endpoints"],
        ["top"],
        ["nonce", "show"],
        ["nonce", "jump"],
    ),
    *(["nonce", "audit"], ["orders", "unresolved"], ["orders", "resolve"], ["halt"], ["resume"]),
    *(["gateway", "halt"], ["gateway", "resume"]),
    *(["gateway"], ["gateway", "token", "add"], ["gateway", "token", "list"], ["gateway", "token", "remove"]),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert re.search(r"Examples?: kraken-async " + " ".join(words), result.stdout)


def test_the_exit_codes_are_documented() -> None:
    assert "3 outcome unknown" in run("--help").stdout


def test_without_typer_one_sentence_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.setattr(sys, "argv", ["kraken-async"])
    with pytest.raises((SystemExit, ImportError)) as ended:
        main()
    # None in sys.modules raises ModuleNotFoundError, as a package that is not installed does.
    assert isinstance(ended.value, SystemExit)
    assert ended.value.code == 2
    assert "[cli]; run: pip install 'typer>=" in capsys.readouterr().err


def test_an_import_that_fails_inside_typer_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "typer.py").write_text("import a_module_that_nobody_has")
    monkeypatch.delitem(sys.modules, "typer")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has"):
        main()


# ------------------------------------------------------------------ call


def test_call_prints_the_result_as_json_and_nothing_else(known: EmulatorServer) -> None:
    result = run("call", "Balance")
    assert result.exit_code == 0
    assert data(result)["XXBT"] == "100000.0000000000"


def test_call_public_needs_no_key(server: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY")
    monkeypatch.delenv("KRAKEN_API_SECRET")
    assert data(run("call", "Time"))["unixtime"] > 0


def test_call_against_an_emulator_of_its_own_needs_nothing() -> None:
    result = run("call", "AddOrder", *ORDER, "validate=true", "--emulator")
    assert data(result)["descr"]["order"] == "buy 1.25000000 XBTUSD @ limit 37500.0"


def test_call_without_a_key_names_the_variables(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY")
    monkeypatch.delenv("KRAKEN_API_SECRET")
    result = run("call", "Balance")
    assert result.exit_code == 2
    assert "KRAKEN_API_KEY" in result.stderr
    assert not server.emulator.history


def test_the_first_private_call_on_a_key_asks_and_names_yes(server: EmulatorServer) -> None:
    result = run("call", "Balance")
    assert result.exit_code == 2
    assert "closed for good" in result.stderr
    assert "--yes" in result.stderr
    assert not server.emulator.history


def test_a_write_asks_and_names_yes(known: EmulatorServer) -> None:
    result = run("call", "AddOrder", *ORDER)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert not known.emulator.orders
    assert run("call", "AddOrder", *ORDER, "--yes").exit_code == 0
    assert len(known.emulator.orders) == 1
    assert "; 1 order cancelled;" in run("halt", "--yes").stdout


@pytest.mark.parametrize(
    "words", [["call", "AddOrder", "pair=XBTUSD"], ["halt"], ["resume"], ["nonce", "jump", "1"]], ids=" ".join
)
def test_a_missing_key_is_said_before_anything_is_asked(words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert "no API key" in result.stderr
    assert "--yes" not in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["AddOrder", "pair=XBTUSD"], "is missing"),
        (["AddOrder", *ORDER, "oflag=post"], '"oflags" is meant'),
        (["Withdraw", "asset=XBT", "key=mine", "amount=1"], "--allow-funding"),
    ],
)
def test_what_would_not_be_sent_is_said_before_anything_is_asked(
    known: EmulatorServer, words: list[str], message: str
) -> None:
    before = len(known.emulator.history)
    result = run("call", *words)
    assert result.exit_code == 4
    assert message in result.stderr
    assert "--yes" not in result.stderr
    assert "checks=False" not in result.stderr
    assert len(known.emulator.history) == before


def test_a_field_that_is_not_known_is_said_once_and_sent(known: EmulatorServer) -> None:
    command = [sys.executable, "-m", "kraken_async", "call", "Balance", "novelty=1"]
    done = forked.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr.count("novelty") == 1


def test_a_refusal_ends_with_1_and_a_cure(known: EmulatorServer) -> None:
    known.emulator.faults.next("Balance", Fault.refuse("EGeneral:Permission denied"))
    result = run("call", "Balance")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "EGeneral:Permission denied" in result.stderr
    assert "try: " in result.stderr


@pytest.mark.parametrize(
    ("refusal", "cure"),
    [
        ("EOrder:Order minimum not met", "AssetPairs pair=XBTUSD` (ordermin)"),
        ("EOrder:Cost minimum not met", "(costmin)"),
        ("EOrder:Invalid price:37500.123", "['XBTUSD'].check(price, volume)"),
        ("EQuery: Unknown asset pair", "`kraken-async call AssetPairs`"),
        ("EQuery:Unknown asset", "`kraken-async call Assets`"),
        ("EGeneral:Invalid arguments:volume", "`kraken-async endpoints AddOrder`"),
        ("EAPI:Invalid signature", "correct KRAKEN_API_SECRET"),
        ("EAPI:Invalid key", "unless it was given --seed"),
    ],
)
def test_each_refusal_of_a_beginner_s_order_has_its_own_cure(
    refusal: str, cure: str, known: EmulatorServer
) -> None:
    known.emulator.faults.next("AddOrder", Fault.refuse(refusal))
    result = run("call", "AddOrder", *ORDER, "--yes")
    assert (result.exit_code, "try: " in result.stderr) == (1, True)
    assert cure in result.stderr


def test_what_was_not_sent_ends_with_4(known: EmulatorServer) -> None:
    result = run("call", "Withdraw", "asset=XBT", "key=mine", "amount=1", "--yes")
    assert result.exit_code == 4
    assert "--allow-funding" in result.stderr


def test_an_unknown_outcome_ends_with_3(known: EmulatorServer) -> None:
    known.emulator.faults.next("WalletTransfer", Fault.reset("after"))
    words = ["call", "WalletTransfer", "asset=XBT", "from=Spot Wallet", "to=Futures Wallet", "amount=1"]
    result = run(*words, "--allow-funding", "--yes")
    assert result.exit_code == 3
    assert "do not repeat" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["call", "Balance", "oops"], "key=value"),
        (["call", "../public/Time"], "not an endpoint name"),
        (["call", "AddOrderBatch", "orders=[1,"], "is not JSON"),
        (["call", "AddOrderBatch", "orders=@nowhere.json"], "cannot be read"),
        (["call", "Balance", "--emulator", "--base-url", "http://localhost:1"], "--base-url"),
        (["emulator", "--tier", "gold"], "starter"),
    ],
)
def test_wrong_use_ends_with_2_and_one_sentence(words: list[str], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_values_stay_text_and_brackets_nest(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text('[{"price": 0.10}]')
    assert parse_fields(["price=1e3", "close[ordertype]=limit", "close[price]=5", f"orders=@{rows}"]) == {
        "price": "1e3",
        "close": {"ordertype": "limit", "price": "5"},
        "orders": [{"price": "0.10"}],
    }


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(("answer", "code", "placed"), [(b"n\n", 4, 0), (b"y\n", 0, 1)])
def test_at_a_terminal_a_write_goes_out_only_after_a_yes(
    known: EmulatorServer, answer: bytes, code: int, placed: int
) -> None:
    ours, theirs = os.openpty()
    try:
        child = forked.Popen(
            [sys.executable, "-m", "kraken_async", "call", "AddOrder", *ORDER],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.write(ours, answer)
        _, complaint = child.communicate(timeout=100)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (child.returncode, len(known.emulator.orders)) == (code, placed), complaint


@pytest.mark.parametrize(
    "words",
    [
        ["call", "Balance"],
        ["call", "Nope", "--yes"],
        ["doctor"],
        ["doctor", "--json"],
        ["nonce", "show", "--json"],
        ["nonce", "audit", "--online"],
        ["budget"],
        ["orders", "unresolved"],
        ["top", "--once"],
    ],
    ids=" ".join,
)
def test_no_secret_in_any_output(known: EmulatorServer, words: list[str]) -> None:
    result = run(*words)
    assert not [secret for secret in known.emulator.key if secret in result.stdout + result.stderr]


def test_a_secret_that_is_none_is_said_without_showing_it(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_API_SECRET", "not-base64!")
    for words in (["call", "Balance"], ["doctor", "--offline"], ["budget"]):
        result = run(*words)
        assert result.exit_code in (1, 2)
        assert "base64" in result.stderr + result.stdout  # doctor prints it among its checks
        assert "not-base64!" not in result.stdout + result.stderr


@contextmanager
def running_bot(server: EmulatorServer) -> Iterator[BackgroundSession]:
    """A session on the key that is alive in another thread while the block runs."""

    def session() -> KrakenSession:
        return KrakenSession(
            *server.emulator.key,
            base_url=server.url,
            state_dir=os.environ["KRAKEN_STATE_DIR"],
            governor=BurstGovernor("pro", startup_window=0),
            account="the bot's",
        )

    with BackgroundSession(session) as bot:
        yield bot


def test_beside_a_running_bot_commands_know_what_it_knows(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_API_TIER", "pro")  # the bot's: both see the counter fall at the same pace
    with running_bot(known) as bot:
        for _ in range(4):
            bot.private("TradesHistory")
        assert run("call", "Balance").exit_code == 0  # the key is not new
        for _ in range(20):
            bot.private("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "1"})
        before = bot.stats().counter_level
        budget = data(run("budget", "--json"))
        assert bot.stats().counter_level - 0.1 <= budget["level"] <= before + 0.1
        assert budget["pairs"].keys() >= bot.stats().pair_levels.keys()  # it falls to nothing within seconds


def test_halt_stops_a_running_bot_and_resume_lets_it_go_on(known: EmulatorServer) -> None:
    with running_bot(known) as bot:
        assert bot.private("AddOrder", LIMIT)["txid"]
        assert run("halt").exit_code == 2  # it asks
        assert data(run("halt", "--yes", "--json"))["cancelled"]["count"] == 1
        with pytest.raises(TradingHalted):
            bot.private("AddOrder", LIMIT)
        refused = run("call", "AddOrder", *ORDER, "--yes")
        assert (refused.exit_code, "kraken-async resume" in refused.stderr) == (4, True)
        assert data(run("resume", "--yes", "--json")) == {"halted": False}
        assert bot.private("AddOrder", LIMIT)["txid"]


@pytest.mark.parametrize(("name", "meant"), [("Balnce", "Balance"), ("Tickr", "Ticker")])
@pytest.mark.parametrize("more", [[], ["--yes"]])
def test_a_slip_in_a_name_is_not_sent_and_the_one_that_was_meant_is_named(
    name: str, meant: str, more: list[str], known: EmulatorServer
) -> None:
    before = len(known.emulator.history)
    result = run("call", name, *more)
    assert result.exit_code == 2
    assert f"{name} is not a known endpoint: {meant}?" in result.stderr
    assert f"try: {meant};" in result.stderr
    assert "--yes" not in result.stderr
    assert len(known.emulator.history) == before


@pytest.mark.parametrize("words", [["Balnce", "--private"], ["Novelty"]])
def test_a_name_that_is_meant_is_sent_after_a_yes(words: list[str], known: EmulatorServer) -> None:
    asked = run("call", *words)
    assert (asked.exit_code, "--yes" in asked.stderr) == (2, True)
    assert f"{words[0]} is not a known endpoint" in asked.stderr
    assert "EGeneral:Unknown method" in run("call", *words, "--yes").stderr


# ------------------------------------------------------------------ nonce


def test_nonce_show_reads_without_a_change(known: EmulatorServer) -> None:
    (state,) = data(run("nonce", "show", "--json"))
    before = Path(state["path"]).read_bytes()
    assert int(state["last"]) == known.emulator.history[-1].nonce
    assert state["trouble"] == []
    assert data(run("nonce", "show", "--json"))[0]["last"] == state["last"]
    assert Path(state["path"]).read_bytes() == before
    done = forked.run(
        [sys.executable, "-m", "kraken_async", "nonce", "show"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert state["key"] in done.stdout
    assert state["last"] in done.stdout  # whole, to be copied


def test_nonce_jump_asks_and_then_holds_for_good(known: EmulatorServer) -> None:
    assert run("nonce", "jump", "3600").exit_code == 2
    new = int(data(run("nonce", "jump", "3600", "--yes", "--json"))["last"])
    assert new > time.time_ns() + 3_590_000_000_000
    run("call", "Balance")
    nonce = known.emulator.history[-1].nonce
    assert nonce is not None
    assert nonce > new


def test_nonce_audit_finds_a_damaged_slot(known: EmulatorServer) -> None:
    path = Path(data(run("nonce", "show", "--json"))[0]["path"])
    assert not [text for text in data(run("nonce", "audit", "--json"))["findings"] if "slot" in text]
    with path.open("r+b") as file:
        file.write(b"garbage")
    result = run("nonce", "audit", "--json")
    assert result.exit_code == 1
    assert any("slot A is damaged" in text for text in data(result)["findings"])


# ------------------------------------------------------------------ budget, orders, top


def test_budget_says_when_more_calls_may_go(known: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_API_TIER", "pro")
    found = data(run("budget", "Balance", "--calls", "20", "--json"))
    assert (found["tier"], found["maximum"]) == ("pro", 20.0)
    assert found["seconds"] > 0
    assert "may go" in run("budget").stdout


def test_orders_unresolved_lists_what_a_killed_program_left_and_resolve_settles_it(
    known: EmulatorServer,
) -> None:
    known.emulator.faults.next("AddOrder", Fault.late(30))
    child = forked.Popen(
        [sys.executable, "-m", "kraken_async", "call", "AddOrder", *ORDER, "--yes"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not known.emulator.orders and child.poll() is None:
        time.sleep(0.01)
    child.kill()
    child.wait()
    result = run("orders", "unresolved", "--json")
    assert result.exit_code == 3
    (intent,) = data(result)
    assert intent["cl_ord_id"] in run("orders", "unresolved").stdout
    (settled,) = data(run("orders", "resolve", intent["cl_ord_id"], "--json"))
    assert settled["outcome"] == "placed"
    assert settled["result"]["txid"] == list(known.emulator.orders)
    assert run("orders", "unresolved").exit_code == 0


def leave_unknown(known: EmulatorServer, when: str) -> dict[str, Any]:
    """Kill a program in the middle of an order; return its intent."""
    known.emulator.faults.next("AddOrder", Fault.hang("after" if when == "placed" else "before"))
    child = forked.Popen(
        [sys.executable, "-m", "kraken_async", "call", "AddOrder", *ORDER, "--yes"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    arrived = known.emulator.history
    while not any(each.endpoint == "AddOrder" for each in arrived) and child.poll() is None:
        time.sleep(0.01)
        arrived = known.emulator.history
    child.kill()
    child.wait()
    (intent,) = data(run("orders", "unresolved", "--json"))
    return dict(intent)


def test_orders_ensure_cancelled_closes_what_a_killed_program_left(known: EmulatorServer) -> None:
    intent = leave_unknown(known, "placed")
    (row,) = data(run("orders", "ensure-cancelled", intent["id"], "--json"))
    assert (row["outcome"], row["result"]["status"]) == ("cancelled", "canceled")
    assert [order.status for order in known.emulator.orders.values()] == ["canceled"]
    assert run("orders", "unresolved").exit_code == 0
    (txid,) = known.emulator.orders
    assert "vol_exec=0" in run("orders", "ensure-cancelled", txid).stdout


def test_orders_dismiss_strikes_off_what_is_known_otherwise(known: EmulatorServer) -> None:
    intent = leave_unknown(known, "never placed")
    assert run("orders", "dismiss", "nobody").exit_code == 2
    assert "dismissed" in run("orders", "dismiss", intent["cl_ord_id"]).stdout
    assert run("orders", "unresolved").exit_code == 0


def test_orders_of_a_key_that_was_replaced_are_resolved_with_the_new_one(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = leave_unknown(known, "placed")
    new = known.emulator.add_key()
    # As in the names of its files.
    old = hashlib.sha256(os.environ["KRAKEN_API_KEY"].encode()).hexdigest()[:16]
    monkeypatch.setenv("KRAKEN_API_KEY", new.api_key)
    monkeypatch.setenv("KRAKEN_API_SECRET", new.api_secret)
    assert run("orders", "unresolved").exit_code == 0
    (row,) = data(run("orders", "resolve", "--from-key", old, "--json"))
    assert (row["intent"], row["outcome"]) == (intent["id"], "placed")
    assert run("orders", "unresolved", "--from-key", old).exit_code == 0


def test_top_shows_what_a_session_wrote_and_says_when_it_is_silent(
    tmp_path: Path, known: EmulatorServer
) -> None:
    assert "no running session" in run("top", "--once").stdout
    assert data(run("top", "--json")) == []


def test_top_into_a_pipe_prints_once_and_ends() -> None:
    command = [sys.executable, "-m", "kraken_async", "top"]
    done = forked.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "no running session" in done.stdout


# ------------------------------------------------------------------ emulator, demo


def test_emulator_serves_any_client_until_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    child = forked.Popen(
        [sys.executable, "-W", "error", "-m", "kraken_async", "emulator", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    try:
        text = ""
        while not text.rstrip().endswith("}"):
            line = child.stdout.readline()
            assert line, "it ended before it served"
            text += line
        found = json.loads(text)
        monkeypatch.setenv("KRAKEN_API_KEY", found["api_key"])
        monkeypatch.setenv("KRAKEN_API_SECRET", found["api_secret"])
        assert run("call", "Balance", "--base-url", found["url"], "--yes").exit_code == 0
    finally:
        child.send_signal(signal.SIGINT)
        _, complaint = child.communicate(timeout=100)
    assert child.returncode == 130
    assert "Traceback" not in complaint


def test_demo_ends_with_none_of_ours_refused() -> None:
    result = run("demo", "--calls", "60", "--json")
    found = data(result)
    plain, ours = found["sides"]
    assert result.exit_code == 0
    assert found["limits"] == "off"
    assert (ours["answered"], ours["refused_for_nonce"], ours["most_in_flight"]) == (60, 0, 1)
    assert plain["refused_for_nonce"] > 0
    assert ours["nonce_state"].endswith(".state")


def test_demo_prints_both_side_by_side() -> None:
    printed = run("demo", "--calls", "10").stdout
    assert re.search(r"answered +│ +\d+ +│ +10", printed)
    assert "limits off" in printed


def test_demo_exits_with_1_when_ours_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kraken_async.cli.demo.TASKS", 1)
    monkeypatch.setattr("kraken_async.cli.demo.KrakenSession", _Overtaking)
    result = run("demo", "--calls", "30", "--json")
    assert result.exit_code == 1
    assert data(result)["ok"] is False


class _Overtaking:
    """A session that keeps nothing in order, for the demo to find out."""

    def __init__(self, api_key: str, api_secret: str, *, base_url: str, **_: object) -> None:
        from kraken_async.emulator import KeyPair
        from kraken_async.emulator.plain import PlainClient

        self._client = PlainClient(base_url, KeyPair(api_key, api_secret))
        self.persistence_file = "nowhere"

    async def __aenter__(self) -> _Overtaking:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__(None, None, None)

    async def private(self, name: str) -> Any:
        return await self._client.private(name)

    def stats(self) -> _Overtaking:
        return self


@pytest.mark.proof
def test_demo_chaos_places_no_order_of_ours_twice() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kraken_async", "demo", "--calls", "10", "--chaos", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    plain, ours = json.loads(done.stdout)["chaos"]
    assert (ours["placed"], ours["duplicates"], ours["missing"]) == (ours["orders"], 0, 0)
    assert plain["duplicates"] > 0
    assert "Traceback" not in done.stderr


def test_demo_peers_names_those_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("krakenex", "ccxt", "ccxt.async_support", "kraken", "kraken.spot"):
        monkeypatch.setitem(sys.modules, module, None)
    result = run("demo", "--calls", "4", "--peers", "--json")
    assert data(result)["peers"] == []
    assert "ccxt is not installed here" in result.stderr


# ------------------------------------------------------------------ what was sent is never called "not sent"


@contextmanager
def leading_nowhere(redirection: str) -> Iterator[dict[str, Any]]:
    """Give the streams of a child as a shell would lead them, the output to where nothing can be written."""
    with ExitStack() as open_files:
        if redirection == "| true":
            read, write = os.pipe()
            os.close(read)
            out: Any = open_files.enter_context(os.fdopen(write, "w"))
        else:
            out = open_files.enter_context(open("/dev/full", "w"))
        yield {"stdout": out, "stderr": out if "2>" in redirection else subprocess.PIPE}


@pytest.mark.parametrize("redirection", ["| true", "> /dev/full", "> /dev/full 2> /dev/full"])
def test_an_order_that_was_placed_ends_with_3_when_its_result_cannot_be_printed(
    known: EmulatorServer, redirection: str
) -> None:
    command = [sys.executable, "-m", "kraken_async", "call", "AddOrder", *ORDER, "--yes"]
    with leading_nowhere(redirection) as streams:
        done = forked.run(command, **streams, text=True, timeout=100, check=False)
    assert len(known.emulator.orders) == 1
    assert done.returncode == 3, done.stderr
    if "2>" not in redirection:
        assert "was sent and answered" in done.stderr


@pytest.mark.parametrize("redirection", [">&-", pytest.param("2>&- | true", marks=pytest.mark.proof)])
def test_an_order_that_was_placed_ends_with_3_when_it_was_started_with_a_closed_stream(
    known: EmulatorServer, redirection: str
) -> None:
    command = f"{sys.executable} -m kraken_async call AddOrder {' '.join(ORDER)} --yes {redirection}"
    done = subprocess.run(
        ["bash", "-c", f"trap '' PIPE; {command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"PYTHONUNBUFFERED": ""},
    )
    assert len(known.emulator.orders) == 1
    assert done.returncode in (0, 3), done.stderr
    if done.returncode == 3 and "2>" not in redirection:
        assert "was sent and answered" in done.stderr


def test_a_halt_that_cannot_be_printed_ends_with_3(known: EmulatorServer) -> None:
    command = [sys.executable, "-m", "kraken_async", "halt", "--yes"]
    with leading_nowhere("> /dev/full") as streams:
        done = forked.run(command, **streams, text=True, timeout=100, check=False)
    assert done.returncode == 3
    assert "was sent and answered" in done.stderr


# ------------------------------------------------------------------ endpoints, version, groups


def test_endpoints_lists_every_endpoint_with_its_permission() -> None:
    rows = data(run("endpoints", "--json"))
    assert {"Balance", "AddOrder", "Time", "Earn/Strategies"} <= {row["endpoint"] for row in rows}
    assert all(row["permission"] and row["cost"] for row in rows)
    assert "AddOrder" in run("endpoints").stdout


def test_one_endpoint_is_listed_with_its_parameters_and_its_page() -> None:
    found = data(run("endpoints", "AddOrder", "--json"))
    assert found["page"] == "docs/endpoints/add-order.md"
    assert "Place one order" in pydoc.render_doc(found["help"].split()[-1])
    required = [each["required"] for each in found["parameters"]]
    assert required == sorted(required, reverse=True)
    types = {each["name"]: each["type"] for each in found["parameters"]}
    assert (types["type"], types["volume"], types["userref"]) == ("buy, sell", "decimal", "integer")
    assert types["oflags"] == "list of post, fcib, fciq, viqc, nompp"
    shown = run("endpoints", "AddOrder").stdout
    assert all(each in shown for each in (*types, "trailing-stop-limit", "docs/endpoints/add-order.md"))


def test_every_endpoint_has_a_page_and_the_parameters_that_are_checked() -> None:
    for private in (True, False):
        for name in known_endpoints(private=private):
            assert (ROOT / page(name)).is_file()
            found = parameters(name)
            checked = PARAMETERS.get(name)
            if checked is not None:  # cancels are not
                assert {each.name for each in found} == set(checked.table)
                assert {each.name for each in found if each.required} == checked.required


def test_the_page_of_the_commands_names_each_and_its_lines_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    names = [command.name for command in app.registered_commands]
    for name in [*names, *(group.name for group in app.registered_groups)]:
        assert f"`{name}" in text
    file = re.search("cat > orders.json <<'END'\n(.*?)\nEND\n", text, re.DOTALL)
    assert file is not None
    (tmp_path / "orders.json").write_text(file[1])
    monkeypatch.chdir(tmp_path)
    line = re.search(r"^kraken-async (call AddOrderBatch .*)$", text, re.MULTILINE)
    assert line is not None
    assert len(data(run(*line[1].split(), "--emulator"))["orders"]) == 2


def test_endpoints_names_the_nearest_of_a_name_that_is_not_known() -> None:
    result = run("endpoints", "addorder")
    assert result.exit_code == 2
    assert "AddOrder?" in result.stderr


@pytest.mark.parametrize("name", ["Ledgersss", "Ticker"])
def test_budget_knows_private_endpoints_only(server: EmulatorServer, name: str) -> None:
    result = run("budget", name)
    assert result.exit_code == 2
    assert f"{name} is not a private endpoint" in result.stderr


def test_the_version_is_printed() -> None:
    assert run("--version").stdout.strip() == f"kraken-async {kraken_async.__version__}"


def test_the_help_has_groups_and_every_command_its_exit_codes() -> None:
    for group in ("Try it", "Ask Kraken", "Orders and trading", "Watch and check"):
        assert group in run("--help").stdout
    for words in COMMANDS:
        assert "Exit codes" in " ".join(run(*words, "--help").stdout.split())


@pytest.mark.parametrize(("begun", "found"), [("Add", "AddOrder"), ("addo", "AddOrder"), ("Tick", "Ticker")])
def test_endpoints_are_completed_in_any_case(begun: str, found: str) -> None:
    assert found in complete_endpoint(begun)


@pytest.mark.proof
@pytest.mark.skipif(
    sys.platform == "win32", reason="no shell that ignores SIGINT for what it runs behind itself"
)
def test_these_tests_pass_in_the_background_of_a_script() -> None:
    test = f"{__file__}::{test_emulator_serves_any_client_until_interrupted.__name__}"
    script = f"trap '' INT; {sys.executable} -m pytest -q -p no:cacheprovider {test} & wait $!"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=200, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
