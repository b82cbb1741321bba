"""The pictures of the command line in these pages: run it, and draw what it printed.

    python docs/pictures.py

Everything runs here and now, against the emulator that comes with the package. Needs the extra [cli].
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kraken_async import BurstGovernor, KrakenError, KrakenSession, Tier
from kraken_async.emulator import Emulator, EmulatorServer, Fault

HERE = Path(__file__).parent / "images"
WIDTH = 92
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000", "volume": "0.001"}


def command(*words: str, **environment: str) -> str:
    """Run ``kraken-async`` as at a terminal and return what it printed, colours included."""
    done = subprocess.run(
        [sys.executable, "-m", "kraken_async", *words],
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=120,
    )
    return done.stdout.decode()


def draw(name: str, line: str, printed: str) -> None:
    """Write ``printed``, as a terminal would show it after ``line``, to images/``name``.svg."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {line}", style="bold"))
    console.print(Text.from_ansi(printed.rstrip()))
    picture = console.export_svg(title="kraken_async", unique_id=name)
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # no font from elsewhere
    HERE.mkdir(exist_ok=True)
    (HERE / f"{name}.svg").write_text("\n".join(each.rstrip() for each in picture.splitlines()) + "\n")


async def busy_bot(folder: Path) -> str:
    """Return what ``top`` shows of a bot that has been at work for some seconds."""
    emulator = Emulator(limits=True, tier="pro")
    async with (
        EmulatorServer(emulator, jitter=(0.01, 0.03)) as server,
        KrakenSession(
            *emulator.key,
            base_url=server.url,
            state_dir=folder,
            tier=Tier.PRO,
            governor=BurstGovernor("pro", startup_window=0),
        ) as client,
    ):
        for _ in range(3):
            await client.private("AddOrder", ORDER)
        emulator.faults.next("AddOrder", Fault.reset("after"))
        await client.private("AddOrder", ORDER)
        orders = (await client.private("OpenOrders"))["open"]
        await client.private("CancelOrder", txid=next(iter(orders)))
        waiting = [asyncio.ensure_future(client.private("TradesHistory")) for _ in range(20)]
        await asyncio.sleep(3)
        try:
            return await asyncio.to_thread(command, "top", "--once", KRAKEN_STATE_DIR=str(folder))
        finally:
            for each in waiting:
                each.cancel()
            for found in await asyncio.gather(*waiting, return_exceptions=True):
                if isinstance(found, Exception) and not isinstance(found, KrakenError):
                    raise found


def main() -> None:
    """Draw all of them."""
    draw("chaos", "kraken-async demo --chaos", command("demo", "--chaos"))
    with tempfile.TemporaryDirectory() as folder:
        draw("top", "kraken-async top --once", asyncio.run(busy_bot(Path(folder))))


if __name__ == "__main__":
    main()
