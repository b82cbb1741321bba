"""Order types: what they wait for, when they fire, how they are shown; evidence is named beside what was recorded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.emulator.emulator_support import LIMIT, MARKET, START, Desk

TRAIL = {"pair": "XBTUSD", "type": "sell", "ordertype": "trailing-stop", "volume": "1"}


def shown(desk: Desk, txid: str) -> dict[str, Any]:
    return dict(desk.call("QueryOrders", {"txid": txid})[txid])


def place(desk: Desk, **fields: str) -> str:
    return str(desk.call("AddOrder", fields)["txid"][0])


def status(desk: Desk, txid: str) -> str:
    return desk.emulator.orders[txid].status


# ------------------------------------------------------------------ trailing stops
# Direction and prefix: Kraken.Net#114, quoting Kraken. Sentence and fields: ccxt#23884, ccxt#21063.


@pytest.mark.parametrize(
    ("side", "offset", "moves", "trigger", "fires"),
    [
        ("sell", "+5%", ["63000", "61000"], "59850.0", "59850"),
        ("sell", "+500", ["60400", "60100"], "59900.0", "59899.9"),
        ("buy", "+5%", ["57000", "58000"], "59850.0", "59850"),
        ("buy", "+500", ["59000", "59400"], "59500.0", "59500"),
    ],
)
def test_trailing_stop_follows_the_market_one_way_and_fires_on_the_way_back(
    side: str, offset: str, moves: list[str], trigger: str, fires: str
) -> None:
    """Evidence: Kraken.Net#114 quotes Kraken: the direction is automatic. Kraken's command line sells with +500, a
    distance.
    """
    desk = Desk()
    txid = place(desk, **{**TRAIL, "type": side, "price": offset})
    for price in moves:
        desk.emulator.move("XBTUSD", price)
    assert (status(desk, txid), shown(desk, txid)["stopprice"]) == ("open", trigger)
    desk.emulator.move("XBTUSD", fires)
    order = desk.emulator.orders[txid]
    market = order.pair.bid if side == "sell" else order.pair.ask
    assert (order.status, order.cost / order.executed) == ("closed", market)


def test_sell_trailing_stop_never_sells_into_a_rise() -> None:
    """Evidence: Kraken.Net#114, and ccxt's trailingAmount and trailingPercent, which protect a position from a
    fall.
    """
    desk = Desk()
    txid = place(desk, **TRAIL, price="+5%")
    for price in range(60_000, 90_000, 500):
        desk.emulator.move("XBTUSD", str(price))
    assert status(desk, txid) == "open"
    desk.emulator.move("XBTUSD", "84000")
    assert status(desk, txid) == "closed"


def test_trailing_stop_limit_is_shown_as_it_was_asked_for_with_its_prices_filled_in() -> None:
    """Evidence: ccxt#23884 and ccxt#21063 show the sentence, both distances, and stopprice and limitprice filled
    in.
    """
    desk = Desk()
    fields = {**TRAIL, "ordertype": "trailing-stop-limit", "price": "+5%", "price2": "-4%"}
    answer = desk.call("AddOrder", fields)
    sentence = "sell 1.00000000 XBTUSD @ trailing stop +5.0000% -> limit -4.0000%"
    assert answer["descr"]["order"] == sentence
    (txid,) = answer["txid"]
    order = shown(desk, txid)
    assert (order["descr"]["price"], order["descr"]["price2"]) == ("+5.0000%", "-4.0000%")
    assert (order["stopprice"], order["limitprice"]) == ("57000.0", "54720.0")
    desk.emulator.move("XBTUSD", "50000")
    order = shown(desk, txid)
    assert (order["status"], order["descr"]["ordertype"]) == ("open", "trailing-stop-limit")
    desk.emulator.move("XBTUSD", "54720")
    assert status(desk, txid) == "closed"


def test_trailing_stop_by_amount_is_shown_with_the_pair_s_decimals() -> None:
    """Evidence: ccxt's recorded request and answer of a trailing stop by amount."""
    desk = Desk()
    txid = place(desk, **TRAIL, price="+50")
    assert shown(desk, txid)["descr"]["order"] == "sell 1.00000000 XBTUSD @ trailing stop +50.0"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"price": "57000"}, "price"),
        ({"price": "-5%"}, "price"),
        ({"price": "#5%"}, "price"),
        ({"ordertype": "trailing-stop-limit", "price": "+5%", "price2": "54000"}, "price2"),
        ({"ordertype": "trailing-stop-limit", "price": "+5%"}, "price2"),
    ],
)
def test_trailing_price_must_be_relative_upwards(fields: dict[str, str], field: str) -> None:
    """Evidence: Kraken.Net#114: an absolute price is answered with EGeneral:Invalid arguments:price."""
    assert Desk().refusal("AddOrder", {**TRAIL, **fields}) == f"EGeneral:Invalid arguments:{field}"


