"""One exchange with everything that can go wrong on its way: used by the socket server and by in-memory transports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from .faults import Fault
from .flight import Flight
from .values import ConnectionDropped, Reply
from .wire import dumps

if TYPE_CHECKING:
    from .engine import Emulator

Sleep = Callable[[float], Awaitable[object]]

_PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>{status} | Cloudflare</title></head>"
    "<body><h1>Error {status}</h1><p>The page cannot be shown.</p></body></html>\n"
)
#: These keep a request from ever reaching the rules when they come before.
_LOSING: Final = frozenset({"reset", "disconnect", "status", "html", "garbage", "hang"})


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
    flight = flight or emulator.begin(headers.get("API-Key") or "")
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
        return Reply(fault.status, {"Content-Type": "text/html; charset=UTF-8"}, _PAGE.format(status=fault.status).encode())
    if what == "garbage":
        return Reply(200, {"Content-Type": "application/octet-stream"}, bytes(range(256)))
    assert reply is not None
    return await _spoil(fault, reply, sleep)


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
