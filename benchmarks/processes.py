"""Child processes that never outlive the benchmark: asked in lines of JSON, bounded in time, ended by their id."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).parent.parent
#: Those that have not ended.
running: set[Child] = set()


@cache
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    """Return a folder of this run for bytecode: all are compiled alike, however they were installed."""
    return tempfile.TemporaryDirectory(prefix="bytecode-")


def environment() -> dict[str, str]:
    """Return the environment of a child."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": _bytecode().name}


class Failed(Exception):
    """A child gave an error, ended, or took too long."""


class Child:
    """A Python with these arguments, its standard input a pipe: it ends when that does, even if we are killed."""

    def __init__(self, *arguments: str, process_group: int | None = None) -> None:
        # A file, not a pipe: nobody reads along, and a full pipe would stop the child.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 # closed with the child
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            process_group=process_group,
        )
        running.add(self)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def line(self, timeout: float) -> str:
        """Return the next line it prints. Raises Failed; the child is then ended."""
        assert self._process.stdout is not None
        late = threading.Timer(timeout, self._process.kill)
        late.start()
        try:
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        if not line:
            self.end()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["without a word"])[-1]
            raise Failed(f"it ended, or took more than {timeout:g} s: {last}")
        return line

    def all(self, timeout: float) -> str:
        """Return everything it prints until it ends. Raises Failed."""
        lines = [self.line(timeout)]
        assert self._process.stdout is not None
        late = threading.Timer(timeout, self._process.kill)
        late.start()
        try:
            lines += self._process.stdout.readlines()
        finally:
            late.cancel()
        return "".join(lines)

    def answer(self, timeout: float) -> dict[str, Any]:
        """Return the next line as JSON. Raises Failed."""
        answer: dict[str, Any] = json.loads(self.line(timeout))
        if "error" in answer:
            self.end()
            raise Failed(answer["error"])
        return answer

    def tell(self, job: dict[str, Any]) -> None:
        """Give it one job. Raises Failed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Failed(f"it is gone: {error}") from error

    def ask(self, job: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Give it one job and return the answer. Raises Failed."""
        self.tell(job)
        return self.answer(timeout)

    def kill(self) -> None:
        """End it at once, also while it stands still."""
        self._process.kill()

    def end(self) -> None:
        """Close its input, and kill it if it does not end by that. Idempotent."""
        running.discard(self)
        process = self._process
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._errors.close()


def measure(
    name: str, timeout: float = 120, *, without: tuple[str, ...] = (), **options: Any
) -> dict[str, Any]:
    """Take one measurement in a fresh process. Raises Failed."""
    spec = {"measure": name, "options": options, "without": without}
    with Child("-m", "benchmarks.worker", json.dumps(spec)) as child:
        return child.answer(timeout)


def end_all() -> None:
    """End every child."""
    for child in list(running):
        child.end()


def end_all_at_exit() -> None:
    """See that no child is left, also when we are asked to terminate."""
    atexit.register(end_all)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
