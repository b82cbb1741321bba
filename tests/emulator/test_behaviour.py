"""An order is not shown as it was sent: cut, resolved, renamed, late; and a key may not see everything."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kraken_async.emulator import Behaviour, Fault
from tests.emulator.emulator_support import LIMIT, MARKET, START, Desk

UUID = "6D1B345E-2821-40E2-AD83-4ECB18A06876"
THIRD = "33.333333333333333333"


def shown(desk: Desk, name: str = "OpenOrders", **fields: Any) -> dict[str, Any]:
    """Return the only order that a query shows."""
    answer = desk.call(name, fields)
    (order,) = answer.get("open", answer.get("closed", answer)).values()
    return dict(order)


def told(desk: Desk, name: str, fault: Fault, **fields: str) -> Any:
    """Return the envelope of a call that meets a fault which needs no waiting."""
    path, headers, body = desk.request(name, {**(LIMIT if name == "AddOrder" else {}), **fields})
    desk.emulator.faults.next(name, fault)
    coroutine = desk.emulator.exchange("POST", path, headers, body, sleep=desk.clock.sleep)
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    return done.value.value


# ------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("volumes", "sent", "kept"),
    [
        ("cut", THIRD[:20], "33.33333333"),
        ("cut", "0.666666666", "0.66666666"),
        ("round", "0.666666666", "0.66666667"),
        ("round", "1.000000005", "1.00000000"),
    ],
)
def test_volume_beyond_the_lot_is_cut_or_rounded(volumes: Any, sent: str, kept: str) -> None:
    desk = Desk(behaviour=Behaviour(volumes=volumes))
    assert desk.call("AddOrder", {**LIMIT, "volume": sent})["descr"]["order"].startswith(f"buy {kept} ")
    assert shown(desk)["vol"] == kept


def test_volume_beyond_the_lot_is_refused_when_asked_for() -> None:
    desk = Desk(behaviour=Behaviour(volumes="refuse"))
    error = desk.refusal("AddOrder", {**LIMIT, "volume": "0.666666666"})
    assert error == "EGeneral:Invalid arguments:volume"
    desk.place(volume="0.66666666")


@pytest.mark.parametrize(("prices", "kept"), [("round", "37500.1"), ("cut", "37500.0")])
def test_price_beyond_the_tick_is_rounded_or_cut_when_asked_for(prices: Any, kept: str) -> None:
    desk = Desk(behaviour=Behaviour(prices=prices))
    desk.place(price="37500.06")
    assert shown(desk)["descr"]["price"] == kept


def test_price_off_a_tick_that_is_wider_than_its_decimals_is_refused_in_its_own_words() -> None:
    desk = Desk()
    desk.emulator.venue.markets.pair("XBTUSD").tick_size = Decimal("0.5")
    assert desk.refusal("AddOrder", {**LIMIT, "price": "37500.1"}) == "EOrder:Tick size check failed"
    desk.place(price="37500.5")


@pytest.mark.parametrize(
    ("side", "price", "resolved"),
    [
        ("buy", "-2%", "58800.0"),
        ("buy", "#2%", "58800.0"),
        ("sell", "#2%", "61200.0"),
        ("buy", "-0.33", "59999.7"),
    ],
)
def test_relative_price_is_shown_resolved(side: str, price: str, resolved: str) -> None:
    desk = Desk()
    desk.place(type=side, price=price)
    order = shown(desk)
    assert order["descr"]["price"] == resolved
    assert order["descr"]["order"].endswith(f"@ limit {resolved}")


def test_relative_conditional_close_is_shown_as_asked_and_resolved_once_its_order_has_traded() -> None:
    desk = Desk()
    close = {"close[ordertype]": "limit", "close[price]": "#10%"}
    first = desk.place(price="60000.0", **close)
    assert shown(desk)["descr"]["close"] == "close position @ limit #10.0000%"
    desk.emulator.move("XBTUSD", "50000")
    assert desk.emulator.orders[first].status == "closed"
    assert shown(desk)["descr"]["order"] == "sell 1.25000000 XBTUSD @ limit 55000.0"


def test_market_order_is_shown_with_price_0() -> None:
    desk = Desk()
    desk.call("AddOrder", MARKET)
    descr = shown(desk, "ClosedOrders")["descr"]
    assert (descr["price"], descr["price2"]) == ("0", "0")


def test_pair_is_shown_by_its_altname() -> None:
    desk = Desk()
    desk.place(pair="USDTZUSD", price="0.5", volume="10")
    assert shown(desk)["descr"]["pair"] == "USDTUSD"


# ------------------------------------------------------------------ ids and flags


@pytest.mark.parametrize("sent", [{}, {"userref": "0"}])
@pytest.mark.parametrize(("how", "value"), [("null", None), ("zero", 0), ("missing", "nothing")])
def test_no_userref_is_null_zero_or_missing(how: Any, value: Any, sent: dict[str, str]) -> None:
    desk = Desk(behaviour=Behaviour(no_userref=how))
    desk.place(**sent)
    assert shown(desk).get("userref", "nothing") == value
    assert len(desk.call("OpenOrders", {"userref": "0"})["open"]) == 1


@pytest.mark.parametrize(("how", "value"), [("null", None), ("word", "None"), ("missing", "nothing")])
def test_an_order_that_no_other_made_shows_null_the_word_or_nothing(how: Any, value: Any) -> None:
    """The word stands in the samples of Kraken's documentation, null in what clients recorded."""
    desk = Desk(behaviour=Behaviour(no_refid=how))
    desk.place()
    assert shown(desk).get("refid", "nothing") == value


