"""The direct way over connections of the caller's session: its connector lends one for each exchange.

Rules:

1. The session stays the caller's. A connection comes from its connector, within its limits and with its certificates,
   and goes back when the answer is read.
2. A session that does more with a request than to send it is asked to send it (aiohttp_way.py): one with
   authentication, a proxy, traces, middlewares or classes of its own, and any while something stands in aiohttp's
   place. What can change later is looked at before each request.
3. The session's headers and cookies are sent, and the cookies of an answer are kept in its jar.
4. What came of a connection before the body was written is not its answer. The connection is dropped, and the request,
   of which nothing has left, goes out on another.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.http import SERVER_SOFTWARE, HttpVersion11
from yarl import URL

from kraken_async.errors import Outcome, RequestTimeout, TransportError
from kraken_async.wire.aiohttp_way import KNOWN, TIMEOUT, transport_error, untouched
from kraken_async.wire.answer_head import Fields, Headers
from kraken_async.wire.base_url import is_loopback
from kraken_async.wire.body import ENCODINGS
from kraken_async.wire.connection import Connection
from kraken_async.wire.direct import EARLY, TRIES, Direct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection as Loan

    from kraken_async.call import Sink
    from kraken_async.wire.messages import Early, Response, SignedRequest

#: What a session is made with that concerns each request, and the value with which it changes none.
_PLAIN: Final[dict[str, Any]] = {
    "_default_auth": None,
    "_default_proxy": None,
    "_middlewares": (),
    "_request_class": aiohttp.ClientRequest,
    "_response_class": aiohttp.ClientResponse,
    "_skip_auto_headers": frozenset(),
    "_trust_env": False,
    "_version": HttpVersion11,
}
_UNKNOWN: Final = object()
_ASKED: Final = frozenset({"request", "_request"})
_REQUEST: Final = aiohttp.ClientSession.request
_REQUESTED: Final = aiohttp.ClientSession._request
_HEADERS: Final = {"User-Agent": SERVER_SOFTWARE, "Accept": "*/*", "Accept-Encoding": ENCODINGS}
#: Headers of a session's that are not for us to combine with those of a request, or that say how it is framed.
_REFUSED: Final = frozenset(
    {
        "accept-encoding", "api-key", "api-sign", "connection", "content-encoding", "content-length", "content-type",
        "cookie", "expect", "host", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_COOKIE: Final = b"set-cookie"
_CLOSED: Final = "closed before an answer came"


def lends(http: aiohttp.ClientSession) -> bool:
    """Return whether a session does nothing with a request but to send it, so that its connections are enough."""
    if not KNOWN or type(http) is not aiohttp.ClientSession or not untouched(http):
        return False
    connector = http.connector
    if connector is None or connector.force_close:
        return False
    return all(getattr(http, name, _UNKNOWN) == value for name, value in _PLAIN.items())


def _cookies(head: bytes) -> list[str]:
    if _COOKIE not in head.lower():
        return []
    pairs = Fields(head).pairs
    return [value.decode("utf-8", "surrogateescape") for name, value in pairs if name.lower() == _COOKIE]


class _Lent(Connection):
    """A connection of the caller's session. It is asked by us while it is lent; idle, it is aiohttp's."""

    __slots__ = ("_owner",)

    def __init__(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(host, loop)
        self._idle_until = self._used_until = math.inf  # how long it may be idle is the connector's to say
        self._owner: ResponseHandler | None = None

    def borrow(self, transport: asyncio.Transport, owner: ResponseHandler) -> None:
        """Take the place of aiohttp's protocol."""
        self._owner = owner
        if self._known():
            self._transport = transport
        else:
            self.connection_made(transport)
        transport.set_protocol(self)

    def give_back(self) -> None:
        """Leave the place to aiohttp's protocol; of a connection that is ending, it hears when that has ended."""
        transport, owner = self._transport, self._owner
        if transport is not None and owner is not None and not transport.is_closing():
            transport.set_protocol(owner)
            # Nothing is held of a connection that is idle, so that it is gone when aiohttp drops it.
            self._transport = self._owner = None

    def keep(self) -> bool:
        """Return whether the connection, its answer read, may be kept for another request."""
        transport = self._transport
        if transport is None or not self._reader.keep():
            return False
        return not transport.get_write_buffer_size()  # else it was answered before it was asked in full

    def rest(self) -> None:
        """Have no timer any more."""
        self._deadline.cancel()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Fail what was in flight, and let aiohttp know."""
        super().connection_lost(exc)
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.connection_lost(exc)

    def _known(self) -> bool:
        return hasattr(self, "_look")

    def _give_up(self) -> None:
        if self._waiter is not None:  # else the timer has run on after an answer
            super()._give_up()


class Borrowed(Direct):
    """Sends signed POSTs to ``base`` over connections that ``http`` lends. Belongs to the running loop."""

    def __init__(self, base: URL, http: aiohttp.ClientSession, *, loopback: bool) -> None:
        super().__init__(base, _HEADERS, loopback=loopback)
        self._http = http
        # What a connector asks of a request: where it goes. It is sent by none.
        self._where = aiohttp.ClientRequest("POST", base, loop=self._loop, session=http)
        self._lent: WeakKeyDictionary[ResponseHandler, _Lent] = WeakKeyDictionary()
        self._out: set[_Lent] = set()
        self._taken_headers: Mapping[str, str] = {}
        self._combines = True

    def fits(self) -> bool:
        """Return whether the session still does nothing with a request but to send it."""
        http, session = self._http, aiohttp.ClientSession
        return (
            session.request is _REQUEST
            and session._request is _REQUESTED
            and not http.closed
            and not http.trace_configs
            and _ASKED.isdisjoint(vars(http))
            and self._take_headers(http.headers)
        )

    def _take_headers(self, headers: Mapping[str, str]) -> bool:
        """Send what the session sends with each request, and return whether that can be done here."""
        if headers != self._taken_headers:
            self._taken_headers = self._http.headers.copy()
            names = {name.lower() for name in headers}
            self._combines = names.isdisjoint(_REFUSED)
            pairs = [(name, value) for name, value in _HEADERS.items() if name.lower() not in names]
            pairs.extend(headers.items())  # a name may be there more than once
            self._fixed = [self._fixed[0], *(f"{name}: {value}" for name, value in pairs)]
            self._heads.clear()
        return self._combines

    async def post(
        self, request: SignedRequest, timeout: float, sink: Sink | None = None, early: Early | None = None
    ) -> Response:
        """Send one request and return its answer; see :meth:`Transport.send`."""
        due = self._clock() + timeout
        try:
            packet = memoryview(self._packet(self._with_cookies(request)))
        except ValueError as error:
            raise self._unsent(f"the call was not sent: {error}") from None
        for _ in range(TRIES):
            loan = await self._loan(due, timeout)
            kept = False
            lent: _Lent | None = None
            try:
                lent = self._taken(loan)
                if lent is not None and await lent.ready(self._clock()):
                    response = await lent.ask(packet, due, timeout, sink, early)
                    kept = lent.keep() and not self._closed
                    self._keep_cookies(request.path, response)
                    return response
            finally:
                if lent is not None:
                    self._out.discard(lent)
                    if not kept:
                        lent.abort()
                    lent.give_back()
                if kept:
                    loan.release()
                else:
                    loan.close()
        raise self._unsent(EARLY)

    def _with_cookies(self, request: SignedRequest) -> SignedRequest:
        jar = self._http.cookie_jar
        if not jar:
            return request
        found = jar.filter_cookies(self._url(request.path))
        if not found:
            return request
        cookies = found.output(header="", sep=";").strip()
        return request._replace(headers={**request.headers, "Cookie": cookies})

    def _keep_cookies(self, path: str, response: Response) -> None:
        jar, headers = self._http.cookie_jar, response.headers
        if isinstance(jar, aiohttp.DummyCookieJar) or not isinstance(headers, Headers):
            return
        for each in _cookies(headers.head):
            with suppress(CookieError):  # what is no cookie is passed over, as aiohttp does
                jar.update_cookies(SimpleCookie(each), self._url(path))

    def _url(self, path: str) -> URL:
        return URL(f"{str(self._base).rstrip('/')}{path}", encoded=True)

    def _taken(self, loan: Loan) -> _Lent | None:
        """Return our end of a connection; None if it is spoilt. Raises TransportError if it leads elsewhere."""
        owner, transport = loan.protocol, loan.transport
        if owner is None or transport is None or owner.should_close:
            return None
        lent = self._lent.get(owner)
        if lent is None:
            if self._loopback and not is_loopback(str((transport.get_extra_info("peername") or "?")[0])):
                raise self._unsent(
                    "its address is not this machine's: plain http would send your key in clear"
                )
            lent = self._lent[owner] = _Lent(self._host, self._loop)
        lent.borrow(transport, owner)
        self._out.add(lent)
        return lent

    async def _loan(self, due: float, timeout: float) -> Loan:
        """Return a connection of the session's. Raises TransportError, "not sent"."""
        if self._closed:
            raise self._unsent(_CLOSED)
        task = asyncio.current_task()
        asked = task.cancelling() if task is not None else 0
        connector = cast("aiohttp.BaseConnector", self._http.connector)
        limit = asyncio.timeout_at(due)
        error: TransportError
        try:
            async with limit:
                self._connecting.add(limit)
                return await connector.connect(self._where, traces=[], timeout=TIMEOUT)
        except (asyncio.CancelledError, Exception) as failure:
            if isinstance(failure, asyncio.CancelledError) and task is not None and task.cancelling() > asked:
                raise
            if not limit.expired() or not isinstance(failure, TimeoutError):
                error = transport_error(failure, self._base, started=False)
            elif self._closed:
                error = self._unsent(_CLOSED)
            else:
                what = f"no answer from {self._host} within {timeout:g} s"
                error = RequestTimeout(what, outcome=Outcome.NOT_SENT)
        finally:
            self._connecting.discard(limit)
        raise error

    async def close(self) -> None:
        """Fail what is in flight. Idle connections are the session's."""
        self._closed = True
        for limit in self._connecting:
            limit.reschedule(self._loop.time())
        for lent in list(self._out):
            lent.fail(f"{self._host}: {_CLOSED}")
        for lent in list(self._lent.values()):
            lent.rest()
