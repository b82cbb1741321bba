"""``kraken-async demo --gateway``: programs in several languages on one key, through the gateway, and a halt."""

from __future__ import annotations

import json
import shutil
import subprocess  # nosec B404  # runs this program, and the programs beside it
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from kraken_async.cli.common import err, fail, out
from kraken_async.cli.demo.judging import BAD_NONCE
from kraken_async.emulator import Emulator, serve_in_thread
from kraken_async.gateway import GatewayConfig, TokenFile
from kraken_async.problems import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from kraken_async.emulator import EmulatorServer

JITTER: Final = (0.01, 0.04)  # seconds on the path of each call
PATIENCE: Final = 300.0
PROGRAMS: Final = Path(__file__).with_name("programs")
ORDER: Final = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000", "volume": "0.01"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program's own account of its calls at its end."""

    program: str
    calls: int
    answered: int
    refused: int
    errors: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The demo's findings. ``refused_for_nonce`` and ``most_in_flight`` are the emulator's counts."""

    page: str
    programs: list[Program]
    refused_for_nonce: int
    most_in_flight: int
    halt: dict[str, Any]
    order_after_halt: list[str]
    open_orders_after_halt: int

    @property
    def good(self) -> bool:
        """Whether every call was answered before the halt, and an order was refused after it."""
        answered = all(each.answered == each.calls for each in self.programs)
        halted = self.halt.get("halted") is True and self.order_after_halt and not self.open_orders_after_halt
        return answered and not self.refused_for_nonce and self.most_in_flight == 1 and bool(halted)


def show_gateway(calls: int, bar: Progress, *, stay: bool, quiet: bool) -> Found:
    """Run the gateway as a process of its own, the programs at once, and then a halt."""
    emulator = Emulator()
    with (
        serve_in_thread(emulator, jitter=JITTER) as server,
        tempfile.TemporaryDirectory(prefix="kraken-gateway-") as folder,
    ):
        config, tokens = _configure(Path(folder), server)
        with _serving(config) as url:
            page = tokens["page"]
            if not quiet:
                err.print(f"the page: {url}/   sign in with {page}", markup=False)
            programs = _run(url, tokens, calls, bar)
            if stay:
                err.print("the gateway goes on; Ctrl-C goes on to the halt")
                _until_interrupted()
            halt = _ask(f"{url}/api/halt", {}, {"Authorization": f"Bearer {page}"})
            after = _ask(f"{url}/0/private/AddOrder", ORDER, {"API-Key": tokens["python"]})
        still_open = sum(order.status == "open" for order in emulator.orders.values())
        return Found(
            page=f"{url}/",
            programs=programs,
            refused_for_nonce=emulator.refused(BAD_NONCE),
            most_in_flight=emulator.max_in_flight[emulator.key.api_key],
            halt=halt,
            order_after_halt=after["error"],
            open_orders_after_halt=still_open,
        )


def _configure(folder: Path, server: EmulatorServer) -> tuple[Path, dict[str, str]]:
    """Write a key file and a configuration, and make a token for each program and for the page."""
    key = folder / "kraken.key"
    key.touch(mode=0o600)
    key.write_text("\n".join(server.emulator.key), encoding="utf-8")
    config = folder / "gateway.toml"
    store = json.dumps(f"file:{folder / 'state'}")
    config.write_text(
        f'listen = "127.0.0.1:0"\n[accounts.main]\nkey_file = "kraken.key"\nbase_url = "{server.url}"\n'
        f'tier = "pro"\nstore = {store}\ngovernor = "off"\n',
        encoding="utf-8",
    )
    tokens = TokenFile(GatewayConfig.load(config).tokens)
    made = {name: tokens.add(name, ["main"], ["read", "trade"]) for name in ("python", "javascript", "curl")}
    return config, made | {"page": tokens.add("page", ["main"], ["read", "halt"])}


@contextmanager
def _serving(config: Path) -> Iterator[str]:
    """Run ``kraken-async gateway`` and give its address."""
    command = [sys.executable, "-m", "kraken_async", "gateway", "--config", str(config), "--json"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True)  # nosec B603  # no shell, our own words
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            fail("the gateway did not start", "kraken-async gateway --config gateway.toml says why")
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        process.communicate()


def _commands(url: str, tokens: dict[str, str], calls: int) -> dict[str, tuple[int, list[str]]]:
    """Return the programs that can run here, by their names, each with the number of its calls."""
    few = max(2, calls // 10)  # curl is a process for each call, which is slow
    found = {
        "python": (calls, [sys.executable, str(PROGRAMS / "client.py"), url, tokens["python"], str(calls)])
    }
    if node := shutil.which("node"):
        command = [node, str(PROGRAMS / "client.mjs"), url, tokens["javascript"], str(calls)]
        found["javascript"] = calls, command
    if (curl := shutil.which("curl")) and (shell := shutil.which("sh")):
        found["curl"] = few, [shell, str(PROGRAMS / "client.sh"), url, tokens["curl"], str(few), curl]
    return found


def _run(url: str, tokens: dict[str, str], calls: int, bar: Progress) -> list[Program]:
    """Run all programs at once and return what each said."""
    commands = _commands(url, tokens, calls)
    for name in ("javascript", "curl"):
        if name not in commands:
            err.print(f"{name}: what it needs is not installed here")
    tasks = {name: bar.add_task(name, total=1) for name in commands}

    def run(name: str) -> Program:
        asked, command = commands[name]
        found = _program(name, asked, command)
        bar.advance(tasks[name])
        return found

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, commands))


def _program(name: str, asked: int, command: list[str]) -> Program:
    """Run one program. It prints a line for each call: Kraken's envelope."""
    started = time.perf_counter()
    pipe = subprocess.PIPE
    done = subprocess.run(command, stdout=pipe, text=True, timeout=PATIENCE)  # nosec B603  # no shell, our own words
    said = done.stdout
    answers = [json.loads(line) for line in said.splitlines() if line.strip()]
    errors = Counter(entry for answer in answers for entry in answer["error"])
    refused = sum(1 for answer in answers if answer["error"])
    return Program(
        program=name,
        calls=asked,
        answered=len(answers) - refused,
        refused=refused,
        errors=dict(errors),
        seconds=round(time.perf_counter() - started, 2),
    )


