"""Which way a request goes is decided when the transport is opened; a session of the caller's gets the same care."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

import kraken_async.wire.aiohttp_way as aiohttp_way_module
import kraken_async.wire.direct as direct_module
from kraken_async.errors import Outcome, TransportError
from kraken_async.wire.aiohttp_way import untouched
from kraken_async.wire.base_url import check_url, is_loopback
from kraken_async.wire.messages import SignedRequest
from kraken_async.wire.transport import Transport
from tests.byte_server import answering, in_a_thread, request_of
from tests.wire.support import OK, PATH, post, serve

GET = SignedRequest("GET", "/0/public/Time", {}, b"", 0)
STALE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that went the direct way."""
    paths: list[str] = []
    posted = direct_module.Direct.post

    async def noted(self: Any, request: SignedRequest, *args: Any) -> Any:
        paths.append(request.path)
        return await posted(self, request, *args)

    monkeypatch.setattr(direct_module.Direct, "post", noted)
    return paths


# ------------------------------------------------------------------ the choice


async def test_a_signed_post_goes_directly_and_a_public_call_through_aiohttp(direct: list[str]) -> None:
    with in_a_thread(answering(OK), answering(OK)) as url:
        async with Transport(url) as transport:
            await transport.send(post(), 30.0)
            assert (await transport.send(GET, 5.0)).body == b"{}"
    assert direct == [PATH]


async def test_over_a_session_of_the_callers_all_goes(direct: list[str]) -> None:
    with in_a_thread(answering(OK)) as url:
        async with aiohttp.ClientSession() as http, Transport(url, http=http) as transport:
            await transport.send(post(), 30.0)
        assert not direct


async def test_a_mock_that_stands_when_it_is_opened_is_asked(mocked_http: Any, direct: list[str]) -> None:
    mocked_http.post(f"https://api.kraken.com{PATH}", status=200, body="{}")
    async with Transport("https://api.kraken.com") as transport:
        assert (await transport.send(post(), 30.0)).body == b"{}"
    assert not direct


@pytest.mark.parametrize("name", ["request", "_request", "__init__", "close"])
def test_whatever_is_replaced_in_aiohttp_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert untouched()
    monkeypatch.setattr(aiohttp.ClientSession, name, lambda *_args, **_options: None)
    assert not untouched()


async def test_a_session_that_traces_is_noticed() -> None:
    async with aiohttp.ClientSession(trace_configs=[aiohttp.TraceConfig()]) as http:
        assert not untouched(http)


async def test_a_get_carries_its_query_as_it_was_given() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.Response(text="{}")

    server = await serve(handler)
    async with Transport(str(server.make_url(""))) as transport:
        await transport.send(GET._replace(path="/0/public/Ticker?pair=BTC%2FUSD&x=a+b"), 5.0)
    assert seen == ["/0/public/Ticker?pair=BTC%2FUSD&x=a+b"]
    await server.close()


# ------------------------------------------------------------------ a session of the caller's


async def test_an_answer_that_came_twice_is_not_the_next_calls() -> None:
    with in_a_thread(answering(OK + STALE, OK), answering(OK, OK)) as url:
        async with aiohttp.ClientSession() as http, Transport(url, http=http) as transport:
            for _ in range(3):
                assert (await transport.send(post(), 30.0)).body == b"{}"


async def arrives(said: threading.Semaphore) -> None:
    """Wait until what a peer has said once more is read, however busy its thread and the machine are."""
    assert await asyncio.to_thread(said.acquire, timeout=60.0)
    for _step in range(5):
        await asyncio.sleep(0)


async def test_an_answer_that_came_twice_one_after_the_other_is_not_the_next_calls() -> None:
    said = threading.Semaphore(0)

    def twice(peer: socket.socket) -> None:
        request_of(peer)
        peer.sendall(OK)
        peer.sendall(STALE)
        said.release()
        while peer.recv(65536):
            pass

    with in_a_thread(twice, answering(OK, OK)) as url:
        async with aiohttp.ClientSession() as http, Transport(url, http=http) as transport:
            await transport.send(post(), 30.0)
            await arrives(said)
            for _ in range(2):
                assert (await transport.send(post(), 30.0)).body == b"{}"


async def test_where_every_connection_speaks_first_nothing_is_sent_and_that_is_certain() -> None:
    requests: list[bytes] = []
    said = threading.Semaphore(0)

    def first(peer: socket.socket) -> None:
        peer.sendall(STALE)
        said.release()
        requests.append(peer.recv(65536))

    class Slow(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **options: Any) -> Any:
            connection = await super().connect(*args, **options)
            await arrives(said)  # before the request is written
            return connection

    with in_a_thread(*[first] * 5) as url:
        async with aiohttp.ClientSession(connector=Slow()) as http, Transport(url, http=http) as transport:
            with pytest.raises(TransportError, match="before it was asked") as caught:
                await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert not any(requests)


