"""Server: which requests come in, where each path leads, and how the gateway opens and closes.

aiohttp's low-level server, without router and middlewares: every call of every client passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote

from aiohttp import web

from kraken_async.api.endpoints import find
from kraken_async.gateway import fields, http, replies, unix_socket
from kraken_async.gateway.access import PAGE_HEADERS, Access
from kraken_async.gateway.account import Account
from kraken_async.gateway.audit import AuditLog
from kraken_async.gateway.operators import Operators
from kraken_async.gateway.page import asset
from kraken_async.gateway.replies import Reply
from kraken_async.gateway.tokens import TokenFile
from kraken_async.problems import counted

if TYPE_CHECKING:
    from types import TracebackType

    from aiohttp.web_protocol import RequestHandler

    from kraken_async.gateway.config import GatewayConfig
    from kraken_async.gateway.tokens import Token

log: logging.Logger = logging.getLogger("kraken_async.gateway")

#: Connections that are kept at once, and seconds for which an idle one is.
CONNECTIONS: Final = 8192
KEEPALIVE: Final = 75.0
#: Seconds on closing for calls in progress to finish, before the sessions are closed.
DRAIN: Final = 10.0
#: Public calls without a token, in their line and on the page.
ANONYMOUS: Final = "(public)"


class _Server(web.Server):
    """aiohttp's server, with a bound on connections."""

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > CONNECTIONS:
            transport.abort()


