"""What the gateway costs: CPU of its process per call, beside a session's own call and aiohttp.web's bare floor.

``python -m benchmarks --only gateway`` measures it; ``python -m benchmarks.gateway`` prints the figures as JSON. Each
server is a process of its own and reports its own CPU; the calls come from this process, over eight connections,
against a stub of Kraken that costs next to nothing. Ratios are taken inside a round.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from benchmarks.figures import spread
from benchmarks.stub import ENVELOPE
from kraken_async import BurstGovernor, KrakenSession
from kraken_async.gateway import Gateway, GatewayConfig

#: Of a full run: calls in a round, rounds, and clients that wait at once.
FULL: Final = (5_000, 5, 2_000)
AT_ONCE: Final = 8
#: Calls that each makes before the next one's turn; a multiple of those.
TURN: Final = 200
WARM_UP: Final = 200
KEY: Final = ("key", "c2VjcmV0c2VjcmV0")


# ------------------------------------------------------------------ processes that are measured


def say(value: dict[str, Any]) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def resident() -> int:
    """Return this process's resident memory in bytes, as Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def reporting(address: str, work: Callable[[int], Awaitable[None]] | None = None) -> None:
    """Print an address; then, for each number on standard input, the CPU seconds and resident bytes so far."""
    loop = asyncio.get_running_loop()
    say({"address": address})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if work is not None:
            await work(int(line))
        say({"cpu": time.process_time(), "resident": resident()})


async def gateway(url: str, folder: str) -> None:
    """Serve a gateway before the stub at ``url``; its one token is printed as part of its address."""
    path = Path(folder) / "gateway.toml"
    path.write_text(
        f'listen = "127.0.0.1:0"\n[accounts.main]\nkey = "{KEY[0]}"\nsecret = "{KEY[1]}"\ntier = "pro"\n'
        f'base_url = "{url}"\nstore = "file:{folder}/state"\ngovernor = "off"\n',
        encoding="utf-8",
    )
    path.chmod(0o600)
    async with Gateway(GatewayConfig.load(path)) as serving:
        token = serving.tokens.add("bench", ["main"], ["read"])
        await reporting(f"{serving.url} {token}")


