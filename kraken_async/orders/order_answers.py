"""Answers about orders: whether one names what it placed, and the one for an order that was found. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.call import Call


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


def batch_result(
    found: Mapping[int, tuple[str, Mapping[str, Any]]], count: int, visibility: float
) -> dict[str, Any]:
    """Return AddOrderBatch's result: what was found, in its places, and an error where there is nothing."""
    missing = {
        "error": f"not found past its deadline, if orders show within {visibility:g} s; others of the batch are there"
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


def names_what_was_done(call: Call, result: Any) -> bool:
    """Return whether a result names every order that a call placed or changed, as Kraken's own do.

    A result that does not, such as ``{}`` or one that only describes an order, proves nothing. ``None`` stands for
    Kraken's word that nothing was to be done.
    """
    if result is None:
        return True
    if not isinstance(result, dict):
        return False
    engine = call.endpoint.engine
    if engine == "amend":
        return _is_name(result.get("amend_id"))
    if engine == "add_batch":
        rows, asked = result.get("orders"), call.params.get("orders")
        return (
            isinstance(rows, list)
            and (not isinstance(asked, (list, tuple)) or len(rows) == len(asked))
            and all(isinstance(row, dict) and (_is_name(row.get("txid")) or row.get("error")) for row in rows)
        )
    if engine == "edit" and result.get("status") == "err":
        return True
    return _is_name(result.get("txid"))


def _is_name(value: Any) -> bool:
    """Return whether this is an id, or a list of ids."""
    if isinstance(value, list):
        return bool(value) and all(map(_is_name, value))
    return isinstance(value, str) and bool(value.strip())
