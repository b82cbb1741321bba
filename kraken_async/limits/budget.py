"""How much of Kraken's counters is left, and when how much more may go."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kraken_async.api.arguments import check_text, check_whole
from kraken_async.api.endpoints import Priority, find
from kraken_async.limits.counters import FIXED_COSTS, batch_cost, seconds_until
from kraken_async.limits.governor import NEVER_HELD, RESERVE
from kraken_async.limits.matching_engine import MARGIN
from kraken_async.order_fields import pair_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.limits.governor import Admission
    from kraken_async.stores.base import Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Kraken's counters as this key has filled them, at one moment. Decay is per second.

    ``room`` is how far the call counter may be filled: its maximum, less the margin and the reserve. ``pairs`` gives
    the level of each pair's engine counter, ``pair_room`` how far each may be filled.
    """

    tier: str
    level: float
    maximum: float
    decay: float
    room: float
    pairs: Mapping[str, float]
    pair_threshold: float
    pair_room: float
    pair_decay: float
    open_orders_cap: int  # per pair

    @classmethod
    def of(cls, admission: Admission, shared: Shared, now: float) -> Budget:
        """Return the budget at ``now``."""
        tier = admission.tier
        reserve = RESERVE if shared.trading else 0.0
        return cls(
            tier=tier.name.lower(),
            level=admission.level(shared, now),
            maximum=float(tier.maximum),
            decay=tier.decay,
            room=tier.maximum - admission.governor.margin - reserve,
            pairs={pair: admission.engine.level(pair, now) for pair in admission.engine.pairs(shared, now)},
            pair_threshold=float(tier.threshold),
            pair_room=tier.threshold - MARGIN,
            pair_decay=tier.engine_decay,
            open_orders_cap=tier.open_orders,
        )

    def seconds(self, endpoint: str, calls: int = 1, *, pair: str | None = None, rows: int = 2) -> float:
        """Return the seconds until ``calls`` more calls of an endpoint may all have gone; 0 if they may go at once.

        For orders name the ``pair``, and for an AddOrderBatch the ``rows`` of each call. Costs by age (amend, edit)
        are not counted. Cancels go at once, whatever the counters say. Raises ValueError for arguments that cannot be,
        such as a batch without rows.
        """
        check_text("endpoint", endpoint, "AddOrder")
        check_whole("calls", calls, least=0)
        if pair is not None:
            check_text("pair", pair, "XBTUSD")
        check_whole("rows of a batch", rows, least=1)
        found = find(endpoint, private=True)
        if found.priority == Priority.CANCEL or found.name in NEVER_HELD:
            return 0.0
        cost = batch_cost(rows) if found.engine == "add_batch" else FIXED_COSTS.get(found.engine or "")
        if cost is not None:
            level = self.pairs.get(pair_key(pair or ""), 0.0)
            return seconds_until(level + calls * cost, self.pair_room, self.pair_decay)
        return seconds_until(self.level + calls * found.cost, self.room, self.decay) if found.cost else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the budget as plain JSON data."""
        return dataclasses.asdict(self)
