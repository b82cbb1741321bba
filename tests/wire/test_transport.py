"""The transport's edge: what an answer or a failure becomes, and what never happens on its own."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web

from kraken_async.errors import Outcome, RequestTimeout, SessionClosed, TransportError
from kraken_async.wire.base_url import check_url
from kraken_async.wire.transport import Transport
from tests.byte_server import request_of
from tests.wire.support import OK, PATH, Raw, choose, pass_time, post, serve

pytestmark = pytest.mark.usefixtures("way")


class Silent(NamedTuple):
    """A transport to a server that answers nothing until the test is over, and when a request has reached it."""

    transport: Transport
    arrived: asyncio.Event


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def handler(_request: web.Request) -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response()

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    yield Silent(transport, arrived)
    release.set()
    await transport.close()
    await server.close()


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


async def test_headers_and_body_leave_in_one_write_with_all_that_a_request_needs(raw: Raw) -> None:
    received: list[bytes] = []

    def answer(request: bytes) -> bytes:
        received.append(request)
        return OK

    url = await raw(answer)
    transport = Transport(url, user_agent="kraken_async/test")
    for n in range(3):
        await transport.send(post(b"nonce=%d&volume=1" % n), 5.0)
    for n, request in enumerate(received):
        head, _, body = request.partition(b"\r\n\r\n")
        assert body == b"nonce=%d&volume=1" % n
        first, *lines = head.decode().split("\r\n")
        assert first == f"POST {PATH} HTTP/1.1"
        found = dict(line.split(": ", 1) for line in lines)
        assert len(found) == len(lines)
        assert found == {
            "Host": url.removeprefix("http://"),
            "User-Agent": "kraken_async/test",
            "Accept": "*/*",
            "Accept-Encoding": found["Accept-Encoding"],  # what aiohttp can unpack
            "API-Key": "canary-key",
            "API-Sign": "canary-signature",
            "Content-Type": "text/plain",
            "Content-Length": "16",
        }
    await transport.close()


async def test_the_ways_to_the_wire_send_the_same_bytes(monkeypatch: pytest.MonkeyPatch, raw: Raw) -> None:
    received: list[bytes] = []

    def answer(request: bytes) -> bytes:
        received.append(request)
        return OK

    url = await raw(answer)
    for way in ("direct", "aiohttp"):
        choose(monkeypatch, way)
        transport = Transport(f"{url}/behind/a/path")
        await transport.send(post(b"nonce=1"), 5.0)
        await transport.close()
    one, other = (sorted(request.split(b"\r\n")) for request in received)
    assert one == other


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(raw: Raw) -> None:
    stale = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nstale"
    url = await raw(lambda _request: OK, then=stale)
    transport = Transport(url)
    assert (await transport.send(post(), 30.0)).body == b"{}"
    await asyncio.sleep(0.2)
    assert (await transport.send(post(), 30.0)).body == b"{}"
    await transport.close()


@pytest.mark.parametrize("ended", [False, True], ids=["bytes", "the end"])
async def test_what_came_of_an_idle_connection_while_the_loop_was_busy_is_seen_before_sending(
    ended: bool,
) -> None:
    peers: list[socket.socket] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            peer, _address = listening.accept()
            peers.append(peer)
            request_of(peer)
            peer.sendall(OK)

    server = threading.Thread(target=serve)
    server.start()
    transport = Transport(f"http://127.0.0.1:{listening.getsockname()[1]}")
    assert (await transport.send(post(), 30.0)).body == b"{}"
    if ended:
        peers[0].close()
    else:
        peers[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")
    assert (await transport.send(post(), 30.0)).body == b"{}"  # no turn of the loop in between
    await transport.close()
    server.join()
    for each in (*peers, listening):
        each.close()


async def test_of_a_peer_that_speaks_first_nothing_is_taken_for_an_answer_and_nothing_is_sent_twice() -> None:
    requests: list[bytes] = []
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            requests.append(await reader.read(65536))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    transport = Transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        assert (await transport.send(post(), 30.0)).status == 503
    except TransportError as error:  # the peer may have been heard, or have gone, before our bytes reached it
        assert error.outcome is Outcome.UNKNOWN or not any(requests)  # noqa: PT017 - all of these are right
    assert len(list(filter(None, requests))) <= 1
    await transport.close()
    server.close()
    await server.wait_closed()
    if running:
        await asyncio.wait(running, timeout=20)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
    ],
    ids=["nothing", "half a head", "half a body", "a body without an end"],
)
async def test_closing_fails_what_is_in_flight_and_what_comes_later(raw: Raw, head: bytes) -> None:
    arrived = asyncio.Event()

    def answer(_request: bytes) -> bytes:
        arrived.set()
        return head

    transport = Transport(await raw(answer))
    call = asyncio.create_task(transport.send(post(), 30.0))
    await arrived.wait()
    await asyncio.sleep(0.02)
    await transport.close()
    with pytest.raises(TransportError, match="closed before an answer came") as caught:
        await asyncio.wait_for(call, 20.0)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert call.cancelling() == 0
    with pytest.raises(SessionClosed):
        await transport.send(post(), 30.0)


async def test_in_a_task_that_was_cancelled_before_a_timeout_is_a_timeout(silent: Silent) -> None:
    async def cleaning_up() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            with pytest.raises(RequestTimeout):
                await silent.transport.send(post(), 0.05)

    task = asyncio.create_task(cleaning_up())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_whoever_stands_in_aiohttps_place_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def instead(_session: object, method: str, _url: object, **_options: object) -> object:
        asked.append(method)
        raise aiohttp.ServerDisconnectedError

    for name in ("request", "_request"):
        with monkeypatch.context() as patched:
            patched.setattr(aiohttp.ClientSession, name, instead)
            transport = Transport("http://127.0.0.1:1")
            with pytest.raises(TransportError):
                await transport.send(post(), 30.0)
            await transport.close()
    assert asked == ["POST", "POST"]


async def test_a_cancelled_call_shows_no_key_in_the_locals_of_our_frames(silent: Silent) -> None:
    task = asyncio.create_task(silent.transport.send(post(), 30.0))
    await silent.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    summary = traceback.StackSummary.extract(traceback.walk_tb(caught.tb), capture_locals=True)
    ours = [frame.locals for frame in summary if "/kraken_async/" in frame.filename]
    assert ours
    assert "canary" not in repr(ours)


async def test_what_goes_before_an_answer_is_passed_over(raw: Raw) -> None:
    url = await raw(lambda _request: b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)
    transport = Transport(url)
    for _ in range(2):
        assert await transport.send(post(), 30.0) == (200, {"Content-Length": "2"}, b"{}")
    await transport.close()


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n',
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(PACKED := gzip.compress(b'{"a":1}')), PACKED),
    ],
    ids=["chunked", "gzip"],
)
async def test_an_answer_is_read_whole_however_it_is_packed(answer: bytes, raw: Raw) -> None:
    url = await raw(lambda _request: answer)
    transport = Transport(url)
    for _ in range(2):
        assert (await transport.send(post(), 30.0)).body == b'{"a":1}'
    await transport.close()


async def test_an_answer_that_lasts_until_the_connection_ends_is_read_whole(raw: Raw) -> None:
    url = await raw(lambda _request: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, once=True)
    transport = Transport(url)
    for _ in range(2):
        assert (await transport.send(post(), 30.0)).body == b"x" * 100_000
    await transport.close()


async def test_what_is_not_http_is_an_unknown_outcome(raw: Raw) -> None:
    url = await raw(lambda _request: b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    transport = Transport(url)
    with pytest.raises(TransportError, match="failed") as caught:
        await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.UNKNOWN
    await transport.close()


@pytest.mark.parametrize("name", ["API-Key", "API-Sign", "Content-Type", "X-More"])
@pytest.mark.parametrize("text", ["x\r\nHost: elsewhere", "x\n", "x\0"])
async def test_a_header_that_would_break_the_request_is_never_sent(name: str, text: str, raw: Raw) -> None:
    received: list[bytes] = []

    def answer(request: bytes) -> bytes:
        received.append(request)
        return OK

    transport = Transport(await raw(answer))
    await transport.send(post(), 30.0)
    sound = post()
    with pytest.raises(TransportError) as caught:
        await transport.send(sound._replace(headers={**sound.headers, name: text}), 30.0)
    assert caught.value.outcome is Outcome.NOT_SENT
    with contextlib.suppress(TransportError):
        await transport.send(sound._replace(path=f"{PATH}\r\nHost: elsewhere"), 30.0)
    for request in received:  # a path is one line, whatever it holds
        assert request.count(b"\r\nHost: ") == 1
    await transport.close()


async def test_each_request_carries_its_own_path_and_headers(raw: Raw) -> None:
    received: list[bytes] = []

    def answer(request: bytes) -> bytes:
        received.append(request)
        return OK

    transport = Transport(await raw(answer))
    sound = post()
    for name in ("API-Key", "API-Sign", "Content-Type"):
        for text in ("one", "another"):
            await transport.send(sound._replace(headers={**sound.headers, name: text}), 30.0)
            sent = dict(line.split(b": ", 1) for line in received[-1].split(b"\r\n")[1:] if b": " in line)
            assert sent[name.encode()] == text.encode()
    await transport.send(sound._replace(path="/0/private/Another"), 30.0)
    assert received[-1].startswith(b"POST /0/private/Another HTTP/1.1\r\n")
    await transport.close()


async def test_a_large_body_arrives_whole() -> None:
    received: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        received.append(await request.read())
        return web.Response(text="{}")

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    for size in (65536, 65537, 1_000_000):
        await transport.send(post(b"x" * size), 5.0)
        assert received.pop() == b"x" * size
    await transport.close()
    await server.close()


async def test_a_call_that_nobody_answers_drops_its_connection_and_the_next_has_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections: set[object] = set()
    arrived, late = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        connections.add(request.transport)
        if len(connections) == 1:
            arrived.set()
            await late.wait()
        return web.Response(text=str(len(connections)))

    server = await serve(handler)
    transport = Transport(str(server.make_url("")))
    call = asyncio.create_task(transport.send(post(), 20.0))
    await arrived.wait()
    with monkeypatch.context() as patched:
        pass_time(30.0, patched)
        with pytest.raises(RequestTimeout):
            await call
    assert (await transport.send(post(), 30.0)).body == b"2"
    late.set()
    await asyncio.sleep(0.1)  # the first answer comes now, to nobody
    assert (await transport.send(post(), 30.0)).body == b"2"
    await transport.close()
    await server.close()


def test_of_an_aiohttp_whose_inside_is_not_known_nothing_is_assumed() -> None:
    code = (
        "import aiohttp; aiohttp.__version__ = '3.99.0'; from kraken_async.wire import aiohttp_way; "
        "assert aiohttp_way._Body(b'', loopback=False).started"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


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
    assert (await transport.send(post(), 30.0)).status == 307
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
    await transport.send(post(), 30.0)
    with pytest.raises(TransportError) as caught:
        await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(hits) == 2
    await transport.close()
    await server.close()


async def test_a_refused_connection_was_certainly_not_sent(unused_tcp_port: int) -> None:
    transport = Transport(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(TransportError, match="cannot connect") as caught:
        await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.NOT_SENT
    await transport.close()


async def test_no_answer_in_time_is_a_timeout_that_may_have_had_an_effect(silent: Silent) -> None:
    with pytest.raises(RequestTimeout) as caught:
        await silent.transport.send(post(), 0.05)
    assert caught.value.outcome is Outcome.UNKNOWN
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancelled_caller_is_cancelled_and_not_told_of_a_timeout(silent: Silent) -> None:
    task = asyncio.create_task(silent.transport.send(post(), 30.0))
    await silent.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


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
        await transport.send(post(), 30.0)
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
        await transport.send(post(), 30.0)
    assert caught.value.outcome is outcome
    await transport.close()


@pytest.mark.parametrize("status", [200, 429, 502, 520])
async def test_every_status_is_an_answer(mocked_http: Any, status: int) -> None:
    mocked_http.post(f"https://api.kraken.com{PATH}", status=status, body="text")
    transport = Transport("https://api.kraken.com")
    answer = await transport.send(post(), 30.0)
    assert (answer.status, answer.body) == (status, b"text")
    await transport.close()


async def test_no_failure_shows_the_key_or_the_signature(mocked_http: Any) -> None:
    info = aiohttp.RequestInfo(None, "POST", {"API-Sign": "canary-signature"}, None)  # type: ignore[arg-type]  # as aiohttp would
    mocked_http.post(
        f"https://api.kraken.com{PATH}", exception=aiohttp.ClientResponseError(info, (), message="canary-key")
    )
    transport = Transport("https://api.kraken.com")
    with pytest.raises(TransportError) as caught:
        await transport.send(post(), 30.0)
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


@pytest.mark.parametrize(
    "path", ["/0", "/0/", "/0/private", "/0/private/", "/0/public/Time", "/proxy/0/private"]
)
def test_an_address_that_holds_krakens_own_path_is_refused(path: str) -> None:
    """It would be sent twice, and signed once: every private call would be refused for its signature."""
    with pytest.raises(ValueError, match="leave out /0"):
        check_url(f"https://api.kraken.com{path}")


@pytest.mark.parametrize("path", ["", "/", "/proxy", "/10", "/0x"])
def test_an_address_may_have_a_path_of_its_own(path: str) -> None:
    assert check_url(f"https://proxy.example{path}").host


def test_plain_http_to_a_host_asked_for_by_name() -> None:
    assert check_url("http://proxy.internal", ["proxy.internal"]).host == "proxy.internal"
