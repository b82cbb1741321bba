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
import ipaddress
import sys
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from kraken_async.errors import Outcome, RequestTimeout, TransportError
from kraken_async.messages import Response
from kraken_async.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken_async.messages import SignedRequest

KEEP_ALIVE: Final = 15.0
RENEW: Final = 300.0
CONNECT: Final = 10.0

# No timers inside aiohttp but for connecting: the exchange as a whole is bounded by Transport.send.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)


class _Body(aiohttp.BytesPayload):
    """A body that knows whether its first byte was handed to the connection; headers leave together with it."""

    started = False

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        self.started = True
        await writer.write(self._value)


class _QuickBody(_Body):
    """A body that its request writes itself; it looks empty, so that aiohttp starts no task to write it."""

    def __bool__(self) -> bool:
        return False


class _Together:
    """A connection's transport for the one write of the headers: the body goes out in the same write."""

    __slots__ = ("_body", "_transport")

    def __init__(self, transport: asyncio.Transport, body: _Body) -> None:
        self._transport, self._body = transport, body

    def write(self, headers: bytes) -> None:
        self._body.started = True
        self._transport.write(bytes(headers) + self._body._value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Request(aiohttp.ClientRequest):
    """Before Python 3.12 aiohttp writes each body in a task of its own, a tenth of what a call costs.

    A body of some hundred bytes needs no task. This leans on how aiohttp 3.14 is made, so it is used with no other.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        """Send headers and body in one write."""
        body, protocol = self._body, conn.protocol
        if type(body) is not _QuickBody or protocol.writing_paused:
            return await super().send(conn)
        transport = protocol.transport
        protocol.transport = _Together(transport, body)
        try:
            return await super().send(conn)
        finally:
            protocol.transport = transport


#: Whether requests of our own session write their body themselves.
QUICK: Final = sys.version_info < (3, 12) and aiohttp.__version__.startswith("3.14.")


class _Get:
    """Stands for the body of a request that has none and no effect."""

    started = True


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
        self._body = _QuickBody if QUICK and http is None else _Body
        self._urls: dict[str, URL] = {}
        self._watchdog = Watchdog()
        self._opened_at = 0.0

    def __repr__(self) -> str:
        return f"<Transport {self._base}>"

    async def open(self) -> None:
        """Create the HTTP session, if it is ours."""
        if self._given is None and self._http is None:
            loop = asyncio.get_running_loop()
            self._opened_at = loop.time()
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE, limit=0),
                headers={"User-Agent": self._agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_TIMEOUT,
                request_class=_Request if QUICK else aiohttp.ClientRequest,
            )

    async def close(self) -> None:
        """Close the HTTP session, if it is ours; a request in flight is torn."""
        self._watchdog.close()
        http, self._http = self._http, None
        if http is not None and http is not self._given:
            await http.close()

    async def send(
        self, request: SignedRequest, timeout: float
    ) -> Response:  # it is the exchange's own bound
        """Send one request and return the whole answer.

        Raises TransportError, or RequestTimeout after ``timeout`` seconds; their ``outcome`` is "not sent" if no byte
        can have left, else "unknown". Cancelled: the connection is dropped, what was sent stays sent.
        """
        if self._http is None:
            await self.open()
        elif not self._watchdog and self._given is None:
            await self._renew()
        http = self._http
        if http is None:
            msg = "the HTTP session is closed"
            raise TransportError(msg, outcome=Outcome.NOT_SENT)
        path = request.path
        url = self._urls.get(path)
        if url is None:
            url = self._url(path)
        body: Any = self._body(request.body) if request.method == "POST" else _Get
        data = body if body is not _Get else None
        task = self._watchdog.watch(timeout)
        try:
            answer = await http.request(
                request.method,
                url,
                data=data,
                headers=request.headers,
                allow_redirects=False,
                timeout=_TIMEOUT,
            )
            content = await answer.read()
        except asyncio.CancelledError:
            if not self._watchdog.bit(task):
                raise
            error: TransportError = RequestTimeout(
                f"no answer from {self._base.host} within {timeout:g} s",
                outcome=_outcome(started=body.started),
            )
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            error = _transport_error(exc, self._base, started=body.started)
        else:
            return Response(answer.status, answer.headers, content)
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
            await self.open()
            if old is not None:
                await old.close()


def _outcome(*, started: bool) -> Outcome:
    return Outcome.UNKNOWN if started else Outcome.NOT_SENT


def _transport_error(exc: Exception, base: URL, *, started: bool) -> TransportError:
    """Map aiohttp's exceptions; their text may hold signed headers, so only the class and errno are told."""
    if isinstance(exc, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError)):
        started = False
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        what = "the connection was closed before an answer came"
    elif isinstance(exc, aiohttp.ClientConnectorError):
        what = f"cannot connect ({exc.os_error.__class__.__name__}: {exc.os_error.strerror or exc.os_error})"
    elif isinstance(exc, aiohttp.ClientPayloadError):
        what = "the answer was cut short"
    else:
        what = f"the connection failed ({exc.__class__.__name__})"
    return TransportError(f"{base.host}: {what}", outcome=_outcome(started=started))


def check_url(base_url: str, plain_http: Iterable[str] = ()) -> URL:
    """Return the parsed address. Raises ValueError unless it is https, or plain http to loopback or a named host."""
    try:
        url = URL(base_url)
    except ValueError as exc:
        msg = f"base_url is not an address: {exc}"
        raise ValueError(msg) from None
    if url.scheme not in ("http", "https") or not url.host or url.user or url.query_string or url.fragment:
        msg = "base_url must be scheme and host, such as https://api.kraken.com, without user, query or fragment"
        raise ValueError(msg)
    if url.scheme == "http" and not _is_loopback(url.host) and url.host not in tuple(plain_http):
        msg = f"plain http to {url.host} would send your key in clear: use https, or name the host in plain_http"
        raise ValueError(msg)
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
