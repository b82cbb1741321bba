"""Orders in the emulator: placing, changing, cancelling, and what happens to them by themselves."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kraken_async.emulator import Behaviour
from kraken_async.emulator.orders import ORDER_TYPES
from tests.emulator.emulator_support import LIMIT, MARKET, START, Desk

UUID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"
NOT_UNIQUE = "EGeneral:Invalid arguments:cl_ord_id not unique"
NEVER_ISSUED = "OAAAAA-BBBBB-CCCCCC"


def rfc3339(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat().replace("+00:00", "Z")


# ------------------------------------------------------------------ placing


def test_limit_order_rests_and_is_shown_as_documented() -> None:
    desk = Desk()
    result = desk.call("AddOrder", {**LIMIT, "userref": "7", "oflags": "post"})
    assert result["descr"] == {"order": "buy 1.25000000 XBTUSD @ limit 37500.0"}
    (txid,) = result["txid"]
    assert desk.call("OpenOrders")["open"] == {
        txid: {
            "refid": None,
            "userref": 7,
            "status": "open",
            "opentm": START,
            "starttm": 0,
            "expiretm": 0,
            "descr": {
                "pair": "XBTUSD",
                "type": "buy",
                "ordertype": "limit",
                "price": "37500.0",
                "price2": "0",
                "leverage": "none",
                "order": "buy 1.25000000 XBTUSD @ limit 37500.0",
                "close": "",
            },
            "time_in_force": "gtc",
            "vol": "1.25000000",
            "vol_exec": "0.00000000",
            "cost": "0.00000",
            "fee": "0.00000",
            "price": "0.0",
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "margin": False,
            "misc": "",
            "oflags": "post,fciq",
        }
    }


def test_market_order_fills_at_once_and_moves_the_balances() -> None:
    desk = Desk()
    result = desk.call("AddOrder", MARKET)
    assert result["descr"] == {"order": "buy 0.50000000 XBTUSD @ market"}
    order = desk.emulator.orders[result["txid"][0]]
    assert (order.status, order.executed, order.cost) == ("closed", Decimal("0.5"), Decimal("30000.05"))
    balances = desk.emulator.accounts["main"].balances
    assert balances["XXBT"] == Decimal("100000.5")
    assert balances["ZUSD"] == Decimal(1_000_000_000) - order.cost - order.fee
    assert desk.call("OpenOrders") == {"open": {}}
    assert list(desk.call("ClosedOrders")["closed"]) == result["txid"]


def test_crossing_limit_order_fills_at_the_market() -> None:
    desk = Desk()
    txid = desk.place(price="61000")
    order = desk.emulator.orders[txid]
    assert (order.status, order.cost / order.executed) == ("closed", Decimal("60000.1"))


def test_validate_places_nothing() -> None:
    desk = Desk()
    assert desk.call("AddOrder", {**LIMIT, "validate": "true"}) == {
        "descr": {"order": "buy 1.25000000 XBTUSD @ limit 37500.0"}
    }
    assert desk.emulator.orders == {}


@pytest.mark.parametrize("pair", ["XBTUSD", "XXBTZUSD", "XBT/USD", "BTC/USD", "btcusd"])
def test_pair_goes_by_any_of_its_names(pair: str) -> None:
    assert (
        Desk().call("AddOrder", {**LIMIT, "pair": pair})["descr"]["order"].endswith("XBTUSD @ limit 37500.0")
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"pair": "XBTXYZ"}, "EQuery:Unknown asset pair"),
        ({"pair": ""}, "EGeneral:Invalid arguments:pair"),
        ({"type": "hold"}, "EGeneral:Invalid arguments:type"),
        ({"ordertype": "hope"}, "EGeneral:Invalid arguments:ordertype"),
        ({"volume": ""}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "-1"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "1e-3"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "NaN"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "9" * 40}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "0.00001"}, "EOrder:Order minimum not met"),
        (
            {"price": "37500.05"},
            "EOrder:Invalid price:XXBTZUSD price can only be specified up to 1 decimals.",
        ),
        ({"price": "0"}, "EOrder:Invalid price"),
        ({"price": "-100%"}, "EOrder:Invalid price"),
        ({"price": "1e4"}, "EGeneral:Invalid arguments:price"),
        ({"price": ""}, "EGeneral:Invalid arguments:price"),
        ({"userref": str(2**31)}, "EGeneral:Invalid arguments:userref"),
        ({"userref": "abc"}, "EGeneral:Invalid arguments:userref"),
        ({"oflags": "post,unknown"}, "EGeneral:Invalid arguments:oflags"),
        ({"timeinforce": "FOREVER"}, "EGeneral:Invalid arguments:timeinforce"),
        ({"timeinforce": "GTD", "expiretm": "+4"}, "EGeneral:Invalid arguments:expiretm"),
        ({"starttm": "soon"}, "EGeneral:Invalid arguments:starttm"),
        ({"leverage": "50"}, "EGeneral:Invalid arguments:leverage"),
        ({"ordertype": "iceberg", "displayvol": "0.01"}, "EGeneral:Invalid arguments:displayvol"),
        ({"ordertype": "stop-loss-limit"}, "EGeneral:Invalid arguments:price2"),
        ({"ordertype": "market", "oflags": "post"}, "EGeneral:Invalid arguments:oflags"),
        ({"close[ordertype]": "market"}, "EGeneral:Invalid arguments:ordertype"),
        ({"close[ordertype]": "limit"}, "EGeneral:Invalid arguments:price"),
        ({"validate": "perhaps"}, "EGeneral:Invalid arguments:validate"),
        ({"price": "61000", "oflags": "post"}, "EOrder:Post only order"),
        ({"volume": "100000", "price": "50000"}, "EOrder:Insufficient funds"),
        ({"volume": "100001", "type": "sell", "price": "70000"}, "EOrder:Insufficient funds"),
    ],
)
def test_bad_order_is_refused_by_the_name_of_its_fault_and_without_effect(
    changes: dict[str, str], error: str
) -> None:
    desk = Desk()
    assert desk.refusal("AddOrder", {**LIMIT, **changes}) == error
    assert desk.emulator.orders == {}
    assert not desk.emulator.history[0].executed


def test_open_orders_hold_funds_until_they_go() -> None:
    desk = Desk()
    desk.emulator.accounts["main"].balances["ZUSD"] = Decimal(100_000)
    txid = desk.place(volume="2", price="40000")
    assert desk.call("BalanceEx")["ZUSD"] == {"balance": "100000.0000", "hold_trade": "80000.0000"}
    assert desk.refusal("AddOrder", LIMIT) == "EOrder:Insufficient funds"
    desk.emulator.fill(txid, "1")
    assert desk.call("BalanceEx")["ZUSD"] == {"balance": "59900.0000", "hold_trade": "40000.0000"}
    desk.call("CancelOrder", {"txid": txid})
    assert desk.call("BalanceEx")["ZUSD"]["hold_trade"] == "0.0000"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"ordertype": "stop-loss", "type": "sell", "price": "50000"},
            "sell 1.25000000 XBTUSD @ stop loss 50000.0",
        ),
        (
            {"ordertype": "take-profit-limit", "type": "sell", "price": "70000", "price2": "69000"},
            "sell 1.25000000 XBTUSD @ take profit 70000.0 -> limit 69000.0",
        ),
        ({"price": "-5%"}, "buy 1.25000000 XBTUSD @ limit 57000.0"),
        ({"price": "#100"}, "buy 1.25000000 XBTUSD @ limit 59900.0"),
        ({"type": "sell", "price": "+100.5"}, "sell 1.25000000 XBTUSD @ limit 60100.5"),
        ({"leverage": "5:1"}, "buy 1.25000000 XBTUSD @ limit 37500.0 with 5:1 leverage"),
    ],
)
def test_descriptions(fields: dict[str, str], sentence: str) -> None:
    assert Desk().call("AddOrder", {**LIMIT, **fields})["descr"]["order"] == sentence


def test_market_order_by_cost_buys_what_the_money_is_worth() -> None:
    desk = Desk()
    desk.call("AddOrder", {**MARKET, "volume": "6000.01", "oflags": "viqc"})
    (order,) = desk.emulator.orders.values()
    assert order.executed == Decimal("0.1")


@pytest.mark.parametrize("force", ["IOC", "FOK"])
def test_immediate_order_that_cannot_trade_is_cancelled_at_once(force: str) -> None:
    desk = Desk()
    resting, crossing = desk.place(timeinforce=force), desk.place(timeinforce=force, price="61000")
    orders = desk.emulator.orders
    assert (orders[resting].status, orders[crossing].status) == ("canceled", "closed")


# ------------------------------------------------------------------ client ids


@pytest.mark.parametrize("name", [UUID, UUID.replace("-", ""), "arb-20240509-00010", "a"])
def test_client_id_formats(name: str) -> None:
    desk = Desk()
    txid = desk.place(cl_ord_id=name)
    assert desk.call("OpenOrders")["open"][txid]["cl_ord_id"] == name


@pytest.mark.parametrize("name", ["x" * 19, UUID + "0", "with space", "naïve", UUID.replace("-", "", 1)])
def test_malformed_client_id_is_refused(name: str) -> None:
    assert Desk().refusal("AddOrder", {**LIMIT, "cl_ord_id": name}) == "EGeneral:Invalid arguments:cl_ord_id"


def test_client_id_excludes_userref_and_conditional_close() -> None:
    desk = Desk()
    for extra in ({"userref": "1"}, {"close[ordertype]": "limit", "close[price]": "38000"}):
        fields = {**LIMIT, "cl_ord_id": UUID, **extra}
        assert desk.refusal("AddOrder", fields) == "EGeneral:Invalid arguments:cl_ord_id"


@pytest.mark.parametrize("end", ["cancel", "fill", "expire", "cancel all"])
def test_client_id_is_unique_among_open_orders_only(end: str) -> None:
    desk = Desk()
    more = {"timeinforce": "GTD", "expiretm": "+60"} if end == "expire" else {}
    first = desk.place(cl_ord_id=UUID, **more)
    assert desk.refusal("AddOrder", {**LIMIT, "cl_ord_id": UUID}) == NOT_UNIQUE
    if end == "cancel":
        desk.call("CancelOrder", {"cl_ord_id": UUID})
    elif end == "fill":
        desk.emulator.fill(first)
    elif end == "expire":
        desk.clock.advance(60)
    else:
        desk.call("CancelAll")
    second = desk.place(cl_ord_id=UUID)
    assert list(desk.call("ClosedOrders", {"cl_ord_id": UUID})["closed"]) == [first]
    assert list(desk.call("OpenOrders", {"cl_ord_id": UUID})["open"]) == [second]
    assert set(desk.call("QueryOrders", {"cl_ord_id": UUID})) == {first, second}


def test_client_ids_are_the_accounts_own() -> None:
    desk = Desk()
    sub = desk.emulator.add_key(account="sub")
    desk.place(cl_ord_id=UUID)
    desk.call("AddOrder", {**LIMIT, "cl_ord_id": UUID}, key=sub)


# ------------------------------------------------------------------ deadlines and market status


def test_deadline_is_held_against_the_clock_on_arrival() -> None:
    desk = Desk()
    fields = {**LIMIT, "deadline": rfc3339(START + 5)}
    path, headers, body = desk.request("AddOrder", fields)
    desk.clock.advance(5.001)
    assert json.loads(desk.emulator.handle("POST", path, headers, body).body) == {
        "error": ["EService:Deadline elapsed"]
    }
    assert desk.emulator.orders == {}
    desk.place(deadline=rfc3339(desk.clock() + 0.5))
    for wrong in (rfc3339(desk.clock() + 62), "tomorrow", "2030-01-01T00:00:00"):
        assert desk.refusal("AddOrder", {**LIMIT, "deadline": wrong}) == "EGeneral:Invalid arguments:deadline"


def test_skewed_clock_is_shown_and_judges_deadlines() -> None:
    desk = Desk()
    desk.emulator.skew = 10.0
    assert desk.public("Time")["unixtime"] == START + 10
    assert (
        desk.emulator.handle("GET", "/0/public/Time", {}, b"").headers["Date"]
        == "Tue, 14 Nov 2023 22:13:30 GMT"
    )
    fields = {**LIMIT, "deadline": rfc3339(START + 5)}
    assert desk.refusal("AddOrder", fields) == "EService:Deadline elapsed"


def test_market_status_decides_what_passes() -> None:
    desk = Desk()
    txid = desk.place()
    desk.emulator.venue.status = "cancel_only"
    assert desk.public("SystemStatus")["status"] == "cancel_only"
    assert desk.refusal("AddOrder", LIMIT) == "EService:Market in cancel_only mode"
    assert (
        desk.refusal("AmendOrder", {"txid": txid, "limit_price": "1"})
        == "EService:Market in cancel_only mode"
    )
    desk.emulator.venue.status = "post_only"
    assert desk.refusal("AddOrder", LIMIT) == "EService:Market in post_only mode"
    desk.place(oflags="post")
    desk.emulator.venue.status = "maintenance"
    assert desk.refusal("CancelOrder", {"txid": txid}) == "EService:Unavailable"
    assert desk.refusal("CancelAll") == "EService:Unavailable"
    assert desk.refusal("AddOrder", LIMIT) == "EService:Unavailable"
    desk.emulator.venue.status = "online"
    desk.emulator.venue.markets.pair("XBTUSD").status = "cancel_only"
    assert desk.refusal("AddOrder", LIMIT) == "EService:Market in cancel_only mode"
    desk.call("CancelOrder", {"txid": txid})


# ------------------------------------------------------------------ cancelling


def test_cancel_by_txid_client_id_and_userref() -> None:
    desk = Desk()
    one, two, three = desk.place(), desk.place(cl_ord_id=UUID), desk.place(userref="5")
    four = desk.place(userref="5")
    assert desk.call("CancelOrder", {"txid": one}) == {"count": 1}
    assert desk.call("CancelOrder", {"cl_ord_id": UUID}) == {"count": 1}
    assert desk.call("CancelOrder", {"txid": "5"}) == {"count": 2}
    assert {desk.emulator.orders[txid].status for txid in (one, two, three, four)} == {"canceled"}
    assert desk.emulator.orders[one].reason == "User requested"


def test_cancelling_what_is_not_open() -> None:
    """Evidence: a live probe: EOrder:Unknown order for an order that is gone, EOrder:Invalid order for an id that
    never was.
    """
    desk = Desk()
    filled, cancelled = desk.call("AddOrder", MARKET)["txid"][0], desk.place()
    desk.call("CancelOrder", {"txid": cancelled})
    for txid in (filled, cancelled):
        assert desk.refusal("CancelOrder", {"txid": txid}) == "EOrder:Unknown order"
    assert desk.refusal("CancelOrder", {"cl_ord_id": UUID}) == "EOrder:Unknown order"
    assert desk.refusal("CancelOrder", {"txid": "12345"}) == "EOrder:Unknown order"
    assert desk.refusal("CancelOrder", {"txid": NEVER_ISSUED}) == "EOrder:Invalid order"
    assert desk.refusal("CancelOrder") == "EGeneral:Invalid arguments:txid"


def test_orders_of_another_account_are_out_of_reach() -> None:
    desk = Desk()
    sub = desk.emulator.add_key(account="sub")
    txid = desk.place()
    assert desk.refusal("CancelOrder", {"txid": txid}, key=sub) == "EOrder:Unknown order"
    assert desk.call("CancelAll", key=sub) == {"count": 0}
    assert desk.call("QueryOrders", {"txid": txid}, key=sub) == {}


def test_cancel_batch_takes_ids_in_every_form_and_counts_the_open_ones() -> None:
    desk = Desk()
    txids = [desk.place(), desk.place(), desk.place(userref="9"), desk.place(cl_ord_id=UUID)]
    orders = [txids[0], {"txid": txids[1]}, 9, NEVER_ISSUED]
    assert desk.call("CancelOrderBatch", {"orders": orders, "cl_ord_ids": [UUID]}, as_json=True) == {
        "count": 4
    }
    assert desk.emulator.history[-1].txids == tuple(txids)
    many = {"orders": [NEVER_ISSUED] * 51}
    assert desk.refusal("CancelOrderBatch", many, as_json=True) == "EGeneral:Invalid arguments:orders"
    assert desk.refusal("CancelOrderBatch", as_json=True) == "EGeneral:Invalid arguments:orders"


def test_dead_man_switch_cancels_when_its_time_is_up() -> None:
    desk = Desk()
    txid = desk.place()
    assert desk.call("CancelAllOrdersAfter", {"timeout": "60"}) == {
        "currentTime": "2023-11-14T22:13:20Z",
        "triggerTime": "2023-11-14T22:14:20Z",
    }
    desk.clock.advance(59.9)
    assert list(desk.call("OpenOrders")["open"]) == [txid]
    desk.clock.advance(30)
    assert desk.call("OpenOrders") == {"open": {}}
    order = desk.emulator.orders[txid]
    assert (order.status, order.closed) == ("canceled", START + 60)
    later = desk.place()
    desk.clock.advance(3600)
    assert desk.emulator.orders[later].status == "open"  # having fired, it stays off


def test_dead_man_switch_is_refreshed_and_disarmed() -> None:
    """Evidence: kraken-py-sdk takes triggerTime 0 of a switch that is off, typed-kraken a time alone."""
    desk = Desk()
    txid = desk.place()
    for _ in range(5):
        desk.call("CancelAllOrdersAfter", {"timeout": "60"})
        desk.clock.advance(50)
    assert desk.call("CancelAllOrdersAfter", {"timeout": "0"})["triggerTime"] == "0"
    desk.clock.advance(3600)
    assert desk.emulator.orders[txid].status == "open"
    assert desk.refusal("CancelAllOrdersAfter", {"timeout": "86401"}) == "Invalid timeout argument"
    desk.emulator.behaviour = Behaviour(disarmed="now")
    off = desk.call("CancelAllOrdersAfter", {"timeout": "0"})
    assert off["triggerTime"] == off["currentTime"] == "2023-11-14T23:17:30Z"
    for timeout in ("-1", "", "x"):
        error = desk.refusal("CancelAllOrdersAfter", {"timeout": timeout})
        assert error == "EGeneral:Invalid arguments:timeout"


def test_dead_man_switch_is_seen_without_any_further_call() -> None:
    desk = Desk()
    txid = desk.place()
    desk.call("CancelAllOrdersAfter", {"timeout": "10"})
    desk.clock.advance(10)
    assert desk.emulator.orders[txid].status == "canceled"


def test_good_till_date_expires_on_time_before_a_later_switch() -> None:
    desk = Desk()
    dated, other = desk.place(timeinforce="GTD", expiretm="+30"), desk.place()
    desk.call("CancelAllOrdersAfter", {"timeout": "60"})
    desk.clock.advance(100)
    orders = desk.emulator.orders
    assert (orders[dated].status, orders[dated].closed) == ("expired", START + 30)
    assert (orders[other].status, orders[other].closed) == ("canceled", START + 60)


# ------------------------------------------------------------------ changing


def test_amend_keeps_ids_and_fills() -> None:
    desk = Desk()
    txid = desk.place(cl_ord_id=UUID)
    desk.emulator.fill(txid, "0.25")
    amended = desk.call("AmendOrder", {"cl_ord_id": UUID, "limit_price": "37510", "order_qty": "2"})
    assert set(amended) == {"amend_id"}
    order = desk.emulator.orders[txid]
    assert (order.price, order.volume, order.executed) == (Decimal("37510"), Decimal(2), Decimal("0.25"))
    amends = desk.call("OrderAmends", {"order_id": txid})
    assert [row["amend_type"] for row in amends["amends"]] == ["original", "user"]
    assert amends["amends"][1]["amend_id"] == amended["amend_id"]
    assert amends["count"] == 2


def test_amend_is_refused_for_what_cannot_be_amended() -> None:
    desk = Desk()
    txid = desk.place()
    with_close = desk.place(**{"close[ordertype]": "limit", "close[price]": "38000"})
    gone = desk.call("AddOrder", MARKET)["txid"][0]
    price = {"limit_price": "37510"}
    assert desk.refusal("AmendOrder", {"txid": txid}) == "EOrder:No amendable parameters"
    assert desk.refusal("AmendOrder", {"txid": with_close, **price}) == "EOrder:Invalid order"
    assert desk.refusal("AmendOrder", {"txid": gone, **price}) == "EOrder:Unknown order"
    assert desk.refusal("AmendOrder", {"txid": NEVER_ISSUED, **price}) == "EOrder:Invalid order"
    post = {"txid": txid, "limit_price": "61000", "post_only": "true"}
    assert desk.refusal("AmendOrder", post) == "EOrder:Post only order"
    late = {"txid": txid, **price, "deadline": rfc3339(START - 1)}
    assert desk.refusal("AmendOrder", late) == "EService:Deadline elapsed"
    dear = {"txid": txid, "order_qty": "1000000"}
    assert desk.refusal("AmendOrder", dear) == "EOrder:Insufficient funds"
    assert desk.emulator.orders[txid].price == Decimal(37500)


def test_amend_across_the_market_fills() -> None:
    desk = Desk()
    txid = desk.place()
    desk.call("AmendOrder", {"txid": txid, "limit_price": "61000"})
    assert desk.emulator.orders[txid].status == "closed"


def test_edit_replaces_the_order_and_drops_its_client_id() -> None:
    desk = Desk()
    old = desk.place(cl_ord_id=UUID)
    edited = desk.call("EditOrder", {"txid": old, "pair": "XBTUSD", "price": "37600", "userref": "3"})
    assert edited == {
        "status": "ok",
        "txid": edited["txid"],
        "originaltxid": old,
        "volume": "1.25000000",
        "price": "37600.0",
        "price2": "0.0",
        "orders_cancelled": 1,
        "descr": {"order": "buy 1.25000000 XBTUSD @ limit 37600.0"},
    }
    orders = desk.emulator.orders
    assert (orders[old].status, orders[edited["txid"]].status) == ("canceled", "open")
    assert (orders[edited["txid"]].cl_ord_id, orders[edited["txid"]].userref) == (None, 3)
    assert desk.refusal("EditOrder", {"txid": old, "pair": "XBTUSD"}) == "EOrder:Unknown order"
    assert desk.refusal("EditOrder", {"txid": NEVER_ISSUED, "pair": "XBTUSD"}) == "EOrder:Invalid order"


# ------------------------------------------------------------------ batches


def rows(*changes: dict[str, str]) -> list[dict[str, str]]:
    return [{**{k: v for k, v in LIMIT.items() if k != "pair"}, **change} for change in changes]


def test_batch_answers_by_position_and_a_refused_row_stands_alone() -> None:
    desk = Desk()
    batch = {"pair": "XBTUSD", "orders": rows({"cl_ord_id": UUID}, {"cl_ord_id": UUID}, {"price": "30000"})}
    first, second, third = desk.call("AddOrderBatch", batch, as_json=True)["orders"]
    assert set(first) == set(third) == {"txid", "descr"}
    assert isinstance(first["txid"], str)
    assert second == {"error": NOT_UNIQUE}
    assert desk.emulator.history[-1].txids == (first["txid"], third["txid"])


def test_batch_with_one_bad_row_is_refused_whole() -> None:
    desk = Desk()
    batch = {"pair": "XBTUSD", "orders": rows({}, {"volume": "x"})}
    assert desk.refusal("AddOrderBatch", batch, as_json=True) == "EGeneral:Invalid arguments:volume"
    assert desk.emulator.orders == {}


@pytest.mark.parametrize("count", [0, 1, 16])
def test_batch_takes_two_to_fifteen(count: int) -> None:
    batch = {"pair": "XBTUSD", "orders": rows(*[{}] * count)}
    assert Desk().refusal("AddOrderBatch", batch, as_json=True) == "EGeneral:Invalid arguments:orders"


def test_batch_may_be_a_nested_form_and_may_only_be_validated() -> None:
    desk = Desk()
    flat = {
        f"orders[{n}][{name}]": value for n, row in enumerate(rows({}, {})) for name, value in row.items()
    }
    checked = desk.call("AddOrderBatch", {"pair": "XBTUSD", "validate": "true", **flat})
    assert [set(row) for row in checked["orders"]] == [{"descr"}, {"descr"}]
    assert desk.emulator.orders == {}
    assert len(desk.call("AddOrderBatch", {"pair": "XBTUSD", **flat})["orders"]) == 2


# ------------------------------------------------------------------ what happens by itself


def test_moving_the_price_fills_what_it_crosses_at_its_limit() -> None:
    desk = Desk()
    buy, sell = desk.place(), desk.place(type="sell", price="65000")
    desk.emulator.move("XBTUSD", "64999")
    assert {desk.emulator.orders[txid].status for txid in (buy, sell)} == {"open"}
    desk.emulator.move("XBTUSD", "65000")
    order = desk.emulator.orders[sell]
    assert (order.status, order.cost) == ("closed", Decimal("81250"))
    desk.emulator.move("XBTUSD", "37499")
    assert desk.emulator.orders[buy].status == "closed"


def test_stop_fires_at_the_market_and_a_stop_limit_rests() -> None:
    desk = Desk()
    stop = desk.place(type="sell", ordertype="stop-loss", price="50000")
    limit = desk.place(type="sell", ordertype="stop-loss-limit", price="50000", price2="49990")
    desk.emulator.move("XBTUSD", "49900")
    orders = desk.emulator.orders
    assert (orders[stop].status, orders[stop].cost / orders[stop].executed) == ("closed", Decimal(49900))
    assert (orders[limit].status, orders[limit].ordertype, orders[limit].price) == (
        "open",
        "stop-loss-limit",
        Decimal(50000),
    )
    assert orders[limit].limit == Decimal(49990)


def test_conditional_close_is_placed_when_the_order_fills() -> None:
    desk = Desk()
    result = desk.call("AddOrder", {**LIMIT, "close[ordertype]": "limit", "close[price]": "38000"})
    assert result["descr"]["close"] == "close position @ limit 38000.0"
    (first,) = result["txid"]
    desk.emulator.move("XBTUSD", "37400")
    assert desk.emulator.orders[first].status == "closed"
    (second,) = desk.call("OpenOrders")["open"].values()
    assert (second["refid"], second["descr"]["order"]) == (first, "sell 1.25000000 XBTUSD @ limit 38000.0")


def test_leveraged_order_opens_a_position_and_costs_its_fee_alone() -> None:
    desk = Desk()
    desk.emulator.accounts["main"].balances["ZUSD"] = Decimal(1000)
    desk.call("AddOrder", {**MARKET, "leverage": "5"})
    (position,) = desk.call("OpenPositions").values()
    assert (position["posstatus"], position["vol"], position["margin"]) == (
        "open",
        "0.50000000",
        "6000.01000",
    )
    assert desk.emulator.accounts["main"].balances["ZUSD"] == 1000 - Decimal("120.0002")


def test_new_order_is_hidden_from_queries_until_its_delay_is_over_but_the_engine_knows_it() -> None:
    desk = Desk(visibility_delay=3.0)
    txid = desk.place(cl_ord_id=UUID)
    desk.clock.advance(2.9)
    assert desk.call("OpenOrders") == {"open": {}}
    assert desk.call("QueryOrders", {"txid": txid}) == {}
    assert desk.refusal("AddOrder", {**LIMIT, "cl_ord_id": UUID}) == NOT_UNIQUE
    desk.clock.advance(0.1)
    assert list(desk.call("OpenOrders")["open"]) == [txid]
    filled = desk.call("AddOrder", MARKET)["txid"][0]
    assert desk.call("ClosedOrders")["count"] == 0
    assert desk.emulator.orders[filled].status == "closed"
    desk.clock.advance(3)
    assert list(desk.call("ClosedOrders")["closed"]) == [filled]


def test_long_run_keeps_only_what_its_limit_says() -> None:
    desk = Desk(history_limit=10)
    for _ in range(100):
        desk.call("AddOrder", MARKET)
    account = desk.emulator.accounts["main"]
    assert len(account.orders) == len(account.closed) == len(account.trades) == len(account.ledgers) == 10
    assert 10 <= len(desk.emulator.history) <= 20
    assert desk.refusal("Balance", nonce=1) == "EAPI:Invalid nonce"
    for _ in range(50):
        desk.call("Balance")
    assert desk.emulator.refused() == 1


@pytest.mark.parametrize("seed", range(5))
def test_books_balance_whatever_happens(seed: int) -> None:
    """Holds are what the open orders need, ledgers add up to the balances, no client id is open twice."""
    rng, desk = random.Random(seed), Desk()
    account = desk.emulator.accounts["main"]
    start = dict(account.balances)
    for step in range(150):
        txid = rng.choice([*account.open, NEVER_ISSUED])
        price = str(rng.randrange(50_000, 70_000))
        desk.send(*rng.choice([
            ("AddOrder", {**LIMIT, "price": price, "cl_ord_id": f"c{step % 9}"}),
            ("AddOrder", {**LIMIT, "type": "sell", "price": price}),
            ("AddOrder", {**MARKET, "type": "sell"}),
            ("AmendOrder", {"txid": txid, "limit_price": price, "order_qty": str(rng.randrange(1, 9))}),
            ("EditOrder", {"txid": txid, "pair": "XBTUSD", "price": price}),
            ("CancelOrder", {"txid": txid}),
        ]))  # fmt: skip
        if account.open and rng.random() < 0.3:
            desk.emulator.fill(next(iter(account.open)), "0.01")
        if rng.random() < 0.1:
            desk.emulator.move("XBTUSD", price)
    needs = [order.need() for order in account.open.values()]
    for asset in ("XXBT", "ZUSD"):
        assert account.held(asset) == sum(amount for name, amount in needs if name == asset)
        moved = sum(
            Decimal(row["amount"]) - Decimal(row["fee"])
            for row in account.ledgers.values()
            if row["asset"] == asset
        )
        assert account.balances[asset] - start[asset] == moved
    named = [order.cl_ord_id for order in account.open.values() if order.cl_ord_id]
    assert len(named) == len(set(named))
    assert set(account.orders) == set(account.open) | set(account.closed)


def any_order(rng: random.Random) -> dict[str, str]:
    """Return an order of any type, sensible or not."""
    price = str(rng.randrange(50_000, 70_000))
    fields = {
        "pair": "XBTUSD",
        "type": rng.choice(["buy", "sell"]),
        "ordertype": rng.choice(sorted(ORDER_TYPES)),
        "price": rng.choice([price, "+2%", "-1%", "#50"]),
        "price2": rng.choice([price, "-1%", "+0.5%"]),
        "volume": rng.choice(["0.1", "1.23456789123", "0", "3"]),
    }
    for name, values in {
        "oflags": ["fcib", "viqc", "post"],
        "leverage": ["2", "5"],
        "timeinforce": ["IOC", "FOK"],
        "starttm": ["+30"],
        "expiretm": ["+60"],
        "reduce_only": ["true"],
        "stptype": ["cancel-oldest", "cancel-both"],
        "close[ordertype]": ["limit", "stop-loss", "trailing-stop"],
    }.items():
        if rng.random() < 0.2:
            fields[name] = rng.choice(values)
    if "close[ordertype]" in fields:
        fields["close[price]"] = rng.choice([price, "+1%"])
    return fields


@pytest.mark.parametrize("depth", [None, "0.5"])
@pytest.mark.parametrize("seed", range(4))
def test_books_balance_whatever_kinds_of_orders_meet(seed: int, depth: str | None) -> None:
    rng, desk = random.Random(seed), Desk()
    if depth is not None:
        desk.emulator.set_pair("XBTUSD", depth=depth)
    account = desk.emulator.accounts["main"]
    start, placed = dict(account.balances), 0
    for _ in range(250):
        answer = json.loads(desk.send("AddOrder", any_order(rng)).body)
        placed += not answer["error"]
        desk.clock.advance(rng.choice([0, 1, 20]))
        if rng.random() < 0.4:
            desk.emulator.move("XBTUSD", str(rng.randrange(50_000, 70_000)), volume=rng.choice([None, "0.3"]))
        if account.open and rng.random() < 0.1:
            desk.send("CancelOrder", {"txid": rng.choice(list(account.open))})
    assert placed > 40
    needs = [order.need() for order in desk.emulator.orders.values() if order.is_open]
    for asset in ("XXBT", "ZUSD"):
        assert account.held(asset) == sum(amount for name, amount in needs if name == asset)
        lines = [row for row in account.ledgers.values() if row["asset"] == asset]
        moved = sum(Decimal(row["amount"]) - Decimal(row["fee"]) for row in lines)
        assert account.balances[asset] - start[asset] == moved
    for order in desk.emulator.orders.values():
        rows = [account.trades[txid] for txid in order.trades]
        assert order.executed == sum((Decimal(row["vol"]) for row in rows), Decimal(0)) <= order.volume
        assert order.cost == sum((Decimal(row["cost"]) for row in rows), Decimal(0))
    for position in account.positions.open.values():
        assert 0 < position.remaining <= position.volume
