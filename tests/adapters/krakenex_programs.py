"""Programs as users of krakenex write them: each makes the calls of one of krakenex's examples, in our words.

A program takes the module that it would import, and returns what it would print. Its key lies in ``kraken.key``.
"""

from __future__ import annotations

import csv
import decimal
import io
from collections.abc import Callable
from json import JSONDecodeError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from requests.exceptions import HTTPError

Program = Callable[[Any], list[Any]]


def account(krakenex: Any) -> list[Any]:
    """Ask for the balance as it is."""
    k = krakenex.API()
    k.load_key("kraken.key")
    return [k.query_private("Balance")]


def attributes(krakenex: Any) -> list[Any]:
    """Read an answer into attributes, by an option of json's."""
    k = krakenex.API().json_options(object_hook=lambda members: SimpleNamespace(**members))
    answer = k.query_public("Time")
    return [answer.error or (answer.result.unixtime, answer.result.rfc1123)]


def book(krakenex: Any) -> list[Any]:
    """Look at an order book, prepared for an exception of requests."""
    k = krakenex.API()
    try:
        return [k.query_public("Depth", {"pair": "XXBTZUSD", "count": "10"})]
    except HTTPError as error:
        return [str(error)]


def candles(krakenex: Any) -> list[Any]:
    """Ask for candles twice, from where the first answer ended."""
    k = krakenex.API()
    first = k.query_public("OHLC", data={"pair": "XETHZEUR", "since": str(1_499_000_000)})
    again = k.query_public("OHLC", data={"pair": "XETHZEUR", "since": first["result"]["last"]}, timeout=20)
    return [first["result"]["XETHZEUR"][:5], again["error"]]


def positions(krakenex: Any) -> list[Any]:
    """Sum up the open margin positions by pair."""
    k = krakenex.API()
    k.load_key("kraken.key")
    before = k.query_public("Time")["result"]["unixtime"]
    answer = k.query_private("OpenPositions", {"docalcs": "true"})
    after = k.query_public("Time")["result"]["unixtime"]
    sums: dict[str, float] = {}
    for position in answer["result"].values():
        sums[position["pair"]] = sums.get(position["pair"], 0.0) + float(position["vol"])
    return [sums, len(answer["error"]), after - before]


def available(krakenex: Any) -> list[Any]:
    """Take what open orders hold off the balance."""
    k = krakenex.API()
    k.load_key("kraken.key")
    amounts = k.query_private("Balance")["result"]
    free = {
        name[1:] if len(name) == 4 and name != "DASH" else name: decimal.Decimal(amount)
        for name, amount in amounts.items()
    }
    for order in k.query_private("OpenOrders")["result"]["open"].values():
        left = decimal.Decimal(order["vol"]) - decimal.Decimal(order["vol_exec"])
        pair, price = order["descr"]["pair"], decimal.Decimal(order["descr"]["price"])
        if order["descr"]["type"] == "buy":
            free[pair[3:]] -= left * price
        else:
            free[pair[:3]] -= left
    return [sorted(free.items())]


def conditional_close(krakenex: Any) -> list[Any]:
    """Place an order that closes itself, with fields that Kraken ignores."""
    k = krakenex.API()
    k.load_key("kraken.key")
    order = {"pair": "XXBTZEUR", "type": "buy", "ordertype": "limit", "price": "1000", "volume": "1"}
    close = {"ordertype": "limit", "price": "90000", "pair": "XXBTZEUR", "type": "sell", "volume": "1"}
    return [k.query_private("AddOrder", order | {f"close[{name}]": value for name, value in close.items()})]


def history(krakenex: Any) -> list[Any]:
    """Page through the trades, a month at a time, into a table; a month without trades is no error."""
    k = krakenex.API()
    k.load_key("kraken.key")
    now = int(k.query_public("Time")["result"]["unixtime"])
    table, errors = io.StringIO(), []
    rows = csv.writer(table)
    for month in range(3, -1, -1):
        asked = {
            "type": "all",
            "trades": "true",
            "start": str(now - 2_678_400 * (month + 1)),
            "end": str(now - 2_678_400 * month + 60),
            "ofs": "0",
        }
        answer = k.query_private("TradesHistory", asked)
        errors += answer["error"]
        if int(answer["result"]["count"]) > 0:
            for txid, trade in answer["result"]["trades"].items():
                rows.writerow([txid, trade["pair"], trade["type"], trade["cost"], trade["fee"], trade["vol"]])
    return [table.getvalue(), errors]


def gains(krakenex: Any) -> list[Any]:
    """Pair closing trades with the positions that they closed."""
    k = krakenex.API()
    k.load_key("kraken.key")
    trades = k.query_private("TradesHistory", {"type": "all", "trades": "true", "ofs": "0"})["result"][
        "trades"
    ]
    lines = []
    for trade in trades.values():
        if trade.get("posstatus") == "closed":
            proceeds = float(trade["ccost"]) - float(trade["cfee"])
            cost = float(trade["cost"]) + float(trade["fee"])
            lines += [(proceeds, cost, float(trade["net"]), each in trades) for each in trade["trades"]]
    return lines


def report(krakenex: Any) -> list[Any]:
    """Have a report made, wait for it, and save it: the file is no JSON, so it comes by way of an exception."""
    k = krakenex.API()
    k.load_key("kraken.key")
    made = k.query_private("AddExport", {"description": "mine", "report": "ledgers", "format": "CSV"})
    while k.query_private("ExportStatus", {"report": "ledgers"})["error"]:
        pass
    try:
        return [k.query_private("RetrieveExport", {"id": made["result"]["id"]})]
    except JSONDecodeError:
        Path("ledgers.csv.zip").write_bytes(k.response.content)
    return [Path("ledgers.csv.zip").read_bytes()[:4]]


PROGRAMS: tuple[Program, ...] = (
    account,
    attributes,
    available,
    book,
    candles,
    conditional_close,
    gains,
    history,
    positions,
    report,
)
