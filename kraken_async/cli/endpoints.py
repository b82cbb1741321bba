"""``kraken-async endpoints``: every endpoint that is known, with its cost, priority and permission."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from kraken_async.api.endpoints import Endpoint, known_endpoints, nearest
from kraken_async.cli.common import EXIT_CODES, Json, dump, out, usage
from kraken_async.cli.tables import print_table


def complete_endpoint(incomplete: str) -> list[str]:
    """Return the endpoints whose names begin so, in any case, for the shell's completion."""
    return [name for name in _all() if name.lower().startswith(incomplete.lower())]


def _all() -> dict[str, Endpoint]:
    return {**known_endpoints(private=True), **known_endpoints(private=False)}


def known(name: str, *, private: bool | None = None) -> Endpoint:
    """Return a known endpoint. End the command with the nearest name for one that is not."""
    found = (_all() if private is None else known_endpoints(private=private)).get(name)
    if found is not None:
        return found
    near = nearest(name, private=True) or (None if private else nearest(name, private=False))
    kind = "a private endpoint" if private else "an endpoint"
    return usage(f"{name} is not {kind}", f"{near}?" if near else "kraken-async endpoints")


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    app.command("endpoints", rich_help_panel=group, epilog=EXIT_CODES)(endpoints)


def endpoints(
    name: Annotated[
        str | None,
        typer.Argument(help="One endpoint; all of them if not given.", autocompletion=complete_endpoint),
    ] = None,
    as_json: Json = False,
) -> None:
    """List Kraken's endpoints: what a call costs, how urgent it is, which permission the key needs. Nothing is sent.

    Of one endpoint also its parameters, required ones first, and its page of the documentation.

    Cost is what a call adds to Kraken's call counter; orders and cancels are counted per pair instead.

    Example: kraken-async endpoints AddOrder
    """
    found = [known(name)] if name is not None else list(_all().values())
    rows = [_described(endpoint) for endpoint in found]
    if name is not None:
        _show_one(found[0], rows[0], as_json=as_json)
        return
    if as_json:
        dump(rows)
        return
    table = Table(show_edge=False, pad_edge=False)
    for title in ("endpoint", "cost", "priority", "permission"):
        table.add_column(title, overflow="fold", no_wrap=title == "endpoint")
    for row in rows:
        table.add_row(row["endpoint"], row["cost"], row["priority"], row["permission"])
    print_table(table)


def _show_one(endpoint: Endpoint, row: dict[str, Any], *, as_json: bool) -> None:
    # Typed methods are many: read when they are asked for.
    from kraken_async.cli.parameters import help_of, page, parameters

    row = {**row, "page": page(endpoint.name), "help": help_of(endpoint.name)}
    fields = parameters(endpoint.name)
    if as_json:
        dump({**row, "parameters": [asdict(field) for field in fields]})
        return
    for title, value in row.items():
        out.print(f"{title + ':':<12} {value}", markup=False)
    if not fields:
        out.print("parameters:  none")
        return
    out.print()
    table = Table(show_edge=False, pad_edge=False)
    for title in ("parameter", "required", "type, or values"):
        table.add_column(title, overflow="fold", no_wrap=title == "parameter")
    for field in fields:
        table.add_row(Text(field.name), "yes" if field.required else "", Text(field.type))
    print_table(table)


def _described(endpoint: Endpoint) -> dict[str, Any]:
    if not endpoint.private:
        cost, priority = "public limit", "none: public calls do not queue"
    else:
        cost, priority = str(endpoint.cost) if endpoint.cost else "per pair", endpoint.priority.name
    return {
        "endpoint": endpoint.name,
        "path": endpoint.path,
        "kind": "private" if endpoint.private else "public",
        "cost": cost,
        "priority": priority,
        "permission": endpoint.permission or "none",
        "changes": "yes" if endpoint.changes else "no",
        "repeatable": "yes" if endpoint.repeatable else "no: a lost answer leaves the outcome open",
    }
