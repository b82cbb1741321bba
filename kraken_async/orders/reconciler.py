"""OrderReconciler: look for one order until it is found, can be called absent, or time is up; return a verdict.

What may be found stands in order_matching, what absence needs in absence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.key_info import KeyInfo
from kraken_async.errors import KrakenError
from kraken_async.orders.absence import Clocks, why_key_cannot_tell
from kraken_async.orders.order_answers import batch_result
from kraken_async.orders.order_lookup import Answer, LookupRound, OrderLookup
from kraken_async.orders.order_matching import Look

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
#: How long it goes on beyond the moment from which absence can be told, or altogether when it never can.
BEYOND: Final = 60.0
WITHOUT_PROOF: Final = 300.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of an order: its call's ``result``, or what can be said instead.

    ``session_closed``: the search was cut short, and says nothing. ``why``: what is missing to say more.
    """

    result: Any = None
    finding: Finding | None = None
    session_closed: bool = False
    why: str = ""

    @property
    def final(self) -> bool:
        """Whether nothing more can be learnt."""
        return self.result is not None or self.finding == "absent"


class OrderReconciler:
    """Looks for orders.

    ``ask`` makes a read just below cancels; ``visibility``: seconds that an accepted order may take to show.
    """

    def __init__(
        self,
        ask: Callable[[str, dict[str, Any]], Awaitable[Answer]],
        tracker: OrderTracker,
        *,
        server_time: ServerTime,
        clock: Callable[[], float],
        visibility: float,
    ) -> None:
        self._ask = ask
        self._lookup = OrderLookup(ask, server_time.now)
        self._tracker = tracker
        self._server_time = server_time
        self._clock = clock
        self._visibility = visibility
        self._key_info: KeyInfo | None = None

    async def run(self, order: PendingOrder, limit: float | None) -> Verdict:
        """Look until it is found, absent, forbidden, or past ``limit`` on the loop's clock (None: a bound of its own).

        Cancelled: nothing is left behind.
        """
        pause, started = FIRST_PAUSE, self._clock()
        while True:
            clocks = self._clocks(order)  # before the look: one that began earlier proves nothing
            this = await self._lookup.look(order, partial(self._look, order))
            verdict = await self._judge(order, this, clocks)
            if (
                verdict.final
                or this.not_permitted
                or this.session_closed
                or self._over(order, started, limit)
            ):
                return verdict
            await order.rest(self._pause(order, pause, limit))
            pause = min(pause * GROWTH, BACKGROUND_PAUSE if order.caller_informed else PAUSE)

    def _look(self, order: PendingOrder) -> Look:
        others, rivals = self._tracker.others(order)
        return Look(order.send_time(self._server_time), others=others, rivals=rivals)

    async def _judge(self, order: PendingOrder, this: LookupRound, clocks: Clocks) -> Verdict:
        if this.result is not None:
            return Verdict(this.result)
        rows = len(order.rows)
        if order.intent.endpoint == "AddOrderBatch" and rows and len(order.found) == rows:
            return Verdict(batch_result(order.found, rows, self._visibility))
        if this.session_closed or this.not_permitted:
            return Verdict(None, "unreachable" if this.not_permitted else order.finding, this.session_closed)
        why = await self._why_not_absent(order, this, clocks)
        if why is not None:
            return Verdict(None, order.finding, why=why)
        # A batch that was taken in part: what is missing of it is not found, row by row.
        found = batch_result(order.found, rows, self._visibility) if order.found else None
        return Verdict(found, "absent" if found is None else None)

    async def _why_not_absent(self, order: PendingOrder, this: LookupRound, clocks: Clocks) -> str | None:
        """Return what is missing to call an order absent; None: nothing is."""
        if this.doubt:
            return "an order that Kraken shows may be this one, and is not certain to be"
        if not this.complete:
            return "the look-ups were not answered in full"
        if (never := clocks.why_never()) is not None:
            return never
        if (clocks.remaining(self._visibility) or 0.0) > 0:
            return f"it may still show: an order may take {self._visibility:g} s to show"
        if order.journal is not None:
            return "it was sent with another key, whose nonces say nothing about this one's"
        if this.nonce <= order.nonce:
            return "the look-ups carried no higher nonces than the order"
        return why_key_cannot_tell(await self._asked_key_info())

    async def _asked_key_info(self) -> KeyInfo | None:
        """Ask once what the key may see; None while that is not answered."""
        if self._key_info is None:
            try:
                answer = await self._ask("GetApiKeyInfo", {})
            except KrakenError:
                return None
            info = KeyInfo.of(answer.result)
            if info.nonce is None and not info.permissions:
                return None  # an empty answer tells nothing
            self._key_info = info
        return self._key_info

    # -- time ----------------------------------------------------------------------------------------------

    def _clocks(self, order: PendingOrder) -> Clocks:
        span = self._server_time.span()
        return order.clocks(
            now=self._server_time.boot_clock(),
            kraken=None if span is None else span[0],
            epoch=self._server_time.epoch,
        )

    def remaining(self, order: PendingOrder) -> float | None:
        """Return the seconds until it can be told whether an order is absent; None: never, as far as is known."""
        return self._clocks(order).remaining(self._visibility)

    def _pause(self, order: PendingOrder, pause: float, limit: float | None) -> float:
        """Return the pause, which ends no later than when absence can be told, or at the limit."""
        remaining = self.remaining(order)
        left = [] if remaining is None else [remaining + 0.01]
        left += [] if limit is None else [limit - self._clock()]
        return min([pause, *(seconds for seconds in left if seconds > 0)])

    def _over(self, order: PendingOrder, started: float, limit: float | None) -> bool:
        now = self._clock()
        if limit is not None:
            return now >= limit
        remaining = self.remaining(order)
        return now - started > WITHOUT_PROOF if remaining is None else -remaining > BEYOND
