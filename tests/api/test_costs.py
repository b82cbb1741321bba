"""What typed calls, checks and conversions cost, as the least of many measurements."""

from __future__ import annotations

import functools
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
from kraken_async.api.description import description
from kraken_async.api.notation import ListOf, MapOf, Object, Scalar, Type, Union
from kraken_async.api.spot import Spot
from kraken_async.wire.json_decoder import exact

pytestmark = pytest.mark.proof
KNOWN = description()
REPLIES: dict[str, list[Any]] = json.loads(
    (Path(__file__).parent / "replies.json").read_text(encoding="utf-8")
)


class Sink:
    """A caller that takes the fields and does nothing."""

    def private(self, endpoint: str, params: Any = None, /) -> Any:
        return params

    public = private


def measured(work: Callable[[], object]) -> float:
    """Microseconds of ``work`` on a machine that reads a Decimal in 0.12 us; a quicker one counts as it is.

    The two are timed in turn, so that what slows one down slows the other down too.
    """
    work()
    number = max(1, round(1e-3 / max(timeit.timeit(work, number=1), 1e-7)))
    texts = ["61000.123"] * 100
    least = read = float("inf")
    for _ in range(50):
        least = min(least, timeit.timeit(work, number=number) / number)
        read = min(read, timeit.timeit(lambda: [Decimal(text) for text in texts], number=5) / 500)
    return least * 1e6 / max(1.0, read * 1e6 / 0.12)


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

    cost = measured(order)
    print(f"add_order and its checks: {cost:.2f} us")
    assert cost < 5


def grown(value: Any, type_: Type, times: int = 20) -> Any:
    """A result as long as Kraken's are: each list of rows and each map by id has ``times`` as many."""
    type_ = KNOWN.resolve(type_)
    if isinstance(type_, Union):
        kinds = (Object, MapOf) if isinstance(value, dict) else (ListOf,)
        fitting = [each for each in map(KNOWN.resolve, type_.options) if isinstance(each, kinds)]
        return grown(value, fitting[0], times) if fitting and isinstance(value, (dict, list)) else value
    if isinstance(type_, ListOf) and isinstance(value, list):
        return [grown(item, type_.of, 1) for item in value] * times
    if isinstance(type_, MapOf) and isinstance(value, dict):
        named = {f"{name}{n}": item for name, item in value.items() for n in range(times)}
        return {name: grown(item, type_.of, 1) for name, item in named.items()}
    if isinstance(type_, Object) and isinstance(value, dict):
        named = {field.name: field.type for field in type_.fields if not field.others}
        others = next((field.type for field in type_.fields if field.others), Scalar("any"))
        return {name: grown(item, named.get(name, others), times) for name, item in value.items()}
    return value


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_conversion_costs_less_than_four_microseconds_for_ten_fields(name: str) -> None:
    """Fewer than ten fields, which a call's own cost outweighs, count as ten."""
    for reply in REPLIES[name]:
        result = exact(json.dumps(grown(reply, KNOWN.endpoints[name].result)).encode())
        count = max(fields(result), 10)
        cost = measured(functools.partial(convert, result, name, amounts=True, times=True)) / count * 10
        print(f"{name}: {cost:.2f} us for ten of {fields(result)} fields")
        assert cost < 4
