"""Requests, a server of aiohttp's for them, and the three ways that lead there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import kraken_async.wire.transport as transport_module
from kraken_async.wire.aiohttp_way import untouched
from kraken_async.wire.messages import SignedRequest
from kraken_async.wire.transport import Transport

PATH = "/0/private/Balance"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
WAYS = ("direct", "borrowed", "aiohttp")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Raw = Callable[..., Awaitable[str]]


def post(body: bytes = b"nonce=1") -> SignedRequest:
    headers = {"API-Key": "canary-key", "API-Sign": "canary-signature", "Content-Type": "text/plain"}
    return SignedRequest("POST", PATH, headers, body, 1)


def choose(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Let the transports that are opened from now on take this way."""
    found = _touched if way == "aiohttp" else untouched
    monkeypatch.setattr(transport_module, "untouched", found)
    if way == "borrowed":
        _give_sessions(monkeypatch)


def _give_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each transport that was given no session one of aiohttp's, which ends with it."""
    begin, close = Transport.__init__, Transport.close
    sessions: dict[Transport, aiohttp.ClientSession] = {}

    def begun(self: Transport, base_url: str, **options: Any) -> None:
        if "http" not in options:
            options["http"] = sessions[self] = aiohttp.ClientSession()
        begin(self, base_url, **options)

    async def closed(self: Transport) -> None:
        await close(self)
        if self in sessions:
            await sessions.pop(self).close()

    monkeypatch.setattr(Transport, "__init__", begun)
    monkeypatch.setattr(Transport, "close", closed)


def _touched(*_sessions: aiohttp.ClientSession) -> bool:
    return False


async def serve(handler: Handler) -> TestServer:
    """Start a server of aiohttp's for any path."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    server = TestServer(app)
    await server.start_server()
    return server


def pass_time(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the loop's clock forward, as one that was blocked for so long finds it."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + seconds)
