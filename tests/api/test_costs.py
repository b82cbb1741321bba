"""What typed calls, checks and conversions cost, as the least of many measurements."""

from __future__ import annotations

import json
import logging
import timeit
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kraken_async.api.amounts import convert
from kraken_async.api.checks import Checks
from kraken_async.api.spot import Spot
from kraken_async.wire.json_decoder import exact

pytestmark = pytest.mark.proof
REPLIES: dict[str, list[Any]] = json.loads(
    (Path(__file__).parent / "replies.json").read_text(encoding="utf-8")
)


class Sink:
    """A caller that takes the fields and does nothing."""

    def private(self, endpoint: str, params: Any = None, /) -> Any:
        return params

    public = private


def microseconds(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=200, repeat=50)) / 200 * 1e6


def slowness() -> float:
    """How many times slower this machine is now than one that reads a Decimal in 0.18 us."""
    return max(1.0, microseconds(lambda: [Decimal("61000.123") for _ in range(100)]) / 100 / 0.18)


def fields(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(fields, value.values()))
    return sum(map(fields, value)) if isinstance(value, list) else 1


def test_a_checked_method_costs_less_than_five_microseconds() -> None:
    spot: Any = Spot(Sink())  # type: ignore[arg-type]  # a stand-in that answers at once
    checks = Checks(logging.getLogger("kraken_async.test"))

    def order() -> None:
        params = spot.add_order(
            pair="XBTUSD", type="buy", ordertype="limit", volume="1", price="2", oflags="post", userref=1
        )
        checks.check("AddOrder", params)

    cost = microseconds(order)
    print(f"add_order and its checks: {cost:.2f} us")
    assert cost < 5 * slowness()


@pytest.mark.parametrize(
    "name", ["TradesHistory", "Balance", "OpenOrders", "Ledgers", "AssetPairs", "Ticker"]
)
def test_conversion_costs_less_than_four_microseconds_for_ten_fields(name: str) -> None:
    result = exact(json.dumps(REPLIES[name][0]).encode())
    if name == "TradesHistory":
        [trade] = list(REPLIES[name][1]["trades"].values())
        result = {"count": 50, "trades": {f"T{number}": dict(trade) for number in range(50)}}
    cost = microseconds(lambda: convert(result, name, amounts=True, times=True)) / fields(result) * 10
    print(f"{name}: {cost:.2f} us for ten fields")
    assert cost < 4 * slowness()
