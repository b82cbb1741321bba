"""OrderReconciler: look for one order until it is found, proven absent, or time is up; return a verdict.

"Absent" is said only when a round of look-ups that began after Kraken's clock had passed the deadline, and
after that the time which an order may take to show, was answered in full and empty.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kraken_async.orders.order_lookup import OrderLookup
from kraken_async.orders.order_matching import batch_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.errors import Finding
    from kraken_async.orders.pending_order import PendingOrder
    from kraken_async.orders.tracker import OrderTracker
    from kraken_async.server_time import ServerTime

#: Seconds between two looks: the first pause, its growth, its cap while the caller waits, and afterwards.
FIRST_PAUSE: Final = 0.25
GROWTH: Final = 1.6
PAUSE: Final = 2.0
BACKGROUND_PAUSE: Final = 10.0
#: What is not known of Kraken's clock, in seconds.
CLOCK_ERROR: Final = 1.0
#: How long it goes on beyond the moment from which absence can be told, or altogether when there is no deadline.
BEYOND: Final = 60.0
WITHOUT_DEADLINE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an order: its call's ``result``, or what can be said instead.

    ``session_closed``: the search was cut short, and says nothing.
    """

    result: Any = None
    finding: Finding | None = None
    session_closed: bool = False

    @property
    def final(self) -> bool:
        """Whether nothing more can be learnt."""
        return self.result is not None or self.finding == "absent"


class OrderReconciler:
    """Looks for orders. ``ask`` makes a read just below cancels; ``visibility``: seconds an order may take to show."""

    def __init__(
        self,
        ask: Callable[[str, dict[str, Any]], Awaitable[Any]],
        tracker: OrderTracker,
        *,
        server_time: ServerTime,
        clock: Callable[[], float],
        visibility: float,
    ) -> None:
        self._lookup = OrderLookup(ask, tracker)
        self._server_time = server_time
        self._clock = clock
        self._visibility = visibility

    async def run(self, order: PendingOrder, limit: float | None) -> Verdict:
        """Look until it is found, absent, forbidden, or past ``limit`` on the loop's clock (None: a bound of its own).

        Cancelled: nothing is left behind.
        """
        pause, first, started = FIRST_PAUSE, True, self._clock()
        while True:
            # Before the look: one that began earlier proves nothing. The first answer may be what tells Kraken's time.
            past = self._over_for(order) >= 0 and (self._server_time.known or not first)
            first = False
            look = await self._lookup.look(order, self._since(order), order.intent.due)
            if look.result is not None:
                return Verdict(look.result)
            if look.complete and past:
                if order.found:  # the batch was taken, so what is missing of it was refused
                    return Verdict(batch_result(order.found, len(order.rows)), "absent")
                return Verdict(None, "absent")
            if look.not_permitted or look.closed or self._enough(order, started, limit):
                return Verdict(None, "unreachable" if look.not_permitted else order.finding, look.closed)
            await asyncio.sleep(self._pause(order, pause, limit))
            pause = min(pause * GROWTH, BACKGROUND_PAUSE if order.caller_informed else PAUSE)

    def _pause(self, order: PendingOrder, pause: float, limit: float | None) -> float:
        """Return the pause, which ends no later than when absence can be told, or at the limit."""
        left = [0.01 - self._over_for(order), *([] if limit is None else [limit - self._clock()])]
        return min([pause, *(seconds for seconds in left if seconds > 0)])

    def _enough(self, order: PendingOrder, started: float, limit: float | None) -> bool:
        now = self._clock()
        if limit is not None:
            return now >= limit
        if order.intent.due is None:
            return now - started > WITHOUT_DEADLINE
        return self._over_for(order) > BEYOND

    def _over_for(self, order: PendingOrder) -> float:
        """Return the seconds by which Kraken's clock has passed the moment from which absence can be told."""
        due = order.intent.due
        return (
            float("-inf") if due is None else self._server_time.now() - (due + self._visibility + CLOCK_ERROR)
        )

    def _since(self, order: PendingOrder) -> float | None:
        """Return when it was sent in Kraken's time, None if that cannot be told."""
        if order.sent_clock is None:
            return order.intent.sent_at if order.intent.clocked else None
        # Kept by the loop's clock, so that what is learnt of Kraken's clock later makes it better.
        return (
            self._server_time.now() - (self._clock() - order.sent_clock) if self._server_time.known else None
        )
