"""Margin: positions are opened, reduced, netted, closed and settled, and every figure agrees with the others."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from tests.emulator.emulator_support import MARKET, Desk

LONG = {**MARKET, "volume": "1", "leverage": "5:1"}
SHORT = {**LONG, "type": "sell"}


def rows(desk: Desk) -> list[dict[str, Any]]:
    """Return the open positions, the oldest first."""
    answer = desk.call("OpenPositions", {"docalcs": "true"})
    return list(answer.values()) if isinstance(answer, dict) else answer


def ledger(desk: Desk, kind: str) -> list[tuple[str, str, str]]:
    lines = desk.call("Ledgers", {"type": kind})["ledger"].values()
    return [(line["asset"], line["amount"], line["fee"]) for line in lines]


def test_no_position_is_a_list_without_rows() -> None:
    """Evidence: python-kraken-sdk's test of an account without positions, written against Kraken, asserts a list."""
    assert Desk().call("OpenPositions") == []


def test_position_has_the_fields_that_were_recorded() -> None:
    """Evidence: pykrakenapi#31 shows Kraken's rows; python-kraken-sdk documents value and net, which come with
    docalcs alone.
    """
    desk = Desk()
    desk.call("AddOrder", LONG)
    (row,) = rows(desk)
    assert set(row) == {
        "ordertxid", "posstatus", "pair", "time", "type", "ordertype", "cost", "fee", "vol", "vol_closed",
        "margin", "value", "net", "terms", "rollovertm", "misc", "oflags",
    }  # fmt: skip
    assert (row["cost"], row["margin"], row["value"], row["net"]) == (
        "60000.10000",
        "12000.02000",
        "60000.0",
        "-0.1000",
    )
    assert "value" not in next(iter(desk.call("OpenPositions").values()))


def test_opposite_orders_close_the_oldest_first_and_settle_profit_in_the_quote_currency() -> None:
    """Evidence: the closed positions of ccxt's and python-kraken-sdk's samples: vol_closed, cost and net of what
    was closed.
    """
    desk = Desk()
    desk.call("AddOrder", LONG)
    desk.emulator.move("XBTUSD", "61000")
    desk.call("AddOrder", LONG)
    desk.emulator.move("XBTUSD", "62000")
    before = desk.emulator.accounts["main"].balances["ZUSD"]
    desk.call("AddOrder", {**SHORT, "volume": "1.5"})
    (row,) = rows(desk)
    assert (row["cost"], row["vol"], row["vol_closed"]) == ("61000.10000", "1.00000000", "0.50000000")
    profit, fee = Decimal("1999.9") + Decimal("499.95"), Decimal("372")
    assert desk.emulator.accounts["main"].balances["ZUSD"] - before == profit - fee
    assert ledger(desk, "margin")[0] == ("ZUSD", "2499.8500", "372.0000")


def test_order_larger_than_what_stands_against_it_turns_the_position() -> None:
    """Evidence: ccxt and freqtrade reduce a position by an opposite order; two open positions were the emulator's
    own fault.
    """
    desk = Desk()
    desk.call("AddOrder", LONG)
    desk.call("AddOrder", {**SHORT, "volume": "3"})
    (row,) = rows(desk)
    assert (row["type"], row["vol"], row["vol_closed"]) == ("sell", "2.00000000", "0.00000000")


@pytest.mark.parametrize("opening", [LONG, SHORT])
def test_volume_0_closes_all_that_stands_against_it(opening: dict[str, str]) -> None:
    """Evidence: Kraken's text on AddOrder, which typed-kraken quotes: volume may be 0 for closing margin orders. A
    public bot closes so.
    """
    desk = Desk()
    for volume in ("0.5", "0.25"):
        desk.call("AddOrder", {**opening, "volume": volume})
    closing = LONG if opening is SHORT else SHORT
    answer = desk.call("AddOrder", {**closing, "volume": "0"})
    assert answer["descr"]["order"].split(" ")[1] == "0.75000000"
    assert rows(desk) == []
    assert desk.refusal("AddOrder", {**closing, "volume": "0"}) == "EOrder:Unknown position"


def test_volume_that_is_cut_to_nothing_closes_nothing() -> None:
    desk = Desk()
    desk.call("AddOrder", LONG)
    assert desk.refusal("AddOrder", {**SHORT, "volume": "0.000000001"}) == "EOrder:Order minimum not met"
    assert len(rows(desk)) == 1


