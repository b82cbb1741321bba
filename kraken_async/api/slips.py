"""Tell a slip of the keyboard from a word that is not known yet.

A word is a slip of a known one if an edit or two lead from one to the other: a letter too many, one missing, one
exchanged for another, two in the wrong order. Kraken may add words that look alike, so these are no slips:

1. words that differ in their digits alone (``price3``, where ``price2`` is known);
2. of words with four letters or fewer those that differ by more than one edit, or by an exchanged letter (``GTX``,
   where ``GTC`` is known);
3. values that differ in upper and lower case alone, which Kraken may take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_SHORT: Final = 4
_DIGITS: Final = re.compile(r"\d+")


def slip(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` can only be a slip of, or None."""
    nearest = min(((_distance(word, each), each) for each in known if _may_be(word, each)), default=None)
    return nearest[1] if nearest is not None and nearest[0] <= 2 else None


def _may_be(word: str, known: str) -> bool:
    if abs(len(word) - len(known)) > 2 or _DIGITS.sub("", word) == _DIGITS.sub("", known):
        return False
    if min(len(word), len(known)) > _SHORT:
        return True
    return _distance(word, known) == 1 and (len(word) != len(known) or sorted(word) == sorted(known))


def _distance(one: str, other: str) -> int:
    """Return the number of edits: insertions, deletions, exchanges, and two letters in the wrong order as one."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, at in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != at))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == at:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]
