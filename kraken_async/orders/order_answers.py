"""The answer that Kraken would have given: the result of a call whose order was found. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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
