"""Clients that others wrote see in the emulator what they are to see; those that are not installed are left out."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kraken_async.emulator import Emulator, serve_in_thread
from kraken_async.emulator.control import control_in_thread
from kraken_async.emulator.plugin import RunningEmulator
from tests.emulator.clients import by_python
from tests.emulator.clients.steps import EXPECTED, Facts, Move

pytestmark = pytest.mark.proof

FOLDER = Path(__file__).parent / "clients"
BY_PYTHON: dict[str, Callable[[RunningEmulator, Move], Facts]] = {
    "krakenex": by_python.by_krakenex,
    "kraken": by_python.by_python_kraken_sdk,
    "typed_kraken": by_python.by_typed_kraken,
    "ccxt": by_python.by_ccxt,
    "ccxt.async_support": by_python.by_ccxt_async,
}
BY_NODE = {"kraken-api": "kraken_api.js", "ccxt": "ccxt_client.js"}


@pytest.fixture
def kraken() -> Iterator[RunningEmulator]:
    emulator = Emulator(seed=1)
    with serve_in_thread(emulator) as server:
        yield RunningEmulator(server.url, *emulator.key, emulator)


@pytest.fixture(autouse=True)
def their_logs_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other clients log their signed headers, which the check for secrets takes for ours."""
    for name in ("ccxt", "ccxt.base.exchange"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)


def is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.filterwarnings("ignore")  # theirs, not ours
@pytest.mark.parametrize("module", BY_PYTHON)
def test_python_client_sees_what_it_should(module: str, kraken: RunningEmulator) -> None:
    if not is_there(module):
        pytest.skip(f"{module} is not installed (the extra `clients`)")
    told = BY_PYTHON[module](kraken, lambda price: kraken.emulator.move("XBTUSD", price))
    assert told == EXPECTED
    assert kraken.emulator.refused("EAPI") == 0


def node_has(package: str) -> bool:
    node = shutil.which("node")
    if node is None:
        return False
    script = f"require.resolve({json.dumps(package)})"
    return subprocess.run([node, "-e", script], capture_output=True, env=os.environ.copy()).returncode == 0


@pytest.mark.parametrize("package", BY_NODE)
def test_npm_client_sees_what_it_should(package: str, kraken: RunningEmulator) -> None:
    if not node_has(package):
        pytest.skip(f"no node, or npm's {package} is not on NODE_PATH")
    node = shutil.which("node")
    assert node is not None
    with control_in_thread(kraken.emulator) as control:
        arguments = [kraken.url, kraken.api_key, kraken.api_secret, control.url, control.token]
        done = subprocess.run(
            [node, str(FOLDER / BY_NODE[package]), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ.copy(),
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == EXPECTED
    assert kraken.emulator.refused("EAPI") == 0
