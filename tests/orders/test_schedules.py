"""Random schedules in a world that is not kind: nothing is told that is not so. See schedules."""

from __future__ import annotations

import json
import os
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.orders import schedules
from tests.orders.schedules import Ledger, Plan
from tests.virtual_time import virtual

EVERY_DAY, PROOF, SOAK = 25, 300, 10_000


async def run_all(seeds: range, directory: Path, plan: Plan | None = None) -> list[Ledger]:
    """Run schedules; a failure names its seed."""
    found = []
    for seed in seeds:
        try:
            found.append(await schedules.run(seed, directory / str(seed), plan))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    return found


def summary(ledgers: list[Ledger]) -> dict[str, Any]:
    """Return the share of outcomes told unknown and the median time to an answer, by kind of order id."""
    counts: Counter[str] = Counter()
    seconds: dict[str, list[float]] = {}
    for ledger in ledgers:
        counts += ledger.counts
        for kind, each in ledger.seconds.items():
            seconds.setdefault(kind, []).extend(each)
    kinds = {
        kind: {
            "calls": counts[f"{kind}: calls"],
            "unknown": round(counts[f"{kind}: unknown"] / max(1, counts[f"{kind}: calls"]), 3),
            "median seconds": round(statistics.median(each), 2),
        }
        for kind, each in sorted(seconds.items())
    }
    return {"schedules": len(ledgers), "foreign twins": counts["foreign twins"], "kinds": kinds}


def report(ledgers: list[Ledger]) -> None:
    text = json.dumps(summary(ledgers), indent=1)
    print(text)
    if path := os.environ.get("SCHEDULES_REPORT"):
        Path(path).write_text(text)


@virtual
async def test_a_few_random_schedules_agree(tmp_path: Path) -> None:
    await run_all(range(EVERY_DAY), tmp_path)


@pytest.mark.proof
@pytest.mark.timeout(900)
@virtual
async def test_300_random_schedules_agree(tmp_path: Path) -> None:
    report(await run_all(range(1000, 1000 + PROOF), tmp_path))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@virtual
async def test_10_000_random_schedules_agree(tmp_path: Path) -> None:
    report(await run_all(range(100_000, 100_000 + SOAK), tmp_path))
