"""OrderTracker: complete orders, put them on record, mark them as sent, and strike off what is certain.

Rules kept here:

1. An order leaves with an id and a deadline, so that it can be looked up, and cannot be accepted for ever.
2. It is on record before its turn is asked for, and marked as sent before its bytes leave.
3. What its caller was told is unknown stays on record until it is known.

How a lost order is looked up stands in reconciler.py, what its caller is told meanwhile in calls/lost_orders.py.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kraken_async.call import CallListener
from kraken_async.errors import NonceStoreError, OutcomeUnknown
from kraken_async.order_fields import ids_in_result, is_true
from kraken_async.orders.intent import Intent, new_cl_ord_id
from kraken_async.orders.pending_order import PendingOrder, intent_of
from kraken_async.orders.policy import OrderPolicy, complete
from kraken_async.orders.recall import placed_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken_async.api.endpoints import Endpoint
    from kraken_async.call import Call
    from kraken_async.errors import KrakenError
    from kraken_async.orders.journal import Journal
    from kraken_async.server_time import ServerTime

__all__ = ["OrderPolicy", "OrderTracker", "new_cl_ord_id"]

log = logging.getLogger("kraken_async.orders")

#: Seconds within which an order placed before could be taken for one placed now, with a margin for both clocks.
JUST: Final = 60.0
#: How many ids of orders, and whose they are, are remembered.
REMEMBERED: Final = 4096


class OrderTracker(CallListener):
    """The orders of one session, from their completion to the end of what can be learnt of them.

    ``journal`` None: nothing outlives the session. ``placed`` gives the names of orders that any session on the key has
    placed since a time (unix seconds). Belongs to the session's loop.
    """

    def __init__(
        self,
        policy: OrderPolicy,
        journal: Journal | None,
        server_time: ServerTime,
        clock: Callable[[], float],
        placed: Callable[[float], Iterable[str]],
    ) -> None:
        self._policy = policy
        self._journal = journal
        self._server_time = server_time
        self._clock = clock
        self._placed = placed
        self._live: set[PendingOrder] = set()  # from the queue to the end of the call
        self._by_client_id: dict[str, list[Call]] = {}  # the same
        self._given_up: dict[
            str, PendingOrder
        ] = {}  # the caller was told "unknown", and nothing is known since
        self._owners: dict[str, str] = {}  # txid or amend id -> the id of the intent that became it
        self._left = 0 if journal is None else len(journal.left(server_time.now()))
        if self._left:
            log.warning("of sessions that died, orders may be live: %d, see client.unresolved()", self._left)

    def __repr__(self) -> str:
        return f"<OrderTracker {len(self._live)} on their way, {len(self._given_up)} unknown>"

    @property
    def open_count(self) -> int:
        """Return how many outcomes are not known, dead sessions' as they were last read."""
        return self._left + len(self._given_up)

    # -- on the way out --------------------------------------------------------------------------------------------

    def complete(
        self, endpoint: Endpoint, params: dict[str, Any]
    ) -> tuple[dict[str, Any], float | None, frozenset[str]]:
        """Return the fields with ids added, the seconds for a deadline stamped at signing (or None), the ids made."""
        if not endpoint.places_orders:
            return params, None, frozenset()
        return complete(self._policy, endpoint, params)

    async def record(self, call: Call) -> None:
        """Put an order on record before it is queued. Returns at once for everything else.

        Raises NonceStoreError, naming the file and the cure, when that fails. Cancelled: nothing is left on record.
        """
        if not call.endpoint.places_orders or is_true(call.params.get("validate")):
            return
        session = "" if self._journal is None else self._journal.session
        order = PendingOrder(intent_of(call, self._server_time.now(), session), call, tuple(placed_ids(call)))
        call.order = order
        if self._journal is not None:
            try:
                await self._journal.record(order.intent)
            except BaseException as error:
                self._journal.done(order.intent.id)
                call.order = None
                if isinstance(error, NonceStoreError):
                    error.endpoint = call.endpoint.name
                raise
        self._live.add(order)
        for name in order.client_ids:
            self._by_client_id.setdefault(name, []).append(call)

    def carrying(self, client_id: str) -> list[Call]:
        """Return the orders and changes on their way that carry a client id, from the queue to the end of the call."""
        return list(self._by_client_id.get(client_id, ()))

    def mark_sent(self, call: Call) -> None:
        """Mark an order as sent, with its deadline. Called before its bytes leave, at each sending.

        Raises NonceStoreError: then it must not be sent.
        """
        order: PendingOrder | None = call.order
        if order is None:
            return
        now = self._server_time.now()
        intent = replace(
            order.intent,
            sent=True,
            sent_at=now,
            due=order.intent.due if call.deadline is None else now + call.deadline,
            clocked=self._server_time.known,
        )
        if self._journal is not None:
            self._journal.sent(intent)
        order.intent, order.nonce = intent, call.nonce
        order.sent_clock = self._clock()

    # -- the end of a call -----------------------------------------------------------------------------------------

    def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Strike off the record what is certain; keep what is not."""
        order: PendingOrder | None = call.order
        if order is None:
            return
        self._leave(order)
        if isinstance(error, OutcomeUnknown):
            error._intent = order.intent.id
            if error.finding != "absent":
                self._given_up[order.intent.id] = order
                return
        self.close(order, result)

    def call_dropped(self, call: Call) -> None:
        """Strike off an order that was never sent."""
        self.forget(call)

    def forget(self, call: Call) -> None:
        """Strike off an order that is not sent, as if it had not been asked for."""
        if call.order is not None:
            self._leave(call.order)
            self.close(call.order, None)

    def _leave(self, order: PendingOrder) -> None:
        call = order.call
        if call is None or order not in self._live:
            return
        self._live.remove(order)
        for name in order.client_ids:
            calls = self._by_client_id.get(name, [])
            if call in calls:
                calls.remove(call)
            if not calls:
                self._by_client_id.pop(name, None)

    def close(self, order: PendingOrder, result: Any) -> None:
        """Strike an order off the record: its outcome is known. ``result``: what Kraken gives for it, if anything."""
        for name in ids_in_result(result):
            self._owners[name] = order.intent.id
        while len(self._owners) > REMEMBERED:
            del self._owners[next(iter(self._owners))]
        self._given_up.pop(order.intent.id, None)
        if self._journal is not None:
            self._journal.settle(order.intent)

    # -- what is known of others -----------------------------------------------------------------------------------

    def ids_of_others(self, order: PendingOrder) -> frozenset[str]:
        """Return the txids, client ids and amend ids that are known to be other calls', of any session on the key."""
        mine = order.intent.id
        others = frozenset(name for name, owner in self._owners.items() if owner != mine)
        return others.union(order.intent.before, self._placed(order.intent.sent_at - JUST))

    def shares_userref(self, order: PendingOrder) -> bool:
        """Return whether another order on its way, or lost, carries the same userref."""
        refs = {row.userref for row in order.rows if row.userref is not None}
        if len(refs) < sum(1 for row in order.rows if row.userref is not None):
            return True
        others = (other for other in {*self._live, *self._given_up.values()} if other is not order)
        return any(row.userref in refs for other in others for row in other.rows if row.userref is not None)

    # -- later -----------------------------------------------------------------------------------------------------

    def given_up(self, intent_id: str) -> PendingOrder | None:
        """Return an order of this session whose caller was told "unknown", by the id of its intent."""
        return self._given_up.get(intent_id)

    def unresolved(self) -> list[Intent]:
        """Return what is not known: of sessions that died, and what callers of this one were told is unknown."""
        left = [] if self._journal is None else self._journal.left(self._server_time.now())
        self._left = len(left)
        return left + [order.intent for order in self._given_up.values()]

    def close_left(self, order: PendingOrder, result: Any) -> None:
        """Strike off an order that was looked up by hand, a dead session's too."""
        self.close(order, result)
        if order.call is None:
            self._left = max(0, self._left - 1)

    def close_journal(self) -> None:
        """Give the journal back; what is open stays on record. Idempotent."""
        if self._journal is not None:
            self._journal.close()
