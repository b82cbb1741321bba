"""The order book of a pair: by price, grouped, and order by order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import islice
from typing import Any

from .markets import Pair
from .venue import Call, Venue
from .wire import bad, flag, integer, text

_GROUPED_DEPTHS = frozenset({10, 25, 100, 250, 1000})
_GROUPINGS = frozenset({1, 5, 10, 25, 50, 100, 250, 500, 1000})
_LEVEL3_DEPTHS = frozenset({0, 10, 25, 100, 250, 1000})
_MOST = 10_000
#: Volume shown at each price when any volume can be had there.
_SHOWN = Decimal(1)

Level = tuple[Decimal, Decimal]


@dataclass(slots=True)
class PublicCall:
    """One public call: the query's fields and the time."""

    venue: Venue
    params: Mapping[str, Any]
    t: float

    def pair(self, field: str = "pair") -> Pair:
        """Return the pair asked for."""
        return self.venue.markets.pair(text(self.params, field))

    @property
    def displays_names(self) -> bool:
        """Whether ``assetVersion`` asks for names such as BTC/USD instead of keys."""
        return flag(self.params, "assetVersion")

    def key(self, pair: Pair) -> str:
        """Return what the pair's part of the answer is named."""
        return pair.name if self.displays_names else pair.key


def levels(pair: Pair, side: str, count: int) -> list[Level]:
    """Return prices and volumes of one side, the best first; ``side`` is that of the taker who finds them."""
    if pair.depth is not None:
        return [(price, there or _SHOWN) for price, there in islice(pair.offers(side), count)]
    first, step = (pair.ask, pair.tick) if side == "buy" else (pair.bid, -pair.tick)
    return [(first + step * n, _SHOWN) for n in range(count) if first + step * n > 0]


def _depth(call: PublicCall) -> Any:
    pair = call.pair()
    count = integer(call.params, "count", 100)
    if not 1 <= count <= 500:
        raise bad("count")
    t = int(call.t)

    def side(taker: str) -> list[list[Any]]:
        return [[pair.price_text(price), f"{volume:.3f}", t] for price, volume in levels(pair, taker, count)]

    return {call.key(pair): {"asks": side("buy"), "bids": side("sell")}}


def _grouped_book(call: PublicCall) -> Any:
    pair = call.pair()
    depth = _choice(call.params, "depth", _GROUPED_DEPTHS, 10)
    grouping = _choice(call.params, "grouping", _GROUPINGS, 1)
    step = pair.tick * grouping

    def side(taker: str) -> list[dict[str, str]]:
        rounding = ROUND_CEILING if taker == "buy" else ROUND_FLOOR
        grouped: dict[Decimal, Decimal] = {}
        for price, volume in levels(pair, taker, min(depth * grouping, _MOST)):
            group = (price / step).to_integral_value(rounding) * step
            grouped[group] = grouped.get(group, Decimal(0)) + volume
        return [{"price": f"{p:.5f}", "qty": pair.volume_text(q)} for p, q in islice(grouped.items(), depth)]

    return {"pair": pair.wsname, "grouping": grouping, "bids": side("sell"), "asks": side("buy")}


def _choice(params: Mapping[str, Any], name: str, choices: frozenset[int], default: int) -> int:
    value = integer(params, name, default)
    if value not in choices:
        raise bad(name)
    return value


def level3(call: Call) -> Any:
    """Level3: the account's own resting orders, and one order of somebody else's at each price."""
    pair = call.venue.markets.pair(text(call.params, "pair"))
    depth = _choice(call.params, "depth", _LEVEL3_DEPTHS, 100) or 1000
    own = [
        order
        for account in call.venue.accounts.values()
        for order in account.open.values()
        if order.pair is pair and order.status == "open" and order.limit is not None
    ]

    def side(taker: str) -> list[dict[str, Any]]:
        made = "sell" if taker == "buy" else "buy"
        rows = [
            (o.limit or Decimal(0), o.display or o.remaining, o.txid, o.touched)
            for o in own
            if o.side == made
        ]
        rows += [(p, q, _foreign_id(pair, p), call.t) for p, q in levels(pair, taker, depth)]
        rows.sort(key=lambda row: (row[0], row[3]) if taker == "buy" else (-row[0], row[3]))
        return [
            {
                "price": f"{p:.5f}",
                "qty": pair.volume_text(q),
                "order_id": name,
                "timestamp": int(t * 1_000_000_000),
            }
            for p, q, name, t in rows[:depth]
        ]

    return {"pair": pair.name, "bids": side("sell"), "asks": side("buy")}


def _foreign_id(pair: Pair, price: Decimal) -> str:
    """Return an order id for what is offered at a price, the same at each look."""
    text = f"{int(price / pair.tick):X}".translate(str.maketrans("01", "YZ")).rjust(11, "X")[-11:]
    return f"OEMUL-{text[:5]}-{text[5:]}"


ENDPOINTS: dict[str, Callable[[PublicCall], Any]] = {"Depth": _depth, "GroupedBook": _grouped_book}
PRIVATE: dict[str, Callable[[Call], Any]] = {"Level3": level3}
