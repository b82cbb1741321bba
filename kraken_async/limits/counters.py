"""Kraken's two counters as pure arithmetic: a level that rises with each call and decays with time.

Figures: docs.kraken.com, guides "REST rate limits" and "trading rate limits" (see endpoints.Tier for the tiers).
"""

from __future__ import annotations

from typing import Final

#: (age below, in seconds; cost), by transaction. An age is counted since creation or the last amend.
AGE_COSTS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "amend": ((5, 3), (10, 2), (15, 1)),
    "edit": ((5, 6), (10, 5), (15, 4), (45, 2), (90, 1)),
    "cancel": ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1)),
}
#: The fixed part, charged on receipt.
FIXED_COSTS: Final = {"add": 1.0, "amend": 1.0, "edit": 1.0, "cancel": 0.0}
#: An order older than this costs nothing to cancel, so it need not be remembered.
OLDEST: Final = 300.0


def decayed(level: float, at: float, decay: float, now: float) -> float:
    """Return what is left at ``now`` of a ``level`` known at ``at``, at ``decay`` per second. Time never runs back."""
    if now <= at:
        return level
    left = level - decay * (now - at)
    return left if left > 0.0 else 0.0


def seconds_until(level: float, room: float, decay: float) -> float:
    """Return how long until ``level`` has decayed to ``room``; 0 if it is there."""
    excess = level - room
    # What arithmetic leaves behind the decimal point is no excess; every margin is far wider.
    return excess / decay if excess > 1e-6 else 0.0


def batch_cost(rows: int) -> float:
    """Return what the matching engine charges for a batch of so many new orders."""
    return rows / 2


def age_cost(kind: str, age: float) -> float:
    """Return what Kraken's engine adds for an order of ``age`` seconds that is amended, edited or cancelled."""
    for below, cost in AGE_COSTS[kind]:
        if age < below:
            return cost
    return 0.0
