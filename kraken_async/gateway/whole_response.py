"""WholeResponse: an answer that is there as a whole, written in one go.

aiohttp's own response prepares for what does not occur here, such as compression, cookies and chunks. Rules kept here:

1. Only names that aiohttp documents are used: what a response is asked for (``prepare``, ``write_eof``,
   ``keep_alive``), and the request's transport.
2. It writes to a client that takes its answers. Where something is still unsent, for a large body, and for another
   version or method than HTTP/1.1's GET and POST, aiohttp's own response is used, with its flow control.
3. A client that is gone is a ConnectionError, as with aiohttp's own.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Bytes of a body that are written in one go.
LARGEST: Final = 64 * 1024


class WholeResponse(web.StreamResponse):
    """Answer with ``body`` and ``headers``, whose values hold no line break. ``Content-Length`` and Date are added."""

    def __init__(self, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        super().__init__(status=status)
        self._whole = body
        self._lines = headers
        self._request: web.BaseRequest | None = None
        self._other: web.Response | None = None
        self._stays = False
        self._done = False

    @property
    def keep_alive(self) -> bool | None:
        """Return whether the connection stays open."""
        return self._stays if self._other is None else self._other.keep_alive

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Take the request that is answered. Idempotent."""
        if self._done or self._request is not None:
            return None
        self._request = request
        self._stays = request.keep_alive
        if not self._in_one_go(request):
            self._other = web.Response(body=self._whole, headers=self._lines, status=self.status)
            return await self._other.prepare(request)
        return None

    def _in_one_go(self, request: web.BaseRequest) -> bool:
        transport = request.transport
        return (
            request.version == HttpVersion11
            and request.method in ("POST", "GET")
            and len(self._whole) <= LARGEST
            and transport is not None
            and not transport.get_write_buffer_size()
        )

    async def write_eof(self, data: bytes = b"") -> None:
        """Write it all. Raises ConnectionResetError where the client is gone. Idempotent."""
        if self._other is not None:
            await self._other.write_eof(data)
            return
        if self._done or self._request is None:
            return
        self._done = True
        request, self._request = self._request, None
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(self._head() + self._whole)

    def _head(self) -> bytes:
        lines = _lines(self.status, tuple(self._lines.items()), int(time.time()))
        close = b"" if self._stays else b"Connection: close\r\n"
        return b"%sContent-Length: %d\r\n%s\r\n" % (lines, len(self._whole), close)


@lru_cache(maxsize=16)
def _lines(status: int, headers: tuple[tuple[str, str], ...], second: int) -> bytes:
    """Return the lines that are alike in all such answers of a second of the clock."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Date: {formatdate(second, usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, ""]).encode("ascii")
