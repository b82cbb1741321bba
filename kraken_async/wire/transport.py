"""Transport: requests out, answers in.

Which way a request goes is decided once, when the transport is opened:

1. Signed POSTs go the direct way, over connections of our own (direct.py).
2. All else goes through aiohttp (aiohttp_way.py): public calls; every request over a session of the caller's, through a
   proxy that the environment names, or while something stands in aiohttp's place.

Both ways keep the same promises, and give the same outcomes: an error says whether a byte may have left.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from kraken_async.errors import SessionClosed
from kraken_async.wire.aiohttp_way import CLOSED, AiohttpWay, untouched
from kraken_async.wire.base_url import check_url, is_loopback
from kraken_async.wire.body import ENCODINGS
from kraken_async.wire.direct import Direct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable
    from types import TracebackType

    import aiohttp

    from kraken_async.call import Sink
    from kraken_async.wire.messages import Early, Response, SignedRequest

log: logging.Logger = logging.getLogger("kraken_async.transport")

_PROXIES: Final = ("http", "https")


class Send(Protocol):
    """Sends one request and returns its answer; see :meth:`Transport.send`."""

    def __call__(
        self, request: SignedRequest, timeout: float, sink: Sink | None = None, early: Early | None = None, /
    ) -> Awaitable[Response]:
        """Send and read."""
        ...


def whole(send: Callable[[SignedRequest, float], Awaitable[Response]]) -> Send:
    """Return a caller's transport as one that is asked like ours: a file is in its answer, whole."""

    async def asked(
        request: SignedRequest, timeout: float, _sink: Sink | None = None, _early: Early | None = None, /
    ) -> Response:
        return await send(request, timeout)

    return asked


class Transport:
    """Sends requests to one base URL.

    Args:
        base_url: scheme and host; plain http only to loopback, or to a host named in ``plain_http``.
        http: the caller's aiohttp session (proxy, CA), never closed here; None: connections of our own, through the
            proxy that HTTPS_PROXY and its like name, if they do.

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
        self._headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": ENCODINGS}
        self._loopback = self._base.scheme == "http" and self._base.host == "localhost"
        self._loopback = self._loopback and "localhost" not in tuple(plain_http)
        self._direct: Direct | None = None
        self._aiohttp: AiohttpWay | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Transport {getattr(self, '_base', 'without an address')}>"

    async def open(self) -> None:
        """Choose the ways; nothing is connected yet. Idempotent. Raises ValueError for a proxy that cannot be used."""
        self._open()

    def _open(self) -> AiohttpWay:
        if self._aiohttp is not None:
            return self._aiohttp
        proxy = _proxy_for(self._base) if self._given is None else None
        self._aiohttp = AiohttpWay(
            self._base, self._headers, http=self._given, proxy=proxy, loopback=self._loopback
        )
        http = self._aiohttp.http
        if self._given is None and proxy is None and http is not None and untouched(http):
            self._direct = Direct(self._base, self._headers, loopback=self._loopback)
        return self._aiohttp

    async def close(self) -> None:
        """Close what is ours. A request in flight fails, and so does what is sent from now on."""
        self._closed = True
        direct, self._direct = self._direct, None
        if direct is not None:
            await direct.close()
        if self._aiohttp is not None:
            await self._aiohttp.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def send(
        self,
        request: SignedRequest,
        timeout: float,
        sink: Sink | None = None,
        early: Early | None = None,
    ) -> Coroutine[Any, Any, Response]:
        """Send one request and return the whole answer, of at most 64 MiB.

        ``timeout``: seconds for the exchange; a download that makes progress may take longer. ``sink``: takes a file,
        such as RetrieveExport's, piece by piece and without that limit; the answer's body is then its first two bytes.
        ``early``: may be called with the answer, once, a turn of the loop before this returns it; it raises nothing.

        Raises TransportError, or RequestTimeout after ``timeout`` seconds; their ``outcome`` is "not sent" if no byte
        can have left, else "unknown". SessionClosed after :meth:`close`. Cancelled: the connection is dropped, what
        was sent stays sent.
        """
        if self._closed:
            raise SessionClosed(CLOSED)
        other = self._aiohttp or self._open()
        if self._direct is not None and request.method == "POST":
            return self._direct.post(request, timeout, sink, early)
        return other.send(request, timeout, sink)


def _proxy_for(base: URL) -> URL | None:
    """Return the proxy that the environment names for an address. Loopback is never reached through one."""
    host = str(base.host)
    if host == "localhost" or is_loopback(host):
        return None
    found = getproxies()
    named = found.get(base.scheme) or found.get("all")
    if not named or proxy_bypass(host):
        return None
    proxy = URL(named if "://" in named else f"http://{named}")
    if proxy.scheme not in _PROXIES or not proxy.host:
        msg = (
            f"the environment names a {proxy.scheme or 'broken'} proxy for {host}: give KrakenSession an aiohttp "
            f"session that can use it, as http, or name the host in NO_PROXY"
        )
        raise ValueError(msg)
    log.info(
        "requests to %s go through the proxy %s, as the environment says",
        host,
        proxy.with_user(None).origin(),
    )
    return proxy