@pytest.mark.parametrize(
    ("how", "sent", "spelt"),
    [
        ("lower", UUID, UUID.lower()),
        ("sent", UUID, UUID),
        ("dashed", UUID.replace("-", ""), UUID.lower()),
        ("lower", "Mine-1", "Mine-1"),
        ("dashed", "Mine-1", "Mine-1"),
    ],
)
def test_client_id_is_shown_in_a_spelling_of_its_own(how: Any, sent: str, spelt: str) -> None:
    desk = Desk(behaviour=Behaviour(client_ids=how))
    desk.place(cl_ord_id=sent)
    assert shown(desk, cl_ord_id=sent)["cl_ord_id"] == spelt


def test_client_id_is_the_same_in_every_spelling_of_a_uuid() -> None:
    desk = Desk()
    desk.place(cl_ord_id=UUID)
    again = {**LIMIT, "cl_ord_id": UUID.lower().replace("-", "")}
    assert desk.refusal("AddOrder", again) == "EGeneral:Invalid arguments:cl_ord_id not unique"
    assert desk.call("CancelOrder", {"cl_ord_id": UUID.lower()}) == {"count": 1}


@pytest.mark.parametrize(
    ("sent", "flags"),
    [("post", "post,fciq"), ("fcib", "fcib"), ("nompp", "fciq"), ("nompp,post", "post,fciq")],
)
def test_flags_are_shown_with_their_default_and_without_what_is_ignored(sent: str, flags: str) -> None:
    desk = Desk()
    desk.place(oflags=sent)
    assert shown(desk)["oflags"] == flags


# ------------------------------------------------------------------ times and keys


