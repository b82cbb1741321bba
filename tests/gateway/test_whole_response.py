"""Answers on the wire, as plain sockets see them: versions, connections that close, pipelines, and slow readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import HttpVersion11, web

from kraken_async.gateway import whole_response
from kraken_async.gateway.whole_response import WholeResponse

LARGE = b"x" * (whole_response.LARGEST + 1)
HEADERS = {"Content-Type": "application/json; charset=utf-8", "X-Kraken-Outcome": "unknown"}


class Wire:
    """A connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, unsent: list[int]) -> None:
        self.reader = reader
        self.writer = writer
        self.unsent = unsent  # bytes that the client had not taken yet, as each request was answered

    def ask(self, path: str, *lines: str, method: str = "POST", version: str = "1.1") -> None:
        head = [f"{method} {path} HTTP/{version}", "Host: a", *lines, "Content-Length: 0", "\r\n"]
        self.writer.write("\r\n".join(head).encode())

    async def answer(self, *, body: bool = True) -> tuple[str, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers["content-length"]) if body else 0
        return first, headers, await self.reader.readexactly(length)

    async def is_over(self) -> bool:
        return await self.reader.read() == b""


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A connection to a server that answers "/large" with much, and everything else with its own path."""
    unsent: list[int] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        assert request.transport is not None
        unsent.append(request.transport.get_write_buffer_size())
        body = LARGE if request.path == "/large" else request.path.encode()
        return WholeResponse(body, HEADERS)

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    try:
        async with asyncio.timeout(50):
            yield Wire(reader, writer, unsent)
    finally:
        writer.close()
        await runner.cleanup()


async def test_head_and_body_are_as_said_and_the_connection_stays(wire: Wire) -> None:
    for path in ("/one", "/two"):
        wire.ask(path)
        first, headers, body = await wire.answer()
        assert (first, body) == ("HTTP/1.1 200 OK", path.encode())
        assert headers["content-type"] == HEADERS["Content-Type"]
        assert headers["x-kraken-outcome"] == "unknown"
        assert parsedate_to_datetime(headers["date"]).tzinfo is not None
        assert "connection" not in headers


async def test_a_client_that_closes_is_answered_and_closed(wire: Wire) -> None:
    wire.ask("/one", "Connection: close")
    _, headers, body = await wire.answer()
    assert (headers["connection"], body) == ("close", b"/one")
    assert await wire.is_over()


async def test_an_old_client_is_answered_in_its_version_and_closed(wire: Wire) -> None:
    wire.ask("/one", version="1.0")
    first, _, body = await wire.answer()
    assert first in ("HTTP/1.0 200 OK", "HTTP/1.1 200 OK")
    assert body == b"/one"
    assert await wire.is_over()


async def test_an_old_client_that_stays_may_stay(wire: Wire) -> None:
    for path in ("/one", "/two"):
        wire.ask(path, "Connection: keep-alive", version="1.0")
        _, headers, body = await wire.answer()
        assert (headers["connection"], body) == ("keep-alive", path.encode())


async def test_a_head_has_no_body(wire: Wire) -> None:
    wire.ask("/one", method="HEAD")
    first, headers, _ = await wire.answer(body=False)
    assert (first, headers["content-length"]) == ("HTTP/1.1 200 OK", "4")
    wire.ask("/two")
    assert (await wire.answer())[2] == b"/two"


async def test_requests_in_a_pipeline_are_answered_in_order(wire: Wire) -> None:
    for number in range(50):
        wire.ask("/large" if number % 10 == 5 else f"/{number}")
    for number in range(50):
        _, _, body = await wire.answer()
        assert body == (LARGE if number % 10 == 5 else f"/{number}".encode())


async def test_what_a_client_does_not_take_is_not_piled_up(wire: Wire) -> None:
    asked = 400
    for _ in range(asked):
        wire.ask("/large")
    for _ in range(asked):
        assert (await wire.answer())[2] == LARGE
    assert len(wire.unsent) == asked
    assert max(wire.unsent) <= 4 * len(LARGE)


async def test_a_client_that_is_gone_is_a_connection_error() -> None:
    request: Any = SimpleNamespace(
        version=HttpVersion11,
        method="POST",
        keep_alive=True,
        transport=SimpleNamespace(get_write_buffer_size=lambda: 0),
    )
    response = WholeResponse(b"x", HEADERS)
    await response.prepare(request)
    request.transport = None  # as aiohttp has it once the client is gone
    with pytest.raises(ConnectionResetError):
        await response.write_eof()


async def test_a_client_that_is_gone_before_the_answer_is_aiohttps_affair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared: list[Any] = []

    class Response(web.Response):
        async def prepare(self, request: web.BaseRequest) -> Any:
            prepared.append(request)

    monkeypatch.setattr(web, "Response", Response)
    request: Any = SimpleNamespace(version=HttpVersion11, method="POST", keep_alive=True, transport=None)
    await WholeResponse(b"x", HEADERS).prepare(request)
    assert prepared == [request]
