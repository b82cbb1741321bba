"""The emulator on real sockets: answers, faults, overlap, threads, the command and the pytest plugin."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

import kraken_async.emulator
from kraken_async.emulator import CATALOGUE, EmulatorServer, Fault, serve_in_thread
from kraken_async.emulator.command import announce, main
from tests import forked
from tests.emulator.emulator_support import LIMIT, Desk, said_by_foreign_suite

ROOT = Path(__file__).parent.parent


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def server(desk: Desk) -> AsyncIterator[EmulatorServer]:
    async with EmulatorServer(desk.emulator) as running:
        yield running


@pytest.fixture
async def http(server: EmulatorServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session


async def post(http: aiohttp.ClientSession, desk: Desk, name: str = "AddOrder") -> tuple[int, bytes]:
    path, headers, body = desk.request(name, LIMIT)
    async with http.post(path, data=body, headers=headers) as response:
        return response.status, await response.read()


async def test_call_over_a_socket(desk: Desk, http: aiohttp.ClientSession) -> None:
    status, body = await post(http, desk)
    assert (status, json.loads(body)["error"]) == (200, [])
    assert len(desk.emulator.orders) == 1
    async with http.get("/0/public/Ticker", params={"pair": "XBT/USD"}) as response:
        assert response.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert list((await response.json())["result"]) == ["XXBTZUSD"]


async def test_binary_answer_over_a_socket(desk: Desk, http: aiohttp.ClientSession) -> None:
    made = desk.call("AddExport", {"report": "trades", "description": "x"})["id"]
    path, headers, body = desk.request("RetrieveExport", {"id": made})
    async with http.post(path, data=body, headers=headers) as response:
        assert response.headers["Content-Type"] == "application/zip"
        assert (await response.read()).startswith(b"PK")


BROKEN = {"reset", "disconnect", "truncated"}
QUICK = {name: fault for name, fault in CATALOGUE.items() if fault.what not in ("late", "slow", "hang")}


@pytest.mark.parametrize("name", QUICK)
async def test_fault_over_a_socket(desk: Desk, http: aiohttp.ClientSession, name: str) -> None:
    fault = QUICK[name]
    desk.emulator.faults.next("AddOrder", fault)
    if fault.what in BROKEN:
        with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
            await post(http, desk)
    else:
        status, body = await post(http, desk)
        assert status == (fault.status if fault.what == "status" else 200)
        if fault.what in ("garbage", "html", "status", "broken json"):
            with pytest.raises(ValueError):
                json.loads(body)
    assert len(desk.emulator.orders) == (fault.when == "after")
    status, body = await post(http, desk)  # and the next call finds everything well
    assert (status, json.loads(body)["error"]) == (200, [])


async def test_reset_is_a_reset_and_disconnect_an_end_of_file(desk: Desk, server: EmulatorServer) -> None:
    def exchange() -> bytes:
        path, headers, body = desk.request("Balance")
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return link.recv(1000)

    desk.emulator.faults.next("Balance", Fault.reset("after"), Fault.disconnect("after"))
    with pytest.raises(ConnectionResetError):
        await asyncio.to_thread(exchange)
    assert await asyncio.to_thread(exchange) == b""


async def test_answer_without_a_date_has_none_on_the_socket(desk: Desk, http: aiohttp.ClientSession) -> None:
    desk.emulator.faults.next("Time", Fault.dateless(), Fault.http(502).with_(undated=True))
    for status in (200, 502):
        async with http.get("/0/public/Time") as response:
            assert response.status == status
            assert "Date" not in response.headers
            assert await response.read()
    async with http.get("/0/public/Time") as response:
        assert response.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"


async def test_slow_body_arrives_whole_in_pieces(desk: Desk, http: aiohttp.ClientSession) -> None:
    desk.emulator.faults.next("AddOrder", Fault.slow(0.05))
    loop = asyncio.get_running_loop()
    start = loop.time()
    status, body = await post(http, desk)
    assert (status, json.loads(body)["error"]) == (200, [])
    assert loop.time() - start >= 0.04


async def test_hanging_call_ends_with_its_connection_and_frees_its_place(
    desk: Desk, http: aiohttp.ClientSession
) -> None:
    desk.emulator.faults.next("AddOrder", Fault.hang("after"))
    hanging = asyncio.ensure_future(post(http, desk))
    while not desk.emulator.orders:
        await asyncio.sleep(0.001)
    hanging.cancel()
    while desk.emulator.in_flight(desk.emulator.key.api_key):
        await asyncio.sleep(0.001)
    await post(http, desk)
    assert desk.emulator.max_in_flight[desk.emulator.key.api_key] == 1
    assert len(desk.emulator.orders) == 2


async def test_request_whose_client_left_on_the_way_is_executed_all_the_same(
    desk: Desk, http: aiohttp.ClientSession
) -> None:
    desk.emulator.faults.next("AddOrder", Fault.delayed(0.3))
    call = asyncio.ensure_future(post(http, desk))
    while not desk.emulator.max_in_flight:
        await asyncio.sleep(0.001)
    call.cancel()
    while not desk.emulator.history:
        await asyncio.sleep(0.005)
    assert desk.emulator.history[0].executed


async def test_stopping_drops_calls_in_flight_without_waiting(desk: Desk) -> None:
    server = await EmulatorServer(desk.emulator).start()
    desk.emulator.faults.next("AddOrder", Fault.hang("before"))
    async with aiohttp.ClientSession(server.url) as http:
        call = asyncio.ensure_future(post(http, desk))
        while not desk.emulator.history:
            await asyncio.sleep(0.001)
        await asyncio.wait_for(server.stop(), 2)
        with pytest.raises(aiohttp.ClientConnectionError):
            await call
    await server.stop()


async def test_stopping_as_answers_leave_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        desk = Desk()
        desk.emulator.faults.plan = lambda _index, _name: Fault.late(0.01)
        running = await EmulatorServer(desk.emulator).start()
        async with aiohttp.ClientSession(running.url) as http:
            calls = [asyncio.ensure_future(http.get("/0/public/Time")) for _ in range(30)]
            while not desk.emulator.max_in_flight:
                await asyncio.sleep(0)
            await running.stop()
            for each in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(each, aiohttp.ClientResponse):
                    each.close()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_overlap_and_overtaking_show_on_a_path_with_jitter(desk: Desk) -> None:
    async with (
        EmulatorServer(desk.emulator, jitter=(0.0, 0.005)) as server,
        aiohttp.ClientSession(server.url) as http,
    ):
        answers = await asyncio.gather(*(post(http, desk, "Balance") for _ in range(20)))
        refused = sum(b"Invalid nonce" in body for _, body in answers)
        assert desk.emulator.refused() == refused > 0
        assert desk.emulator.max_in_flight[desk.emulator.key.api_key] > 1
        for _ in range(10):
            assert json.loads((await post(http, desk, "Balance"))[1])["error"] == []


async def test_calls_one_after_the_other_never_overlap(desk: Desk, http: aiohttp.ClientSession) -> None:
    for _ in range(50):
        await post(http, desk, "Balance")
    assert desk.emulator.max_in_flight[desk.emulator.key.api_key] == 1


def test_only_loopback_unless_asked_for() -> None:
    with pytest.raises(ValueError, match="allow_remote"):
        EmulatorServer(Desk().emulator, host="0.0.0.0")
    for host in ("localhost", "127.0.0.1", "::1"):
        assert EmulatorServer(Desk().emulator, host=host).url
    assert EmulatorServer(Desk().emulator, host="10.0.0.1", allow_remote=True).port == 0
    assert EmulatorServer(Desk().emulator, host="::1", port=5).url == "http://[::1]:5"


# ------------------------------------------------------------------ in a thread


def fetch(url: str) -> object:
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)


def test_thread_serves_synchronous_clients_and_leaves_nothing() -> None:
    desk = Desk()
    with serve_in_thread(desk.emulator) as server:
        assert fetch(server.url + "/0/public/Time")["error"] == []  # type: ignore[index]  # plain JSON
        port = server.port
        assert len(desk.emulator.history) == 1
        with pytest.raises(OSError), serve_in_thread(desk.emulator, port=port):
            raise AssertionError("two servers on one port")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_thread_stops_when_its_user_fails() -> None:
    with pytest.raises(RuntimeError, match="mine"), serve_in_thread(Desk().emulator):
        raise RuntimeError("mine")


# ------------------------------------------------------------------ command


def test_announcement_in_both_forms() -> None:
    emulator = Desk().emulator
    said = announce("http://127.0.0.1:1", emulator, None, as_json=False)
    assert f"export KRAKEN_API_SECRET={emulator.key.api_secret}" in said.splitlines()
    assert json.loads(announce("http://127.0.0.1:1", emulator, None, as_json=True)) == {
        "url": "http://127.0.0.1:1",
        "api_key": emulator.key.api_key,
        "api_secret": emulator.key.api_secret,
    }


def test_command_serves_until_it_is_terminated() -> None:
    command = [
        sys.executable,
        "-m",
        "kraken_async.emulator",
        "--json",
        "--limits",
        "--tier",
        "pro",
        "--jitter",
        "0",
        "0.001",
    ]
    with forked.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as child:
        assert child.stdout is not None
        said = json.loads(child.stdout.readline())
        assert fetch(said["url"] + "/0/public/SystemStatus")["error"] == []  # type: ignore[index]  # plain JSON
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


def test_command_says_why_it_cannot_serve(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "192.0.2.1"]) == 1
    assert "allow_remote" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    assert "cannot serve: " in capsys.readouterr().err
    assert main(["--jitter", "2", "1"]) == 1
    assert "jitter" in capsys.readouterr().err


# ------------------------------------------------------------------ plugin

PLUGIN_TEST = """
import sys, urllib.request, json
import pytest

