"""SessionStatistics: gather what the parts of an open session know into one frozen snapshot, with its problems."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Priority
from kraken_async.limits.budget import Budget
from kraken_async.monitoring import statistics
from kraken_async.monitoring.metrics import LOOKUPS, Statistics
from kraken_async.problems import Problem, coded, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kraken_async.call import Call
    from kraken_async.calls.faults import Faults
    from kraken_async.calls.halt import Halt
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.calls.market_modes import MarketModes
    from kraken_async.calls.nonce_recovery import NonceRecovery
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.calls.worker import CallWorker
    from kraken_async.limits.governor import Admission
    from kraken_async.limits.waits import LimitWait
    from kraken_async.monitoring.metrics import Metrics
    from kraken_async.orders.tracker import OrderTracker
    from kraken_async.problems import ProblemBoard
    from kraken_async.stores.base import KeyState

#: Seconds for which a fault is among the problems.
OF_LATE: Final = 600.0


class SessionStatistics:
    """The statistics of one open session."""

    def __init__(
        self,
        metrics: Metrics,
        unit: str,
        *,
        key: KeyState,
        gate: Admission,
        queue: RequestQueue,
        worker: CallWorker,
        tracker: OrderTracker,
        nonces: NonceRecovery,
        board: ProblemBoard,
        modes: MarketModes,
        ledger: CallLedger,
        halt: Halt,
        faults: Faults,
    ) -> None:
        self._metrics = metrics
        self._unit = unit
        self._key = key
        self._gate = gate
        self._queue = queue
        self._worker = worker
        self._tracker = tracker
        self._nonces = nonces
        self._board = board
        self._modes = modes
        self._ledger = ledger
        self._halt = halt
        self._faults = faults
        self._faults_met, self._faults_at = 0, float("-inf")

    def at(self, now: float) -> Statistics:
        """Return one frozen snapshot, all taken at one moment. Never waits."""
        figures, problems, waits = self._look(now)
        return Statistics(**figures, **statistics.told(problems, statistics.waiting_for(self._key, waits)))

    def problems(self, now: float) -> list[Problem]:
        """Return the problems alone."""
        return self._look(now)[1]

    def budget(self) -> Budget:
        """Return what is left of Kraken's counters."""
        self.refresh()
        return Budget.of(self._gate, self._key.seen, self._gate.now())

    def refresh(self) -> None:
        """Read what other sessions on the key have written, without waiting."""
        if not self._halt.lifting and not self._ledger.closing:
            self._key.refresh()

    def _look(self, now: float) -> tuple[dict[str, Any], list[Problem], list[LimitWait]]:
        self.refresh()
        self._modes.expire()
        figures = statistics.call_figures(
            self._metrics,
            self._gate.governor,
            now,
            depth=self._queue.depth(),
            in_flight=self._worker.in_flight,
            unresolved=self._tracker.open_count,
        )
        figures |= statistics.key_figures(self._key, self._gate, self._unit, now)
        lanes = self._queue.lanes(now)
        figures |= _waiting(lanes, self._metrics, self._queue.internal(), now)
        waits = self._gate.waits(lanes, self._key.seen, now)
        problems = statistics.problems_of(figures, self._key, waits)
        problems += coded(self._tracker.problems(), "journal")
        if self._nonces.finding:
            problems.append(Problem("nonce-writer", self._nonces.finding))
        problems += self._faults_of_late(now)
        return figures, [*problems, *self._board], waits

    def _faults_of_late(self, now: float) -> Iterator[Problem]:
        met = self._faults.total
        if met != self._faults_met:
            self._faults_met, self._faults_at = met, now
        if now - self._faults_at < OF_LATE:
            count = counted(met, "fault was", "faults were")
            yield Problem("faults", f"{count} met since the session was opened: see the log")


def _waiting(
    lanes: Iterable[tuple[Call, int]], metrics: Metrics, internal: int, now: float
) -> dict[str, Mapping[str, float]]:
    """Return for how long the longest-waiting call of each priority has waited, and the session's own apart."""
    ages, own = dict.fromkeys(Priority.__members__, 0.0), 0.0
    for call, _ in lanes:
        age, name = now - call.enqueued_at, call.priority.name
        if call.internal:
            own = max(own, age)
        else:
            ages[name] = max(ages[name], age)
    lookups = dict(zip(LOOKUPS, (metrics.lookups, internal, own), strict=True))
    return {"queue_age": MappingProxyType(ages), "lookups": MappingProxyType(lookups)}
