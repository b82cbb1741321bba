"""The limits of what a client can cost: the same Balance call with as little between it and the socket as can be.

Neither is of use to a bot: one answer that is not as expected, and they are lost. They show how far there is to go.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.plain import API_KEY, PATH, SECRET, Increasing

_LENGTH: Final = b"Content-Length: "


class Request:
    """Makes the bytes of a request: the head once, nonce and signature each time."""

    def __init__(self, url: str) -> None:
        self._nonces = Increasing()
        self._keyed = hmac.new(base64.b64decode(SECRET), b"", hashlib.sha512)
        self._path = PATH.encode()
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAPI-Key: {API_KEY}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
        ).encode()

    def __call__(self) -> bytes:
        nonce = b"%d" % self._nonces()
        body = b"nonce=" + nonce
        mac = self._keyed.copy()
        mac.update(self._path + hashlib.sha256(nonce + body).digest())
        return b"%bContent-Length: %d\r\nAPI-Sign: %b\r\n\r\n%b" % (
            self._head, len(body), base64.b64encode(mac.digest()), body,
        )  # fmt: skip


def body_of(data: bytes) -> bytes | None:
    """Return the body of an answer; None while it is not complete."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    at = data.find(_LENGTH) + len(_LENGTH)
    body = data[end:]
    return body if len(body) >= int(data[at : data.find(b"\r", at)]) else None


def result_of(body: bytes) -> Any:
    """Return an answer's result. Raises RuntimeError for an error of the server's."""
    envelope = json.loads(body)
    if envelope["error"]:
        raise RuntimeError(envelope["error"])
    return envelope["result"]


@contextlib.asynccontextmanager
async def blocking(url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """A blocking socket: nothing else of the program runs until the answer is there."""
    where, request = urlsplit(url), Request(url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(30)

        async def call() -> Any:
            connection.sendall(request())
            data = connection.recv(65536)
            while (body := body_of(data)) is None:
                data += connection.recv(65536)
            return result_of(body)

        yield call


class _Answers(asyncio.Protocol):
    """One connection, one call at a time."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] | None = None
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        body = body_of(self._data)
        if body is not None and self.answer is not None:
            self._data = b""
            self.answer.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(exc or ConnectionError("the server has gone"))


@contextlib.asynccontextmanager
async def protocol(url: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """One ``asyncio.Protocol``: the least that leaves the loop to others."""
    where, request, loop = urlsplit(url), Request(url), asyncio.get_running_loop()
    assert where.hostname is not None
    assert where.port is not None
    transport, answers = await loop.create_connection(_Answers, where.hostname, where.port)

    async def call() -> Any:
        answers.answer = loop.create_future()
        transport.write(request())
        return result_of(await answers.answer)

    try:
        yield call
    finally:
        transport.close()
