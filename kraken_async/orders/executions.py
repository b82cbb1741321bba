"""Messages of Kraken's WebSocket v2 channel ``executions``, read into what a session can learn from it. Pure.

A message in another shape than Kraken documents, and one of another channel, tells nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kraken_async.order_fields import number
from kraken_async.orders.order_matching import unix_time

CHANNEL: Final = "executions"

#: Events from which on an order counts as young for the matching engine.
_YOUNG: Final = frozenset({"pending_new", "new", "amended", "restated", "replaced"})
#: How the rate counter of the pair was seen to be called.
_COUNTERS: Final = ("ratecounter", "ratecount", "rate_counter", "rate_count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One event of one order.

    ``order``: the order as OpenOrders would show it, as far as the event tells. ``at``: when it happened, unix seconds.
    ``is_young``: the order was placed or changed by it. ``level``: the pair's counter at Kraken after it.
    """

    txid: str
    pair: str
    order: Mapping[str, Any]
    at: float | None = None
    is_young: bool = False
    level: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The order's names: its txid and its client id."""
        client_id = self.order.get("cl_ord_id")
        return (self.txid, str(client_id)) if client_id else (self.txid,)


def executions(message: Mapping[str, Any] | str | bytes) -> list[Execution]:
    """Return the events of a message, or of one entry of its ``data``; none of another channel's.

    Raises ValueError for a text that is not JSON, and for what is no message at all.
    """
    if isinstance(message, (str, bytes, bytearray)):
        message = json.loads(message)
    if not isinstance(message, Mapping):
        kind = type(message).__name__
        msg = f"observe() takes a message of the {CHANNEL} channel, as a mapping or as text, not {kind}"
        raise ValueError(msg)
    if "channel" not in message and "method" not in message:
        rows: Any = [message]
    else:
        rows = message.get("data") if message.get("channel") == CHANNEL else None
    return [
        found for row in rows or () if isinstance(row, Mapping) and (found := _execution(row)) is not None
    ]


def _execution(row: Mapping[str, Any]) -> Execution | None:
    txid = row.get("order_id")
    if not isinstance(txid, str) or not txid:
        return None
    counter = next((found for name in _COUNTERS if (found := number(row.get(name))) is not None), None)
    kind = str(row.get("exec_type", ""))
    at = unix_time(row["timestamp"]) if row.get("timestamp") else None
    created = kind in ("pending_new", "new")
    return Execution(
        txid=txid,
        pair=str(row.get("symbol") or ""),
        order=_as_order(row, at if created else None),
        at=at,
        is_young=kind in _YOUNG,
        level=None if counter is None else float(counter),
    )


def _as_order(row: Mapping[str, Any], opened: float | None) -> dict[str, Any]:
    """Return the event's order in the words of OpenOrders."""
    side, kind, pair = (str(row.get(name, "")) for name in ("side", "order_type", "symbol"))
    volume, price = number(row.get("order_qty")), number(row.get("limit_price"))
    words = f"{side} {'' if volume is None else format(volume, 'f')} {pair} @ {kind}"
    sentence = words if price is None else f"{words} {price:f}"
    return {
        "refid": row.get("order_ref_id"),
        "userref": row.get("order_userref"),
        "cl_ord_id": row.get("cl_ord_id"),
        "status": row.get("order_status"),
        "opentm": opened,
        "descr": {"pair": pair, "type": side, "ordertype": kind, "order": sentence},
    }
