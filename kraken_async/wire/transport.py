"""Transport: signed bytes out, answer bytes in. The only part of the client that knows aiohttp.

Rules:

1. A request goes out once. aiohttp repeats idempotent methods on a dropped connection by itself; a POST it does not.
2. An error says whether a byte may have left: before the body's first write nothing has, after it everything may have.
3. No redirects: a signed body is for the host it was signed for.
4. Connections idle for longer than ``KEEP_ALIVE`` are not used again, and the session is renewed after ``RENEW``
   seconds, between calls, never during one: a stale keep-alive connection loses orders.
5. aiohttp's ClientResponseError prints the request's headers, the key and signature among them: it is never chained.
"""

from __future__ import annotations

import asyncio
import logging
import select
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import aiohttp
import aiohttp.client
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from kraken_async.errors import Outcome, RequestTimeout, SessionClosed, TransportError
from kraken_async.wire.base_url import check_url
from kraken_async.wire.messages import Response
from kraken_async.wire.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kraken_async.wire.messages import SignedRequest

KEEP_ALIVE: Final = 15.0
RENEW: Final = 300.0
CONNECT: Final = 10.0

log = logging.getLogger("kraken_async.transport")

_EXPECTED: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
_CLOSED: Final = "the call was not sent: the session is closed"

# No timers inside aiohttp but for connecting: the exchange as a whole is bounded by Transport.send.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)

#: Releases of aiohttp whose inside is known here. With any other, every request takes the ordinary way, and of a body
#: is assumed that it has left: too careful at worst.
KNOWN: Final = aiohttp.__version__.rpartition(".")[0] in ("3.11", "3.12", "3.13", "3.14")


class _Body(aiohttp.BytesPayload):
    """A body that knows whether its first byte was handed to the connection; alone, headers have no effect."""

    started = not KNOWN

    async def write(self, writer: Any, *args: Any) -> None:  # aiohttp 3.11
        self.started = True
        await super().write(writer, *args)

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:  # later ones
        self.started = True
        await writer.write(self._value)


class _Get:
    """Stands for the body of a request that has none and no effect."""

    started = True


class _Mark:
    """Stands for the body of a request that is written here."""

    __slots__ = ("started",)

    def __init__(self) -> None:
        self.started = False


_LARGEST: Final = 65536
_BREAK: Final = "\r\n"


def _asked() -> tuple[object, object]:
    """What is called when a request is made: aiohttp's own, or what aioresponses and its like put in its place."""
    return aiohttp.ClientSession._request, aiohttp.ClientSession.request


def _is_aiohttps(function: object) -> bool:
    code = getattr(function, "__code__", None)
    return getattr(code, "co_filename", None) == aiohttp.client.__file__


_ORDINARY: Final = _asked()
#: Whether the short way may be taken: not if somebody stood in aiohttp's place when this module was imported.
SHORT: Final = KNOWN and all(map(_is_aiohttps, _ORDINARY))


def _connector() -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE, limit=0)


