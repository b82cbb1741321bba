"""``kraken-async demo --peers``: the same calls through other clients, as far as they are installed."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kraken_async.cli.common import err
from kraken_async.cli.demo.judging import JITTER, Side, judge
from kraken_async.emulator import Emulator, serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.progress import Progress

    from kraken_async.emulator import KeyPair

_THREADS = 20


def compare(calls: int, bar: Progress) -> list[Side]:
    """Run every peer that can be imported, each on a key of its own, with its own rate limiter off."""
    sides = []
    emulator = Emulator()
    with serve_in_thread(emulator, jitter=JITTER) as server:
        for name, run in (("krakenex", _krakenex), ("ccxt", _ccxt), ("python-kraken-sdk", _sdk)):
            key, task = emulator.add_key(), bar.add_task(name, total=1)
            started = time.perf_counter()
            try:
                run(server.url, key, calls)
            except ImportError:
                bar.remove_task(task)
                err.print(f"{name} is not installed here")
                continue
            bar.advance(task)
            sides.append(judge(emulator, key, name, calls, time.perf_counter() - started, "nowhere"))
    return sides


def _krakenex(url: str, key: KeyPair, calls: int) -> None:
    """Make the calls of a synchronous client, from several threads."""
    krakenex = importlib.import_module("krakenex")
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of each connection beyond its pool of ten
    api = krakenex.API(*key)
    api.uri = url
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            for future in [pool.submit(api.query_private, "Balance") for _ in range(calls)]:
                future.exception()
    finally:
        api.close()


def _ccxt(url: str, key: KeyPair, calls: int) -> None:
    ccxt = importlib.import_module("ccxt.async_support")

    async def run() -> None:
        exchange = ccxt.kraken({"apiKey": key.api_key, "secret": key.api_secret, "enableRateLimit": False})
        exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], url)
        try:
            await _gather(exchange.private_post_balance, calls)
        finally:
            await exchange.close()

    asyncio.run(run())


def _sdk(url: str, key: KeyPair, calls: int) -> None:
    spot = importlib.import_module("kraken.spot")

    async def run() -> None:
        client = spot.SpotAsyncClient(key=key.api_key, secret=key.api_secret, url=url)
        try:
            await _gather(lambda: client.request("POST", "/0/private/Balance"), calls)
        finally:
            await client.close()

    asyncio.run(run())


async def _gather(call: Callable[[], Awaitable[Any]], calls: int) -> None:
    """Pass over what a call raises: the emulator has counted it."""
    await asyncio.gather(*(call() for _ in range(calls)), return_exceptions=True)
