"""Neighbours: the other sessions on an account's key, of any process and, with a store that spans hosts, of any host.

Rules kept here:

1. They are read from where sessions show their status: files beside the state, or the store itself.
2. A store on a server is asked by a connection of its own, at most once a second however many pages look, and is given
   `PATIENCE` to answer. The page never waits longer for it.
3. A server that does not answer is said, and the last answer is not shown as if it were current.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import NonceStoreError
from kraken_async.gateway import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kraken_async.stores.base import KeyState, Store

#: A session that has not written for so many seconds is gone, or its loop is blocked.
SILENT: Final = 15.0
#: Seconds for which what a server said is shown again, and for which it is waited for.
EVERY: Final = 1.0
PATIENCE: Final = 1.0
#: Bytes of another session's status that are read at most.
_LARGEST: Final = 256 * 1024


class Neighbours:
    """Those of one account. ``key_id`` is the hash that names the key's state in ``store``."""

    def __init__(self, store: Store, key_id: str) -> None:
        self.problem: str = ""
        self._store = store
        self._key_id = key_id
        self._key: KeyState | None = None
        self._shown: list[dict[str, Any]] = []
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> list[dict[str, Any]]:
        """Return them, this gateway's own sessions among them. Raises nothing: see :attr:`problem`."""
        directory = self._store.status_directory()
        if directory is not None:
            return list(_rows(_files(directory, self._key_id)))
        async with self._looking:
            now = time.monotonic()
            if self._looked_at is None or now - self._looked_at >= EVERY:
                self._looked_at = now
                self._shown = await self._ask()
        return self._shown

    async def close(self) -> None:
        """Give the connection back. Idempotent."""
        key, self._key = self._key, None
        if key is not None:
            await key.close()

    async def _ask(self) -> list[dict[str, Any]]:
        try:
            async with asyncio.timeout(PATIENCE):
                if self._key is None:
                    key = self._store.key(self._key_id, "ns")
                    await key.open(time.monotonic)
                    self._key = key
                found = await self._key.sessions() if self._key.shares_status else []
        except (NonceStoreError, TimeoutError) as error:
            why = str(error) or f"no answer within {PATIENCE:g} s"
            self.problem = f"the sessions of other hosts cannot be read: {why}"
            return []
        self.problem = ""
        return list(_rows(found))


def _files(directory: Path, key_id: str) -> Iterator[bytes]:
    for path in sorted(directory.glob(f"{key_id}.status.*.json")):
        try:
            with path.open("rb") as opened:
                yield opened.read(_LARGEST)
        except OSError:
            continue  # removed meanwhile


def _rows(texts: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for text in texts:
        try:
            yield _row(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # not a session's


def _row(status: dict[str, Any]) -> dict[str, Any]:
    stats, pid, host = status["stats"], int(status["pid"]), status.get("host")
    written = float(status["written_at"])
    silent = max(0.0, time.time() - written)
    return {
        "pid": pid,
        "host": host,
        "here": pid == os.getpid() and host in (None, socket.gethostname()),
        "since": written - float(stats["uptime_seconds"]),
        "silent": round(silent, 1),
        "gone": silent > SILENT,
        "sent": int(stats["total_nonces_issued"]),
        "waiting": sum(map(int, stats["queue_depth"].values())),
        "halted": bool(stats.get("halted")),
        "problems": words.of_problems(stats),
    }
