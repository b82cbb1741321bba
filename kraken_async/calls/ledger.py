"""What becomes of a call once its exchange is over: answered, repeated, settled, or failed; and who is told."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from kraken_async.calls import nonce_recovery
from kraken_async.errors import (
    InvalidNonce,
    KrakenError,
    NonceStoreError,
    OrderError,
    Outcome,
    OutcomeUnknown,
    RateLimitExceeded,
    TransportError,
)
from kraken_async.limits import circuit_breaker
from kraken_async.limits.order_ages import ages

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Call
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.calls.retry import RetryPolicy
    from kraken_async.errors import Finding
    from kraken_async.limits.governor import Admission
    from kraken_async.monitoring.metrics import Metrics
    from kraken_async.monitoring.reporter import Reporter
    from kraken_async.stores.base import KeyState, Shared

log = logging.getLogger("kraken_async.calls")


class Outcomes:
    """Ends every call exactly once. One per session; its loop only.

    ``lost`` takes over an order whose outcome is unknown and ends it by :meth:`finish` later; it returns False for a
    call that it cannot settle.
    """

    def __init__(
        self,
        *,
        queue: RequestQueue,
        retry: RetryPolicy,
        metrics: Metrics,
        reporter: Reporter,
        unit: str,
    ) -> None:
        self.queue = queue
        self.retry = retry
        self.metrics = metrics
        self.reporter = reporter
        self.unit = unit
        self.pending = 0
        self.closing = False
        self.key: KeyState
        self.admission: Admission
        self.lost: Callable[[Call, KrakenError], bool] = lambda _call, _error: False
        self.ended: Callable[[Call, Any, KrakenError | None], None] = lambda _call, _result, _error: None
        self.server_now: Callable[[], float] = time.time
        self.server_at_least: Callable[[], float] = time.time
        self.inspect: Callable[[], object] = lambda: None  # ask Kraken about the key, in the background
        self._clock: Callable[[], float]
        self.sent: set[Call] = set()  # in flight, or being settled
        self._resting: set[Call] = set()
        self._idle: list[asyncio.Future[None]] = []

    def bind(self, key: KeyState, admission: Admission, clock: Callable[[], float]) -> None:
        """Take the parts that exist only once the session is open."""
        self.key, self.admission, self._clock = key, admission, clock

    # -- after an exchange ----------------------------------------------------------------------------------------

    async def answered(self, call: Call, result: Any) -> None:
        """The exchange brought a result: the caller has it, whatever becomes of what else it taught."""
        now = self._clock()
        self.metrics.round_trips.append(now - call.sent_at)
        self.finish(call, result=result)
        seen = self.key.seen
        if seen.pauses or seen.lockout_until:
            await self._note(lambda shared: circuit_breaker.passed(shared, now))
        if self.admission.governor.enabled:
            late = self.admission.late_charge(call, now)
            if late > 0:
                self.key.note(lambda shared: self._raise_level(shared, late, now))
        if call.nonce_refusals >= 2:
            self.inspect()
        if call.endpoint.engine or call.endpoint.name in ("OpenOrders", "QueryOrders"):
            told = ages(call, result, now, self.server_now(), self.admission.engine.pair(call))
            self.admission.engine.learn(told, now)
            if call.endpoint.engine in ("add", "add_batch", "edit"):
                self.key.note_placed([name for age in told for name in age.names])

    def _raise_level(self, shared: Shared, late: float, now: float) -> None:
        shared.level, shared.level_at = self.admission.level(shared, now) + late, now

    async def failed(self, call: Call, error: KrakenError) -> None:
        """The exchange brought a refusal, or no answer."""
        now = self._clock()
        error.endpoint = call.endpoint.name
        self.reporter.count(error)
        await self._learn(call, error, now)
        if call.unknown_before and _names_nothing(call, error):
            # The repeat of a cancel whose answer was lost finds the order gone: the goal is reached.
            self.finish(call, result={"count": 0})
            return
        if error.outcome is Outcome.UNKNOWN:
            call.unknown_before = True
        delay: float | None
        if isinstance(error, InvalidNonce) and error.outcome is Outcome.REFUSED and _may_heal(call):
            delay = 0.0 if await self._healed(call, error, now) else None
        else:
            delay = self.retry.delay(
                error,
                call.endpoint,
                call.attempt,
                now - call.first_sent_at,
                params=call.params,
                now=self.server_at_least(),
            )
        if delay is None or call.future.done() or (self.closing and delay > 0):
            self._end(call, error)
        else:
            self._repeat(call, delay)

    async def _healed(self, call: Call, error: InvalidNonce, now: float) -> bool:
        try:
            return await self._heal(call, error, now)
        except NonceStoreError as unreachable:
            log.warning("the nonce cannot be healed: %s", unreachable)
            return False

    async def _note(self, change: Callable[[Shared], object]) -> None:
        """Write down what an answer taught. An answer in hand is not lost because that cannot be kept."""
        try:
            await self.key.update(change)
        except NonceStoreError as error:
            log.warning("what the answer taught cannot be kept: %s", error)

    async def _heal(self, call: Call, error: InvalidNonce, now: float) -> bool:
        step = await self.key.update(lambda shared: nonce_recovery.next_step(shared, call, now))
        if step == "overtaken":
            call.overtaken += 1
        else:
            call.nonce_refusals += 1
        if step == "jump":
            new = await self.key.jump(nonce_recovery.ticks(self.unit))
            log.warning("nonce refused twice: jumped 60 s ahead, to %d", new, extra={"nonce": new})
        elif step == "stop":
            jumped = call.nonce_refusals > 2
            seconds = await self.key.update(lambda shared: circuit_breaker.pause(shared, now))
            why = nonce_recovery.diagnosis(call.nonce, self.unit, jumped=jumped)
            error.args = (f"{why}. Private calls pause {seconds:.0f} s",)
            log.error("%s", error, extra={"endpoint": call.endpoint.name, "nonce": call.nonce})
            self.queue.wake()
        return step != "stop"

    async def _learn(self, call: Call, error: KrakenError, now: float) -> None:
        if not error.errors:
            return
        if isinstance(error, RateLimitExceeded) and error.until is None:
            engine = error.errors[0].startswith("EOrder")
            await self._note(lambda shared: self.admission.refused(call, shared, now, engine=engine))
        else:
            kraken = self.server_at_least()
            await self._note(lambda shared: circuit_breaker.learn(shared, error, now, kraken))
        self.queue.wake()

    def repeat(self, call: Call) -> None:
        """Send a call again that is certain to have had no effect."""
        self._repeat(call, 0.0)

    def _repeat(self, call: Call, delay: float) -> None:
        self.metrics.retries += 1
        self.sent.discard(call)
        if not call.endpoint.changes:
            # The last attempt ends within the budget too, but is given a second in any case.
            spent = self._clock() - call.first_sent_at + delay
            call.timeout = min(call.timeout, max(1.0, self.retry.budget - spent))
        if delay <= 0:
            self.queue.put_back(call)
            return
        call.state = "resting"
        self._resting.add(call)
        call.timer = asyncio.get_running_loop().call_later(delay, self._rested, call)

    def _rested(self, call: Call) -> None:
        self._resting.discard(call)
        if call.state == "resting":
            self.queue.put_back(call)

    def _end(self, call: Call, error: KrakenError) -> None:
        if call.endpoint.changes and not call.internal:
            if self.lost(call, error):
                return
            if error.outcome is Outcome.UNKNOWN:
                unknown = OutcomeUnknown.of(call, error)
                unknown.__cause__ = error
                error = unknown
        self.finish(call, error=error)

    # -- the end of a call ----------------------------------------------------------------------------------------

    def finish(self, call: Call, *, result: Any = None, error: KrakenError | None = None) -> None:
        """End a call: its caller is told, or ``on_orphan`` if the caller has left."""
        if call.state == "done":
            return
        call.state = "done"
        self.sent.discard(call)
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None
        try:
            self.ended(call, result, error)
        except Exception:  # what it taught cannot be kept; its caller is told all the same
            log.exception("the end of %s could not be put on record", call.endpoint.name)
        future = call.future
        if future.done():
            self.reporter.orphaned(call, result, error)
        elif error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        self.reporter.record(call, error)
        self._less(call)

    def abandon(self, call: Call) -> None:
        """The caller left. What was not sent is forgotten; what was sent goes on and is reported."""
        if call.state in ("queued", "resting"):
            self.queue.remove(call)
            self._resting.discard(call)
            call.state = "dropped"
        if call.state == "dropped":
            call.state = "done"
            if call.timer is not None:
                call.timer.cancel()
                call.timer = None
            self.ended(call, None, None)
            self._less(call)

    def withdraw(self, call: Call, error: KrakenError) -> None:
        """Take a waiting call back, unsent."""
        self.queue.remove(call)
        self._resting.discard(call)
        self.reporter.count(error)
        self.finish(call, error=error)

    def end_all(self, unsent: Callable[[str], KrakenError]) -> None:
        """The worker is gone: end what waits as never sent, and what was in flight by what may have become of it."""
        for call in [*self.waiting(), *self.sent]:
            self.queue.remove(call)
            self._resting.discard(call)
            error = unsent(call.endpoint.name)
            if call.attempt and call.state == "sent":
                msg = f"{call.endpoint.name} was in flight when the session was closed: its answer is lost"
                lost = TransportError(msg, endpoint=call.endpoint.name, outcome=Outcome.UNKNOWN)
                error = (
                    OutcomeUnknown.of(call, lost, finding=_finding(call)) if call.endpoint.changes else lost
                )
            self.finish(call, error=error)

    def waiting(self) -> list[Call]:
        """Return the calls that wait in the queue or rest before a repeat."""
        return [*self.queue, *(call for call in self._resting if call.state == "resting")]

    # -- waiting for the end of all ------------------------------------------------------------------------------

    def _less(self, call: Call) -> None:
        if call.internal:  # nobody waits for the session's own look-ups but who settles an order
            return
        self.pending -= 1
        if not self.pending:
            for waiter in self._idle:
                if not waiter.done():
                    waiter.set_result(None)
            self._idle.clear()

    async def idle(self) -> None:
        """Wait until no call is waiting, in flight or being settled."""
        while self.pending:
            waiter = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter


def _names_nothing(call: Call, error: KrakenError) -> bool:
    return (
        call.endpoint.engine in ("cancel", "cancel_batch")
        and isinstance(error, OrderError)
        and error.errors[0].startswith(("EOrder:Unknown order", "EOrder:Invalid order"))
    )


def _finding(call: Call) -> Finding | None:
    """Return what has been found so far of an order; None for what cannot be looked up."""
    if call.intent is None:
        return None
    return "not seen" if call.intent.looked else "unreachable"


def _may_heal(call: Call) -> bool:
    # A refusal proves that this attempt had no effect; of an earlier one it says nothing.
    return not call.unknown_before or call.endpoint.repeatable
