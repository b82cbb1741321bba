"""Each row of the table of failures names a test that there is, marked as the page says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "failures.md"
ROW = re.compile(r"^\| (?!---|what )(?P<cells>.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<name>\w+)`(?: \((?P<mark>\w+)\))?")


@cache
def marks(file: str) -> dict[str, set[str]]:
    """The tests of a file, each with what it is marked as."""
    tree = ast.parse((TESTS / file).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    whole = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)]
    common = {mark for line in whole if line.startswith("pytestmark") for mark in _marks(line)}
    return {
        each.name: common.union(*(_marks(ast.unparse(made)) for made in each.decorator_list))
        for each in functions
    }


def _marks(source: str) -> set[str]:
    return set(re.findall(r"mark\.(\w+)", source))


FAILURES = PAGE.read_text().partition("## What of the code")[0]
ROWS = [found["cells"].split(" | ") for found in ROW.finditer(FAILURES)]


def test_there_is_a_row_for_each_kind() -> None:
    assert len(ROWS) >= 55
    happenings = [row[0] for row in ROWS]
    assert len(set(happenings) - {"the same"}) == len(happenings)


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:60] for row in ROWS])
def test_each_row_names_a_test_that_there_is(row: list[str]) -> None:
    happens, promised, named = row
    assert happens
    assert promised
    found = NAMED.fullmatch(named)
    assert found is not None, named
    there = marks(found["file"])
    assert found["name"] in there, f"tests/{found['file']} has no {found['name']}"
    assert there[found["name"]] & {"proof", "soak"} == ({found["mark"]} if found["mark"] else set())
