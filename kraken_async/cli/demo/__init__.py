"""``kraken-async demo``: the same calls through a plain client and through KrakenSession, side by side."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kraken_async import BurstGovernor, KrakenError, KrakenSession
from kraken_async.cli.common import EXIT_CODES, FAILED, Json, dump, err, out, quiet, run
from kraken_async.cli.demo.judging import JITTER, Side, judge
from kraken_async.emulator import Emulator, serve_in_thread
from kraken_async.emulator.plain import PlainClient
from kraken_async.problems import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kraken_async.emulator import KeyPair

TASKS: Final = 5


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    app.command("demo", rich_help_panel=group, epilog=EXIT_CODES)(demo)


def demo(
    calls: Annotated[int, typer.Option("--calls", min=2, help="How many calls each client makes.")] = 300,
    chaos: Annotated[
        bool,
        typer.Option(
            "--chaos", help="Lost answers, killed processes, a clock set back: orders placed twice."
        ),
    ] = False,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also through krakenex, ccxt and python-kraken-sdk, if installed.")
    ] = False,
    gateway: Annotated[
        bool,
        typer.Option(
            "--gateway", help="Instead: Python, JavaScript and curl on one key, through the gateway."
        ),
    ] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="With --gateway: let its page be looked at until Ctrl-C.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the same gathered calls with a plain client and with KrakenSession, against a local emulator of Kraken.

    No key and no network are needed. Kraken's limits are off on both sides, as it is the order of calls that
    is shown; up to 5 ms of jitter are on the path. Exits with 1 if any call of KrakenSession was refused.

    Example: kraken-async demo --calls 100
    """
    if gateway:
        _through_the_gateway(calls, stay=stay, as_json=as_json)
        return
    with quiet(), progress(hidden=as_json) as bar:  # quiet: a demo's state is meant to be gone afterwards
        found: dict[str, Any] = {"sides": run(side_by_side(calls, bar))}
        if peers:
            from kraken_async.cli.demo.peers import compare

            found["peers"] = compare(calls, bar)
        if chaos:
            from kraken_async.cli.demo.chaos import storm

            found["chaos"] = storm(bar)
    ours = found["sides"][1]
    storms = found.get("chaos", [])[1:]
    good = ours.flawless and not any(side.duplicates or side.missing for side in storms)
    if as_json:
        dump({"limits": "off", "jitter_seconds": JITTER, "ok": good, **_plain(found)})
    else:
        _show(found, calls)
        out.print(_verdict(ours, good=good))
    if not good:
        raise typer.Exit(FAILED)


def _through_the_gateway(calls: int, *, stay: bool, as_json: bool) -> None:
    from kraken_async.cli.demo import gateway

    with quiet(), progress(hidden=as_json) as bar:
        found = gateway.show_gateway(calls, bar, stay=stay, quiet=as_json)
    if as_json:
        dump(gateway.plain(found))
    else:
        gateway.show(found)
    if not found.good:
        raise typer.Exit(FAILED)


@contextlib.contextmanager
def progress(*, hidden: bool) -> Iterator[Progress]:
    """Show progress on stderr while the block runs."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=hidden) as bar:
        yield bar


async def side_by_side(calls: int, bar: Progress) -> list[Side]:
    """Run both clients, each on a key of its own, against one emulator in a thread."""
    emulator = Emulator()
    theirs, ours = emulator.key, emulator.add_key()
    with serve_in_thread(emulator, jitter=JITTER) as server, tempfile.TemporaryDirectory() as state:
        kept = "nowhere: the clock's value, each time"
        seconds = await _plainly(server.url, theirs, calls, _counter(bar, "plain client", calls))
        plain = judge(emulator, theirs, "plain client", calls, seconds, kept)
        started = time.perf_counter()
        kept = await _in_order(server.url, ours, state, calls, _counter(bar, "KrakenSession", calls))
        seconds = time.perf_counter() - started
        return [plain, judge(emulator, ours, "KrakenSession", calls, seconds, kept)]


def _counter(bar: Progress, name: str, calls: int) -> Callable[[], None]:
    task = bar.add_task(name, total=calls)
    return lambda: bar.advance(task)


async def _plainly(url: str, key: KeyPair, calls: int, done: Callable[[], None]) -> float:
    """Gather the calls as people do; a refused call is simply refused."""

    async def one() -> None:
        await client.private("Balance")
        done()

    started = time.perf_counter()
    async with PlainClient(url, key) as client:
        await asyncio.gather(*(one() for _ in range(calls)))
    return time.perf_counter() - started


async def _in_order(url: str, key: KeyPair, state: str, calls: int, done: Callable[[], None]) -> str:
    """Gather the calls from several tasks, restart in the middle; return where nonces are kept."""
    kept = ""
    for share in (calls // 2, calls - calls // 2):
        async with KrakenSession(*key, base_url=url, state_dir=state, governor=BurstGovernor.off()) as client:
            await asyncio.gather(*(_task(client, share, number, done) for number in range(TASKS)))
            kept = client.stats().persistence_file
    return kept


async def _task(client: KrakenSession, share: int, number: int, done: Callable[[], None]) -> None:
    """One of a bot's tasks, with its part of the calls; a failure shows in the emulator's count."""

    async def one() -> None:
        with contextlib.suppress(KrakenError):
            await client.private("Balance")
        done()

    await asyncio.gather(*(one() for _ in range(number, share, TASKS)))


def _show(found: dict[str, Any], calls: int) -> None:
    out.print(
        f"\n[bold]{counted(calls, 'gathered private call')}[/], 0 to 5 ms of jitter on the path, limits off for both"
    )
    out.print(table([*found["sides"], *found.get("peers", [])]))
    if "chaos" in found:
        from kraken_async.cli.demo.chaos import show

        show(found["chaos"])


def table(sides: list[Side]) -> Table:
    """Return the clients side by side."""
    rows = Table(show_edge=False, pad_edge=False)
    rows.add_column("")
    for side in sides:
        rows.add_column(side.client, overflow="fold", min_width=len(side.client))
    rows.add_row("answered", *(_colour(side.answered, good=side.answered == side.calls) for side in sides))
    rows.add_row(
        "refused for their nonce",
        *(_colour(side.refused_for_nonce, good=not side.refused_for_nonce) for side in sides),
    )
    if any(side.failed_otherwise for side in sides):
        rows.add_row("failed otherwise", *(str(side.failed_otherwise) for side in sides))
    rows.add_row("most in flight at once", *(str(side.most_in_flight) for side in sides))
    rows.add_row("seconds", *(f"{side.seconds:.2f}" for side in sides))
    # Of a path its name: the directory is gone with the demo, and would be broken over two lines.
    rows.add_row("nonce state kept in", *(Path(side.nonce_state).name for side in sides))
    return rows


def _colour(value: int, *, good: bool) -> str:
    return f"[green]{value}[/]" if good else f"[red]{value}[/]"


def _verdict(ours: Side, *, good: bool) -> str:
    if good:
        return (
            f"\nKrakenSession, restarted in the middle: {ours.refused_for_nonce} refused, "
            f"{ours.most_in_flight} in flight at most.\n"
            "One at a time takes longer; that is the price of the order that Kraken asks for."
        )
    return "\n[bold red]KrakenSession did not keep its promise:[/] see the table"


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name: [asdict(side) for side in sides] for name, sides in found.items()}
