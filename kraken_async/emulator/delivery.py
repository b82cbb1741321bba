"""One request on its way to the rules, and its answer on the way back, with all that can go wrong between.

For the socket server and for in-memory transports.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Final, NamedTuple

from .faults import Fault, Faults
from .flight import Flight, InFlight
from .request_handler import RequestHandler
from .values import JSON_TYPE, ConnectionDropped, Reply, header
from .wire import dumps

Sleep = Callable[[float], Awaitable[object]]
Jitter = tuple[float, float]

_PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>{status} | Cloudflare</title></head>"
    "<body><h1>Error {status}</h1><p>The page cannot be shown.</p></body></html>\n"
)
#: These keep a request from ever reaching the rules when they come before.
_LOSING: Final = frozenset(
    {"reset", "disconnect", "status", "html", "garbage", "hang", "no result", "warning"}
)


class Request(NamedTuple):
    """One request as it arrives."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Delivery:
    """Carries requests to a handler, and keeps those on their way whose callers have left."""

    def __init__(self, handler: RequestHandler, rng: random.Random, jitter: Jitter) -> None:
        self.jitter = jitter
        self.faults: Faults = Faults()
        self.flights: InFlight = InFlight()
        self._handler = handler
        self._rng = rng
        self._tasks: set[asyncio.Task[Reply]] = set()

    def reset(self) -> None:
        """Forget the faults that have not happened yet, and what was in flight."""
        self.faults.clear()
        self.faults.count = 0
        self.flights = InFlight()

    async def deliver(self, request: Request, sleep: Sleep, jitter: Jitter | None) -> Reply:
        """See `Emulator.deliver`."""
        flight = self.flights.begin(header(request.headers, "API-Key"))
        task = asyncio.ensure_future(self.exchange(request, sleep, jitter, flight))
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
        self, request: Request, sleep: Sleep, jitter: Jitter | None, flight: Flight | None
    ) -> Reply:
        """See `Emulator.exchange`."""
        flight = flight or self.flights.begin(header(request.headers, "API-Key"))
        handler = self._handler
        try:
            fault = self.faults.draw(request.path.partition("?")[0].partition("/0/")[2].partition("/")[2])
            pause = self._pause(jitter, fault)
            if pause > 0:
                await sleep(pause)
            if fault is None:
                return handler.handle(*request)
            if fault.when == "before":
                if fault.what in _LOSING:
                    handler.lost(request.path, request.headers, request.body, fault)
                    return self._clocked(fault, await self._distort(fault, None, sleep, flight))
                if fault.what == "late":
                    await sleep(fault.seconds)
            reply = handler.handle(*request, fault=fault)
            if fault.what != "late" or fault.when == "after":
                reply = await self._distort(fault, reply, sleep, flight)
            return self._clocked(fault, reply)
        finally:
            flight.end()

    def _pause(self, jitter: Jitter | None, fault: Fault | None) -> float:
        if fault is not None and fault.jitter is not None:
            return fault.jitter
        low, high = self.jitter if jitter is None else jitter
        return self._rng.uniform(low, high) if high > 0 else 0.0

    async def _distort(self, fault: Fault, reply: Reply | None, sleep: Sleep, flight: Flight) -> Reply:
        """Return what the client sees; ``reply`` is None for a request that never reached the rules."""
        executed = reply is not None
        what = fault.what
        if what in ("reset", "disconnect"):
            raise ConnectionDropped(executed=executed, abrupt=what == "reset")
        if what == "hang":
            await flight.ended()
            raise ConnectionDropped(executed=executed)
        dated = {"Date": formatdate(self._handler.now(), usegmt=True)}
        if what in ("status", "html"):
            return _page(fault, dated)
        if what == "garbage":
            return Reply(200, {**dated, "Content-Type": "application/octet-stream"}, bytes(range(256)))
        if what in ("no result", "warning"):
            return _without_result(fault, reply, self._handler.headers())
        assert reply is not None
        return await _spoil(fault, reply, sleep)

    def _clocked(self, fault: Fault, reply: Reply) -> Reply:
        """Return the reply with the clock that the fault shows."""
        if not fault.date and not fault.undated and fault.age is None:
            return reply
        headers = dict(reply.headers)
        headers["Date"] = formatdate(self._handler.now() + fault.date, usegmt=True)
        if fault.undated:
            del headers["Date"]
        if fault.age is not None:
            headers["Age"] = str(fault.age)
        return Reply(reply.status, headers, reply.body, reply.pace)


def _page(fault: Fault, dated: Mapping[str, str]) -> Reply:
    """Return an HTML page, or Kraken's envelope under another status when the fault names an error."""
    again = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    kind = JSON_TYPE if fault.error else "text/html; charset=UTF-8"
    body = dumps({"error": [fault.error]}) if fault.error else _PAGE.format(status=fault.status).encode()
    return Reply(fault.status, {**dated, "Content-Type": kind, **again}, body)


def _refused(reply: Reply) -> bool:
    return reply.body.startswith(b'{"error":["')


def _without_result(fault: Fault, reply: Reply | None, headers: Mapping[str, str]) -> Reply:
    """Return an envelope without result; a refusal of the rules stays what it is."""
    if reply is not None and _refused(reply):
        return reply
    return Reply(200, headers, dumps({"error": [fault.error] if fault.error else []}))


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
    elif what in ("warning beside the result", "without") and reply.headers["Content-Type"] == JSON_TYPE:
        return Reply(200, reply.headers, _edited(fault, reply.body))
    return reply


def _edited(fault: Fault, body: bytes) -> bytes:
    """Return the envelope with a warning, or with some keys of its result left out."""
    answer = json.loads(body)
    if fault.error and not answer["error"]:
        answer["error"] = [fault.error]
    if isinstance(answer.get("result"), dict):
        answer["result"] = {name: row for name, row in answer["result"].items() if name not in fault.names}
    return dumps(answer)
