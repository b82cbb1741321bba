"""What an order costs: AddOrder with an id, a deadline and a record, beside plain aiohttp sending the same fields.

Each measurement is a fresh process that places orders one after the other and notes the CPU time of each. The figures
are medians over a window of orders, so that a cost which grows with the number of orders is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from benchmarks import contenders
from benchmarks.contenders import API_KEY, SECRET, Call, Increasing

ORDER: Final = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "37500.0", "volume": "1.25"}
PATH: Final = "/0/private/AddOrder"
#: First and last order of a window.
WINDOW: Final = 100


@contextlib.asynccontextmanager
async def _plain(url: str) -> AsyncIterator[Call]:
    nonces = Increasing()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:

        async def call() -> Any:
            nonce = str(nonces())
            deadline = (datetime.now(UTC) + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            fields = {"nonce": nonce, **ORDER, "cl_ord_id": str(uuid.uuid4()), "deadline": deadline}
            body = urlencode(fields)
            headers = {
                "API-Key": API_KEY,
                "API-Sign": contenders.plain_signature(nonce, body, PATH),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            async with http.post(url + PATH, data=body, headers=headers) as answer:
                envelope = json.loads(await answer.read())
            if envelope["error"]:
                raise RuntimeError(envelope["error"])
            return envelope["result"]

        yield call


@contextlib.asynccontextmanager
async def _ours(url: str, store: str, journal: bool | str) -> AsyncIterator[Call]:
    from kraken_async import BurstGovernor, FileStore, KrakenSession, MemoryStore, OrderPolicy

    logging.getLogger("kraken_async").setLevel(logging.ERROR)  # a temporary state directory is warned of
    with tempfile.TemporaryDirectory() as folder:
        kept = MemoryStore() if store == "memory" else FileStore(folder)
        async with KrakenSession(
            API_KEY,
            SECRET,
            base_url=url,
            governor=BurstGovernor.off(),
            store=kept,
            state_dir=folder,
            orders=OrderPolicy(journal=journal),  # type: ignore[arg-type]  # one of its three words, as the plan has it
        ) as client:
            yield lambda: client.private("AddOrder", ORDER)


def cost(
    *, way: str, url: str, orders: int, store: str = "file", journal: bool | str = True
) -> dict[str, float]:
    """Place so many orders; return CPU µs by window (its last order's number), and bytes written per order."""
    opener = _plain(url) if way == "plain" else _ours(url, store, journal)
    return asyncio.run(_place(opener, orders))


async def _place(opener: contextlib.AbstractAsyncContextManager[Call], orders: int) -> dict[str, float]:
    spent = []
    async with opener as call:
        for _ in range(50):
            await call()
        written = _written()
        for _ in range(orders):
            begun = time.process_time()
            await call()
            spent.append(time.process_time() - begun)
        written = _written() - written
    found = {
        str(last): statistics.median(spent[last - WINDOW : last]) * 1e6
        for last in (WINDOW, 1_000, 5_000)
        if last <= orders
    }
    return {**found, "bytes": written / orders}


def _written() -> int:
    """Return what this process has handed to ``write`` for files; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["wchar"])
