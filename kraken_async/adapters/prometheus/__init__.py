"""A session's statistics for Prometheus, and how long its calls waited and took.

    collector = KrakenCollector()
    prometheus_client.REGISTRY.register(collector)
    session = KrakenSession(..., observers=[collector.observer(key="main")])
    async with session:
        collector.add(session, key="main")

Labels tell accounts apart: any names, the same for each session; never the API key itself. One collector serves all
sessions of a process. A dashboard for these names is in docs/grafana.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Histogram
from prometheus_client.registry import Collector

from kraken_async.adapters.background import BackgroundSession
from kraken_async.adapters.prometheus.families import FAMILIES, PREFIX, UP, Family
from kraken_async.api.endpoints import find

if TYPE_CHECKING:
    from prometheus_client import Metric

    from kraken_async import CallRecord, KrakenSession, Observer, Statistics

__all__ = ["KrakenCollector"]

#: Seconds that a scrape waits for a session's loop; a loop that is blocked for longer shows as down.
PATIENCE: Final = 2.0
#: Seconds: from a fast exchange to a call that waits for the counter.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class KrakenCollector(Collector):
    """Collects from any number of sessions, whichever thread the scrape comes in.

    ``session`` and ``labels``: a first session, as for `add`. Raises ValueError for labels of other names than the
    first ones had.
    """

    def __init__(self, session: KrakenSession | BackgroundSession | None = None, **labels: str) -> None:
        self._sources: dict[int, tuple[Any, tuple[str, ...], Callable[[], Statistics]]] = {}
        self._names: tuple[str, ...] | None = None
        self._histograms: tuple[Histogram, Histogram] | None = None
        if session is not None:
            self.add(session, **labels)

    def add(self, session: KrakenSession | BackgroundSession, **labels: str) -> None:
        """Collect from ``session`` too: one of the running event loop, or a BackgroundSession.

        It is held until `remove`. Raises RuntimeError outside an event loop.
        """
        values = self._values(labels)
        if isinstance(session, BackgroundSession):
            self._sources[id(session)] = session, values, lambda: session.submit(_stats).result(PATIENCE)
        else:
            loop = asyncio.get_running_loop()
            self._sources[id(session)] = session, values, lambda: _from_loop(loop, session)

    def remove(self, session: KrakenSession | BackgroundSession) -> None:
        """Collect from ``session`` no longer."""
        self._sources.pop(id(session), None)

    def observer(self, **labels: str) -> Observer:
        """Return the observer that fills the histograms for one session: ``KrakenSession(observers=[...])``."""
        values = self._values(labels)
        if self._histograms is None:
            names = (*(self._names or ()), "endpoint", "outcome")
            wait, trip = (f"{PREFIX}call_wait_seconds", f"{PREFIX}call_round_trip_seconds")
            self._histograms = (
                Histogram(wait, "From being asked for to being sent.", names, registry=None, buckets=BUCKETS),
                Histogram(trip, "From being sent to the answer.", names, registry=None, buckets=BUCKETS),
            )
        waits, trips = self._histograms

        def observe(record: CallRecord) -> None:
            # Names that are not Kraken's would let a label grow without bounds.
            endpoint = record.endpoint if find(record.endpoint, private=True).known else "other"
            full = (*values, endpoint, record.outcome)
            waits.labels(*full).observe(record.wait)
            if record.attempts:
                trips.labels(*full).observe(record.round_trip)

        return observe

    def _values(self, labels: dict[str, str]) -> tuple[str, ...]:
        names = tuple(sorted(labels))
        if self._names is None:
            self._names = names
        if names != self._names:
            raise ValueError(f"labels are {self._names} in this collector, not {names}")
        return tuple(str(labels[name]) for name in names)

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked of the sessions when the collector is registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield every family with the samples of all sessions."""
        taken = [(values, _try(take)) for _, values, take in list(self._sources.values())]
        names = self._names or ()
        up = UP.metric(names)
        for values, stats in taken:
            up.add_metric(values, float(stats is not None))
        yield up
        for family in FAMILIES:
            yield _filled(family, names, taken)
        for histogram in self._histograms or ():
            yield from histogram.collect()


def _filled(
    family: Family, names: tuple[str, ...], taken: list[tuple[tuple[str, ...], Statistics | None]]
) -> Metric:
    metric = family.metric(names)
    for values, stats in taken:
        if stats is not None:
            for label, value in family.samples(stats):
                metric.add_metric((*values, *label), value)
    return metric  # type: ignore[no-any-return]  # untyped where it comes from


def _try(take: Callable[[], Statistics]) -> Statistics | None:
    # A loop that is blocked, or gone, must not cost the others their scrape; it shows as "up 0".
    with contextlib.suppress(Exception):
        return take()
    return None


async def _stats(session: KrakenSession) -> Statistics:
    return session.stats()


def _from_loop(loop: asyncio.AbstractEventLoop, session: KrakenSession) -> Statistics:
    """Take the statistics in the session's own loop, so that they are of one moment."""
    with contextlib.suppress(RuntimeError):
        if asyncio.get_running_loop() is loop:
            return session.stats()
    taken: Future[Statistics] = Future()

    def take() -> None:
        try:
            taken.set_result(session.stats())
        except Exception as error:
            taken.set_exception(error)

    loop.call_soon_threadsafe(take)
    return taken.result(PATIENCE)
