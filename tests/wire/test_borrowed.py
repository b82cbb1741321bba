"""A session of the caller's lends its connections for private calls, and is asked where it does more than to send."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE
from yarl import URL

from kraken_async.errors import Outcome, RequestTimeout, TransportError
from kraken_async.wire import borrowed as borrowed_module
from kraken_async.wire.borrowed import Borrowed
from kraken_async.wire.messages import SignedRequest
from kraken_async.wire.transport import Transport
from tests.wire.support import PATH, post, serve


class Server:
    """A server's address, the requests that reached it, and the connections they came over."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.connections: set[str] = set()
        self.cookies: list[str] = []
        self.arrived, self.silent = asyncio.Event(), asyncio.Event()
        self.silent.set()

    async def answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.connections.add(str(request.transport.get_extra_info("peername")))
        self.requests.append(request)
        self.arrived.set()
        await self.silent.wait()
        answer = web.Response(text="{}")
        for cookie in self.cookies:
            answer.headers.add("Set-Cookie", cookie)
        return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    running = await serve(found.answer)
    found.url = str(running.make_url("")).rstrip("/")
    yield found
    found.silent.set()
    await running.close()


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that went over a connection that was lent."""
    paths: list[str] = []
    posted = Borrowed.post

    def noted(self: Borrowed, request: SignedRequest, *args: Any) -> Coroutine[Any, Any, Any]:
        paths.append(request.path)
        return posted(self, request, *args)

    monkeypatch.setattr(Borrowed, "post", noted)
    return paths


# ------------------------------------------------------------------ what is lent is given back


async def test_one_connection_serves_private_calls_and_the_callers_own_requests(
    server: Server, lent: list[str]
) -> None:
    one = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=one) as http, Transport(server.url, http=http) as transport:
        for _ in range(3):
            assert (await transport.send(post(), 30.0)).body == b"{}"
            async with http.post(f"{server.url}/own", data=b"x") as answer:
                assert await answer.read() == b"{}"
    assert lent == [PATH] * 3
    assert (len(server.requests), len(server.connections)) == (6, 1)


async def test_a_session_outlives_the_transport_and_keeps_its_connection(
    server: Server, lent: list[str]
) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        for _ in range(3):
            async with Transport(server.url, http=http) as transport:
                await transport.send(post(), 30.0)
    assert lent == [PATH] * 3
    assert len(server.connections) == 1


async def test_the_time_of_a_call_that_is_over_ends_no_idle_connection(server: Server) -> None:
    async with aiohttp.ClientSession() as http, Transport(server.url, http=http) as transport:
        await transport.send(post(), 30.0)
        assert transport._borrowed is not None
        (kept,) = transport._borrowed._lent.values()
        kept._deadline.set(0.0)
        while kept._deadline._timer is not None:  # it looks again for some turns of the loop
            await asyncio.sleep(0)
        await transport.send(post(), 30.0)
    assert len(server.connections) == 1


async def test_nothing_is_held_of_a_connection_that_the_session_dropped(server: Server) -> None:
    http = aiohttp.ClientSession()
    async with Transport(server.url, http=http) as transport:
        await transport.send(post(), 30.0)
        assert transport._borrowed is not None
        assert len(transport._borrowed._lent) == 1
        await http.close()
        gc.collect()
        assert not transport._borrowed._lent


@pytest.mark.parametrize("ending", ["cancelled", "late", "transport closed", "session closed"])
async def test_a_connection_that_fails_is_dropped_and_its_place_is_free(ending: str, server: Server) -> None:
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
    transport = Transport(server.url, http=http)
    server.silent.clear()
    call = asyncio.create_task(transport.send(post(), 0.05 if ending == "late" else 30.0))
    await server.arrived.wait()
    expected: type[BaseException] = TransportError
    if ending == "cancelled":
        call.cancel()
        expected = asyncio.CancelledError
    elif ending == "transport closed":
        await transport.close()
    elif ending == "session closed":
        await http.close()
    with pytest.raises(expected) as caught:
        await call
    assert getattr(caught.value, "outcome", Outcome.UNKNOWN) is Outcome.UNKNOWN
    server.silent.set()
    if ending != "session closed":
        async with http.post(server.url, data=b"x") as answer:
            assert await answer.read() == b"{}"
        assert len(server.connections) == 2
    await transport.close()
    await http.close()


@pytest.mark.parametrize("ending", ["late", "transport closed"])
async def test_a_call_that_waits_for_its_turn_in_the_session_was_not_sent(
    ending: str, server: Server
) -> None:
    server.silent.clear()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        own = asyncio.create_task(http.post(server.url, data=b"x"))
        await server.arrived.wait()
        transport = Transport(server.url, http=http)
        call = asyncio.create_task(transport.send(post(), 0.05 if ending == "late" else 30.0))
        await asyncio.sleep(0)
        if ending == "transport closed":
            await transport.close()
        with pytest.raises(TransportError) as caught:
            await call
        assert caught.value.outcome is Outcome.NOT_SENT
        assert isinstance(caught.value, RequestTimeout) == (ending == "late")
        assert len(server.requests) == 1
        server.silent.set()
        (await own).release()
        await transport.close()


# ------------------------------------------------------------------ sessions that do more are asked


async def through(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Any]
) -> aiohttp.ClientResponse:
    answer: aiohttp.ClientResponse = await handler(request)
    return answer


class Request(aiohttp.ClientRequest):
    """A request of the caller's."""


