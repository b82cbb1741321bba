"""Claims on orders, over all sessions of a key: what they tell each other in the list of placed names. Pure.

Kraken tells orders apart by ids made here alone. An order that carries none (a ``cl_ord_id`` or ``userref`` of the
caller's own, an amend, an edit) is reported to no second caller, in any session, because each session

1. claims what identifies its order before its bytes leave: ``~key~order+``;
2. names its outcome: ``txid~order``, before it gives the claim back: ``~key~order-``.

An order that another call has named is not this one. While another call's claim to the same key stands, nothing that
carries the key is certain to be this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kraken_async.orders.pending_order import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kraken_async.orders.pending_order import PendingOrder

_MARK: Final = "~"


def claim(order: PendingOrder) -> list[str]:
    """Return the names that claim what identifies an order."""
    return [f"{_MARK}{short(key)}{_MARK}{order.mark}+" for key in order.keys]


def release(order: PendingOrder, names: Iterable[str]) -> list[str]:
    """Return the names that say the outcome of an order, and give its claims back."""
    became = [f"{name}{_MARK}{order.mark}" for name in names]
    return became + [f"{_MARK}{short(key)}{_MARK}{order.mark}-" for key in order.keys]


def read(
    order: PendingOrder, shared: Iterable[str], owners: Mapping[str, str]
) -> tuple[frozenset[str], bool]:
    """Return the txids and amend ids that are other calls', and whether another call's claim to the same key stands.

    ``owners``: ids that this session knows of, with the intent that became each.
    """
    mine, keys = order.mark, {short(key) for key in order.keys}
    others = {name for name, owner in owners.items() if owner != order.intent.id}
    standing: set[str] = set()
    for name in shared:
        first, _, rest = name.partition(_MARK)
        if first:
            if rest != mine:
                others.add(first)
            continue
        key, _, owner = rest.partition(_MARK)
        if key in keys and owner[:-1] != mine:
            (standing.add if owner.endswith("+") else standing.discard)(owner[:-1])
    return frozenset(others), bool(standing)
