"""Requests, a server of aiohttp's for them, and the two ways that lead there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import kraken_async.wire.transport as transport_module
from kraken_async.wire.aiohttp_way import untouched
from kraken_async.wire.messages import SignedRequest

PATH = "/0/private/Balance"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
WAYS = ("direct", "aiohttp")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Raw = Callable[..., Awaitable[str]]


def post(body: bytes = b"nonce=1") -> SignedRequest:
    headers = {"API-Key": "canary-key", "API-Sign": "canary-signature", "Content-Type": "text/plain"}
    return SignedRequest("POST", PATH, headers, body, 1)


def choose(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Let the transports that are opened from now on take this way."""
    found = untouched if way == "direct" else _touched
    monkeypatch.setattr(transport_module, "untouched", found)


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
