"""OrderTracker: complete orders, put them on record, mark them as sent, and strike off what is certain.

Rules kept here:

1. An order leaves with an id and a deadline, so that it can be looked up, and cannot be accepted for ever.
2. It is on record before its turn is asked for, and marked as sent before its bytes leave.
3. What its caller was told is unknown stays on record until it is known.
4. What carries no id made here is claimed before it leaves, in the list that all sessions of the key share, until its
   outcome is known: one order is never told to two callers. What was found is named there with its owner.

How a lost order is looked up stands in reconciler.py, what its caller learns meanwhile in calls/lost_orders.py.

More than 300 lines: an order's way from its id to its end, which the rules above bind together.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from kraken_async.call import CallListener
from kraken_async.errors import NonceStoreError, OutcomeUnknown
from kraken_async.order_fields import canonical_id, ids_in_result, is_true, pair_key
from kraken_async.orders import claims
from kraken_async.orders.intent import Intent, new_cl_ord_id
from kraken_async.orders.pending_order import PendingOrder, intent_of
from kraken_async.orders.policy import OrderPolicy, complete
from kraken_async.orders.recall import placed_ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken_async.api.endpoints import Endpoint
    from kraken_async.call import Call
    from kraken_async.errors import KrakenError
    from kraken_async.orders.journal import Journal
    from kraken_async.server_time import ServerTime

__all__ = ["OrderPolicy", "OrderTracker", "new_cl_ord_id"]

log: logging.Logger = logging.getLogger("kraken_async.orders")

#: Said once, when a session opens beside orders that others left.
LEFT: Final = (
    "of sessions that died, orders may be live: %d, see client.unresolved(), "
    "or `kraken-async orders unresolved`"
)
#: Seconds before an order's sending within which a call of another session may have become the same order.
JUST: Final = 180.0
#: How many ids of orders, and whose they are, are remembered.
REMEMBERED: Final = 4096


class Names(Protocol):
    """The messages between the sessions of a key; see KeyState, whose methods these are."""

    def note_placed(self, names: Iterable[str]) -> None:
        """Put names on record."""

    def placed(self, since: float) -> tuple[str, ...]:
        """Return the names put on record since, in unix seconds."""


class OrderTracker(CallListener):
    """The orders of one session, from their completion to the end of what can be learnt of them.

    ``journal`` None: nothing outlives the session. ``key`` holds the names that the sessions of the key share. Belongs
    to the session's loop.
    """

    orders_only = True

    def __init__(
        self,
        policy: OrderPolicy,
        journal: Journal | None,
        server_time: ServerTime,
        key: Names,
    ) -> None:
        self._policy = policy
        self._journal = journal
        self._server_time = server_time
        self._key = key
        self._live: set[PendingOrder] = set()  # from the queue to the end of the call
        self._by_client_id: dict[str, list[Call]] = {}  # the same
        #: The caller was told "unknown", and nothing is known since.
        self._given_up: dict[str, PendingOrder] = {}
        self._owners: dict[str, str] = {}  # txid or amend id -> the id of the intent that became it
        self._strangers: dict[str, PendingOrder] = {}  # looked up here, of another session or process
        self._left: dict[str, PendingOrder] = {}  # what dead sessions left, as it was last read
        try:
            if self._read_left():
                log.warning(LEFT, len(self._left))
        except NonceStoreError as error:  # unresolved() raises it, and it is among the problems
            log.warning("%s", error)

    def __repr__(self) -> str:
        return f"<OrderTracker {len(self._live)} on their way, {len(self._given_up)} unknown>"

    @property
    def open_count(self) -> int:
        """Return how many outcomes are not known, dead sessions' as they were last read."""
        return len(self._left) + len(self._given_up)

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
        moment = self._server_time.boot_clock()
        now, error = self._server_time.reading(moment)
        ids = tuple(map(canonical_id, placed_ids(call)))
        intent = intent_of(call, now, error, session)
        order = PendingOrder(intent, moment, call, ids)
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
        return list(self._by_client_id.get(canonical_id(client_id), ()))

    def claim(self, call: Call) -> None:
        """Tell the other sessions what a call may become, before its nonce is handed out. Never raises."""
        order: PendingOrder | None = call.order
        if order is not None and order.keys and not order.claimed:
            order.claimed = True
            self._key.note_placed(claims.claim(order))

    def mark_sent(self, call: Call) -> None:
        """Mark an order as sent, with its deadline. Called before its bytes leave, at each sending.

        Raises NonceStoreError: then it must not be sent.
        """
        order: PendingOrder | None = call.order
        if order is None:
            return
        moment = self._server_time.boot_clock()
        now, error = self._server_time.reading(moment)
        intent = order.intent.at_sending(
            sent_at=now,
            due=order.intent.due if call.deadline is None else now + call.deadline,
            clock_error=error,
            boot_clock=moment,
            nonce=call.nonce,
        )
        if self._journal is not None:
            self._journal.sent(intent)
        order.intent, order.nonce, order.epoch = intent, call.nonce, self._server_time.epoch

    # -- the end of a call -----------------------------------------------------------------------------------------

    def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Strike off the record what is certain; keep what is not."""
        order: PendingOrder | None = call.order
        if order is None:
            return
        self._leave(order)
        if isinstance(error, OutcomeUnknown):
            error._intent, error.intent_id = order.intent, order.intent.id
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
        intent_id, names = order.intent.id, ids_in_result(result)
        for name in names:
            self._owners[name] = intent_id
        while len(self._owners) > REMEMBERED:
            del self._owners[next(iter(self._owners))]
        if order.keys and (order.claimed or order.call is None):
            self._key.note_placed(claims.release(order, names))
        self._given_up.pop(intent_id, None)
        self._left.pop(intent_id, None)
        self._strangers.pop(intent_id, None)
        journal = order.journal or self._journal
        if journal is not None:
            journal.close_intent(order.intent)

    # -- what is known of others -----------------------------------------------------------------------------------

    def others(self, order: PendingOrder) -> tuple[frozenset[str], bool]:
        """Return the txids and amend ids that are other calls', and whether one of them may become the same order.

        Of any session on the key.
        """
        since = order.call.sent_unix - JUST if order.call is not None else 0.0
        others, claimed = claims.read(order, self._key.placed(since), self._owners)
        keys = set(order.keys)
        twins = {*self._live, *self._given_up.values(), *self._left.values()} - {order}
        return others, claimed or any(
            keys.intersection(twin.keys) for twin in twins if twin.intent.id != order.intent.id
        )

    # -- later -----------------------------------------------------------------------------------------------------

    def given_up(self, intent_id: str) -> PendingOrder | None:
        """Return an order of this session whose caller was told "unknown", by the id of its intent."""
        return self._given_up.get(intent_id)

    def known(self, intent_id: str) -> PendingOrder | None:
        """Return an open intent of this session or a dead one, or one that was looked up here; None: no such one."""
        return self._given_up.get(intent_id) or self._left.get(intent_id) or self._strangers.get(intent_id)

    def pending(self, intent: Intent) -> PendingOrder:
        """Return what is known of an open intent, of this session or a dead one; of any other, what the intent says."""
        order = self.known(intent.id)
        if order is None:
            order = PendingOrder(intent, self._server_time.boot_clock())
            self._strangers[intent.id] = order  # since when it is known here matters, see absence.py
            while len(self._strangers) > REMEMBERED:
                del self._strangers[next(iter(self._strangers))]
        return order

    def live(self) -> list[PendingOrder]:
        """Return the orders on their way, from the queue to the end of the call."""
        return list(self._live)

    def unknown(self) -> list[PendingOrder]:
        """Return the orders whose callers were told "unknown", and those of dead sessions as they were last read."""
        return [*self._given_up.values(), *self._left.values()]

    def unresolved(self, from_key: str | None = None) -> list[Intent]:
        """Return what is not known: of sessions that died, and what callers of this one were told is unknown.

        ``from_key``: the hash of another key, whose dead sessions are meant instead.
        """
        if from_key is not None:
            return self._of_key(from_key)
        self._read_left()
        return [order.intent for order in (*self._left.values(), *self._given_up.values())]

    def _of_key(self, key: str) -> list[Intent]:
        if self._journal is None:
            return []
        journal = self._journal.of_key(key)
        found = journal.left(self._server_time.now())
        for intent in found:
            self.pending(intent).journal = journal
        return found

    def _read_left(self) -> bool:
        """Read what dead sessions left. Return whether there is anything."""
        if self._journal is not None:
            found = {intent.id: intent for intent in self._journal.left(self._server_time.now())}
            now = self._server_time.boot_clock()
            self._left = {
                name: self._left.get(name) or self._strangers.pop(name, None) or PendingOrder(intent, now)
                for name, intent in found.items()
            }
        return bool(self._left)

    def dismiss(self, intent_id: str) -> PendingOrder:
        """Strike an open intent off the record, whatever its outcome. Raises KeyError: it is not open."""
        self._read_left()
        order = self._given_up.get(intent_id) or self._left.get(intent_id)
        if order is None and (stranger := self._strangers.get(intent_id)) and stranger.journal is not None:
            order = stranger
        if order is None:
            raise KeyError(intent_id)
        self.close(order, None)
        return order

    def unknown_pairs(self) -> frozenset[str]:
        """Return the pairs on which the outcome of an order is not known, or is being looked up."""
        lost = (order for order in self._live if order.reason is not None)
        return frozenset(
            pair_key(str(pair))
            for order in (*lost, *self._given_up.values(), *self._left.values())
            if (pair := order.intent.params.get("pair")) is not None
        )

    def problems(self) -> tuple[str, ...]:
        """Return which journals could not be read, in plain sentences."""
        return self._journal.problems() if self._journal is not None else ()

    def close_journal(self) -> None:
        """Give the journal back; what is open stays on record. Idempotent."""
        if self._journal is not None:
            self._journal.close()
