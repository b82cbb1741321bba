"""The steps through Python clients of other people's. What is not installed is not imported."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import Any

from kraken_async.emulator.plugin import RunningEmulator
from tests.emulator.clients.steps import Facts, Move, facts, plain, refusal


def by_krakenex(kraken: RunningEmulator, move: Move) -> Facts:
    import krakenex

    api = krakenex.API(kraken.api_key, kraken.api_secret)
    api.uri = kraken.url

    class Client:
        def call(self, name: str, fields: Mapping[str, str]) -> Any:
            return answered(api.query_private(name, dict(fields)))

        def last(self) -> str:
            row = answered(api.query_public("Ticker", {"pair": "XBTUSD"}))["XXBTZUSD"]
            return str(row["c"][0])

    with api.session:
        return facts(Client(), move)


def answered(answer: Mapping[str, Any]) -> Any:
    if answer["error"]:
        raise RuntimeError(answer["error"])
    return answer["result"]


def by_python_kraken_sdk(kraken: RunningEmulator, move: Move) -> Facts:
    sdk: Any = importlib.import_module("kraken.spot")
    key = {"key": kraken.api_key, "secret": kraken.api_secret, "url": kraken.url}
    user, trade, market = sdk.User(**key), sdk.Trade(**key), sdk.Market(url=kraken.url)

    def add_order(fields: Mapping[str, str]) -> Any:
        given = dict(fields)
        return trade.create_order(side=given.pop("type"), **given)

    calls = {
        "Balance": lambda fields: user.get_account_balance(),
        "OpenOrders": lambda fields: user.get_open_orders(),
        "QueryOrders": lambda fields: user.get_orders_info(**fields),
        "OpenPositions": lambda fields: user.get_open_positions(**fields),
        "CancelOrder": lambda fields: trade.cancel_order(**fields),
        "AddOrder": add_order,
    }

    class Client:
        def call(self, name: str, fields: Mapping[str, str]) -> Any:
            return calls[name](fields)

        def last(self) -> str:
            return str(market.get_ticker("XBTUSD")["XXBTZUSD"]["c"][0])

    return facts(Client(), move)


def by_typed_kraken(kraken: RunningEmulator, move: Move) -> Facts:
    """Each answer is held against typed-kraken's own schema on the way."""
    typed_kraken: Any = importlib.import_module("typed_kraken")

    with asyncio.Runner() as runner:
        client = typed_kraken.Kraken.new(api_key=kraken.api_key, private_key=kraken.api_secret)
        client.spot_client.base_url = kraken.url
        spot = client.spot
        names = {
            "Balance": spot.account.balance,
            "OpenOrders": spot.account.open_orders,
            "QueryOrders": spot.account.query_orders,
            "CancelOrder": spot.trading.cancel_order,
        }

        class Client:
            def call(self, name: str, fields: Mapping[str, str]) -> Any:
                if name == "AddOrder":
                    return runner.run(spot.trading.add_order(dict(fields)))
                # Its schema knows no list, which Kraken sends for none and by market.
                if name == "OpenPositions":
                    return runner.run(spot.account.open_positions(consolidation="market", validate=False))
                return runner.run(names[name](**fields))

            def last(self) -> str:
                row = runner.run(spot.market_data.ticker(pair="XBTUSD"))["XXBTZUSD"]
                return str(row["c"][0])

        runner.run(client.spot_client.__aenter__())
        try:
            return facts(Client(), move)
        finally:
            runner.run(client.spot_client.__aexit__(None, None, None))


def by_ccxt(kraken: RunningEmulator, move: Move) -> Facts:
    import ccxt

    exchange = ccxt.kraken(_ccxt_options(kraken))
    return ccxt_facts(exchange, lambda value: value, move)


def by_ccxt_async(kraken: RunningEmulator, move: Move) -> Facts:
    import ccxt.async_support

    with asyncio.Runner() as runner:
        exchange = ccxt.async_support.kraken({**_ccxt_options(kraken), "timeout_on_exit": 0})
        exchange.timeout_on_exit = 0

        async def awaited(value: Any) -> Any:
            return await value

        try:
            return ccxt_facts(exchange, lambda value: runner.run(awaited(value)), move)
        finally:
            runner.run(exchange.close())


def _ccxt_options(kraken: RunningEmulator) -> dict[str, Any]:
    api = dict.fromkeys(("public", "private", "zendesk"), kraken.url)
    return {
        "urls": {"api": api},
        "apiKey": kraken.api_key,
        "secret": kraken.api_secret,
        "enableRateLimit": False,
    }


def ccxt_facts(exchange: Any, done: Any, move: Move) -> Facts:
    """Walk through the steps by ccxt's unified methods."""
    market = "BTC/USD"

    def place(kind: str, side: str, volume: float, price: float | None = None, **params: Any) -> str:
        return str(done(exchange.create_order(market, kind, side, volume, price, params))["id"])

    def shown(txid: str) -> Any:
        return done(exchange.fetch_order(txid, market))

    told: Facts = {
        "dollars at the start": plain(done(exchange.fetch_balance())["free"]["USD"]),
        "last price": plain(done(exchange.fetch_ticker(market))["last"]),
    }
    resting = place("limit", "buy", 0.333333333333, 37500)
    (order,) = done(exchange.fetch_open_orders(market))
    told["limit order, its volume cut to the lot"] = [
        order["side"], order["type"], plain(order["price"]), plain(order["amount"]),
    ]  # fmt: skip
    done(exchange.cancel_order(resting, market))
    told["open orders once it is cancelled"] = len(done(exchange.fetch_open_orders(market)))
    order = shown(place("market", "buy", 0.5))
    told["market order"] = [order["status"], plain(order["filled"]), plain(order["cost"])]
    stop = place("market", "sell", 0.1, stopLossPrice=50000)
    order = shown(stop)
    told["stop loss"] = [order["info"]["descr"]["ordertype"], plain(order["stopLossPrice"])]
    done(exchange.cancel_order(stop, market))
    trail = place("market", "sell", 0.1, trailingPercent=5)
    move("66000")
    rising = shown(trail)["status"]
    move("62000")
    told["trailing stop after a rise and after a fall"] = [rising, shown(trail)["status"]]
    place("market", "buy", 0.1, leverage=2)
    rows = done(exchange.fetch_positions())
    sides = {"long": "buy", "short": "sell"}
    told["long position"] = [
        len(rows),
        sides[rows[0]["side"]],
        plain(rows[0]["contracts"] or rows[0]["info"]["vol"]),
    ]
    place("market", "sell", 0.1, leverage=2)
    told["positions once it is closed"] = len(done(exchange.fetch_positions()))
    told["order that costs more than there is"] = refusal(lambda: place("limit", "buy", 1_000_000, 37500))
    return told
