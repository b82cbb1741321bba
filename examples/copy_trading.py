"""Copy trading: a master's new orders are placed for each user too. A user who is locked out holds nobody up.

The master's key is in KRAKEN_API_KEY; COPY_USERS names a JSON file with each user's name and key pair:
{"alice": ["key", "secret"], ...}
"""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

from kraken_async import KrakenError, KrakenSession


async def mirror(name: str, client: KrakenSession, txid: str, order: dict[str, Any]) -> None:
    what = order["descr"]
    fields = {
        "pair": what["pair"],
        "type": what["type"],
        "ordertype": what["ordertype"],
        "price": what["price"],
    }
    try:
        # An id made from the master's order: a restart that mirrors it again is refused by Kraken.
        await client.private("AddOrder", fields, volume=order["vol"], cl_ord_id=txid.replace("-", ""))
        print(name, "mirrored", txid)
    except KrakenError as error:
        print(name, f"{error.outcome}: {error}")


def users_keys() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = json.loads(Path(os.environ["COPY_USERS"]).read_text())
    return found


async def main(keys: dict[str, tuple[str, str]], rounds: int = 1, pause: float = 5.0) -> None:
    async with contextlib.AsyncExitStack() as stack:
        master = await stack.enter_async_context(KrakenSession.from_env(account="master"))
        users = {
            name: await stack.enter_async_context(
                KrakenSession.from_env(api_key=key, api_secret=secret, account=name)
            )
            for name, (key, secret) in keys.items()
        }
        seen: set[str] = set()
        for number in range(rounds):
            orders = (await master.private("OpenOrders"))["open"]
            new = [(txid, order) for txid, order in orders.items() if txid not in seen]
            await asyncio.gather(
                *(mirror(*user, txid, dict(order)) for user in users.items() for txid, order in new)
            )
            seen.update(orders)
            if number < rounds - 1:
                await asyncio.sleep(pause)


if __name__ == "__main__":
    asyncio.run(main(users_keys()))
