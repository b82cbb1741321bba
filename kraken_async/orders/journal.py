"""The intent journal: what was about to be sent outlives the process that sent it.

Rules kept here:

1. One file per session, ``<key>.intents.<session>.jsonl``, written by that session alone, one ``write`` to
   its end per line: what ``write`` has taken survives ``kill -9``; "synced" waits for the disk too and
   survives power loss.
2. The session holds ``flock`` on its file, and the kernel drops it when the process dies: so a free lock says
   that a session is dead, and nothing else does. A file gets its name only once it is locked.
3. An order is on record before its turn is asked for, and marked as sent before its bytes leave. A dead
   session's order without the mark was never sent, unless lines are damaged or the machine has been restarted since.
4. A line that cannot be read is counted and skipped: it must not hide the others.
   The file keeps its name: if its directory is moved or removed in mid-run, it is made again before an order goes out.
5. No secrets: see :func:`kraken_async.order_fields.redacted`.
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import NonceStoreError
from kraken_async.orders.dead_sessions import DeadSessions
from kraken_async.orders.intent import Intent
from kraken_async.orders.journal_file import (
    encode,
    identity,
    lines_of,
    names_file,
    new_file,
    opening,
    sending,
    sync_and_close,
)
from kraken_async.system.fork import unwatch_forks, watch_forks
from kraken_async.system.paths import make_directory
from kraken_async.system.threads import in_thread

if TYPE_CHECKING:
    import asyncio

    from kraken_async.orders.policy import OrderPolicy

__all__ = ["Intent", "Journal", "open_journal"]

log: logging.Logger = logging.getLogger("kraken_async.journal")

#: Lines of what is over by now that a file may hold before it is written afresh.
MOST_DEAD_LINES: Final = 1024


def open_journal(policy: OrderPolicy, directory: Path | None, key: str) -> Journal | None:
    """Return a session's journal in ``directory`` (None: in memory), as the policy asks for it; None: turned off."""
    return None if policy.journal is False else Journal(directory, key, synced=policy.journal == "synced")