class Gateway:
    """Serves the accounts of ``config`` while its ``async with`` block runs.

    ``url`` is its address once it is open: "http://127.0.0.1:8810", or "unix:/path". Raises ValueError for a
    configuration that cannot work, NonceStoreError for state that cannot be opened, OSError for an address in use.
    """

    def __init__(self, config: GatewayConfig) -> None:
        self.config = config
        self.url: str = ""
        self.tokens: TokenFile = TokenFile(config.tokens)
        self.audit: AuditLog = AuditLog(config.audit)
        self.accounts: dict[str, Account] = {}
        self.started_at: float = 0.0
        self._access = Access(config.allowed_hosts, unix=config.listen.path is not None)
        self._runner: web.ServerRunner | None = None
        self.closing: bool = False
        self._operators = Operators(self)
        for each in config.accounts:
            self.accounts[each.name] = Account(each, config, self.audit)

    def __repr__(self) -> str:
        return f"<Gateway {self.url or 'closed'}, {counted(len(self.accounts), 'account')}>"

    # -- opening and closing --------------------------------------------------------------------------------------

    async def open(self) -> Self:
        """Open the sessions, then listen, so that every request that comes in can be served."""
        self.tokens.read()
        async with contextlib.AsyncExitStack() as stack:
            for account in self.accounts.values():
                account.writes.recall()
                await account.session.open()
                stack.push_async_callback(account.session.aclose)
            runner = web.ServerRunner(
                _Server(
                    self._serve,
                    handler_cancellation=True,
                    access_log=None,
                    keepalive_timeout=KEEPALIVE,
                    auto_decompress=False,  # a small body cannot become a large one
                ),
                shutdown_timeout=1.0,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await self._listen(runner)
            stack.pop_all()
        self._runner = runner
        self.started_at = time.time()
        self.audit.noted("started", pid=os.getpid(), url=self.url, accounts=list(self.accounts))
        return self

    async def _listen(self, runner: web.ServerRunner) -> None:
        listen = self.config.listen
        if listen.path is not None:
            await web.SockSite(runner, unix_socket.bound(listen.path)).start()
            self.url = f"unix:{listen.path}"
            return
        await web.TCPSite(runner, listen.host, listen.port).start()
        port = runner.addresses[0][1]
        self.url = f"http://[{listen.host}]:{port}" if ":" in listen.host else f"http://{listen.host}:{port}"

    async def close(self, drain: float = DRAIN) -> None:
        """Take no new call, give those in progress ``drain`` seconds to finish, close the sessions, drop connections.

        Idempotent. What then still waits is answered as not sent; what is in flight is journaled.
        """
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self.closing = True
        try:
            for site in list(runner.sites):
                await site.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain):
                    await asyncio.gather(*(account.settled() for account in self.accounts.values()))
                    await asyncio.gather(*(account.session.drain() for account in self.accounts.values()))
        finally:
            await asyncio.gather(*(account.close() for account in self.accounts.values()))
            await runner.cleanup()
            if self.config.listen.path is not None:
                self.config.listen.path.unlink(missing_ok=True)
            self.audit.noted("closed", pid=os.getpid())

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- requests -------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        refused = self._access.refusal(request.headers)
        if refused:
            return http.plain(403, refused)
        path, _, query = request.raw_path.partition("?")
        try:
            if path.startswith("/0/private/"):
                return await self._delivered(request, await self._private(request, unquote(path[11:]), query))
            if path.startswith("/0/public/"):
                return http.response(await self._public(request, unquote(path[10:]), query))
            if path.startswith("/api/"):
                return await self._operators.answer(request, path)
            return _page(request, path)
        except ConnectionError:
            raise  # the client is gone
        except Exception:  # of a read, or of a request: a write's fault is answered where it happened
            log.exception("a request of %s failed by a fault of the gateway", path)
            why = "a fault of the gateway's own: see its log"
            return http.response(replies.refusal("EGeneral:Internal error", why, outcome=replies.UNKNOWN))

    async def _delivered(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        """Write a reply out. Whether the client of a write has its answer is put on record."""
        if reply.spool is not None:
            return await http.poured(request, reply, reply.spool)
        response = http.response(reply)
        if reply.call is None or reply.account is None:
            return response
        account = self.accounts[reply.account]
        try:
            await response.prepare(request)
            await response.write_eof()
        except (ConnectionError, asyncio.CancelledError):
            account.writes.not_delivered(reply.call)
            raise
        account.writes.delivered(reply.call)
        return response

    async def _private(self, request: web.BaseRequest, name: str, query: str) -> Reply:
        token = self.tokens.find(http.token_of(request))
        if token is None:
            return replies.refusal("EAPI:Invalid key", "no such token, or its time is over")
        if request.method != "POST":
            return replies.refusal("EGeneral:Unknown method", "private calls are POST")
        account = self._account_of(token)
        if account is None:
            why = "this token is not for one account of this gateway, so it makes no calls"
            return replies.refusal("EGeneral:Permission denied", why)
        try:
            endpoint = find(name, private=True)
        except ValueError:
            return replies.refusal("EGeneral:Unknown method", "this is not a name of Kraken's")
        try:
            body = await http.read_body(request)
            params = fields.parse(body, request.headers.get("Content-Type", ""), query)
        except ValueError as error:
            return replies.invalid(str(error))
        if self.closing:
            return replies.refusal("EService:Unavailable", "the gateway is closing", outcome=replies.NOT_SENT)
        return await account.private(token, endpoint, params, request.headers.get("Idempotency-Key"))

    async def _public(self, request: web.BaseRequest, name: str, query: str) -> Reply:
        token = self.tokens.find(http.token_of(request)) if http.token_of(request) else None
        account = (self._account_of(token) if token is not None else None) or next(
            iter(self.accounts.values())
        )
        if request.method not in ("GET", "POST"):
            return replies.refusal("EGeneral:Unknown method", "public calls are GET or POST")
        try:
            find(name, private=False)
            params = fields.parse(
                await http.read_body(request), request.headers.get("Content-Type", ""), query
            )
        except ValueError as error:
            return replies.invalid(str(error))
        if self.closing:
            return replies.refusal("EService:Unavailable", "the gateway is closing", outcome=replies.NOT_SENT)
        return await account.public(ANONYMOUS if token is None else token.name, name, params)

    def _account_of(self, token: Token) -> Account | None:
        return self.accounts.get(token.accounts[0]) if len(token.accounts) == 1 else None


def _page(request: web.BaseRequest, path: str) -> web.StreamResponse:
    found = asset(path)
    if found is None:
        return http.plain(404, "there is a page at /, and Kraken's paths at /0/")
    if request.method not in ("GET", "HEAD"):
        return http.plain(405, "the page is only looked at")
    body, content_type = found
    return web.Response(body=body, headers={**PAGE_HEADERS, "Content-Type": content_type})