@pytest.mark.parametrize(
    "fields",
    [
        {"price": "+100%"},
        {"price": "+60000"},
        {"ordertype": "trailing-stop-limit", "price": "+5%", "price2": "-100%"},
    ],
)
def test_trailing_distance_beyond_all_prices_is_refused(fields: dict[str, str]) -> None:
    assert Desk().refusal("AddOrder", {**TRAIL, **fields}) == "EOrder:Invalid price"


def test_trailing_distance_can_be_amended_and_is_kept_by_an_edit() -> None:
    desk = Desk()
    txid = place(desk, **TRAIL, price="+5%")
    desk.call("AmendOrder", {"txid": txid, "trigger_price": "+10%"})
    assert (shown(desk, txid)["descr"]["price"], shown(desk, txid)["stopprice"]) == ("+10.0000%", "54000.0")
    assert desk.refusal("AmendOrder", {"txid": txid, "trigger_price": "50000"}) == (
        "EGeneral:Invalid arguments:trigger_price"
    )
    edited = desk.call("EditOrder", {"txid": txid, "pair": "XBTUSD", "volume": "2"})
    assert edited["descr"]["order"] == "sell 2.00000000 XBTUSD @ trailing stop +10.0000%"


# ------------------------------------------------------------------ stops and profits


@pytest.mark.parametrize(
    ("side", "ordertype", "trigger", "holds", "fires"),
    [
        ("sell", "stop-loss", "55000", "65000", "54000"),
        ("buy", "stop-loss", "65000", "55000", "66000"),
        ("sell", "take-profit", "65000", "55000", "66000"),
        ("buy", "take-profit", "55000", "65000", "54000"),
    ],
)
def test_stop_and_profit_fire_on_their_own_side_of_the_market(
    side: str, ordertype: str, trigger: str, holds: str, fires: str
) -> None:
    desk = Desk()
    txid = place(desk, **{**TRAIL, "type": side, "ordertype": ordertype, "price": trigger})
    desk.emulator.move("XBTUSD", holds)
    assert status(desk, txid) == "open"
    desk.emulator.move("XBTUSD", fires)
    assert status(desk, txid) == "closed"


def test_stop_that_fired_keeps_its_type_and_prices() -> None:
    """Evidence: ccxt and freqtrade read type and stopLossPrice of a fired stop from its descr; recorded closed
    stops keep both.
    """
    desk = Desk()
    market = place(desk, **{**TRAIL, "ordertype": "stop-loss", "price": "55000"})
    limit = place(desk, **{**TRAIL, "ordertype": "stop-loss-limit", "price": "55000", "price2": "54900"})
    assert shown(desk, limit)["limitprice"] == "0.00000"
    desk.emulator.move("XBTUSD", "54000")
    for txid, ordertype in ((market, "stop-loss"), (limit, "stop-loss-limit")):
        order = shown(desk, txid)
        assert (order["descr"]["ordertype"], order["descr"]["price"]) == (ordertype, "55000.0")
        assert order["trigger"] == "last"
    assert (status(desk, market), status(desk, limit)) == ("closed", "open")
    assert shown(desk, limit)["limitprice"] == "54900.0"
    assert next(iter(desk.call("TradesHistory")["trades"].values()))["ordertype"] == "stop-loss"


def test_stop_whose_price_is_reached_already_fires_at_once() -> None:
    desk = Desk()
    assert status(desk, place(desk, **{**TRAIL, "ordertype": "stop-loss", "price": "61000"})) == "closed"


# ------------------------------------------------------------------ by cost, in time, in parts


def test_market_order_by_cost_is_shown_by_its_cost() -> None:
    """Evidence: ccxt takes the cost of createMarketBuyOrderWithCost from the sentence, as in its recorded answer."""
    desk = Desk()
    answer = desk.call("AddOrder", {**MARKET, "volume": "100", "oflags": "viqc"})
    assert answer["descr"]["order"] == "buy 100.00000000 XBTUSD @ market"
    order = shown(desk, answer["txid"][0])
    assert (order["status"], order["vol"], order["oflags"]) == ("closed", "100.00000000", "viqc,fciq")
    assert Decimal("99.99") < Decimal(order["cost"]) <= 100
    assert Decimal(order["vol_exec"]) == Decimal(order["cost"])


@pytest.mark.parametrize(
    "wrong", [{"type": "sell"}, {"ordertype": "limit", "price": "1000"}, {"leverage": "2"}]
)
def test_by_cost_is_for_market_buys_without_leverage(wrong: dict[str, str]) -> None:
    fields = {**MARKET, "volume": "100", "oflags": "viqc", **wrong}
    assert Desk().refusal("AddOrder", fields) == "EGeneral:Invalid arguments:oflags"


