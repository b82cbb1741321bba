"""Two strategies on one key; then profit and loss of all trades and the fees of the ledger, in Decimal."""

import asyncio
from collections import defaultdict
from decimal import Decimal

from kraken_async import KrakenSession


async def quote(client: KrakenSession, name: str, spread: Decimal) -> None:
    pair = (await client.markets())[name]
    last = Decimal((await client.public("Ticker", pair=pair.key))[pair.key]["c"][0])
    order = {"pair": pair.key, "ordertype": "limit", "volume": pair.ordermin, "oflags": "post"}
    for side, price in ("buy", pair.price(last * (1 - spread))), ("sell", pair.price(last * (1 + spread))):
        pair.check(price, pair.ordermin)  # what Kraken would refuse is not sent
        print((await client.private("AddOrder", order, type=side, price=price))["descr"]["order"])


async def invest(client: KrakenSession, name: str, dollars: int) -> None:
    pair = (await client.markets())[name]
    price = pair.price((await client.public("Ticker", pair=pair.key))[pair.key]["a"][0])
    order = {"pair": pair.key, "type": "buy", "ordertype": "limit", "price": price}
    placed = await client.private("AddOrder", order, volume=pair.volume(dollars / price))
    closed = await client.wait_for(txid=placed["txid"][0])
    print("bought", closed["vol_exec"], name, "at", closed["price"], "fee", closed["fee"])


async def main() -> None:
    async with KrakenSession.from_env() as client:
        await asyncio.gather(quote(client, "ETH/USD", Decimal("0.1")), invest(client, "BTC/USD", 50))
        markets = await client.markets()
        held, profit, fees = (defaultdict[str, Decimal](Decimal) for _ in range(3))
        async for _, trade in client.paginate("TradesHistory"):
            bought = 1 if trade["type"] == "buy" else -1
            held[trade["pair"]] += bought * Decimal(trade["vol"])
            profit[trade["pair"]] -= bought * Decimal(trade["cost"]) + Decimal(trade["fee"])
        async for _, row in client.paginate("Ledgers"):
            fees[markets.asset(row["asset"]).name] += Decimal(row["fee"])
        for key, ticker in (await client.public("Ticker", pair=list(held))).items():
            print(markets[key].name, "profit", profit[key] + held[key] * Decimal(ticker["c"][0]))
        print("fees", *(f"{fee:f} {name}" for name, fee in fees.items()))


if __name__ == "__main__":
    asyncio.run(main())
