"""The tables of a run, as Markdown that is also readable as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks import leading, order_tables
from benchmarks.contenders import CONTENDERS, FLOOR, LOCKED, TWIN
from benchmarks.nonces import SOURCES
from benchmarks.promises import promises
from benchmarks.tables import table


def report(found: Mapping[str, Any]) -> str:
    """Return every table that the run has figures for."""
    parts = [_run(found["run"])]
    if kept := list(promises(found)):
        parts += ["## What is promised\n", table(("", "promised", "measured", "kept"), kept)]
    for name, section in (
        ("outcomes", leading.outcomes),
        ("refusals", leading.refusals),
        ("cancels", leading.cancels),
        ("calls", _calls),
        ("orders", order_tables.orders),
        ("waiting", _waiting),
        ("gateway", _gateway),
        ("nonces", _nonces),
        ("pieces", _pieces),
        ("sessions", _sessions),
        ("imports", _imports),
    ):
        if found.get(name):
            parts += section(found[name])
    return "\n".join(parts) + "\n"


def _run(run: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in run["packages"].items())
    quick = "a quick run, " if run["quick"] else ""
    return (
        f"Run of {run['date']}: {quick}{run.get('seconds', 0)} s, {run['python']}, {run['system']}, "
        f"{run['cpus']} CPUs ({run['cpu']}), load {run['load_before']} before. {packages}.\n"
    )


# ------------------------------------------------------------------ calls


def _ratio(value: Mapping[str, Any] | None) -> str:
    """Return the median, and least and greatest median of a generation of processes."""
    if not value:
        return "-"
    low, high = value["generations"]
    return f"{value['median']:.3f} [{low:.2f}..{high:.2f}]"


def _named(figures: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for contender in CONTENDERS:
        if contender.name in figures:
            yield contender.name, figures[contender.name]


def _calls(levels: Mapping[str, Any]) -> Iterator[str]:
    if "1" in levels:
        yield "## One call after the other\n"
        yield f"Ratios are to `{FLOOR}`; `{TWIN}` is the same code in another process: the noise.\n"
        yield table(
            ("", "CPU µs", "CPU ratio", "calls/s", "calls/s ratio"),
            (
                (
                    name,
                    f"{each['cpu_us']['median']:.1f}",
                    _ratio(each["cpu_ratio"]),
                    f"{1e6 / each['wall_us']['median']:,.0f}",
                    _ratio(each["rate_ratio"]),
                )
                for name, each in _named(levels["1"])
            ),
        )
    gathered = [level for level in levels if level != "1"]
    if not gathered:
        return
    yield "## Gathered calls\n"
    yield (
        f"So many calls at once through `asyncio.gather`. First beside `{LOCKED}`, which sends one at a time as "
        f"Kraken needs it:\n"
    )
    yield _gathered(levels, gathered, "_locked")
    yield f"Beside `{FLOOR}`, which sends up to 100 at once, in any order (Kraken refuses most of these):\n"
    yield _gathered(levels, gathered, "")


def _gathered(levels: Mapping[str, Any], gathered: list[str], suffix: str) -> str:
    head = [""]
    for level in gathered:
        head += [f"{int(level):,}: CPU ratio", f"{int(level):,}: calls/s ratio"]
    rows = []
    for name, _ in _named(levels[gathered[0]]):
        row = [name]
        for level in gathered:
            each = levels[level].get(name, {})
            row += [_ratio(each.get(f"cpu_ratio{suffix}")), _ratio(each.get(f"rate_ratio{suffix}"))]
        rows.append(row)
    return table(head, rows)


# ------------------------------------------------------------------ the rest


def _span(value: Mapping[str, float], digits: int = 1, factor: float = 1.0) -> str:
    """Return the median, and least and greatest of all."""
    low, middle, high = (f"{value[name] * factor:,.{digits}f}" for name in ("min", "median", "max"))
    return f"{middle} [{low}..{high}]"


def _waiting(found: Mapping[str, Any]) -> Iterator[str]:
    number, few = f"{found['calls']:,}", f"{found['few']:,}"
    yield f"## {number} calls waiting\n"
    yield (
        f"Memory is counted for each call with everything that it holds, the task and the frames of its caller among "
        f"it (by tracemalloc with {found['traced']:,} calls, resident with {number}). The path to Kraken is a function "
        "that answers at once, unless it says HTTP.\n"
    )
    rows = []
    for name, figures in found.items():
        if not isinstance(figures, Mapping):
            continue
        if "bytes" in figures:
            rows.append((name, f"{_span(figures['bytes'], 0)} bytes a call"))
        elif "seconds" in figures:
            rows.append((name, f"{_span(figures['seconds'], 2)} s"))
        else:
            rows.append((f"{name}: {few} at a time", f"{_span(figures['few'])} µs a call"))
            rows.append((f"{name}: {number} at a time", f"{_span(figures['many'])} µs a call"))
            rows.append((f"{name}: ratio", _span(figures["ratio"], 2)))
    yield table(("", "median [least..greatest]"), rows)


def _gateway(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## Through the gateway\n"
    yield (
        f"The CPU time of one process for one call, {found['calls']:,} calls over eight connections in each of "
        f"{found['rounds']} rounds: a session by itself, a bare handler of aiohttp.web, and the gateway, which is both "
        "and more. The memory is what its process grows by while clients wait.\n"
    )
    waiting = found["waiting"]
    cpu = [(f"{name}: CPU µs a call", _span(value)) for name, value in found["cpu_us"].items()]
    ratio = ("gateway beside session: ratio", _span(found["ratio"], 2))
    memory = (
        f"{waiting['clients']:,} waiting clients",
        f"{waiting['MiB']} MiB, {waiting['KiB_per_client']} KiB each",
    )
    yield table(("", "median [least..greatest]"), [*cpu, ratio, memory])


def _nonces(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## Nonces\n"
    yield table(
        ("million a second", "one thread", "eight threads"),
        (
            (name, *(_span(found[f"{name} / {n}"]["per_second"], 3, 1e-6) for n in (1, 8)))
            for name in SOURCES
            if f"{name} / 1" in found and f"{name} / 8" in found
        ),
    )


def _pieces(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## Pieces of a call\n"
    yield table(("", "µs"), ((name, _span(value, 2)) for name, value in found.items()))


def _sessions(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## Sessions that find much\n"
    yield (
        "Opening beside the journals of dead sessions, each with an order of unknown outcome: until it is open, the "
        "longest time for which the loop did not run meanwhile (and the CPU time of its own thread in it), and then "
        "`unresolved()`. `stats()` in sessions that know so many orders, after as many calls each.\n"
    )
    rows = []
    for name, figures in found.items():
        if name.startswith("opening"):
            for what, words in _OPENING.items():
                rows.append((f"{name}: {words}", f"{_span(figures[what])} ms"))
        else:
            rows += [
                (f"{name}, {int(known):,} orders known", f"{_span(each)} µs")
                for known, each in figures.items()
                if known != "ratio"
            ]
            rows.append((f"{name}: ratio of the ends", _span(figures["ratio"], 2)))
    yield table(("", "median [least..greatest]"), rows)


_OPENING = {
    "opened_ms": "open after",
    "blocked_ms": "the loop stood still for",
    "blocked_cpu_ms": "of that, CPU of its thread",
    "unresolved_ms": "unresolved()",
}


def _imports(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## Import\n"
    whole = all("cpu_ms" in each for each in found.values())
    yield table(
        ("whole processes", "ms", "ratio to aiohttp", "CPU ms", "ratio", "MB", "ratio"),
        (
            (
                name,
                _span(each["wall_ms"], 0),
                f"{each['ratio']['median']:.2f}",
                *((_span(each["cpu_ms"], 0), f"{each['cpu_ratio']['median']:.2f}") if whole else ("-", "-")),
                _span(each["megabytes"]),
                f"{each['memory_ratio']['median']:.2f}",
            )
            for name, each in found.items()
        ),
    )
