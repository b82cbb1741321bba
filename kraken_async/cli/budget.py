"""``kraken-async budget``: how much of Kraken's counters is left."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from kraken_async import KrakenSession
from kraken_async.cli.common import EXIT_CODES, Json, dump, out, run, session
from kraken_async.cli.endpoints import complete_endpoint, known
from kraken_async.cli.states import StateDir
from kraken_async.cli.tables import print_table
from kraken_async.limits.order_ages import NO_PAIR


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    app.command("budget", rich_help_panel=group, epilog=EXIT_CODES)(budget)


def budget(
    endpoint: Annotated[
        str,
        typer.Argument(
            metavar="ENDPOINT",
            help="When may more calls of this endpoint go?",
            autocompletion=complete_endpoint,
        ),
    ] = "Balance",
    calls: Annotated[int, typer.Option(min=1, help="How many calls.")] = 1,
    pair: Annotated[str | None, typer.Option(help="For orders: their pair.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="For AddOrderBatch: the orders in each call.")] = 2,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Show Kraken's counters for KRAKEN_API_KEY as its sessions have filled them. Nothing is sent.

    Example: kraken-async budget Ledgers --calls 5
    """
    known(endpoint, private=True)
    found = run(_budget(session(state_dir=state_dir), endpoint, calls, pair, rows))
    if as_json:
        dump(found)
        return
    table = Table(show_edge=False, pad_edge=False)
    for title in ("counter", "level", "maximum", "decay per s"):
        table.add_column(title)
    table.add_row(
        f"calls ({found['tier']})", f"{found['level']:.2f}", f"{found['maximum']:g}", f"{found['decay']:g}"
    )
    for name, level in found["pairs"].items():
        table.add_row(
            f"orders {'on pairs not known' if name == NO_PAIR else name}",
            f"{level:.2f}",
            f"{found['pair_threshold']:g}",
            f"{found['pair_decay']:g}",
        )
    print_table(table)
    wait = found["seconds"]
    when = "at once" if not wait else f"in {wait:.1f} s"
    out.print(f"{calls} × {endpoint} may go {when}")


async def _budget(
    client: KrakenSession, endpoint: str, calls: int, pair: str | None, rows: int
) -> dict[str, Any]:
    async with client:
        found = client.budget()
        seconds = found.seconds(endpoint, calls, pair=pair, rows=rows)
        return {**found.as_dict(), "endpoint": endpoint, "calls": calls, "seconds": seconds}
