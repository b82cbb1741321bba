"""Typed views for tests: calls that were sent, trades that were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from .values import Arrival


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade of an account. ``time`` is unix seconds, ``pair`` Kraken's key such as ``XXBTZUSD``."""

    txid: str
    ordertxid: str
    pair: str
    side: str
    ordertype: str
    price: Decimal
    volume: Decimal
    cost: Decimal
    fee: Decimal
    time: float
    maker: bool

    @classmethod
    def of(cls, txid: str, row: Mapping[str, Any]) -> Trade:
        """Return the trade that a row of TradesHistory shows."""
        return cls(
            txid=txid,
            ordertxid=row["ordertxid"],
            pair=row["pair"],
            side=row["type"],
            ordertype=row["ordertype"],
            price=Decimal(row["price"]),
            volume=Decimal(row["vol"]),
            cost=Decimal(row["cost"]),
            fee=Decimal(row["fee"]),
            time=row["time"],
            maker=row["maker"],
        )


def sent(arrivals: Iterable[Arrival], endpoint: str, fields: Mapping[str, Any]) -> list[Arrival]:
    """Return the calls of ``endpoint`` that carried all of ``fields``; numbers are compared as numbers."""
    return [
        arrival
        for arrival in arrivals
        if arrival.endpoint == endpoint
        and all(same(arrival.params.get(name), value) for name, value in fields.items())
    ]


def same(found: Any, wanted: Any) -> bool:
    """Return whether a field that arrived is the value that a test names."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            same(found.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, (list, tuple)) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if found is None or wanted is None:
        return found is wanted
    if _text(found) == _text(wanted):
        return True
    try:
        return Decimal(_text(found)) == Decimal(_text(wanted))
    except InvalidOperation:
        return False


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return str(value)


def told(arrivals: Iterable[Arrival]) -> str:
    """Return what arrived, a line for each call, without nonces and passwords."""
    lines = [
        f"  {arrival.endpoint} { ({k: v for k, v in arrival.params.items() if k not in ('nonce', 'otp')}) }"
        + (f" refused: {', '.join(arrival.errors)}" if arrival.errors else "")
        for arrival in arrivals
    ]
    return "\n".join(lines) or "  nothing"
