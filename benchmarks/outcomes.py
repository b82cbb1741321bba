"""Run random schedules of orders against an exchange that is not kind, and count what was told of them.

    python -m benchmarks.outcomes [--schedules 10000] [--first 100000] [--workers 2] [--json FILE] [--release COMMIT]

The schedules are those of ``tests/orders/schedules.py``; a seed is one schedule. ``--release`` runs the package of an
older commit in the same world: with today's emulator, tests and seeds. Ends with exit code 1 if anything was told that
is not so; the seeds of it are in the figures.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import io
import json
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
#: Schedules that one task of a worker runs.
CHUNK: Final = 250
#: What the harness of the tests imports, and what stood for it in releases of one folder.
OLDER: Final = {
    "from kraken_async.call import": "from kraken_async.calls import",
    "kraken_async.orders.intent": "kraken_async.intents",
    "kraken_async.orders.journal": "kraken_async.journal",
    "kraken_async.wire.messages": "kraken_async.messages",
    ", guards, runtime\n": ", guards\nfrom kraken_async import session as runtime\n",
}


def run_some(seeds: Sequence[int], *, tally: bool) -> Any:
    """Run schedules one after the other; return their Figures."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore", ResourceWarning)
    from tests.orders.outcomes_told import Figures
    from tests.orders.schedules import Plan, run
    from tests.virtual_time import virtual

    figures = Figures()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            figures.add(seed, virtual(run)(seed, Path(directory), Plan(tally=tally)))
    return figures


def run_all(first: int, schedules: int, workers: int) -> dict[str, Any]:
    """Run schedules in processes of their own; return the summary."""
    from tests.orders.outcomes_told import Figures

    seeds = range(first, first + schedules)
    chunks = [seeds[place : place + CHUNK] for place in range(0, schedules, CHUNK)]
    figures = Figures()
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        for done in concurrent.futures.as_completed(
            [pool.submit(run_some, each, tally=True) for each in chunks]
        ):
            figures.merge(done.result())
            print(
                f"{figures.schedules} of {schedules}, wrong: {dict(figures.wrong)}",
                file=sys.stderr,
                flush=True,
            )
    return {"first seed": first, **figures.summary()}


def run_release(commit: str, arguments: Sequence[str]) -> int:
    """Run the package of a commit in today's world; return the exit code."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        archive = subprocess.run(
            ["git", "archive", commit, "kraken_async"], cwd=ROOT, stdout=subprocess.PIPE, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as package:
            package.extractall(tree, filter="data")
        flat = not (tree / "kraken_async" / "orders").is_dir()
        for path in sorted((tree / "kraken_async" / "emulator").glob("*.py")):
            path.unlink()
        for pattern in ("kraken_async/emulator/*.py", "tests/*.py", "tests/orders/*.py", "benchmarks/*.py"):
            for path in ROOT.glob(pattern):
                text = path.read_text(encoding="utf-8")
                for today, then in OLDER.items() if flat else ():
                    text = text.replace(today, then)
                (tree / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
                (tree / path.relative_to(ROOT)).write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.outcomes", *arguments]
        return subprocess.run(
            command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, check=False
        ).returncode


def main() -> int:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=100_000, help="the first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures in this file")
    parser.add_argument("--release", metavar="COMMIT", help="run the package of this commit instead")
    given = parser.parse_args()
    if given.release:
        arguments = ["--schedules", str(given.schedules), "--first", str(given.first)]
        arguments += ["--workers", str(given.workers)]
        return run_release(
            given.release, [*arguments, *(["--json", str(given.json.resolve())] if given.json else [])]
        )
    figures = run_all(given.first, given.schedules, given.workers)
    text = json.dumps(figures, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    return 1 if any(figures["wrong"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
