"""Nonces a second, from one thread and from eight together."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Final

from benchmarks.contenders import HomeMade

#: What is measured: its name, whether it is durable, and how many nonces make a good sample.
SOURCES: Final = {
    "NonceSource in memory": ("memory", 1_000_000),
    "NonceSource on a FileStore (durable)": ("durable", 1_000_000),
    "lock and clock, nothing saved": ("clock", 300_000),
    "home-made manager, a file every tenth": ("home_made", 3_000),
}


class _Clock:
    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def __call__(self) -> int:
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return self._last


def rate(source: str, number: int, threads: int) -> dict[str, float]:
    """Return how many nonces a second ``threads`` threads draw together, the loop around the call included."""
    from kraken_async import FileStore, NonceSource

    with tempfile.TemporaryDirectory() as folder:
        if source == "home_made":
            return {"per_second": _rate(HomeMade(Path(folder, "nonce.json")), number, threads)}
        if source == "clock":
            return {"per_second": _rate(_Clock(), number, threads)}
        with NonceSource(FileStore(folder) if source == "durable" else None) as nonces:
            nonces.next()
            return {"per_second": _rate(nonces.next, number, threads)}


def _rate(draw: Callable[[], int], number: int, threads: int) -> float:
    times = repeat(None, number // threads)

    def drain(_times: repeat[None]) -> None:
        for _ in _times:
            draw()

    if threads == 1:
        begun = time.perf_counter()
        drain(times)
        return number / (time.perf_counter() - begun)
    start = threading.Barrier(threads + 1)

    def wait_and_drain() -> None:
        start.wait()
        drain(repeat(None, number // threads))

    crowd = [threading.Thread(target=wait_and_drain) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    start.wait()
    begun = time.perf_counter()
    for thread in crowd:
        thread.join()
    return number / (time.perf_counter() - begun)
