"""Random schedules in a world that is not kind: nothing is told that is not so. See schedules."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kraken_async.emulator import Fault
from tests.orders import schedules
from tests.orders.outcomes_told import MADE, WRONGS, Entry, Figures, Ledger
from tests.orders.schedules import Plan
from tests.virtual_time import virtual

EVERY_DAY, PROOF, SOAK = 25, 300, 10_000
#: Orders whose ids are made here, answers that are lost, look-ups that are answered, and orders that show in time.
CLEAR = Plan(
    kinds=("made", "percent", "market", "close", "batch"),
    faults=(
        Fault.reset("after"),
        Fault.http(502, "after"),
        Fault.no_result("after"),
        Fault.warning(when="after"),
    ),
    only=("AddOrder", "AddOrderBatch"),
    share=(0.7,),
    delays=(0.0, 1.0, 5.0, 10.0, 13.5),
    windows=(),
    nameless=False,
)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep no log: of thousands of schedules it takes more time and memory than they do."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def run_all(seeds: range, directory: Path, plan: Plan | None = None) -> Figures:
    """Run schedules, each on a loop of its own; a failure names its seed."""
    figures = Figures()
    for seed in seeds:
        try:
            figures.add(seed, virtual(schedules.run)(seed, directory / str(seed), plan))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        shutil.rmtree(directory / str(seed), ignore_errors=True)
    return figures


def report(figures: Figures) -> None:
    text = json.dumps(figures.summary(), indent=1)
    print(text)
    if path := os.environ.get("SCHEDULES_REPORT"):
        Path(path).write_text(text)


def test_a_few_random_schedules_agree(tmp_path: Path) -> None:
    run_all(range(EVERY_DAY), tmp_path)


def test_what_is_placed_with_an_id_made_here_and_shows_in_time_is_never_told_unknown(tmp_path: Path) -> None:
    """However late within ``settle_timeout`` it shows, and whatever it looks like."""
    figures = run_all(range(EVERY_DAY), tmp_path, CLEAR)
    assert figures.lost[MADE] > EVERY_DAY / 2
    # What was refused for its digits, and whose answer was lost, is unknown, and not placed.
    assert figures.unknown_placed == {MADE: 0}


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_300_random_schedules_agree(tmp_path: Path, quiet: None) -> None:
    report(run_all(range(1000, 1000 + PROOF), tmp_path))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_10_000_random_schedules_agree(tmp_path: Path, quiet: None) -> None:
    report(run_all(range(100_000, 100_000 + SOAK), tmp_path))


def test_what_is_wrong_is_counted_by_its_kind_and_its_seed() -> None:
    figures = Figures()
    ledger = Ledger(tally=True)
    ledger.entries[1] = Entry("made", MADE, asked=0.0, session=0)
    ledger.check(False, WRONGS[0], 1, "two of it")
    ledger.check(True, WRONGS[1], 1, "all is well")
    figures.add(7, ledger)
    assert figures.summary()["wrong"] == {what: int(what == WRONGS[0]) for what in WRONGS}
    assert figures.summary()["seeds"] == {WRONGS[0]: [7]}
