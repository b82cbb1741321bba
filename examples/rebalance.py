"""Bring an account to half bitcoin, half dollars, with one order on a tick and a lot, whose outcome is known."""

import asyncio
from decimal import Decimal
from typing import Any

from kraken_async import InvalidArguments, KrakenError, KrakenSession, OutcomeUnknown


async def order(client: KrakenSession) -> dict[str, Any]:
    """Return what is to be placed. Raises InvalidArguments if it would be below Kraken's minimum."""
    pair = (await client.markets())["BTC/USD"]
    balance = await client.private("Balance")
    ticker = (await client.public("Ticker", pair=pair.key))[pair.key]
    bitcoin, dollars = (Decimal(balance.get(code, "0")) for code in (pair.base, pair.quote))
    excess = dollars - bitcoin * Decimal(ticker["c"][0])  # in dollars; half of it changes sides
    side, best = ("buy", ticker["a"][0]) if excess > 0 else ("sell", ticker["b"][0])
    price = pair.price(best, "down" if side == "buy" else "up")
    volume = pair.volume(abs(excess) / 2 / price)
    pair.check(price, volume)
    return {"pair": pair.key, "type": side, "ordertype": "limit", "price": price, "volume": volume}


async def main() -> None:
    async with KrakenSession.from_env() as client:
        try:
            fields = await order(client)
        except InvalidArguments as error:
            print("balanced:", error)
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
