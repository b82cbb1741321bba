"""Check: one line of ``kraken-async doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Grade = Literal["OK", "WARN", "FAIL"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, and what helps if it is not OK."""

    name: str
    grade: Grade
    found: str
    cure: str = ""
