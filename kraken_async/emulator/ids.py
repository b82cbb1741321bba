"""Identifiers in Kraken's shapes, from one seeded source."""

from __future__ import annotations

import random

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Ids:
    """Makes order, trade, ledger, funding and report ids; none is made twice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made: set[str] = set()

    def txid(self, first: str) -> str:
        """Return an id such as ``OXXXXX-XXXXX-XXXXXX`` that begins with ``first`` (O, T or L)."""
        while True:
            bits = self._rng.getrandbits(75)
            text = "".join([_ALPHABET[(bits >> shift) & 31] for shift in range(0, 75, 5)])
            made = f"{first}{text[:5]}-{text[5:10]}-{text[10:]}{_ALPHABET[bits % 31]}"
            if made not in self._made:
                self._made.add(made)
                return made

    def issued(self, txid: str) -> bool:
        """Return whether this emulator ever gave out ``txid``."""
        return txid in self._made

    def token(self, length: int, prefix: str = "") -> str:
        """Return ``prefix`` and ``length`` letters and digits."""
        return prefix + "".join(self._rng.choices(_TOKEN, k=length))

    def report(self) -> str:
        """Return a report id of four capitals."""
        return "".join(self._rng.choices(_ALPHABET[:26], k=4))
