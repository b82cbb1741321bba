"""Change one thing at a time in the code that decides, and see whether a test notices.

    python benchmarks/mutants.py [--sample 120] [--seed 1] [--workers 2] [--only orders/,server_time]

A mutant is one change of a comparison, a boolean operator, a condition, a number, a returned constant or a call's
negation in ``orders/``, ``limits/``, ``stores/``, ``calls/`` or ``server_time.py``. It lives when all its tests pass.
It dies when a test fails on it and fails again when it is run alone; one that takes its time to fail must then pass on
the code as it is. So a test that a busy machine slows down kills nothing.

Works on a copy: the tree that it is started in is not touched. The tests of the chosen modules are run unchanged first,
and once more to see which lines each of them reaches: a mutant is tried with those that reach it. Prints the share that
died, and each that lives.
"""

from __future__ import annotations

import argparse
import ast
import concurrent.futures
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: What tests notice, by folder: a module's own first. ``-x`` ends with the first that fails.
ORDERS, OUTCOMES = "tests/orders/test_orders.py", "tests/orders/test_outcomes.py"
MATCHING, CANCELLED = "tests/orders/test_order_matching.py", "tests/orders/test_ensure_cancelled.py"
JOURNAL, DEAD = "tests/orders/test_journal.py", "tests/orders/test_dead_sessions.py"
OBSERVED, SCHEDULES = "tests/orders/test_observe.py", "tests/orders/test_schedules.py"
SESSION, EDGES = "tests/test_session.py", "tests/test_session_edges.py"
FILE, FROZEN, LISTS = (
    f"tests/stores/test_{name}.py" for name in ("file", "frozen_neighbours", "shared_lists")
)
LAYOUT, LOWEST = "tests/stores/test_layout.py", "tests/stores/test_lowest_descriptor.py"
SIDE = "tests/stores/test_side_files.py"
SLOW, OLD = "tests/stores/test_slow_disk.py", "tests/stores/test_old_state.py"
DEPLOYED = "tests/stores/test_redis_deployments.py"
CRASH, TURN, MEMORY = (f"tests/stores/test_{name}.py" for name in ("crash", "turn", "memory"))
REDIS, LIMITS, CALLS = "tests/stores/test_redis.py", "tests/limits", "tests/calls"
NEIGHBOURS, SCRIPT = "tests/stores/test_redis_neighbours.py", "tests/stores/test_redis_script.py"
OBSERVE, SHARED = "tests/orders/test_observe.py", "tests/stores/test_shared.py"
#: The modules, and the quick tests that must notice.
TARGETS = {
    "server_time.py": ["tests/test_server_time.py"],
    "orders/absence.py": ["tests/orders/test_absence.py", OUTCOMES],
    "orders/claims.py": ["tests/orders/test_claims.py", OUTCOMES, SCHEDULES],
    "orders/intent.py": [JOURNAL, ORDERS],
    "orders/order_agreement.py": [MATCHING],
    "orders/order_answers.py": [ORDERS],
    "orders/order_lookup.py": [ORDERS, OUTCOMES, SCHEDULES],
    "orders/order_matching.py": [MATCHING, "tests/orders/test_pending_order.py", ORDERS, OUTCOMES, SCHEDULES],
    "orders/pending_order.py": [
        "tests/orders/test_pending_order.py",
        ORDERS,
        OUTCOMES,
        CANCELLED,
        JOURNAL,
        OBSERVED,
        SCHEDULES,
    ],
    "orders/policy.py": [ORDERS, OUTCOMES],
    "orders/recall.py": ["tests/orders/test_recall.py", OUTCOMES, SESSION],
    "orders/reconciler.py": [ORDERS, OUTCOMES, SCHEDULES],
    "orders/tracker.py": [
        "tests/orders/test_tracker.py",
        ORDERS,
        OUTCOMES,
        CANCELLED,
        JOURNAL,
        DEAD,
        SCHEDULES,
    ],
    "limits/budget.py": [LIMITS, "tests/test_session_edges.py"],
    "limits/circuit_breaker.py": [LIMITS, "tests/calls/test_replies.py", SESSION],
    "limits/counters.py": [LIMITS],
    "limits/governor.py": [LIMITS, "tests/calls/test_request_queue.py", "tests/calls/test_unkind_use.py"],
    "limits/matching_engine.py": [LIMITS, OBSERVE],
    "limits/order_ages.py": [LIMITS],
    "limits/waits.py": [LIMITS],
    "stores/base.py": ["tests/stores/test_base.py", LAYOUT, SHARED, FILE, MEMORY],
    "stores/memory.py": [MEMORY, SHARED, LISTS],
    "stores/recalled.py": [SIDE, LISTS, OUTCOMES],
    "stores/url.py": ["tests/stores/test_url.py"],
    "stores/waiting.py": [SHARED, "tests/stores/test_waiting.py"],
    "stores/file/__init__.py": ["tests/stores/test_base.py", FILE],
    "stores/file/ceiling.py": [SLOW, FILE, CRASH],
    "stores/file/floors.py": [SIDE, FROZEN, LOWEST],
    "stores/file/hold.py": [SLOW, FILE, TURN, FROZEN, LOWEST],
    "stores/file/inspection.py": ["tests/stores/test_state_file.py", FILE],
    "stores/file/key.py": [SLOW, FILE, LISTS, FROZEN, LOWEST],
    "stores/file/layout.py": [LAYOUT, FILE, OLD],
    "stores/file/nonce_lock.py": [SLOW, "tests/stores/test_nonce_lock.py", FROZEN, FILE],
    "stores/file/record.py": ["tests/stores/test_state_file.py", FILE, FROZEN, CRASH],
    "stores/file/recovery.py": [LAYOUT, FILE, CRASH, OLD],
    "stores/file/reservation.py": [SLOW, "tests/test_nonce_source.py", FILE, LOWEST],
    "stores/file/side_files.py": [SIDE, LISTS, FILE, LOWEST],
    "stores/file/state_file.py": ["tests/stores/test_state_file.py", FILE, CRASH, LOWEST],
    "stores/file/steps.py": [SLOW, FILE, FROZEN, LOWEST],
    "stores/file/ticket_lock.py": [SIDE, TURN],
    "stores/file/turn.py": ["tests/stores/test_turn_line.py", TURN, FROZEN, LOWEST],
    "stores/file/turn_helper.py": ["tests/stores/test_turn_helper.py", TURN, FROZEN, LOWEST],
    "stores/redis/__init__.py": [SCRIPT, REDIS, NEIGHBOURS],
    "stores/redis/address.py": [DEPLOYED, REDIS],
    "stores/redis/connection.py": [SCRIPT, REDIS, NEIGHBOURS],
    "stores/redis/key.py": [SCRIPT, REDIS, NEIGHBOURS, DEPLOYED, OLD],
    "stores/redis/state.py": ["tests/stores/test_redis_state.py", SCRIPT, REDIS],
    "stores/redis/turn.py": [SCRIPT, REDIS, NEIGHBOURS],
    "calls/cancel_overtaking.py": [CALLS, SESSION, EDGES],
    "calls/cancellation.py": [CALLS, CANCELLED],
    "calls/choice.py": [CALLS, SESSION, EDGES, LIMITS],
    "calls/closing.py": [CALLS, SESSION],
    "calls/faults.py": [CALLS],
    "calls/halt.py": [CALLS, SESSION, EDGES],
    "calls/ledger.py": [CALLS, SESSION, EDGES],
    "calls/lost_orders.py": [CALLS, ORDERS, OUTCOMES, OBSERVE, CANCELLED],
    "calls/market_modes.py": [CALLS],
    "calls/nonce_recovery.py": [CALLS, SESSION, EDGES],
    "calls/observation.py": ["tests/calls/test_observation.py", OBSERVE],
    "calls/order_methods.py": [OBSERVE, CANCELLED],
    "calls/public_calls.py": [CALLS, SESSION, EDGES],
    "calls/replies.py": [CALLS, SESSION, EDGES, ORDERS],
    "calls/request_queue.py": [CALLS, SESSION],
    "calls/retry.py": [CALLS],
    "calls/session_statistics.py": [CALLS, SESSION, EDGES, "tests/monitoring"],
    "calls/submission.py": [CALLS, SESSION, EDGES, CANCELLED],
    "calls/tasks.py": [CALLS],
    "calls/time_sync.py": [CALLS, SESSION, EDGES, ORDERS],
    "calls/worker.py": [CALLS, SESSION, EDGES],
}
#: A test that fails within so many seconds, its start included, has not failed for want of time.
QUICK = 10.0
FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


