"""The tables of what orders cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.orders import CLIENTS
from benchmarks.tables import table


def orders(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of the page."""
    levels = found["levels"]
    names = " or ".join(f"{int(level):,}" for level in levels)
    yield "## Orders\n"
    yield (
        f"One order after the other, each with an id and a deadline, after {names} orders within 300 s; ours with its "
        "record on disk unless it says otherwise. CPU of the client's process, in brackets beside plain aiohttp doing "
        "the same at that moment; of a hundred calls the median, in rounds in which all take turns. Grown: beside "
        "a process of the same kind that has just begun. Redis' own CPU is that of another process.\n"
    )
    for endpoint in next(iter(levels.values())):
        yield _one(endpoint, {level: each[endpoint] for level, each in levels.items()}, found["filled"])


def _one(endpoint: str, levels: Mapping[str, Any], filled: Mapping[str, Any]) -> str:
    """Return one endpoint's table; with AddOrder, what each of many orders in a row took on average, and wrote."""
    all_in_all = endpoint == "AddOrder" and bool(filled)
    head = [f"{endpoint}, µs of CPU", *(f"after {int(level):,}" for level in levels), "grown"]
    rows = []
    for client in CLIENTS:
        if not any(client.name in each for each in levels.values()):
            continue
        row = [client.name, *(_cpu(each.get(client.name)) for each in levels.values())]
        last = [*levels.values()][-1].get(client.name, {})
        row.append(f"{last['grown']['median']:.2f}" if last.get("grown") else "-")
        if all_in_all:
            whole = filled.get(client.name, {})
            row += [f"{whole[what]['median']:,.0f}" if what in whole else "-" for what in ("mean", "bytes")]
        rows.append(row)
    return table([*head, "mean of all", "bytes written"] if all_in_all else head, rows)


def _cpu(figures: Mapping[str, Any] | None) -> str:
    if not figures or not figures["ratio"]:
        return "-"
    return f"{figures['cpu_us']['median']:.0f} ({figures['ratio']['median']:.2f})"
