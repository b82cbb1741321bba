"""Two bots through a week of minutes on virtual time: what they reckon from Kraken's answers is what they have."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kraken_async.emulator import RandomWalk, play
from tests.emulator.emulator_support import Desk

MINUTES = 7 * 24 * 60
PAIR = "XXBTZUSD"


def minutes(desk: Desk, seed: int, count: int) -> Iterator[int]:
    """Let the market walk for so many minutes."""
    walk = play(desk.emulator, RandomWalk("XBTUSD", seed=seed))
    for minute in range(count):
        desk.clock.advance(next(walk))
        yield minute


def every_row(desk: Desk, name: str, field: str) -> dict[str, Any]:
    """Return the whole history, page by page."""
    found: dict[str, Any] = {}
    while True:
        page = desk.call(name, {"ofs": str(len(found))})
        found.update(page[field])
        if len(found) == page["count"]:
            return found


def money(desk: Desk) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in desk.call("Balance").items()}


def reckoned(start: dict[str, Decimal], trades: dict[str, Any]) -> dict[str, Decimal]:
    """Return what there must be after these trades, from their own figures alone."""
    held = dict(start)
    for row in trades.values():
        sign = 1 if row["type"] == "buy" else -1
        held["XXBT"] += sign * Decimal(row["vol"])
        held["ZUSD"] -= sign * Decimal(row["cost"]) + Decimal(row["fee"])
    return held


def trail(desk: Desk, count: int) -> int:
    """Buy, let a trailing stop sell, and begin again; return how many orders were placed."""
    buy = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.33333333"}
    stop = {**buy, "type": "sell", "ordertype": "trailing-stop", "price": "+0.3%"}
    highest, txid = Decimal(0), ""
    for minute in minutes(desk, 1, count):
        last = desk.emulator.venue.markets.pairs[PAIR].last
        if not txid or desk.emulator.orders[txid].status == "closed":
            desk.call("AddOrder", buy)
            (txid,) = desk.call("AddOrder", {**stop, "price": "+0.3%" if minute % 2 else "+150"})["txid"]
            highest = last
        order = desk.emulator.orders[txid]
        highest = max(highest, last)
        if order.status == "open":
            assert highest - order.price <= max(highest * Decimal("0.00301"), Decimal("150.1"))
            assert order.price < last
        elif not minute % 100:
            shown = desk.call("QueryOrders", {"txid": txid})[txid]
            assert Decimal(shown["price"]) <= Decimal(shown["stopprice"])
    return len(desk.emulator.orders)


@pytest.mark.parametrize("count", [600, pytest.param(MINUTES, marks=pytest.mark.proof)])
def test_trailing_stop_bot_has_what_its_trades_say(count: int) -> None:
    desk = Desk()
    start = money(desk)
    orders = trail(desk, count)
    assert orders >= (500 if count == MINUTES else 30)
    trades = every_row(desk, "TradesHistory", "trades")
    assert money(desk) == reckoned(start, trades)
    lines = every_row(desk, "Ledgers", "ledger").values()
    assert len(lines) == 2 * len(trades)
    for asset, held in money(desk).items():
        moved = sum(
            Decimal(line["amount"]) - Decimal(line["fee"]) for line in lines if line["asset"] == asset
        )
        assert held - start[asset] == moved


def check_margin(desk: Desk) -> None:
    """Hold the figures of TradeBalance against the positions they are made of."""
    shown = {name: Decimal(value) for name, value in desk.call("TradeBalance").items()}
    rows = desk.call("OpenPositions", {"docalcs": "true"})
    positions = list(rows.values()) if isinstance(rows, dict) else rows
    assert shown["e"] == shown["tb"] + shown["n"]
    assert shown["mf"] == shown["e"] - shown["m"]
    net = sum((Decimal(row["net"]) for row in positions), Decimal(0))
    assert abs(shown["n"] - net) <= Decimal("0.0001") * len(positions)
    consolidated = desk.call("OpenPositions", {"consolidation": "market"})
    assert sum(int(row["positions"]) for row in consolidated) == len(positions)
    assert sum(Decimal(row["vol"]) for row in consolidated) == sum(Decimal(row["vol"]) for row in positions)


def trade_on_margin(desk: Desk, count: int) -> int:
    """Open with the trend, add, reduce, turn, close by volume 0; return how many orders were placed."""
    base = {"pair": "XBTUSD", "ordertype": "market", "leverage": "3:1"}
    before = desk.emulator.venue.markets.pairs[PAIR].last
    for minute in minutes(desk, 2, count):
        if minute % 10:
            continue
        last = desk.emulator.venue.markets.pairs[PAIR].last
        side, other = ("buy", "sell") if last > before else ("sell", "buy")
        before, step = last, minute // 10 % 5
        if step in (0, 1):
            desk.call("AddOrder", {**base, "type": side, "volume": "0.21000007"})
        elif step == 2:
            desk.send("AddOrder", {**base, "type": other, "volume": "0.1", "reduce_only": "true"})
        elif step == 3:
            desk.call("AddOrder", {**base, "type": other, "volume": "0.7"})
        else:
            for closing in ("buy", "sell"):
                desk.send("AddOrder", {**base, "type": closing, "volume": "0"})
            assert desk.call("OpenPositions") == []
        check_margin(desk)
    for closing in ("buy", "sell"):
        desk.send("AddOrder", {**base, "type": closing, "volume": "0"})
    return len(desk.emulator.orders)


@pytest.mark.parametrize("count", [600, pytest.param(MINUTES, marks=pytest.mark.proof)])
def test_margin_bot_has_what_its_closed_positions_say(count: int) -> None:
    desk = Desk()
    start = money(desk)
    orders = trade_on_margin(desk, count)
    assert orders >= (500 if count == MINUTES else 40)
    trades = every_row(desk, "TradesHistory", "trades")
    net = sum((Decimal(row["net"]) for row in trades.values() if "net" in row), Decimal(0))
    fees = sum((Decimal(row["fee"]) for row in trades.values()), Decimal(0))
    assert all(row["posstatus"] == "closed" for row in trades.values() if "posstatus" in row)
    held = money(desk)
    assert held["ZUSD"] - start["ZUSD"] == net - fees
    assert {name: amount for name, amount in held.items() if name != "ZUSD"} == {
        name: amount for name, amount in start.items() if name != "ZUSD"
    }
    shown = desk.call("TradeBalance")
    assert (shown["m"], shown["n"], shown["c"], shown["v"]) == ("0.0000",) * 4