async def test_a_session_that_raises_for_a_status_still_gives_the_answer() -> None:
    refused = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 36\r\n\r\n{"error":["EAPI:Invalid signature"]}'
    with in_a_thread(answering(refused)) as url:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            Transport(url, http=http) as transport,
        ):
            answer = await transport.send(post(), 30.0)
    assert (answer.status, answer.body) == (400, b'{"error":["EAPI:Invalid signature"]}')


async def test_a_body_is_written_once_whatever_repeats_the_request() -> None:
    requests: list[bytes] = []

    def note(peer: socket.socket) -> None:
        while data := request_of(peer):
            requests.append(data)
            peer.sendall(OK)

    class Twice:
        """Stands for a session whose middleware repeats what it was asked."""

        auto_decompress = True

        def __init__(self, http: aiohttp.ClientSession) -> None:
            self._http = http

        async def request(self, *args: Any, **options: Any) -> aiohttp.ClientResponse:
            (await self._http.request(*args, **options)).release()
            return await self._http.request(*args, **options)

    with in_a_thread(note, note, note) as url:
        async with aiohttp.ClientSession() as http:
            transport = Transport(url, http=cast("aiohttp.ClientSession", Twice(http)))
            with pytest.raises(TransportError) as caught:
                await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert sum(b"nonce=1" in each for each in requests) == 1


# ------------------------------------------------------------------ plain http: the address decides


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.localhost",
        "http://localhost.evil.com",
        "http://a.localhost:8080",
        "http://0.0.0.0",
        "http://[::ffff:10.0.0.1]",
    ],
)
def test_a_name_that_only_sounds_like_loopback_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="plain http"):
        check_url(url)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["localhost", "10.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1", "", "?"])
def test_other_addresses_and_names(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.usefixtures("way")
async def test_localhost_that_is_another_machine_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(_address: str) -> bool:
        return False

    requests: list[bytes] = []

    def note(peer: socket.socket) -> None:
        peer.settimeout(0.2)
        requests.append(peer.recv(65536))

    with in_a_thread(*[note] * 3) as url:
        port = url.rpartition(":")[2]
        async with Transport(f"http://localhost:{port}") as transport:
            for module in (direct_module, aiohttp_way_module):
                monkeypatch.setattr(module, "is_loopback", elsewhere)
            with pytest.raises(TransportError, match="not this machine") as caught:
                await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert b"canary" not in b"".join(requests)
    assert b"nonce" not in b"".join(requests)


@pytest.mark.usefixtures("way")
async def test_localhost_that_is_this_machine_is_reached() -> None:
    with in_a_thread(answering(OK)) as url:
        async with Transport(f"http://localhost:{url.rpartition(':')[2]}") as transport:
            assert (await transport.send(post(), 30.0)).status == 200


# ------------------------------------------------------------------ proxies of the environment


def proxy(seen: list[bytes], answer: bytes = OK) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        seen.append(request_of(peer))
        peer.sendall(answer)

    return talk


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, direct: list[str]) -> None:
    seen: list[bytes] = []
    with in_a_thread(proxy(seen)) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        async with Transport("http://kraken.internal", plain_http=["kraken.internal"]) as transport:
            assert (await transport.send(post(), 30.0)).status == 200
    assert seen[0].startswith(b"POST http://kraken.internal/0/private/Balance HTTP/1.1")
    assert not direct


async def test_https_goes_through_a_proxy_in_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    with in_a_thread(proxy(seen, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as url:
        monkeypatch.setenv("https_proxy", url.replace("http://", "http://user:password@"))
        async with Transport("https://api.kraken.com") as transport:
            with pytest.raises(TransportError) as caught:
                await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert seen[0].startswith(b"CONNECT api.kraken.com:443 HTTP/1.1")
    assert b"canary" not in seen[0]
    assert "password" not in str(caught.value)


async def test_a_host_that_needs_no_proxy_gets_none(
    monkeypatch: pytest.MonkeyPatch, direct: list[str]
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "kraken.com")
    async with Transport("https://api.kraken.com") as transport:
        assert transport._direct is not None


async def test_loopback_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with in_a_thread(answering(OK)) as url:
        async with Transport(url) as transport:
            assert (await transport.send(post(), 30.0)).status == 200


async def test_a_proxy_that_cannot_be_used_is_refused_not_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ValueError, match="socks5 proxy .* NO_PROXY"):
        await Transport("https://api.kraken.com").open()


async def test_the_proxys_password_is_in_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:9")
    with caplog.at_level("INFO"):
        async with Transport("https://api.kraken.com"):
            pass
    assert "through the proxy http://127.0.0.1:9" in caplog.text
    assert "hunter2" not in caplog.text
