"""Which of Kraken's orders is the one that was sent? Pure: fields and orders in, an answer out.

Rules kept here:

1. An id made here proves identity: nothing else carries it.
2. A ``cl_ord_id`` of the caller's own proves it for an order that is new: Kraken lets ids be used again once
   the order that had it is closed.
3. A ``userref`` proves nothing: every field that was sent must agree, with exactly one new order.
4. When in doubt, it is not the one: "unknown" costs a look, a wrong "placed" or "not placed" costs money.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from kraken_async.order_fields import pair_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kraken_async.orders.intent import Intent

Orders = dict[str, dict[str, Any]]

#: Seconds by which Kraken's ``opentm`` may be off from what is known of its clock here.
SLACK: Final = 1.0
#: An amend's fields and where Kraken's OrderAmends shows them.
AMENDED: Final = ("order_qty", "display_qty", "limit_price", "trigger_price")
_PRICE: Final = re.compile(r"([+\-#]?)(\d+(?:\.\d*)?)(%?)")


@dataclass(frozen=True, slots=True)
class RequestedOrder:
    """One order that was asked for: its fields, and whether its id was made here."""

    fields: dict[str, Any]
    cl_ord_id: str | None
    userref: int | None
    generated: bool

    @property
    def findable(self) -> bool:
        """Whether there is anything to look for it by."""
        return self.cl_ord_id is not None or self.userref is not None

    @property
    def named(self) -> bool:
        """Whether one order found is enough: no other can be meant."""
        return self.cl_ord_id is not None or (self.generated and self.userref is not None)


def rows_of(intent: Intent) -> tuple[RequestedOrder, ...]:
    """Return the orders that an AddOrder or AddOrderBatch asked for, in their places."""
    params = intent.params
    if intent.endpoint != "AddOrderBatch":
        return (_row(params, generated=intent.generated),)
    shared = {"pair": params["pair"]} if "pair" in params else {}
    return tuple(_row({**row, **shared}, generated=intent.generated) for row in params.get("orders", ()))


def _row(fields: dict[str, Any], *, generated: bool) -> RequestedOrder:
    client_id, userref = fields.get("cl_ord_id"), _number(fields.get("userref"))
    return RequestedOrder(
        fields,
        None if client_id is None else str(client_id),
        None if userref is None else int(userref),
        generated,
    )


def new_orders(
    orders: Mapping[str, Any], since: float | None, until: float | None, known: Iterable[str]
) -> Orders:
    """Return the orders opened between two moments of Kraken's time (None: any) that are no other call's."""
    first = float("-inf") if since is None else since - SLACK
    last = float("inf") if until is None else until + SLACK
    return {
        txid: order
        for txid, order in orders.items()
        if txid not in known and first <= float(order.get("opentm", 0)) <= last
    }


def candidates(row: RequestedOrder, orders: Orders, *, filtered: bool) -> list[str]:
    """Return the txids of those of these (new) orders that ``row`` may have become.

    ``filtered``: Kraken was asked for this row's id alone.
    """
    if row.cl_ord_id is not None:
        return [txid for txid, order in orders.items() if _carries(order, row, filtered=filtered)]
    return [
        txid
        for txid, order in orders.items()
        if _number(order.get("userref")) == row.userref and agrees(row.fields, order)
    ]


def pick(row: RequestedOrder, orders: Orders, *, filtered: bool) -> str | None:
    """Return the txid of the one that ``row`` became, None if it cannot be told."""
    found = candidates(row, orders, filtered=filtered)
    if row.cl_ord_id is not None and row.generated:
        return found[0] if found else None
    if len(found) > 1:
        found = [txid for txid in found if agrees(row.fields, orders[txid])]
    return found[0] if len(found) == 1 else None


def _carries(order: Mapping[str, Any], row: RequestedOrder, *, filtered: bool) -> bool:
    shown = order.get("cl_ord_id")
    if shown:
        return str(shown).lower() == str(row.cl_ord_id).lower()
    # An answer to a filtered question need not repeat the id; then the fields must agree instead.
    return filtered and agrees(row.fields, order)


def agrees(fields: Mapping[str, Any], order: Mapping[str, Any]) -> bool:
    """Return whether an order agrees with every field that was sent, as far as Kraken shows it."""
    descr = order.get("descr", {})
    close = {name for name in fields if name == "close" or name.startswith("close[")}
    return (
        ("pair" not in fields or pair_key(str(fields["pair"])) == pair_key(str(descr.get("pair", ""))))
        and ("type" not in fields or fields["type"] == descr.get("type"))
        and ("ordertype" not in fields or _same_type(str(fields["ordertype"]), str(descr.get("ordertype"))))
        and ("volume" not in fields or _number(fields["volume"]) == _number(order.get("vol")))
        and all(
            name not in fields or same_price(fields[name], descr.get(name)) for name in ("price", "price2")
        )
        and ("leverage" not in fields or _leverage(fields["leverage"]) == _leverage(descr.get("leverage")))
        and _flags(fields.get("oflags")) <= _flags(order.get("oflags"))
        and ("userref" not in fields or _number(fields["userref"]) == _number(order.get("userref")))
        and _same_time(fields.get("expiretm"), order.get("expiretm"))
        and bool(close) == bool(descr.get("close"))
    )


def _same_type(sent: str, shown: str) -> bool:
    # A stop that fired is shown as what it became.
    return (
        sent == shown
        or (sent.endswith("-limit") and shown == "limit")
        or (sent in ("stop-loss", "take-profit", "trailing-stop") and shown == "market")
    )


def same_price(sent: Any, shown: Any) -> bool:
    """Return whether two prices are the same number, alike in sign: a relative one equals no absolute one."""
    one, other = _PRICE.fullmatch(str(sent)), _PRICE.fullmatch(str(shown))
    if one is None or other is None:
        return _number(sent) is not None and _number(sent) == _number(shown)
    return (one[1], one[3]) == (other[1], other[3]) and Decimal(one[2]) == Decimal(other[2])


def _number(value: Any) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def _leverage(value: Any) -> str:
    text = str(value).removesuffix(":1")
    return "none" if text in ("None", "0", "1") else text


def _flags(value: Any) -> set[str]:
    if isinstance(value, (list, tuple)):
        return set(map(str, value))
    return set(filter(None, str(value or "").split(","))) - {"nompp"}  # nompp is ignored by Kraken


def _same_time(sent: Any, shown: Any) -> bool:
    number = None if str(sent).startswith("+") else _number(sent)
    return not number or number == _number(shown)  # a relative time is not comparable, 0 is none


# -- what Kraken would have answered -----------------------------------------------------------------------


def described(order: Mapping[str, Any]) -> dict[str, str]:
    """Return the ``descr`` of an AddOrder answer for an order found."""
    descr = order.get("descr", {})
    answer = {"order": str(descr.get("order", ""))}
    if descr.get("close"):
        answer["close"] = str(descr["close"])
    return answer


def add_result(txid: str, order: Mapping[str, Any]) -> dict[str, Any]:
    """Return AddOrder's result for an order found."""
    return {"descr": described(order), "txid": [txid]}


