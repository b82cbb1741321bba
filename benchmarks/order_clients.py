"""Clients that place, amend and cancel orders on the stub, each with the same fields; and the worker that times them.

An order has an id and a deadline of its own, made for each as ``kraken_async`` makes them.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import statistics
import sys
import tempfile
import time
import uuid
from asyncio import get_running_loop
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from benchmarks.contenders import PEERS
from benchmarks.plain import API_KEY, SECRET, Increasing, plain_signature

ORDER: Final = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "37500.0", "volume": "1.25"}
ENDPOINTS: Final = ("AddOrder", "AmendOrder", "CancelOrder")

#: Makes one private call and returns its result.
Ask = Callable[[str, dict[str, str]], Awaitable[Any]]
#: What a client is opened with.
Options = Mapping[str, Any]


def deadline() -> str:
    """Return five seconds from now, as Kraken reads it."""
    return (datetime.now(UTC) + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def written_out(endpoint: str, txid: str) -> dict[str, str]:
    """Return the fields of a call for a client that adds none of its own."""
    if endpoint == "AddOrder":
        return {**ORDER, "cl_ord_id": str(uuid.uuid4()), "deadline": deadline()}
    if endpoint == "AmendOrder":
        return {"txid": txid, "limit_price": "37499.5", "deadline": deadline()}
    return {"txid": txid}


def bare(endpoint: str, txid: str) -> dict[str, str]:
    """Return the fields of a call for ``kraken_async``, which makes ids and deadlines."""
    if endpoint == "AddOrder":
        return ORDER
    return {"txid": txid, "limit_price": "37499.5"} if endpoint == "AmendOrder" else {"txid": txid}


# ------------------------------------------------------------------ the clients


@contextlib.asynccontextmanager
async def plain(url: str, _options: Options) -> AsyncIterator[Ask]:
    """aiohttp by hand: the floor."""
    nonces = Increasing()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:

        async def ask(endpoint: str, fields: dict[str, str]) -> Any:
            nonce, path = str(nonces()), f"/0/private/{endpoint}"
            body = urlencode({"nonce": nonce, **fields})
            headers = {
                "API-Key": API_KEY,
                "API-Sign": plain_signature(nonce, body, path),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            async with http.post(url + path, data=body, headers=headers) as answer:
                envelope = json.loads(await answer.read())
            if envelope["error"]:
                raise RuntimeError(envelope["error"])
            return envelope["result"]

        yield ask


@contextlib.asynccontextmanager
async def ours(url: str, options: Options) -> AsyncIterator[Ask]:
    """kraken_async, its governor off; ``store``: "file", "memory", or the address of a Redis."""
    from kraken_async import BurstGovernor, FileStore, KrakenSession, MemoryStore, OrderPolicy, RedisStore

    logging.getLogger("kraken_async").setLevel(logging.ERROR)  # a temporary state directory is warned of
    store, key = options.get("store", "file"), f"{API_KEY[:-4]}{options.get('number', 0):04d}"
    with tempfile.TemporaryDirectory() as folder:
        kept = (
            MemoryStore()
            if store == "memory"
            else FileStore(folder)
            if store == "file"
            else RedisStore(store)
        )
        policy = OrderPolicy(journal=options.get("journal", True))
        async with KrakenSession(
            key, SECRET, base_url=url, governor=BurstGovernor.off(), store=kept, state_dir=folder, orders=policy
        ) as client:  # fmt: skip
            yield client.private


@contextlib.asynccontextmanager
async def ccxt(url: str, _options: Options) -> AsyncIterator[Ask]:
    """ccxt's asynchronous client, its limiter off."""
    settings = {"apiKey": API_KEY, "secret": SECRET, "enableRateLimit": False}
    exchange = import_module(PEERS["ccxt"]).kraken(settings)
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], url)
    calls = {name: getattr(exchange, f"private_post_{name.lower()}") for name in ENDPOINTS}

    async def ask(endpoint: str, fields: dict[str, str]) -> Any:
        return (await calls[endpoint](fields))["result"]

    try:
        yield ask
    finally:
        await exchange.close()


@contextlib.asynccontextmanager
async def sdk(url: str, _options: Options) -> AsyncIterator[Ask]:
    """python-kraken-sdk's asynchronous client."""
    client = import_module(PEERS["python-kraken-sdk"]).SpotAsyncClient(key=API_KEY, secret=SECRET, url=url)

    async def ask(endpoint: str, fields: dict[str, str]) -> Any:
        return await client.request("POST", f"/0/private/{endpoint}", params=fields)

    try:
        yield ask
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def krakenex(url: str, _options: Options) -> AsyncIterator[Ask]:
    """krakenex, which is synchronous."""
    api = import_module(PEERS["krakenex"]).API(API_KEY, SECRET)
    api.uri = url

    async def ask(endpoint: str, fields: dict[str, str]) -> Any:
        return api.query_private(endpoint, fields)["result"]

    try:
        yield ask
    finally:
        api.close()


OPENERS: Final = {each.__name__: each for each in (plain, ours, ccxt, sdk, krakenex)}


# ------------------------------------------------------------------ the worker


class Trader:
    """Makes calls one after the other and keeps the ids of what it has placed."""

    def __init__(self, ask: Ask, fields: Callable[[str, str], dict[str, str]]) -> None:
        self._ask, self._fields = ask, fields
        self._open: list[str] = []
        self.placed = 0

    async def call(self, endpoint: str) -> None:
        """Make one call; amends and cancels are of the order placed last."""
        if endpoint == "AddOrder":
            result = await self._ask(endpoint, self._fields(endpoint, ""))
            self._open.append(result["txid"][0])
            self.placed += 1
        elif endpoint == "AmendOrder":
            await self._ask(endpoint, self._fields(endpoint, self._open[-1]))
        else:
            await self._ask(endpoint, self._fields(endpoint, self._open.pop()))

    async def timed(self, endpoint: str, number: int) -> dict[str, float]:
        """Make so many calls; return the CPU of one in microseconds: median and mean."""
        gc.collect()
        spent = []
        begun = time.process_time()
        for _ in range(number):
            before = time.process_time()
            await self.call(endpoint)
            spent.append(time.process_time() - before)
        mean = (time.process_time() - begun) / number
        return {"cpu": statistics.median(spent) * 1e6, "mean": mean * 1e6}

    async def fill(self, until: int) -> dict[str, float]:
        """Place orders until there are so many; return what one took, and what was written to files for it."""
        number = until - self.placed
        if number <= 0:
            return {"orders": 0}
        written, begun = _written(), time.process_time()
        for _ in range(number):
            await self.call("AddOrder")
        return {
            "orders": number,
            "mean": (time.process_time() - begun) / number * 1e6,
            "bytes": (_written() - written) / number,
        }


async def serve(*, way: str, url: str, options: Options, answer: Callable[[dict[str, Any]], None]) -> None:
    """Open a client and do the jobs that come on standard input, until it ends.

    ``{"fill": 950}`` places orders until there are so many; ``{"call": "AddOrder", "number": 10}`` times some.
    """
    async with AsyncExitStack() as stack:
        ask = await stack.enter_async_context(OPENERS[way](url, options))
        trader = Trader(ask, bare if way == "ours" else written_out)
        answer({"ready": True})
        while line := await get_running_loop().run_in_executor(None, sys.stdin.readline):
            job = json.loads(line)
            if "fill" in job:
                answer(await trader.fill(job["fill"]))
            else:
                answer(await trader.timed(job["call"], job["number"]))


def _written() -> int:
    """Return what this process has handed to ``write`` for files; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["wchar"])
