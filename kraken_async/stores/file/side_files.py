"""Files that the sessions of a key share beside its state file, so that it weighs on no call: see each class.

Neither file is synced, and both may be deleted at any time: what they hold matters while its sessions live.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING, Final

from kraken_async.stores.base import MOST_PLACED
from kraken_async.stores.recalled import ENTRY, KEPT, Recalled
from kraken_async.system.flock import TRY, flock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kraken_async.system.durable import Disk


class SideFile:
    """A file that is opened when it is first needed. OSError when that fails, then and at each later need."""

    __slots__ = ("__weakref__", "_disk", "_fd", "path")

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path: Path = path
        self._disk = disk
        self._fd = -1

    def _flags(self) -> int:
        return os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)

    def _opened(self) -> int:
        if self._fd < 0:
            self._fd = self._disk.open(self.path, self._flags())
        return self._fd

    def close(self) -> None:
        """Close it. Idempotent; it is opened again when it is needed again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


class RecalledFile(SideFile):
    """Cancelled client ids: a ring of :data:`KEPT` entries, read and written under the key's nonce lock.

    How many were ever written stands in the state file's header, which is written after the entries.
    """

    __slots__ = ()

    def write(self, recalled: Recalled, total: int) -> int:
        """Write ``recalled.new`` after the ``total`` entries that there are; return the new total."""
        fd = self._opened()
        for number, entry in enumerate(recalled.new, total):
            self._disk.pwrite(fd, ENTRY.pack(*entry), number % KEPT * ENTRY.size)
        total += len(recalled.new)
        recalled.new.clear()
        recalled.total = total
        return total

    def read(self, recalled: Recalled, total: int, now: float) -> None:
        """Take over what was written since ``recalled.total``; if it is no longer there, know that it is not."""
        missing = total - recalled.total
        recalled.total = total
        if 0 < missing <= KEPT:
            try:
                raw = self._read(total - missing, total)
            except OSError:
                raw = b""
            recalled.learn(ENTRY.iter_unpack(raw))
            missing -= len(raw) // ENTRY.size
        if missing:
            recalled.lost_at = now

    def _read(self, start: int, stop: int) -> bytes:
        fd, at = self._opened(), start % KEPT
        count = min(stop - start, KEPT - at)
        raw = self._disk.pread(fd, count * ENTRY.size, at * ENTRY.size)
        raw += self._disk.pread(fd, (stop - start - count) * ENTRY.size, 0)
        return raw[: len(raw) // ENTRY.size * ENTRY.size]


#: A placed order's name: when, in unix seconds, and at most 56 bytes of name.
_LONGEST: Final = 56
_PLACED: Final = struct.Struct(f"<d{_LONGEST}s")
#: Bytes after which the names are put in another file, and how often that is looked at.
PLACED_SIZE: Final = MOST_PLACED * _PLACED.size
LOOK_EVERY: Final = 256


class PlacedFile(SideFile):
    """Names of placed orders (txid, cl_ord_id), appended in one write each by any session, without a lock.

    A full file is kept under another name until the next one is full, so that :data:`MOST_PLACED` names at least can
    be looked up.
    """

    __slots__ = ("_appended",)

    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path, disk)
        self._appended = 0

    def _flags(self) -> int:
        return super()._flags() | os.O_APPEND

    @property
    def _before(self) -> Path:
        return self.path.with_name(self.path.name + ".before")

    def append(self, names: Iterable[str]) -> None:
        """Append names. OSError when they cannot be kept."""
        now, data = time.time(), b""
        for name in names:
            encoded = name.encode(errors="replace")
            if len(encoded) > _LONGEST:
                raise OSError(None, f"a name is longer than {_LONGEST} bytes", str(self.path))
            data += _PLACED.pack(now, encoded)
        if not data:
            return
        if self._appended % LOOK_EVERY == 0:
            self._follow()
        self._appended += 1
        if os.write(self._opened(), data) != len(data):
            raise OSError(None, "a name was written in part", str(self.path))

    def since(self, since: float) -> tuple[str, ...]:
        """Return the names placed at or after ``since``. OSError when they cannot be read."""
        found = []
        for path in (self._before, self.path):
            try:
                raw = path.read_bytes()
            except FileNotFoundError:
                continue
            whole = raw[: len(raw) // _PLACED.size * _PLACED.size]
            found += [name for at, name in _PLACED.iter_unpack(whole) if at >= since]
        return tuple(name.rstrip(b"\0").decode(errors="replace") for name in found)

    def _follow(self) -> None:
        """Begin another file when this one is full, or go over to the one that another session began."""
        if self._fd < 0:
            return
        mine = os.fstat(self._fd)
        try:
            named = self.path.stat()
        except FileNotFoundError:
            self.close()
            return
        if (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino):
            if mine.st_size < PLACED_SIZE:
                return
            try:
                flock(self._fd, TRY)  # of several sessions that find it full, one renames it
            except BlockingIOError:
                return
            if self.path.stat().st_ino == mine.st_ino:
                self.path.replace(self._before)
        self.close()
