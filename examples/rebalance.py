"""Bring an account to half bitcoin, half dollars, with one order whose outcome is known in the end."""

import asyncio
from decimal import Decimal

from kraken_async import KrakenError, KrakenSession, OutcomeUnknown


async def order(client: KrakenSession) -> dict[str, str] | None:
    balance = await client.private("Balance")
    (ticker,) = (await client.public("Ticker", pair="XBTUSD")).values()
    price = Decimal(ticker["c"][0])
    excess = (
        Decimal(balance["ZUSD"]) - Decimal(balance["XXBT"]) * price
    )  # in dollars; half of it changes sides
    volume = round(abs(excess) / 2 / price, 8)
    side, limit = ("buy", ticker["a"][0]) if excess > 0 else ("sell", ticker["b"][0])
    fields = {"pair": "XBTUSD", "type": side, "ordertype": "limit", "price": limit, "volume": str(volume)}
    return fields if volume >= Decimal("0.0001") else None


async def main() -> None:
    async with KrakenSession.from_env() as client:
        fields = await order(client)
        if fields is None:
            print("balanced")
            return
        try:
            result = await client.private("AddOrder", fields)
        except OutcomeUnknown as error:
            print(error)  # begins with what matters: "Order may be live: ..."
            try:
                result = await error.resolve()  # look it up; nothing is sent a second time
            except KrakenError as still:
                print(f"look at it by hand: {still}")
                return
        print(result["descr"]["order"])


if __name__ == "__main__":
    asyncio.run(main())
