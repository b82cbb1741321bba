"""Takes the pictures of the page for the documentation: ``python -m tests.gateway.take_pictures docs/images``.

A gateway before the emulator, programs that call through it, and an order whose answer was lost.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from kraken_async.emulator import Emulator, Fault
from tests.gateway.browser import browser
from tests.gateway.conftest import ORDER, Running, started


async def traffic(running: Running, over: asyncio.Event) -> None:
    """Let programs call until it is over: a bot that trades, and reports that read."""
    bot, report = running.client(name="grid-bot"), running.client("read", name="tax-report")
    number = 0

    async def read() -> None:
        while not over.is_set():
            await report.call("Ledgers")

    async def trade() -> None:
        nonlocal number
        while not over.is_set():
            number += 1
            await bot.call("AddOrder", {**ORDER, "price": f"{20000 + number}"})
            if not number % 3:
                await bot.call("Balance")
            await asyncio.sleep(0.2)

    await asyncio.gather(trade(), *(read() for _ in range(5)))


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
            await lose_an_order(running)
            calling = asyncio.create_task(traffic(running, over))
            await page.size(1180, 900)
            await page.goto(running.gateway.url + "/")
            await page.picture(folder / "gateway-sign-in.png", whole=False)
            await page.sign_in(running.client("read,halt", name="page").token)
            await page.until("document.querySelectorAll('[data-is=calls] tr').length > 8", 60)
            await asyncio.sleep(8.0)
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


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