class Response(aiohttp.ClientResponse):
    """A response of the caller's."""


MORE: dict[str, dict[str, Any]] = {
    "a header that frames": {"headers": {"X-Desk": "7", "Connection": "close"}},
    "a header that a call has": {"headers": {"X-Desk": "7", "Content-Type": "text/html"}},
    "traces": {"trace_configs": [aiohttp.TraceConfig()]},
    "middlewares": {"middlewares": (through,)},
    "an environment": {"trust_env": True},
    "requests": {"request_class": Request},
    "responses": {"response_class": Response},
    "HTTP/1.0": {"version": aiohttp.HttpVersion10},
    "no user agent": {"skip_auto_headers": ["User-Agent"]},
}


@pytest.mark.parametrize("options", MORE.values(), ids=MORE.keys())
async def test_a_session_that_does_more_than_send_is_asked(
    options: dict[str, Any], server: Server, lent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with aiohttp.ClientSession(**options) as http, Transport(server.url, http=http) as transport:
        assert (await transport.send(post(), 30.0)).body == b"{}"
    assert not lent
    assert server.requests[0].headers.get("X-Desk") == options.get("headers", {}).get("X-Desk")


async def test_a_proxy_of_the_sessions_is_asked(server: Server, lent: list[str]) -> None:
    async with (
        aiohttp.ClientSession(proxy=server.url) as http,
        Transport("http://kraken.internal", http=http, plain_http=["kraken.internal"]) as transport,
    ):
        await transport.send(post(), 30.0)
    assert not lent
    assert server.requests[0].headers["Host"] == "kraken.internal"


async def test_connections_that_end_after_each_request_are_not_lent(server: Server, lent: list[str]) -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
        Transport(server.url, http=http) as transport,
    ):
        await transport.send(post(), 30.0)
    assert not lent
    assert server.requests[0].headers["Connection"] == "close"


