"""One list of steps for every client, and what each of them should see; figures are the emulator's at its start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol

Facts = dict[str, Any]
#: Moves the last price of XBTUSD.
Move = Callable[[str], None]

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "37500", "volume": "0.333333333333"}
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.5"}
STOP = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "price": "50000", "volume": "0.1"}
TRAIL = {**STOP, "ordertype": "trailing-stop", "price": "+5%"}
LONG = {**MARKET, "volume": "0.1", "leverage": "2"}
SHORT = {**LONG, "type": "sell"}

#: What every client tells, by step.
EXPECTED: Facts = {
    "dollars at the start": "1000000000",
    "last price": "60000",
    "limit order, its volume cut to the lot": ["buy", "limit", "37500", "0.33333333"],
    "open orders once it is cancelled": 0,
    "market order": ["closed", "0.5", "30000.05"],
    "stop loss": ["stop-loss", "50000"],
    "trailing stop after a rise and after a fall": ["open", "closed"],
    "long position": [1, "buy", "0.1"],
    "positions once it is closed": 0,
    "order that costs more than there is": "Insufficient funds",
}


class Client(Protocol):
    """A client that calls Kraken's endpoints by name and returns their results."""

    def call(self, name: str, fields: Mapping[str, str]) -> Any:
        """Return the result of a private call; raise what the client raises."""

    def last(self) -> str:
        """Return the last price of XBTUSD."""


def plain(number: Any) -> str:
    """Return a number without needless zeros."""
    value = Decimal(str(number))
    return f"{value.normalize():f}"


def facts(client: Client, move: Move) -> Facts:
    """Walk through the steps by Kraken's own endpoints."""

    def place(fields: Mapping[str, str]) -> str:
        return str(client.call("AddOrder", fields)["txid"][0])

    def shown(txid: str) -> dict[str, Any]:
        return dict(client.call("QueryOrders", {"txid": txid})[txid])

    def positions() -> list[dict[str, Any]]:
        return list(client.call("OpenPositions", {"consolidation": "market"}))

    told: Facts = {
        "dollars at the start": plain(client.call("Balance", {})["ZUSD"]),
        "last price": plain(client.last()),
    }
    resting = place(LIMIT)
    order = client.call("OpenOrders", {})["open"][resting]
    kind, volume = order["descr"], order["vol"]
    told["limit order, its volume cut to the lot"] = [
        kind["type"], kind["ordertype"], plain(kind["price"]), plain(volume),
    ]  # fmt: skip
    client.call("CancelOrder", {"txid": resting})
    told["open orders once it is cancelled"] = len(client.call("OpenOrders", {})["open"])
    order = shown(place(MARKET))
    told["market order"] = [order["status"], plain(order["vol_exec"]), plain(order["cost"])]
    stop = place(STOP)
    told["stop loss"] = [shown(stop)["descr"]["ordertype"], plain(shown(stop)["descr"]["price"])]
    client.call("CancelOrder", {"txid": stop})
    trail = place(TRAIL)
    move("66000")
    rising = shown(trail)["status"]
    move("62000")
    told["trailing stop after a rise and after a fall"] = [rising, shown(trail)["status"]]
    place(LONG)
    rows = positions()
    told["long position"] = [len(rows), rows[0]["type"], plain(rows[0]["vol"])]
    place(SHORT)
    told["positions once it is closed"] = len(positions())
    told["order that costs more than there is"] = refusal(lambda: place({**LIMIT, "volume": "1000000"}))
    return told


def refusal(call: Callable[[], object]) -> str:
    """Return what a refused call was refused for."""
    try:
        call()
    except Exception as error:  # each client raises its own
        said = f"{type(error).__name__} {error}"
        return "Insufficient funds" if "insufficient" in said.lower() else said
    return "it was placed"
