"""What a price and a volume may be: exact, and never rounded unless asked to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken_async import InvalidArguments, Outcome
from kraken_async.trading.pair import Pair

ROW = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "base": "XXBT",
    "quote": "ZUSD",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "cost_decimals": 5,
    "ordermin": "0.00005",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}


def pair(**changed: Any) -> Pair:
    return Pair.of("XXBTZUSD", {**ROW, **changed}, {"XXBT": "BTC", "ZUSD": "USD"})


@pytest.mark.parametrize(
    ("value", "rounding", "right"),
    [
        ("30010.07", "nearest", "30010.1"),
        ("30010.05", "nearest", "30010.0"),  # a tie goes to the even tick
        ("30010.15", "nearest", "30010.2"),
        ("30010.09", "down", "30010.0"),
        ("30010.01", "up", "30010.1"),
        ("30010.1", "up", "30010.1"),
        (30010, "nearest", "30010.0"),
        (0.1 + 0.2, "nearest", "0.3"),
        (0.1 + 0.2, "up", "0.4"),  # a float is what it prints: 0.30000000000000004
        (Decimal("1E+3"), "nearest", "1000.0"),
        (1e-7, "up", "0.1"),
    ],
)
def test_a_price_is_put_on_a_tick(value: Any, rounding: Any, right: str) -> None:
    found = pair().price(value, rounding)
    assert found == Decimal(right)
    assert format(found, "f") == right


def test_a_tick_need_not_be_a_power_of_ten() -> None:
    by_halves = pair(tick_size="0.5")
    assert by_halves.price("10.3") == Decimal("10.5")
    assert by_halves.price("10.25") == Decimal("10.0")
    with pytest.raises(InvalidArguments, match="tick size"):
        by_halves.check(price="10.3")


@pytest.mark.parametrize(
    ("value", "rounding", "right"),
    [
        ("0.123456789", "down", "0.12345678"),
        ("0.123456781", "up", "0.12345679"),
        (1 / 3, "down", "0.33333333"),
        ("1", "down", "1.00000000"),
    ],
)
def test_a_volume_is_cut_to_a_lot(value: Any, rounding: Any, right: str) -> None:
    assert format(pair().volume(value, rounding), "f") == right


@pytest.mark.parametrize("value", ["+5", "-5", "#5", "5%", "+2%", "-0.1%"])
def test_a_relative_price_is_refused(value: str) -> None:
    for refusing in (pair().price, pair().check):
        with pytest.raises(ValueError, match="relative"):
            refusing(value)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("-Infinity"),
        -1,
        "",
        "one",
        "1_000",
        None,
        True,
        "1e400",
        Decimal("1E+999999"),
        [],
        "0x10",
    ],
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"price|relative"):
        pair().price(value)


def test_another_rounding_is_refused() -> None:
    with pytest.raises(ValueError, match="rounding"):
        pair().price("1", "half-up")  # type: ignore[arg-type] # what is tested


@pytest.mark.parametrize(
    ("price", "volume", "why"),
    [
        ("30010.07", None, "more than 1 decimal$"),
        ("0", None, "above 0"),
        (None, "0.123456789", "more than 8 decimals"),
        (None, "0.00004", "ordermin"),
        (None, "0", "ordermin"),
        ("100", "0.001", "costmin"),
    ],
)
def test_what_kraken_would_refuse_is_not_sent(price: Any, volume: Any, why: str) -> None:
    with pytest.raises(InvalidArguments, match=why) as caught:
        pair().check(price=price, volume=volume)
    assert caught.value.outcome is Outcome.NOT_SENT


def test_what_kraken_takes_passes() -> None:
    pair().check("30010.10", "0.00005000")  # zeros at the end are no decimals
    pair().check(price=30010.1)
    pair().check(volume="0.00005")
    pair().check()


@pytest.mark.parametrize("status", ["cancel_only", "maintenance", "delisted", "something new"])
def test_a_status_that_takes_no_orders_is_said(status: str) -> None:
    with pytest.raises(InvalidArguments, match=status):
        pair(status=status).check()


@pytest.mark.parametrize("status", ["online", "post_only", "limit_only", "reduce_only"])
def test_a_status_that_takes_some_orders_passes(status: str) -> None:
    pair(status=status).check("30010.1", "1")


@given(
    # An amount of more than sixty digits is refused.
    st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False).filter(
        lambda value: len(value.as_tuple().digits) <= 60 and abs(value.adjusted()) <= 60
    ),
    st.sampled_from(["0.1", "0.5", "0.01", "1", "0.25", "0.00000001", "3"]),
)
def test_rounding_goes_no_further_than_a_tick_and_to_the_nearer_one(value: Decimal, tick: str) -> None:
    it, step = pair(tick_size=tick, pair_decimals=8), Decimal(tick)
    down, near, up = it.price(value, "down"), it.price(value), it.price(value, "up")
    assert down <= value <= up
    assert up - down in (0, step)
    assert near in (down, up)
    assert abs(near - value) * 2 <= step
    assert it.price(near) == near
