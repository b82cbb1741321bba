"""The first call: what is in the account. Key and secret come from KRAKEN_API_KEY and KRAKEN_API_SECRET."""

import asyncio

from kraken_async import KrakenError, KrakenSession


async def main() -> None:
    async with KrakenSession.from_env() as client:
        try:
            balance = await client.private("Balance")
        except KrakenError as error:
            print(f"{error.outcome}: {error}")  # refused, not sent, or unknown
            return
        for asset, amount in balance.items():
            print(asset, amount)  # amounts are Kraken's strings: use Decimal, not float


if __name__ == "__main__":
    asyncio.run(main())