class _ShortWay:
    """A signed POST over one of aiohttp's connections, without what a call to one known host has no use for.

    aiohttp's connector (names, TLS, keep-alive) and its parser do the work. Left out are cookies, redirects, traces, a
    task that writes the body, and the objects of request and answer: more than half of what a call costs.
    """

    __slots__ = ("_connector", "_heads", "_looks", "_sample")

    def __init__(self, headers: Mapping[str, str], base: URL) -> None:
        loop = asyncio.get_running_loop()
        # Of its own, so that every connection in it has been looked at here.
        self._connector = _connector()
        # Names the host to the connector, and holds the headers that aiohttp itself would send.
        self._sample = aiohttp.ClientRequest("POST", base, headers=headers, loop=loop)
        self._heads: dict[URL, str] = {}
        self._looks: WeakKeyDictionary[Any, Callable[[int], list[Any]]] = WeakKeyDictionary()

    async def close(self) -> None:
        await self._connector.close()

    async def post(self, url: URL, request: SignedRequest, mark: _Mark) -> Response:
        """Send and read. Raises what aiohttp raises; cancelled or failed, the connection is dropped."""
        connection = await self._connect()
        transport = connection.transport
        try:
            # A view, as a traceback that shows locals shows nothing of what is in it.
            packet = memoryview(self._packet(url, request))
            protocol = connection.protocol
            protocol.set_response_params(read_until_eof=True)
            if transport is None or transport.is_closing():
                raise aiohttp.ClientConnectionResetError
            mark.started = True
            transport.write(packet)
            message, payload = await protocol.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, payload = await protocol.read()
            content = await payload.read()
        except BaseException:
            if transport is not None:
                transport.abort()  # to close it would wait until the peer has read what we wrote
            connection.close()
            raise
        connection.release()
        return Response(message.code, message.headers, content)

    async def _connect(self) -> Any:
        """Return a connection: one that was idle only if nothing has come of it meanwhile, neither bytes nor an end.

        What came unasked is not the answer to what is sent next, and an order sent into an ended connection is lost.
        """
        while True:
            connection: Any = await self._connector.connect(self._sample, [], _TIMEOUT)
            protocol = connection.protocol
            look = self._looks.get(protocol)
            if look is None:
                self._looks[protocol] = _look_at(connection.transport)
                return connection
            if not protocol.should_close and not look(0):
                return connection
            connection.close()

    def _packet(self, url: URL, request: SignedRequest) -> bytes:
        head = self._heads.get(url)
        if head is None:
            lines = [
                f"{name}: {value}" for name, value in self._sample.headers.items() if name != "Content-Length"
            ]
            _check(lines)
            head = _BREAK.join([f"POST {url.raw_path_qs} HTTP/1.1", *lines, ""])
            if len(self._heads) < 256:
                self._heads[url] = head
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        lines.append(f"Content-Length: {len(request.body)}")
        _check(lines)
        return f"{head}{_BREAK.join(lines)}{_BREAK}{_BREAK}".encode() + request.body


def _check(lines: list[str]) -> None:
    if not all(map(str.isprintable, lines)):
        msg = "a header holds what no header may hold"
        raise ValueError(msg)


def _look_at(transport: asyncio.Transport) -> Callable[[int], list[Any]]:
    """Return what tells whether bytes, or the connection's end, wait in the kernel: the loop may have been busy."""
    if sys.platform == "win32":
        return lambda _milliseconds: []
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return poll.poll


