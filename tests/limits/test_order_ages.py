"""Ages of orders in memory: what they cost, by all of an order's names, and what is forgotten."""

from __future__ import annotations

import pytest

from kraken_async.limits import order_ages
from kraken_async.limits.counters import OLDEST
from kraken_async.limits.order_ages import Age, OrderAges, ages
from tests.limits.limits_support import call

ORDER = Age(("OAAAAA-BBBBB-CCCCCC", "mine"), "XXBTZUSD", 1000.0)


def test_an_order_that_is_not_known_counts_as_just_placed() -> None:
    ages = OrderAges()
    assert ages.age("OAAAAA-BBBBB-CCCCCC", 5000.0) == 0.0
    assert ages.pair("OAAAAA-BBBBB-CCCCCC") is None


def test_an_order_has_one_age_by_all_its_names() -> None:
    ages = OrderAges()
    ages.learn([ORDER], 1000.0)
    ages.learn([Age(("mine",), "XBTUSD", 1200.0)], 1200.0)
    assert [ages.age(name, 1210.0) for name in ORDER.names] == [10.0, 10.0]
    assert ages.pair("OAAAAA-BBBBB-CCCCCC") == "XBTUSD"


def test_a_listing_makes_no_amended_order_older() -> None:
    ages = OrderAges()
    ages.learn([ORDER._replace(at=1200.0)], 1200.0)
    ages.learn([ORDER], 1210.0)
    assert ages.age("mine", 1210.0) == 10.0


def test_the_orders_of_a_batch_have_ages_of_their_own() -> None:
    ages = OrderAges()
    ages.learn([Age((name,), "XBTUSD", 1000.0) for name in ("a", "b")], 1000.0)
    ages.learn([Age(("a",), "XBTUSD", 1100.0)], 1100.0)
    assert (ages.age("a", 1100.0), ages.age("b", 1100.0)) == (0.0, 100.0)


def test_what_is_too_old_to_cost_is_forgotten_and_what_was_amended_meanwhile_is_not() -> None:
    ages = OrderAges()
    for second in range(1000):
        ages.learn([Age((f"O{second}", f"c{second}"), "XBTUSD", float(second))], float(second))
        if second == 400:
            ages.learn([Age(("O300",), "XBTUSD", 400.0)], 400.0)
        if second == 650:
            assert ages.age("c300", 650.0) == 250.0
    assert len(ages) <= 2 * (OLDEST + 2)
    assert ages.pair("O300") is None


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_ages, "MOST", 100)
    ages = OrderAges()
    ages.learn([Age((f"O{number}",), "XBTUSD", 1.0) for number in range(1000)], 1.0)
    assert len(ages) == 100
    assert (ages.pair("O899"), ages.pair("O900"), ages.pair("O999")) == (None, "XBTUSD", "XBTUSD")


def test_an_order_is_known_as_long_as_its_age_may_cost_something() -> None:
    ages = OrderAges()
    ages.learn([ORDER], 1000.0)
    ages.learn([Age(("other",), "XBTUSD", 1300.0)], 1000.0 + OLDEST)
    assert ages.pair("mine") is not None
    ages.learn([], 1000.0 + OLDEST + 0.1)
    assert ages.pair("mine") is None
    assert ages.pair("other") is not None


async def test_a_result_tells_the_ages_of_its_orders() -> None:
    placed = call("AddOrder", pair="XBTUSD", cl_ord_id="mine")
    assert ages(placed, {"txid": ["OA"]}, 50.0, 0.0, "XBTUSD") == [Age(("mine", "OA"), "XBTUSD", 50.0)]
    edited = call("EditOrder", pair="XBTUSD", txid="OA")
    assert ages(edited, {"txid": "OB"}, 50.0, 0.0, "XBTUSD") == [Age(("OB",), "XBTUSD", 50.0)]
    amended = call("AmendOrder", txid="OA")
    assert ages(amended, {"amend_id": "T"}, 50.0, 0.0, "XBTUSD") == [Age(("OA",), "XBTUSD", 50.0)]
    assert ages(amended, {"amend_id": "T"}, 50.0, 0.0, "?") == []  # of a pair that is not known
    batch = call("AddOrderBatch", pair="XBTUSD", orders=[{"cl_ord_id": "a"}, {}])
    result = {"orders": [{"txid": "OA"}, {"txid": "OB"}]}
    assert ages(batch, result, 50.0, 0.0, "XBTUSD") == [
        Age(("a", "OA"), "XBTUSD", 50.0),
        Age(("OB",), "XBTUSD", 50.0),
    ]


@pytest.mark.parametrize(
    ("name", "params", "result"),
    [
        ("AddOrder", {}, {"txid": ["OA"]}),
        ("AddOrder", {"pair": "XBTUSD"}, None),
        ("AddOrderBatch", {"pair": "XBTUSD", "orders": 5}, {"orders": [{"txid": "OA"}]}),
        ("AddOrderBatch", {"pair": "XBTUSD", "orders": [{}]}, {"orders": None}),
        ("OpenOrders", {}, {"open": []}),
        ("CancelOrder", {"txid": "OA"}, {"count": 1}),
        ("Balance", {}, {"ZUSD": "1"}),
    ],
)
async def test_a_result_in_another_shape_or_of_no_order_tells_none(
    name: str, params: dict[str, object], result: object
) -> None:
    assert ages(call(name, None, **params), result, 50.0, 0.0, "XBTUSD") == []


async def test_a_listing_tells_how_old_its_orders_are_by_krakens_time() -> None:
    def row(opened: object, **more: object) -> dict[str, object]:
        return {"opentm": opened, "descr": {"pair": "XBTUSD"}, **more}

    orders = {
        "young": row(990.0, cl_ord_id="mine"),
        "ahead": row(1001.0),
        "old": row(1000.0 - OLDEST),
        "odd": row("soon"),
        "bare": {"opentm": 990.0},
    }
    told = ages(call("OpenOrders"), {"open": orders}, 50.0, 1000.0, "?")
    assert told == [Age(("young", "mine"), "XBTUSD", 40.0), Age(("ahead",), "XBTUSD", 50.0)]
    assert ages(call("QueryOrders"), orders, 50.0, 1000.0, "?") == told
