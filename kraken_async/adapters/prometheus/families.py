"""The metric that each of a session's statistics becomes: names by Prometheus' conventions, base units, no secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from kraken_async.problems import SEVERITIES

if TYPE_CHECKING:
    from kraken_async import Statistics
    from kraken_async.monitoring.metrics import Percentiles

PREFIX: Final = "kraken_async_"

Samples = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name (without ``_total``), what it says, its own labels, and its samples."""

    name: str
    text: str
    take: Callable[[Statistics], Any]
    labels: tuple[str, ...] = ()
    counter: bool = False

    def metric(self, names: tuple[str, ...]) -> Any:
        """Return an empty metric whose labels are ``names`` and the family's own."""
        kind = CounterMetricFamily if self.counter else GaugeMetricFamily
        return kind(PREFIX + self.name, self.text, labels=(*names, *self.labels))

    def samples(self, stats: Statistics) -> Samples:
        """Return the values of the family's own labels, and the number, of each sample."""
        value = self.take(stats)
        if not self.labels:
            return [((), float(value))]
        return [
            (tuple(map(str, label)) if isinstance(label, tuple) else (str(label),), float(number))
            for label, number in value.items()
        ]


def _count(name: str, text: str, take: Callable[[Statistics], Any], *labels: str) -> Family:
    return Family(name, text, take, labels, counter=True)


def _gauge(name: str, text: str, take: Callable[[Statistics], Any], *labels: str) -> Family:
    return Family(name, text, take, labels)


def _problems(stats: Statistics) -> dict[tuple[str, str], int]:
    """Return how many problems there are of each code; 0 for those that are well, so that alerts have a series."""
    counts: dict[tuple[str, str], int] = dict.fromkeys(SEVERITIES.items(), 0)
    for problem in stats.problem_codes:
        counts[problem] += 1
    return counts


def _quantiles(values: Percentiles) -> dict[str, float]:
    return {"0.5": values.p50, "0.9": values.p90, "0.99": values.p99, "1": values.max}


UP: Final = Family("up", "1 while the session's statistics can be had.", lambda _: 1.0)

FAMILIES: Final = (
    _count("nonces_issued", "Nonces sent.", lambda s: s.total_nonces_issued),
    _count(
        "calls",
        "Private calls that ended, by what is known of them.",
        lambda s: {
            "answered": s.answered,
            "refused": s.refused,
            "unknown": s.unknown,
            "not sent": s.not_sent,
        },
        "outcome",
    ),
    _count(
        "errors", "Failures by Kraken's code, or the class of another failure.", lambda s: s.errors, "error"
    ),
    _count("retries", "Repeated exchanges.", lambda s: s.retries),
    _count("orphans", "Calls answered after their caller had left.", lambda s: s.orphans),
    _count("observer_errors", "Exceptions raised by observers.", lambda s: s.observer_errors),
    _gauge("queue_depth", "Calls waiting, by priority.", lambda s: s.queue_depth, "priority"),
    _gauge("in_flight", "Calls in flight.", lambda s: s.in_flight),
    _gauge("in_flight_age_seconds", "Age of the call in flight; 0: none.", lambda s: s.in_flight_age or 0.0),
    _gauge(
        "recent_wait_seconds",
        "From asked for to sent, of the last calls.",
        lambda s: _quantiles(s.wait),
        "quantile",
    ),
    _gauge(
        "recent_round_trip_seconds",
        "From sent to the answer, of the last calls.",
        lambda s: _quantiles(s.round_trip),
        "quantile",
    ),
    _gauge("recent_burst_rate", "Private calls sent in the last second.", lambda s: s.recent_burst_rate),
    _gauge("call_counter_level", "Kraken's call counter, as high as it can be.", lambda s: s.counter_level),
    _gauge("call_counter_maximum", "The call counter's limit.", lambda s: s.counter_maximum),
    _gauge("call_counter_decay", "How much the call counter falls in a second.", lambda s: s.counter_decay),
    _gauge("engine_counter_level", "The matching engine's counters.", lambda s: s.pair_levels, "pair"),
    _gauge("engine_counter_threshold", "The matching engine's limit.", lambda s: s.pair_threshold),
    _gauge("nonce_lead_seconds", "How far nonces are ahead of the clock.", lambda s: s.nonce_lead),
    _gauge("durable", "1 while nonces are kept on disk.", lambda s: s.durable),
    _gauge("halted", "1 while trading is halted.", lambda s: s.halted),
    _gauge("startup_window", "1 during start-up protection.", lambda s: s.in_startup_window),
    _gauge(
        "breaker_open",
        "1 while private calls fail at once, by the reason.",
        lambda s: {state: s.breaker == state for state in ("locked out", "paused")},
        "reason",
    ),
    _gauge(
        "breaker_until_timestamp_seconds",
        "Until when private calls fail at once; 0: they do not.",
        lambda s: s.breaker_until or 0.0,
    ),
    _gauge("unresolved_orders", "Orders whose outcome is not known.", lambda s: s.unresolved),
    _gauge("problems", "Sentences in stats().problems.", lambda s: len(s.problems)),
    _gauge("problem", "Problems of the moment, by code.", _problems, "code", "severity"),
    _gauge(
        "calls_held",
        "1 while calls wait for Kraken's limits or for another session.",
        lambda s: s.waiting_for is not None,
    ),
    _gauge("uptime_seconds", "Seconds since the session was opened.", lambda s: s.uptime_seconds),
)
