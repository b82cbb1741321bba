"""What other people's clients tell of Kraken, whether they stand before the emulator or before the gateway."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kraken_async.emulator.control import control_in_thread
from kraken_async.emulator.plugin import RunningEmulator
from tests.emulator.clients import by_python
from tests.emulator.clients.steps import Facts, Move

BY_PYTHON: dict[str, Callable[[RunningEmulator, Move], Facts]] = {
    "krakenex": by_python.by_krakenex,
    "kraken": by_python.by_python_kraken_sdk,
    "typed_kraken": by_python.by_typed_kraken,
    "ccxt": by_python.by_ccxt,
    "ccxt.async_support": by_python.by_ccxt_async,
}
BY_NODE = {"kraken-api": "kraken_api.js", "ccxt": "ccxt_client.js"}


@pytest.fixture(autouse=True)
def their_logs_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other clients log their signed headers, which the check for secrets takes for ours."""
    for name in ("ccxt", "ccxt.base.exchange"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)


def told_by_python(module: str, kraken: RunningEmulator) -> Facts:
    """Return what a Python client tells; the test is skipped where it is not installed."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed (the extra `clients`)")
    return BY_PYTHON[module](kraken, lambda price: kraken.emulator.move("XBTUSD", price))


def told_by_node(package: str, kraken: RunningEmulator) -> Facts:
    """Return what a client of npm tells; the test is skipped where it is not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    there = [node, "-e", f"require.resolve({json.dumps(package)})"]
    if subprocess.run(there, capture_output=True, env=os.environ.copy()).returncode:
        pytest.skip(f"npm's {package} is not on NODE_PATH")
    with control_in_thread(kraken.emulator) as control:
        script = str(Path(__file__).with_name(BY_NODE[package]))
        done = subprocess.run(
            [node, script, kraken.url, kraken.api_key, kraken.api_secret, control.url, control.token],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ.copy(),
        )
    assert done.returncode == 0, done.stderr
    told: Facts = json.loads(done.stdout)
    return told
