"""What the pieces of a call cost, in microseconds, beside the plain way of doing the same."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.plain import API_KEY, SECRET, plain_signature
from benchmarks.stub import ENVELOPE

ORDER: Final = {
    "pair": "XBTUSD",
    "type": "buy",
    "ordertype": "limit",
    "price": "37500.0",
    "volume": "1.25",
    "oflags": "post",
    "cl_ord_id": "6d1b345e-2821-40e2-ad83-4ecb18a06876",
}
REPEATS: Final = 7
_Timed = dict[str, list[float]]


def pieces(number: int) -> dict[str, float]:
    """Return the microseconds of each piece: the median of some repeats of ``number``, in random order."""
    logging.getLogger("kraken_async").setLevel(logging.ERROR)
    return asyncio.run(_pieces(number))


async def _pieces(number: int) -> dict[str, float]:
    from kraken_async import FileStore, MemoryStore

    with tempfile.TemporaryDirectory() as folder:
        plain = {**_signing(), **_coding(), **await _session(folder)}
        waiting: dict[str, Callable[[int], Awaitable[float]]] = {
            "turn and nonce, MemoryStore": await _turn(MemoryStore()),
            "turn and nonce, FileStore": await _turn(FileStore(folder)),
            "asyncio.Lock, free": _free_lock,
            "journal of one order": _journal(Path(folder), number, synced=False),
            "journal of one order, synced": _journal(Path(folder), number // 20, synced=True),
        }
        found: _Timed = {name: [] for name in (*plain, *waiting)}
        names = list(found)
        for _ in range(REPEATS):
            random.shuffle(names)
            for name in names:
                if name in plain:
                    found[name].append(_time(plain[name], number))
                else:
                    found[name].append(await waiting[name](number))
        return {name: median(values) for name, values in found.items()}


def _time(work: Callable[[], Any], number: int) -> float:
    begun = time.perf_counter()
    for _ in range(number):
        work()
    return (time.perf_counter() - begun) / number * 1e6


def _signing() -> dict[str, Callable[[], Any]]:
    from kraken_async.api.endpoints import find
    from kraken_async.wire.signer import Signer

    signer, balance, nonce = Signer(API_KEY, SECRET), find("Balance", private=True), time.time_ns()
    return {
        "sign a call": lambda: signer.sign(balance, b"", nonce),
        "sign, as Kraken's example": lambda: plain_signature(str(nonce), f"nonce={nonce}"),
    }


def _coding() -> dict[str, Callable[[], Any]]:
    from kraken_async.api.endpoints import find
    from kraken_async.wire.json_decoder import reader, strict
    from kraken_async.wire.messages import Response
    from kraken_async.wire.response_decoder import decode
    from kraken_async.wire.signer import Signer

    signer = Signer(API_KEY, SECRET)
    balance, order = find("Balance", private=True), find("AddOrder", private=True)
    answer = Response(200, {}, ENVELOPE)
    found: dict[str, Callable[[], Any]] = {
        "encode an order of 7 fields": lambda: signer.encode(order, ORDER),
        "encode it by urlencode": lambda: urlencode(ORDER),
        "decode a Balance": lambda: decode(answer, balance),
        "read its JSON by json.loads": lambda: json.loads(ENVELOPE),
    }
    found["read its JSON by our reader"] = partial(strict, ENVELOPE)
    if reader() is not strict:
        found["read its JSON by our reader, msgspec there"] = partial(reader(), ENVELOPE)
    return found


async def _session(folder: str) -> dict[str, Callable[[], Any]]:
    from kraken_async import BurstGovernor, FileStore, KrakenSession
    from kraken_async.wire.messages import Response

    async def send(_request: Any, _timeout: float) -> Response:
        return Response(200, {}, ENVELOPE)

    session = KrakenSession(
        API_KEY, SECRET, store=FileStore(folder), governor=BurstGovernor.off(), transport=send
    )
    async with session as client:
        for _ in range(200):
            await client.private("Balance")
    # Closed, its figures stay: nothing of the session runs beside the other pieces.
    return {"stats()": client.stats}


async def _turn(store: Any) -> Callable[[int], Awaitable[float]]:
    key = store.key("benchmark", "ns")
    await key.open(time.monotonic)
    due = asyncio.Event()
    key.on_flush_due = due.set

    def choose(_shared: Any) -> str:
        return "a call"

    async def run(number: int) -> float:
        begun = time.perf_counter()
        for _ in range(number):
            await key.acquire_turn()
            await key.step(choose)
            await key.release_turn()
            if due.is_set():  # as the session's own task does
                due.clear()
                await key.flush()
        return (time.perf_counter() - begun) / number * 1e6

    return run


async def _free_lock(number: int) -> float:
    lock = asyncio.Lock()
    begun = time.perf_counter()
    for _ in range(number):
        async with lock:
            pass
    return (time.perf_counter() - begun) / number * 1e6


def _journal(folder: Path, orders: int, *, synced: bool) -> Callable[[int], Awaitable[float]]:
    from kraken_async.orders.journal import Intent, Journal

    async def run(_number: int) -> float:
        journal = Journal(folder, "benchmark", synced=synced)
        now = time.time()
        intents = [
            Intent(
                id=f"i-{place}",
                endpoint="AddOrder",
                params=dict(ORDER),
                sent_at=now,
                cl_ord_id=ORDER["cl_ord_id"],
                deadline=5.0,
                session=journal.session,
            )
            for place in range(orders)
        ]
        try:
            begun = time.perf_counter()
            for intent in intents:
                await journal.record(intent)
                journal.sent(intent)
                journal.done(intent.id)
            return (time.perf_counter() - begun) / orders * 1e6
        finally:
            journal.close()

    return run
