"""Servers of bytes, requests for them, and the two ways that lead there."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

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


@contextmanager
def in_a_thread(*connections: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve so many connections in threads, which go on while the loop is blocked; yield the address."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def talk(peer: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        with peer, suppress(OSError):
            peer.settimeout(10)
            talk(peer)

    def accept() -> None:
        with suppress(OSError):  # shut down
            for each in connections:
                peer, _ = listening.accept()
                threads.append(thread := threading.Thread(target=talk, args=(peer, each)))
                thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        accepting.join(15)
        listening.close()
        for thread in threads:
            thread.join(15)


def ends(data: bytes) -> bool:
    """Return whether a request is there whole."""
    head, found, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *([0-9]+)", head.lower())
    return bool(found) and len(body) >= (int(length[1]) if length else 0)


def request_of(peer: socket.socket) -> bytes:
    """Return the next request, or what came of it before the connection's end."""
    data = b""
    while not ends(data) and (piece := peer.recv(1 << 20)):
        data += piece
    return data


def answering(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answer each request with the next of these, then wait for the end of the connection."""

    def talk(peer: socket.socket) -> None:
        for answer in answers:
            if not request_of(peer):
                return
            peer.sendall(answer)
        while peer.recv(1 << 20):
            pass

    return talk