async def bare() -> None:
    """Serve the least that aiohttp.web can: read a body, answer with bytes."""

    async def answer(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(body=ENVELOPE, content_type="application/json")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await reporting(f"http://127.0.0.1:{runner.addresses[0][1]} none")
    await runner.cleanup()


async def session(url: str, folder: str) -> None:
    """Make calls with a session of this process's own, as many as are asked for, eight at once."""
    off = BurstGovernor.off()
    async with KrakenSession(*KEY, base_url=url, state_dir=folder, governor=off, tier="pro") as client:

        async def work(calls: int) -> None:
            async def some() -> None:
                for _ in range(calls // AT_ONCE):
                    await client.private("Balance")

            await asyncio.gather(*(some() for _ in range(AT_ONCE)))

        await reporting("none", work)


# ------------------------------------------------------------------ load


class Load:
    """Calls over eight connections, each its next one when the one before is answered."""

    def __init__(self, address: str) -> None:
        url, token = address.split()
        self._host, self._port = url.removeprefix("http://").split(":")
        body = b"nonce=1"
        self._request = (
            f"POST /0/private/Balance HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAPI-Key: {token}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._there: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def make(self, calls: int) -> None:
        """Make so many calls, on connections that stay."""
        while len(self._there) < AT_ONCE:
            self._there.append(await asyncio.open_connection(self._host, int(self._port)))
        await asyncio.gather(*(self._some(*each, calls // AT_ONCE) for each in self._there))

    async def _some(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: int) -> None:
        for _ in range(calls):
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.split(b"content-length: ")[1].split(b"\r")[0]
            answer = await reader.readexactly(int(length))
            assert answer.startswith(b'{"error":[]'), answer

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._there:
            writer.close()


async def hold(address: str, clients: int) -> list[asyncio.StreamWriter]:
    """Open connections that each wait for an answer that does not come."""
    url, token = address.split()
    host, port = url.removeprefix("http://").split(":")
    request = (
        f"POST /0/private/Balance HTTP/1.1\r\nHost: {host}\r\nAPI-Key: {token}\r\nContent-Length: 0\r\n\r\n"
    )
    held = []
    for _ in range(clients):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request.encode())
        held.append(writer)
    return held


class Child:
    """A process of this module, or the stub, that answers lines with lines."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address

    async def report(self, calls: int = 0) -> dict[str, Any]:
        """Ask for the figures so far, after ``calls`` of its own if it makes them itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{calls}\n".encode())
        found: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return found


@asynccontextmanager
async def child(*words: str) -> AsyncIterator[Child]:
    """Run a child until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode().strip()
        yield Child(process, line if line.isdigit() else json.loads(line)["address"])
    finally:
        process.stdin.close()
        await process.wait()


async def cost(one: Child, load: Load | None, calls: int) -> float:
    """Return the CPU seconds of the child for so many calls; without ``load`` it makes them itself."""
    before = await one.report()
    if load is None:
        after = await one.report(calls)
    else:
        await load.make(calls)
        after = await one.report()
    spent: float = after["cpu"] - before["cpu"]
    return spent


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what comes and answer nothing."""
    while await reader.read(65536):
        pass
    writer.close()


async def memory(folder: str, clients: int) -> dict[str, float]:
    """Return what the gateway's memory grows by with clients that wait for a Kraken that is silent."""
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with child("benchmarks.gateway", "gateway", url, folder) as serving:
        before = (await serving.report())["resident"]
        held = await hold(serving.address, clients)
        await asyncio.sleep(2.0)
        grown = (await serving.report())["resident"] - before
        for writer in held:
            writer.close()
    server.close()
    return {
        "clients": clients,
        "MiB": round(grown / 2**20, 1),
        "KiB_per_client": round(grown / clients / 1024, 1),
    }


async def main(calls: int, rounds: int, clients: int) -> None:
    """Measure in turns, and print the spread of each figure."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8 * clients)), hard))
    found: dict[str, list[float]] = {"session": [], "aiohttp.web": [], "gateway": []}
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as two,
        tempfile.TemporaryDirectory() as three,
    ):
        async with child("benchmarks.stub") as stub:
            url = f"http://127.0.0.1:{stub.address}"
            async with (
                child("benchmarks.gateway", "session", url, one) as alone,
                child("benchmarks.gateway", "bare") as floor,
                child("benchmarks.gateway", "gateway", url, two) as serving,
            ):
                loads = {
                    "session": None,
                    "aiohttp.web": Load(floor.address),
                    "gateway": Load(serving.address),
                }
                children = {"session": alone, "aiohttp.web": floor, "gateway": serving}
                for name, load in loads.items():
                    await cost(children[name], load, WARM_UP)
                for _ in range(rounds):
                    spent = dict.fromkeys(children, 0.0)
                    turns = max(1, calls // TURN)
                    for _ in range(turns):  # in short turns, so that a busy moment is everyone's
                        for name in random.sample(list(children), len(children)):
                            spent[name] += await cost(children[name], loads[name], calls // turns)
                    for name, seconds in spent.items():
                        found[name].append(seconds / (calls // turns * turns) * 1e6)
                for load in loads.values():
                    if load is not None:
                        load.close()
        waiting = await memory(three, clients)
    to_session = [one / other for one, other in zip(found["gateway"], found["session"], strict=True)]
    say(
        {
            "calls": calls,
            "rounds": rounds,
            "cpu_us": {name: spread(values) for name, values in found.items()},
            "ratio": spread(to_session),
            "waiting": waiting,
        }
    )


if __name__ == "__main__":
    jobs: dict[str, Callable[..., Any]] = {"gateway": gateway, "bare": bare, "session": session}
    words = sys.argv[1:]
    if words and words[0] in jobs:
        asyncio.run(jobs[words[0]](*words[1:]))
    else:
        asyncio.run(main(*map(int, words or FULL)))