async def test_of_an_aiohttp_whose_inside_is_not_known_nothing_is_borrowed(
    server: Server, lent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(borrowed_module, "KNOWN", False)
    async with aiohttp.ClientSession() as http, Transport(server.url, http=http) as transport:
        assert (await transport.send(post(), 30.0)).body == b"{}"
    assert not lent


async def test_headers_of_the_session_are_sent_and_come_before_aiohttps_own(
    server: Server, lent: list[str]
) -> None:
    given = [("user-agent", "desk/7"), ("X-Desk", "7"), ("X-Desk", "8")]
    async with aiohttp.ClientSession(headers=given) as http, Transport(server.url, http=http) as transport:
        await transport.send(post(), 30.0)
        http.headers["X-Desk"] = "9"
        await transport.send(post(), 30.0)
        http.headers.clear()
        await transport.send(post(), 30.0)
        http.headers["Connection"] = "close"
        await transport.send(post(), 30.0)
    found = [request.headers.getall("X-Desk", []) for request in server.requests]
    assert found == [["7", "8"], ["9"], [], []]
    agents = [request.headers.getall("User-Agent") for request in server.requests]
    assert agents == [["desk/7"], ["desk/7"], [SERVER_SOFTWARE], [SERVER_SOFTWARE]]
    assert all(request.headers.getall("Accept") == ["*/*"] for request in server.requests)
    assert lent == [PATH] * 3


async def test_traces_that_are_added_later_are_respected(server: Server, lent: list[str]) -> None:
    traced: list[str] = []
    trace = aiohttp.TraceConfig()

    async def note(_session: object, _context: object, start: aiohttp.TraceRequestStartParams) -> None:
        traced.append(start.method)

    trace.on_request_start.append(note)
    trace.freeze()
    async with aiohttp.ClientSession() as http, Transport(server.url, http=http) as transport:
        await transport.send(post(), 30.0)
        http.trace_configs.append(trace)
        await transport.send(post(), 30.0)
        http.trace_configs.clear()
        await transport.send(post(), 30.0)
    assert traced == ["POST"]
    assert lent == [PATH] * 2


async def test_what_takes_the_sessions_place_later_is_asked(
    server: Server, lent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def instead(*args: Any, **_options: Any) -> object:
        asked.append(args[-2])
        raise aiohttp.ClientConnectionError

    async with aiohttp.ClientSession() as http, Transport(server.url, http=http) as transport:
        await transport.send(post(), 30.0)
        for place, name in ((aiohttp.ClientSession, "_request"), (aiohttp.ClientSession, "request")):
            with monkeypatch.context() as patched:
                patched.setattr(place, name, instead)
                with pytest.raises(TransportError):
                    await transport.send(post(), 30.0)
        vars(http)["request"] = instead
        with pytest.raises(TransportError):
            await transport.send(post(), 30.0)
        del vars(http)["request"]
        await transport.send(post(), 30.0)
    assert asked == ["POST"] * 3
    assert lent == [PATH] * 2


async def test_a_session_that_was_closed_sends_nothing(server: Server) -> None:
    http = aiohttp.ClientSession()
    async with Transport(server.url, http=http) as transport:
        await transport.send(post(), 30.0)
        await http.close()
        with pytest.raises(TransportError) as caught:
            await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert len(server.requests) == 1


# ------------------------------------------------------------------ cookies


async def test_cookies_of_the_session_are_sent_and_those_of_an_answer_are_kept(
    server: Server, lent: list[str]
) -> None:
    server.cookies = ["edge=b; Path=/0; HttpOnly", "two=c; Path=/other", "", "no;cookie", "route=d"]
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http, Transport(server.url, http=http) as transport:
        http.cookie_jar.update_cookies({"route": "a"}, URL(server.url))
        for _ in range(3):
            await transport.send(post(), 30.0)
        async with http.get(f"{server.url}/other"):
            pass
    found = [dict(request.cookies) for request in server.requests]
    kept = {"edge": "b", "route": "d"}
    assert found == [{"route": "a"}, kept, kept, {"route": "a", "two": "c"}]
    assert lent == [PATH] * 3


async def test_a_session_without_cookies_keeps_none(server: Server, lent: list[str]) -> None:
    server.cookies = ["edge=b"]
    none = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=none) as http, Transport(server.url, http=http) as transport:
        for _ in range(2):
            await transport.send(post(), 30.0)
    assert [dict(request.cookies) for request in server.requests] == [{}, {}]
    assert lent == [PATH] * 2
