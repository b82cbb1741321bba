"""Arguments of public functions: one of a wrong kind is a ValueError in words, before anything is done with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

T = TypeVar("T")


def number_of(value: object) -> float:
    """Return a number as a float, and NaN, which no comparison holds for, for all else.

    That is for text, a bool, or a number above what a float can hold.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")


def check_seconds(name: str, value: object, *, least: float | None = None) -> None:
    """Raise ValueError for what is no time in seconds: finite, above 0 (or from ``least`` on), no text and no bool."""
    number = number_of(value)
    enough = number > 0 if least is None else number >= least
    if not enough or not number < float("inf"):
        bound = "above 0" if least is None else f"of {least:g} or more"
        msg = f"{name} is a number of seconds {bound}, not {value!r}"
        raise ValueError(msg)


def check_flag(name: str, value: object) -> None:
    """Raise ValueError for what is not True or False: a text such as "no" would count as true."""
    if not isinstance(value, bool):
        msg = f"{name} is True or False, not {value!r}"
        raise ValueError(msg)


def check_whole(name: str, value: object, *, least: int) -> None:
    """Raise ValueError for what is no whole number from ``least`` on."""
    if not isinstance(value, int) or not number_of(value) >= least:
        msg = f"{name} is a whole number, {least} or more, not {value!r}"
        raise ValueError(msg)


def check_text(name: str, value: object, example: str = "") -> None:
    """Raise ValueError for what is no text, or an empty one. ``example``: what it looks like."""
    if not isinstance(value, str) or not value:
        such_as = f", such as {example!r}" if example else ""
        msg = f"{name} is a text{such_as}, not {value!r}"
        raise ValueError(msg)


def check_path(name: str, value: object) -> None:
    """Raise ValueError for what names no file and no directory."""
    if not isinstance(value, (str, os.PathLike)):
        msg = f"{name} is a path, as a text or a pathlib.Path, not {value!r}"
        raise ValueError(msg)


def check_one_of(name: str, value: object, choices: Collection[str]) -> None:
    """Raise ValueError for what is none of a few words."""
    if not isinstance(value, str) or value not in choices:
        msg = f"{name} is one of {', '.join(choices)}, not {value!r}"
        raise ValueError(msg)


def tuple_of(given: Iterable[T] | None) -> tuple[T, ...]:
    """Return what was given as a tuple; None: nothing."""
    return () if given is None else tuple(given)
