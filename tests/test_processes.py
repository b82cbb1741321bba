"""One key used by several processes: in order, one in flight, within the limits, through kill -9 and clock steps."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kraken_async import BurstGovernor, KrakenSession
from kraken_async.emulator import Emulator, Fault, serve_in_thread
from tests import forked
from tests.bots import BOT

CHILD = """
import asyncio, json, sys, time
from kraken_async import BurstGovernor, FileStore, KrakenSession

options = json.loads(sys.argv[1])
real, back = time.time_ns, options.get("back_ns", 0)
time.time_ns = lambda: real() - back

async def main():
    governor = BurstGovernor(options["tier"], startup_window=0) if options.get("tier") else BurstGovernor.off()
    async with KrakenSession(options["key"], options["secret"], base_url=options["url"],
                             store=FileStore(options["state_dir"]), governor=governor) as client:
        print("open", flush=True)
        started = time.monotonic()
        async def one(n):
            await client.private(options.get("endpoint", "Balance"), options.get("params"))
        await asyncio.gather(*(one(n) for n in range(options["calls"])))
        print(json.dumps({"seconds": time.monotonic() - started}), flush=True)

asyncio.run(main())
"""


class Shop:
    """An emulator in a thread, and child processes with sessions on its key. Ends only what it started."""

    def __init__(self, tmp_path: Path, **options: Any) -> None:
        jitter = options.pop("jitter", (0.0, 0.002))
        self.emulator = Emulator(**options)
        self.key = self.emulator.add_key()
        self.state_dir = tmp_path / "shared"
        self.hosted = serve_in_thread(self.emulator, jitter=jitter)
        self.server = self.hosted.__enter__()
        self.children: list[subprocess.Popen[str]] = []

    def start(self, calls: int, **options: Any) -> subprocess.Popen[str]:
        given = {
            "key": self.key.api_key,
            "secret": self.key.api_secret,
            "url": self.server.url,
            "state_dir": str(self.state_dir),
            "calls": calls,
            **options,
        }
        child = forked.Popen(
            [sys.executable, "-c", given.pop("code", CHILD), json.dumps(given)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.children.append(child)
        return child

    def start_bot(self, *, seconds: float) -> subprocess.Popen[str]:
        """A child that places, cancels and reads for so long."""
        return self.start(0, seconds=seconds, code=BOT)

    def session(self, **options: Any) -> KrakenSession:
        given = {"base_url": self.server.url, "state_dir": self.state_dir, "governor": BurstGovernor.off()}
        return KrakenSession(self.key.api_key, self.key.api_secret, **{**given, **options})

    def arrived(self) -> int:
        return len(self.emulator.history)

    def close(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate(timeout=60)
        self.hosted.__exit__(None, None, None)


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(tmp_path, **getattr(request, "param", {}))
    yield made
    made.close()


def finish(child: subprocess.Popen[str], seconds: float = 100.0) -> str:
    out, err = child.communicate(timeout=seconds)
    assert child.returncode == 0, err
    return out


def wait_for(true: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.002)


def test_four_processes_on_one_key_are_never_refused_and_one_in_flight(shop: Shop) -> None:
    children = [shop.start(50) for _ in range(4)]
    for child in children:
        finish(child)
    nonces = [arrival.nonce or 0 for arrival in shop.emulator.history]
    assert len(nonces) == 200
    assert nonces == sorted(set(nonces))
    assert shop.emulator.refused() == 0
    assert shop.emulator.max_in_flight[shop.key.api_key] == 1


@pytest.mark.proof
def test_killed_in_mid_traffic_with_the_clock_an_hour_further_back_each_time_nothing_is_refused(
    shop: Shop,
) -> None:
    for hours in range(20):
        before = shop.arrived()
        child = shop.start(2_000, back_ns=hours * 3_600_000_000_000)
        wait_for(lambda seen=before: shop.arrived() >= seen + 20)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate(timeout=60)
    finish(shop.start(5, back_ns=20 * 3_600_000_000_000))
    # What the killed process had on the wire may still arrive late; that alone may be refused.
    history = shop.emulator.history
    assert len([arrival for arrival in history if not arrival.errors]) >= len(history) - 20
    answered = [arrival.nonce or 0 for arrival in history if not arrival.errors]
    assert answered == sorted(set(answered))
    assert shop.emulator.refused() == 0


@pytest.mark.proof
@pytest.mark.parametrize("shop", [{"limits": True, "tier": "pro", "jitter": (0.0, 0.002)}], indirect=True)
def test_killed_and_restarted_in_mid_burst_the_counter_is_remembered(shop: Shop) -> None:
    for _ in range(10):
        before = shop.arrived()
        child = shop.start(100, tier="pro")
        wait_for(lambda seen=before: shop.arrived() > seen)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate(timeout=60)
    finish(shop.start(3, tier="pro"))
    assert shop.emulator.refused("EAPI:Rate limit exceeded") == 0
    assert shop.arrived() >= 7


@pytest.mark.parametrize("shop", [{"limits": True, "tier": "pro", "jitter": (0.0, 0.002)}], indirect=True)
def test_two_processes_on_one_key_are_together_within_the_limit(shop: Shop) -> None:
    counter = shop.emulator.keys[shop.key.api_key].counter
    counter.set(10.0, shop.emulator.clock())  # what a session that knows nothing takes it for
    children = [shop.start(7, tier="pro") for _ in range(2)]  # fourteen at once are four too many
    for child in children:
        finish(child)
    assert shop.arrived() == 14
    assert shop.emulator.refused("EAPI:Rate limit exceeded") == 0


def test_a_call_that_hangs_in_another_process_does_not_block_a_cancel(shop: Shop) -> None:
    shop.emulator.faults.next("Ledgers", Fault.hang("before"))
    shop.start(1, endpoint="Ledgers")
    wait_for(lambda: shop.emulator.max_in_flight[shop.key.api_key] == 1)

    async def cancel() -> float:
        async with shop.session() as client:
            started = time.monotonic()
            await client.private("CancelAll")
            return time.monotonic() - started

    assert asyncio.run(cancel()) < 10.0  # it overtakes after one second; the call hangs for thirty


@pytest.mark.proof
@pytest.mark.parametrize("shop", [{"jitter": (0.15, 0.25), "limits": False}], indirect=True)
def test_among_eight_healthy_processes_a_cancel_passes_no_call_in_flight(shop: Shop) -> None:
    bots = [shop.start_bot(seconds=15.0) for _ in range(8)]
    found = [json.loads(finish(bot).splitlines()[-1]) for bot in bots]
    waits = [wait for bot in found for wait in bot["waits"]]
    assert len(waits) > 20
    assert max(waits) < 2.0
    assert shop.emulator.max_in_flight[shop.key.api_key] == 1
    assert shop.emulator.refused("EAPI:Invalid nonce") == 0


def test_after_halt_no_order_leaves_from_another_process(shop: Shop) -> None:
    async def halt() -> None:
        async with shop.session() as client:
            await client.halt()

    asyncio.run(halt())
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "1"}
    child = shop.start(3, endpoint="AddOrder", params=order)
    _, err = child.communicate(timeout=100)
    assert child.returncode != 0
    assert "TradingHalted" in err
    assert "AddOrder" not in [arrival.endpoint for arrival in shop.emulator.history]


THREADS = """
import asyncio, json, sys, threading, time
from kraken_async import BurstGovernor, FileStore, KrakenSession

