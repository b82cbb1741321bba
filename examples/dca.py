"""Buy for the same amount every so often. An id made from the day keeps a restarted program from buying twice."""

import asyncio
import time
from decimal import Decimal

from kraken_async import InsufficientFunds, KrakenAPIError, KrakenSession, OutcomeUnknown


async def buy(client: KrakenSession, dollars: Decimal, period: int) -> None:
    (ticker,) = (await client.public("Ticker", pair="XBTUSD")).values()
    price = Decimal(ticker["b"][0])
    fields = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": price}
    try:
        result = await client.private(
            "AddOrder", fields, volume=round(dollars / price, 8), cl_ord_id=f"dca-{period}"
        )
        print(result["descr"]["order"])
    except InsufficientFunds:
        print("not enough money; the next try is next time")
    except OutcomeUnknown as error:
        print(f"not repeated: {error}")  # `kraken-async orders resolve` settles it
    except KrakenAPIError as error:
        print(f"refused: {error}")  # `cl_ord_id not unique`: this period's order already stands


async def main(dollars: Decimal = Decimal(100), every: float = 86_400, times: int = 1) -> None:
    async with KrakenSession.from_env() as client:
        for number in range(times):
            await buy(client, dollars, int(time.time() // every) + number)
            if number < times - 1:
                await asyncio.sleep(every)


if __name__ == "__main__":
    asyncio.run(main())