def batch_result(found: Mapping[int, tuple[str, Mapping[str, Any]]], count: int) -> dict[str, Any]:
    """Return AddOrderBatch's result: what was found, in its places, and an error where there is nothing."""
    missing = {
        "error": "not placed: looked for past its deadline, and absent while others of the batch are there"
    }
    rows = [
        {"txid": found[i][0], "descr": described(found[i][1])} if i in found else dict(missing)
        for i in range(count)
    ]
    return {"orders": rows}


def edit_result(old: str, txid: str, order: Mapping[str, Any]) -> dict[str, Any]:
    """Return EditOrder's result for the order that took the old one's place."""
    descr = order.get("descr", {})
    return {
        "status": "ok",
        "txid": txid,
        "originaltxid": old,
        "volume": order.get("vol"),
        "price": descr.get("price"),
        "price2": descr.get("price2"),
        "orders_cancelled": 1,
        "descr": described(order),
    }


def edited(fields: Mapping[str, Any], old: Mapping[str, Any], order: Mapping[str, Any]) -> bool:
    """Return whether ``order`` is what an edit made of ``old``: what was sent is new, the rest as it was."""
    before, after = old.get("descr", {}), order.get("descr", {})
    sent = {
        name: fields[name] for name in ("volume", "price", "price2", "oflags", "userref") if name in fields
    }
    return (
        pair_key(str(before.get("pair"))) == pair_key(str(after.get("pair")))
        and before.get("type") == after.get("type")
        and before.get("ordertype") == after.get("ordertype")
        and ("volume" in sent or _number(old.get("vol")) == _number(order.get("vol")))
        and all(n in sent or same_price(before.get(n), after.get(n)) for n in ("price", "price2"))
        and agrees({**sent, **({"close": 1} if after.get("close") else {})}, order)
    )


def pick_amend(
    fields: Mapping[str, Any],
    amends: Iterable[Mapping[str, Any]],
    since: float | None,
    until: float | None,
    known: Iterable[str],
) -> str | None:
    """Return the id of the amend that these fields made, from OrderAmends; None if it is not there.

    A relative price is not shown as it was sent: with one, and when the time is not known, the amend must be
    the only one that it can be.
    """
    fresh = [
        row
        for row in amends
        if row.get("amend_type") == "user"
        and str(row.get("amend_id")) not in known
        and (since is None or since - SLACK <= float(row.get("timestamp", 0)) / 1e9)
        and (until is None or float(row.get("timestamp", 0)) / 1e9 <= until + SLACK)
    ]
    sent = {name: fields[name] for name in AMENDED if name in fields}
    plain = {n: value for n, value in sent.items() if str(value)[:1].isdigit() and _number(value) is not None}
    agreeing = [row for row in fresh if all(_number(row.get(n)) == _number(v) for n, v in plain.items())]
    certain = since is not None and len(plain) == len(sent)
    if not agreeing or (not certain and len(agreeing) > 1):
        return None
    return str(agreeing[0]["amend_id"])


def unix_time(deadline: Any) -> float | None:
    """Return the unix seconds of an RFC 3339 time, None if it is none."""
    try:
        at = datetime.fromisoformat(str(deadline).replace("Z", "+00:00"))
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None
