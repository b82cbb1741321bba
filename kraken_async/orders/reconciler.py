"""The pursuit of one order: it is looked for again and again, until found, absent, or time is up.

"Absent" is said only when a round of look-ups that began after Kraken's clock had passed the deadline, and
after that the time which an order may take to show, was answered in full and empty.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kraken_async.orders.order_lookup import LookupRound, OrderLookup
from kraken_async.orders.order_matching import batch_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.errors import Finding
    from kraken_async.orders.pending_order import PendingOrder
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


class OrderReconciler:
    """Looks for orders. ``visibility``: seconds that an accepted order may take to show."""

    def __init__(
        self,
        ask: Callable[[str, dict[str, Any]], Awaitable[Any]],
        rivals: Callable[[PendingOrder], bool],
        *,
        server_time: ServerTime,
        clock: Callable[[], float],
        visibility: float,
    ) -> None:
        self.finder = OrderLookup(ask, rivals)
        self._server_time = server_time
        self._clock = clock
        self._visibility = visibility

    async def run(self, ticket: PendingOrder, limit: float | None) -> tuple[LookupRound, Finding | None]:
        """LookupRound until it is found, absent, forbidden, or past ``limit`` on the loop's clock (None: a bound).

        Returns the last look, with the call's result if it was found, else what there is to say. Cancelled:
        nothing is left behind.
        """
        pause, first, started = FIRST_PAUSE, True, self._clock()
        while True:
            # Before the look: one that began earlier proves nothing. The first answer may be what tells Kraken's time.
            past = self._over_for(ticket) >= 0 and (self._server_time.known or not first)
            first = False
            look = await self.finder.look(ticket, self._since(ticket), ticket.intent.due)
            if look.result is not None:
                return look, None
            if look.complete and past:
                if ticket.found:  # the batch was taken, so what is missing of it was refused
                    look.result = batch_result(ticket.found, len(ticket.rows))
                return look, "absent"
            if look.not_permitted or look.closed or self._enough(ticket, started, limit):
                return look, "not seen" if ticket.looked and not look.not_permitted else "unreachable"
            await asyncio.sleep(self._pause(ticket, pause, limit))
            pause = min(pause * GROWTH, BACKGROUND_PAUSE if ticket.told else PAUSE)

    def _pause(self, ticket: PendingOrder, pause: float, limit: float | None) -> float:
        """Return the pause, which ends no later than when absence can be told, or at the limit."""
        left = [0.01 - self._over_for(ticket), *([] if limit is None else [limit - self._clock()])]
        return min([pause, *(seconds for seconds in left if seconds > 0)])

    def _enough(self, ticket: PendingOrder, started: float, limit: float | None) -> bool:
        now = self._clock()
        if limit is not None:
            return now >= limit
        if ticket.intent.due is None:
            return now - started > WITHOUT_DEADLINE
        return self._over_for(ticket) > BEYOND

    def _over_for(self, ticket: PendingOrder) -> float:
        """Return the seconds by which Kraken's clock has passed the moment from which absence can be told."""
        due = ticket.intent.due
        return (
            float("-inf") if due is None else self._server_time.now() - (due + self._visibility + CLOCK_ERROR)
        )

    def _since(self, ticket: PendingOrder) -> float | None:
        """Return when it was sent in Kraken's time, None if that cannot be told."""
        if ticket.sent_clock is None:
            return ticket.intent.sent_at if ticket.intent.clocked else None
        # Kept by the loop's clock, so that what is learnt of Kraken's clock later makes it better.
        return (
            self._server_time.now() - (self._clock() - ticket.sent_clock) if self._server_time.known else None
        )
