"""Threads: they share one session without await, which runs on a thread of its own."""

from concurrent.futures import ThreadPoolExecutor

from kraken_async.sync import KrakenSession


def main(threads: int = 4, count: int = 20) -> None:
    with KrakenSession.from_env() as client, ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: client.private("Balance"), range(count)))
        print(client.stats().answered, "answered from", threads, "threads")


if __name__ == "__main__":
    main()
