"""Eight processes on one key, two of which stand still at random: every cancel goes out, nothing is refused or lost.

``pytest -m soak -s tests/test_soak_stopped.py`` takes ten minutes, ``KRAKEN_SOAK_SECONDS=60`` one. It prints figures.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from kraken_async.emulator import Emulator, serve_in_thread
from tests.bots import BOT

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing stops here"),
]

SECONDS = float(os.environ.get("KRAKEN_SOAK_SECONDS", "600"))
PROCESSES = 8
STILL = (0.2, 8.0)  # seconds for which a process stands still
#: Seconds within which a cancel has to be out, not counting the time its own process stood still.
WITHIN = 2.0


def test_every_cancel_goes_out_while_neighbours_stand_still(tmp_path: Path) -> None:
    emulator = Emulator(limits=False)
    key = emulator.add_key()
    rng = random.Random(1)
    with serve_in_thread(emulator, jitter=(0.02, 0.15)) as server:
        options = {
            "key": key.api_key,
            "secret": key.api_secret,
            "url": server.url,
            "state_dir": str(tmp_path),
            "seconds": SECONDS,
        }
        bots = [
            subprocess.Popen(
                [sys.executable, "-c", BOT, json.dumps(options)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(PROCESSES)
        ]
        try:
            for bot in bots:
                assert bot.stdout is not None
                assert bot.stdout.readline().strip() == "open"
            stops = stop_two_at_random(bots[:2], rng, time.monotonic() + SECONDS)
            found = [json.loads(bot.communicate(timeout=120)[0]) for bot in bots]
        finally:
            for bot in bots:
                if bot.poll() is None:
                    bot.kill()
                bot.communicate()
        shown = {str(order.cl_ord_id) for order in emulator.orders.values() if order.cl_ord_id}
    waits = sorted(wait for bot in found for wait in bot["waits"])
    told: Counter[str] = sum((Counter(bot["told"]) for bot in found), Counter())
    placed = {name: what for bot in found for name, what in bot["placed"].items()}
    refused = emulator.refused("Invalid nonce")
    past = sum(bot["figures"].get("past_the_nonce_lock", 0) for bot in found)
    print(
        f"\n{SECONDS:.0f} s, {PROCESSES} processes, {stops} stops of two of them; {len(placed)} orders, "
        f"{len(waits)} cancels, {past} of them past the nonce lock\n"
        f"cancel to wire: median {waits[len(waits) // 2]:.3f} s, p99.9 {waits[int(len(waits) * 0.999)]:.3f} s, "
        f"greatest {waits[-1]:.3f} s\n"
        f"nonces refused by the server: {refused}; told to callers: {dict(told)}"
    )
    assert waits[-1] <= WITHIN
    assert not any("nonce" in what.lower() for what in told if "refused" in what)
    assert not any("InvalidNonce" in what for what in told)
    for name, what in placed.items():
        if what == "placed":
            assert name in shown, "told as placed, and not on the exchange"
        elif what != "unknown":
            assert name not in shown, f"on the exchange, and told as: {what}"
    assert shown <= placed.keys(), "on the exchange, and told to nobody"


def stop_two_at_random(bots: list[subprocess.Popen[str]], rng: random.Random, until: float) -> int:
    """Stop and continue each of the processes, independently of the other; return how often."""
    stops, still = 0, [False] * len(bots)
    due = [time.monotonic() + rng.uniform(0.5, 2.0) for _ in bots]
    while time.monotonic() < until:
        number = min(range(len(bots)), key=due.__getitem__)
        time.sleep(max(0.0, due[number] - time.monotonic()))
        still[number] = not still[number]
        bots[number].send_signal(signal.SIGSTOP if still[number] else signal.SIGCONT)
        stops += still[number]
        due[number] = time.monotonic() + rng.uniform(*(STILL if still[number] else (0.05, 2.0)))
    for bot in bots:
        bot.send_signal(signal.SIGCONT)
    return stops
