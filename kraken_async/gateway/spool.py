"""Spool: a file that is too large for memory, on its way through."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes that are kept in memory; what is larger goes to a file without a name.
IN_MEMORY: Final = 1024 * 1024
PIECE: Final = 64 * 1024


class Spool:
    """Takes a report piece by piece, and gives it back the same way. See ``call.Sink``."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with the reply that it is in
        self.size: int = 0

    def begin(self) -> None:
        """Forget what came of an exchange that failed."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        self._file.write(piece)
        self.size += len(piece)

    def pieces(self) -> Iterator[bytes]:
        """Give it back from its beginning."""
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece

    def close(self) -> None:
        """Release the memory, or the file. Idempotent."""
        self._file.close()
