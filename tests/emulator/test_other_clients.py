"""Clients that others wrote see in the emulator what they are to see; those that are not installed are left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kraken_async.emulator import Emulator, serve_in_thread
from kraken_async.emulator.plugin import RunningEmulator
from tests.emulator.clients import told
from tests.emulator.clients.steps import EXPECTED
from tests.emulator.clients.told import their_logs_are_left_out

__all__ = ["their_logs_are_left_out"]
pytestmark = pytest.mark.proof


@pytest.fixture
def kraken() -> Iterator[RunningEmulator]:
    emulator = Emulator(seed=1)
    with serve_in_thread(emulator) as server:
        yield RunningEmulator(server.url, *emulator.key, emulator)


@pytest.mark.filterwarnings("ignore")  # theirs, not ours
@pytest.mark.parametrize("module", told.BY_PYTHON)
def test_python_client_sees_what_it_should(module: str, kraken: RunningEmulator) -> None:
    assert told.told_by_python(module, kraken) == EXPECTED
    assert kraken.emulator.refused("EAPI") == 0


@pytest.mark.parametrize("package", told.BY_NODE)
def test_npm_client_sees_what_it_should(package: str, kraken: RunningEmulator) -> None:
    assert told.told_by_node(package, kraken) == EXPECTED
    assert kraken.emulator.refused("EAPI") == 0
