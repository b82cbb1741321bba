"""Running commands in this process, as the tests of the command line do."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from kraken_async.cli.app import app

PLAIN = {"NO_COLOR": "1", "COLUMNS": "200", "TERMINAL_WIDTH": "200"}


def run(*words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=text, env=PLAIN)


def data(result: Result) -> Any:
    return json.loads(result.stdout)


def checks(result: Result) -> dict[str, str]:
    """Return the grades of ``doctor --json``, by the name of the check."""
    return {check["name"]: check["grade"] for check in data(result)["checks"]}
