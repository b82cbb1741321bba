"""Finding the order that was sent among Kraken's. Pure: fields and orders in, what may be said out.

===================  ==============================================================  ==========================
sent with            what came back                                                  what may be said
===================  ==============================================================  ==========================
an id made here      an order that carries it, whatever it looks like                found
                     one that shows no id, to a question for this id alone           found if alone and it
                                                                                     agrees, else doubt
                     anything else                                                   not it
a ``cl_ord_id`` of   another call's order, or one opened before the send             not it
the caller's own     carries it, is the only one, and
                     - was opened after the send, and is no other pair, side or      found
                       size
                     - was opened within what is not known of Kraken's clock         found if it agrees and no
                                                                                     other of this id was opened
                                                                                     or closed then, else doubt
                     carries it, otherwise                                           doubt
a ``userref`` of     another call's order, or one opened before the send             not it
the caller's own     carries it, is the only one, agrees in every field, and no      found
                     other call sent this userref meanwhile
                     carries it, otherwise                                           doubt
nothing              anything                                                        doubt
===================  ==============================================================  ==========================

Rules kept here:

1. Fields may prove presence, never absence: Kraken cuts and rounds, resolves relative prices, renames pairs and
   expands flags. What does not look as it was sent is doubt.
2. Where Kraken's time of the send is not known, no order of an id of the caller's own is "not it" by its age.
3. Doubt is neither "found" nor "absent": it is looked at again, and told as "not seen".
4. An amend or an edit has no id of its own: the same as for a ``userref`` holds, among the changes of that order.

A foreign order that carries the same id of the caller's own, agrees in every field and was opened within what is not
known of Kraken's clock cannot be told apart, closed or not: the caller's own, filled at once, looks the same.

More than 300 lines: the functions are the rows of the table above, without a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from kraken_async.order_fields import canonical_id, is_uuid, number, pair_key, shown_text, userref
from kraken_async.orders.order_agreement import agrees, contradicts, disagreements, same_price

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from kraken_async.orders.intent import Intent

Orders = dict[str, dict[str, Any]]
Identity = Literal["id made here", "own cl_ord_id", "own userref", "nothing"]

#: Seconds by which the clocks of Kraken's own machines may differ: ``opentm`` comes from one, ``Date`` from another.
SLACK: Final = 0.1
#: Seconds by which an order may be opened after its deadline, as a margin for the same.
LATE: Final = 1.0
#: An amend's fields and where Kraken's OrderAmends shows them.
AMENDED: Final = ("order_qty", "display_qty", "limit_price", "trigger_price")


@dataclass(frozen=True, slots=True)
class SendTime:
    """When an order was sent, in Kraken's time: bounds in unix seconds, and its deadline (None: none)."""

    earliest: float
    latest: float
    due: float | None = None

    def old(self, at: float | None) -> bool:
        """Return whether what happened then was certainly not this order: before its send, or past its deadline."""
        if at is None:
            return False
        return at < self.earliest - SLACK or (self.due is not None and at > self.due + LATE)

    def new(self, at: float | None) -> bool:
        """Return whether what happened then was certainly after the send."""
        return at is not None and at >= self.latest + SLACK

    def near(self, at: float | None) -> bool:
        """Return whether it cannot be told which was first."""
        return not self.old(at) and not self.new(at)


@dataclass(frozen=True, slots=True)
class Sight:
    """The verdict on one order after a look: its txid if it was found, else whether something may be it."""

    txid: str | None = None
    doubt: bool = False


NOTHING: Final = Sight()
DOUBT: Final = Sight(doubt=True)


@dataclass(frozen=True, slots=True)
class Look:
    """The facts that a row is judged by, beside the orders that were shown.

    ``sent``: None: Kraken's time of the send is not known. ``others``: txids and amend ids of other calls.
    ``filtered``: Kraken was asked for this row's id alone. ``complete``: every question was answered in full.
    ``rivals``: another call, of any session, may have sent the same id or userref meanwhile.
    """

    sent: SendTime | None
    others: Collection[str] = frozenset()
    filtered: bool = False
    complete: bool = True
    rivals: bool = False

    def may_be(self, txid: str, at: float | None) -> bool:
        """Return whether an order opened then is not ruled out."""
        return txid not in self.others and not (self.sent is not None and self.sent.old(at))


