"""A program beside the gateway, on the same key: a call every five seconds, until it is ended."""

from __future__ import annotations

import asyncio

from kraken_async import KrakenSession


async def main() -> None:
    async with KrakenSession.from_env() as client:
        while True:
            await client.private("TradeBalance")
            await asyncio.sleep(5.0)


if __name__ == "__main__":
    asyncio.run(main())
