"""Bots on several hosts, one key: its nonces, counters and the turn to send are kept in Redis (or Valkey).

Needs the extra [redis]: ``pip install '.[redis]'`` in a clone. Run it on each host with the same REDIS_URL.
"""

import asyncio
import os
import socket

from kraken_async import KrakenSession, RedisStore


async def main(count: int = 10) -> None:
    store = RedisStore(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
    async with KrakenSession.from_env(store=store) as client:
        await asyncio.gather(*(client.private("Balance") for _ in range(count)))
        stats = client.stats()
        print(socket.gethostname(), stats.answered, "answered,", stats.refused, "refused")


if __name__ == "__main__":
    asyncio.run(main())
