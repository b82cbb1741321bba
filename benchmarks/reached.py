"""A pytest plugin: write down which lines of the package each test reaches, or the first that fails.

    pytest -p benchmarks.reached ...        (REACHED: the file to write; JSON of module -> line -> tests)
                                            (FAILED: the file to write; the first test that fails)

For ``benchmarks/mutants.py``. What a test's child processes reach is not seen.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

PACKAGE = str(Path(__file__).resolve().parents[1] / "kraken_async") + os.sep
_lines: dict[tuple[str, int], set[str]] = defaultdict(set)
_test = ""


def _trace(frame: FrameType, event: str, arg: Any) -> Any:
    name = frame.f_code.co_filename
    if not name.startswith(PACKAGE):
        return None
    module = name.removeprefix(PACKAGE)

    def line(frame: FrameType, event: str, arg: Any) -> Any:
        _lines[module, frame.f_lineno].add(_test)
        return line

    return line(frame, event, arg)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Trace one test, its fixtures included."""
    if "REACHED" not in os.environ:
        return (yield)
    global _test
    _test = item.nodeid
    threading.settrace(_trace)
    sys.settrace(_trace)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down the first test that fails."""
    if report.failed and "FAILED" in os.environ and not Path(os.environ["FAILED"]).exists():
        Path(os.environ["FAILED"]).write_text(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write what was found."""
    if "REACHED" not in os.environ:
        return
    found: dict[str, dict[int, list[str]]] = defaultdict(dict)
    for (module, line), tests in _lines.items():
        found[module][line] = sorted(tests)
    Path(os.environ["REACHED"]).write_text(json.dumps(found))