def test_nothing_is_imported_before_the_fixture() -> None:
    for name in ("app", "emulator", "request_handler"):
        assert f"kraken_async.emulator.{name}" not in sys.modules

def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)

def test_it_serves(kraken_emulator):
    assert fetch(kraken_emulator.url + "/0/public/Time")["error"] == []
    assert kraken_emulator.emulator.key == (kraken_emulator.api_key, kraken_emulator.api_secret)
    assert kraken_emulator.api_secret not in repr(kraken_emulator)
    assert len(kraken_emulator.emulator.history) == 1

@pytest.mark.kraken_emulator(tier="pro", limits=True, jitter=(0.0, 0.001), seed=3)
def test_its_marker_gives_options(kraken_emulator):
    assert kraken_emulator.emulator.tier.name == "pro"
    fetch(kraken_emulator.url + "/0/public/Time")

def test_each_test_has_its_own(kraken_emulator):
    assert kraken_emulator.emulator.history == []
"""


def test_plugin_in_a_foreign_test_suite(tmp_path: Path) -> None:
    said = said_by_foreign_suite(
        tmp_path, PLUGIN_TEST, "-W", "error", "-p", "no:aioresponses", "-p", "no:asyncio"
    )
    assert "4 passed" in said, said


def test_every_public_name_is_there() -> None:
    assert {getattr(kraken_async.emulator, name).__class__ for name in kraken_async.emulator.__all__}
    with pytest.raises(AttributeError, match="Emulators"):
        kraken_async.emulator.Emulators  # noqa: B018 - asking is the test


def test_using_the_core_imports_no_server() -> None:
    use = "import sys, kraken_async.emulator as e; e.Emulator()"
    code = use + "; sys.exit(e.__name__ + '.app' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_emulator_imports_nothing_of_the_client() -> None:
    for source in (ROOT / "kraken_async" / "emulator").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, source
                assert not (node.module or "").startswith("kraken_async"), source
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("kraken_async") for alias in node.names), source