@dataclass(frozen=True, slots=True)
class RequestedOrder:
    """One order that was asked for: its fields, and whether its id was made here."""

    fields: dict[str, Any]
    cl_ord_id: str | None
    userref: int | None
    generated: bool

    @property
    def identity(self) -> Identity:
        """The fields that the order was sent with."""
        if self.cl_ord_id is not None:
            return "id made here" if self.generated else "own cl_ord_id"
        if "userref" not in self.fields:
            return "nothing"
        return "id made here" if self.generated and self.userref is not None else "own userref"

    @property
    def key(self) -> str | None:
        """One spelling of an id of the caller's own, by which other calls are known to carry the same; else None."""
        if self.identity == "own cl_ord_id":
            return f"c{canonical_id(self.cl_ord_id)}"
        return f"u{self.userref or 0}" if self.identity == "own userref" else None

    def carried_by(self, order: Mapping[str, Any], *, filtered: bool) -> bool | None:
        """Return whether an order shows this id; None: it may, as it shows none to a question for this id alone."""
        shown_id, shown_ref = shown_text(order.get("cl_ord_id")), userref(order.get("userref"))
        if self.cl_ord_id is not None:
            if self.cl_ord_id == order.get("cl_ord_id"):
                return True
            if shown_id is not None:
                same = canonical_id(shown_id) == canonical_id(self.cl_ord_id)
                # Whether Kraken tells free texts apart by their case is not known.
                return same and (is_uuid(self.cl_ord_id) or shown_id == self.cl_ord_id or None)
            return None if filtered and shown_ref is None else False
        if shown_id is not None:
            return False  # Kraken takes no client id beside a userref
        if shown_ref == self.userref:
            return True
        return None if filtered and shown_ref is None else False


def rows_of(intent: Intent) -> tuple[RequestedOrder, ...]:
    """Return the orders that an AddOrder or AddOrderBatch asked for, in their places."""
    params = intent.params
    if intent.endpoint != "AddOrderBatch":
        return (_row(params, intent),)
    shared = {"pair": params["pair"]} if "pair" in params else {}
    rows = params.get("orders")
    return tuple(
        _row({**row, **shared} if isinstance(row, dict) else shared, intent)
        for row in (rows if isinstance(rows, (list, tuple)) else ())
    )


def _row(fields: dict[str, Any], intent: Intent) -> RequestedOrder:
    client_id = fields.get("cl_ord_id")
    own = {name: value for name, value in fields.items() if name != "userref" or value is not None}
    made = intent.generated or str(fields.get("cl_ord_id", fields.get("userref"))) in intent.made
    return RequestedOrder(
        own, None if client_id is None else str(client_id), userref(fields.get("userref")), made
    )


# -- the table ---------------------------------------------------------------------------------------------


def judge(row: RequestedOrder, orders: Orders, look: Look) -> Sight:
    """Return what may be said of a row, by the table above."""
    identity = row.identity
    if identity == "nothing":
        return DOUBT
    carriers = {txid: row.carried_by(order, filtered=look.filtered) for txid, order in orders.items()}
    mine = {txid: orders[txid] for txid, carried in carriers.items() if carried}
    silent = {
        txid: orders[txid]
        for txid, carried in carriers.items()
        if carried is None and look.may_be(txid, opened(orders[txid]))
    }
    if identity == "id made here":
        return _by_id_made_here(row, mine) if mine else _alone(row, silent, look)
    if identity == "own userref":
        fresh = {txid: order for txid, order in mine.items() if look.may_be(txid, opened(order))}
        parents = _parents(fresh) | silent
        return DOUBT if fresh and not parents else _alone(row, parents, look)
    return _by_own_id(row, mine, silent, look)


def _by_id_made_here(row: RequestedOrder, mine: Orders) -> Sight:
    if row.cl_ord_id is not None:
        return Sight(next(iter(mine)))
    parents = list(_parents(mine))
    if len(parents) > 1:
        parents = [txid for txid in parents if agrees(row.fields, mine[txid])]
    return Sight(parents[0]) if len(parents) == 1 else DOUBT


def _parents(orders: Orders) -> Orders:
    """Leave out the conditional closes: each carries its parent's userref, and says whose child it is."""
    return {txid: order for txid, order in orders.items() if shown_text(order.get("refid")) is None}


