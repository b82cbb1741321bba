"""The command line in a shell: completion, narrow terminals, help."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kraken_async import KrakenSession
from kraken_async.cli import call, common
from kraken_async.cli.app import app
from kraken_async.cli.completion import complete_field, complete_profile, complete_tier
from kraken_async.emulator import EmulatorServer
from tests.cli.cli_support import run

ORDER = ["pair=XBTUSD", "type=buy", "ordertype=limit", "price=30000", "volume=0.01"]


@pytest.mark.parametrize(
    ("name", "begun", "found"),
    [
        ("AddOrder", "orderty", ["ordertype="]),
        ("AddOrder", "type=b", ["type=buy"]),
        (
            "AddOrder",
            "timeinforce=",
            ["timeinforce=FOK", "timeinforce=GTC", "timeinforce=GTD", "timeinforce=IOC"],
        ),
        ("AddOrder", "volume=1", []),
        ("Nonsense", "", []),
        (None, "", []),
    ],
)
def test_fields_and_their_values_are_completed(name: str | None, begun: str, found: list[str]) -> None:
    context: Any = SimpleNamespace(params={"name": name})
    assert complete_field(context, begun) == found


def test_tiers_and_profiles_are_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert complete_tier("p") == ["pro"]
    assert complete_tier("") == ["starter", "intermediate", "pro"]
    file = tmp_path / "profiles.toml"
    monkeypatch.setenv("KRAKEN_PROFILES", str(file))
    assert complete_profile("") == []
    file.write_text("[profile.main]\n[profile.hedge]\n")
    assert complete_profile("") == ["main", "hedge"]
    assert complete_profile("h") == ["hedge"]


def test_a_shell_asks_the_program_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {
        "_KRAKEN_ASYNC_COMPLETE": "complete_bash",
        "COMP_WORDS": "kraken-async call AddOrder orderty",
        "COMP_CWORD": "3",
    }
    result = CliRunner().invoke(app, [], prog_name="kraken-async", env=asked)
    assert result.stdout.split() == ["ordertype="]


@pytest.mark.parametrize(
    "words",
    [
        "nonce show",
        "budget",
        "endpoints AddOrder",
        "doctor --offline",
        "top --once",
        "orders unresolved",
        "endpoints",
    ],
)
def test_sixty_columns_are_enough(words: str, known: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common.out, "_width", 60)
    printed = run(*words.split()).stdout
    rows = [row for row in printed.splitlines() if row.strip()]
    assert rows
    tables = words.split()[0] in ("nonce", "budget", "endpoints") and words != "endpoints AddOrder"
    if tables:  # sentences are wrapped by the terminal; tables by the program
        assert max(map(len, rows)) <= 60
    # A column of one or two letters a row is a word that fell apart.
    narrow = [row for row in rows if re.search(r"(?:^|[│┃])\s*[b-z]\s*(?:[│┃]|$)", row)]
    assert not narrow


def commands(group: Any, *words: str) -> list[list[str]]:
    found: list[list[str]] = []
    for name, command in group.commands.items():
        found += commands(command, *words, name) if hasattr(command, "commands") else [[*words, name]]
    return found


@pytest.mark.parametrize("words", commands(typer.main.get_command(app)), ids=" ".join)
def test_every_help_has_its_exit_codes_and_an_example(words: list[str]) -> None:
    text = " ".join(run(*words, "--help").stdout.split())
    assert "Exit codes" in text
    assert "kraken-async " + " ".join(words) in text.replace("Usage: ", "")


class Stopped(BaseException):
    """What is not even an Exception."""


FAULTS = [
    KeyError("missing"),
    OSError("disk"),
    asyncio.CancelledError(),
    Stopped(),
    json.JSONDecodeError("no", "{", 1),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_after_an_order_was_sent_ends_with_3(
    fault: BaseException, known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = KrakenSession._ask

    async def faulty(self: KrakenSession, *words: Any) -> Any:
        await ask(self, *words)
        raise fault

    monkeypatch.setattr(KrakenSession, "_ask", faulty)
    result = run("call", "AddOrder", *ORDER, "--yes")
    assert len(known.emulator.orders) == 1
    assert result.exit_code == common.UNKNOWN
    assert type(fault).__name__ in result.stderr
    assert "try: do not repeat it" in result.stderr


def test_a_fault_in_showing_a_placed_order_ends_with_3(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "_show", lambda result: result["nothing of the kind"])
    result = run("call", "AddOrder", *ORDER, "--yes")
    assert (len(known.emulator.orders), result.exit_code) == (1, common.UNKNOWN)


def test_a_fault_in_closing_does_not_hide_that_an_order_was_placed(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = KrakenSession.aclose

    async def faulty(self: KrakenSession, grace: float = 10.0) -> None:
        await close(self, grace)
        raise ValueError("nothing that a user did")

    monkeypatch.setattr(KrakenSession, "aclose", faulty)
    result = run("call", "AddOrder", *ORDER, "--yes")
    assert (result.exit_code, "txid" in result.stdout) == (0, True)
    assert "nothing that a user did" in result.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("call Balance --yes", "cli.call.session"),
        ("budget", "cli.budget.session"),
        ("endpoints", "cli.endpoints.known_endpoints"),
        ("halt --yes", "cli.halt.session"),
        ("resume --yes", "cli.halt.session"),
        ("orders unresolved", "cli.orders.session"),
        ("orders resolve", "cli.orders.session"),
        ("orders ensure-cancelled x", "cli.orders.session"),
        ("orders dismiss x", "cli.orders.session"),
        ("nonce show", "cli.nonce.states"),
        ("nonce audit", "cli.nonce.states"),
        ("nonce jump 1 --yes", "cli.nonce.key_id"),
        ("doctor --offline", "cli.doctor._read"),
        ("top --once", "cli.top.sessions"),
        ("gateway", "cli.gateway._load"),
    ],
)
def test_a_fault_of_any_command_ends_it_with_3(
    words: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: Any, **__: Any) -> Any:
        raise RuntimeError("never meant to be")

    monkeypatch.setattr(f"kraken_async.{part}", faulty)
    result = run(*words.split())
    assert (result.exit_code, "RuntimeError: never meant to be" in result.stderr) == (common.UNKNOWN, True)


def test_an_interrupted_command_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("kraken_async.cli.budget.session", interrupted)
    assert run("budget").exit_code == common.INTERRUPTED
