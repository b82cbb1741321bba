"""The emulator behind a socket.

aiohttp's low-level server, without router and middlewares: benchmarks of the client run against it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from .emulator import Emulator
from .flight import Flight
from .given import flag, span
from .listening import Listening, is_loopback
from .threads import in_thread
from .values import ConnectionDropped, Reply

_PIECES = 10


class _Server(web.Server):
    """aiohttp's server, told when a client hangs up: a call that was given up on is in flight no longer."""

    def __init__(self, serve: Any, flights: dict[RequestHandler, Flight], keepalive: float) -> None:
        super().__init__(serve, access_log=None, keepalive_timeout=keepalive)
        self._flights = flights

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        flight = self._flights.pop(handler, None)
        if flight is not None:
            flight.end()
        super().connection_lost(handler, exc)


class EmulatorServer(Listening):
    """Serves an emulator on ``url`` while its ``async with`` block runs (or from `start` to `stop`).

    ``jitter`` is the path's delay in seconds, drawn for each request before its nonce is checked; None leaves
    it to ``emulator.jitter``. ``keepalive`` is how long an idle connection is kept, in seconds. Listens on
    loopback only, unless ``allow_remote`` says that others may reach it.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        jitter: tuple[float, float] | None = None,
        keepalive: float = 75.0,
        allow_remote: bool = False,
    ) -> None:
        if not (flag(allow_remote, "allow_remote") or is_loopback(host)):
            raise ValueError(
                f"{host} is not a loopback address; allow_remote=True lets others reach the emulator"
            )
        super().__init__(host, port)
        self.emulator = emulator
        self.jitter: tuple[float, float] | None = None if jitter is None else span(jitter, "jitter")
        self._keepalive = keepalive
        self._flights: dict[RequestHandler, Flight] = {}
        self._handlers: set[asyncio.Task[Any]] = set()

    def _new_runner(self) -> web.ServerRunner:
        server = _Server(self._serve, self._flights, self._keepalive)
        return web.ServerRunner(server, shutdown_timeout=0.01)

    async def stop(self) -> None:
        """Stop listening and drop all connections, calls in flight among them."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in list(runner.sites):
            await site.stop()
        # Left to itself, aiohttp waits for the handlers, and stumbles over one that ends as it stops waiting.
        while self._handlers:
            for task in self._handlers:
                task.cancel()
            await asyncio.wait(self._handlers)
        await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        if self._runner is None:
            task.cancel()  # it came while we stop
        self._handlers.add(task)
        try:
            return await self._answer(request)
        finally:
            self._handlers.discard(task)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        emulator, handler = self.emulator, request.protocol
        # The flight begins with the headers: a body still on its way is a call in flight.
        flight = self._flights[handler] = emulator.begin(request.headers.get("API-Key", ""))
        try:
            body = await request.read()
            reply = await emulator.exchange(
                request.method, request.raw_path, request.headers, body, jitter=self.jitter, flight=flight
            )
        except ConnectionDropped as dropped:
            _drop(request, dropped)
            return web.Response()
        finally:
            flight.end()
            self._flights.pop(handler, None)
        if "Date" not in reply.headers:
            # aiohttp would add one.
            _drop(request, ConnectionDropped(executed=True, reply=_complete(reply), abrupt=False))
            return web.Response()
        if reply.pace:
            return await _dribble(request, reply)
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)


def _drop(request: web.BaseRequest, dropped: ConnectionDropped) -> None:
    """End the connection as ``dropped`` says; whatever aiohttp writes to it afterwards goes nowhere."""
    transport = request.transport
    if transport is None:
        return
    if dropped.reply is not None:
        head = f"HTTP/1.1 {dropped.reply.status} {HTTPStatus(dropped.reply.status).phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in dropped.reply.headers.items())
        transport.write(head.encode() + b"\r\n" + dropped.reply.body)
        transport.close()
    elif dropped.abrupt:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # With no time to linger the kernel sends a reset instead of an orderly end.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


def _complete(reply: Reply) -> Reply:
    headers = {**reply.headers, "Content-Length": str(len(reply.body)), "Connection": "close"}
    return Reply(reply.status, headers, reply.body)


async def _dribble(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Send the body in pieces over ``reply.pace`` seconds."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    step = -(-len(reply.body) // _PIECES)
    with contextlib.suppress(ConnectionError):
        for start in range(0, len(reply.body), step):
            await asyncio.sleep(reply.pace / _PIECES)
            await response.write(reply.body[start : start + step])
        await response.write_eof()
    return response


@contextlib.contextmanager
def serve_in_thread(emulator: Emulator, **options: Any) -> Iterator[EmulatorServer]:
    """Serve an emulator from a thread with a loop of its own, for synchronous clients, threads and child processes.

    ``options`` are those of `EmulatorServer`. An error while starting is raised here.
    """
    with in_thread(EmulatorServer(emulator, **options)) as server:
        yield server
