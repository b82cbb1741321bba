"""Earn and subaccounts: accepted, without effect on a balance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .values import Refusal
from .venue import Call
from .wire import decimal, text


def _allocate(call: Call) -> Any:
    decimal(call.params, "amount")
    if text(call.params, "strategy_id") == "unknown":
        raise Refusal("EGeneral:Invalid arguments:Invalid strategy ID")
    return True


def _pending(call: Call) -> Any:
    text(call.params, "strategy_id")
    return {"pending": False}


def _allocations(call: Call) -> Any:
    return {
        "converted_asset": text(call.params, "converted_asset", "USD"),
        "total_allocated": "0.0000",
        "total_rewarded": "0.0000",
        "items": [],
    }


def _create_subaccount(call: Call) -> Any:
    text(call.params, "username")
    text(call.params, "email")
    return True


def _account_transfer(call: Call) -> Any:
    for name in ("asset", "from", "to"):
        text(call.params, name)
    decimal(call.params, "amount")
    return {"transfer_id": call.venue.ids.txid("T"), "status": "complete"}


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "Earn/Strategies": lambda call: {"items": []},
    "Earn/Allocations": _allocations,
    "Earn/Allocate": _allocate,
    "Earn/Deallocate": _allocate,
    "Earn/AllocateStatus": _pending,
    "Earn/DeallocateStatus": _pending,
    "CreateSubaccount": _create_subaccount,
    "AccountTransfer": _account_transfer,
}
