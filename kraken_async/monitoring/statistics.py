"""Fill a session's Statistics from its parts: everything that monitors and ``problems`` are made from."""

from __future__ import annotations

import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Priority
from kraken_async.limits import circuit_breaker
from kraken_async.monitoring.metrics import Percentiles, Statistics
from kraken_async.stores.base import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.call import Call
    from kraken_async.limits.governor import Admission, BurstGovernor
    from kraken_async.monitoring.metrics import Metrics
    from kraken_async.stores.base import KeyState

#: A call in flight for longer than this, in seconds, is worth a sentence.
STALLED: Final = 5.0
#: Nonces further ahead of the clock than this, in seconds, are worth one.
FAR_AHEAD: Final = 120.0

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


def of_calls(
    metrics: Metrics,
    governor: BurstGovernor,
    now: float,
    *,
    depth: Mapping[str, int] | None = None,
    in_flight: Call | None = None,
    unresolved: int = 0,
) -> Statistics:
    """Return the statistics of a session's calls; what concerns a key is zero."""
    uptime = 0.0 if metrics.started_at is None else max(now - metrics.started_at, 1e-9)
    return Statistics(
        **_NO_KEY,
        total_nonces_issued=metrics.sent,
        uptime_seconds=uptime,
        nonces_per_second=metrics.sent / uptime if uptime else 0.0,
        recent_burst_rate=metrics.recent(now),
        rate_limit_config=MappingProxyType(
            {
                "startup_rate_limit_seconds": governor.startup_interval,
                "max_burst_rate": governor.max_burst_rate,
                "startup_window_seconds": governor.startup_window,
            }
        ),
        queue_depth=MappingProxyType(dict(depth) if depth else dict.fromkeys(Priority.__members__, 0)),
        in_flight=0 if in_flight is None else 1,
        in_flight_age=None if in_flight is None else now - in_flight.sent_at,
        wait=Percentiles.of(metrics.waits),
        round_trip=Percentiles.of(metrics.round_trips),
        answered=metrics.answered,
        refused=metrics.refused,
        unknown=metrics.unknown,
        not_sent=metrics.not_sent,
        retries=metrics.retries,
        errors=MappingProxyType(dict(metrics.errors)),
        orphans=metrics.orphans,
        observer_errors=metrics.observer_errors,
        unresolved=unresolved,
    )


def with_key(
    statistics: Statistics,
    key: KeyState,
    gate: Admission,
    unit: str,
    now: float,
    *,
    finding: str | None,
    journals: tuple[str, ...] = (),
) -> Statistics:
    """Return statistics with what concerns the key, and the problems.

    ``finding``: of another writer on the key. ``journals``: what is wrong with order journals.
    """
    seen, tier = key.seen, gate.tier
    until = circuit_breaker.closed_until(seen, now)
    ticks = time.time_ns() // UNITS[unit]
    complete = replace(
        statistics,
        last_nonce=seen.last,
        in_startup_window=gate.in_startup(now),
        persistence_file=key.place,
        counter_level=min(gate.level(seen, now), float(tier.maximum)),
        counter_maximum=float(tier.maximum),
        counter_decay=tier.decay,
        pair_levels=MappingProxyType({p: gate.engine.level(p, now) for p in gate.engine.pairs(seen, now)}),
        pair_threshold=float(tier.threshold),
        nonce_lead=(seen.last - ticks) * UNITS[unit] / 1e9 if seen.last else 0.0,
        durable=key.durable,
        halted=seen.halted,
        breaker="closed" if not until else "locked out" if seen.lockout_until > now else "paused",
        breaker_until=time.time() + until - now if until else None,
        store=MappingProxyType(key.figures()),
    )
    return replace(
        complete,
        problems=(*key.problems(), *journals, *_problems(complete), *([finding] if finding else [])),
    )


def _problems(stats: Statistics) -> list[str]:
    found = []
    if stats.breaker_until is not None:
        seconds = stats.breaker_until - time.time()
        found.append(f"private calls are {stats.breaker} for {seconds:.0f} s more")
    if stats.halted:
        found.append("trading is halted on this key until resume()")
    if stats.unresolved:
        found.append(f"the outcome of orders is unknown: {stats.unresolved}, see unresolved()")
    if stats.in_flight_age is not None and stats.in_flight_age > STALLED:
        found.append(f"the call in flight has no answer for {stats.in_flight_age:.0f} s")
    if stats.nonce_lead > FAR_AHEAD:
        found.append(
            f"nonces run {stats.nonce_lead:.0f} s ahead of this clock: it stepped back, or was jumped over"
        )
    return found
