"""Closing ends in its grace and two seconds more, whatever stands still: disk, neighbour, server, Kraken."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    FileStore,
    NonceStoreError,
    OrderPolicy,
    Outcome,
    OutcomeUnknown,
    Response,
    SignedRequest,
)
from kraken_async.monitoring import status_file
from kraken_async.orders import journal
from kraken_async.system import durable
from kraken_async.system.durable import Disk
from kraken_async.system.flock import FileLock
from tests.exchange import session_through, until

GRACE = 0.3
#: What is promised, beyond the grace.
BEYOND = 2.0
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000", "volume": "0.001"}


class Stall:
    """A disk that stands still from :meth:`begin` on, for whatever is written or synced by a thread."""

    def __init__(self) -> None:
        self.works = threading.Event()
        self.works.set()
        self.met: set[str] = set()

    def begin(self) -> None:
        self.works.clear()

    def wait(self, what: str) -> None:
        if not self.works.is_set():
            self.met.add(what)
            self.works.wait(60)


@pytest.fixture
def stall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stall]:
    made = Stall()

    def replace(*given: Any, **how: Any) -> None:
        made.wait("status")
        really_replace(*given, **how)

    def sync_and_close(fd: int) -> None:
        made.wait("journal")
        os.close(fd)

    really_replace = durable.replace
    monkeypatch.setattr(status_file, "replace", replace)
    monkeypatch.setattr(status_file, "EVERY", 0.01)
    monkeypatch.setattr(journal, "sync_and_close", sync_and_close)
    yield made
    made.works.set()
    for thread in threading.enumerate():
        if thread.name.startswith("kraken_async"):
            thread.join(10)


class StalledDisk(Disk):
    def __init__(self, stall: Stall) -> None:
        self._stall = stall

    def sync(self, fd: int) -> None:
        """See Disk."""
        self._stall.wait("sync")

    def sync_directory(self, directory: Path) -> None:
        """See Disk."""
        self._stall.wait("directory")


async def silence(request: SignedRequest, timeout: float) -> Response:
    """Kraken answers to what is asked in public, and to nothing else."""
    if "public" in request.path:
        return Response(200, {}, b'{"error":[],"result":{"unixtime":%d}}' % time.time())
    await asyncio.sleep(3600)
    raise AssertionError


@pytest.mark.parametrize("neighbour", [False, True], ids=["alone", "beside a neighbour with the nonce lock"])
async def test_on_a_disk_that_stands_still(neighbour: bool, tmp_path: Path, stall: Stall) -> None:
    store = FileStore(tmp_path, disk=StalledDisk(stall))
    session = session_through(silence, store=store, orders=OrderPolicy(journal="synced"))
    async with session:
        flying = asyncio.create_task(session.private("AddOrder", ORDER))
        await until(lambda: session.stats().in_flight)
        stall.begin()
        waiting = asyncio.create_task(session.private("AddOrder", ORDER))
        await until(lambda: {"journal", "status"} <= stall.met)
        lock = FileLock(next(tmp_path.glob("*.nonce.lock")))
        try:
            assert not neighbour or lock.try_acquire()
            session.resume()  # cannot be written while the nonce lock is kept
            began = time.monotonic()
            await session.aclose(GRACE)
            assert time.monotonic() - began < GRACE + BEYOND
            assert neighbour or "sync" in stall.met  # giving back the reservation
        finally:
            lock.close()
        found = await asyncio.gather(flying, waiting, return_exceptions=True)
        assert isinstance(found[0], OutcomeUnknown)
        assert isinstance(found[1], NonceStoreError)  # what waits for the disk before it is queued ends too
        assert found[1].outcome is Outcome.NOT_SENT
    (left,) = tmp_path.glob("*.intents.*")
    assert left.read_text().count('"op":"done"') == 1  # of what was sent, the next start is told
