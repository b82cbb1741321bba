"""The transport's edge: what an answer or a failure becomes, and what never happens on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import kraken_async.transport as transport_module
from kraken_async.errors import Outcome, RequestTimeout, TransportError
from kraken_async.messages import SignedRequest
from kraken_async.transport import Transport, check_url

PATH = "/0/private/Balance"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def post(body: bytes = b"nonce=1") -> SignedRequest:
    headers = {"API-Key": "canary-key", "API-Sign": "canary-signature", "Content-Type": "text/plain"}
    return SignedRequest("POST", PATH, headers, body, 1)


async def serve(handler: Handler) -> TestServer:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_the_bytes_given_are_the_bytes_sent() -> None:
    seen: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(text="{}")

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    answer = await transport.send(post(b"nonce=1&price=%2B5%25"), 5.0)
    assert (answer.status, answer.body, seen) == (200, b"{}", [b"nonce=1&price=%2B5%25"])
    await transport.close()
    await server.close()


@pytest.mark.parametrize("quick", [True, False])
async def test_headers_and_body_leave_in_one_write_whoever_writes_them(
    quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "QUICK", quick and transport_module.QUICK)
    received: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            received.append(await reader.read(65536))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    transport = Transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for n in range(3):
        await transport.send(post(b"nonce=%d&volume=1" % n), 5.0)
    for n, request in enumerate(received):
        head, _, body = request.partition(b"\r\n\r\n")
        assert body == b"nonce=%d&volume=1" % n
        assert b"Content-Length: 16" in head
        assert head.lower().count(b"content-length") == 1
        assert b"chunked" not in head
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_a_given_http_session_sends_the_body_too() -> None:
    seen: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(text="{}")

    server = await serve(handler)
    async with aiohttp.ClientSession() as http:
        transport = Transport(str(server.make_url("")), http=http)
        await transport.send(post(b"nonce=7"), 5.0)
    assert seen == [b"nonce=7"]
    await server.close()


async def test_a_redirect_is_not_followed() -> None:
    hits: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        hits.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    assert (await transport.send(post(), 5.0)).status == 307
    assert hits == [PATH]
    await transport.close()
    await server.close()


async def test_a_connection_that_drops_after_the_request_sends_a_post_once_and_leaves_it_open() -> None:
    hits: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        hits.append(request.path)
        await request.read()
        if len(hits) > 1 and request.transport is not None:  # the first answer keeps the connection alive
            request.transport.close()
        return web.Response(text="{}")

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    await transport.send(post(), 5.0)
    with pytest.raises(TransportError) as caught:
        await transport.send(post(), 5.0)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(hits) == 2
    await transport.close()
    await server.close()


async def test_a_refused_connection_was_certainly_not_sent(unused_tcp_port: int) -> None:
    transport = Transport(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(TransportError, match="cannot connect") as caught:
        await transport.send(post(), 5.0)
    assert caught.value.outcome is Outcome.NOT_SENT
    await transport.close()


async def test_no_answer_in_time_is_a_timeout_that_may_have_had_an_effect() -> None:
    release = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    with pytest.raises(RequestTimeout) as caught:
        await transport.send(post(), 0.05)
    assert caught.value.outcome is Outcome.UNKNOWN
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    release.set()
    await transport.close()
    await server.close()


async def test_a_cancelled_caller_is_cancelled_and_not_told_of_a_timeout() -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response()

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    task = asyncio.create_task(transport.send(post(), 5.0))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await transport.close()
    await server.close()


async def test_an_answer_cut_short_is_unknown() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"error":[')
        assert request.transport is not None
        request.transport.close()
        return response

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    with pytest.raises(TransportError, match="cut short") as caught:
        await transport.send(post(), 5.0)
    assert caught.value.outcome is Outcome.UNKNOWN
    await transport.close()
    await server.close()


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (aiohttp.ServerDisconnectedError(), Outcome.NOT_SENT),  # the mock fails before the body is written
        (aiohttp.ClientOSError(104, "reset"), Outcome.NOT_SENT),
        (aiohttp.ConnectionTimeoutError(), Outcome.NOT_SENT),
    ],
)
async def test_each_failure_before_the_first_byte_is_certain(
    mocked_http: Any, failure: Exception, outcome: Outcome
) -> None:
    mocked_http.post(f"https://api.kraken.com{PATH}", exception=failure)
    transport = Transport("https://api.kraken.com")
    with pytest.raises(TransportError) as caught:
        await transport.send(post(), 5.0)
    assert caught.value.outcome is outcome
    await transport.close()


@pytest.mark.parametrize("status", [200, 429, 502, 520])
async def test_every_status_is_an_answer(mocked_http: Any, status: int) -> None:
    mocked_http.post(f"https://api.kraken.com{PATH}", status=status, body="text")
    transport = Transport("https://api.kraken.com")
    answer = await transport.send(post(), 5.0)
    assert (answer.status, answer.body) == (status, b"text")
    await transport.close()


async def test_no_failure_shows_the_key_or_the_signature(mocked_http: Any) -> None:
    info = aiohttp.RequestInfo(None, "POST", {"API-Sign": "canary-signature"}, None)  # type: ignore[arg-type]  # as aiohttp would
    mocked_http.post(
        f"https://api.kraken.com{PATH}", exception=aiohttp.ClientResponseError(info, (), message="canary-key")
    )
    transport = Transport("https://api.kraken.com")
    with pytest.raises(TransportError) as caught:
        await transport.send(post(), 5.0)
    shown = (
        repr(caught.value) + str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)
    )
    assert "canary" not in shown
    assert "canary" not in repr(post()) + repr(transport)
    await transport.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://api.kraken.com"]
)
def test_addresses_that_keep_secrets_are_taken(url: str) -> None:
    assert check_url(url).host


@pytest.mark.parametrize(
    "url",
    [
        "http://api.kraken.com",
        "http://10.0.0.1",
        "ftp://x",
        "api.kraken.com",
        "https://u:secret@x.com",
        "https://x?y=1",
    ],
)
def test_addresses_that_would_not_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(ValueError, match="plain http|scheme and host") as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


def test_plain_http_to_a_host_asked_for_by_name() -> None:
    assert check_url("http://proxy.internal", ["proxy.internal"]).host == "proxy.internal"
