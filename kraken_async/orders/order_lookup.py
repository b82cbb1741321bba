"""Looking an order up: what is asked of Kraken, in which order, and what the answers say.

Rules kept here:

1. Open orders first, closed ones after: an order moves one way only, so it cannot slip through between.
2. A question counts as answered only in full: with the field that it asks for, every page of it, and no more rows
   than Kraken shows at once. ``{"error":[]}`` answers nothing.
3. Where no id proves identity, both answers are in before anything is called found.
4. What may be the order, and is not certain to be, is doubt: see the table in order_matching.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.errors import KrakenError, PermissionDenied, SessionClosed
from kraken_async.order_fields import canonical_id, number, shown_text
from kraken_async.orders.order_answers import add_result, edit_result
from kraken_async.orders.order_matching import (
    SLACK,
    Look,
    Sight,
    closed,
    judge,
    judge_amend,
    judge_edit,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.orders.order_matching import Orders, RequestedOrder, SendTime
    from kraken_async.orders.pending_order import PendingOrder

#: Kraken gives 50 closed orders a page; more than this many pages are not turned.
MOST_PAGES: Final = 10
PAGE: Final = 50
#: Kraken shows no more open orders than this in one answer.
MOST_OPEN: Final = 1000
#: One of these may still find an order when the key may not ask the other.
_EITHER: Final = frozenset({"OpenOrders", "ClosedOrders"})


class Answer(NamedTuple):
    """Kraken's answer to a question of the session's own, and the nonce that the question carried."""

    result: Any
    nonce: int


@dataclass(slots=True)
class LookupRound:
    """The yield of one round of questions.

    ``facts``: gives what orders are judged by as it is known now. Each judgement asks for it after the answers that it
    judges: another call may have claimed the same order while they were on their way.
    ``complete``: all was answered in full. ``doubt``: something that was shown may be the order, or there is nothing
    to look for it by. ``nonce``: the lowest that a question carried; 0: nothing was answered.
    """

    facts: Callable[[], Look]
    result: Any = None
    complete: bool = True
    doubt: bool = False
    not_permitted: bool = False  # the key may look at nothing
    session_closed: bool = False
    nonce: int = 0

    @property
    def look(self) -> Look:
        """The facts as they are known now."""
        return self.facts()

    def carried(self, nonce: int) -> None:
        """Take note of the nonce of a question that was answered."""
        self.nonce = min(self.nonce or nonce, nonce)


class OrderLookup:
    """Asks for one order. ``ask`` makes a read just below cancels; ``now`` gives unix seconds, for the record."""

    def __init__(
        self, ask: Callable[[str, dict[str, Any]], Awaitable[Answer]], now: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._now = now

    async def look(self, order: PendingOrder, facts: Callable[[], Look]) -> LookupRound:
        """Go once through all there is to ask. ``facts`` gives what the orders that are shown are judged by."""
        this, asked = LookupRound(facts), order.asked
        how = {"AmendOrder": self._amend, "EditOrder": self._edit, "AddOrderBatch": self._batch}
        this.result = await how.get(order.intent.endpoint, self._order)(order, this)
        order.looked = order.looked or this.complete
        order.note_round(order.asked - asked)
        return this

    # -- placed? -------------------------------------------------------------------------------------------

    async def _order(self, order: PendingOrder, this: LookupRound) -> Any:
        row = order.rows[0]
        sight, orders = await self._one(order, this, row)
        this.doubt = this.doubt or sight.doubt
        return None if sight.txid is None else add_result(sight.txid, orders[sight.txid])

    async def _one(self, order: PendingOrder, this: LookupRound, row: RequestedOrder) -> tuple[Sight, Orders]:
        """Ask for one order by its id, open then closed."""
        filters: dict[str, Any] = {}
        if row.cl_ord_id is not None:
            filters["cl_ord_id"] = row.cl_ord_id
        elif row.userref is not None:
            filters["userref"] = row.userref
        filtered = bool(filters)
        orders = await self._open(order, this, filters)
        sight = judge(row, orders, replace(this.look, filtered=filtered, complete=False))
        if sight.txid is not None or this.session_closed:
            return sight, orders
        # An order of an id of the caller's own may be older, or one of several: none is left out by its time.
        since = {} if row.cl_ord_id is not None else _since(this.look.sent)
        orders |= await self._closed(order, this, {**filters, **since})
        return judge(row, orders, replace(this.look, filtered=filtered, complete=this.complete)), orders

    async def _batch(self, order: PendingOrder, this: LookupRound) -> Any:
        made = [place for place, row in enumerate(order.rows) if row.identity == "id made here"]
        if made and not all(place in order.found for place in made):
            orders = await self._open(order, this, {})
            self._take(order, this, made, orders)
            if not all(place in order.found for place in made) and not this.session_closed:
                orders |= await self._closed(order, this, _since(this.look.sent))
                self._take(order, this, made, orders)
        for place, row in enumerate(order.rows):
            if place not in order.found and place not in made and not this.session_closed:
                sight, orders = await self._own_row(order, this, row)
                if sight.txid is not None:
                    order.found[place] = sight.txid, orders[sight.txid]
                this.doubt = this.doubt or sight.doubt
        return None

    def _take(self, order: PendingOrder, this: LookupRound, places: list[int], orders: Orders) -> None:
        for place in places:
            sight = judge(order.rows[place], orders, replace(this.look, complete=this.complete))
            if sight.txid is not None:
                order.found[place] = sight.txid, orders[sight.txid]

    async def _own_row(
        self, order: PendingOrder, this: LookupRound, row: RequestedOrder
    ) -> tuple[Sight, Orders]:
        """Ask for a row that carries no id made here. Rows that carry the same id cannot be told apart."""
        if row.key is None:
            return judge(row, {}, this.look), {}
        twins = sum(each.key == row.key for each in order.rows) > 1

        def facts() -> Look:
            look = this.look
            return replace(look, rivals=look.rivals or twins)

        rest = LookupRound(facts)
        sight, orders = await self._one(order, rest, row)
        this.complete = this.complete and rest.complete
        this.not_permitted = this.not_permitted or rest.not_permitted
        this.session_closed = this.session_closed or rest.session_closed
        if rest.nonce:
            this.carried(rest.nonce)
        return sight, orders

    # -- changed? ------------------------------------------------------------------------------------------

    async def _amend(self, order: PendingOrder, this: LookupRound) -> Any:
        params = order.intent.params
        order.txid = order.txid or (str(params["txid"]) if params.get("txid") else None)
        if order.txid is None:
            order.txid = await self._amended(order, this)
        if order.txid is None:
            return None
        answer = await self._question(order, this, "OrderAmends", {"order_id": order.txid}, "amends", list)
        if answer is None:
            return None
        amends = answer["amends"]
        count = number(answer.get("count"))
        this.complete = this.complete and (count is None or len(amends) >= count)
        sight = judge_amend(params, amends, replace(this.look, complete=this.complete))
        this.doubt = this.doubt or sight.doubt
        return None if sight.txid is None else {"amend_id": sight.txid}

    async def _amended(self, order: PendingOrder, this: LookupRound) -> str | None:
        """Return the order that an amend by ``cl_ord_id`` is about: the one of this id that was open at the send."""
        client_id = order.intent.params.get("cl_ord_id")
        filters = {"cl_ord_id": client_id}
        orders = await self._open(order, this, filters) | await self._closed(order, this, filters)
        sent = this.look.sent
        mine = [
            txid
            for txid, shown in orders.items()
            if canonical_id(shown_text(shown.get("cl_ord_id")) or client_id) == canonical_id(client_id)
            and (sent is None or not _closed_before(shown, sent))
        ]
        if len(mine) == 1 and this.complete:
            return mine[0]
        this.complete = this.complete and bool(mine)  # the order itself does not show yet
        this.doubt = this.doubt or bool(mine)
        return None

    async def _edit(self, order: PendingOrder, this: LookupRound) -> Any:
        params = order.intent.params
        old_id = str(params.get("txid"))
        answer = await self._question(order, this, "QueryOrders", {"txid": old_id}, old_id, dict)
        if answer is None:
            return None
        old = answer[old_id]
        if old.get("status") in ("open", "pending"):
            return None  # an edit takes the old order away
        orders = await self._open(order, this, {})
        orders |= await self._closed(order, this, _since(this.look.sent))
        sight = judge_edit(params, old_id, old, orders, replace(this.look, complete=this.complete))
        this.doubt = this.doubt or sight.doubt
        return None if sight.txid is None else edit_result(old_id, sight.txid, orders[sight.txid])

    # -- questions -----------------------------------------------------------------------------------------

    async def _open(self, order: PendingOrder, this: LookupRound, filters: dict[str, Any]) -> Orders:
        answer = await self._question(order, this, "OpenOrders", filters, "open", dict)
        found = {} if answer is None else _orders(answer["open"])
        this.complete = this.complete and len(found) < MOST_OPEN
        return found

    async def _closed(self, order: PendingOrder, this: LookupRound, filters: dict[str, Any]) -> Orders:
        """Return the closed orders, all pages of them; more than MOST_PAGES are not complete."""
        found: Orders = {}
        turned = 0
        for _ in range(MOST_PAGES):
            more = {**filters, "ofs": turned} if turned else filters
            answer = await self._question(order, this, "ClosedOrders", more, "closed", dict)
            if answer is None:
                return found
            rows = answer["closed"]
            found |= _orders(rows)
            turned += len(rows)
            count = number(answer.get("count"))
            if (count is None and len(rows) < PAGE) or (count is not None and len(found) >= count):
                return found
            if not rows:
                break
        this.complete = False
        return found

    async def _question(
        self,
        order: PendingOrder,
        this: LookupRound,
        name: str,
        params: dict[str, Any],
        field: str,
        kind: type[dict[str, Any]] | type[list[Any]],
    ) -> dict[str, Any] | None:
        """Ask. None when it is not answered in full, which is noted; else an answer that has ``field``."""
        words = order.denied.get(name, "")
        if name not in order.denied:
            try:
                answer = await self._ask(name, params)
            except PermissionDenied as error:
                words = order.denied[name] = ", ".join(error.errors) or str(error)
            except SessionClosed:
                this.session_closed, words = True, "the session was closed"
            except KrakenError as error:
                words = ", ".join(error.errors) or str(error)  # it is asked again in the next round
            else:
                result = answer.result
                if isinstance(result, dict) and isinstance(result.get(field), kind):
                    this.carried(answer.nonce)
                    order.note_look(self._now(), name, f"{len(result[field])} shown")
                    return result
                words = f"an answer without {field!r}"
        order.note_look(self._now(), name, words)
        this.complete = False
        denied = order.denied.keys()
        this.not_permitted = this.not_permitted or denied >= _EITHER or name in denied - _EITHER
        return None


def _orders(rows: dict[str, Any]) -> Orders:
    return {txid: order for txid, order in rows.items() if isinstance(order, dict)}


def _since(sent: SendTime | None) -> dict[str, Any]:
    # Kraken's `start` is exclusive and in whole seconds.
    if sent is None:
        return {}
    return {"start": math.floor(sent.earliest - SLACK) - 1, "closetime": "open"}


def _closed_before(shown: dict[str, Any], sent: SendTime) -> bool:
    at = closed(shown)
    return at is not None and at < sent.earliest - SLACK
