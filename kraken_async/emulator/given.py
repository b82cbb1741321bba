"""Values as a test gives them: one that cannot be is a ValueError that says what may be given."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from typing import Any


def number(value: Any, name: str) -> Decimal:
    """Return a finite number, which may be given as text."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name} must be a number, not {value!r}") from None
    if isinstance(value, bool) or not found.is_finite():
        raise ValueError(f"{name} must be a number, not {value!r}")
    return found


def positive(value: Any, name: str) -> Decimal:
    """Return a number above 0."""
    found = number(value, name)
    if found <= 0:
        raise ValueError(f"{name} must be above 0, not {value!r}")
    return found


def at_least_0(value: Any, name: str) -> Decimal:
    """Return a number that is 0 or above it."""
    found = number(value, name)
    if found < 0:
        raise ValueError(f"{name} must not be below 0, not {value!r}")
    return found


def seconds(value: Any, name: str) -> float:
    """Return a time that may pass."""
    return float(at_least_0(value, name))


def whole(value: Any, name: str, least: int = 0) -> int:
    """Return a whole number from ``least`` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number from {least} on, not {value!r}")
    return value


def span(value: Any, name: str) -> tuple[float, float]:
    """Return (least, most) in seconds."""
    try:
        least, most = (seconds(each, name) for each in value)
        if least <= most:
            return least, most
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name} must be (least, most) in seconds, not {value!r}")


def flag(value: Any, name: str) -> bool:
    """Return True or False; a text such as "no" would count as true."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return value


def one_of(value: Any, name: str, choices: Collection[str]) -> str:
    """Return one of a few words."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return str(value)
