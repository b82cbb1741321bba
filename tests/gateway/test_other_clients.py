"""Other people's clients, unchanged but for the address and the key, see through the gateway what Kraken shows them.

The steps, and what each client is to see, are those of the emulator's own tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kraken_async.emulator import Emulator, serve_in_thread
from kraken_async.emulator.plugin import RunningEmulator
from tests.emulator.clients import told
from tests.emulator.clients.steps import EXPECTED
from tests.emulator.clients.told import their_logs_are_left_out
from tests.gateway.conftest import write_config
from tests.gateway.processes import serving, token

__all__ = ["their_logs_are_left_out"]
pytestmark = pytest.mark.proof


@pytest.fixture
def kraken(tmp_path: Path) -> Iterator[RunningEmulator]:
    """The gateway in Kraken's place, with a token as key and secret."""
    emulator = Emulator(seed=1)
    with serve_in_thread(emulator) as server:
        config = write_config(tmp_path, emulator, server.url)
        key = token(config, "bot", "read,trade")
        with serving(config) as (_, url):
            yield RunningEmulator(url, key, key, emulator)


def seen_by_kraken(kraken: RunningEmulator) -> None:
    """Check that all came in the gateway's order and by its key."""
    assert kraken.emulator.refused("EAPI") == 0
    assert kraken.emulator.max_in_flight[kraken.emulator.key.api_key] == 1
    assert {each.api_key for each in kraken.emulator.history if each.api_key} == {kraken.emulator.key.api_key}


@pytest.mark.filterwarnings("ignore")  # theirs, not ours
@pytest.mark.parametrize("module", told.BY_PYTHON)
def test_a_client_in_python_sees_through_the_gateway_what_it_should(
    module: str, kraken: RunningEmulator
) -> None:
    assert told.told_by_python(module, kraken) == EXPECTED
    seen_by_kraken(kraken)


@pytest.mark.parametrize("package", told.BY_NODE)
def test_a_client_of_npm_sees_through_the_gateway_what_it_should(
    package: str, kraken: RunningEmulator
) -> None:
    assert told.told_by_node(package, kraken) == EXPECTED
    seen_by_kraken(kraken)
