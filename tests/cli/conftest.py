"""An emulator, and an environment that leads to it."""

from __future__ import annotations

from collections.abc import Iterator

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
