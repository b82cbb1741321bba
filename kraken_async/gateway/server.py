"""Server: which requests come in, where each path leads, and how the gateway opens and closes.

aiohttp's low-level server, without router and middlewares: every call of every client passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote

from aiohttp import web

from kraken_async.api.endpoints import find
from kraken_async.errors import KrakenError
from kraken_async.gateway import fields, replies, status
from kraken_async.gateway.access import PAGE_HEADERS, Access
from kraken_async.gateway.account import Account, make_session
from kraken_async.gateway.audit import AuditLog
from kraken_async.gateway.page import asset
from kraken_async.gateway.replies import JSON_TYPE, Reply
from kraken_async.gateway.tokens import TokenFile

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from aiohttp.web_protocol import RequestHandler

    from kraken_async.gateway.config import GatewayConfig
    from kraken_async.gateway.downloads import Spool
    from kraken_async.gateway.tokens import Token

log = logging.getLogger("kraken_async.gateway")

#: Connections that are kept at once, and seconds for a request's body to arrive.
CONNECTIONS: Final = 8192
BODY_TIMEOUT: Final = 10.0
KEEPALIVE: Final = 75.0
#: Seconds on closing for what is under way, before the sessions are closed.
DRAIN: Final = 10.0
#: Requests that come in by a second path to the same halt need no place in a line: there are this many at once.
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
        self.url = ""
        self.tokens = TokenFile(config.tokens)
        self.audit = AuditLog(config.audit)
        self.accounts: dict[str, Account] = {}
        self.started_at = 0.0
        self._access = Access(config.allowed_hosts, unix=config.listen.path is not None)
        self._runner: web.ServerRunner | None = None
        self._draining = False
        self._halts = 0
        for each in config.accounts:
            session = make_session(each)
            self.accounts[each.name] = Account(each, session, config, self.audit)

    def __repr__(self) -> str:
        return f"<Gateway {self.url or 'closed'}, {len(self.accounts)} accounts>"

    # -- opening and closing --------------------------------------------------------------------------------------

    async def open(self) -> Self:
        """Open the sessions, then listen, so that every request that comes in can be served."""
        self.tokens.read()
        async with contextlib.AsyncExitStack() as stack:
            for account in self.accounts.values():
                account.recall()
                await account.session.open()
                stack.push_async_callback(account.session.aclose)
            self._runner = web.ServerRunner(
                _Server(
                    self._serve,
                    handler_cancellation=True,
                    access_log=None,
                    keepalive_timeout=KEEPALIVE,
                    auto_decompress=False,  # a small body cannot become a large one
                ),
                shutdown_timeout=1.0,
            )
            await self._runner.setup()
            stack.push_async_callback(self._runner.cleanup)
            await self._listen(self._runner)
            stack.pop_all()
        self.started_at = time.time()
        self.audit.noted("started", pid=os.getpid(), url=self.url, accounts=list(self.accounts))
        return self

    async def _listen(self, runner: web.ServerRunner) -> None:
        listen = self.config.listen
        if listen.path is not None:
            await web.SockSite(runner, _unix_socket(listen.path)).start()
            self.url = f"unix:{listen.path}"
            return
        await web.TCPSite(runner, listen.host, listen.port).start()
        port = runner.addresses[0][1]
        self.url = f"http://[{listen.host}]:{port}" if ":" in listen.host else f"http://{listen.host}:{port}"

    async def close(self, drain: float = DRAIN) -> None:
        """Take nothing new, let what is under way end for ``drain`` seconds, close the sessions, drop connections.

        Idempotent. What then still waits is answered as not sent; what is in flight is journaled.
        """
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._draining = True
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
            return _plain(403, refused)
        path, _, query = request.raw_path.partition("?")
        try:
            if path.startswith("/0/private/"):
                return await self._delivered(request, await self._private(request, unquote(path[11:]), query))
            if path.startswith("/0/public/"):
                return _response(await self._public(request, unquote(path[10:]), query))
            if path.startswith("/api/"):
                return await self._api(request, path)
            return self._page(request, path)
        except ConnectionError:
            raise  # the client is gone
        except Exception:  # of a read, or of a request: a write's fault is answered where it happened
            log.exception("a request of %s failed by a fault of the gateway", path)
            why = "a fault of the gateway's own: see its log"
            return _response(replies.refusal("EGeneral:Internal error", why, outcome=replies.UNKNOWN))

    async def _delivered(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        """Write a reply out. Whether the client of a write has its answer is put on record."""
        if reply.spool is not None:
            return await _poured(request, reply, reply.spool)
        response = _response(reply)
        if reply.call is None or reply.account is None:
            return response
        account = self.accounts[reply.account]
        try:
            await response.prepare(request)
            await response.write_eof()
        except (ConnectionError, asyncio.CancelledError):
            account.not_delivered(reply.call)
            raise
        account.delivered(reply.call)
        return response

    async def _private(self, request: web.BaseRequest, name: str, query: str) -> Reply:
        token = self.tokens.find(_token(request))
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
            body = await _body(request)
            params = fields.parse(body, request.headers.get("Content-Type", ""), query)
        except ValueError as error:
            return replies.invalid(str(error))
        if self._draining:
            return replies.refusal("EService:Unavailable", "the gateway is closing", outcome=replies.NOT_SENT)
        return await account.private(token, endpoint, params, request.headers.get("Idempotency-Key"))

    async def _public(self, request: web.BaseRequest, name: str, query: str) -> Reply:
        token = self.tokens.find(_token(request)) if _token(request) else None
        account = (self._account_of(token) if token is not None else None) or next(
            iter(self.accounts.values())
        )
        if request.method not in ("GET", "POST"):
            return replies.refusal("EGeneral:Unknown method", "public calls are GET or POST")
        try:
            find(name, private=False)
            params = fields.parse(await _body(request), request.headers.get("Content-Type", ""), query)
        except ValueError as error:
            return replies.invalid(str(error))
        if self._draining:
            return replies.refusal("EService:Unavailable", "the gateway is closing", outcome=replies.NOT_SENT)
        return await account.public(ANONYMOUS if token is None else token.name, name, params)

    def _account_of(self, token: Token) -> Account | None:
        return self.accounts.get(token.accounts[0]) if len(token.accounts) == 1 else None

    # -- the gateway's own ----------------------------------------------------------------------------------------

    async def _api(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        token = self.tokens.find(given[7:].strip()) if given[:7].lower() == "bearer " else None
        if token is None:
            answer = _json({"error": ["EAPI:Invalid key"]}, 401)
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        wanted = ("GET", "/api/status"), ("GET", "/api/orders/unresolved")
        if (request.method, path) in wanted:
            enough = {"read", "halt"} if path == "/api/status" else {"read", "halt", "trade"}
            if not enough.intersection(token.allow):
                return _denied("looking needs --allow read, or halt")
            accounts = [self.accounts[name] for name in token.accounts if name in self.accounts]
            if path == "/api/status":
                return _json(self._status(token, accounts))
            shown = [
                {"account": account.name} | status.shown(intent, self._resolve_with(account))
                for account in accounts
                for intent in account.session.unresolved()
            ]
            unheard = [
                {"account": account.name} | each for account in accounts for each in account.unheard.shown()
            ]
            return _json({"error": [], "orders": shown, "unheard": unheard})
        if (request.method, path) == ("POST", "/api/halt"):
            return await self._halt(request, token)
        if (request.method, path) == ("POST", "/api/orders/resolve"):
            return await self._resolve(request, token)
        return _json({"error": ["EGeneral:Unknown method"]}, 404)

    def _status(self, token: Token, accounts: list[Account]) -> dict[str, Any]:
        from kraken_async import __version__

        problems = [text for text in (self.tokens.problem, self.audit.problem) if text]
        return {
            "version": __version__,
            "time": time.time(),
            "started_at": self.started_at,
            "url": self.url,
            "pid": os.getpid(),
            "closing": self._draining,
            "waiting": status.total_waiting(self.accounts.values()),
            "max_waiting": self.config.max_waiting,
            "problems": problems,
            "token": {"name": token.name, "allow": token.allow, "expires_at": token.expires_at},
            "accounts": [
                status.of_account(account, resolve_with=self._resolve_with(account)) for account in accounts
            ],
        }

    def _resolve_with(self, account: Account) -> str:
        where = f"{self.url}/api/orders/resolve"
        if self.config.listen.path is not None:
            where = f"--unix-socket {self.config.listen.path} http://localhost/api/orders/resolve"
        body = json.dumps({"account": account.name, "id": "{id}"})
        return f"curl -sS -X POST {where} -H \"Authorization: Bearer $KRAKEN_GATEWAY_TOKEN\" -d '{body}'"

    async def _asked(self, request: web.BaseRequest, token: Token) -> tuple[Account | None, dict[str, Any]]:
        """Return the account that a request of the gateway's own is about, and its fields. Raises ValueError."""
        data = fields.parse(
            await _body(request), request.headers.get("Content-Type", "") or "application/json"
        )
        name = data.get("account") or (token.accounts[0] if len(token.accounts) == 1 else None)
        if name is None:
            raise ValueError(f"account: one of {', '.join(token.accounts)}")
        return (self.accounts.get(str(name)) if name in token.accounts else None), data

    async def _halt(self, request: web.BaseRequest, token: Token) -> web.StreamResponse:
        if "halt" not in token.allow:
            return _denied("halting needs --allow halt")
        try:
            account, _ = await self._asked(request, token)
        except ValueError as error:
            return _json({"error": [f"EGeneral:Invalid arguments:{error}"]}, 400)
        if account is None:
            return _denied("the token is not for that account")
        return _json(await account.halt(token.name))

    async def _resolve(self, request: web.BaseRequest, token: Token) -> web.StreamResponse:
        """Look an unresolved order up at Kraken. Nothing is placed and nothing cancelled."""
        if not {"read", "trade"}.intersection(token.allow):
            return _denied("looking an order up needs --allow read, or trade")
        try:
            account, data = await self._asked(request, token)
        except ValueError as error:
            return _json({"error": [f"EGeneral:Invalid arguments:{error}"]}, 400)
        if account is None:
            return _denied("the token is not for that account")
        wanted = str(data.get("id", ""))
        for intent in account.session.unresolved():
            if wanted in (intent.id, intent.cl_ord_id, str(intent.userref)):
                try:
                    return _response(replies.result(await account.session.resolve(intent)))
                except KrakenError as error:
                    return _response(replies.of_error(error, changes=True))
        return _json({"error": ["EGeneral:Invalid arguments:id: no unresolved order has it"]}, 404)

    def _page(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        found = asset(path)
        if found is None:
            return _plain(404, "there is a page at /, and Kraken's paths at /0/")
        if request.method not in ("GET", "HEAD"):
            return _plain(405, "the page is only looked at")
        body, content_type = found
        return web.Response(body=body, headers={**PAGE_HEADERS, "Content-Type": content_type})


async def _body(request: web.BaseRequest) -> bytes:
    """Return the request's body. Raises ValueError for one that is too large, or does not come."""
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > fields.LARGEST:
        raise ValueError(f"body: more than {fields.LARGEST} bytes")
    data = bytearray()
    if request.content.is_eof():  # nearly always: it came with the headers
        return request.content.read_nowait()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            while chunk := await request.content.readany():
                data += chunk
                if len(data) > fields.LARGEST:
                    raise ValueError(f"body: more than {fields.LARGEST} bytes")
    except TimeoutError:
        raise ValueError(f"body: did not arrive within {BODY_TIMEOUT:g} s") from None
    except web.RequestPayloadError:
        raise ValueError("body: cut short") from None
    return bytes(data)


def _token(request: web.BaseRequest) -> str:
    given = request.headers.get("API-Key")
    if given is None:
        bearer = request.headers.get("Authorization", "")
        given = bearer[7:] if bearer[:7].lower() == "bearer " else ""
    return given.strip()


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, headers=_headers(reply), body=reply.body)


