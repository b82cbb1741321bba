"""A server in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Protocol, TypeVar


class Server(Protocol):
    """A server that is started and stopped in one loop."""

    async def start(self) -> object:
        """Begin to listen."""

    async def stop(self) -> None:
        """Stop listening."""


ServerT = TypeVar("ServerT", bound=Server)


@contextlib.contextmanager
def in_thread(server: ServerT) -> Iterator[ServerT]:
    """Run a server from a thread while the block runs. An error while starting is raised here."""
    started: Future[asyncio.AbstractEventLoop] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            await server.start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(asyncio.get_running_loop())
        try:
            await stop.wait()
        finally:
            await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="kraken-emulator", daemon=True)
    thread.start()
    try:
        loop = started.result()
        try:
            yield server
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join()
