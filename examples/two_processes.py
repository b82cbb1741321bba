"""Two processes on one key: they share its nonces and its turn to send through the state directory, by themselves."""

import asyncio
import multiprocessing

from kraken_async import KrakenSession


async def calls(count: int) -> None:
    async with KrakenSession.from_env() as client:
        await asyncio.gather(*(client.private("Balance") for _ in range(count)))
        stats = client.stats()
        print(multiprocessing.current_process().name, stats.answered, "answered,", stats.refused, "refused")


def process(count: int) -> None:
    asyncio.run(calls(count))


def main(count: int = 20) -> None:
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=process, args=(count,), name=f"process {n}") for n in (1, 2)]
    for child in children:
        child.start()
    for child in children:
        child.join()


if __name__ == "__main__":
    main()
