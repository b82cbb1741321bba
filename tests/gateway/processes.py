"""The gateway as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kraken_async.gateway import GatewayConfig, TokenFile
from tests import forked


@contextmanager
def serving(config: Path, start: Any = forked.Popen) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``kraken-async gateway`` and give the process and its address. ``start``: forked, or a process of its own."""
    command = [sys.executable, "-m", "kraken_async", "gateway", "--config", str(config), "--json"]
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            assert process.stderr is not None
            pytest.fail(process.stderr.read())
        yield process, json.loads(line)["url"]
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def token(config: Path, name: str, allow: str) -> str:
    loaded = GatewayConfig.load(config)
    return TokenFile(loaded.tokens).add(name, ["main"], allow.split(","))
