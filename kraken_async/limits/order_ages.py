"""Since when orders stand, as told by answers that pass by: the matching engine charges young orders dearly. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken_async.limits.counters import OLDEST
from kraken_async.order_fields import named_orders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kraken_async.call import Call

Ages = dict[str, tuple[str, float]]


def ages(call: Call, result: Any, now: float, server_now: float, pair: str) -> Ages:
    """Return ``{txid or cl_ord_id: (pair, time of creation or last amend)}`` that a call's result tells.

    ``pair``: what the call was charged to, "?" if that is not known; an amend names an order and no pair. Times are
    seconds of the loop's clock; ``server_now`` is Kraken's time at ``now``. A result in another shape than Kraken
    documents tells nothing.
    """
    if not isinstance(result, dict):
        return {}
    kind, params = call.endpoint.engine, call.params
    if kind in ("add", "edit") and params.get("pair"):
        return dict.fromkeys(_names(params, result), (str(params["pair"]), now))
    if kind == "add_batch":
        got = result.get("orders")
        rows = zip(params.get("orders") or (), got if isinstance(got, list) else (), strict=False)
        return {name: (str(params.get("pair")), now) for sent, got in rows for name in _names(sent, got)}
    if kind == "amend" and pair != "?":
        return dict.fromkeys(named_orders(params), (pair, now))
    if call.endpoint.name in ("OpenOrders", "QueryOrders"):
        orders = result.get("open", result)
        return dict(_listed(orders, now, server_now)) if isinstance(orders, dict) else {}
    return {}


def _names(sent: Any, got: Any) -> list[str]:
    names = [sent.get("cl_ord_id")] if isinstance(sent, dict) else []
    txid = got.get("txid") if isinstance(got, dict) else None
    names += txid if isinstance(txid, list) else [txid]
    return [str(name) for name in names if name]


def _listed(orders: dict[str, Any], now: float, server_now: float) -> Iterator[tuple[str, tuple[str, float]]]:
    for txid, order in orders.items():
        try:
            age = max(0.0, server_now - float(order["opentm"]))
            name_of_pair = str(order["descr"]["pair"])
        except (KeyError, TypeError, ValueError):
            continue
        if age < OLDEST:
            for name in (txid, order.get("cl_ord_id")):
                if name:
                    yield str(name), (name_of_pair, now - age)
