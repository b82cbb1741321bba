"""Five strategies share one session: their calls go out one at a time, in order, within Kraken's limits."""

import asyncio

from kraken_async import KrakenError, KrakenSession


async def strategy(client: KrakenSession, name: str, rounds: int) -> None:
    for _ in range(rounds):
        try:
            balance, orders = await asyncio.gather(client.private("Balance"), client.private("OpenOrders"))
            print(name, balance.get("ZUSD"), len(orders["open"]))
        except KrakenError as error:
            print(name, error)  # one round is lost, the strategy goes on


async def main(rounds: int = 3) -> None:
    async with KrakenSession.from_env() as client:
        await asyncio.gather(*(strategy(client, f"strategy {number}", rounds) for number in range(5)))
        print(client.stats().total_nonces_issued, "calls;", client.stats().problems or "no problems")


if __name__ == "__main__":
    asyncio.run(main())