def test_resting_reduce_only_order_ends_with_the_position() -> None:
    """Evidence: the field's meaning in Kraken's own SDK, which sends it for margin orders alone."""
    desk = Desk()
    desk.call("AddOrder", LONG)
    resting = {**SHORT, "ordertype": "limit", "price": "66000", "volume": "3", "reduce_only": "true"}
    (txid,) = desk.call("AddOrder", resting)["txid"]
    desk.emulator.move("XBTUSD", "66001")
    order = desk.emulator.orders[txid]
    assert (order.status, order.executed, rows(desk)) == ("canceled", Decimal(1), [])


def test_reduce_only_never_opens() -> None:
    """Evidence: Kraken's list of errors has a refusal for each case; the flag is shown with the order, as typed-
    kraken's schema has it.
    """
    desk = Desk()
    assert (
        desk.refusal("AddOrder", {**SHORT, "reduce_only": "true"}) == "EOrder:Reduce only:No position exists"
    )
    desk.call("AddOrder", LONG)
    assert desk.refusal("AddOrder", {**LONG, "reduce_only": "true"}) == "EOrder:Reduce only:Non-PC"
    txid = desk.call("AddOrder", {**SHORT, "volume": "3", "reduce_only": "true"})["txid"][0]
    order = desk.emulator.orders[txid]
    assert (order.status, order.executed, order.reason) == (
        "canceled",
        Decimal(1),
        "Reduce only:Position is closed",
    )
    assert rows(desk) == []
    assert desk.call("QueryOrders", {"txid": txid})[txid]["reduce_only"] is True


@pytest.mark.parametrize(("side", "sign"), [("buy", 1), ("sell", -1)])
def test_settling_hands_over_what_was_lent_without_profit_or_fee(side: str, sign: int) -> None:
    """Evidence: settle-position is in the order types of every client; Kraken's own SDK says that it needs
    leverage.
    """
    desk = Desk()
    desk.call("AddOrder", {**LONG, "type": side})
    cost = Decimal(rows(desk)[0]["cost"])
    desk.emulator.move("XBTUSD", "50000")
    balances = desk.emulator.accounts["main"].balances
    before = dict(balances)
    other = "sell" if side == "buy" else "buy"
    settle = {**LONG, "type": other, "ordertype": "settle-position", "volume": "0"}
    answer = desk.call("AddOrder", settle)
    assert answer["descr"]["order"] == f"{other} 1.00000000 XBTUSD @ settle position with 5:1 leverage"
    assert rows(desk) == []
    assert balances["XXBT"] - before["XXBT"] == sign
    assert balances["ZUSD"] - before["ZUSD"] == -sign * cost
    assert {asset for asset, _, _ in ledger(desk, "settled")} == {"XXBT", "ZUSD"}
    assert desk.refusal("AddOrder", settle) == "EOrder:Unknown position"


def test_consolidated_positions_are_a_list_with_a_row_for_each_market() -> None:
    """Evidence: ccxt reads a list with one row for each pair (fetchPositions); pykrakenapi#31 shows Kraken's
    answer.
    """
    desk = Desk()
    desk.call("AddOrder", LONG)
    desk.call("AddOrder", LONG)
    desk.call("AddOrder", {**SHORT, "pair": "ETHUSD", "volume": "2"})
    answer = desk.call("OpenPositions", {"consolidation": "market", "docalcs": "true"})
    assert [(row["pair"], row["type"], row["positions"], row["vol"]) for row in answer] == [
        ("XXBTZUSD", "buy", "2", "2.00000000"),
        ("XETHZUSD", "sell", "1", "2.00000000"),
    ]
    assert (answer[0]["cost"], answer[0]["net"], answer[0]["leverage"]) == ("120000.20000", "-0.2000", "5")
    assert desk.call("OpenPositions", {"consolidation": "market"})[0].keys().isdisjoint({"value", "net"})
    assert desk.refusal("OpenPositions", {"consolidation": "x"}) == "EGeneral:Invalid arguments:consolidation"


def desk_with(*, dollars: int) -> Desk:
    """Return a desk that has dollars, and nothing else."""
    desk = Desk()
    balances = desk.emulator.accounts["main"].balances
    balances.clear()
    balances["ZUSD"] = Decimal(dollars)
    return desk


