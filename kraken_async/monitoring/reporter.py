"""Reporter: count calls, and report their ends to the observers, the log and ``on_orphan``."""

from __future__ import annotations

import inspect
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kraken_async.call import ENDS_PROGRAM, CallListener, Orphan
from kraken_async.errors import KrakenError, Outcome
from kraken_async.monitoring.metrics import CallRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from kraken_async.api.endpoints import Priority
    from kraken_async.call import Call
    from kraken_async.monitoring.metrics import Metrics, Observer
    from kraken_async.problems import ProblemChange

T = TypeVar("T")

log: logging.Logger = logging.getLogger("kraken_async.calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """A caller's functions that a session calls; see KrakenSession."""

    observers: tuple[Observer, ...] = ()
    on_orphan: Callable[[Orphan], Any] | None = None
    on_settled: Callable[[Orphan], Any] | None = None
    on_problem: Callable[[ProblemChange], Any] | None = None


class Reporter(CallListener):
    """Notifies observers and ``on_orphan``; their exceptions are counted and logged, never raised.

    ``on_settled`` None: ``on_orphan`` is called instead. ``spawn`` runs a coroutine that either returns. Times are by
    ``clock``, the loop's.
    """

    def __init__(
        self,
        metrics: Metrics,
        listeners: Listeners,
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
        clock: Callable[[], float],
    ) -> None:
        self.metrics = metrics
        self._clock = clock
        self._observers = listeners.observers
        self._on_orphan = listeners.on_orphan
        self._on_settled = listeners.on_settled
        self._on_problem = listeners.on_problem
        self._spawn = spawn

    def count(self, error: KrakenError) -> None:
        """Count a failure by Kraken's code without its extras, or by its class."""
        self.metrics.errors[":".join(_code(error).split(":")[:2])] += 1

    # -- a call's way ----------------------------------------------------------------------------------------------

    def call_sent(self, call: Call) -> None:
        """Count a sending."""
        metrics = self.metrics
        metrics.sent += 1
        metrics.sent_at.append(call.sent_at)
        if call.attempt == 1:
            metrics.waits.append(call.sent_at - call.enqueued_at)

    def call_answered(self, call: Call, now: float) -> None:
        """Count the time of a round trip that brought a result."""
        self.metrics.round_trips.append(now - call.sent_at)

    def call_repeated(self) -> None:
        """Count a repeat."""
        self.metrics.retries += 1

    def call_cancelled_unsent(self, call: Call, error: KrakenError) -> None:
        """Count why a call was taken back."""
        del call
        self.count(error)

    def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Count the end of a call, hand its record to the observers, and report it if its caller has left."""
        if call.future.done():
            self._orphaned(call, result, error)
        metrics, name, now = self.metrics, call.endpoint.name, self._clock()
        if call.internal:
            metrics.lookups += 1
        if error is None:
            metrics.answered += 1
            outcome, code = "answered", None
        else:
            outcome, code = self._count_failed(error)
        if call.attempt:
            at, wait, round_trip = call.sent_unix, call.first_sent_at - call.enqueued_at, now - call.sent_at
        else:
            at, wait, round_trip = time.time(), now - call.enqueued_at, 0.0
        metrics.last_calls.append((at, name, outcome, code, wait, round_trip))
        if self._observers or log.isEnabledFor(logging.DEBUG):
            self._show(
                CallRecord(
                    endpoint=name,
                    priority=call.priority.name,
                    outcome=outcome,
                    error=code,
                    attempts=call.attempt,
                    wait=wait,
                    round_trip=round_trip,
                    nonce=call.nonce,
                )
            )

    def turned_away(self, name: str, priority: Priority, error: KrakenError) -> None:
        """Count a call that never came to wait, and hand its record to the observers."""
        self.count(error)
        outcome, code = self._count_failed(error)
        self.metrics.last_calls.append((time.time(), name, outcome, code, 0.0, 0.0))
        self._show(CallRecord(endpoint=name, priority=priority.name, outcome=outcome, error=code))

    def _count_failed(self, error: KrakenError) -> tuple[str, str | None]:
        """Count one end without a result; return its outcome and its code, as records name them."""
        if error.outcome is Outcome.REFUSED:
            self.metrics.refused += 1
        elif error.outcome is Outcome.NOT_SENT:
            self.metrics.not_sent += 1
        else:
            self.metrics.unknown += 1
        return str(error.outcome), _code(error)

    def _show(self, record: CallRecord) -> None:
        log.debug("%s %s", record.endpoint, record.outcome, extra={"call": record})
        for observer in self._observers:
            try:
                observer(record)
            except ENDS_PROGRAM:
                raise
            except BaseException:
                self.metrics.observer_errors += 1
                log.exception("an observer failed")

    def _orphaned(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Report a write that ended after its caller had left. A read is only counted."""
        self.metrics.orphans += 1
        if not call.endpoint.changes or call.internal:
            return
        orphan = Orphan(
            endpoint=call.endpoint.name,
            cl_ord_id=call.params.get("cl_ord_id"),
            nonce=call.nonce,
            sent_at=call.sent_unix,
            result=result,
            error=error,
            params=dict(call.params),
        )
        log.warning(
            "%s ended after its caller had left: %s",
            orphan.endpoint,
            "done" if error is None else error,
            extra={"endpoint": orphan.endpoint, "cl_ord_id": orphan.cl_ord_id, "nonce": orphan.nonce},
        )
        self.report(orphan)

    def report(self, orphan: Orphan) -> None:
        """Hand an orphan to the caller's ``on_orphan``; a coroutine that it returns is run in the background."""
        self._tell("on_orphan", self._on_orphan, orphan)

    def settled(self, orphan: Orphan) -> None:
        """Hand what was found out of an order, whose caller was told "unknown", to ``on_settled`` or ``on_orphan``."""
        if self._on_settled is None:
            self.report(orphan)
        else:
            self._tell("on_settled", self._on_settled, orphan)

    def problem_changed(self, change: ProblemChange) -> None:
        """Hand a problem that came or went to ``on_problem``."""
        self._tell("on_problem", self._on_problem, change)

    def _tell(self, name: str, listener: Callable[[T], Any] | None, value: T) -> None:
        if listener is None:
            return
        try:
            told = listener(value)
        except ENDS_PROGRAM:
            raise
        except BaseException:
            self.metrics.observer_errors += 1
            log.exception("%s failed", name)
        else:
            if inspect.iscoroutine(told):
                self._spawn(told)


def _code(error: KrakenError) -> str:
    return error.errors[0] if error.errors else error.__class__.__name__
