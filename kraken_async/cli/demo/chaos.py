"""``kraken-async demo --chaos``: lost answers, killed processes, a clock set back; the outcome of orders."""

from __future__ import annotations

import os
import subprocess  # nosec B404  # starts this program's own bot
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.table import Table

from kraken_async.cli.common import out
from kraken_async.cli.demo.chaos_bot import FIRST_PRICE
from kraken_async.emulator import Emulator, Fault, serve_in_thread

if TYPE_CHECKING:
    from rich.progress import Progress

ORDERS: Final = 24
HOUR: Final = 3600.0
#: What happens to which placing, counted from 0.
LOST: Final = {
    2: Fault.reset("after"),
    6: Fault.truncated(),
    9: Fault.reset("before"),
    13: Fault.http(502, "after"),
    18: Fault.disconnect("after"),
}
#: At these the bot is killed between the placing and its answer. After the last its clock is an hour back.
KILLS: Final = (4, 11, 20)
ANSWER: Final = 1.0  # seconds that the answer then takes
SETTLED: Final = 0.2  # seconds after which the order is surely in the books
PATIENCE: Final = 60.0  # seconds for a life to end by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """The end of the orders, by the emulator's books."""

    client: str
    orders: int
    placed: int
    duplicates: int
    missing: int


def storm(bar: Progress) -> list[Storm]:
    """Send both bots through the same weather, each on an emulator of its own; side by side, as they mostly wait."""
    with ThreadPoolExecutor(2) as pool:
        sides = (("plain client", "plain"), ("KrakenSession", "session"))
        return list(pool.map(lambda side: _through(bar, *side), sides))


class _Weather:
    """Decides what happens to each call, and when the bot is to be killed; in the emulator's thread."""

    def __init__(self) -> None:
        self.placings = 0
        self.kill = threading.Event()

    def __call__(self, _index: int, endpoint: str) -> Fault | None:
        if endpoint != "AddOrder":
            return None
        number, self.placings = self.placings, self.placings + 1
        if number in KILLS:
            self.kill.set()
            return Fault.late(ANSWER)
        return LOST.get(number)


def _through(bar: Progress, client: str, kind: str) -> Storm:
    emulator, weather = Emulator(), _Weather()
    emulator.faults.plan = weather
    task = bar.add_task(f"{client} in the storm", total=len(KILLS) + 1)
    with serve_in_thread(emulator) as server, tempfile.TemporaryDirectory() as folder:
        api_key, api_secret = emulator.key
        env = {
            **os.environ,
            "KRAKEN_API_URL": server.url,
            "KRAKEN_API_KEY": api_key,
            "KRAKEN_API_SECRET": api_secret,
            "KRAKEN_STATE_DIR": folder,
        }
        for life in range(len(KILLS) + 1):
            last = life == len(KILLS)
            _live(
                kind, Path(folder, "notes"), env, None if last else weather.kill, back=HOUR if last else 0.0
            )
            bar.advance(task)
    return _judge(emulator, client)


def _live(kind: str, notes: Path, env: dict[str, str], kill: threading.Event | None, *, back: float) -> None:
    """Run one life of the bot: to its end, or until it is killed with an order on the way."""
    command = [
        sys.executable,
        "-m",
        "kraken_async.cli.demo.chaos_bot",
        kind,
        str(notes),
        str(ORDERS),
        str(back),
    ]
    child = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)  # nosec B603  # no shell, our own words
    try:
        if kill is not None:
            # The child may also end by itself: no one waits for a kill that never comes.
            while child.poll() is None and not kill.wait(0.1):
                pass
            kill.clear()
            time.sleep(SETTLED)
            child.kill()
        child.wait(PATIENCE)
    finally:
        child.kill()
        child.wait()


def _judge(emulator: Emulator, client: str) -> Storm:
    counts = Counter(int(order.price) - FIRST_PRICE for order in emulator.orders.values())
    return Storm(
        client=client,
        orders=ORDERS,
        placed=len(counts),
        duplicates=sum(count - 1 for count in counts.values()),
        missing=ORDERS - len(counts),
    )


def show(storms: list[Storm]) -> None:
    """Print the two side by side."""
    out.print(
        f"\n[bold]{ORDERS} orders[/], {len(LOST)} lost answers or requests, {len(KILLS)} × kill -9, "
        "the clock an hour back at the end"
    )
    rows = Table(show_edge=False, pad_edge=False)
    rows.add_column("")
    for side in storms:
        rows.add_column(side.client)
    rows.add_row("orders placed", *(str(side.placed) for side in storms))
    rows.add_row("placed twice", *(_bad(side.duplicates) for side in storms))
    rows.add_row("never placed", *(_bad(side.missing) for side in storms))
    out.print(rows)


def _bad(count: int) -> str:
    return f"[red]{count}[/]" if count else "[green]0[/]"
