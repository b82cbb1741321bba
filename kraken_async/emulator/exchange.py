"""One exchange and all that can go wrong on its way, for the socket server and for in-memory transports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from .faults import Fault
from .flight import Flight
from .values import JSON_TYPE, ConnectionDropped, Reply, header
from .wire import dumps

if TYPE_CHECKING:
    from .emulator import Emulator

Sleep = Callable[[float], Awaitable[object]]

_PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>{status} | Cloudflare</title></head>"
    "<body><h1>Error {status}</h1><p>The page cannot be shown.</p></body></html>\n"
)
#: These keep a request from ever reaching the rules when they come before.
_LOSING: Final = frozenset({"reset", "disconnect", "status", "html", "garbage", "hang"})


class Courier:
    """Keeps deliveries going when their callers have left."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._tasks: set[asyncio.Task[Reply]] = set()

    async def deliver(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        sleep: Sleep,
        jitter: tuple[float, float] | None,
    ) -> Reply:
        """See `Emulator.deliver`."""
        flight = self._emulator.begin(header(headers, "API-Key"))
        task = asyncio.ensure_future(
            exchange(self._emulator, method, path, headers, body, sleep=sleep, jitter=jitter, flight=flight)
        )
        self._tasks.add(task)
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        finally:
            flight.end()

    def _done(self, task: asyncio.Task[Reply]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a caller who has left will not ask for it, and asyncio would complain

    async def landed(self) -> None:
        """See `Emulator.landed`."""
        if self._tasks:
            await asyncio.wait(list(self._tasks))


async def exchange(
    emulator: Emulator,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    sleep: Sleep = asyncio.sleep,
    jitter: tuple[float, float] | None = None,
    flight: Flight | None = None,
) -> Reply:
    """Carry one request to the rules and its answer back; see `Emulator.exchange`."""
    flight = flight or emulator.begin(header(headers, "API-Key"))
    try:
        fault = emulator.faults.draw(path.partition("?")[0].partition("/0/")[2].partition("/")[2])
        pause = _pause(emulator, jitter, fault)
        if pause > 0:
            await sleep(pause)
        if fault is None:
            return emulator.handle(method, path, headers, body)
        if fault.when == "before":
            if fault.what in _LOSING:
                emulator.lost(path, headers, body, fault)
                return await _distort(fault, None, sleep, flight)
            if fault.what == "late":
                await sleep(fault.seconds)
                return emulator.handle(method, path, headers, body, fault=fault)
        reply = emulator.handle(method, path, headers, body, fault=fault)
        return await _distort(fault, reply, sleep, flight)
    finally:
        flight.end()


def _pause(emulator: Emulator, jitter: tuple[float, float] | None, fault: Fault | None) -> float:
    if fault is not None and fault.jitter is not None:
        return fault.jitter
    low, high = emulator.jitter if jitter is None else jitter
    return emulator.random.uniform(low, high) if high > 0 else 0.0


async def _distort(fault: Fault, reply: Reply | None, sleep: Sleep, flight: Flight) -> Reply:
    """Return what the client sees; ``reply`` is None for a request that never reached the rules."""
    executed = reply is not None
    what = fault.what
    if what in ("reset", "disconnect"):
        raise ConnectionDropped(executed=executed, abrupt=what == "reset")
    if what == "hang":
        await flight.ended()
        raise ConnectionDropped(executed=executed)
    if what in ("status", "html"):
        return _page(fault)
    if what == "garbage":
        return Reply(200, {"Content-Type": "application/octet-stream"}, bytes(range(256)))
    assert reply is not None
    return await _spoil(fault, reply, sleep)


def _page(fault: Fault) -> Reply:
    """Return an HTML page, or Kraken's envelope under another status when the fault names an error."""
    again = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.error:
        return Reply(fault.status, {"Content-Type": JSON_TYPE, **again}, dumps({"error": [fault.error]}))
    page = _PAGE.format(status=fault.status)
    return Reply(fault.status, {"Content-Type": "text/html; charset=UTF-8", **again}, page.encode())


async def _spoil(fault: Fault, reply: Reply, sleep: Sleep) -> Reply:
    what, half = fault.what, reply.body[: len(reply.body) // 2]
    if what == "late":
        await sleep(fault.seconds)
    elif what == "truncated":
        full = {**reply.headers, "Content-Length": str(len(reply.body))}
        raise ConnectionDropped(executed=True, reply=Reply(reply.status, full, half), abrupt=False)
    elif what == "broken json":
        return Reply(reply.status, reply.headers, half)
    elif what == "slow":
        return Reply(reply.status, reply.headers, reply.body, pace=fault.seconds)
    elif what == "error" and fault.when == "after":
        return Reply(200, reply.headers, dumps({"error": [fault.error]}))
    return reply