@pytest.mark.parametrize(("unit", "factor"), [("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_amends_are_dated_in_the_unit_asked_for(unit: Any, factor: int) -> None:
    desk = Desk(behaviour=Behaviour(amend_times=unit))
    txid = desk.place()
    assert desk.call("OrderAmends", {"order_id": txid})["amends"][0]["timestamp"] == START * factor


def test_key_information_is_in_snake_case_with_a_text_for_its_window() -> None:
    desk = Desk()
    key = desk.emulator.add_key(nonce_window=10_000, query_to=START + 5, ip_allowlist=["10.0.0.1"])
    info = desk.call("GetApiKeyInfo", key=key)
    assert (info["nonce_window"], info["query_to"], info["ip_allowlist"]) == (
        "10000",
        "1700000005",
        ["10.0.0.1"],
    )
    assert desk.call("GetApiKeyInfo")["ip_allowlist"] == [""]


def test_key_sees_only_what_lies_in_its_query_window() -> None:
    desk = Desk()
    key = desk.emulator.add_key(query_to=START + 5)
    before = desk.place()
    desk.clock.advance(10)
    after, filled = desk.place(), desk.call("AddOrder", MARKET)["txid"][0]
    assert set(desk.call("OpenOrders")["open"]) == {before, after}
    assert set(desk.call("OpenOrders", key=key)["open"]) == {before}
    assert set(desk.call("ClosedOrders")["closed"]) == {filled}
    for name, rows in (("ClosedOrders", "closed"), ("TradesHistory", "trades"), ("Ledgers", "ledger")):
        answer = desk.call(name, key=key)
        assert (answer[rows], answer["count"]) == ({}, 0)
    assert desk.call("QueryOrders", {"txid": f"{before},{after}"}, key=key).keys() == {before}
    assert desk.refusal("OrderAmends", {"order_id": after}, key=key) == "EOrder:Invalid order"


def test_key_is_unknown_after_its_last_day() -> None:
    desk = Desk()
    key = desk.emulator.add_key(valid_until=START + 5)
    desk.call("Balance", key=key)
    desk.clock.advance(5)
    assert desk.refusal("Balance", key=key) == "EAPI:Invalid key"


def test_balance_of_an_account_that_never_held_anything_has_no_result() -> None:
    desk = Desk()
    desk.emulator.accounts["main"].balances.clear()
    assert json.loads(desk.send("Balance").body) == {"error": []}
    desk.emulator.behaviour = Behaviour(empty_balance="object")
    assert desk.call("Balance") == {}


# ------------------------------------------------------------------ late, in parts, and other writers


def test_new_orders_show_one_by_one() -> None:
    desk = Desk(behaviour=Behaviour(open_delay=(0, 60)))
    placed = [desk.place() for _ in range(20)]
    seen = [len(desk.call("OpenOrders")["open"])]
    while len(desk.call("OpenOrders")["open"]) < len(placed):
        desk.clock.advance(1)
        seen.append(len(desk.call("OpenOrders")["open"]))
    assert seen[0] < 5
    assert len(set(seen)) > 10
    assert desk.clock() - START <= 60


@pytest.mark.parametrize("closing", ["nowhere", "still open"])
def test_closed_order_is_shown_late_and_meanwhile_nowhere_or_as_open(closing: Any) -> None:
    desk = Desk(behaviour=Behaviour(closed_delay=(30, 30), closing=closing))
    txid = desk.place()
    desk.emulator.fill(txid)
    for name in ("ClosedOrders", "OpenOrders", "QueryOrders"):
        rows = desk.call(name, {"txid": txid} if name == "QueryOrders" else {})
        rows = rows.get("open", rows.get("closed", rows))
        expected = closing == "still open" and name != "ClosedOrders"
        assert list(rows) == ([txid] if expected else []), name
        if expected:
            assert (rows[txid]["status"], rows[txid]["vol_exec"]) == ("open", "0.00000000")
    assert desk.call("TradesHistory") == {"trades": {}, "count": 0}
    desk.clock.advance(30)
    assert desk.call("TradesHistory")["count"] == 1
    assert desk.call("OpenOrders")["open"] == {}
    assert shown(desk, "ClosedOrders")["status"] == "closed"
    assert shown(desk, "QueryOrders", txid=txid)["vol_exec"] == "1.25000000"


def test_amend_is_shown_late() -> None:
    desk = Desk()
    txid = desk.place()
    desk.emulator.behaviour = Behaviour(open_delay=(10, 10))
    desk.call("AmendOrder", {"txid": txid, "limit_price": "37000"})
    assert desk.call("OrderAmends", {"order_id": txid})["count"] == 1
    desk.clock.advance(10)
    assert desk.call("OrderAmends", {"order_id": txid})["count"] == 2


def test_other_writers_place_and_cancel_beside_the_key() -> None:
    desk = Desk()
    mine = desk.place(userref="7")
    foreign = desk.emulator.place(**LIMIT, userref="7")
    assert set(desk.call("OpenOrders", {"userref": "7"})["open"]) == {mine, foreign}
    assert desk.emulator.orders[foreign].nonce is None
    assert [arrival.endpoint for arrival in desk.emulator.history] == ["AddOrder", "OpenOrders"]
    desk.emulator.cancel(foreign)
    assert desk.emulator.orders[foreign].reason == "User requested"
    with pytest.raises(KeyError):
        desk.emulator.cancel(foreign)
    with pytest.raises(ValueError, match="EOrder:Insufficient funds"):
        desk.emulator.place(**{**LIMIT, "volume": "1000000"})


# ------------------------------------------------------------------ answers that lie


@pytest.mark.parametrize(
    ("fault", "headers"),
    [
        (Fault.dated(300), {"Date": "Tue, 14 Nov 2023 22:18:20 GMT"}),
        (Fault.dateless(), {}),
        (Fault.cached(90), {"Date": "Tue, 14 Nov 2023 22:11:50 GMT", "Age": "90"}),
        (Fault.http(502, "after").with_(date=300), {"Date": "Tue, 14 Nov 2023 22:18:20 GMT"}),
        (Fault.http(502, "after"), {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}),
        (Fault.http(503, "before").with_(undated=True), {}),
    ],
)
def test_clock_of_an_answer_or_a_page_may_lie_or_be_absent(fault: Fault, headers: dict[str, str]) -> None:
    desk = Desk()
    reply = told(desk, "AddOrder", fault)
    assert {name: reply.headers[name] for name in ("Date", "Age") if name in reply.headers} == headers
    assert len(desk.emulator.orders) == (fault.when == "after")


def test_time_itself_may_be_off_for_one_answer() -> None:
    desk = Desk()
    desk.emulator.faults.next("Time", Fault.wrong_time(40))
    coroutine = desk.emulator.exchange("GET", "/0/public/Time", {}, b"")
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    assert json.loads(done.value.value.body)["result"]["unixtime"] == START + 40
    assert desk.public("Time")["unixtime"] == START


@pytest.mark.parametrize(
    ("fault", "envelope"),
    [
        (Fault.no_result(), {"error": []}),
        (Fault.no_result("before"), {"error": []}),
        (Fault.warning("WGeneral:Danger"), {"error": ["WGeneral:Danger"]}),
    ],
)
def test_answer_may_come_without_a_result(fault: Fault, envelope: Any) -> None:
    desk = Desk()
    assert json.loads(told(desk, "AddOrder", fault).body) == envelope
    assert len(desk.emulator.orders) == (fault.when == "after")


def test_warning_may_stand_beside_the_result_and_a_refusal_stays_one() -> None:
    desk = Desk()
    answer = json.loads(told(desk, "AddOrder", Fault.warning("WGeneral:Danger", result=True)).body)
    assert answer["error"] == ["WGeneral:Danger"]
    assert answer["result"]["txid"] == list(desk.emulator.orders)
    for fault in (Fault.no_result(), Fault.warning(), Fault.warning(result=True)):
        refused = json.loads(told(desk, "AddOrder", fault, volume="0").body)
        assert refused["error"] == ["EOrder:Order minimum not met"]


def test_look_up_may_lack_its_rows() -> None:
    desk = Desk()
    desk.place()
    fault = Fault.without("open", "closed")
    assert json.loads(told(desk, "OpenOrders", fault).body) == {"error": [], "result": {}}
    assert json.loads(told(desk, "ClosedOrders", fault).body) == {"error": [], "result": {"count": 0}}


def test_held_request_is_executed_after_being_overtaken_only_inside_a_nonce_window() -> None:
    for window, executed in ((0, False), (10, True)):
        desk = Desk(nonce_window=window)
        path, headers, body = desk.request("AddOrder", LIMIT)
        desk.call("CancelAll")
        answer = json.loads(desk.emulator.handle("POST", path, headers, body).body)
        assert (answer["error"] == []) is executed
        assert len(desk.emulator.orders) == executed


@pytest.mark.parametrize(
    "options", [{"volumes": "trim"}, {"key_info": "kebab"}, {"open_delay": (5, 1)}, {"closed_delay": (-1, 0)}]
)
def test_unknown_switch_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        Behaviour(**options)
