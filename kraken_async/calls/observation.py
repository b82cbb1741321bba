"""Observation: what a bot sees on Kraken's WebSocket, used for orders whose answers were lost and for the counters.

Rules kept here:

1. An id made here proves an order alone: a lost order that carries one ends with the event that shows it. An event of
   an order that may be a lost one, and is not certain to be, only makes its look-up begin at once.
2. Kraken's own level of a pair's counter goes before ours, unless something was charged here after the event.
3. Nothing here waits, and nothing that a message holds ends more than that message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kraken_async.limits.order_ages import Age
from kraken_async.order_fields import pair_key

if TYPE_CHECKING:
    from kraken_async.calls.lost_orders import LostOrders
    from kraken_async.limits.governor import Admission
    from kraken_async.orders.executions import Execution
    from kraken_async.server_time import ServerTime
    from kraken_async.stores.base import KeyState


class Observation:
    """Takes messages for one session. Belongs to the session's loop."""

    def __init__(
        self, lost_orders: LostOrders, gate: Admission, state: KeyState, server_time: ServerTime
    ) -> None:
        self._lost_orders = lost_orders
        self._gate = gate
        self._state = state
        self._server_time = server_time

    def take(self, message: Mapping[str, Any] | str | bytes) -> None:
        """Learn what a message tells. Raises ValueError for what is no message."""
        from kraken_async.orders.executions import executions  # most programs listen to no WebSocket

        for event in executions(message):
            self._learn(event)
            self._lost_orders.seen(event.txid, event.order)

    def _learn(self, event: Execution) -> None:
        if not event.pair:
            return
        engine, now = self._gate.engine, self._gate.now()
        least, most = self._ages(event.at)
        if event.is_young:
            engine.learn([Age(event.names, event.pair, now - least)], now)
        pair = pair_key(event.pair)
        if event.level is not None and engine.observed(pair, event.level, now, least=least, most=most):
            self._state.note(lambda shared: engine.publish(pair, shared))

    def _ages(self, at: float | None) -> tuple[float, float]:
        """Return how many seconds ago a moment of Kraken's clock was, at least and at most."""
        if at is None:
            return 0.0, 0.0
        span = self._server_time.span() or (self._server_time.now(),) * 2
        return max(0.0, span[0] - at), max(0.0, span[1] - at)
