"""Bodies: pieces as they come, unpacked, within a limit that holds while they are read. Pure."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kraken_async.call import Sink

#: Bytes of an answer at most, unpacked; Kraken's largest, AssetPairs, has about one million.
LARGEST: Final = 64 * 1024 * 1024
#: The encodings that are asked for, and unpacked here.
ENCODINGS: Final = "gzip, deflate"

_FILE: Final = b"PK"
_PIECE: Final = 1024 * 1024


class BadBody(Exception):
    """A body that is too large, broken or cut short; the text says which."""


class Body:
    """Collects one body. ``size`` is what came of it so far, unpacked.

    Args:
        encoding: the answer's Content-Encoding; with one that is not known the bytes stay as they are.
        sink: takes a file (a zip archive) piece by piece, without a limit; ``finish`` then returns its first bytes
            alone. Anything but a file is collected as without it.
    """

    __slots__ = ("_inflater", "_pieces", "_sink", "_streaming", "size")

    def __init__(self, encoding: str = "", sink: Sink | None = None) -> None:
        self.size: int = 0
        self._pieces: list[bytes] = []
        self._sink = sink
        self._streaming = False
        self._inflater = None
        if encoding and encoding.lower() in _WINDOW:
            self._inflater = _Inflater(encoding.lower())

    def add(self, piece: bytes) -> None:
        """Take the next piece as it came. Raises BadBody, also for what the sink raises."""
        if self._inflater is None and self._sink is None and self.size + len(piece) <= LARGEST:
            self.size += len(piece)  # as most are
            self._pieces.append(piece)
        elif self._inflater is None:
            self._keep(piece)
        else:
            for unpacked in self._inflater.unpack(piece):
                self._keep(unpacked)

    def finish(self) -> bytes:
        """Return the whole body. Raises BadBody if its packing was cut short."""
        if self._inflater is not None and not self._inflater.whole:
            raise BadBody("the answer was cut short")
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _keep(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._sink is not None:
            if self._streaming:
                self._pour(piece)
                return
            if self.size >= len(_FILE):
                self._begin_file(piece)
                return
        if self.size > LARGEST:
            self._pieces.clear()
            raise BadBody(f"an answer above {LARGEST >> 20} MiB")
        self._pieces.append(piece)

    def _begin_file(self, piece: bytes) -> None:
        """Look at the first bytes: a file goes to the sink, anything else is an answer like any other."""
        start = b"".join([*self._pieces, piece])
        self._streaming = start.startswith(_FILE)
        if self._streaming:
            self._pieces = [_FILE]
            self._pour(start, first=True)
        else:
            self._sink = None
            self._pieces = [start]

    def _pour(self, piece: bytes, *, first: bool = False) -> None:
        assert self._sink is not None
        try:
            if first:
                self._sink.begin()
            self._sink.write(piece)
        except Exception as error:
            raise BadBody(f"the answer could not be kept ({type(error).__name__}: {error})") from error


#: Content-Encoding -> zlib's window: what stands around the packed bytes.
_WINDOW: Final = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}


class _Inflater:
    """Unpacks in pieces of bounded size: some kilobytes of gzip may stand for gigabytes."""

    def __init__(self, encoding: str) -> None:
        self._window = _WINDOW[encoding]
        self._unpacker = zlib.decompressobj(self._window)
        self._begun = False

    @property
    def whole(self) -> bool:
        """Whether nothing is left open: the packing has ended, or none began."""
        return self._unpacker.eof or not self._begun

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """Yield what these bytes stand for. Raises BadBody."""
        # Some servers' deflate is without zlib's frame.
        if packed and not self._begun and self._window == zlib.MAX_WBITS and packed[0] & 0x0F != 8:
            self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        while packed:
            self._begun = True
            if self._unpacker.eof:  # one archive after the other
                self._unpacker = zlib.decompressobj(self._window)
            try:
                yield self._unpacker.decompress(packed, _PIECE)
            except zlib.error:
                raise BadBody("an answer whose packing is broken") from None
            packed = self._unpacker.unconsumed_tail or self._unpacker.unused_data
