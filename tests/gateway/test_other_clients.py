"""Other people's clients, unchanged but for the address and the key, see through the gateway what Kraken shows them.

The steps, and what each client is to see, are those of the emulator's own tests.
"""

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
from tests.emulator import clients
from tests.emulator.clients import by_python
from tests.emulator.clients.steps import EXPECTED, Facts, Move
from tests.gateway.conftest import write_config
from tests.gateway.processes import serving, token

pytestmark = pytest.mark.proof

FOLDER = Path(clients.__file__).parent
BY_PYTHON: dict[str, Callable[[RunningEmulator, Move], Facts]] = {
    "krakenex": by_python.by_krakenex,
    "kraken": by_python.by_python_kraken_sdk,
    "typed_kraken": by_python.by_typed_kraken,
    "ccxt": by_python.by_ccxt,
    "ccxt.async_support": by_python.by_ccxt_async,
}
BY_NODE = {"kraken-api": "kraken_api.js", "ccxt": "ccxt_client.js"}


@pytest.fixture
def kraken(tmp_path: Path) -> Iterator[RunningEmulator]:
    """The gateway in Kraken's place, with a token as key and secret."""
    emulator = Emulator(seed=1)
    with serve_in_thread(emulator) as server:
        config = write_config(tmp_path, emulator, server.url)
        key = token(config, "bot", "read,trade")
        with serving(config) as (_, url):
            yield RunningEmulator(url, key, key, emulator)


@pytest.fixture(autouse=True)
def their_logs_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other clients log their signed headers, which the check for secrets takes for ours."""
    for name in ("ccxt", "ccxt.base.exchange"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)


def seen_by_kraken(kraken: RunningEmulator) -> None:
    """Check that all came in the gateway's order and by its key."""
    assert kraken.emulator.refused("EAPI") == 0
    assert kraken.emulator.max_in_flight[kraken.emulator.key.api_key] == 1
    assert {each.api_key for each in kraken.emulator.history if each.api_key} == {kraken.emulator.key.api_key}


@pytest.mark.filterwarnings("ignore")  # theirs, not ours
@pytest.mark.parametrize("module", BY_PYTHON)
def test_a_client_in_python_sees_through_the_gateway_what_it_should(
    module: str, kraken: RunningEmulator
) -> None:
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed (the extra `clients`)")
    told = BY_PYTHON[module](kraken, lambda price: kraken.emulator.move("XBTUSD", price))
    assert told == EXPECTED
    seen_by_kraken(kraken)


@pytest.mark.parametrize("package", BY_NODE)
def test_a_client_of_npm_sees_through_the_gateway_what_it_should(
    package: str, kraken: RunningEmulator
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    there = [node, "-e", f"require.resolve({json.dumps(package)})"]
    if subprocess.run(there, capture_output=True, env=os.environ.copy()).returncode:
        pytest.skip(f"npm's {package} is not on NODE_PATH")
    with control_in_thread(kraken.emulator) as control:
        arguments = [kraken.url, kraken.api_key, kraken.api_secret, control.url, control.token]
        done = subprocess.run(
            [node, str(FOLDER / BY_NODE[package]), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ.copy(),
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == EXPECTED
    seen_by_kraken(kraken)
