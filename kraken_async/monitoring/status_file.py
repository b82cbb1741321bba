"""A session's status beside its state, for ``kraken-async top``: a small JSON file, once a second.

Rules:

1. It never fails a session: whatever goes wrong is logged once, at DEBUG, and the file is given up.
2. It is written whole under another name and put in place, so that a reader never sees half of it; 0600.
3. It is removed on close. A killed process leaves it; readers tell by its ``pid`` and its ``written_at``.
4. It is written only when something changed, and every few seconds to show that its session lives. A session
   that is over within a second writes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import NonceStoreError
from kraken_async.system.durable import replace
from kraken_async.system.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from kraken_async.monitoring.metrics import Statistics
    from kraken_async.stores.base import KeyState

log: logging.Logger = logging.getLogger("kraken_async.status")

EVERY: Final = 1.0  # seconds between looks
ALIVE: Final = 5.0  # seconds after which an unchanged file is written again
STALE: Final = 60.0  # seconds after which the file of a process that is gone is removed
CLOSE_PATIENCE: Final = 0.3  # seconds that closing waits for a write
VERSION: Final = 1

#: These change by themselves, as time passes; a change of them alone is none.
_PASSING: Final = (
    "uptime_seconds",
    "nonces_per_second",
    "nonce_lead",
    "recent_burst_rate",
    "in_flight_age",
    "queue_age",
    "lookups",
)

#: The fields of one of the last calls, in order.
CALL_FIELDS: Final = ("at", "endpoint", "outcome", "error", "wait", "round_trip")

_numbers = itertools.count(1)


class StatusFile:
    """A session's status file.

    Args:
        directory: where the state of the key is kept.
        key_id: the hash that names the key's state.
        stats: gives the session's statistics.
        last_calls: the last calls as the session keeps them: unix time, endpoint, outcome, error (or None),
            seconds of wait and of the round trip. No fields of a call, and so no secrets.
    """

    def __init__(
        self,
        directory: Path,
        key_id: str,
        stats: Callable[[], Statistics],
        last_calls: Iterable[Sequence[Any]] = (),
    ) -> None:
        self.path: Path = directory / f"{key_id}.status.{os.getpid()}-{next(_numbers)}.json"
        self._key_id = key_id
        self._stats = stats
        self._last_calls = last_calls
        self._shown: Any = None
        self._written_at = 0.0
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write, in the running loop; remove what killed processes left."""
        sweep(self.path.parent, self._key_id)
        self._begin()

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="kraken_async status")

    async def stop(self) -> None:
        """Stop writing and remove the file. Raises nothing of its own. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        self._ending.set()
        _, late = await asyncio.wait([task], timeout=CLOSE_PATIENCE)
        if late:  # on a disk that hangs; what the thread writes then, it removes
            task.cancel()
            await asyncio.wait([task])
        self._remove()

    async def _run(self) -> None:
        while not await self._over():
            try:
                await self.write_if_changed()
            except Exception as error:
                log.debug("the status for `kraken-async top` cannot be written, and is given up: %r", error)
                return

    async def _over(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY):
                await self._ending.wait()
        return self._ending.is_set()

    async def write_if_changed(self) -> None:
        """Write the file, unless it shows all this already. Raises OSError."""
        now, stats = time.time(), self._stats().as_dict()
        calls = [dict(zip(CALL_FIELDS, call, strict=True)) for call in self._last_calls]
        shown = ({name: value for name, value in stats.items() if name not in _PASSING}, calls)
        if shown == self._shown and 0 <= now - self._written_at < ALIVE:
            return
        self._shown, self._written_at = shown, now
        status = {
            "version": VERSION,
            "key": self._key_id,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "written_at": now,
            "stats": stats,
            "last_calls": calls,
        }
        data = json.dumps(status, default=str).encode()
        await self._put(data)

    async def _put(self, data: bytes) -> None:
        await in_thread(lambda: replace(self.path, data), lambda _: self._remove(), joined=True)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()  # one name in a directory; not worth a thread


class StatusInStore(StatusFile):
    """The same for a store that keeps sessions' statuses for other hosts: written there, and taken back by the store.

    A server that does not answer is asked again with the next status.
    """

    def __init__(
        self,
        key: KeyState,
        key_id: str,
        stats: Callable[[], Statistics],
        last_calls: Iterable[Sequence[Any]] = (),
    ) -> None:
        super().__init__(Path(), key_id, stats, last_calls)
        self._key = key

    def start(self) -> None:
        """Begin to write, in the running loop."""
        self._begin()

    async def _put(self, data: bytes) -> None:
        try:
            await self._key.beat(data)
        except NonceStoreError as error:
            log.debug("the status for other hosts cannot be written now: %s", error)

    def _remove(self) -> None:
        return


@contextlib.asynccontextmanager
async def showing_status(
    key: KeyState,
    directory: Path | None,
    key_id: str,
    stats: Callable[[], Statistics],
    last_calls: Iterable[Sequence[Any]],
) -> AsyncIterator[None]:
    """Write a session's status meanwhile: in the store, in ``directory``, or nowhere."""
    status: StatusFile | None = None
    if key.shares_status:
        status = StatusInStore(key, key_id, stats, last_calls)
    elif directory is not None:
        status = StatusFile(directory, key_id, stats, last_calls)
    if status is None:
        yield
        return
    status.start()
    try:
        yield
    finally:
        await status.stop()


def sweep(directory: Path, key_id: str) -> None:
    """Remove the status files of this key that killed processes left. Never raises."""
    try:
        found = list(directory.glob(f"{key_id}.status.*"))
    except OSError:
        return
    for path in found:
        pid = path.name.removeprefix(f"{key_id}.status.").partition("-")[0]
        with contextlib.suppress(OSError):
            # A living one in another container has a process number that says nothing here, but writes often.
            if time.time() - path.stat().st_mtime > STALE and not (pid.isdigit() and _alive(int(pid))):
                path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
