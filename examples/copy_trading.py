"""Copy trading: a master's open orders are placed for each user too, with all their fields, once, also after kill -9.

The master's key is in KRAKEN_API_KEY; COPY_USERS names a JSON file with each user's name and key pair:
{"alice": ["key", "secret"], ...}. COPY_RECORD names the file that says what was copied: a line before an order is sent
and one after it. A user who is locked out holds no one up.
"""

import asyncio
import contextlib
import json
import os
import re
import uuid
import zlib
from pathlib import Path
from typing import Any

from kraken_async import KrakenError, KrakenSession, OrderError, Outcome

CLOSE = re.compile(r"close position @ ([a-z ]+?) ([-+#\d.%]+)(?: -> limit ([-+#\d.%]+))?")


def fields_of(order: Any) -> dict[str, Any]:
    """Return the fields that place such an order, from the row that shows it."""
    what = order["descr"]
    fields = {name: what[name] for name in ("pair", "type", "ordertype")}
    fields |= {"volume": order["vol"], "oflags": order["oflags"]}
    fields |= {name: what[name] for name in ("price", "price2") if what[name].strip("0.")}
    fields |= {name: order[name] for name in ("trigger", "displayvol", "reduce_only") if order.get(name)}
    fields |= {name: str(int(order[name])) for name in ("starttm", "expiretm") if order.get(name)}
    if what["leverage"] != "none":
        fields["leverage"] = what["leverage"].partition(":")[0]
    if order.get("time_in_force", "gtc") != "gtc":
        fields["timeinforce"] = order["time_in_force"].upper()
    if what.get("close"):
        kind, price, price2 = CLOSE.fullmatch(what["close"]).groups()  # type: ignore[union-attr] # else it is said
        close = {"ordertype": kind.replace(" ", "-") + ("-limit" if price2 else ""), "price": price}
        fields["close"] = close | ({"price2": price2} if price2 else {})
    return fields


async def placed(client: KrakenSession, ids: dict[str, Any], patience: float = 120.0) -> bool:
    """Return whether an order with these ids shows, as long as one that was sent may take to show."""
    for _ in range(int(patience // 5) + 1):
        shown = await client.private("OpenOrders", ids), await client.private("ClosedOrders", ids)
        if shown[0]["open"] or shown[1]["closed"]:
            return True
        await asyncio.sleep(5)
    return False


async def mirror(
    name: str, client: KrakenSession, txid: str, order: Any, record: set[str], path: Path
) -> None:
    def note(state: str) -> None:
        record.add(f"{state} {name} {txid}")
        with path.open("a") as file:
            print(state, name, txid, file=file)

    # Kraken takes no client id with a conditional close.
    closes = bool(order["descr"].get("close"))
    of_txid = f"{name} {txid}"
    ids = (
        {"userref": zlib.crc32(of_txid.encode()) >> 1}
        if closes
        else {"cl_ord_id": str(uuid.uuid5(uuid.NAMESPACE_OID, of_txid))}
    )
    try:
        if f"begun {of_txid}" not in record or not await placed(client, ids):
            note("begun")
            await client.private("AddOrder", fields_of(order), **ids)
        note("copied")
        print(name, "mirrored", txid)
    except OrderError as error:
        if error.outcome is Outcome.REFUSED:
            note("refused")
        print(name, f"{error.outcome}: {error}")
    except KrakenError as error:
        if error.outcome is not Outcome.UNKNOWN:  # it had no effect, and is tried again in the next round
            record.discard(f"begun {of_txid}")
        print(name, f"{error.outcome}: {error}")


async def follow(
    name: str, client: KrakenSession, orders: list[tuple[str, Any]], record: set[str], path: Path
) -> None:
    for txid, order in orders:  # one after the other: after kill -9, one is in doubt
        if record.isdisjoint({f"copied {name} {txid}", f"refused {name} {txid}"}):
            await mirror(name, client, txid, order, record, path)


def copied(path: Path) -> set[str]:
    return set(path.read_text().splitlines()) if path.exists() else set()


async def main(keys: dict[str, tuple[str, str]], rounds: int = 1, pause: float = 5.0) -> None:
    path = Path(os.environ.get("COPY_RECORD", "copied.txt"))
    record = copied(path)
    async with contextlib.AsyncExitStack() as stack:
        master = await stack.enter_async_context(KrakenSession.from_env(account="master"))
        users = {
            name: await stack.enter_async_context(
                KrakenSession.from_env(api_key=key, api_secret=secret, account=name)
            )
            for name, (key, secret) in keys.items()
        }
        for number in range(rounds):
            orders = [row async for row in master.paginate("OpenOrders")]
            await asyncio.gather(*(follow(*user, orders, record, path) for user in users.items()))
            if number < rounds - 1:
                await asyncio.sleep(pause)


def users_keys() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = json.loads(Path(os.environ["COPY_USERS"]).read_text())
    return found


if __name__ == "__main__":
    asyncio.run(main(users_keys()))
