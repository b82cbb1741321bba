"""An emulator with sessions on it, in one of the two ways in which tests have them.

`session` opens one on the emulator of the fixture ``kraken_emulator``, which serves from a thread. `exchange` serves
from the test's own loop, with sessions that keep their state in files, for tests of what happens between them; the
fixture ``kraken`` is one.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kraken_async import BurstGovernor, KrakenSession, MemoryStore
from kraken_async.emulator import Emulator, EmulatorServer
from kraken_async.emulator.plugin import RunningEmulator

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}


def session(emulator: RunningEmulator, **options: Any) -> KrakenSession:
    """Return a session with the emulator's key: nothing held back, its state in memory, unless the options say so."""
    given: dict[str, Any] = {"governor": BurstGovernor.off(), "base_url": emulator.url}
    if "state_dir" not in options:
        given["store"] = MemoryStore()
    return KrakenSession(emulator.api_key, emulator.api_secret, **{**given, **options})


def session_through(transport: Any, /, **options: Any) -> KrakenSession:
    """Return a session that sends through ``transport``: a made-up key, nothing held back, its state in memory."""
    given: dict[str, Any] = {"store": MemoryStore(), "transport": transport, "governor": BurstGovernor.off()}
    return KrakenSession("key", "c2VjcmV0", **{**given, **options})


class Exchange:
    """The emulator on a socket, and sessions on one of its keys."""

    def __init__(self, emulator: Emulator, server: EmulatorServer, state_dir: Path | None) -> None:
        self.emulator, self.server, self.state_dir = emulator, server, state_dir
        self.key = emulator.add_key()

    def session(self, **options: Any) -> KrakenSession:
        given: dict[str, Any] = {
            "base_url": self.server.url,
            "state_dir": self.state_dir,
            "governor": BurstGovernor.off(),
        }
        return KrakenSession(self.key.api_key, self.key.api_secret, **{**given, **options})

    def calls(self) -> list[str]:
        return [arrival.endpoint for arrival in self.emulator.history if arrival.api_key == self.key.api_key]

    @property
    def asked(self) -> list[str]:
        """Every endpoint that was called, by whatever key or none."""
        return [arrival.endpoint for arrival in self.emulator.history]

    @property
    def most_in_flight(self) -> int:
        return self.emulator.max_in_flight[self.key.api_key]


@asynccontextmanager
async def exchange(
    state_dir: Path | None, jitter: tuple[float, float] = (0.0, 0.0), **options: Any
) -> AsyncIterator[Exchange]:
    emulator = Emulator(**options)
    async with EmulatorServer(emulator, jitter=jitter) as server:
        yield Exchange(emulator, server, state_dir)


async def until(true: Any, seconds: float = 30.0) -> None:
    """Let the loop run until something holds; fails loudly when it does not."""
    deadline = time.monotonic() + seconds
    for _ in itertools.count():
        if true():
            return
        if time.monotonic() > deadline:
            pytest.fail("it never came to hold")
        await asyncio.sleep(0.001)
