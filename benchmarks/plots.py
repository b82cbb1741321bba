"""SVG plots of a run, by matplotlib (the extra ``bench``)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import CONTENDERS, FLOOR, LOCKED, OURS, OURS_SPEED, OURS_UVLOOP
from benchmarks.orders import CLIENTS

_LINES: Final = (FLOOR, LOCKED, OURS, OURS_SPEED, OURS_UVLOOP, "ccxt", "python-kraken-sdk")
_SHADES: Final = ("#5741d9", "#1f77b4", "#2ca02c", "#d62728", "#e08a00", "#8c564b", "#c2389c")
_OURS, _OTHERS = "#5741d9", "#a8a8b3"


def draw(found: Mapping[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Draw what the run has figures for; return file names and titles. Raises ImportError without matplotlib."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("svg")
    # Text stays text, and two drawings of one run are the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 9})
    pyplot = import_module("matplotlib.pyplot")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    calls = found.get("calls", {})
    for name, title, figures, painter in (
        (
            "cancels.svg",
            "Share of cancels not yet at the wire, by time",
            found.get("cancels"),
            _cancels,
        ),
        ("cpu.svg", "CPU of one call beside plain aiohttp (1.0)", calls.get("1"), _ratios),
        ("orders.svg", "CPU of one AddOrder beside plain aiohttp (1.0)", _add_order(found), _order_bars),
        ("gathered.svg", "CPU of one call by the number of calls gathered, µs", calls, _gathered),
        ("nonces.svg", "Nonces a second", found.get("nonces"), _nonces),
        ("imports.svg", "Milliseconds to import", found.get("imports"), _imports),
    ):
        if figures:
            figure, axes = pyplot.subplots(figsize=(7.2, 3.6), layout="constrained")
            painter(axes, figures)
            axes.set_title(title, loc="left")
            axes.spines[["top", "right"]].set_visible(False)
            figure.savefig(folder / name, metadata={"Date": None})
            pyplot.close(figure)
            drawn.append((name, title))
    return drawn


def _bars(axes: Any, names: list[str], values: list[float], texts: list[str], **options: Any) -> None:
    colours = [_OURS if name.startswith(("kraken_async", "NonceSource")) else _OTHERS for name in names]
    bars = axes.barh(names, values, color=colours, **options)
    axes.bar_label(bars, texts, padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.15)


def _cancels(axes: Any, found: Mapping[str, Any]) -> None:
    for number, row in enumerate(found["rows"]):
        own = row["client"].startswith("kraken_async")
        label = f"{row['name']}: {row['client']}"
        if not row["curve"]:  # none came while they were watched
            axes.axhline(1, color=_OTHERS, linestyle=":", linewidth=1.2, label=f"{label} (none)")
            continue
        seconds = [each for _, each in row["curve"]]
        colour = _SHADES[number % len(_SHADES)] if own else _OTHERS
        style = {"linewidth": 1.8 if own else 1.2, "color": colour}
        axes.plot(seconds, [share for share, _ in row["curve"]], label=label, drawstyle="steps-post", **style)
    axes.axvline(2, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.set_xlabel("seconds since it was asked for (the line: what is promised)")
    axes.legend(fontsize=6, loc="lower left")


def _ratios(axes: Any, figures: Mapping[str, Any]) -> None:
    # The slow ones would make the rest too small to tell apart; the table has them.
    names = [c.name for c in CONTENDERS if c.name in figures and figures[c.name]["cpu_ratio"]["median"] < 2]
    values = [figures[name]["cpu_ratio"]["median"] for name in names]
    spans = [figures[name]["cpu_ratio"]["generations"] for name in names]
    errors = [
        [max(v - low, 0) for v, (low, _) in zip(values, spans, strict=True)],
        [max(high - v, 0) for v, (_, high) in zip(values, spans, strict=True)],
    ]
    _bars(axes, names, values, [f"{v:.2f}" for v in values], xerr=errors, error_kw={"ecolor": "#444"})
    axes.axvline(1, color="black", linewidth=0.8)


def _add_order(found: Mapping[str, Any]) -> Mapping[str, Any]:
    clients: Mapping[str, Any] = found.get("orders", {}).get("levels", {}).get("0", {}).get("AddOrder", {})
    return clients


def _order_bars(axes: Any, clients: Mapping[str, Any]) -> None:
    names = [client.name for client in CLIENTS if client.name in clients]
    values = [clients[name]["ratio"]["median"] for name in names]
    _bars(axes, names, values, [f"{value:.2f}" for value in values])
    axes.axvline(1, color="black", linewidth=0.8)


def _gathered(axes: Any, levels: Mapping[str, Any]) -> None:
    for name in _LINES:
        points = [(int(n), at[name]["cpu_us"]["median"]) for n, at in levels.items() if name in at]
        if points:
            own = name.startswith("kraken_async")
            axes.plot(*zip(*points, strict=True), marker="o", label=name, linewidth=2.4 if own else 1.2)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("calls gathered at a time")
    axes.legend(fontsize=7, ncols=2)


def _nonces(axes: Any, figures: Mapping[str, Any]) -> None:
    names = [name.replace(" / 1", ", one thread").replace(" / 8", ", eight threads") for name in figures]
    values = [each["per_second"]["median"] for each in figures.values()]
    _bars(axes, names, values, [f"{v:,.0f}" for v in values])
    axes.set_xscale("log")
    axes.set_xlim(1e3, 1e9)


def _imports(axes: Any, figures: Mapping[str, Any]) -> None:
    values = [each["wall_ms"]["median"] for each in figures.values()]
    _bars(axes, list(figures), values, [f"{v:.0f}" for v in values])