options = json.loads(sys.argv[1])

async def main():
    async with KrakenSession(options["key"], options["secret"], base_url=options["url"],
                             store=FileStore(options["state_dir"]), governor=BurstGovernor.off()) as client:
        ready.wait()
        for _ in range(options["calls"]):
            await client.private("Balance")

ready = threading.Barrier(options["threads"])
failed = []

def run():
    try:
        asyncio.run(main())
    except BaseException as error:
        failed.append(error)

started = time.monotonic()
threads = [threading.Thread(target=run) for _ in range(options["threads"])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed, failed
print(json.dumps({"seconds": time.monotonic() - started}))
"""


def crowd(shop: Shop, processes: int, threads: int, calls: int) -> list[float]:
    """Run so many processes of so many threads at once; return how long each process took, in seconds."""
    for _ in range(processes):
        options = {
            "key": shop.key.api_key,
            "secret": shop.key.api_secret,
            "url": shop.server.url,
            "state_dir": str(shop.state_dir),
            "calls": calls,
            "threads": threads,
        }
        command = [sys.executable, "-c", THREADS, json.dumps(options)]
        shop.children.append(forked.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return [json.loads(finish(child, 300.0))["seconds"] for child in shop.children]


def test_processes_of_several_threads_share_one_key_in_turns(shop: Shop) -> None:
    crowd(shop, processes=3, threads=2, calls=20)
    assert shop.arrived() == 120
    assert shop.emulator.refused() == 0
    assert shop.emulator.max_in_flight[shop.key.api_key] == 1


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_eight_processes_of_four_threads_make_500_calls_each_in_fair_turns(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = crowd(shop, processes=8, threads=4, calls=500)
    with capsys.disabled():
        print(
            f"\n16,000 calls, slowest process {max(seconds) / min(seconds):.3f} x the fastest ({max(seconds):.1f} s)"
        )
    assert shop.arrived() == 16_000
    assert shop.emulator.refused() == 0
    assert shop.emulator.max_in_flight[shop.key.api_key] == 1
    assert max(seconds) <= 1.5 * min(seconds)