def test_trade_balance_agrees_with_the_positions() -> None:
    """Evidence: the sums that Kraken documents for TradeBalance, field by field."""
    desk = desk_with(dollars=20_000)
    desk.call("AddOrder", LONG)
    desk.emulator.move("XBTUSD", "59000")
    shown = {name: Decimal(value) for name, value in desk.call("TradeBalance").items()}
    (row,) = rows(desk)
    assert shown["eb"] == Decimal("20000") - Decimal("240.0004")
    assert (shown["m"], shown["n"], shown["c"], shown["v"]) == (
        Decimal(row["margin"]),
        Decimal(row["net"]),
        Decimal(row["cost"]),
        Decimal(row["value"]),
    )
    assert (shown["e"], shown["mf"]) == (shown["tb"] + shown["n"], shown["e"] - shown["m"])
    assert shown["ml"] == round(shown["e"] / shown["m"] * 100, 2)
    in_euro = desk.call("TradeBalance", {"asset": "ZEUR"})
    assert Decimal(in_euro["eb"]) == round(shown["eb"] * 55000 / 59000, 4)
    assert "ml" not in Desk().call("TradeBalance")


def test_margin_that_is_not_there_is_refused_unless_it_only_closes() -> None:
    desk = desk_with(dollars=12_300)
    desk.call("AddOrder", LONG)
    assert desk.refusal("AddOrder", LONG) == "EOrder:Margin level too low"
    assert desk.refusal("AddOrder", {**SHORT, "volume": "3"}) == "EOrder:Margin level too low"
    desk.call("AddOrder", SHORT)
    assert rows(desk) == []


def test_leverage_that_the_pair_does_not_have_is_refused() -> None:
    desk = Desk()
    desk.emulator.venue.markets.pair("XBTUSD").leverage = (2, 3)
    assert desk.refusal("AddOrder", LONG) == "EGeneral:Invalid arguments:leverage"
    assert desk.public("AssetPairs", "pair=XBTUSD")["XXBTZUSD"]["leverage_buy"] == [2, 3]


def test_trades_tell_of_the_position_they_opened_or_closed() -> None:
    desk = Desk()
    for fields in (LONG, SHORT, MARKET):
        desk.call("AddOrder", fields)
    trades = desk.call("TradesHistory", {"ledgers": "true"})["trades"]
    plain, closing, opening = trades.values()
    assert (opening["posstatus"], opening["cvol"], opening["net"]) == ("closed", "1.00000000", "-0.1000")
    assert opening["trades"] == [list(trades)[1]]
    assert (closing["misc"], plain["misc"], "posstatus" in plain) == ("closing", "", False)
    assert (len(plain["ledgers"]), len(closing["ledgers"])) == (2, 1)
    assert (closing["leverage"], plain["leverage"]) == ("5", "0")
    for kind, count in {
        "all": 3,
        "any position": 2,
        "closed position": 1,
        "closing position": 1,
        "no position": 1,
    }.items():
        assert desk.call("TradesHistory", {"type": kind})["count"] == count, kind


def test_conditional_close_of_a_margin_order_closes_its_position() -> None:
    desk = Desk()
    desk.call("AddOrder", {**LONG, "close[ordertype]": "limit", "close[price]": "66000"})
    desk.emulator.move("XBTUSD", "67000")
    assert rows(desk) == []


@pytest.mark.parametrize("seed", range(5))
def test_margin_books_balance_whatever_happens(seed: int) -> None:
    """Profits, losses and fees of all trades are what the balance has moved by, to the last decimal."""
    rng, desk = random.Random(seed), Desk()
    account = desk.emulator.accounts["main"]
    start = account.balances["ZUSD"]
    held = dict(account.balances)
    for _ in range(200):
        desk.emulator.move("XBTUSD", str(rng.randrange(40_000, 80_000)))
        side, volume = rng.choice(("buy", "sell")), rng.choice(("0", "0.33333333", "1.7", "0.001"))
        leverage = rng.choice(("2", "3", "5"))
        desk.send("AddOrder", {**MARKET, "type": side, "volume": volume, "leverage": leverage})
    for side in ("buy", "sell"):
        desk.send("AddOrder", {**SHORT, "type": side, "volume": "0"})
    assert rows(desk) == []
    closed = account.positions.closed.values()
    assert len(closed) > 30
    net = sum(position.net for position in closed)
    fees = sum(Decimal(row["fee"]) for row in account.trades.values())
    assert account.balances["ZUSD"] - start == net - fees
    assert {name: amount for name, amount in account.balances.items() if name != "ZUSD"} == {
        name: amount for name, amount in held.items() if name != "ZUSD"
    }
    moved = sum(Decimal(line["amount"]) - Decimal(line["fee"]) for line in account.ledgers.values())
    assert moved == net - fees
    assert all(position.closed_volume == position.volume and not position.cost_left for position in closed)