def _by_own_id(row: RequestedOrder, mine: Orders, silent: Orders, look: Look) -> Sight:
    fresh = {txid: order for txid, order in mine.items() if look.may_be(txid, opened(order))} | silent
    if not fresh:
        return NOTHING
    if len(fresh) > 1 or look.sent is None or look.rivals or not look.complete:
        return DOUBT
    ((txid, order),) = fresh.items()
    if txid in mine and look.sent.new(opened(order)) and not contradicts(row.fields, order):
        return Sight(txid)
    before = [other for name, other in mine.items() if name != txid]
    crowded = any(look.sent.near(at) for other in before for at in (opened(other), closed(other)) if at)
    return Sight(txid) if not crowded and agrees(row.fields, order) else DOUBT


def _alone(row: RequestedOrder, fresh: Orders, look: Look) -> Sight:
    """Where nothing but the fields can prove it: one order alone, that agrees in all of them."""
    if not fresh:
        return NOTHING
    if len(fresh) > 1 or look.sent is None or look.rivals or not look.complete:
        return DOUBT
    ((txid, order),) = fresh.items()
    return Sight(txid) if agrees(row.fields, order) else DOUBT


def opened(order: Mapping[str, Any]) -> float | None:
    """Return when an order was opened, None if it does not say."""
    return _moment(order.get("opentm"))


def closed(order: Mapping[str, Any]) -> float | None:
    """Return when an order was closed, None if it does not say."""
    return _moment(order.get("closetm"))


def _moment(value: Any) -> float | None:
    found = number(value)
    return float(found) if found else None


# -- amends and edits --------------------------------------------------------------------------------------


def judge_amend(fields: Mapping[str, Any], amends: Iterable[Any], look: Look) -> Sight:
    """Return what may be said of an amend by the order's OrderAmends; ``txid`` is then the amend's id."""
    fresh = {
        str(row.get("amend_id")): row
        for row in amends
        if isinstance(row, dict)
        and row.get("amend_type", "user") == "user"
        and look.may_be(str(row.get("amend_id")), amended_at(row.get("timestamp")))
    }
    if not fresh:
        return NOTHING
    if len(fresh) > 1 or look.sent is None or look.rivals or not look.complete:
        return DOUBT
    ((amend_id, row),) = fresh.items()
    sent = {name: fields[name] for name in AMENDED if name in fields}
    agree = sent and all(same_price(value, row.get(name)) for name, value in sent.items())
    return Sight(amend_id) if agree else DOUBT


def amended_at(timestamp: Any) -> float | None:
    """Return OrderAmends' ``timestamp`` as unix seconds. Its size shows its unit: ms were seen, ns documented."""
    found = number(timestamp)
    if not found:
        return None
    for below, unit in ((10**11, 1), (10**14, 10**3), (10**17, 10**6)):
        if found < below:
            return float(found / unit)
    return float(found / 10**9)


def judge_edit(
    fields: Mapping[str, Any], old_id: str, old: Mapping[str, Any], orders: Orders, look: Look
) -> Sight:
    """Return what may be said of an edit: which order took the old one's place."""
    before = old.get("descr") or {}
    fresh = {
        txid: order
        for txid, order in orders.items()
        if txid != old_id
        and shown_text(order.get("cl_ord_id")) is None  # an edit takes no client id over
        and look.may_be(txid, opened(order))
        and pair_key(str(before.get("pair"))) == pair_key(str((order.get("descr") or {}).get("pair")))
        and before.get("type") == (order.get("descr") or {}).get("type")
    }
    if not fresh:
        return NOTHING
    if len(fresh) > 1 or look.sent is None or look.rivals or not look.complete:
        return DOUBT
    ((txid, order),) = fresh.items()
    return Sight(txid) if edited(fields, old, order) else DOUBT


def edited(fields: Mapping[str, Any], old: Mapping[str, Any], order: Mapping[str, Any]) -> bool:
    """Return whether ``order`` is what an edit made of ``old``: what was sent is new, the rest as it was."""
    before, after = old.get("descr", {}), order.get("descr", {})
    sent = {
        name: fields[name] for name in ("volume", "price", "price2", "oflags", "userref") if name in fields
    }
    return (
        before.get("ordertype") == after.get("ordertype")
        and ("volume" in sent or number(old.get("vol")) == number(order.get("vol")))
        and all(n in sent or same_price(before.get(n), after.get(n)) for n in ("price", "price2"))
        and not disagreements({**sent, **({"close": 1} if after.get("close") else {})}, order, whole=False)
    )


def unix_time(deadline: Any) -> float | None:
    """Return the unix seconds of an RFC 3339 time, None if it is none."""
    try:
        at = datetime.fromisoformat(str(deadline).replace("Z", "+00:00"))
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None
