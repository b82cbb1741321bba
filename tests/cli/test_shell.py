"""The command line in a shell: completion, narrow terminals, help."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kraken_async.cli import common
from kraken_async.cli.app import app
from kraken_async.cli.completion import complete_field, complete_profile, complete_tier
from kraken_async.emulator import EmulatorServer
from tests.cli.cli_support import run


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
