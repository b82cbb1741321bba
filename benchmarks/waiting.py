"""What 100,000 waiting calls cost: memory, CPU, and the time to cancel them all.

The path to Kraken is replaced by a function, so that the queue is what is seen, and aiohttp does not hide it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import tempfile
import time
import tracemalloc
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from benchmarks.memory import resident
from benchmarks.plain import API_KEY, SECRET
from benchmarks.stub import ENVELOPE

Start = Callable[[], Awaitable[Any]]


@contextlib.asynccontextmanager
async def _session(gate: asyncio.Event, url: str | None = None) -> AsyncIterator[Start]:
    """Yield kraken_async's Balance; answers come at once while the gate is open, or from ``url``."""
    from kraken_async import BurstGovernor, FileStore, KrakenSession
    from kraken_async.wire.messages import Response

    logging.getLogger("kraken_async").setLevel(logging.ERROR)

    async def send(_request: Any, _timeout: float) -> Response:
        await gate.wait()
        return Response(200, {}, ENVELOPE)

    where: dict[str, Any] = {"base_url": url} if url else {"transport": send}
    with tempfile.TemporaryDirectory() as folder:
        store, governor = FileStore(folder), BurstGovernor.off()
        async with KrakenSession(API_KEY, SECRET, governor=governor, store=store, **where) as client:
            yield lambda: client.private("Balance")


@contextlib.asynccontextmanager
async def _lock(gate: asyncio.Event, _url: str | None = None) -> AsyncIterator[Start]:
    """Yield the hand-written way: an asyncio.Lock around the exchange."""
    lock = asyncio.Lock()

    async def call() -> Any:
        async with lock:
            await gate.wait()

    yield call


@contextlib.asynccontextmanager
async def _bare(gate: asyncio.Event, _url: str | None = None) -> AsyncIterator[Start]:
    """Yield the least that any waiting call needs: its caller's task, waiting for a future of its own.

    While the gate is open, one future gets its result in each turn of the loop, the oldest first.
    """
    loop = asyncio.get_running_loop()
    futures: deque[asyncio.Future[None]] = deque()

    async def call() -> Any:
        future = loop.create_future()
        futures.append(future)
        await future

    async def answer() -> None:
        while await gate.wait():
            if futures and not (oldest := futures.popleft()).done():
                oldest.set_result(None)
            await asyncio.sleep(0)

    answering = asyncio.ensure_future(answer())
    try:
        yield call
    finally:
        answering.cancel()


WAYS = {"kraken_async": _session, "lock": _lock, "bare": _bare}


async def _queue(start: Start, number: int) -> list[asyncio.Task[Any]]:
    """Start so many calls, each in a task of its own as gather does, and let them come to where they wait."""
    tasks = [asyncio.ensure_future(start()) for _ in range(number)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    return tasks


async def _leave(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel them in this order."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def memory(way: str, number: int, *, traced: bool) -> dict[str, float]:
    """Return the bytes that one more waiting call takes: all of it, its caller's task and frames among them.

    ``traced``: what Python's allocator was asked for (tracemalloc); else the growth of the resident set.
    """

    async def run() -> float:
        def size() -> int:
            return tracemalloc.get_traced_memory()[0] if traced else resident()

        gate = asyncio.Event()
        async with WAYS[way](gate) as start:
            first = await _queue(start, 10)  # what is made once is made now
            gc.collect()
            before = size()
            tasks = await _queue(start, number)
            gc.collect()
            grown = size() - before
            await _leave(first + tasks)
            gate.set()  # closing waits for the answer of the one in flight
        return grown / number

    if traced:
        tracemalloc.start()
    return {"bytes": asyncio.run(run())}


def cpu(way: str, few: int, many: int, url: str | None = None, *, collected: bool = True) -> dict[str, float]:
    """Return the CPU of a call, in microseconds, with ``few`` and with ``many`` gathered at a time.

    ``collected`` False: without garbage collections, each of which visits all that waits.
    """
    if not collected:
        gc.disable()

    async def run() -> dict[str, float]:
        gate = asyncio.Event()
        gate.set()
        found = {}
        async with WAYS[way](gate, url) as start:
            await asyncio.gather(*[start() for _ in range(few)])  # once for warmth
            for name, size, batches in (("few", few, max(many // few // 2, 1)), ("many", many, 1)):
                gc.collect()
                begun = time.process_time()
                for _ in range(batches):
                    await asyncio.gather(*[start() for _ in range(size)])
                found[name] = (time.process_time() - begun) / (batches * size) * 1e6
        return {**found, "ratio": found["many"] / found["few"]}

    return asyncio.run(run())


def cancel(way: str, number: int, order: str) -> dict[str, float]:
    """Return the seconds until ``number`` waiting calls are cancelled and gone: oldest or newest first, or random."""

    async def run() -> float:
        gate = asyncio.Event()
        async with WAYS[way](gate) as start:
            tasks = await _queue(start, number)
            if order == "newest":
                tasks.reverse()
            elif order == "random":
                random.Random(7).shuffle(tasks)
            begun = time.perf_counter()
            await _leave(tasks)
            seconds = time.perf_counter() - begun
            gate.set()
            return seconds

    return {"seconds": asyncio.run(run())}
