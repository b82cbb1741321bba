"""Results of writes that move money: whether one is the answer that Kraken gives when it was done. Pure.

One without the reference by which the movement is known (``{}``, or ``true``) says nothing of what was done. Orders are
judged in orders/order_answers.py. What stands in neither is not judged: a cancel's answer tells nothing that OpenOrders
does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: By Kraken's names of the endpoints: the field that holds the reference.
REFERENCES: Final[Mapping[str, str]] = {
    "Withdraw": "refid",
    "WalletTransfer": "refid",
    "AccountTransfer": "transfer_id",
}


def is_answer(endpoint: str, result: Any) -> bool:
    """Return whether a write's result is what Kraken answers. None is its word that nothing was to be done."""
    field = REFERENCES.get(endpoint)
    if field is None or result is None:
        return True
    value = result.get(field) if isinstance(result, dict) else None
    return isinstance(value, str) and bool(value.strip())
