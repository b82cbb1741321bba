"""The command itself, and programs of other people's processes on it: none refused, none lost, killed or not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kraken_async.emulator import Emulator, EmulatorServer, Fault, serve_in_thread
from tests.gateway.conftest import write_config
from tests.gateway.processes import serving, token

CHILD = Path(__file__).with_name("client_child.py")


def free_port() -> int:
    """Return a port that stays free while the gateway is away: the system hands out none below 32,768 by itself."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture
def server() -> Iterator[EmulatorServer]:
    with serve_in_thread(Emulator(seed=1)) as found:
        yield found


async def programs(url: str, key: str, count: int, calls: int) -> list[dict[str, Any]]:
    """Run programs at once and return what each says."""
    address = url.removeprefix("http://")
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, str(CHILD), address, key, str(number), str(calls)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for number in range(count)
    ]
    try:
        said = [await child.communicate() for child in children]
    finally:
        for child in children:
            if child.returncode is None:
                child.kill()
    assert [err for _, err in said] == [b""] * count
    return [json.loads(out) for out, _ in said]


def nonces(emulator: Emulator) -> list[int]:
    return [arrival.nonce for arrival in emulator.history if arrival.api_key and arrival.nonce is not None]


def test_its_first_line_is_its_address_and_sigterm_ends_it_in_order(
    tmp_path: Path, server: EmulatorServer
) -> None:
    config = write_config(tmp_path, server.emulator, server.url)
    with serving(config) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    lines = [json.loads(line) for line in (tmp_path / "gateway-audit.jsonl").read_text().splitlines()]
    assert [line["op"] for line in lines] == ["started", "closed"]


def test_an_order_under_way_when_sigterm_comes_is_answered(tmp_path: Path, server: EmulatorServer) -> None:
    config = write_config(tmp_path, server.emulator, server.url)
    key = token(config, "bot", "trade,read")
    server.emulator.faults.next("AddOrder", Fault.late(1.0))

    async def run() -> list[dict[str, Any]]:
        with serving(config) as (process, url):
            running = asyncio.create_task(programs(url, key, 1, 1))
            while not server.emulator.orders:
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            found = await running
            await asyncio.to_thread(process.wait, 20)
            assert process.returncode == 0
            return found

    (said,) = asyncio.run(run())
    assert said["placed"] == list(server.emulator.orders)


@pytest.mark.proof
def test_the_demo_runs_programs_in_several_languages_and_ends_with_none_refused() -> None:
    command = [sys.executable, "-m", "kraken_async", "demo", "--gateway", "--calls", "20", "--json"]
    found = json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    )
    assert found["ok"] is True
    assert {"python"} <= {each["program"] for each in found["programs"]}
    assert all(each["answered"] == each["calls"] and not each["refused"] for each in found["programs"])
    assert (found["refused_for_nonce"], found["open_orders_after_halt"]) == (0, 0)


@pytest.mark.proof
def test_8_programs_with_500_calls_each_are_never_refused(tmp_path: Path, server: EmulatorServer) -> None:
    config = write_config(tmp_path, server.emulator, server.url)
    key = token(config, "bots", "trade,read")
    with serving(config) as (_, url):
        said = asyncio.run(programs(url, key, 8, 500))
    assert [each["refused"] for each in said] == [[]] * 8
    assert sum(each["answered"] for each in said) == 4000
    assert server.emulator.refused() == 0
    assert server.emulator.max_in_flight[server.emulator.key.api_key] == 1
    assert sorted(txid for each in said for txid in each["placed"]) == sorted(server.emulator.orders)


@pytest.mark.proof
def test_killed_in_mid_run_no_nonce_is_used_twice_and_every_order_is_known_or_told(
    tmp_path: Path, server: EmulatorServer
) -> None:
    config = write_config(tmp_path, server.emulator, server.url, listen=f"127.0.0.1:{free_port()}")
    key = token(config, "bots", "trade,read")
    emulator = server.emulator

    async def run() -> list[dict[str, Any]]:
        emulator.faults.plan = lambda number, name: Fault.late(0.02) if name == "AddOrder" else None
        running: asyncio.Task[list[dict[str, Any]]] | None = None
        for kill in range(6):
            with serving(config) as (process, url):
                running = running or asyncio.create_task(programs(url, key, 4, 300))
                if kill == 5:
                    return await running
                orders = len(emulator.orders)
                while len(emulator.orders) < orders + 12 and not running.done():
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.005 * kill)  # before, at and after the moment of the order's answer
                os.kill(process.pid, signal.SIGKILL)
                await asyncio.to_thread(process.wait, 20)
        raise AssertionError

    said = asyncio.run(run())
    used = nonces(emulator)
    assert len(set(used)) == len(used)
    assert [each["refused"] for each in said] == [[]] * 4
    answered = {txid for each in said for txid in each["placed"]}
    known = unresolved(config, key)
    told = {intent["cl_ord_id"] for intent in known["orders"]}
    unheard = {txid for each in known["unheard"] for txid in each["ids"]}
    for txid, order in emulator.orders.items():
        assert txid in answered or order.cl_ord_id in told or txid in unheard
    assert sum(each["lost"] for each in said) > 0


def unresolved(config: Path, key: str) -> dict[str, Any]:
    import urllib.request

    with serving(config) as (_, url):
        request = urllib.request.Request(
            url + "/api/orders/unresolved", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            found: dict[str, Any] = json.loads(response.read())
            return found
