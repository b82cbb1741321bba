"""The pytest plugin: a fixture ``kraken_emulator`` with a local Kraken that any client can talk to.

    def test_my_bot(kraken_emulator):
        run_bot(kraken_emulator.url, kraken_emulator.api_key, kraken_emulator.api_secret)
        assert len(kraken_emulator.emulator.orders) == 1

A marker gives options of `Emulator` and `EmulatorServer`:
``@pytest.mark.kraken_emulator(limits=True, tier="pro")``.
Nothing but this module is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .emulator import Emulator

_SERVER_OPTIONS = ("host", "port", "jitter", "keepalive")


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """An emulator that serves ``url`` from a thread, and a key pair to use there."""

    url: str
    api_key: str
    api_secret: str
    emulator: Emulator

    def __repr__(self) -> str:
        return f"<RunningEmulator {self.url}>"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that it passes under ``--strict-markers``."""
    config.addinivalue_line("markers", "kraken_emulator(**options): options of the fixture kraken_emulator")


@pytest.fixture
def kraken_emulator(request: pytest.FixtureRequest) -> Iterator[RunningEmulator]:
    """Serve a fresh local Kraken for one test."""
    from . import Emulator, serve_in_thread

    marker = request.node.get_closest_marker("kraken_emulator")
    options = dict(marker.kwargs) if marker is not None else {}
    serving = {name: options.pop(name) for name in _SERVER_OPTIONS if name in options}
    emulator = Emulator(**options)
    with serve_in_thread(emulator, **serving) as server:
        yield RunningEmulator(server.url, *emulator.key, emulator)
