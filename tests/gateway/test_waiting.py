"""Two thousand clients that wait: bounded in memory and in number, and nothing of them is left when they are gone."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from kraken_async.emulator import Emulator
from tests.gateway.conftest import write_config
from tests.gateway.processes import serving, token
from tests.pace import ended

CLIENTS = 2000
#: Bytes that a waiting client may take. It took 11 KiB when this was written.
EACH = 32 * 1024

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="not Linux"),
]


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    """Allow as many descriptors as this needs, for this process and for those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, 3 * CLIENTS)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


class Crowd:
    """Clients of one token, each with a connection and a call of its own."""

    def __init__(self, url: str, key: str) -> None:
        self._host, self._port = url.removeprefix("http://").split(":")
        self._request = (
            f"POST /0/private/Balance HTTP/1.1\r\nHost: {self._host}\r\nAPI-Key: {key}\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        self._there: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def come(self, number: int) -> None:
        for _ in range(number):
            reader, writer = await asyncio.open_connection(self._host, int(self._port))
            writer.write(self._request)
            self._there.append((reader, writer))

    async def first_answer_of_the_last(self, number: int) -> str:
        """Return the head of the first answer that comes to one of the last ``number`` clients."""
        heads = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader, _ in self._there[-number:]]
        done, others = await asyncio.wait(heads, return_when=asyncio.FIRST_COMPLETED)
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return (await done.pop()).decode()

    async def leave(self) -> None:
        for _, writer in self._there:
            writer.close()
        self._there.clear()


@asynccontextmanager
async def silence() -> AsyncIterator[str]:
    """A Kraken that takes every call and answers none."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await ended(server)


async def waiting(http: aiohttp.ClientSession, url: str, page: str) -> int:
    async with http.get(f"{url}/api/status", headers={"Authorization": f"Bearer {page}"}) as response:
        (account,) = json.loads(await response.read())["accounts"]
        return sum(account["waiting_by_token"].values())


async def until(http: aiohttp.ClientSession, url: str, page: str, least: int, most: int) -> None:
    async with asyncio.timeout(120):
        while not least <= await waiting(http, url, page) <= most:
            await asyncio.sleep(0.05)


@pytest.mark.timeout(300)
async def test_2000_waiting_clients_are_held_in_bounded_memory_and_those_beyond_the_bound_are_turned_away(
    tmp_path: Path,
) -> None:
    async with silence() as kraken, aiohttp.ClientSession() as http:
        bound = f"max_waiting_per_token = {CLIENTS}\n"
        config = write_config(
            tmp_path, Emulator(seed=1), kraken, more=bound, account="queue_timeout = 100000\n"
        )
        bots, page = token(config, "bots", "read"), token(config, "page", "read")
        with serving(config, subprocess.Popen) as (process, url):  # with as many descriptors as this one
            await until(http, url, page, 0, 0)
            before = resident(process.pid)
            peaks = []
            for _ in range(2):
                crowd = Crowd(url, bots)
                await crowd.come(CLIENTS)
                # The one in flight is given up on after some seconds, and another takes its place.
                await until(http, url, page, CLIENTS - 50, CLIENTS)
                peaks.append(resident(process.pid) - before)
                await crowd.come(CLIENTS - await waiting(http, url, page) + 60)
                assert "X-Kraken-Outcome: not-sent" in await crowd.first_answer_of_the_last(20)
                await crowd.leave()
                await until(http, url, page, 0, 0)
            assert peaks[0] < CLIENTS * EACH
            assert peaks[1] < peaks[0] + CLIENTS * EACH / 4, "memory of those who left is not used again"
