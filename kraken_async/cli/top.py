"""``kraken-async top``: the running sessions, from what they write beside their state."""

from __future__ import annotations

import sys
import time
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kraken_async.cli.common import EXIT_CODES, INTERRUPTED, Json, dump, out
from kraken_async.cli.states import StateDir, directory, sessions
from kraken_async.limits.order_ages import NO_PAIR
from kraken_async.monitoring.status_file import ALIVE

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

#: A session that has not written for so long is gone, or its loop is blocked.
SILENT: Final = 3 * ALIVE
CALLS_SHOWN: Final = 5
#: Of a problem, by its severity.
STYLES: Final = {"info": "cyan", "warning": "yellow", "critical": "bold red"}


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    app.command("top", rich_help_panel=group, epilog=EXIT_CODES)(top)


def top(
    once: Annotated[bool, typer.Option("--once", help="Print once and end, as into a pipe.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 1.0,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Show the running sessions of KRAKEN_API_KEY, or of every key in the state directory when it is not set.

    Queue by priority, what calls wait for, what is in flight, the counters and when they are empty, how far
    nonces are ahead of the clock, lockouts, problems and the last calls. Nothing is sent and nothing is locked:
    it reads what sessions write once a second. --json prints once, and so does output that goes to no terminal, such as
    a pipe or a file, or to one that cannot move its cursor (TERM=dumb). Works over ssh; Ctrl-C ends it.

    Example: kraken-async top --once
    """
    folder = directory(state_dir)
    if as_json:
        dump(sessions(state_dir))
        return
    if once or not sys.stdout.isatty() or out.is_dumb_terminal:
        out.print(picture(sessions(state_dir), folder))
        return
    try:
        with Live(console=out, screen=True, auto_refresh=False) as live:
            while True:
                live.update(picture(sessions(state_dir), folder), refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def picture(found: list[dict[str, Any]], folder: Path) -> RenderableType:
    """Return one panel per session."""
    if not found:
        return Text(f"no running session writes to {folder}")
    return Group(*(_panel(status) for status in found))


def _panel(status: dict[str, Any]) -> Panel:
    stats = status["stats"]
    gone = status["silent"] > SILENT
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold")
    rows.add_column(overflow="fold")
    for name, value in _rows(stats):
        rows.add_row(name, Text(value))
    parts: list[RenderableType] = [rows]
    severities = [severity for _, severity in stats.get("problem_codes", ())]
    parts += [
        Text(f"! {problem}", style=STYLES.get(severity, "yellow"))
        for problem, severity in zip_longest(stats["problems"], severities)
    ]
    if gone:
        parts.append(
            Text(f"! silent for {status['silent']:.0f} s: it was killed, or its loop is blocked", style="red")
        )
    if status["last_calls"]:
        parts.append(_last_calls(status["last_calls"][-CALLS_SHOWN:]))
    colour = "red" if gone or "critical" in severities else "yellow" if stats["problems"] else "green"
    return Panel(Group(*parts), title=f"key {status['key']}  pid {status['pid']}", border_style=colour)


def _rows(stats: dict[str, Any]) -> list[tuple[str, str]]:
    waiting = {name: count for name, count in stats["queue_depth"].items() if count}
    queue = ", ".join(f"{name} {count}" for name, count in waiting.items()) or "empty"
    age = stats["in_flight_age"]
    flight = "nothing" if age is None else f"{stats['in_flight']}, for {age:.1f} s"
    level, decay = stats["counter_level"], stats["counter_decay"]
    free = f", empty in {level / decay:.0f} s" if level and decay else ""
    rows = [
        ("queue", queue),
        *([("waiting", stats["waiting_for"])] if stats.get("waiting_for") else []),
        ("in flight", flight),
        ("calls", _counts(stats)),
        ("counter", f"{level:.1f} of {stats['counter_maximum']:g}{free}"),
    ]
    rows += [
        (f"  {'no pair known' if pair == NO_PAIR else pair}", f"{n:.1f} of {stats['pair_threshold']:g}")
        for pair, n in stats["pair_levels"].items()
    ]
    trip = stats["round_trip"]
    ahead = stats["nonce_lead"]
    side = "ahead of" if ahead > 0 else "behind"
    lead = f"{abs(ahead):.1f} s {side} the clock" if stats["last_nonce"] else "none used yet"
    return [
        *rows,
        ("nonce", f"{lead}, {'durable' if stats['durable'] else 'not durable'}"),
        ("round trip", f"median {trip['p50'] * 1000:.0f} ms, 99 % {trip['p99'] * 1000:.0f} ms"),
        ("breaker", stats["breaker"] + (", trading halted" if stats["halted"] else "")),
    ]


def _counts(stats: dict[str, Any]) -> str:
    names = ("answered", "refused", "unknown", "not_sent", "retries")
    counts = {name.replace("_", " "): stats[name] for name in names if stats[name]}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none yet"


def _last_calls(calls: list[dict[str, Any]]) -> Table:
    rows = Table(show_edge=False, pad_edge=False, box=None, header_style="dim")
    for title in ("at", "call", "outcome", "waited", "took"):
        rows.add_column(title)
    for call in calls:
        rows.add_row(
            time.strftime("%H:%M:%S", time.localtime(call["at"])),
            call["endpoint"],
            Text(call["error"] or call["outcome"]),
            f"{call['wait']:.2f} s",
            f"{call['round_trip'] * 1000:.0f} ms",
        )
    return rows