def _headers(reply: Reply) -> dict[str, str]:
    return {**reply.headers, "Content-Type": reply.content_type, "Cache-Control": "no-store"}


async def _poured(request: web.BaseRequest, reply: Reply, spool: Spool) -> web.StreamResponse:
    """Write a file out, piece by piece, as fast as the client takes it."""
    response = web.StreamResponse(headers={**_headers(reply), "Content-Length": str(spool.size)})
    try:
        await response.prepare(request)
        for piece in spool.pieces():
            await response.write(piece)
        await response.write_eof()
    finally:
        spool.close()
    return response


def _json(data: Any, code: int = 200) -> web.Response:
    body = json.dumps(data, default=str, separators=(",", ":")).encode()
    headers = {"Content-Type": JSON_TYPE, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(status=code, headers=headers, body=body)


def _denied(why: str) -> web.Response:
    return _json({"error": ["EGeneral:Permission denied"], "reason": why}, 403)


def _plain(code: int, text: str) -> web.Response:
    return web.Response(
        status=code,
        text=text + "\n",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def _unix_socket(path: Path) -> socket.socket:
    """Return a socket bound at ``path``, 0600; its directory is made 0700 where there is none.

    Raises ValueError where others may put a socket of theirs in its place, and OSError.
    """
    if sys.platform == "win32":  # pragma: no cover
        raise ValueError("there are no unix sockets on Windows")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.parent.stat().st_mode
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise ValueError(
            f"others may replace what is in {path.parent}: chmod 700 {path.parent}, or another one"
        )
    if path.is_socket() and not _answers(path):
        path.unlink()  # of a gateway that was killed
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)  # so that it is never open to others, not even for a moment
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{path}: {error.strerror}") from None
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
