"""Progress on standard error: a line written over on a terminal; elsewhere one a section, and one every half minute."""

from __future__ import annotations

import sys
import time
from typing import Final

EVERY: Final = 30.0  # seconds between two lines where there is no terminal


class Progress:
    """Counts steps, and says how long the whole is likely to take."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet, self._begun = quiet, time.monotonic()
        self._done, self._steps, self._section, self._said = 0, 0, "", 0.0

    def expect(self, steps: int) -> None:
        """Add steps to come."""
        self._steps += steps

    def step(self, section: str, what: str) -> None:
        """One step begins."""
        self._done += 1
        if self._quiet:
            return
        seconds = time.monotonic() - self._begun
        line = f"[{seconds:4.0f} s, {self._done} of {self._steps}] {section}: {what}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K{line[:100]}")
        elif section != self._section or seconds - self._said >= EVERY:
            self._said = seconds
            sys.stderr.write(line + "\n")
        self._section = section
        sys.stderr.flush()

    def say(self, line: str) -> None:
        """Say something that stays."""
        if not self._quiet:
            sys.stderr.write(("\r\x1b[2K" if sys.stderr.isatty() else "") + line + "\n")
