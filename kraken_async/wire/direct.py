"""The direct way: signed POSTs to one host over connections of our own.

What a call to one known host has no use for is left out: cookies, redirects, traces, pools by host, a task that writes
the body, and the objects of request and answer. The rules are connection.py's. Connections that are free are used
again, the last one first; a request that finds none, as a cancel that overtakes does, has one made.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import Outcome, RequestTimeout, TransportError
from kraken_async.system.clocks import clock_of
from kraken_async.wire.base_url import is_loopback
from kraken_async.wire.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from kraken_async.call import Sink
    from kraken_async.wire.messages import Early, Response, SignedRequest

CONNECT: Final = 10.0
#: Seconds for the loop to drop connections that were dropped: some turns of it, in fact.
CLOSING: Final = 1.0
#: Connections that are made for one request, each of which had something to say before it was asked.
TRIES: Final = 3
EARLY: Final = "something came of the connection before it was asked"
_HEADS: Final = 256
_SIGNATURE: Final = "API-Sign"
_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_NO_HEADER: Final = "a header holds what no header may hold"


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _races_addresses(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether a loop can try a host's addresses side by side: other loops than asyncio's may not know it.

    Before Python 3.14 asyncio's race may fail by a fault of its own where tasks start eagerly.
    """
    if not isinstance(loop, asyncio.BaseEventLoop):
        return False
    return sys.version_info >= (3, 14) or loop.get_task_factory() is None


class Direct:
    """Sends signed POSTs to ``base``, each with ``headers`` beside its own. Belongs to the running loop."""

    def __init__(self, base: URL, headers: Mapping[str, str], *, loopback: bool) -> None:
        self._base = base
        self._host = str(base.host)
        self._prefix = base.raw_path.rstrip("/")
        self._fixed = [
            f"Host: {base.host_port_subcomponent}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        #: By path and headers, as few of a session's differ by more than their signature.
        self._heads: dict[tuple[object, ...], bytes] = {}
        self._loop = asyncio.get_running_loop()
        self._clock = clock_of(self._loop)
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._connecting: set[asyncio.Timeout] = set()
        self._loopback = loopback
        self._closed = False

    async def post(
        self, request: SignedRequest, timeout: float, sink: Sink | None = None, early: Early | None = None
    ) -> Response:
        """Send one request and return its answer; see :meth:`Transport.send`."""
        now = self._clock()
        due = now + timeout
        try:
            # A view, as a traceback that shows locals shows nothing of what is in it.
            packet = memoryview(self._packet(request))
        except ValueError as error:
            raise TransportError(
                f"{self._host}: the call was not sent: {error}", outcome=Outcome.NOT_SENT
            ) from None
        connection = self._idle.pop() if self._idle else None
        if connection is None or not connection.is_ready(now):
            connection = await self._another(connection, due, timeout)
        try:
            response = await connection.ask(packet, due, timeout, sink, early)
        except BaseException:
            connection.abort()
            raise
        if connection.keep() and not self._closed:
            self._idle.append(connection)
        else:
            connection.abort()
        return response

    async def _another(self, idle: Connection | None, due: float, timeout: float) -> Connection:
        """Return an idle connection that may be used after all, or a new one."""
        while idle is not None:
            if await idle.ready(self._clock()):
                return idle
            idle.abort()
            idle = self._idle.pop() if self._idle else None
        for _ in range(TRIES):
            connection = await self._connect(due, timeout)
            if await connection.ready(self._clock()):
                return connection
            connection.abort()
        raise self._unsent(EARLY)

    async def _connect(self, due: float, timeout: float) -> Connection:
        """Return a new connection. Raises TransportError, "not sent"."""
        loop, base = self._loop, self._base
        options: dict[str, Any] = {}
        if base.scheme == "https":
            options["ssl"] = _tls()
        if _races_addresses(loop):
            options["happy_eyeballs_delay"] = 0.25
        limit = asyncio.timeout_at(min(due, loop.time() + CONNECT))
        error: TransportError
        try:
            async with limit:
                self._connecting.add(limit)
                transport, connection = await loop.create_connection(
                    partial(Connection, self._host, loop), self._host, base.port or 443, **options
                )
        except TimeoutError as late:
            if not limit.expired():
                error = self._unsent(f"cannot connect ({type(late).__name__}: {late.strerror or late})")
            elif self._closed:
                error = self._unsent("closed before an answer came")
            elif loop.time() >= due:
                error = RequestTimeout(
                    f"no answer from {self._host} within {timeout:g} s", outcome=Outcome.NOT_SENT
                )
            else:
                error = self._unsent(f"no connection within {CONNECT:g} s")
        except Exception as failure:  # no address, no descriptor, no thread for the resolver, no trust
            text = failure.strerror if isinstance(failure, OSError) else None
            error = self._unsent(f"cannot connect ({type(failure).__name__}: {text or failure})")
        else:
            self._all.add(connection)
            connection.lost.add_done_callback(lambda _: self._all.discard(connection))
            if not self._loopback or is_loopback(transport.get_extra_info("peername")[0]):
                return connection
            connection.abort()
            error = self._unsent("its address is not this machine's: plain http would send your key in clear")
        finally:
            self._connecting.discard(limit)
        raise error

    def _unsent(self, what: str) -> TransportError:
        return TransportError(f"{self._host}: {what}", outcome=Outcome.NOT_SENT)

    def _packet(self, request: SignedRequest) -> bytes:
        body = request.body
        headers = request.headers.copy()
        signature = headers.pop(_SIGNATURE, "").encode()
        known = request.path, *headers.items()
        head = self._heads.get(known)
        if head is None:
            head = self._head(request.path, headers)
            if len(self._heads) < _HEADS:
                self._heads[known] = head
        if signature.translate(None, _PRINTABLE):
            raise ValueError(_NO_HEADER)
        return b"%b%b\r\nContent-Length: %d\r\n\r\n%b" % (head, signature, len(body), body)

    def _head(self, path: str, headers: dict[str, str]) -> bytes:
        """Return what a request begins with, up to the value of its signature."""
        lines = [f"POST {self._prefix}{path} HTTP/1.1", *self._fixed]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if not all(map(str.isprintable, lines)):
            raise ValueError(_NO_HEADER)
        return "\r\n".join([*lines, f"{_SIGNATURE}: "]).encode()

    async def close(self) -> None:
        """Drop all connections; what is in flight fails."""
        self._closed = True
        for limit in self._connecting:
            limit.reschedule(self._loop.time())
        gone = [connection.lost for connection in self._all]
        for connection in list(self._all):
            connection.fail(f"{self._host}: closed before an answer came")
        if gone:
            await asyncio.wait(gone, timeout=CLOSING)