def _ask(url: str, fields: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    """Make one request as any program would, and return the JSON of its answer."""
    body = json.dumps(fields).encode()
    request = urllib.request.Request(url, body, {**headers, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:  # nosec B310  # loopback, our own words
        found: dict[str, Any] = json.loads(response.read())
        return found


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


def show(found: Found) -> None:
    """Print the table of who was refused, and what the halt did."""
    rows = Table(show_edge=False, pad_edge=False)
    for title in ("program, on one key", "calls", "answered", "refused", "seconds"):
        rows.add_column(title, justify="left" if title.startswith("program") else "right")
    for each in found.programs:
        rows.add_row(
            each.program, str(each.calls), str(each.answered), str(each.refused), f"{each.seconds:.2f}"
        )
    out.print("\n[bold]Through the gateway[/], 10 to 40 ms on the path of each call, all programs at once")
    out.print(rows)
    cancelled = (found.halt.get("cancelled") or {}).get("count", 0)
    out.print(
        f"\nrefused for their nonce: {found.refused_for_nonce}; in flight at once: {found.most_in_flight} at most\n"
        f"halt: {counted(cancelled, 'order')} cancelled, {found.open_orders_after_halt} left open; "
        f"the next order: {', '.join(found.order_after_halt)}",
        markup=False,
    )


def plain(found: Found) -> dict[str, Any]:
    """Return what was found as JSON data."""
    return {**asdict(found), "ok": found.good}
