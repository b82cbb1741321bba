"""CallChoice: which of the waiting calls goes next, judged and charged by the shared state under the nonce lock.

What must not go at all is refused here, unsent. A chosen call is reserved until it is sent: over Redis its nonce takes
a round trip; meanwhile an overtaking cancel may choose too, and must not choose the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kraken_async.api.endpoints import CANCEL
from kraken_async.calls import log_messages
from kraken_async.errors import NonceStoreError, Outcome
from kraken_async.limits import circuit_breaker
from kraken_async.limits.governor import AT_ONCE, Quote
from kraken_async.orders import recall

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Call
    from kraken_async.calls.faults import Faults
    from kraken_async.calls.halt import Halt
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.errors import KrakenError
    from kraken_async.limits.governor import Admission
    from kraken_async.orders.tracker import OrderTracker
    from kraken_async.stores.base import Shared


class CallChoice:
    """Chooses for one session. ``earliest``: the quote of the waiting calls when none of them may go."""

    def __init__(
        self,
        queue: RequestQueue,
        gate: Admission,
        ledger: CallLedger,
        tracker: OrderTracker,
        halt: Halt,
        faults: Faults,
        clock: Callable[[], float],
    ) -> None:
        self.earliest: Quote | None = None
        self._queue = queue
        self._gate = gate
        self._quote_of = gate.seconds_until_free
        self._ledger = ledger
        self._tracker = tracker
        self._halt = halt
        self._faults = faults
        self._clock = clock

    def admit(self, reserved: list[Call], shared: Shared) -> Call | None:
        """Choose the most urgent call that may go now, and charge it. What must not go at all is refused here."""
        if reserved:
            self.release(reserved)  # of an attempt before: a remote store may ask again
        now = self._clock()
        if shared.lockout_until or shared.pause_until or shared.halted:
            self._refuse(shared, now)
        if shared.recalled.crowded:
            recall.forget(shared, self._ledger.calls(), now)
        while True:
            call, quote = self._queue.choose(self._quote_of, shared, now)
            if call is None or quote is None:
                self.earliest = quote
                return None
            if self._reserve(reserved, call, shared, now, quote):
                return call

    def _reserve(
        self, reserved: list[Call], call: Call, shared: Shared, now: float, quote: Quote = AT_ONCE
    ) -> bool:
        """Charge and reserve a call. False: it was recalled, or met a fault, and has ended unsent."""
        try:
            if call.endpoint.places_orders and (why := recall.recalled(call, shared)) is not None:
                self._ledger.cancel_unsent(call, log_messages.recalled(call, why))
                return False
            self._gate.charge(call, shared, now, quote)
            if call.order is not None:
                self._tracker.claim(call)
            if call.endpoint.priority == CANCEL:
                recall.note_cancel(call, shared, now)
        except Exception as fault:
            error = self._faults.error(call.endpoint.name, fault, Outcome.NOT_SENT)
            self._ledger.cancel_unsent(call, error)
            return False
        self._queue.reserve(call)
        reserved.append(call)
        return True

    def release(self, reserved: list[Call]) -> None:
        """Put reserved calls back at their places."""
        while reserved:
            self._queue.release(reserved.pop())

    def _refuse(self, shared: Shared, now: float) -> None:
        """Fail the waiting calls that an open breaker or a halt stops: they must not wait for its end."""
        self._halt.apply(shared)

        def refusal(call: Call) -> KrakenError | None:
            name = call.endpoint.name
            error = None if call.options.ignore_breaker else circuit_breaker.refusal(shared, now, name)
            if error is None and shared.halted and recall.places(call):
                return log_messages.halted(call)
            return error

        self._ledger.cancel_unsent_where(refusal)

    def admit_cancel(self, reserved: list[Call], shared: Shared) -> Call | None:
        """Choose the most urgent cancel, and charge it."""
        if reserved:
            self.release(reserved)
        now = self._clock()
        if shared.lockout_until or shared.pause_until or shared.halted:
            self._refuse(shared, now)
        while True:
            call, _ = self._queue.choose(_only_cancels, shared, now)
            if call is None:
                return None
            if self._reserve(reserved, call, shared, now):
                return call

    def fail_first(self, fault: Exception, *, cancels: bool) -> None:
        """Fail the most urgent waiting cancel, or of the other calls, for a fault that was no one's in particular."""
        quote_of = _only_cancels if cancels else _no_cancels
        call, _ = self._queue.choose(quote_of, None, self._clock())
        if call is None:
            self._faults.log("the worker", fault)
        else:
            error = self._faults.error(call.endpoint.name, fault, Outcome.NOT_SENT)
            self._ledger.cancel_unsent(call, error)
        self._queue.wake()

    def fail_waiting(self, error: NonceStoreError, *, cancels: bool) -> None:
        """Fail the waiting cancels, or the other waiting calls, with the store's error."""

        def failure(call: Call) -> KrakenError | None:
            if (call.priority == CANCEL) is not cancels:
                return None
            return NonceStoreError(str(error), endpoint=call.endpoint.name)

        self._ledger.cancel_unsent_where(failure)


_LATER = Quote(1.0)


def _only_cancels(call: Call, _shared: object, _now: float) -> Quote:
    return AT_ONCE if call.priority == CANCEL else _LATER


def _no_cancels(call: Call, _shared: object, _now: float) -> Quote:
    return _LATER if call.priority == CANCEL else AT_ONCE
