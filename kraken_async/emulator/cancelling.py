"""Cancelling orders: by name, in a batch, all, or by the dead man's switch. Never held back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .account import NEVER
from .orders import Order, same_id
from .rules import age_cost
from .trading import charge_engine, find_order, require_market
from .values import Refusal
from .venue import Call
from .wire import bad, integer, text, to_rfc3339

_DAY = 86_400


def _cancel(call: Call, orders: list[Order]) -> int:
    for order in orders:
        require_market(call, order.pair, cancel=True)
    for order in orders:
        charge_engine(call, order.pair, age_cost("cancel", call.t - order.touched), held=False)
        call.account.finish(order, "canceled", call.t, "User requested")
        call.txids.append(order.txid)
    return len(orders)


def _by_userref(call: Call, name: str) -> list[Order]:
    return [o for o in call.account.open.values() if o.userref and str(o.userref) == name]


def _is_userref(name: str) -> bool:
    return name.removeprefix("-").isdigit()


def cancel_order(call: Call) -> Any:
    """CancelOrder by txid, by cl_ord_id, or by userref (every order that carries it)."""
    if call.params.get("cl_ord_id") is None and _is_userref(text(call.params, "txid")):
        orders = _by_userref(call, text(call.params, "txid"))
        if not orders:
            raise Refusal("EOrder:Unknown order")
    else:
        orders = [find_order(call)]
    return {"count": _cancel(call, orders)}


def cancel_order_batch(call: Call) -> Any:
    """CancelOrderBatch: up to 50 ids; those that are not open are left out of the count."""
    names = [*_names(call.params, "orders"), *_names(call.params, "cl_ord_ids")]
    if not 1 <= len(names) <= 50:
        raise bad("orders")
    found: dict[str, Order] = {}
    for name in names:
        order = call.account.open.get(name) or call.account.by_client_id.get(same_id(name))
        for hit in [order] if order else _by_userref(call, name):
            found[hit.txid] = hit
    return {"count": _cancel(call, list(found.values()))}


def _names(params: Mapping[str, Any], field: str) -> list[str]:
    rows = params.get(field) or []
    if not isinstance(rows, list):
        raise bad(field)
    names = []
    for row in rows:
        if isinstance(row, Mapping):
            row = row.get("txid") or row.get("cl_ord_id")
        if not isinstance(row, str):
            raise bad(field)
        names.append(row)
    return names


def cancel_all(call: Call) -> Any:
    """CancelAll: one on the counter of every pair involved (the model of Kraken's SDK)."""
    pairs = {order.pair.key: order.pair for order in call.account.open.values()}
    if call.venue.status == "maintenance":
        raise Refusal("EService:Unavailable")
    for pair in pairs.values():
        charge_engine(call, pair, 1, held=False)
    gone = call.account.cancel_all(call.t)
    call.txids.extend(order.txid for order in gone)
    return {"count": len(gone)}


def cancel_all_orders_after(call: Call) -> Any:
    """CancelAllOrdersAfter: arms the switch for ``timeout`` seconds; 0 disarms it."""
    timeout = integer(call.params, "timeout")
    if timeout < 0 or timeout > _DAY:
        raise Refusal("Invalid timeout argument") if timeout > _DAY else bad("timeout")
    call.account.arm(call.t + timeout if timeout else NEVER)
    off = "0" if call.venue.behaviour.disarmed == "zero" else to_rfc3339(call.t)
    return {
        "currentTime": to_rfc3339(call.t),
        "triggerTime": to_rfc3339(call.t + timeout) if timeout else off,
    }


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "CancelOrder": cancel_order,
    "CancelOrderBatch": cancel_order_batch,
    "CancelAll": cancel_all,
    "CancelAllOrdersAfter": cancel_all_orders_after,
}