def test_order_with_a_start_is_pending_and_trades_from_then_on() -> None:
    """Evidence: Kraken's list of statuses, in typed-kraken and ccxt, has pending for an order whose starttm is to
    come.
    """
    desk = Desk()
    txid = place(desk, **LIMIT | {"price": "61000", "starttm": "+60"})
    assert shown(desk, txid)["status"] == "pending"
    desk.emulator.move("XBTUSD", "50000")
    assert list(desk.call("OpenOrders")["open"]) == [txid]
    desk.clock.advance(60)
    order = desk.emulator.orders[txid]
    assert (order.status, order.closed) == ("closed", START + 60)
    past = place(desk, **LIMIT | {"starttm": str(int(START))})
    assert shown(desk, past)["status"] == "open"


def test_pending_order_can_be_cancelled_and_expires() -> None:
    desk = Desk()
    cancelled = place(desk, **LIMIT | {"starttm": "+60"})
    expiring = place(desk, **LIMIT | {"starttm": "+60", "expiretm": "+30"})
    desk.call("CancelOrder", {"txid": cancelled})
    desk.clock.advance(100)
    assert (status(desk, cancelled), status(desk, expiring)) == ("canceled", "expired")


def test_expiry_counts_whatever_the_time_in_force() -> None:
    desk = Desk()
    txid = place(desk, **LIMIT | {"expiretm": "+30"})
    desk.clock.advance(30)
    assert (status(desk, txid), desk.emulator.orders[txid].closed) == ("expired", START + 30)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"volume": "0.0001", "price": "1"}, "EOrder:Cost minimum not met"),
        ({"volume": "0.00001"}, "EOrder:Order minimum not met"),
        ({"ordertype": "market", "volume": "0.4", "oflags": "viqc"}, "EOrder:Order minimum not met"),
        ({"pair": "XBTEUR", "price": "30000.05"},
         "EOrder:Invalid price:XXBTZEUR price can only be specified up to 1 decimals."),  # zenbot#779, zenbot#2645
        ({"displayvol": "0.1"}, "EGeneral:Invalid arguments:displayvol"),
        ({"ordertype": "market", "timeinforce": "FOK"}, "EGeneral:Invalid arguments:timeinforce"),
        ({"reduce_only": "true"}, "EGeneral:Invalid arguments:reduce_only"),
        ({"ordertype": "settle-position"}, "EGeneral:Invalid arguments:leverage"),
        ({"close[ordertype]": "iceberg", "close[price]": "1"}, "EGeneral:Invalid arguments:ordertype"),
        ({"close[ordertype]": "trailing-stop", "close[price]": "50000"}, "EGeneral:Invalid arguments:close[price]"),
        ({"oflags": "fcib,fciq"}, "EGeneral:Invalid arguments:oflags"),
        ({"stptype": "cancel-all"}, "EGeneral:Invalid arguments:stptype"),
    ],
)  # fmt: skip
def test_order_that_cannot_be_is_refused(fields: dict[str, str], error: str) -> None:
    """Evidence: zenbot#779, zenbot#2645 and kraken_api_dca#1 for too many decimals; AssetPairs shows costmin, and
    Kraken's list of errors has the refusal; Kraken's own SDK for what goes with what.
    """
    assert Desk().refusal("AddOrder", {**LIMIT, **fields}) == error


def test_iceberg_shows_its_tip() -> None:
    desk = Desk()
    txid = place(desk, **LIMIT | {"ordertype": "iceberg", "displayvol": "0.25"})
    order = shown(desk, txid)
    assert order["descr"]["order"] == "buy 1.25000000 XBTUSD @ iceberg 37500.0"
    assert (order["displayvol"], order["displayvolremain"]) == ("0.25000000", "0.25000000")
    desk.emulator.fill(txid, "1.15")
    assert shown(desk, txid)["displayvolremain"] == "0.10000000"


def test_conditional_close_is_placed_for_each_part_that_trades() -> None:
    desk = Desk()
    close = {"close[ordertype]": "stop-loss-limit", "close[price]": "#5%", "close[price2]": "#6%"}
    answer = desk.call("AddOrder", {**LIMIT, **close})
    assert answer["descr"]["close"] == "close position @ stop loss #5.0000% -> limit #6.0000%"
    (first,) = answer["txid"]
    for volume in ("0.25", "1"):
        desk.emulator.fill(first, volume)
    closing = [order for order in desk.emulator.orders.values() if order.refid == first]
    assert [order.volume for order in closing] == [Decimal("0.25"), Decimal(1)]
    assert {order.side for order in closing} == {"sell"}


