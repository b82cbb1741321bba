"""A gateway in front of an emulator, and a client of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kraken_async.emulator import Emulator, EmulatorServer, Fault
from kraken_async.gateway import Gateway, GatewayConfig, TokenFile

#: Seconds by which an answer comes late that comes when the test says so.
HELD = 1e6
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.01"}


class Client:
    """What a program in any language does: form bodies, a token as its API key, Kraken's paths."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self.http = http
        self.url = url
        self.token = token

    async def raw(
        self, path: str, *, method: str = "POST", headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {"API-Key": self.token, **(headers or {})}
        async with self.http.request(method, self.url + path, headers=sent, **options) as response:
            return response.status, dict(response.headers), await response.read()

    async def call(
        self, endpoint: str, fields: dict[str, Any] | None = None, **headers: str
    ) -> tuple[dict[str, Any], dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = {"nonce": "1", **(fields or {})}
        status, got, body = await self.raw(f"/0/private/{endpoint}", data=data, headers=named)
        assert status == 200
        return json.loads(body), got

    async def api(self, path: str, *, method: str = "GET", **options: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, self.url + path, headers=headers, **options) as response:
            return response.status, await response.json()


class Running:
    """An open gateway, the emulator behind it, and clients by what their tokens allow."""

    def __init__(self, gateway: Gateway, emulator: Emulator, http: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.emulator = emulator
        self.http = http
        self.tokens = gateway.tokens

    def client(
        self, allow: str = "read,trade", name: str = "", accounts: tuple[str, ...] = ("main",)
    ) -> Client:
        name = name or f"{allow.replace(',', '-')}-{len(self.tokens.read())}"
        token = self.tokens.add(name, accounts, allow.split(","))
        return Client(self.http, self.gateway.url, token)

    def hold_answers(self, endpoint: str) -> asyncio.Event:
        """Let Kraken carry calls of an endpoint out, and answer them when the event that is returned is set."""
        released = asyncio.Event()
        exchange = self.emulator.exchange

        async def sleep(seconds: float) -> None:
            await (released.wait() if seconds == HELD else asyncio.sleep(seconds))

        async def held(*args: Any, **options: Any) -> Any:
            return await exchange(*args, **{**options, "sleep": sleep})

        self.emulator.exchange = held  # type: ignore[method-assign]  # of this one emulator
        self.emulator.faults.plan = lambda _, name: Fault.late(HELD) if name == endpoint else None
        return released

    def waiting(self) -> int:
        """Return how many calls are in the gateway's lines and in its session."""
        return sum(self.account.gates.waiting().values())

    def arrived(self, endpoint: str) -> int:
        return sum(1 for arrival in self.emulator.history if arrival.endpoint == endpoint)

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.gateway.audit.path.read_text().splitlines()]

    @property
    def account(self) -> Any:
        return self.gateway.accounts["main"]


def write_config(
    folder: Path,
    emulator: Emulator,
    url: str,
    *,
    listen: str = "127.0.0.1:0",
    more: str = "",
    store: str = "",
    governor: str = "off",
    account: str = "",
) -> Path:
    key = folder / "kraken.key"
    key.write_text("\n".join(emulator.key) + "\n")
    key.chmod(0o600)
    path = folder / "gateway.toml"
    path.write_text(
        f'listen = "{listen}"\n{more}\n[accounts.main]\nkey_file = "kraken.key"\ntier = "pro"\n'
        f'base_url = "{url}"\nstore = "{store or f"file:{folder}/state"}"\ngovernor = "{governor}"\n{account}'
    )
    return path


@pytest.fixture(autouse=True)
def short_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order is looked up for half a second here, where a gateway in earnest takes five."""
    monkeypatch.setattr("kraken_async.gateway.account.SETTLE_TIMEOUT", 0.5)


@pytest.fixture
def long_look_ups(monkeypatch: pytest.MonkeyPatch, short_look_ups: None) -> None:
    """For orders that are to be found, however slow the machine. Asked for before ``running``."""
    monkeypatch.setattr("kraken_async.gateway.account.SETTLE_TIMEOUT", 30.0)


@asynccontextmanager
async def started(folder: Path, emulator: Emulator, **options: Any) -> AsyncIterator[Running]:
    async with EmulatorServer(emulator) as server:
        config = GatewayConfig.load(write_config(folder, emulator, server.url, **options))
        async with Gateway(config) as gateway, aiohttp.ClientSession() as http:
            yield Running(gateway, emulator, http)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway on loopback with one account, "main", on a fresh emulator without limits."""
    async with started(tmp_path, Emulator(seed=1)) as found:
        yield found


@pytest.fixture
def token_file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "gateway-tokens.json")


async def neighbour(running: Running, state: Path, store: str = "") -> asyncio.subprocess.Process:
    """Run another program on the gateway's key and store, until it is ended. It makes a call every five seconds."""
    key, secret = running.emulator.key
    environment = {
        **os.environ,
        "KRAKEN_API_KEY": key,
        "KRAKEN_API_SECRET": secret,
        "KRAKEN_API_URL": running.account.config.base_url,
        "KRAKEN_STORE": store or f"file:{state}",
        "KRAKEN_API_TIER": "pro",
    }
    program = Path(__file__).with_name("neighbour_child.py")
    return await asyncio.create_subprocess_exec(sys.executable, str(program), env=environment)


async def eventually(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until ``condition`` holds, looking whenever the loop has gone round."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)
