"""Takes the pictures of the page for the documentation: ``python -m tests.gateway.take_pictures docs/images``.

A gateway before the emulator, programs that call through it, a program beside it on the same key, and an order whose
answer was lost.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from itertools import count
from pathlib import Path

from kraken_async.emulator import Emulator, Fault
from tests.gateway.browser import browser
from tests.gateway.conftest import ORDER, Client, Running, neighbour, started


async def traffic(running: Running, over: asyncio.Event) -> None:
    """Let programs call until it is over: a bot that trades, and reports that read."""
    bot, report = running.client(name="grid-bot"), running.client("read", name="tax-report")

    async def read(client: Client, endpoint: str, pause: float) -> None:
        while not over.is_set():
            await client.call(endpoint)
            await asyncio.sleep(pause)

    async def trade() -> None:
        for number in count():
            await bot.call("AddOrder", {**ORDER, "price": f"{20000 + number}"})
            await asyncio.sleep(0.2)

    await asyncio.gather(
        trade(), read(bot, "Balance", 2.0), *(read(report, "Ledgers", 0.1) for _ in range(3))
    )


async def lose_an_order(running: Running) -> None:
    bot = running.client(name="dca.js")
    running.emulator.faults.next("AddOrder", Fault.http(502, "after").with_(visibility=600.0))
    await bot.call("AddOrder", {**ORDER, "volume": "0.05", "price": "30000"})


async def main(folder: Path) -> None:
    """Take the pictures: signing in, live, in the dark, on a phone, the question before a halt, and after it."""
    emulator = Emulator(seed=1, jitter=(0.04, 0.12))
    with tempfile.TemporaryDirectory() as scratch:
        async with (
            started(Path(scratch), emulator, governor="on") as running,
            browser(Path(scratch) / "p") as page,
        ):
            over = asyncio.Event()
            beside = await neighbour(running, Path(scratch) / "state")
            await lose_an_order(running)
            calling = asyncio.create_task(traffic(running, over))
            await page.size(1180, 900)
            await page.goto(running.gateway.url + "/")
            await page.picture(folder / "gateway-sign-in.png", whole=False)
            await page.sign_in(running.client("read,halt", name="page").token)
            await page.until("document.querySelectorAll('[data-is=calls] tr').length > 8", 60)
            await page.until("document.querySelector('[data-is=sessions] td.num')", 60)
            await asyncio.sleep(25.0)  # so that the line of the last minute has something to show
            await page.picture(folder / "gateway.png")
            await page.scheme("dark")
            await page.picture(folder / "gateway-dark.png")
            await page.size(390, 844, scale=2, mobile=True)
            await page.picture(folder / "gateway-phone.png", whole=False)
            await page.size(1180, 900)
            await page.scheme("light")
            await page.js("document.querySelector('.account .halt').click()")
            await page.until("document.getElementById('confirm').open")
            await page.picture(folder / "gateway-halt.png", whole=False)
            await page.js("document.getElementById('confirm-yes').click()")
            await page.until("document.querySelector('.badge').textContent.startsWith('Halted')")
            await page.js("new Promise((done) => setTimeout(done, 1200))")
            await page.picture(folder / "gateway-halted.png", whole=False)
            over.set()
            calling.cancel()
            await asyncio.wait([calling])
            beside.terminate()
            await beside.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
