"""The figures that lead the README and the page: outcomes, refusals, and how long a cancel takes to the wire. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.tables import table

OURS = "kraken_async"


def seconds(value: float) -> str:
    """Return a time with as many digits as mean something."""
    return f"{value * 1e3:.1f} ms" if value < 0.1 else f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def figure(row: Mapping[str, Any], name: str) -> str:
    """Return a percentile of a row; "> 8 s" where that is all that is known."""
    if name not in row:
        return "-"
    return f"> {seconds(row[name])}" if name in row["beyond"] else seconds(row[name])


def greatest(found: Mapping[str, Any]) -> float | None:
    """Return the greatest time of a cancel of ours over all rows, in seconds; infinite if one never came."""
    ours = [row for row in found.get("rows", ()) if row["client"] == OURS and row["n"]]
    if not ours:
        return None
    return max(float("inf") if row["missing"] else row["greatest"] for row in ours)


def cancels(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of the page."""
    yield "## Cancel to wire\n"
    yield (
        "From the moment a caller asks for a cancel until its bytes are at the server's socket, with round trips of 50 "
        "to 150 ms. A figure with `>` was not reached while it was watched. Refused: by the server, for the nonce.\n"
    )
    yield table(
        ("", "cancels", "p50", "p99", "p99.9", "greatest", "refused"),
        (
            (
                f"{row['name']}: {row['client']}",
                f"{row['n']:,}",
                *(figure(row, name) for name in ("p50", "p99", "p99.9", "greatest")),
                f"{row['refused']:,}",
            )
            for row in found["rows"]
        ),
    )
    yield (
        "ccxt runs with its own limiter, or with it off. It has no counterpart to the last rows: its processes share "
        "nothing, so none waits for another (and they overtake each other's nonces), and it writes nothing to disk.\n"
    )


def outcomes(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of the page."""
    yield "## Outcomes\n"
    share = 100 * found["unknown"] / max(1, found["calls"])
    yield (
        f"{found['schedules']:,} random schedules, {found['calls']:,} calls that place, amend or edit: "
        f"{len(found['wrong'])} told otherwise than it was. {share:.0f} % were told `OutcomeUnknown` at first, where "
        "between one and eight of ten answers are lost or lie, processes are killed and other writers place orders "
        "that look alike.\n"
    )
    yield from (f"- {line}" for line in found["wrong"])


def refusals(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of the page."""
    yield "## Refusals\n"
    least, most = (f"{each * 1e3:g}" for each in found["jitter_seconds"])
    yield (
        f"{found['calls']:,} gathered calls, {least} to {most} ms of jitter on the path, all limiters off "
        "(`kraken-async demo --peers`).\n"
    )
    yield table(
        ("", "answered", "refused for their nonce", "most in flight", "seconds"),
        (
            (
                name,
                f"{side['answered']:,}",
                f"{side['refused_for_nonce']:,}",
                f"{side['most_in_flight']:,}",
                f"{side['seconds']:.1f}",
            )
            for name, side in found["clients"].items()
        ),
    )


# ------------------------------------------------------------------ the README


def readme(found: Mapping[str, Any]) -> str:
    """Return the README's table of what was measured."""
    return "".join(f"| {what} | {words} |\n" for what, words in (("", ""), ("---", "---"), *_lines(found)))


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if told := found.get("outcomes"):
        yield "Outcomes", _outcomes_line(told)
    if refused := found.get("refusals"):
        yield "Refusals", _refusals_line(refused)
    if (most := greatest(found.get("cancels", {}))) is not None:
        yield "Cancel to wire", _cancels_line(found["cancels"]["rows"], most)
    if read := found.get("calls", {}).get("1", {}).get(OURS):
        yield "CPU of a read", f"{read['cpu_ratio']['median']:.2f} times plain hand-written aiohttp"
    if line := _order_line(found.get("orders", {})):
        yield "CPU of an order", line


def _outcomes_line(told: Mapping[str, Any]) -> str:
    share = 100 * told["unknown"] / max(1, told["calls"])
    return (
        f"{told['schedules']:,} random schedules with lost answers, kills, lying clocks and foreign orders: "
        f"{told['calls']:,} calls, {len(told['wrong'])} told otherwise than it was; {share:.0f} % unknown at first"
    )


def _refusals_line(refused: Mapping[str, Any]) -> str:
    clients = refused["clients"]
    others = [name for name in ("plain client", "ccxt", "python-kraken-sdk") if name in clients]
    beside = ", ".join(f"{clients[name]['refused_for_nonce']:,} through {name}" for name in others)
    ours = clients["KrakenSession"]["refused_for_nonce"]
    return f"of {refused['calls']:,} gathered calls {ours:,} refused for their nonce; {beside}"


def _cancels_line(rows: list[Mapping[str, Any]], most: float) -> str:
    number = sum(row["n"] for row in rows if row["client"] == OURS)
    slowest = "never came" if most == float("inf") else f"took {seconds(most)}"
    line = f"with 1,000 reads waiting, a frozen neighbour and a full disk the slowest of {number:,} cancels {slowest}"
    medians = {
        row["client"]: figure(row, "p50") for row in rows if row["name"] == "1,000 reads waiting, limits kept"
    }
    if medians.keys() == {OURS, "ccxt"}:
        line += (
            f"; behind reads alone, limits kept, the median is {medians[OURS]}, with ccxt {medians['ccxt']}"
        )
    return line


def _order_line(orders: Mapping[str, Any]) -> str:
    levels: Mapping[str, Any] = orders.get("levels", {})
    if OURS not in (first := levels["0"]["AddOrder"] if levels else {}):
        return ""
    line = (
        f"{first[OURS]['ratio']['median']:.2f} times plain aiohttp sending the same order, its record on disk"
    )
    written = orders["filled"].get(OURS)
    return f"{line}; {written['bytes']['median']:,.0f} bytes written" if written else line