class Mutator(ast.NodeTransformer):
    """Makes change number ``wanted`` and counts all that could be made."""

    def __init__(self, wanted: int = -1) -> None:
        self.wanted, self.count, self.line, self.what = wanted, 0, 0, ""

    def _hit(self, node: ast.expr | ast.stmt, what: str) -> bool:
        self.count += 1
        if self.count - 1 != self.wanted:
            return False
        self.line, self.what = node.lineno, what
        return True

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        for place, op in enumerate(node.ops):
            other = FLIPPED.get(type(op))
            if other is not None and self._hit(node, f"{type(op).__name__} becomes {other.__name__}"):
                node.ops[place] = other()
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if self._hit(node, "and becomes or, or or and"):
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and self._hit(node, "not is left out"):
            return node.operand
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, (ast.Add, ast.Sub)) and self._hit(node, "plus becomes minus, or minus plus"):
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            if self._hit(node, f"{node.value} becomes {not node.value}"):
                return ast.copy_location(ast.Constant(not node.value), node)
        elif isinstance(node.value, (int, float)) and self._hit(
            node, f"{node.value} becomes {node.value * 2 + 1}"
        ):
            return ast.copy_location(ast.Constant(node.value * 2 + 1), node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # Defaults of fields, and decorators, are left alone: they are what a caller may leave out, and decide nothing.
        node.body = [each if isinstance(each, ast.AnnAssign) else self.visit(each) for each in node.body]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name != "__repr__":
            node.body = [self.visit(each) for each in node.body]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.body = [self.visit(each) for each in node.body]
        return node


def mutants(module: str) -> list[tuple[str, int]]:
    """Return every change that can be made in a module."""
    counter = Mutator()
    counter.visit(ast.parse((ROOT / "kraken_async" / module).read_text()))
    return [(module, number) for number in range(counter.count)]


def run(copy: Path, *arguments: str, limit: int = 90, **environment: str) -> bool:
    """Return whether these tests pass in the copy, and end; ``limit``: the seconds that each may take."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--timeout={limit}",
        *arguments,
    ]
    child = subprocess.Popen(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        return child.wait(timeout=900) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):  # what the tests started ends with them
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@contextlib.contextmanager
def a_copy() -> Iterator[Path]:
    """Give a copy of the tree."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "tree"
        leave = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "build", "dist", "_build")
        shutil.copytree(ROOT, copy, ignore=leave)
        yield copy


