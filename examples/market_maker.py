"""A market maker: two orders around the price, amended as it moves, cancelled at the end and if the program dies."""

import asyncio
from decimal import Decimal

from kraken_async import KrakenSession

SPREAD = Decimal("0.002")


async def price(client: KrakenSession) -> Decimal:
    (ticker,) = (await client.public("Ticker", pair="XBTUSD")).values()
    return Decimal(ticker["c"][0])


def quotes(middle: Decimal) -> dict[str, Decimal]:
    return {"buy": round(middle * (1 - SPREAD), 1), "sell": round(middle * (1 + SPREAD), 1)}


async def main(rounds: int = 3, pause: float = 1.0) -> None:
    async with KrakenSession.from_env() as client, client.dead_man_switch(60):
        orders = {}
        for side, quote in quotes(await price(client)).items():
            fields = {"pair": "XBTUSD", "type": side, "ordertype": "limit", "price": quote, "volume": "0.01"}
            orders[side] = (await client.private("AddOrder", fields, oflags="post"))["txid"][0]
        for _ in range(rounds):
            await asyncio.sleep(pause)
            for side, quote in quotes(await price(client)).items():
                await client.private("AmendOrder", txid=orders[side], limit_price=quote)
        for txid in orders.values():
            await client.private("CancelOrder", txid=txid)  # cancels go ahead of everything that waits
        print("made a market for", rounds, "rounds")


if __name__ == "__main__":
    asyncio.run(main())
