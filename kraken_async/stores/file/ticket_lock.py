"""A line in order of asking, between processes, that a killed process cannot hold up.

``flock`` alone is not a line: a waiter that has been woken competes with others that ask at that moment, and
goes to the end when it loses (eight processes measured: up to 53 turns waited where 7 are due; 32 sessions:
225).

Each waiter draws the next number from a counter in the file and locks the byte of that number for itself. Its
predecessor's byte is what it waits for, so that one release wakes one waiter. A byte also comes free when its
process dies in the line, hence the second look: at the head of the line is who finds *all* lower bytes free.

The locks are those of open file descriptions (Linux): released with the descriptor, apart from ``flock``
and from the locks that any ``close()`` in the process would drop. Where they are missing (macOS) the
kernel's order has to do.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING, Final

from kraken_async.system.flock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

#: struct flock of 64-bit Linux: type, whence, start, length, pid.
_RANGE: Final = struct.Struct("hh4xqqi4x")
_COUNTER: Final = struct.Struct("<Q")
#: The byte that is locked while a number is drawn; no number gets there.
_DRAWING: Final = 2**62

if sys.platform == "linux":
    import fcntl

    #: Whether there are such locks here.
    available: bool = struct.calcsize("P") == 8
    _SHARED, _ALONE, _FREE = fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK

    def _lock(fd: int, kind: int, start: int, length: int = 1) -> None:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLKW, _RANGE.pack(kind, os.SEEK_SET, start, length, 0))

else:  # pragma: no cover
    available = False
    _SHARED = _ALONE = _FREE = 0

    def _lock(fd: int, kind: int, start: int, length: int = 1) -> None:
        """Never called."""


class Line:
    """One waiter's descriptor on the line. Blocking: for a helper thread."""

    __slots__ = ("_file",)

    def __init__(self, path: Path) -> None:
        self._file = FileLock(path)

    def draw(self) -> int:
        """Take the next number. Killed in the middle: the number is free again, or its byte is."""
        fd = self._file.fd
        _lock(fd, _ALONE, _DRAWING)
        try:
            raw = os.pread(fd, _COUNTER.size, 0)
            number: int = _COUNTER.unpack(raw)[0] if len(raw) == _COUNTER.size else 1
            number = number if 0 < number < _DRAWING else 1  # a damaged counter costs order, not exclusion
            _lock(fd, _ALONE, number)
            os.pwrite(fd, _COUNTER.pack(number + 1), 0)
        finally:
            _lock(fd, _FREE, _DRAWING)
        return number

    def wait(self, number: int) -> None:
        """Return at the head of the line."""
        fd = self._file.fd
        _lock(fd, _SHARED, number - 1)
        _lock(fd, _SHARED, 0, number)
        _lock(fd, _FREE, 0, number)

    def leave(self, number: int) -> None:
        """Let the next one be at the head."""
        _lock(self._file.fd, _FREE, number)

    def close(self) -> None:
        """Leave with whatever number is held."""
        self._file.abandon()
