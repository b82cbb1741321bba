"""Kraken's two counters as pure arithmetic: a level that rises with each call and decays with time.

Figures: docs.kraken.com, guides "REST rate limits" and "trading rate limits" (see endpoints.Tier for the tiers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def age_cost(kind: str, age: float) -> float:
    """Return what Kraken's engine adds for an order of ``age`` seconds that is amended, edited or cancelled."""
    for below, cost in AGE_COSTS[kind]:
        if age < below:
            return cost
    return 0.0


def pair_key(name: str) -> str:
    """Return one spelling for the names of a pair (``XXBTZUSD``, ``XBTUSD``, ``BTC/USD``).

    Only counters are kept by it. Two pairs that fell together would share a counter, which errs on the safe side.
    """
    name = name.upper().replace("/", "")
    if len(name) == 8 and name[0] in "XZ" and name[4] in "XZ":
        name = name[1:4] + name[5:]
    for display, legacy in (("BTC", "XBT"), ("DOGE", "XDG")):
        name = name.replace(display, legacy)
    return name


def named_orders(params: Mapping[str, Any]) -> list[str]:
    """Return the txids and client ids that a cancel, amend or edit names."""
    names: list[str] = []
    for key in ("txid", "cl_ord_id", "orders", "cl_ord_ids"):
        value = params.get(key)
        if isinstance(value, (list, tuple)):
            names += [
                str(v.get("txid") or v.get("cl_ord_id")) if isinstance(v, dict) else str(v) for v in value
            ]
        elif value is not None:
            names += str(value).split(",")
    return names
