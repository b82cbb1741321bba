"""Nonces that cancels took without the nonce lock, because its holder stood still.

Rules:

1. Such a nonce is appended to this file, and read back, before its bytes leave. The order of the file decides: a nonce
   that is not above all those before it is not used, and a higher one is appended.
2. Every step reads what is new here under the nonce lock, after its nonce is written, and throws that away unless it is
   above all of these. So a holder that goes on again neither uses one of these nonces nor one below them.
3. The first user of a key starts above all of them and empties the file. The last one out gives back no reservation
   below them.

One append is one entry: no lock is needed, and a torn entry is passed over.
"""

from __future__ import annotations

import os
import random
import secrets
import struct
import zlib
from typing import TYPE_CHECKING, Final

from kraken_async.stores.file.side_files import SideFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kraken_async.system.durable import Disk

_ENTRY: Final = struct.Struct("<4sQ12s")  # marker, nonce, session
_CRC: Final = struct.Struct("<I")
_MAGIC: Final = b"flr\n"
#: How often a nonce is tried to be put on record.
_ATTEMPTS: Final = 50
SIZE: Final = _ENTRY.size + _CRC.size


def floors_path(state: Path) -> Path:
    """Return the path of the floors beside a state file."""
    return state.with_suffix(".floors")


class Floors(SideFile):
    """One session's view of the floors: all up to ``highest`` are known. OSError when they cannot be read."""

    __slots__ = ("_author", "at", "fd", "highest")

    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path, disk)
        self._author = secrets.token_bytes(12)
        self.at: int = 0
        self.highest: int = 0
        self.fd: int = self._opened()
        self.read()

    def _flags(self) -> int:
        return super()._flags() | os.O_APPEND

    def close(self) -> None:
        """See SideFile."""
        self.fd = -1
        super().close()

    def read(self) -> int:
        """Read what is new; return the highest floor."""
        for nonce, _ in self._unread():
            self.highest = max(self.highest, nonce)
        return self.highest

    def publish(self, above: int) -> int:
        """Append a nonce above ``above`` and every floor, and return it. OSError when it cannot be put on record."""
        nonce = max(above, self.read()) + 1
        for _ in range(_ATTEMPTS):
            entry = _ENTRY.pack(_MAGIC, nonce, self._author)
            if os.write(self.fd, entry + _CRC.pack(zlib.crc32(entry))) != SIZE:
                break
            good = False
            for other, author in self._unread():
                if author == self._author and other == nonce:
                    good = nonce > self.highest
                self.highest = max(self.highest, other)
            if good:
                return nonce
            # Two cancels in one moment: they go on by different steps, so as not to meet again.
            nonce = self.highest + random.randint(1, 100)
        raise OSError(None, "a nonce could not be put on record", str(self.path))

    def empty(self) -> None:
        """Forget all of them: no one uses the key, and it starts above them."""
        os.ftruncate(self.fd, 0)
        self.at = 0

    def _unread(self) -> Iterator[tuple[int, bytes]]:
        raw = b""
        while more := self._disk.pread(self.fd, SIZE * 256, self.at + len(raw)):
            raw += more
        at = 0
        while at + SIZE <= len(raw):
            magic, nonce, author = _ENTRY.unpack_from(raw, at)
            if (
                magic == _MAGIC
                and zlib.crc32(raw[at : at + _ENTRY.size]) == _CRC.unpack_from(raw, at + _ENTRY.size)[0]
            ):
                yield nonce, author
                at += SIZE
            else:  # torn, or damaged: look for the next one
                at += 1
        self.at += at
