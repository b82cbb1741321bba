"""The open intents that dead sessions of a key left behind.

Rules:

1. A free lock says that a session is dead, if the file that it was found on still has its name after it was locked: a
   living session that rewrites its file puts another one, locked, in its place.
2. A dead session stays dead: what was read of its file counts until the file changes, so that many of them cost a look
   at the directory and no more.
3. A file that cannot be read is named, and hides no other. A directory that cannot be looked through is an error:
   "nothing is left" is said by no one who could not look.
"""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from kraken_async.errors import NonceStoreError
from kraken_async.orders.journal_file import bounded, close_in, has_its_name, open_quietly, read, sweep
from kraken_async.problems import counted
from kraken_async.system.flock import TRY_SHARED, flock

if TYPE_CHECKING:
    from pathlib import Path

    from kraken_async.orders.intent import Intent

log: logging.Logger = logging.getLogger("kraken_async.journal")

#: Whether locks tell living sessions from dead ones (not on Windows: there this process' own count as living).
LOCKS: Final = os.name != "nt"


class _Left(NamedTuple):
    """The part read of a dead session's file, and the file's state by which a change is noticed."""

    stamp: tuple[int, int, int]
    intents: list[Intent]


class DeadSessions:
    """The files that other sessions of a key left in a directory. ``damaged``: unreadable lines met so far."""

    def __init__(self, directory: Path, prefix: str, own: str) -> None:
        self.damaged: int = 0
        self._directory = directory
        self._prefix = prefix
        self._own = own  # the name of this session's own file
        self._left: dict[str, _Left] = {}
        self._seen_dead: dict[str, float] = {}
        self._bad: dict[str, str] = {}  # file name -> what is wrong with it

    def problems(self) -> tuple[str, ...]:
        """Return which files could not be read when they were last looked at."""
        return tuple(self._bad.values())

    def left(self, now: float) -> list[Intent]:
        """Return their open intents; ``now`` is Kraken's time.

        Reads the files that are new or have changed. Raises NonceStoreError when the directory cannot be looked
        through.
        """
        found: list[Intent] = []
        names = self._names()
        self._bad = {name: why for name, why in self._bad.items() if name in names}
        for name in names:
            if name.endswith(".jsonl"):
                found += self._left_in(name, now)
            else:
                sweep(self._directory / name)
        return found

    def _names(self) -> list[str]:
        mine = self._prefix + f"{os.getpid()}-"
        try:
            with os.scandir(self._directory) as entries:
                names = sorted(each.name for each in entries if each.name.startswith(self._prefix))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._bad[""] = (
                f"the order journals in {self._directory} cannot be looked through: {error.strerror}"
            )
            raise NonceStoreError(
                f"the order journals in {self._directory} cannot be looked through: {error.strerror}. Whether "
                "sessions that died left orders is not known; check the directory's permissions"
            ) from error
        return [each for each in names if each != self._own and (LOCKS or not each.startswith(mine))]

    def _left_in(self, name: str, now: float) -> list[Intent]:
        path = self._directory / name
        session = name[len(self._prefix) : -len(".jsonl")]
        try:
            status = path.stat(follow_symlinks=False)
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._left.get(session)
            if known is None or known.stamp != stamp:
                if not stat.S_ISREG(status.st_mode):
                    self._say(name, f"{path} is no file: move it away")
                    return []
                if (known := self._read(path, session, stamp)) is None:
                    return []
        except FileNotFoundError:
            self._left.pop(session, None)
            return []
        except OSError as error:
            self._say(
                name,
                f"the intents in {path} cannot be read: {error.strerror or error}. Check its permissions",
            )
            return []
        self._left[session] = known
        seen = self._seen_dead.setdefault(session, now)
        return [bounded(intent, seen) for intent in known.intents]

    def _read(self, path: Path, session: str, stamp: tuple[int, int, int]) -> _Left | None:
        """Read a file; None: its session lives, or it held nothing and is gone."""
        fd = open_quietly(path, os.O_RDONLY)
        try:
            flock(fd, TRY_SHARED)
            if not has_its_name(fd, path):
                return None
            intents, damaged = read(fd, session)
            if not intents and not damaged:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                return None
        except BlockingIOError:
            return None
        finally:
            os.close(fd)
        if damaged and session not in self._left:
            self.damaged += damaged
            self._say(path.name, f"{path} holds {counted(damaged, 'line')} that cannot be read: left out")
        return _Left(stamp, intents)

    def _say(self, name: str, problem: str) -> None:
        if self._bad.get(name) != problem:
            self._bad[name] = problem
            log.warning("%s", problem)

    def close(self, intent: Intent) -> None:
        """Close an intent of a dead session; its file goes with its last one. OSError when that cannot be written."""
        with suppress(FileNotFoundError):
            close_in(self._directory / f"{self._prefix}{intent.session}.jsonl", intent)
