"""A bot for ``demo --chaos``: places numbered orders, notes which were answered, and is killed at times.

Run as ``python -m kraken_async.cli.demo.chaos_bot plain|session NOTES ORDERS BACK``: its clock is BACK s behind.
The price of an order is its number, so that the emulator's books show which order was placed how often.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import kraken_async
from kraken_async import BurstGovernor, KrakenError, KrakenSession, OrderPolicy
from kraken_async.emulator import KeyPair
from kraken_async.emulator.plain import PlainClient
from kraken_async.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PRICE: Final = 10_000
#: The emulator shows orders at once, so that little patience proves that one is absent.
POLICY: Final = OrderPolicy(deadline=2.0, visibility=0.2, settle_timeout=10.0)


def order(number: int) -> dict[str, Any]:
    """Return the fields of the order with that number."""
    price = str(FIRST_PRICE + number)
    return {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": price, "volume": "1"}


async def plain(notes: Notes, orders: int) -> None:
    """Place what has no note yet; try again when no answer comes, as people do."""
    env = Settings.from_env()
    key = KeyPair(env.api_key or "", env.api_secret or "")
    async with PlainClient(env.base_url, key, timeout=2.0, tries=3) as client:
        for number in notes.missing(orders):
            answer = await client.private("AddOrder", **order(number))
            if not answer["error"]:
                notes.add(number)


async def session(notes: Notes, orders: int) -> None:
    """Settle what an earlier life left open, then place what has no note yet."""
    async with KrakenSession.from_env(governor=BurstGovernor.off(), orders=POLICY) as client:
        await client.public("Time")  # the first deadline is then in Kraken's time
        for intent in client.unresolved():
            try:
                await client.resolve(intent)
            except KrakenError:
                continue  # refused or absent: it has no note, and so is placed below
            else:
                notes.add(int(intent.params["price"]) - FIRST_PRICE)
        for number in notes.missing(orders):
            await client.private("AddOrder", order(number))
            notes.add(number)


class Notes:
    """The bot's own list of the orders that were answered, one number a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def missing(self, orders: int) -> list[int]:
        """Return the numbers that have no note."""
        noted = set(map(int, self._path.read_text().split())) if self._path.exists() else set()
        return [number for number in range(orders) if number not in noted]

    def add(self, number: int) -> None:
        """Note an order."""
        with self._path.open("a") as file:
            file.write(f"{number}\n")


def set_clock_back(seconds: float) -> None:
    """Let this process read a clock that is so far behind."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() - seconds
    time.time_ns = lambda: now_ns() - int(seconds * 1e9)


def main() -> None:
    """Run one life of the bot."""
    kind, notes, orders, back = sys.argv[1:]
    logging.getLogger(kraken_async.__name__).setLevel(logging.CRITICAL)
    if float(back):
        set_clock_back(float(back))
    bots: dict[str, Callable[[Notes, int], Any]] = {"plain": plain, "session": session}
    asyncio.run(bots[kind](Notes(Path(notes)), int(orders)))


if __name__ == "__main__":
    main()
