"""The way through aiohttp: public calls, sessions and proxies of the caller's, and whatever stands in aiohttp's place.

Rules:

1. A request goes out once. aiohttp repeats idempotent methods on a dropped connection by itself; a POST it does not,
   and a body that was written is not written again.
2. Before the body's first write no byte has left that could have an effect; after it everything may have.
3. No redirects: a signed body is for the host it was signed for.
4. What came of a connection before the body was written is not its answer. The connection is dropped, and the request,
   of which nothing has left, goes out on another.
5. aiohttp's ClientResponseError prints the request's headers, the key and signature among them: it is never chained.

More than 300 lines: the rules above are kept by one exchange, whose steps know each other.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from kraken_async.errors import Outcome, RequestTimeout, SessionClosed, TransportError
from kraken_async.wire.base_url import is_loopback
from kraken_async.wire.body import ENCODINGS, BadBody, Body
from kraken_async.wire.connection import KEEP_ALIVE, RENEW, look_at
from kraken_async.wire.deadline import Deadline
from kraken_async.wire.direct import CONNECT, EARLY, TRIES
from kraken_async.wire.messages import Response

if TYPE_CHECKING:
    from kraken_async.call import Sink
    from kraken_async.wire.messages import SignedRequest

log: logging.Logger = logging.getLogger("kraken_async.transport")

CLOSED: Final = "the call was not sent: the session is closed"

_EXPECTED: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)

#: How a connection shows that it had ended while it was idle.
_ENDED: Final = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)

# No timers inside aiohttp but for connecting: the exchange as a whole has a deadline.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)

#: Releases of aiohttp of which it is known by what a body is written. With any other it is assumed that it has left:
#: too careful at worst.
KNOWN: Final = aiohttp.__version__.rpartition(".")[0] in ("3.12", "3.13", "3.14")


_HOME: Final = aiohttp.__file__.removesuffix("__init__.py")


def untouched(*sessions: aiohttp.ClientSession) -> bool:
    """Return whether aiohttp is itself: nothing was put in place of its functions, and these sessions trace nothing.

    aioresponses and its like replace functions, as do instruments of observation; then every request must reach them.
    """
    for each in (aiohttp.ClientSession, aiohttp.TCPConnector, aiohttp.BaseConnector):
        for function in vars(each).values():
            code = getattr(function, "__code__", None)
            if not getattr(code, "co_filename", _HOME).startswith(_HOME):
                return False
    return not any(session.trace_configs for session in sessions)


def _had_ended(failure: BaseException) -> bool:
    return isinstance(failure, _ENDED) and not isinstance(failure, aiohttp.ClientConnectorError)


def _is_real(http: object) -> bool:
    """Return whether an answer came over a connection. A stand-in gives one without writing a body."""
    return isinstance(http, aiohttp.ClientSession) and untouched()


class _Unused(Exception):
    """The connection could not be used, and nothing was written; ``error`` says why."""

    def __init__(self, error: TransportError) -> None:
        super().__init__()
        self.error = error


class _Body(aiohttp.BytesPayload):
    """A body that looks at its connection before it is written, once, and knows whether it was."""

    def __init__(self, body: bytes, *, loopback: bool) -> None:
        super().__init__(body)
        self.started = not KNOWN
        self.refused = ""
        self._loopback = loopback

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        await self._begin(writer)
        await super().write_with_length(writer, content_length)

    async def _begin(self, writer: Any) -> None:
        if (self.started and KNOWN) or self.refused:
            raise aiohttp.ClientConnectionError
        transport = getattr(writer, "transport", None)
        if transport is not None:
            look = look_at(transport)
            spoilt = bool(look(0))
            if spoilt:
                await asyncio.sleep(0)  # read by the loop now: TLS itself has a word to say at times
                spoilt = transport.is_closing() or bool(look(0))
            if spoilt or getattr(transport.get_protocol(), "should_close", False):
                self.refused = EARLY
            elif self._loopback and not is_loopback(str((transport.get_extra_info("peername") or "?")[0])):
                self.refused = "its address is not this machine's: plain http would send your key in clear"
            if self.refused:
                raise aiohttp.ClientConnectionError
        self.started = True


class _Heard:
    """The part of an answer that has come so far."""

    __slots__ = ("body", "pieces")

    def __init__(self) -> None:
        self.pieces = 0
        self.body = Body()

    def count(self) -> tuple[int, int]:
        return self.pieces, self.body.size


class AiohttpWay:
    """Sends any request to ``base`` through aiohttp: over the caller's session, or one of our own.

    Args:
        http: the caller's session; it is not closed here.
        headers: what each request carries beside its own, but over the caller's session.
        proxy: where our own session connects instead.
        loopback: the host is "localhost": requests go out only if that is this machine.
    """

    def __init__(
        self,
        base: URL,
        headers: dict[str, str],
        *,
        http: aiohttp.ClientSession | None = None,
        proxy: URL | None = None,
        loopback: bool = False,
    ) -> None:
        self._base = base
        self._headers = headers
        self._given = http
        self._http = http
        self._options: dict[str, Any] = {} if proxy is None else {"proxy": proxy}
        self._loopback = loopback
        self._loop = asyncio.get_running_loop()
        self._opened_at = 0.0
        self._urls: dict[str, URL] = {}
        self._limits: set[asyncio.Timeout] = set()
        self._closed = False
        if http is None:
            self._open()

    def _open(self) -> aiohttp.ClientSession:
        self._opened_at = self._loop.time()
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE, limit=0),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_TIMEOUT,
            auto_decompress=False,
        )
        return self._http

    @property
    def http(self) -> aiohttp.ClientSession | None:
        """The session in use; None once it is closed."""
        return self._http

    async def send(self, request: SignedRequest, timeout: float, sink: Sink | None = None) -> Response:
        """Send one request and return its answer; see :meth:`Transport.send`."""
        due = self._loop.time() + timeout
        error: TransportError | None = None
        for _ in range(TRIES):
            http = await self._session()
            body = _Body(request.body, loopback=self._loopback) if request.method == "POST" else None
            try:
                return await self._exchange(http, request, body, due, timeout, sink)
            except _Unused as unused:
                error = unused.error
        assert error is not None
        raise error

    async def _exchange(
        self,
        http: aiohttp.ClientSession,
        request: SignedRequest,
        body: _Body | None,
        due: float,
        timeout: float,
        sink: Sink | None,
    ) -> Response:
        task = asyncio.current_task()
        asked = task.cancelling() if task is not None else 0
        heard, limit, loop = _Heard(), asyncio.timeout(None), self._loop
        deadline = Deadline(loop, lambda: limit.reschedule(loop.time()), heard.count)
        error: TransportError
        try:
            async with limit:
                self._limits.add(limit)
                deadline.set(due)
                answer = await http.request(
                    request.method,
                    self._url(request.path),
                    data=body,
                    headers={"Accept-Encoding": ENCODINGS, **request.headers},
                    allow_redirects=False,
                    raise_for_status=False,
                    timeout=_TIMEOUT,
                    **self._options,
                )
                return await self._read(http, answer, body, heard, sink)
        except (asyncio.CancelledError, Exception) as failure:
            if isinstance(failure, asyncio.CancelledError) and task is not None and task.cancelling() > asked:
                raise
            started = body is None or (body.started and not body.refused)
            if limit.expired() and isinstance(failure, TimeoutError):
                error = self._late(timeout, started=started)
            else:
                error = _transport_error(failure, self._base, started=started)
                if body is not None and body.refused:
                    raise _Unused(self._unsent(body.refused)) from None
                if not started and _had_ended(failure) and _is_real(http):
                    raise _Unused(error) from None
        finally:
            deadline.cancel()
            self._limits.discard(limit)
        raise error

    async def _read(
        self,
        http: aiohttp.ClientSession,
        answer: aiohttp.ClientResponse,
        sent: _Body | None,
        heard: _Heard,
        sink: Sink | None,
    ) -> Response:
        """Read an answer within the limits; what came before the request was written is none."""
        try:
            if sent is not None and not sent.started and (sent.refused or _is_real(http)):
                sent.refused = sent.refused or EARLY
                raise aiohttp.ClientConnectionError
            encoding = "" if http.auto_decompress else answer.headers.get("Content-Encoding", "")
            body = heard.body = Body(encoding, sink if answer.status == 200 else None)
            heard.pieces = 1
            while piece := await answer.content.readany():
                heard.pieces += 1
                body.add(piece)
            return Response(answer.status, answer.headers, body.finish())
        except BaseException:
            answer.close()
            raise

    def _late(self, timeout: float, *, started: bool) -> TransportError:
        outcome = Outcome.UNKNOWN if started else Outcome.NOT_SENT
        if self._closed:
            return TransportError(f"{self._base.host}: closed before an answer came", outcome=outcome)
        return RequestTimeout(f"no answer from {self._base.host} within {timeout:g} s", outcome=outcome)

    def _unsent(self, what: str) -> TransportError:
        return TransportError(f"{self._base.host}: {what}", outcome=Outcome.NOT_SENT)

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            # Encoded already, and signed as it is: yarl must not touch it.
            url = URL(str(self._base).rstrip("/") + path, encoded=True)
            if len(self._urls) < 256:
                self._urls[path] = url
        return url

    async def _session(self) -> aiohttp.ClientSession:
        """Return the session, ours renewed at times between requests. Raises SessionClosed."""
        http = self._http
        if http is None:
            raise SessionClosed(CLOSED)
        if self._given is None and not self._limits and self._loop.time() - self._opened_at > RENEW:
            old, http = http, self._open()
            await old.close()
            if self._closed:
                raise SessionClosed(CLOSED)
        return http

    async def close(self) -> None:
        """Close our own session; what is in flight fails."""
        self._closed = True
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(self._loop.time())
        http, self._http = self._http, None
        if http is not None and http is not self._given:
            await http.close()


def _transport_error(exc: BaseException, base: URL, *, started: bool) -> TransportError:
    """Map aiohttp's exceptions; their text may hold signed headers, so only the class and errno are told."""
    # A caller's session may raise anything.
    if not isinstance(exc, (asyncio.CancelledError, BadBody, *_EXPECTED)):
        where = "".join(traceback.format_tb(exc.__traceback__))
        log.error("a request met a fault, %s:\n%s", type(exc).__name__, where)
    if isinstance(exc, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError)):
        started = False
    if isinstance(exc, BadBody):
        what = str(exc)
    elif isinstance(exc, aiohttp.ServerDisconnectedError):
        what = "the connection was closed before an answer came"
    elif isinstance(exc, aiohttp.ClientConnectorError):
        what = f"cannot connect ({exc.os_error.__class__.__name__}: {exc.os_error.strerror or exc.os_error})"
    elif isinstance(exc, TimeoutError) and not started:
        what = f"no connection within {CONNECT:g} s"
    elif isinstance(exc, aiohttp.ClientPayloadError):
        what = "the answer was cut short"
    else:
        what = f"the connection failed ({exc.__class__.__name__})"
    return TransportError(f"{base.host}: {what}", outcome=Outcome.UNKNOWN if started else Outcome.NOT_SENT)
