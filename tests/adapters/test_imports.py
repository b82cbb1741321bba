"""An adapter costs nothing until it is imported, and brings only what it is for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kraken_async

EXTRAS = {"ccxt", "krakenex", "requests", "redis", "typer", "rich", "prometheus_client"}
ADAPTERS = Path(kraken_async.__file__).parent / "adapters"


def brought_by(statement: str) -> set[str]:
    """Which of the extras are loaded after a statement in a fresh process."""
    script = f"{statement}\nimport sys\nprint(*sorted({EXTRAS!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "brings"),
    [
        ("import kraken_async, kraken_async.adapters", set()),
        ("from kraken_async import *", set()),
        ("import kraken_async.adapters.krakenex", set()),
        ("import kraken_async.adapters.legacy_nonce", set()),
        ("import kraken_async.adapters.background", set()),
        ("import kraken_async.adapters.prometheus", {"prometheus_client"}),
    ],
)
def test_nothing_is_imported_before_it_is_used(statement: str, brings: set[str]) -> None:
    assert brought_by(statement) == brings


def test_only_the_ccxt_adapter_imports_ccxt() -> None:
    users = set()
    for path in ADAPTERS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names.append(node.module)
            users |= {path.relative_to(ADAPTERS).as_posix() for name in names if name.split(".")[0] == "ccxt"}
    assert users == {"ccxt/errors.py"}


def test_each_adapter_is_short() -> None:
    lengths = {
        path.relative_to(ADAPTERS).as_posix(): len(path.read_text().splitlines())
        for path in ADAPTERS.rglob("*.py")
    }
    assert max(lengths.values()) < 200, lengths