class Journal:
    """One session's open intents, and those that dead sessions of the same key left behind. One loop only.

    ``directory`` None: in memory, gone with the object. Nothing is created before the first intent.
    """

    def __init__(self, directory: Path | None, key: str, *, synced: bool = False) -> None:
        self.session: str = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._directory = directory
        prefix = f"{key}.intents."
        self._path = None if directory is None else directory / f"{prefix}{self.session}.jsonl"
        self._dead = (
            None if directory is None else DeadSessions(directory, prefix, f"{prefix}{self.session}.jsonl")
        )
        self._synced = synced
        self._fd = -1
        self._file = (0, 0)  # which file that is
        self._open: dict[str, Intent] = {}
        self._syncing: dict[str, asyncio.Future[None]] = {}  # whose callers wait for the disk
        self._lines = 0
        self._torn = False
        self._failing = False
        self._shut = False

    def __repr__(self) -> str:
        return f"<Journal {self._path or 'in memory'}, {len(self._open)} open>"

    # -- this session's ------------------------------------------------------------------------------------

    async def record(self, intent: Intent) -> None:
        """Put ``intent`` on record; with "synced", wait for the disk.

        Raises NonceStoreError naming the file and the cure. Cancelled: it may be on record; call :meth:`done`.
        """
        self._write(opening(intent))
        self._open[intent.id] = intent
        if self._synced and self._fd >= 0:
            # The thread's own: a rewrite or a close in the meantime must not touch it.
            copy = os.dup(self._fd)
            syncing = in_thread(lambda: sync_and_close(copy), name="kraken_async-journal")
            self._syncing[intent.id] = syncing
            try:
                await syncing
            except OSError as error:
                self.done(intent.id)
                raise self._failed(error) from error
            finally:
                self._syncing.pop(intent.id, None)

    def sent(self, intent: Intent) -> None:
        """Mark ``intent`` as sent, with its times, before its bytes leave. Raises NonceStoreError."""
        if intent.id in self._open:
            self._write(sending(intent))
            self._open[intent.id] = intent
            self._keep_name()

    def done(self, intent_id: str) -> None:
        """Its outcome is known. Never raises: an intent that stays open is only looked up once more."""
        if self._open.pop(intent_id, None) is None or self._shut:
            return
        try:
            self._write({"op": "done", "id": intent_id})
            if self._lines > MOST_DEAD_LINES + 4 * len(self._open):
                self._rewrite()
        except NonceStoreError as error:
            self._say(error)

    def close(self) -> None:
        """Release the file; without open intents it is deleted. What waits for the disk fails, unsent. Idempotent."""
        for intent_id, syncing in self._syncing.items():
            self.done(intent_id)
            if not syncing.done():
                syncing.set_exception(self._is_closed())
        self._shut = True
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        unwatch_forks(self)
        if not self._open and self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(fd)

    def left_behind(self) -> None:
        """In a forked child: the file and its lock are the parent's; nothing is written from here."""
        self._shut = True
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _write(self, line: dict[str, Any]) -> None:
        if self._directory is None:
            return
        if self._shut:
            raise self._is_closed()
        try:
            if self._fd < 0:
                self._create()
            data = encode(line)
            if self._torn:
                data = b"\n" + data  # the last write broke off in the middle of a line
            self._torn = os.write(self._fd, data) != len(data)
        except OSError as error:
            raise self._failed(error) from error
        if self._torn:
            raise self._failed(None)
        self._lines += 1
        self._failing = False

    def _create(self) -> None:
        assert self._path is not None
        make_directory(self._path.parent)
        self._fd = new_file(self._path, [], synced=self._synced)
        self._file = identity(self._fd)
        watch_forks(self)

    def _keep_name(self) -> None:
        """Look whether what was just written can be found; if its directory was moved or removed, write it there again.

        Raises NonceStoreError when that fails: the intent is on no one's record then, and must not be sent.
        """
        if self._path is None or self._fd < 0:
            return
        try:
            if names_file(str(self._path), self._file):
                return
            log.warning("the intent journal %s was moved or removed in mid-run; it is made again", self._path)
            make_directory(self._path.parent)
        except OSError as error:
            raise self._failed(error) from error
        self._rewrite()

    def _rewrite(self) -> None:
        """Keep the open intents alone. Rare, and small: done in the loop."""
        if self._path is None or self._fd < 0:
            return
        lines = [line for intent in self._open.values() for line in lines_of(intent)]
        try:
            fd = new_file(self._path, lines, synced=self._synced)
        except OSError as error:
            raise self._failed(error) from error
        old, self._fd, self._file = self._fd, fd, identity(fd)
        os.close(old)
        self._lines, self._torn = len(lines), False

    def _is_closed(self) -> NonceStoreError:
        return NonceStoreError(f"the intent journal {self._path} is closed: open a new session")

    def _failed(self, error: OSError | None) -> NonceStoreError:
        why = "the disk is full" if error is None else error.strerror or error.__class__.__name__
        return NonceStoreError(
            f"the intent journal {self._path} cannot be written: {why}. New orders are refused. "
            "Make room or give another state_dir; OrderPolicy(journal=False) goes without"
        )

    def _say(self, error: NonceStoreError) -> None:
        if not self._failing:
            self._failing = True
            log.error("%s", error)

    # -- those of dead sessions ----------------------------------------------------------------------------

    @property
    def damaged(self) -> int:
        """How many unreadable lines were met so far."""
        return self._dead.damaged if self._dead is not None else 0

    def problems(self) -> tuple[str, ...]:
        """Return which journals could not be read, in plain sentences."""
        return self._dead.problems() if self._dead is not None else ()

    async def look(self, now: float) -> None:
        """Read what dead sessions left, in a thread, so that :meth:`left` has little to read. Never raises."""
        dead = self._dead
        if dead is None:
            return
        with suppress(NonceStoreError, RuntimeError, MemoryError):  # left() reads, and says what is wrong
            await in_thread(lambda: dead.left(now), joined=True)

    def of_key(self, key: str) -> Journal:
        """Return what dead sessions of another key left in the same directory; it writes nothing but their ends.

        ``key``: the hash by which its files are named. Raises ValueError for what cannot be one.
        """
        if not key.isalnum():
            msg = f"{key!r} is no hash of a key: it is the first part of the name of an .intents. file"
            raise ValueError(msg)
        return Journal(self._directory, key)

    def left(self, now: float) -> list[Intent]:
        """Return the open intents of sessions of this key that have died; ``now`` is Kraken's time.

        Reads small files that have changed where it stands, in the loop. A file that cannot be read is named and left
        out. Raises NonceStoreError when the directory cannot be looked through.
        """
        return self._dead.left(now) if self._dead is not None else []

    def close_intent(self, intent: Intent) -> None:
        """Close an intent, whosever it is. A dead session's file goes with its last one. Never raises."""
        if intent.session in ("", self.session):
            self.done(intent.id)
        elif self._dead is not None:
            try:
                self._dead.close(intent)
            except OSError as error:
                self._say(self._failed(error))
