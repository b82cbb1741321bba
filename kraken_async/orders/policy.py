"""OrderPolicy: what is done so that an order is placed at most once; and the fields that it adds. Pure."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kraken_async.api.arguments import check_flag, check_path, check_seconds, number_of
from kraken_async.order_fields import has_close, is_true
from kraken_async.orders.intent import new_cl_ord_id
from kraken_async.orders.order_matching import unix_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.api.endpoints import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPolicy:
    """The measures by which an order is placed at most once, and its outcome known.

    Args:
        cl_ord_id: give an order without an id one (with ``close[...]``, which Kraken takes no ``cl_ord_id``
            with, a random ``userref``). Without an id a lost answer cannot be settled.
        deadline: seconds from signing after which Kraken refuses an order that comes late, 2 to 60; None:
            none, and then an order is never found "absent".
        settle_timeout: seconds of the caller's time for looking up an order whose answer was lost.
        visibility: seconds that an accepted order may take to show in look-ups. Kraken gives no figure; 60 is
            the longest that was reported.
        hold_pair_while_unknown: refuse new orders on a pair (GuardRefused, not sent) as long as the outcome of one on
            it is not known.
        outcome_log: a file to which a line is appended when the outcome of an order is known, and when it is not
            (orders/outcome_log.py); None: none.
        journal: True: what is about to be sent survives a crash of the process; "synced": power loss too, at
            the price of a disk flush per order; False: no journal.

    Raises ValueError naming the cure.
    """

    cl_ord_id: bool = True
    deadline: float | None = 5.0
    settle_timeout: float = 15.0
    visibility: float = 120.0
    hold_pair_while_unknown: bool = False
    outcome_log: str | os.PathLike[str] | None = None
    journal: bool | Literal["synced"] = True
    resend: object = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.deadline is not None and not 2 <= number_of(self.deadline) <= 60:
            msg = f"deadline is 2 to 60 s, as Kraken takes it, or None, not {self.deadline!r}: 5 suits most"
            raise ValueError(msg)
        for name in ("settle_timeout", "visibility"):
            check_seconds(name, getattr(self, name), least=0.0)
        check_flag("cl_ord_id", self.cl_ord_id)
        check_flag("hold_pair_while_unknown", self.hold_pair_while_unknown)
        if self.outcome_log is not None:
            check_path("outcome_log", self.outcome_log)
        if not (isinstance(self.journal, bool) or self.journal == "synced"):
            msg = f'journal is True, False or "synced", not {self.journal!r}'
            raise ValueError(msg)
        if self.resend is not None:
            msg = (
                "resend is gone: it made 'at most once' conditional on an order showing in time, so nothing is sent "
                "again. Leave it out, and decide by the finding of OutcomeUnknown"
            )
            raise ValueError(msg)


def own_deadline(params: Mapping[str, Any]) -> float | None:
    """Return the caller's own ``deadline`` as unix seconds; None: none that can be read."""
    return unix_time(params["deadline"]) if "deadline" in params else None


def complete(
    policy: OrderPolicy, endpoint: Endpoint, params: dict[str, Any]
) -> tuple[dict[str, Any], float | None, frozenset[str]]:
    """Return the fields with ids added, the seconds for a stamped deadline (None: none), and the ids made.

    ``params`` stay as they are; they are returned themselves when there is nothing to add.
    """
    made: set[str] = set()
    if "validate" in params and not is_true(params["validate"]):
        # Kraken may take the field's presence for a yes.
        params = {name: value for name, value in params.items() if name != "validate"}
    if policy.cl_ord_id and endpoint.engine == "add":
        params = _named(params, made)
    elif policy.cl_ord_id and endpoint.engine == "add_batch":
        rows = params.get("orders")
        if isinstance(rows, (list, tuple)):
            named = [_named(row, made) if isinstance(row, dict) else row for row in rows]
            params = {**params, "orders": named}
    return params, None if "deadline" in params else policy.deadline, frozenset(made)


def _named(order: dict[str, Any], made: set[str]) -> dict[str, Any]:
    if order.get("cl_ord_id") is not None or order.get("userref") is not None:
        return order
    if has_close(order):
        userref = secrets.randbelow(2**31 - 1) + 1
        made.add(str(userref))
        return {**order, "userref": userref}
    client_id = new_cl_ord_id()
    made.add(client_id)
    return {**order, "cl_ord_id": client_id}
