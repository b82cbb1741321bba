"""The intent journal: what was about to be sent outlives the process that sent it.

Rules kept here:

1. One file per session, ``<key>.intents.<session>.jsonl``, written by that session alone, one ``write`` to
   its end per line: what ``write`` has taken survives ``kill -9``; "synced" waits for the disk too and
   survives power loss.
2. The session holds ``flock`` on its file, and the kernel drops it when the process dies: so a free lock says
   that a session is dead, and nothing else does. A file gets its name only once it is locked.
3. An order is on record before its turn is asked for, and marked as sent before its bytes leave. A dead
   session's order without the mark was never sent, unless lines are damaged or the machine has been started anew since.
4. A line that cannot be read is counted and skipped: it must not hide the others.
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
from kraken_async.orders.intent import Intent
from kraken_async.orders.journal_file import (
    bounded,
    close_in,
    encode,
    lines_of,
    new_file,
    opening,
    read,
    sending,
    sweep,
    sync_and_close,
)
from kraken_async.system.flock import TRY_SHARED, flock
from kraken_async.system.fork import unwatch_forks, watch_forks
from kraken_async.system.paths import make_directory
from kraken_async.system.threads import in_thread

if TYPE_CHECKING:
    from kraken_async.orders.policy import OrderPolicy

__all__ = ["Intent", "Journal", "open_journal"]

log = logging.getLogger("kraken_async.journal")

#: Whether locks tell living sessions from dead ones (not on Windows: there this process' own count as living).
LOCKS: Final = os.name != "nt"
#: Lines of what is over by now that a file may hold before it is written afresh.
MOST_DEAD_LINES: Final = 1024


def open_journal(policy: OrderPolicy, directory: Path | None, key: str) -> Journal | None:
    """Return a session's journal in ``directory`` (None: in memory), as the policy asks for it; None: turned off."""
    return None if policy.journal is False else Journal(directory, key, synced=policy.journal == "synced")


class Journal:
    """One session's open intents, and those that dead sessions of the same key left behind. One loop only.

    ``directory`` None: in memory, gone with the object. Nothing is created before the first intent.
    ``damaged``: unreadable lines met so far.
    """

    def __init__(self, directory: Path | None, key: str, *, synced: bool = False) -> None:
        self.session = f"{os.getpid()}-{secrets.token_hex(6)}"
        self.damaged = 0
        self._directory = directory
        self._prefix = f"{key}.intents."
        self._path = None if directory is None else directory / f"{self._prefix}{self.session}.jsonl"
        self._synced = synced
        self._fd = -1
        self._open: dict[str, Intent] = {}
        self._lines = 0
        self._torn = False
        self._failing = False
        self._shut = False
        self._seen_dead: dict[str, float] = {}

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
            copy = os.dup(
                self._fd
            )  # the thread's own: a rewrite or a close in the meantime must not touch it
            try:
                await in_thread(lambda: sync_and_close(copy), name="kraken_async-journal")
            except OSError as error:
                self.done(intent.id)
                raise self._failed(error) from error

    def sent(self, intent: Intent) -> None:
        """Mark ``intent`` as sent, with its times, before its bytes leave. Raises NonceStoreError."""
        if intent.id in self._open:
            self._write(sending(intent))
            self._open[intent.id] = intent

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
        """Let go of the file; without open intents it is deleted. Idempotent."""
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
            raise NonceStoreError(f"the intent journal {self._path} is closed: open a new session")
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
        watch_forks(self)

    def _rewrite(self) -> None:
        """Keep the open intents alone. Rare, and small: done in the loop."""
        if self._path is None or self._fd < 0:
            return
        lines = [line for intent in self._open.values() for line in lines_of(intent)]
        try:
            fd = new_file(self._path, lines, synced=self._synced)
        except OSError as error:
            raise self._failed(error) from error
        old, self._fd = self._fd, fd
        os.close(old)
        self._lines, self._torn = len(lines), False

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

    def left(self, now: float) -> list[Intent]:
        """Return the open intents of sessions of this key that have died; ``now`` is Kraken's time.

        Reads small files where it stands, in the loop. A directory that cannot be read gives none, and is logged.
        """
        found: list[Intent] = []
        if self._directory is None:
            return found
        try:
            paths = sorted(self._directory.glob(f"{self._prefix}*.jsonl*"))
        except OSError as error:
            log.warning("the intents in %s cannot be read: %s", self._directory, error.strerror)
            return found
        for path in paths:
            if path == self._path or not (
                LOCKS or not path.name.startswith(self._prefix + f"{os.getpid()}-")
            ):
                continue
            if path.suffix != ".jsonl":
                sweep(path)
            else:
                found += self._left_in(path, now)
        return found

    def _left_in(self, path: Path, now: float) -> list[Intent]:
        session = path.name[len(self._prefix) : -len(".jsonl")]
        try:
            fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("the intents in %s cannot be read: %s. Check its permissions", path, error.strerror)
            return []
        try:
            flock(fd, TRY_SHARED)
            intents, damaged = read(fd, session)
        except BlockingIOError:
            return []  # its session lives
        finally:
            os.close(fd)
        if damaged and session not in self._seen_dead:
            self.damaged += damaged
            log.warning("%s holds %d lines that cannot be read; they are left out", path, damaged)
        if not intents and not damaged:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        seen = self._seen_dead.setdefault(session, now)
        return [bounded(intent, seen) for intent in intents]

    def settle(self, intent: Intent) -> None:
        """Close an intent, whosever it is. A dead session's file goes with its last one. Never raises."""
        if intent.session in ("", self.session):
            self.done(intent.id)
        elif self._directory is not None:
            path = self._directory / f"{self._prefix}{intent.session}.jsonl"
            try:
                close_in(path, intent)
            except FileNotFoundError:
                return
            except OSError as error:
                self._say(self._failed(error))
