"""kill -9 at any moment, again and again, with the clock stepping back: no nonce twice, none lower than before."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from kraken_async.stores.file import FileStore

HOUR = 3_600_000_000_000

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


def issue(directory: Path, pipe: int, back: int) -> None:
    """Hand out nonces as fast as they come, each told before the next, until killed. Runs in a forked child."""
    real = time.time_ns
    time.time_ns = lambda: real() - back

    async def main() -> None:
        key = FileStore(directory).key("killed", "ns")
        await key.open(asyncio.get_running_loop().time)
        due = asyncio.Event()
        key.on_flush_due = due.set
        while True:
            _, nonce = await key.step(lambda _shared: True)
            os.write(pipe, b"%d\n" % nonce)
            if due.is_set():
                due.clear()
                await key.flush()

    asyncio.run(main())


def cycle(directory: Path, back: int, life: float) -> list[int]:
    """Start a child with its clock so many nanoseconds back, kill it after ``life`` seconds; return its nonces."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            issue(directory, write, back)
        finally:
            os._exit(1)
    os.close(write)
    chunks: list[bytes] = []
    deadline = None
    os.set_blocking(read, False)
    started = time.monotonic()
    while deadline is None or time.monotonic() < deadline:
        try:
            chunk = os.read(read, 65536)
        except BlockingIOError:
            time.sleep(0.001)
            assert time.monotonic() - started < 20, "the child never began"
            continue
        assert chunk, "the child ended by itself"
        chunks.append(chunk)
        if deadline is None:  # it has begun
            deadline = time.monotonic() + life
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.set_blocking(read, True)
    while chunk := os.read(read, 65536):
        chunks.append(chunk)
    os.close(read)
    told, _, _ = b"".join(chunks).rpartition(b"\n")
    return [int(line) for line in told.split()]


def kill(directory: Path, cycles: int, seed: int) -> tuple[int, int, int, float]:
    """Return how many nonces were handed out, reused and not above the last, and how far the last ran ahead."""
    draw = random.Random(seed)
    highest, count, reused, regressed = 0, 0, 0, 0
    for number in range(cycles):
        previous = highest
        nonces = cycle(directory, number * HOUR, draw.uniform(0.0, 0.02))
        assert nonces, "a child that told nothing proves nothing"
        count += len(nonces)
        reused += len(nonces) - len(set(nonces))
        regressed += sum(1 for nonce in nonces if nonce <= previous)
        regressed += sum(1 for before, after in itertools.pairwise(nonces) if after <= before)
        highest = max(highest, *nonces)
    return count, reused, regressed, (highest - time.time_ns()) / 1e9


@pytest.mark.proof
def test_killed_again_and_again_with_the_clock_an_hour_further_back_each_time(tmp_path: Path) -> None:
    count, reused, regressed, _ = kill(tmp_path, cycles=40, seed=1)
    assert count >= 40
    assert (reused, regressed) == (0, 0)


@pytest.mark.proof
def test_restarts_by_kill_do_not_drift_away_from_the_clock(tmp_path: Path) -> None:
    for _ in range(60):
        nonces = cycle(tmp_path, 0, 0.0)
        assert nonces[-1] - time.time_ns() < 2_100_000_000


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_thousand_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    count, reused, regressed, _ = kill(tmp_path, cycles=1000, seed=2)
    seconds = time.monotonic() - started
    with capsys.disabled():
        print(f"\n1,000 kills, {count:,} nonces: {reused} reused, {regressed} regressed, {seconds:.0f} s")
    assert (reused, regressed) == (0, 0)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_two_hundred_restarts_fifty_milliseconds_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead = []
    for _ in range(200):
        nonces = cycle(tmp_path, 0, 0.05)
        ahead.append((nonces[-1] - time.time_ns()) / 1e9)
    with capsys.disabled():
        print(f"\n200 restarts by kill: at most {max(ahead):.3f} s ahead of the clock", file=sys.stdout)
    assert max(ahead) <= 2.1
