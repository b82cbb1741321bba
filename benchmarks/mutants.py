"""Change one thing at a time in the code that tells what became of an order, and see whether a test notices.

    python benchmarks/mutants.py [--sample 120] [--seed 1] [--workers 2] [--only order_matching]

A mutant is one change of a comparison, a boolean operator, a condition, a number, a returned constant or a call's
negation in ``orders/`` or ``server_time.py``. It dies when one of its tests fails, and lives when all pass. Works on a
copy: the tree that it is started in is not touched. Prints the share that died, and each that lives.
"""

from __future__ import annotations

import argparse
import ast
import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: The modules that decide what is told, and the quick tests that must notice.
TARGETS = {
    "server_time.py": ["tests/test_server_time.py"],
    "orders/absence.py": ["tests/orders/test_absence.py", "tests/orders/test_outcomes.py"],
    "orders/claims.py": ["tests/orders/test_outcomes.py", "tests/orders/test_schedules.py"],
    "orders/intent.py": ["tests/orders/test_journal.py", "tests/orders/test_orders.py"],
    "orders/order_agreement.py": ["tests/orders/test_order_matching.py"],
    "orders/order_answers.py": ["tests/orders/test_orders.py"],
    "orders/order_lookup.py": ["tests/orders/test_orders.py", "tests/orders/test_outcomes.py"],
    "orders/order_matching.py": ["tests/orders/test_order_matching.py", "tests/orders/test_orders.py"],
    "orders/pending_order.py": [
        *(
            "tests/orders/test_orders.py",
            "tests/orders/test_outcomes.py",
            "tests/orders/test_ensure_cancelled.py",
        ),
    ],
    "orders/policy.py": ["tests/orders/test_orders.py", "tests/orders/test_outcomes.py"],
    "orders/recall.py": ["tests/orders/test_outcomes.py", "tests/test_session.py"],
    "orders/reconciler.py": ["tests/orders/test_orders.py", "tests/orders/test_outcomes.py"],
    "orders/tracker.py": [
        *(
            "tests/orders/test_orders.py",
            "tests/orders/test_outcomes.py",
            "tests/orders/test_ensure_cancelled.py",
        ),
    ],
}
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
        # The defaults of fields are left alone: they are what a caller may leave out, and say nothing of an order.
        node.body = [each if isinstance(each, ast.AnnAssign) else self.visit(each) for each in node.body]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name in ("__repr__",):
            return node
        return self.generic_visit(node)


def mutants(module: str) -> list[tuple[str, int]]:
    """Return every change that can be made in a module."""
    counter = Mutator()
    counter.visit(ast.parse((ROOT / "kraken_async" / module).read_text()))
    return [(module, number) for number in range(counter.count)]


def try_one(copy: Path, module: str, number: int) -> tuple[bool, str]:
    """Return whether a mutant dies, and what it is."""
    path = copy / "kraken_async" / module
    original = path.read_text()
    mutator = Mutator(number)
    tree = ast.fix_missing_locations(mutator.visit(ast.parse(original)))
    path.write_text(ast.unparse(tree))
    try:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TARGETS[module]]
        done = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
        dead = done.returncode != 0
    except subprocess.TimeoutExpired:
        dead = True
    finally:
        path.write_text(original)
    return dead, f"{module}:{mutator.line}: {mutator.what}"


def work(chosen: list[tuple[str, int]]) -> list[tuple[bool, str]]:
    """Try mutants one after the other in a copy of the tree."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "tree"
        leave = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "build", "dist", "_build")
        shutil.copytree(ROOT, copy, ignore=leave)
        found = []
        for module, number in chosen:
            found.append(try_one(copy, module, number))
            print("dies " if found[-1][0] else "LIVES", found[-1][1], flush=True)
        return found


def main() -> None:
    """Run a sample and print the share that died."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=120, help="how many mutants; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="modules whose path holds this")
    given = parser.parse_args()
    every = [each for module in TARGETS if given.only in module for each in mutants(module)]
    chosen = (
        every if not given.sample else random.Random(given.seed).sample(every, min(given.sample, len(every)))
    )
    parts = [chosen[place :: given.workers] for place in range(given.workers)]
    with concurrent.futures.ProcessPoolExecutor(given.workers) as pool:
        found = [each for part in pool.map(work, parts) for each in part]
    alive = sorted(words for dead, words in found if not dead)
    share = 100 * (len(found) - len(alive)) / max(1, len(found))
    print(
        f"\n{len(found)} of {len(every)} mutants, {len(found) - len(alive)} died: {share:.1f} %, seed {given.seed}"
    )
    print("\n".join(alive))


if __name__ == "__main__":
    main()
