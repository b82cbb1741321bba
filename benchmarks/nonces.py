"""Nonces a second, from one thread and from eight together."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count, repeat
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
#: In which a NonceSource and a bare counter take turns.
ROUNDS: Final = 20


class _Clock:
    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def __call__(self) -> int:
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return self._last


def rate(source: str, number: int, threads: int) -> dict[str, float]:
    """Return how many nonces a second ``threads`` threads draw together, the loop around the call included.

    Of a NonceSource also the ratio to what a bare ``itertools.count`` gives in this process, taken inside each of some
    rounds.
    """
    from kraken_async import FileStore, NonceSource

    with tempfile.TemporaryDirectory() as folder:
        if source == "home_made":
            return {"per_second": _rate(HomeMade(Path(folder, "nonce.json")), number, threads)}
        if source == "clock":
            return {"per_second": _rate(_Clock(), number, threads)}
        with NonceSource(FileStore(folder) if source == "durable" else None) as nonces:
            nonces.next()
            return _beside_count(nonces.next, number, threads)


def _beside_count(draw: Callable[[], int], number: int, threads: int) -> dict[str, float]:
    bare, each = count().__next__, max(number // ROUNDS, threads)
    # Of CPU time: what else the machine does must not stand between the two.
    ratios = [
        _rate(draw, each, threads, time.process_time) / _rate(bare, each, threads, time.process_time)
        for _ in range(ROUNDS)
    ]
    return {"per_second": _rate(draw, number, threads), "ratio": statistics.median(ratios)}


def _rate(
    draw: Callable[[], int], number: int, threads: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    times = repeat(None, number // threads)

    def drain(_times: repeat[None]) -> None:
        for _ in _times:
            draw()

    if threads == 1:
        begun = clock()
        drain(times)
        return number / (clock() - begun)
    start = threading.Barrier(threads + 1)

    def wait_and_drain() -> None:
        start.wait()
        drain(repeat(None, number // threads))

    crowd = [threading.Thread(target=wait_and_drain) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    start.wait()
    begun = clock()
    for thread in crowd:
        thread.join()
    return number / (clock() - begun)
