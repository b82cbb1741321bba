"""kill -9 at every named step of the store and at random moments, with clocks that step back meanwhile.

What is looked at is the log of nonces that the killed children used: strictly rising, over all of them. The figures in
the documentation come from `pytest -m soak tests/stores/test_crash.py -s`.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kraken_async.stores.file import FileStore, inspect, layout
from tests import forked
from tests.stores.store_support import HOUR, SECOND, draw, opened, setting

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

KILLED = -9

#: Every step that the store names; a test below holds this list against the source.
STEPS = [
    "temp opened",
    "temp written",
    "temp synced",
    "renamed",
    "directory synced",
    "slot A written",
    "slot A synced",
    "slot B written",
    "slot B synced",
    "rest written",
    "header written",
    "ceiling published",
    "last header written",
    "given back",
]
#: Of these a NonceSource does not come by: it shares nothing while it has the key for itself.
SESSIONS_ONLY = {"ceiling published"}


class Nursery:
    """Has children born and killed; see crash_child.py."""

    def __init__(self, where: Path) -> None:
        self.where = where / "state"
        self.log = where / "log"
        self._process = forked.Popen(
            [sys.executable, "-m", "tests.stores.crash_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def run(self, *jobs: dict[str, Any]) -> list[int]:
        """Run children at the same time; return how they ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        common = {"where": str(self.where), "log": str(self.log)}
        self._process.stdin.write(json.dumps([{**common, **job} for job in jobs]) + "\n")
        self._process.stdin.flush()
        codes: list[int] = json.loads(self._process.stdout.readline())
        return codes

    def used(self) -> list[int]:
        """The nonces used so far, in order. A last line that was cut off does not count: it was not sent."""
        text = self.log.read_text() if self.log.exists() else ""
        return [int(line) for line in text[: text.rfind("\n") + 1].split()]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path)
    yield nursery
    nursery.close()


def check(nursery: Nursery) -> list[int]:
    """Fail unless every nonce is above all before it."""
    used = nursery.used()
    repeated = len(used) - len(set(used))
    fallen = sum(later <= earlier for earlier, later in itertools.pairwise(used))
    assert (repeated, fallen) == (0, 0), f"{repeated} reused, {fallen} regressed of {len(used)}"
    return used


def test_the_steps_tested_are_the_steps_there_are() -> None:
    package = Path(layout.__file__).parent
    source = "".join(path.read_text() for path in package.glob("*.py"))
    named = re.findall(r'step_done\(f?"([^"]+)"\)', source)
    there = {name.replace("{name}", slot) for name in named for slot in layout.SLOT_AT}
    assert there == set(STEPS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["session", "source"])
def test_killed_at_any_step_the_next_start_is_above_everything_used(kind: str, nursery: Nursery) -> None:
    hours = 0
    for step in STEPS:
        if kind == "source" and step in SESSIONS_ONLY:
            continue
        for nth in (1, 2, 5):
            if step in ("temp opened", "temp written", "temp synced", "renamed", "directory synced"):
                for path in nursery.where.glob("*") if nth == 1 else ():
                    path.unlink()  # these steps are of a new key: its log starts anew, too
                nursery.log.unlink(missing_ok=True)
            hours += 1
            (code,) = nursery.run({"fault": step, "nth": nth, "back": 3600 * hours, "kind": kind})
            assert code in (KILLED, 0)
            assert code == KILLED or nth > 1, f"{step} was never reached"
            if (nursery.where / "k.state").exists():  # what is shared is whole, too
                assert inspect(nursery.where / "k.state").shared is not None
            (code,) = nursery.run({"back": 3600 * (hours + 1), "kind": kind, "nonces": 3})
            assert code == 0
            check(nursery)
        view = inspect(nursery.where / "k.state")
        assert not view.error
        assert not view.damaged
    assert not list(nursery.where.glob("*.new"))


def random_kills(nursery: Nursery, kind: str, cycles: int, *, back: float) -> list[int]:
    chance = random.Random(cycles)
    killed = 0
    for cycle in range(cycles):
        job = {
            "kind": kind,
            "back": back * cycle,
            "life": 0.002 + chance.random() * 0.05,
            "nonces": 10**6,
            "seed": cycle,
            "least": 3 * (cycle % 2),  # of the others many are killed while they open
        }
        killed += nursery.run(job) == [KILLED]
    assert killed == cycles
    return check(nursery)


