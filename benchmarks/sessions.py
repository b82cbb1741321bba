"""What grows with what a session finds: opening beside dead sessions' journals, and stats() with many orders known."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.order_clients import ORDER
from benchmarks.plain import API_KEY, SECRET

#: Seconds between two beats by which the loop is seen to run.
BEAT: Final = 0.001
#: How often the sessions take turns.
ROUNDS: Final = 30


class Pulse:
    """How long the loop did not run, at most: by the clock, and in CPU time of its own thread.

    The second is what a session takes; the first is that and what a busy machine adds.
    """

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Watch the loop inside."""
        task = asyncio.ensure_future(self._beat())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            await asyncio.sleep(2 * BEAT)  # a block at the very end is seen too
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _beat(self) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(BEAT)
            now, spent = time.perf_counter(), time.thread_time()
            self.wall, self.cpu = max(self.wall, now - wall - BEAT), max(self.cpu, spent - cpu)
            wall, cpu = now, spent


async def leave_journals(folder: Path, number: int) -> None:
    """Write journals of sessions that died with an order of unknown outcome each."""
    from kraken_async.orders.intent import Intent
    from kraken_async.orders.journal import Journal
    from kraken_async.wire.signer import Signer

    key = Signer(API_KEY, SECRET).key_id
    for each in range(number):
        journal = Journal(folder, key)
        intent = Intent(
            id=f"i-{each}", endpoint="AddOrder", params={**ORDER, "cl_ord_id": f"o-{each}"}, sent_at=1.0,
            cl_ord_id=f"o-{each}", deadline=5.0, session=journal.session,
        )  # fmt: skip
        await journal.record(intent)
        journal.sent(intent)
        journal.close()


def opening(*, dead: int) -> dict[str, float]:
    """Return the milliseconds for which opening blocks the loop at most, and those of ``unresolved()``."""
    logging.getLogger("kraken_async").setLevel(logging.CRITICAL)
    return asyncio.run(_opening(dead))


async def _opening(dead: int) -> dict[str, float]:
    from kraken_async import BurstGovernor, FileStore, KrakenSession

    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as empty:
        await leave_journals(Path(name), dead)
        async with KrakenSession(API_KEY, SECRET, store=FileStore(empty), governor=BurstGovernor.off()):
            pass  # what is imported at the first opening is imported
        pulse = Pulse()
        session = KrakenSession(API_KEY, SECRET, store=FileStore(name), governor=BurstGovernor.off())
        begun = time.perf_counter()
        async with pulse.beating():
            await session.open()
            opened = time.perf_counter() - begun
            await asyncio.sleep(0.3)  # what it does soon after it was opened counts as well
        begun = time.perf_counter()
        found = len(session.unresolved())
        unresolved = time.perf_counter() - begun
        await session.aclose()
    if found != dead:
        raise RuntimeError(f"{found} orders found of {dead}")
    return {
        "opened_ms": opened * 1e3,
        "blocked_ms": pulse.wall * 1e3,
        "blocked_cpu_ms": pulse.cpu * 1e3,
        "unresolved_ms": unresolved * 1e3,
    }


def statistics(*, orders: list[int], number: int) -> dict[str, float]:
    """Return the microseconds of one ``stats()`` with so many orders known, by their number, and the ratio of the ends.

    Sessions take turns, each after as many calls as all others: what is kept of the last calls is then alike.
    """
    logging.getLogger("kraken_async").setLevel(logging.CRITICAL)
    return asyncio.run(_statistics(sorted(orders), number))


async def _statistics(orders: list[int], number: int) -> dict[str, float]:
    spent: dict[int, list[float]] = {known: [] for known in orders}
    async with AsyncExitStack() as stack:
        clients = {}
        for known in orders:
            client = await stack.enter_async_context(_trading())
            for place in range(orders[-1]):
                if place < known:
                    await client.private("AddOrder", ORDER)
                else:
                    await client.private("Balance")
            clients[known] = client
        await asyncio.sleep(1.1)  # the rate of the last second is counted call by call
        for _ in range(ROUNDS):
            for known, client in clients.items():
                begun = time.thread_time()
                for _ in range(number):
                    client.stats()
                spent[known].append((time.thread_time() - begun) / number * 1e6)
    first, *_, last = spent.values()
    ratio = median(many / few for few, many in zip(first, last, strict=True))
    return {**{str(known): median(each) for known, each in spent.items()}, "ratio": ratio}


@asynccontextmanager
async def _trading() -> AsyncIterator[Any]:
    from kraken_async import BurstGovernor, FileStore, KrakenSession
    from kraken_async.wire.messages import Response

    ids = count()

    async def send(_request: Any, _timeout: float) -> Response:
        return Response(200, {}, b'{"error":[],"result":{"txid":["O%05d-BBBBB-CCCCCC"]}}' % next(ids))

    with tempfile.TemporaryDirectory() as folder:
        async with KrakenSession(
            API_KEY, SECRET, store=FileStore(folder), governor=BurstGovernor.off(), transport=send
        ) as client:
            yield client