def reached(path: str) -> dict[str, dict[int, list[str]]]:
    """Return which lines of which module each test of a file reaches; the file's tests pass, or it ends here."""
    with a_copy() as copy:
        written = copy / "reached.json"
        passed = run(copy, "-p", "benchmarks.reached", path, REACHED=str(written))
        if not (passed or run(copy, "-x", path) or run(copy, "-x", path)):  # a machine may be busy once
            raise SystemExit(f"{path} fails on the code as it is")
        found = json.loads(written.read_text())
    return {
        module: {int(line): tests for line, tests in lines.items()}
        for module, lines in found.items()
        if module in TARGETS
    }


def tests_of(module: str, tree: ast.Module, line: int, reach: dict[str, Any]) -> list[str]:
    """Return the tests that reach a line, or the nearest one above it in its function; all, where none is known to."""
    functions = [each for each in ast.walk(tree) if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
    starts = [each.lineno for each in functions if each.lineno <= line <= (each.end_lineno or 0)]
    lines = range(line, max(starts, default=line + 1), -1)
    found: list[str] = []
    for path in files_of(module):
        known = reach[path].get(module, {})
        found += next((known[each] for each in lines if each in known), [])
    return found or files_of(module)


def files_of(module: str) -> list[str]:
    """Return the files of tests that must notice a change of a module, its own first."""
    found: list[str] = []
    for path in TARGETS[module]:
        folder = ROOT / path
        inside = sorted(folder.glob("test_*.py")) if folder.is_dir() else [folder]
        found += [each.relative_to(ROOT).as_posix() for each in inside]
    own = f"test_{Path(module).stem}.py"
    return sorted(dict.fromkeys(found), key=lambda path: Path(path).name != own)


@contextlib.contextmanager
def changed(path: Path, code: str) -> Iterator[None]:
    """Hold other code in a file."""
    original = path.read_text()
    path.write_text(code)
    try:
        yield
    finally:
        path.write_text(original)


def dies(copy: Path, path: Path, code: str, tests: list[str]) -> bool:
    """Return whether a test fails on the changed code, and again alone; where that took long, not on the code as it is.

    A test that fails or takes too long once, as it may on a busy machine, kills nothing: all are run again.
    """
    failed = copy / "failed"
    for _ in range(3):
        failed.unlink(missing_ok=True)
        with changed(path, code):
            if run(copy, "-x", "-p", "benchmarks.reached", *tests, limit=30, FAILED=str(failed)):
                return False
            killers = [failed.read_text()] if failed.exists() else tests
            began = time.monotonic()
            again = run(copy, "-x", *killers, limit=60)
            quick = failed.exists() and time.monotonic() - began < QUICK
        if not again and (quick or run(copy, "-x", *killers, limit=60)):
            return True
    return False


def try_one(copy: Path, module: str, number: int, reach: dict[str, Any]) -> tuple[bool, str]:
    """Return whether a mutant dies, and what it is."""
    path = copy / "kraken_async" / module
    original = path.read_text()
    mutator = Mutator(number)
    tree = ast.fix_missing_locations(mutator.visit(ast.parse(original)))
    tests = tests_of(module, ast.parse(original), mutator.line, reach)
    return dies(copy, path, ast.unparse(tree), tests), f"{module}:{mutator.line}: {mutator.what}"


def work(chosen: list[tuple[str, int]], reach: dict[str, Any]) -> list[tuple[bool, str]]:
    """Try mutants one after the other in a copy of the tree."""
    with a_copy() as copy:
        found = []
        for module, number in chosen:
            found.append(try_one(copy, module, number, reach))
            print("dies " if found[-1][0] else "LIVES", found[-1][1], flush=True)
        return found


def _chosen(module: str, only: str) -> bool:
    return any(part in module for part in only.split(","))


def main() -> None:
    """Run a sample and print the share that died."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=120, help="how many mutants; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="modules whose path holds one of these")
    given = parser.parse_args()
    every = [each for module in TARGETS if _chosen(module, given.only) for each in mutants(module)]
    chosen = (
        every if not given.sample else random.Random(given.seed).sample(every, min(given.sample, len(every)))
    )
    parts = [chosen[place :: given.workers] for place in range(given.workers)]
    with concurrent.futures.ProcessPoolExecutor(given.workers) as pool:
        paths = sorted({path for module, _ in chosen for path in files_of(module)})
        reach = dict(zip(paths, pool.map(reached, paths), strict=True))
        print(f"{len(paths)} files of tests pass on the code as it is", flush=True)
        found = [each for part in pool.map(partial(work, reach=reach), parts) for each in part]
    alive = sorted(words for dead, words in found if not dead)
    share = 100 * (len(found) - len(alive)) / max(1, len(found))
    print(
        f"\n{len(found)} of {len(every)} mutants, {len(found) - len(alive)} died: {share:.1f} %, seed {given.seed}"
    )
    print("\n".join(alive))


if __name__ == "__main__":
    main()
