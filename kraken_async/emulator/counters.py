"""Kraken's two counters: a level that calls raise and time lowers."""

from __future__ import annotations

# Two floats that should be equal may differ in the last place after decay; Kraken's own resolution is far coarser.
_ROUNDING = 1e-9


class Counter:
    """One counter: ``decay`` a second, never below zero.

    ``exclusive`` refuses a call that would bring the level exactly to the limit; by default only one that
    would exceed it is refused (Kraken documents neither). A refused call counts too, up to the limit; with
    ``prolonged`` beyond it.
    """

    __slots__ = ("_at", "_level", "decay", "limit")

    def __init__(self, limit: float, decay: float) -> None:
        self.limit: float = limit
        self.decay: float = decay
        self._level = 0.0
        self._at = 0.0

    def level(self, t: float) -> float:
        """Return the level at ``t``; a clock that stepped back takes nothing off."""
        return max(0.0, self._level - self.decay * max(0.0, t - self._at))

    def set(self, level: float, t: float) -> None:
        """Put the counter at ``level``."""
        self._level, self._at = level, t

    def charge(self, cost: float, t: float) -> None:
        """Add ``cost`` whatever the level."""
        self._level, self._at = self.level(t) + cost, t

    def admit(self, cost: float, t: float, *, exclusive: bool = False, prolonged: bool = False) -> bool:
        """Charge ``cost`` and return whether the call may pass."""
        level = self.level(t)
        after = level + cost
        passes = after < self.limit - _ROUNDING if exclusive else after <= self.limit + _ROUNDING
        if not passes and not prolonged:
            after = max(level, min(after, self.limit))
        self._level, self._at = after, t
        return passes
