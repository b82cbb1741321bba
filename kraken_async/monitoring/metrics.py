"""The counts of a session, the frozen snapshot it gives, and the record it hands to observers."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Of the calls that a session makes itself to look up lost orders: how many have ended, how many wait, and for how many
#: seconds the longest-waiting has. They are among the calls that the other counts are of.
LOOKUPS: Final = ("ended", "waiting", "age")
#: How many of the last calls the percentiles are taken over.
SAMPLES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One finished private call, for observers and logs. Times in seconds; no parameters, no secrets."""

    endpoint: str
    priority: str
    outcome: str  # "answered", "refused", "not sent" or "unknown"
    error: str | None  # Kraken's first error string without its extras, or the class of another failure
    attempts: int = 0
    wait: float = 0.0  # from being asked for to being sent
    round_trip: float = 0.0  # from being sent to the answer; 0 if never sent
    nonce: int = 0


class Observer(Protocol):
    """Called once per finished call, in the session's loop. What it raises is counted and logged, never passed on."""

    def __call__(self, record: CallRecord, /) -> None:
        """Take note of one call that has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Median, 90th and 99th percentile and maximum of the last calls, in seconds; zeros before the first."""

    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    max: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Percentiles:
        """Return the percentiles of some values, by the nearest rank."""
        ranked = sorted(values)
        if not ranked:
            return cls()
        last = len(ranked) - 1
        at = [ranked[round(last * share)] for share in (0.5, 0.9, 0.99)]
        return cls(p50=at[0], p90=at[1], p99=at[2], max=ranked[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A session at one moment. Seconds throughout; ``problems`` is empty when all is well."""

    total_nonces_issued: int
    last_nonce: int
    uptime_seconds: float
    nonces_per_second: float
    recent_burst_rate: float  # private calls sent in the last second
    in_startup_window: bool
    persistence_file: str
    # ``startup_rate_limit_seconds``, ``max_burst_rate`` and ``startup_window_seconds``.
    rate_limit_config: Mapping[str, float]
    queue_depth: Mapping[str, int]  # by priority
    in_flight: int
    in_flight_age: float | None  # of the oldest call in flight
    wait: Percentiles
    round_trip: Percentiles
    counter_level: float  # Kraken's call counter, as high as it can be
    counter_maximum: float
    counter_decay: float  # per second
    pair_levels: Mapping[str, float]  # the matching engine's counters
    pair_threshold: float
    answered: int
    refused: int
    unknown: int
    not_sent: int
    retries: int
    errors: Mapping[str, int]  # by Kraken's code, or the class of another failure
    orphans: int  # calls that were answered after their caller had left
    observer_errors: int
    nonce_lead: float  # seconds of the last nonce ahead of this machine's clock
    durable: bool
    halted: bool
    breaker: str  # "closed", "locked out" or "paused"
    breaker_until: float | None  # unix time
    unresolved: int  # orders whose outcome is not known
    problems: tuple[str, ...] = ()
    problem_codes: tuple[tuple[str, str], ...] = ()  # (code, severity) of each problem, in the same order
    queue_age: Mapping[str, float] = field(default_factory=dict)  # seconds of the longest wait, by priority
    lookups: Mapping[str, float] = field(
        default_factory=dict
    )  # the session's own, of lost orders: see LOOKUPS
    waiting_for: str | None = None  # what calls wait for, beyond the ordinary turn, in one sentence
    store: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the snapshot as plain JSON data."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Percentiles):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


class Metrics:
    """Counts of one session. Touched on every call, so it is all plain attributes."""

    __slots__ = (
        "answered",
        "errors",
        "last_calls",
        "lookups",
        "not_sent",
        "observer_errors",
        "orphans",
        "refused",
        "retries",
        "round_trips",
        "sent",
        "sent_at",
        "started_at",
        "unknown",
        "waits",
    )

    def __init__(self, started_at: float | None = None) -> None:
        self.started_at: float | None = started_at  # on the loop's clock; None: not yet
        self.sent: int = 0
        self.answered: int = 0
        self.refused: int = 0
        self.unknown: int = 0
        self.not_sent: int = 0
        self.retries: int = 0
        self.orphans: int = 0
        self.lookups: int = 0
        self.observer_errors: int = 0
        self.errors: Counter[str] = Counter()
        self.waits: deque[float] = deque(maxlen=SAMPLES)
        self.round_trips: deque[float] = deque(maxlen=SAMPLES)
        self.sent_at: deque[float] = deque(maxlen=1024)
        # For monitors: unix time, endpoint, outcome, error, seconds of wait and of the round trip.
        self.last_calls: deque[tuple[float, str, str, str | None, float, float]] = deque(maxlen=20)

    def recent(self, now: float) -> float:
        """Return how many calls were sent in the last second."""
        return float(len(self.sent_at) - bisect_right(self.sent_at, now - 1.0))
