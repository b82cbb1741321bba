"""Results of writes that place no order: whether one is the answer that Kraken gives when it was done. Pure.

One that is not, such as ``{}`` or ``true`` where a withdrawal's ``refid`` belongs, says nothing of what was done.
Orders are judged in orders/order_answers.py. An endpoint that stands in neither is not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.isdecimal())


def _has(check: Callable[[object], bool], *names: str) -> Callable[[object], bool]:
    """Return the check for an object with one of these fields."""
    return lambda result: isinstance(result, dict) and any(check(result.get(name)) for name in names)


def _is_yes_or_no(result: object) -> bool:
    return isinstance(result, bool)


_CANCELLED: Final = _has(_is_count, "count", "pending")

#: By Kraken's names: the answer when it was done.
ANSWERS: Final[Mapping[str, Callable[[object], bool]]] = {
    "CancelOrder": _CANCELLED,
    "CancelOrderBatch": _CANCELLED,
    "CancelAll": _CANCELLED,
    "CancelAllOrdersAfter": _has(_is_name, "currentTime", "triggerTime"),
    "Withdraw": _has(_is_name, "refid"),
    "WalletTransfer": _has(_is_name, "refid"),
    "AccountTransfer": _has(_is_name, "transfer_id"),
    "AddExport": _has(_is_name, "id"),
    "WithdrawCancel": _is_yes_or_no,
    "CreateSubaccount": _is_yes_or_no,
    "Earn/Allocate": _is_yes_or_no,
    "Earn/Deallocate": _is_yes_or_no,
}


def is_answer(endpoint: str, result: Any) -> bool:
    """Return whether a write's result is what Kraken answers. None is its word that nothing was to be done."""
    if result is None:
        return True
    judge = ANSWERS.get(endpoint)
    return judge is None or judge(result)