def test_trailing_conditional_close_trails() -> None:
    desk = Desk()
    close = {"close[ordertype]": "trailing-stop", "close[price]": "+5%"}
    answer = desk.call("AddOrder", {**MARKET, **close})
    assert answer["descr"]["close"] == "close position @ trailing stop +5.0000%"
    desk.emulator.move("XBTUSD", "70000")
    (order,) = desk.call("OpenOrders")["open"].values()
    assert order["stopprice"] == "66500.0"


def test_fee_may_be_taken_in_the_base_currency() -> None:
    desk = Desk()
    desk.call("AddOrder", {**MARKET, "volume": "1", "oflags": "fcib"})
    rows = {row["asset"]: row for row in desk.call("Ledgers")["ledger"].values()}
    assert (rows["XXBT"]["fee"], rows["ZUSD"]["fee"]) == ("0.0040000000", "0.0000")


# ------------------------------------------------------------------ a book with depth, and one's own orders in it


def with_depth(volume: str = "1") -> Desk:
    desk = Desk()
    desk.emulator.venue.markets.pair("XBTUSD").depth = Decimal(volume)
    return desk


def test_taker_walks_the_book_and_the_rest_of_a_limit_order_rests() -> None:
    desk = with_depth()
    market = place(desk, **MARKET | {"volume": "2.5"})
    order = desk.emulator.orders[market]
    assert order.cost == Decimal("60000.1") + Decimal("60000.2") + Decimal("60000.3") / 2
    limit = place(desk, **LIMIT | {"price": "60000.4", "volume": "5"})
    order = desk.emulator.orders[limit]
    assert (order.status, order.executed) == ("open", Decimal("1.5"))
    assert shown(desk, limit)["vol_exec"] == "1.50000000"
    desk.emulator.move("XBTUSD", "60000")
    assert desk.emulator.orders[limit].status == "closed"


@pytest.mark.parametrize(
    ("force", "price", "end", "executed"),
    [
        ("IOC", "60000.1", "canceled", "1"),
        ("FOK", "60000.1", "canceled", "0"),
        ("FOK", "60000.2", "closed", "1.5"),
        ("IOC", "50000", "canceled", "0"),
    ],
)
def test_immediate_orders_take_what_is_there_or_nothing(
    force: str, price: str, end: str, executed: str
) -> None:
    desk = with_depth()
    txid = place(desk, **LIMIT | {"price": price, "volume": "1.5", "timeinforce": force})
    order = desk.emulator.orders[txid]
    assert (order.status, order.executed) == (end, Decimal(executed))


def test_order_larger_than_the_book_is_filled_as_far_as_it_goes() -> None:
    desk = with_depth("0.001")
    txid = place(desk, **MARKET | {"volume": "11"})
    order = desk.emulator.orders[txid]
    assert (order.status, order.executed, order.reason) == ("canceled", Decimal(10), "Insufficient liquidity")


def test_market_order_by_cost_spends_no_more_than_it_may() -> None:
    desk = with_depth("0.001")
    txid = place(desk, **MARKET | {"volume": "1000", "oflags": "viqc"})
    order = desk.emulator.orders[txid]
    assert order.status == "closed"
    assert len(order.trades) > 10
    assert Decimal(999) < order.cost <= 1000


@pytest.mark.parametrize(
    ("stptype", "old", "new"),
    [
        ("cancel-newest", "open", "canceled"),
        ("cancel-oldest", "canceled", "closed"),
        ("cancel-both", "canceled", "canceled"),
    ],
)
def test_order_never_trades_with_one_s_own(stptype: str, old: str, new: str) -> None:
    desk = with_depth()
    resting = place(desk, **LIMIT | {"type": "sell", "price": "60000.2", "volume": "1"})
    taker = place(desk, **LIMIT | {"price": "60000.4", "volume": "3", "stptype": stptype})
    assert (status(desk, resting), status(desk, taker)) == (old, new)


def test_resting_orders_share_the_volume_that_trades() -> None:
    desk = Desk()
    first, second = place(desk, **LIMIT), place(desk, **LIMIT)
    desk.emulator.move("XBTUSD", "37000", volume="2")
    orders = desk.emulator.orders
    assert (orders[first].executed, orders[second].executed) == (Decimal("1.25"), Decimal("0.75"))


# ------------------------------------------------------------------ status of a market


@pytest.mark.parametrize(
    ("mode", "passes"), [("limit_only", {}), ("post_only", {"oflags": "post"}), ("cancel_only", None)]
)
def test_market_mode_lets_pass_what_it_names(mode: str, passes: dict[str, str] | None) -> None:
    desk = Desk()
    desk.emulator.venue.markets.pair("XBTUSD").status = mode
    assert desk.refusal("AddOrder", MARKET) == f"EService:Market in {mode} mode"
    if passes is None:
        assert desk.refusal("AddOrder", LIMIT) == f"EService:Market in {mode} mode"
    else:
        desk.place(**passes)
