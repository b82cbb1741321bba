"""``kraken-async orders``: orders whose outcome is not known, after a crash or a lost answer."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from kraken_async import KrakenError, KrakenSession, Outcome
from kraken_async.cli.common import EXIT_CODES, FAILED, UNKNOWN, Json, dump, err, out, run, session, usage
from kraken_async.cli.states import StateDir

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(help="Orders whose outcome is not known.", no_args_is_help=True)


@app.command(epilog=EXIT_CODES)
def unresolved(state_dir: StateDir = None, as_json: Json = False) -> None:
    """List the orders of KRAKEN_API_KEY that were sent, or about to be, and of which nobody knows what became.

    Those that a living session has in flight are not among them. Nothing is sent. Exits with 3 if there are any.

    Example: kraken-async orders unresolved
    """
    found = run(_unresolved(session(state_dir=state_dir)))
    if as_json:
        dump([_shown(intent) for intent in found])
    elif not found:
        out.print("none: the outcome of every order is known")
    else:
        rows = Table(show_edge=False, pad_edge=False)
        for title in ("sent at", "endpoint", "cl_ord_id", "what"):
            rows.add_column(title, overflow="fold", no_wrap=title == "cl_ord_id")  # to be copied whole
        for intent in found:
            sent = datetime.fromtimestamp(intent.sent_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            rows.add_row(sent, intent.endpoint, intent.cl_ord_id or "", _summary(intent.params))
        out.print(rows)
        out.print("`kraken-async orders resolve` looks them up at Kraken")
    if found:
        raise typer.Exit(UNKNOWN)


@app.command(epilog=EXIT_CODES)
def resolve(
    cl_ord_id: Annotated[str | None, typer.Argument(help="One order; all of them if not given.")] = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Look the unresolved orders up at Kraken, open ones and closed ones. Nothing is placed or cancelled.

    Prints for each whether it was placed, refused or is still unknown. Exits with 3 while any is unknown.

    Example: kraken-async orders resolve
    """
    found = run(_resolve(session(state_dir=state_dir), cl_ord_id))
    if cl_ord_id is not None and not found:
        usage(f"no unresolved order has cl_ord_id {cl_ord_id}", "kraken-async orders unresolved")
    if as_json:
        dump(found)
    else:
        for row in found:
            out.print(
                f"{row['endpoint']} {row['cl_ord_id'] or ''}: {row['outcome']}, {row['detail']}", markup=False
            )
        if not found:
            err.print("none: the outcome of every order is known")
    outcomes = {row["outcome"] for row in found}
    if outcomes - {"placed", str(Outcome.REFUSED)}:
        raise typer.Exit(UNKNOWN if str(Outcome.UNKNOWN) in outcomes else FAILED)


async def _unresolved(client: KrakenSession) -> Sequence[Any]:
    async with client:
        return list(client.unresolved())


async def _resolve(client: KrakenSession, cl_ord_id: str | None) -> list[dict[str, Any]]:
    rows = []
    async with client:
        for intent in client.unresolved():
            if cl_ord_id not in (None, intent.cl_ord_id):
                continue
            row = {"endpoint": intent.endpoint, "cl_ord_id": intent.cl_ord_id, "result": None}
            try:
                row["result"] = await client.resolve(intent)
                row |= {"outcome": "placed", "detail": _summary(row["result"])}
            except KrakenError as error:
                row |= {"outcome": str(error.outcome), "detail": str(error)}
            rows.append(row)
    return rows


def _shown(intent: Any) -> dict[str, Any]:
    return dataclasses.asdict(intent)


def _summary(fields: Any) -> str:
    if not isinstance(fields, dict):
        return str(fields)
    return " ".join(f"{name}={value}" for name, value in fields.items() if name != "cl_ord_id")
