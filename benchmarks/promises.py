"""What the project promises of its speed, beside what a run has measured. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.contenders import OURS, OURS_GIVEN, OURS_SPEED, OURS_UVLOOP
from benchmarks.leading import greatest

Row = tuple[str, str, str, str]


def promises(found: Mapping[str, Any]) -> Iterator[Row]:
    """Yield (what, promised, measured, kept) for everything that was measured; kept by the median alone."""
    yield from _leading(found)
    yield from _calls(found.get("calls", {}))
    yield from _orders(found.get("orders", {}))
    yield from _waiting(found.get("waiting", {}))
    if gateway := found.get("gateway"):
        what = "gateway: CPU a call, ratio to a session's own"
        yield _most(what, 2.5, gateway["ratio"]["median"], 2)
    for name, figures in found.get("nonces", {}).items():
        if name.startswith("NonceSource") and "ratio" in figures:
            source, _, threads = name.partition(" / ")
            thread, bound = ("one thread", 0.25) if threads == "1" else ("eight threads", 0.2)
            ratio = figures["ratio"]["median"]
            yield _least(f"{source}, {thread}, ratio to a bare counter", bound, ratio, 2)
    if stats := found.get("pieces", {}).get("stats()"):
        yield _most("stats(), µs", 50, stats["median"], 0)
    yield from _sessions(found.get("sessions", {}))
    if ours := found.get("imports", {}).get("kraken_async, and KrakenSession from it"):
        yield _most("import, ratio to aiohttp", 1.3, ours["ratio"]["median"], 2)


def _sessions(found: Mapping[str, Any]) -> Iterator[Row]:
    for name, figures in found.items():
        if name.startswith("opening") and name != "opening beside 0":
            what = f"{name} dead sessions' journals: the loop stood still for, ms"
            yield _most(what, 50, figures["blocked_ms"]["median"], 0)
    if stats := found.get("stats()"):
        first, *_, last = (int(known) for known in stats if known != "ratio")
        yield _most(f"stats(), {last:,} orders known beside {first:,}", 1.1, stats["ratio"]["median"], 2)


def _leading(found: Mapping[str, Any]) -> Iterator[Row]:
    if told := found.get("outcomes"):
        what = f"told otherwise than it was, in {told['schedules']:,} random schedules"
        yield _most(what, 0, len(told["wrong"]), 0)
    if clients := found.get("refusals", {}).get("clients"):
        refused = clients["KrakenSession"]["refused_for_nonce"]
        yield _most(
            f"refused for their nonce, of {found['refusals']['calls']:,} gathered calls", 0, refused, 0
        )
    if (most := greatest(found.get("cancels", {}))) is not None:
        yield _most("cancel to wire under all of it, the greatest, s", 2, most, 2)


def _calls(levels: Mapping[str, Any]) -> Iterator[Row]:
    for name, bound in ((OURS, 0.60), (OURS_SPEED, 0.50), (OURS_UVLOOP, 0.40), (OURS_GIVEN, 1.15)):
        if name in levels.get("1", {}):
            ratio = levels["1"][name]["cpu_ratio"]["median"]
            yield _most(f"{name}: CPU a call, ratio to plain aiohttp", bound, ratio, 3)
    if OURS in levels.get("1", {}):
        yield _least(f"{OURS}: calls a second, ratio", 1.3, levels["1"][OURS]["rate_ratio"]["median"], 3)
    for level, figures in levels.items():
        if level != "1" and figures.get(OURS, {}).get("cpu_ratio_locked"):
            ratio = figures[OURS]["cpu_ratio_locked"]["median"]
            yield _most(f"the same, {int(level):,} gathered, beside plain + Lock: CPU", 1.0, ratio, 3)
            rate = figures[OURS]["rate_ratio_locked"]["median"]
            yield _least(f"the same, {int(level):,} gathered: calls a second", 1.0, rate, 3)


def _orders(found: Mapping[str, Any]) -> Iterator[Row]:
    levels = found.get("levels", {})
    if not levels:
        return
    first, last = ([*levels.values()][place]["AddOrder"] for place in (0, -1))
    if OURS in first:
        yield _most("AddOrder: CPU, ratio to plain aiohttp", 1.25, first[OURS]["ratio"]["median"], 2)
    many = int([*levels][-1])
    for name in (OURS, f"{OURS}, state in Redis"):
        if grown := last.get(name, {}).get("grown"):
            what = f"{name}: the {many:,}th order beside the 100th, CPU"
            yield _most(what, 1.1, grown["median"], 2)
    if written := found["filled"].get(OURS):
        yield _most("bytes written for an order", 2048, written["bytes"]["median"], 0)


def _waiting(found: Mapping[str, Any]) -> Iterator[Row]:
    if memory := found.get("memory, kraken_async"):
        yield _most("a waiting call, its caller's task included, bytes", 1536, memory["bytes"]["median"], 0)
    for name, way in (
        ("CPU over HTTP, kraken_async", "over HTTP"),
        ("CPU, kraken_async", "answered in memory"),
    ):
        if cpu := found.get(name):
            what = f"CPU a call {way}, {found['calls']:,} waiting beside {found['few']:,}"
            yield _most(what, 1.15, cpu["ratio"]["median"], 2)
    for name, figures in found.items():
        if name.startswith("cancel all"):
            yield _most(f"{name}, {found['calls']:,} calls, s", 3, figures["seconds"]["median"], 2)


def _most(what: str, bound: float, value: float, digits: int) -> Row:
    return what, f"≤ {bound:g}", f"{value:.{digits}f}", "yes" if value <= bound else "no"


def _least(what: str, bound: float, value: float, digits: int) -> Row:
    return what, f"≥ {bound:g}", f"{value:.{digits}f}", "yes" if value >= bound else "no"