class Transport:
    """Sends requests to one base URL.

    Args:
        base_url: scheme and host; plain http only to loopback, or to a host named in ``plain_http``.
        http: the caller's aiohttp session (proxy, CA), never closed here; None: one of our own.

    Raises ValueError for an address that would send secrets in clear.
    """

    def __init__(
        self,
        base_url: str,
        *,
        http: aiohttp.ClientSession | None = None,
        plain_http: Iterable[str] = (),
        user_agent: str = "kraken_async",
    ) -> None:
        self._base = check_url(base_url, plain_http)
        self._given = http
        self._http: aiohttp.ClientSession | None = http
        self._agent = user_agent
        self._short: _ShortWay | None = None
        self._urls: dict[str, URL] = {}
        self._watchdog = Watchdog()
        self._opened_at = 0.0
        self._closed = False

    def __repr__(self) -> str:
        return f"<Transport {getattr(self, '_base', 'without an address')}>"

    async def open(self) -> None:
        """Create the HTTP session, if it is ours."""
        if self._given is None and self._http is None:
            loop = asyncio.get_running_loop()
            self._opened_at = loop.time()
            self._http = aiohttp.ClientSession(
                connector=_connector(),
                headers={"User-Agent": self._agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_TIMEOUT,
            )
            if SHORT and not self._http.trace_configs:
                self._short = _ShortWay(self._http.headers, self._base)

    async def close(self) -> None:
        """Close the HTTP session, if it is ours. A request in flight fails, and so does what is sent from now on."""
        self._closed = True
        self._watchdog.close()
        http, self._http = self._http, None
        short, self._short = self._short, None
        if short is not None:
            await short.close()
        if http is not None and http is not self._given:
            await http.close()

    async def send(
        self, request: SignedRequest, timeout: float
    ) -> Response:  # it is the exchange's own bound
        """Send one request and return the whole answer.

        Raises TransportError, or RequestTimeout after ``timeout`` seconds; their ``outcome`` is "not sent" if no byte
        can have left, else "unknown". SessionClosed after :meth:`close`. Cancelled: the connection is dropped, what
        was sent stays sent.
        """
        if self._closed:
            raise SessionClosed(_CLOSED)
        if self._http is None:
            await self.open()
        elif not self._watchdog and self._given is None:
            await self._renew()
        http = self._http
        if http is None:  # closed while it was opened or renewed
            raise SessionClosed(_CLOSED)
        path = request.path
        url = self._urls.get(path)
        if url is None:
            url = self._url(path)
        short = self._short if request.method == "POST" and len(request.body) <= _LARGEST else None
        if _asked() != _ORDINARY:
            short = None  # somebody stands in aiohttp's place
        mark: Any = _Get if request.method != "POST" else _Body(request.body) if short is None else _Mark()
        task = self._watchdog.watch(timeout)
        asked = task.cancelling()
        error: TransportError
        try:
            if short is not None:
                return await short.post(url, request, mark)
            answer = await http.request(
                request.method,
                url,
                data=None if mark is _Get else mark,
                headers=request.headers,
                allow_redirects=False,
                timeout=_TIMEOUT,
            )
            return Response(answer.status, answer.headers, await answer.read())
        except asyncio.CancelledError as stray:
            bitten = self._watchdog.bit(task)
            if not bitten and task.cancelling() > asked:
                raise
            outcome = _outcome(started=mark.started)
            if not bitten:  # raised by aiohttp, as when a session of the caller's is closed under a request
                error = _transport_error(stray, self._base, started=mark.started)
            elif self._closed:
                error = TransportError(f"{self._base.host}: closed before an answer came", outcome=outcome)
            else:
                msg = f"no answer from {self._base.host} within {timeout:g} s"
                error = RequestTimeout(msg, outcome=outcome)
        except Exception as exc:
            if not isinstance(exc, _EXPECTED):  # a session of the caller's may raise anything
                where = "".join(traceback.format_tb(exc.__traceback__))
                log.error("a request met a fault, %s:\n%s", type(exc).__name__, where)
            error = _transport_error(exc, self._base, started=mark.started)
        finally:
            self._watchdog.done(task)
        raise error

    def _url(self, path: str) -> URL:
        # Encoded already, and signed as it is: yarl must not touch it.
        url = URL(str(self._base).rstrip("/") + path, encoded=True)
        if len(self._urls) < 256:
            self._urls[path] = url
        return url

    async def _renew(self) -> None:
        if asyncio.get_running_loop().time() - self._opened_at > RENEW:
            old, self._http = self._http, None
            short, self._short = self._short, None
            await self.open()
            if short is not None:
                await short.close()
            if old is not None:
                await old.close()


def _outcome(*, started: bool) -> Outcome:
    return Outcome.UNKNOWN if started else Outcome.NOT_SENT


def _transport_error(exc: BaseException, base: URL, *, started: bool) -> TransportError:
    """Map aiohttp's exceptions; their text may hold signed headers, so only the class and errno are told."""
    if isinstance(exc, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError)):
        started = False
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        what = "the connection was closed before an answer came"
    elif isinstance(exc, aiohttp.ClientConnectorError):
        what = f"cannot connect ({exc.os_error.__class__.__name__}: {exc.os_error.strerror or exc.os_error})"
    elif isinstance(exc, TimeoutError) and not started:
        what = f"no connection within {CONNECT:g} s"
    elif isinstance(exc, aiohttp.ClientPayloadError):
        what = "the answer was cut short"
    else:
        what = f"the connection failed ({exc.__class__.__name__})"
    return TransportError(f"{base.host}: {what}", outcome=_outcome(started=started))
