"""The frozen snapshot of a session: everything that statistics, monitors and ``problems`` are made from."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kraken_async.limits import circuit_breaker
from kraken_async.monitoring.metrics import Percentiles, Statistics
from kraken_async.stores.base import UNITS

if TYPE_CHECKING:
    from kraken_async.session import KrakenSession

#: A call in flight for longer than this, in seconds, is worth a sentence.
STALLED = 5.0


def snapshot(session: KrakenSession) -> Statistics:
    """Return a session's statistics, all taken at one moment of its loop."""
    now = session._clock()
    metrics, governor = session._metrics, session.governor
    uptime = max(now - metrics.started_at, 1e-9)
    opened = session._loop is not None and session._signer is not None
    if opened:
        session._look()
    key: dict[str, Any] = _key_part(session, now) if opened else _NOTHING
    call = session._overtaker.in_flight
    fields: dict[str, Any] = {
        "total_nonces_issued": metrics.sent,
        "uptime_seconds": uptime,
        "nonces_per_second": metrics.sent / uptime,
        "recent_burst_rate": metrics.recent(now),
        "rate_limit_config": MappingProxyType(
            {
                "startup_rate_limit_seconds": governor.startup_interval,
                "max_burst_rate": governor.max_burst_rate,
                "startup_window_seconds": governor.startup_window,
            }
        ),
        "queue_depth": MappingProxyType(session._queue.depth()),
        "in_flight": 0 if call is None else 1,
        "in_flight_age": None if call is None else now - call.sent_at,
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
        **key,
    }
    return Statistics(**fields, problems=_problems(session, fields) if opened else ())


_NOTHING: dict[str, Any] = {
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
    "unresolved": 0,
}


def _key_part(session: KrakenSession, now: float) -> dict[str, Any]:
    state, admission = session._key, session._admission
    seen, tier = state.seen, admission.tier
    until = circuit_breaker.closed_until(seen, now)
    ticks = time.time_ns() // UNITS[session._unit]
    return {
        "last_nonce": seen.last,
        "in_startup_window": admission.in_startup(now),
        "persistence_file": state.place,
        "counter_level": min(admission.level(seen, now), float(tier.maximum)),
        "counter_maximum": float(tier.maximum),
        "counter_decay": tier.decay,
        "pair_levels": MappingProxyType(
            {p: admission.engine.level(p, now) for p in admission.engine.pairs(seen, now)}
        ),
        "pair_threshold": float(tier.threshold),
        "nonce_lead": (seen.last - ticks) * UNITS[session._unit] / 1e9 if seen.last else 0.0,
        "durable": state.durable,
        "halted": seen.halted,
        "breaker": "closed" if not until else "locked out" if seen.lockout_until > now else "paused",
        "breaker_until": time.time() + until - now if until else None,
        "unresolved": session._desk.open_count,
        "store": MappingProxyType(state.figures()),
    }


def _problems(session: KrakenSession, fields: dict[str, Any]) -> tuple[str, ...]:
    found = list(session._key.problems())
    if fields["breaker"] != "closed":
        seconds = fields["breaker_until"] - time.time()
        found.append(f"private calls are {fields['breaker']} for {seconds:.0f} s more")
    if fields["halted"]:
        found.append("trading is halted on this key until resume()")
    if fields["unresolved"]:
        found.append(f"the outcome of orders is unknown: {fields['unresolved']}, see unresolved()")
    if fields["in_flight_age"] is not None and fields["in_flight_age"] > STALLED:
        found.append(f"the call in flight has no answer for {fields['in_flight_age']:.0f} s")
    if fields["nonce_lead"] > 120:
        found.append(
            f"nonces run {fields['nonce_lead']:.0f} s ahead of this clock: it stepped back, or was jumped over"
        )
    if session._nonce_finding:
        found.append(session._nonce_finding)
    return tuple(found)