@pytest.mark.parametrize("kind", ["session", pytest.param("source", marks=pytest.mark.proof)])
def test_killed_at_random_with_the_clock_an_hour_further_back_each_time(kind: str, nursery: Nursery) -> None:
    assert len(random_kills(nursery, kind, 40, back=3600)) > 40


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["session", "source"])
def test_a_thousand_kills_with_the_clock_an_hour_further_back_each_time(kind: str, nursery: Nursery) -> None:
    used = random_kills(nursery, kind, 1000, back=3600)
    print(
        f"{kind}: 1,000 kill -9, clock an hour further back each time: {len(used):,} nonces, 0 reused, 0 regressed"
    )


def crowded_kills(nursery: Nursery, cycles: int) -> list[int]:
    """Four processes at a time on one key, each with a clock of its own, all killed at different moments."""
    chance = random.Random(cycles)
    for cycle in range(cycles):
        jobs = [
            {
                "kind": "crowd",
                "back": chance.choice([0, 3600, -5, 3600 * cycle]),
                "life": 0.005 + chance.random() * 0.04,
                "nonces": 10**6,
                "least": 9 * (cycle % 2),
            }
            for _ in range(4)
        ]
        assert nursery.run(*jobs) == [KILLED] * 4
    return check(nursery)


def test_several_processes_on_one_key_killed_at_random(nursery: Nursery) -> None:
    assert len(crowded_kills(nursery, 12)) > 40


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_thousand_kills_of_several_processes_on_one_key(nursery: Nursery) -> None:
    used = crowded_kills(nursery, 250)
    print(f"4 processes, 1,000 kill -9, clocks apart: {len(used):,} nonces, 0 reused, 0 out of order")


def leads(nursery: Nursery, restarts: int, apart: float) -> float:
    """Kill and restart; return by how many seconds the nonce was ahead of the clock at most."""
    worst = 0.0
    for _ in range(restarts):
        before = len(nursery.used())
        begun = time.monotonic()
        nursery.run({"fault": "header written", "nth": 5})
        for nonce in nursery.used()[before:]:
            worst = max(worst, (nonce - time.time_ns()) / SECOND)
        time.sleep(max(0.0, apart - (time.monotonic() - begun)))
    check(nursery)
    return worst


def test_restarts_by_kill_do_not_leave_the_clock(nursery: Nursery) -> None:
    """A restart takes some 10 ms here, much worse than 50 ms apart; on a busy machine the clock catches up."""
    assert 0.0 < leads(nursery, 60, 0.0) < 2.1


@pytest.mark.soak
@pytest.mark.timeout(120)
def test_two_hundred_restarts_by_kill_50_ms_apart_stay_within_2_1_s_of_the_clock(nursery: Nursery) -> None:
    worst = leads(nursery, 200, 0.05)
    print(f"200 restarts by kill, 50 ms apart: at most {worst:.2f} s ahead of the clock")
    assert worst < 2.1


async def test_what_a_killed_process_had_shared_is_still_known(nursery: Nursery) -> None:
    """Pauses and counters are never synced, and yet survive a kill: the page cache is not the process's."""
    nursery.run({"fault": "ceiling published", "nth": 1})
    key = await opened(FileStore(nursery.where))
    await key.update(setting(touched=True, lockout_until=1e9))
    nursery.run({"kind": "crowd", "nonces": 10})
    assert await key.update(lambda shared: (shared.lockout_until, shared.level)) == (1e9, 1.0)
    key.left_behind()  # type: ignore[attr-defined]  # as killed
    key = await opened(FileStore(nursery.where))
    assert (key.seen.lockout_until, key.seen.level) == (1e9, 1.0)
    await key.close()


async def test_the_clock_a_year_ahead_and_back_again(nursery: Nursery) -> None:
    nursery.run({"back": -365 * 24 * 3600, "nonces": 5})
    nursery.run({"nonces": 5})
    used = check(nursery)
    assert used[-1] - time.time_ns() > 364 * 24 * HOUR
    key = await opened(FileStore(nursery.where))
    assert await draw(key) > used[-1]
    await key.close()
