"""An emulator, and an environment that leads to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kraken_async.emulator import Emulator, EmulatorServer, serve_in_thread
from tests.cli.cli_support import run


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """An emulator in a thread, and an environment that leads to it."""
    emulator = Emulator(seed=1)
    with serve_in_thread(emulator) as server:
        monkeypatch.setenv("KRAKEN_API_URL", server.url)
        monkeypatch.setenv("KRAKEN_API_KEY", emulator.key.api_key)
        monkeypatch.setenv("KRAKEN_API_SECRET", emulator.key.api_secret)
        monkeypatch.setenv("KRAKEN_GOVERNOR", "off")
        yield server


@pytest.fixture
def known(server: EmulatorServer) -> EmulatorServer:
    """An emulator whose key has been used from here before."""
    assert run("call", "Balance", "--yes").exit_code == 0
    return server


@pytest.fixture
def overtaken(known: EmulatorServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EmulatorServer:
    """The key has also been used from elsewhere, with nonces far above the ones that are kept here."""
    here = os.environ["KRAKEN_STATE_DIR"]
    monkeypatch.setenv("KRAKEN_STATE_DIR", str(tmp_path / "elsewhere"))
    assert run("nonce", "jump", "1000000", "--yes").exit_code == 0
    assert run("call", "Balance", "--yes").exit_code == 0
    monkeypatch.setenv("KRAKEN_STATE_DIR", here)
    return known
