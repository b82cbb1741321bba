"""docs/architecture.md is true: the files it names exist, its tree is whole, and the states are the code's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from kraken_async.call import MOVES, CallState

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kraken_async"
PAGE = (ROOT / "docs/architecture.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(kraken_async/[\w./]+)`", PAGE))))
def test_a_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("put together", "class KeyRuntime"),
        ("on one screen", "def send_one"),
        ("refused nonce", "next_step"),
        ("a lost answer leads to", "def decide"),
        ("looked up", "OrderReconciler"),
        ("the one that was sent", "class Sight"),
        ("Who goes first", "class RequestQueue"),
        ("must wait for Kraken's limits", "def seconds_until_free"),
        ("a cancel passes", "class CancelOvertaking"),
        ("written to disk for nonces", "HEADER_AT"),
        ("written to disk for orders", "def new_file"),
        ("become exceptions", "def api_error"),
        ("Kraken's clock", "class ServerTime"),
    ],
)
def test_the_index_leads_to_the_code(question: str, name: str) -> None:
    (row,) = (line for line in section("Where is ...").splitlines() if question in line)
    path = re.search(r"`(kraken_async/[\w./]+\.py)`", row)
    assert path
    assert name in (ROOT / path[1]).read_text()


def test_every_file_that_is_kept_of_a_key_is_in_the_table() -> None:
    code = "".join(path.read_text() for path in (PACKAGE / "stores/file").glob("*.py"))
    kept = {".state", *re.findall(r'with_suffix\("(\.\w+)"\)', code)}
    assert kept >= {".floors", ".placed", ".recalled"}
    assert {end for end in kept if f"`<key>{end}`" not in section("What is written to disk")} == set()


def test_the_tree_names_every_folder_and_module_of_the_first_floor() -> None:
    rows = [line.split("|")[1] for line in section("The tree").splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([\w.]+)/?`", "\n".join(rows)))
    there = {
        path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - {"__init__.py", "__main__.py"} <= named


def test_the_first_floor_fits_on_a_screen() -> None:
    assert len([path for path in PACKAGE.iterdir() if path.name != "__pycache__"]) <= 32


LONG = 300
GENERATED = "# Made from spot.toml"


def test_a_module_of_more_than_300_lines_says_at_its_head_why() -> None:
    unexplained = {}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        lines = text.count("\n")
        head = ast.get_docstring(ast.parse(text)) or ""
        if lines > LONG and not text.startswith(GENERATED) and f"More than {LONG} lines: " not in head:
            unexplained[path.relative_to(ROOT).as_posix()] = lines
    assert not unexplained


@pytest.mark.parametrize("word", ["turn", "intent", "ceiling", "orphan", "finding", "call counter", "recall"])
def test_the_words_of_this_page_are_in_the_list_of_words(word: str) -> None:
    assert f"\n| {word} | " in (ROOT / "docs/words.md").read_text()


def test_the_states_are_those_of_the_code() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section("A call's states").splitlines()
        if line.startswith("| `")
    ]
    shown = {
        CallState[state.strip("`")]: {CallState[name] for name in re.findall(r"`(\w+)`", after)}
        for state, _, after in rows
    }
    assert shown == MOVES
