"""Commands at a terminal, in a pipe, and under Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kraken_async import KrakenSession
from kraken_async.api.endpoints import known_endpoints
from kraken_async.cli import main
from kraken_async.cli.app import app
from kraken_async.cli.common import confirm
from kraken_async.emulator import EmulatorServer
from tests.cli.cli_support import checks, data, run

ROOT = Path(__file__).parents[2]
ORDER = ("pair=XBTUSD", "type=buy", "ordertype=limit", "price=30000", "volume=0.01")
#: Ctrl-C as a shell leaves it to its commands, however this process was started.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from kraken_async.cli import main; main()"
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


@pytest.fixture
def terminal() -> Iterator[int]:
    """The end of a pseudo-terminal that a command takes for its own."""
    ours, theirs = os.openpty()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


@POSIX
@pytest.mark.parametrize(
    "words", [("call", "AddOrder", *ORDER), ("halt",), ("call", "Balance")], ids=" ".join
)
def test_ctrl_c_at_a_question_ends_the_command_and_sends_nothing(
    words: tuple[str, ...], request: pytest.FixtureRequest, terminal: int
) -> None:
    # Balance is asked about on a key without state only, by a session that is open.
    server: EmulatorServer = request.getfixturevalue("server" if "Balance" in words else "known")
    before = len(server.emulator.history)
    with subprocess.Popen(
        [sys.executable, "-c", START, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stderr is not None
        asked = b""
        while not asked.endswith(b"[y/N]:") and (more := child.stderr.read(1)):
            asked += more
        child.send_signal(signal.SIGINT)
        try:
            _, said = child.communicate(timeout=100)
        finally:
            child.kill()
    assert (child.returncode, said.decode().split()) == (130, ["not", "sent"]), asked.decode() + said.decode()
    sent = [arrival.endpoint for arrival in server.emulator.history[before:]]
    assert not {"AddOrder", "CancelAll", "Balance"}.intersection(sent)


def test_the_end_of_the_input_is_no_answer_and_means_no(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any, **__: Any) -> bool:
        try:
            raise EOFError
        except EOFError:
            raise typer.Abort from None

    monkeypatch.setattr(typer, "confirm", ended)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _: True})())
    with pytest.raises(typer.Exit) as end:
        confirm("It changes something.", yes=False)
    assert end.value.exit_code == 4


def test_ctrl_c_before_a_command_has_begun_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kraken_async.cli._run", interrupted)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130


@pytest.mark.parametrize("words", [("endpoints",), ("budget",)], ids=" ".join)
def test_in_a_pipe_each_row_of_a_table_is_a_line(words: tuple[str, ...], known: EmulatorServer) -> None:
    plain = {"NO_COLOR": "1", "COLUMNS": None, "TERMINAL_WIDTH": None}
    lines = CliRunner().invoke(app, list(words), env=plain).stdout.splitlines()
    first = [line.split(" ")[0] for line in lines]
    if words == ("endpoints",):
        assert first[2:] == list(dict.fromkeys(first[2:]))
        assert {*known_endpoints(private=True)} <= {*first}
        (permission,) = [line for line in lines if line.startswith("Level3 ")]
        assert permission.rstrip().endswith("Query open orders & trades")
    else:
        assert len(lines) == 4  # names, a rule, the call counter, and when more may go


@POSIX
def test_a_terminal_that_cannot_move_its_cursor_shows_sessions_once(
    known: EmulatorServer, terminal: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START, "top"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_warning_says_that_it_is_one(known: EmulatorServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(os.environ["KRAKEN_API_SECRET"])
    secret.chmod(0o644)
    env = {name: value for name, value in os.environ.items() if name != "KRAKEN_API_SECRET"}
    done = subprocess.run(
        [sys.executable, "-c", START, "orders", "unresolved"],
        env={**env, "PYTHONPATH": str(ROOT), "KRAKEN_API_SECRET_FILE": str(secret)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    warned = [line for line in done.stderr.splitlines() if "may be read by others" in line]
    assert [line.split()[0] for line in warned] == ["WARNING"], done.stderr


def test_help_is_broken_by_the_terminal_alone() -> None:
    def helps(group: Any) -> Iterator[str]:
        for command in group.commands.values():
            if hasattr(command, "commands"):
                yield from helps(command)
            yield command.help or ""

    for text in helps(typer.main.get_command(app)):
        assert all("\n" not in paragraph for paragraph in text.split("\n\n")), text


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("call", "NAME"),
        ("orders dismiss", "ID"),
        ("orders ensure-cancelled", "ID"),
        ("nonce jump", "SECONDS"),
    ],
)
def test_a_missing_argument_has_the_name_that_the_documentation_gives_it(words: str, named: str) -> None:
    done = run(*words.split())
    assert (done.exit_code, f"'{named}'" in done.output) == (2, True), done.output
    assert f"`{words} {named}" in (ROOT / "docs" / "command-line.md").read_text()


@pytest.mark.parametrize("missing", ["KRAKEN_API_KEY", "KRAKEN_API_SECRET"])
def test_half_a_key_pair_is_named(
    missing: str, server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(missing)
    for words in (("call", "Balance"), ("orders", "unresolved"), ("halt", "--yes")):
        done = run(*words)
        assert done.exit_code == 2
        assert f"{missing} is not set" in done.stderr
        assert f"try: set it, or {missing}_FILE" in done.stderr


def test_a_cancel_of_no_order_has_a_cure(known: EmulatorServer) -> None:
    done = run("call", "CancelOrder", "txid=OXXXXX-XXXXX-XXXXXX", "--yes")
    assert done.exit_code == 1
    assert "try: `kraken-async call OpenOrders`" in done.stderr


def test_an_id_that_no_order_has_is_said_and_not_called_cancelled_alone(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def absent(*_: Any, **__: Any) -> dict[str, Any]:
        return {"txid": None, "status": "absent", "vol_exec": "0"}

    monkeypatch.setattr(KrakenSession, "ensure_cancelled", absent)
    done = run("orders", "ensure-cancelled", "no-such-order")
    assert done.exit_code == 0
    assert "no order of this id shows" in done.stdout
    assert "is the id right?" in done.stdout
    (row,) = data(run("orders", "ensure-cancelled", "no-such-order", "--json"))
    assert row["result"]["status"] == "absent"


def test_without_a_place_for_its_state_a_halt_says_that_orders_are_open_and_doctor_what_it_did_not_ask(
    known: EmulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = run("halt", "--yes", "--state-dir", str(tmp_path / "file"))
    assert done.exit_code == 4
    assert "Nothing is halted, and no order was cancelled" in done.stderr
    assert "--state-dir" in done.stderr
    assert (
        checks(run("doctor", "--json", "--state-dir", str(tmp_path / "file")))["API key at Kraken"] == "WARN"
    )
    placed = run("call", "AddOrder", *ORDER, "--yes")
    assert placed.exit_code == 0, placed.output
    done = run("halt", "--yes", "--state-dir", str(tmp_path / "other"))  # the way out that is named
    assert (done.exit_code, "1 order cancelled" in done.stdout) == (0, True), done.output
