"""Both ways to the wire, and a server that writes bytes."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.byte_server import ends
from tests.wire.support import WAYS, Raw, choose


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Every test that asks for it holds on both ways to the wire."""
    choose(monkeypatch, str(request.param))
    gc.freeze()  # so that the collection below looks at this test's objects alone, and takes no time
    yield str(request.param)
    if request.param == "aiohttp":
        # A connection that is cut off as it is made: aiohttp leaves its socket to the collection of garbage.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
            gc.collect()


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    """Start a server that answers each request in one write; gives its address.

    ``then`` follows unasked, after the answer was read; ``once`` ends the connection after the answer.
    """

    async def whole(reader: asyncio.StreamReader) -> bytes:
        data = b""
        while not ends(data) and (piece := await reader.read(1 << 20)):
            data += piece
        return data

    servers: list[asyncio.Server] = []
    running: set[asyncio.Task[Any]] = set()

    async def start(answer: Callable[[bytes], bytes], *, then: bytes = b"", once: bool = False) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            running.add(task)
            while request := await whole(reader):
                writer.write(answer(request))
                if then:
                    await asyncio.sleep(0.05)
                    writer.write(then)
                if once:
                    break
            writer.close()
            await writer.wait_closed()

        servers.append(server := await asyncio.start_server(handle, "127.0.0.1", 0))
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()
    if running:
        await asyncio.wait(running, timeout=20)
