"""Whether outcomes are told truly, and how many calls Kraken refuses: what an exchange's client is judged by first.

``outcomes``: random schedules of orders, lost answers, kills, lying clocks and foreign orders, on virtual time; those
of ``tests/orders/schedules.py``, with seeds that no test uses. ``refusals``: the demo's gathered calls.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any, Final

from benchmarks.outcomes import run_some
from benchmarks.plan import Plan
from benchmarks.processes import Child, Failed
from benchmarks.progress import Progress

FIRST_SEED: Final = 5_000_000
PROCESSES: Final = 2


def outcomes(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Run random schedules and count what was told otherwise than it was."""
    progress.expect(1)
    progress.step("outcomes", f"{plan.schedules} schedules")
    each = -(-plan.schedules // PROCESSES)
    found = []
    with ExitStack() as stack:
        children = [
            stack.enter_context(Child("-m", "benchmarks.truth", str(FIRST_SEED + number * each), str(each)))
            for number in range(PROCESSES)
        ]
        for child in children:
            try:
                found.append(child.answer(60 + 3 * plan.schedules))
            except Failed as error:
                progress.say(f"outcomes: {error}")
                return {}
    return {
        "schedules": sum(one["schedules"] for one in found),
        "calls": sum(one["calls"] for one in found),
        "unknown": sum(one["unknown"] for one in found),
        "wrong": [words for one in found for words in one["wrong"]],
    }


def run_schedules(first: int, number: int) -> dict[str, Any]:
    """Run so many schedules on virtual time; ``wrong``: a line for each that told what was not so."""
    figures = run_some(range(first, first + number), tally=True)
    return {
        "schedules": figures.schedules,
        "calls": figures.calls.total(),
        "unknown": figures.unknown.total(),
        "wrong": [f"seed {seed}: {what}" for what, seeds in figures.seeds.items() for seed in seeds],
    }


def refusals(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Make the demo's gathered calls through a plain client, KrakenSession and its peers; count those refused."""
    if find_spec("typer") is None or find_spec("rich") is None:
        progress.say("refusals: left out, the demo needs the extra cli")
        return {}
    progress.expect(1)
    progress.step("refusals", f"{plan.refusal_calls} gathered calls")
    words = ("demo", "--peers", "--json", "--calls", str(plan.refusal_calls))
    begun = time.monotonic()
    try:
        with Child("-m", "kraken_async", *words) as child:
            found = json.loads(child.all(120))
    except Failed as error:
        progress.say(f"refusals: {error}")
        return {}
    sides = [*found["sides"], *found["peers"]]
    return {
        "calls": plan.refusal_calls,
        "jitter_seconds": found["jitter_seconds"],
        "seconds": time.monotonic() - begun,
        "clients": {side["client"]: side for side in sides},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_schedules(int(sys.argv[1]), int(sys.argv[2]))) + "\n")
