"""Each command that a page or a message names exists, with the options that it is given."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from kraken_async.cli.app import app

ROOT = Path(__file__).parents[2]
FILES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/*.*"),
        *ROOT.glob("kraken_async/**/*.py"),
    ]
)

BLOCK = re.compile(r"^```(?:sh|console)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
IN_BLOCK = re.compile(r"^(?:\$ |\.venv/bin/)?kraken-async (?P<words>.+)$", re.MULTILINE)
IN_SENTENCE = re.compile(r"`(?:\.venv/bin/)?kraken-async (?P<words>[^`{}]+)`")


def commands(path: Path) -> Iterator[str]:
    """Yield what stands behind the program's name: in shell blocks, and between backticks."""
    text = path.read_text(encoding="utf-8", errors="replace")
    for block in BLOCK.finditer(text):
        yield from (found["words"] for found in IN_BLOCK.finditer(block["text"]))
    sentences = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL).replace("``", "`")
    yield from (found["words"] for found in IN_SENTENCE.finditer(sentences))


@functools.cache
def program() -> Any:
    return typer.main.get_command(app)


def mistake(words: str) -> str:
    """Return what of a command does not exist; "" if all of it does."""
    command: Any = program()
    known = {"-h": False, "--help": False}
    value_follows = False
    for word in shlex.split(re.split(r"[;&|>]", words)[0], comments=True):
        known |= {
            name: not option.is_flag for option in command.params for name in option.opts if name[0] == "-"
        }
        name, equals, _ = word.partition("=")
        if value_follows:
            value_follows = False
        elif word[0] == "-":
            if name not in known:
                return f"{command.name} takes no {name}"
            value_follows = known[name] and not equals
        elif hasattr(command, "commands") and word != "...":
            if word not in command.commands:
                return f"{command.name} has no command {word}"
            command = command.commands[word]
    return ""


def test_every_command_that_is_named_exists_with_its_options() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {words}": why
        for path in FILES
        for words in commands(path)
        if (why := mistake(words))
    }
    assert not wrong


def test_commands_are_found_and_looked_at() -> None:
    named = {words.split()[0] for path in FILES for words in commands(path)}
    assert {
        "demo",
        "call",
        "doctor",
        "halt",
        "nonce",
        "orders",
        "gateway",
        "emulator",
        "conformance",
    } <= named


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("call Balance --yes", ""),
        ("--profile main call Balance --otp=1", ""),
        ("gateway token add bot --account main --allow read  # once", ""),
        ("nonce jmp 60", "nonce has no command jmp"),
        ("doctor --online", "doctor takes no --online"),
        ("halt --yes --cancel; true", "halt takes no --cancel"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(words: str, why: str) -> None:
    assert mistake(words) == why
