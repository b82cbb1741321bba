"""Threads: each opens a session of its own, as a session belongs to its event loop; the key's state is shared."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from kraken_async import KrakenSession


async def calls(count: int) -> int:
    async with KrakenSession.from_env() as client:
        await asyncio.gather(*(client.private("Balance") for _ in range(count)))
        return client.stats().answered


def main(threads: int = 4, count: int = 5) -> None:
    with ThreadPoolExecutor(threads) as pool:
        answered = pool.map(lambda _: asyncio.run(calls(count)), range(threads))
        print(sum(answered), "answered from", threads, "threads")


if __name__ == "__main__":
    main()
