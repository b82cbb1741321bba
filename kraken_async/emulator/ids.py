"""Identifiers in Kraken's shapes, from one seeded source."""

from __future__ import annotations

import random

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Ids:
    """Makes order, trade, ledger, funding and report ids; 80 random bits make a repetition out of the question."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def txid(self, first: str) -> str:
        """Return an id such as ``OXXXXX-XXXXX-XXXXXX`` that begins with ``first`` (O, T or L)."""
        bits = self._rng.getrandbits(80)
        text = "".join([_ALPHABET[(bits >> shift) & 31] for shift in range(0, 80, 5)])
        return f"{first}{text[:5]}-{text[5:10]}-{text[10:]}"

    def token(self, length: int, prefix: str = "") -> str:
        """Return ``prefix`` and ``length`` letters and digits."""
        return prefix + "".join(self._rng.choices(_TOKEN, k=length))

    def report(self) -> str:
        """Return a report id of four capitals."""
        return "".join(self._rng.choices(_ALPHABET[:26], k=4))
