"""Fill a session's Statistics from its parts: everything that monitors and ``problems`` are made from."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Priority
from kraken_async.limits import circuit_breaker
from kraken_async.limits.waits import LONG
from kraken_async.monitoring.metrics import LOOKUPS, Percentiles, Statistics
from kraken_async.problems import Problem, coded
from kraken_async.stores.base import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kraken_async.call import Call
    from kraken_async.limits.governor import Admission, BurstGovernor
    from kraken_async.limits.waits import LimitWait
    from kraken_async.monitoring.metrics import Metrics
    from kraken_async.stores.base import KeyState

#: A call in flight for longer than this, in seconds, is worth a sentence.
STALLED: Final = 5.0
#: Nonces further ahead of the clock than this, in seconds, are worth one.
FAR_AHEAD: Final = 120.0
#: A wait for another session for longer than this, in seconds, is no longer the ordinary round of the turn.
NEIGHBOURLY: Final = 1.0

_NO_KEY: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "last_nonce": 0,
        "in_startup_window": False,
        "persistence_file": "",
        "counter_level": 0.0,
        "counter_maximum": 0.0,
        "counter_decay": 0.0,
        "pair_levels": MappingProxyType({}),
        "pair_threshold": 0.0,
        "nonce_lead": 0.0,
        "durable": False,
        "halted": False,
        "breaker": "closed",
        "breaker_until": None,
    }
)


def of_calls(metrics: Metrics, governor: BurstGovernor, now: float) -> Statistics:
    """Return the statistics of a session without a key; what concerns one is zero."""
    return Statistics(**_NO_KEY, **call_figures(metrics, governor, now))


def call_figures(
    metrics: Metrics,
    governor: BurstGovernor,
    now: float,
    *,
    depth: Mapping[str, int] | None = None,
    in_flight: Call | None = None,
    unresolved: int = 0,
) -> dict[str, Any]:
    """Return the part of a Statistics that is about calls."""
    uptime = 0.0 if metrics.started_at is None else max(now - metrics.started_at, 1e-9)
    return {
        "total_nonces_issued": metrics.sent,
        "uptime_seconds": uptime,
        "nonces_per_second": metrics.sent / uptime if uptime else 0.0,
        "recent_burst_rate": metrics.recent(now),
        "rate_limit_config": MappingProxyType(
            {
                "startup_rate_limit_seconds": governor.startup_interval,
                "max_burst_rate": governor.max_burst_rate,
                "startup_window_seconds": governor.startup_window,
            }
        ),
        "queue_depth": MappingProxyType(dict(depth) if depth else dict.fromkeys(Priority.__members__, 0)),
        "in_flight": 0 if in_flight is None else 1,
        "in_flight_age": None if in_flight is None else now - in_flight.sent_at,
        "wait": Percentiles.of(metrics.waits),
        "round_trip": Percentiles.of(metrics.round_trips),
        "answered": metrics.answered,
        "refused": metrics.refused,
        "unknown": metrics.unknown,
        "not_sent": metrics.not_sent,
        "retries": metrics.retries,
        "errors": MappingProxyType(dict(metrics.errors)),
        "orphans": metrics.orphans,
        "observer_errors": metrics.observer_errors,
        "unresolved": unresolved,
        "lookups": MappingProxyType(dict(zip(LOOKUPS, (metrics.lookups, 0, 0.0), strict=True))),
    }


def key_figures(key: KeyState, gate: Admission, unit: str, now: float) -> dict[str, Any]:
    """Return the part of a Statistics that is about the key."""
    seen, tier = key.seen, gate.tier
    until = circuit_breaker.closed_until(seen, now)
    ticks = time.time_ns() // UNITS[unit]
    return {
        "last_nonce": seen.last,
        "in_startup_window": gate.in_startup(now),
        "persistence_file": key.place,
        "counter_level": min(gate.level(seen, now), float(tier.maximum)),
        "counter_maximum": float(tier.maximum),
        "counter_decay": tier.decay,
        "pair_levels": MappingProxyType({p: gate.engine.level(p, now) for p in gate.engine.pairs(seen, now)}),
        "pair_threshold": float(tier.threshold),
        "nonce_lead": (seen.last - ticks) * UNITS[unit] / 1e9 if seen.last else 0.0,
        "durable": key.durable,
        "halted": seen.halted,
        "breaker": "closed" if not until else "locked out" if seen.lockout_until > now else "paused",
        "breaker_until": time.time() + until - now if until else None,
        "store": MappingProxyType(key.figures()),
    }


def told(problems: Sequence[Problem], waiting_for: str | None) -> dict[str, Any]:
    """Return the part of a Statistics that says what is wrong, and what is waited for."""
    return {
        "problems": tuple(str(problem) for problem in problems),
        "problem_codes": tuple((problem.code, problem.severity) for problem in problems),
        "waiting_for": waiting_for,
    }


def problems_of(figures: Mapping[str, Any], key: KeyState, waits: Iterable[LimitWait]) -> list[Problem]:
    """Return what the key's state, the figures and the waits for Kraken's limits show to be wrong."""
    return [*coded(key.problems()), *shown_problems(figures), *_long(waits)]


def waiting_for(key: KeyState, waits: Iterable[LimitWait]) -> str | None:
    """Return what calls wait for in one sentence: another session on the key goes before Kraken's limits."""
    neighbours = [f"this session {wait}" for wait in key.waiting() if wait.seconds >= NEIGHBOURLY]
    return "; ".join([*neighbours, *map(str, waits)]) or None


def _long(waits: Iterable[LimitWait]) -> Iterator[Problem]:
    for wait in waits:
        if wait.last >= LONG:
            yield Problem("limit-wait", str(wait), wait.limit)


def shown_problems(stats: Mapping[str, Any]) -> Iterator[Problem]:
    """Return what a session's figures show to be wrong."""
    if stats["breaker_until"] is not None:
        seconds = stats["breaker_until"] - time.time()
        code = "locked-out" if stats["breaker"] == "locked out" else "nonce-pause"
        yield Problem(code, f"private calls are {stats['breaker']} for {seconds:.0f} s more")
    if stats["halted"]:
        yield Problem("halted", "trading is halted on this key until resume()")
    if stats["unresolved"]:
        text = f"the outcome of orders is unknown: {stats['unresolved']}, see unresolved()"
        yield Problem("orders-unresolved", text)
    if stats["in_flight_age"] is not None and stats["in_flight_age"] > STALLED:
        text = f"the call in flight has no answer for {stats['in_flight_age']:.0f} s"
        yield Problem("call-stalled", text)
    if stats["nonce_lead"] > FAR_AHEAD:
        lead = f"nonces run {stats['nonce_lead']:.0f} s ahead of this clock"
        yield Problem("nonce-ahead", f"{lead}: it stepped back, or was jumped over")
