"""ReplyHandler: handle the end of an exchange: deliver the result, repeat, reconcile, or fail the call.

What a failure leads to is decided by :func:`decide`, which is pure; the handler carries it out.
"""

from __future__ import annotations

import enum
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kraken_async.call import CallState
from kraken_async.calls import log_messages
from kraken_async.calls.write_results import is_answer
from kraken_async.errors import (
    InvalidNonce,
    NonceStoreError,
    OrderError,
    Outcome,
    OutcomeUnknown,
    RateLimitExceeded,
    TransportError,
)
from kraken_async.limits import circuit_breaker
from kraken_async.limits.order_ages import ages
from kraken_async.orders.order_answers import names_what_was_done

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Call
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.calls.lost_orders import LostOrders
    from kraken_async.calls.market_modes import MarketModes
    from kraken_async.calls.nonce_recovery import NonceRecovery
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.calls.retry import RetryPolicy
    from kraken_async.calls.tasks import Tasks
    from kraken_async.errors import KrakenError
    from kraken_async.limits.governor import Admission
    from kraken_async.monitoring.reporter import Reporter
    from kraken_async.orders.pending_order import PendingOrder
    from kraken_async.server_time import ServerTime
    from kraken_async.stores.base import KeyState, Shared

log: logging.Logger = logging.getLogger("kraken_async")

#: Reads whose results tell since when orders stand.
_TELL_AGES = frozenset({"OpenOrders", "QueryOrders"})


class Next(enum.Enum):
    """The next step after a failed exchange."""

    GOAL_REACHED = enum.auto()  # the repeat of a cancel finds the order gone
    HEAL_NONCE = enum.auto()
    REPEAT = enum.auto()
    GIVE_UP = enum.auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step, after ``delay`` seconds."""

    next: Next
    delay: float = 0.0


def decide(
    call: Call, error: KrakenError, retry: RetryPolicy, *, elapsed: float, server_now: float, closing: bool
) -> Decision:
    """Return what a failed exchange leads to. Pure.

    ``elapsed``: seconds since the call was first sent; ``server_now``: the earliest that Kraken's clock can show;
    ``closing``: nothing waits for a repeat any more.
    """
    if call.unknown_before and _names_no_order(call, error):
        return Decision(Next.GOAL_REACHED)
    if isinstance(error, InvalidNonce) and error.outcome is Outcome.REFUSED and _may_heal(call):
        return Decision(Next.HEAL_NONCE)
    delay = retry.delay(error, call.endpoint, call.attempt, elapsed, params=call.params, now=server_now)
    if delay is None or call.future.done() or (closing and delay > 0):
        return Decision(Next.GIVE_UP)
    return Decision(Next.REPEAT, delay)


def _names_no_order(call: Call, error: KrakenError) -> bool:
    return (
        call.endpoint.cancels
        and isinstance(error, OrderError)
        and error.errors[0].startswith(("EOrder:Unknown order", "EOrder:Invalid order"))
    )


def _may_heal(call: Call) -> bool:
    # A refusal proves that this attempt had no effect; of an earlier one it says nothing.
    return call.options.heals and (not call.unknown_before or call.endpoint.repeatable)


class ReplyHandler:
    """Carries out what results and failures lead to. One per session; its loop only."""

    def __init__(
        self,
        ledger: CallLedger,
        queue: RequestQueue,
        key: KeyState,
        gate: Admission,
        retry: RetryPolicy,
        nonces: NonceRecovery,
        lost_orders: LostOrders,
        reporter: Reporter,
        modes: MarketModes,
        tasks: Tasks,
        server_time: ServerTime,
        clock: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._key = key
        self._gate = gate
        self._retry = retry
        self._nonces = nonces
        self._lost_orders = lost_orders
        self._reporter = reporter
        self._modes = modes
        self._tasks = tasks
        self._server_time = server_time
        self._clock = clock

    # -- a result --------------------------------------------------------------------------------------------------

    async def answered(self, call: Call, result: Any) -> None:
        """Deliver a result, and note what else it taught."""
        if not self._is_one(call, result):
            msg = f"{call.endpoint.name}: a result that does not name what was done"
            await self.failed(call, TransportError(msg, outcome=Outcome.UNKNOWN, retryable=False))
            return
        self.deliver(call, result)
        if self._breaker_reset():
            now = self._clock()
            await self._note(lambda shared: circuit_breaker.passed(shared, now))

    def is_plain(self, call: Call, result: Any) -> bool:
        """Return whether :meth:`deliver` is all that a result needs."""
        return not self._breaker_reset() and self._is_one(call, result)

    def _breaker_reset(self) -> bool:
        seen = self._key.seen
        return bool(seen.pauses or seen.lockout_until)

    def _is_one(self, call: Call, result: Any) -> bool:
        if call.order is not None:
            return names_what_was_done(call, result)
        return not call.endpoint.changes or is_answer(call.endpoint.name, result)

    def deliver(self, call: Call, result: Any) -> None:
        """Deliver a result, and note what it taught of levels, nonces and ages."""
        now = self._clock()
        self._reporter.call_answered(call, now)
        self._ledger.finish(call, result=result)
        gate = self._gate
        if (late := gate.late_charge(call, now)) > 0:
            self._charge_late(late, now)
        if call.nonce_refusals >= 2:
            self._tasks.start(self._nonces.inspect())
        if call.endpoint.engine or call.endpoint.name in _TELL_AGES:
            server_now = 0.0 if call.endpoint.engine else self._server_time.now()
            told = ages(call, result, now, server_now, gate.engine.pair(call))
            gate.engine.learn(told, now)
            if call.endpoint.opens_orders or call.endpoint.engine == "edit":
                self._key.note_placed([name for age in told for name in age.names])

    def _charge_late(self, late: float, now: float) -> None:
        """Charge what the exchange may have cost more than was thought, whether it was answered or given up on."""

        def charge(shared: Shared) -> None:
            shared.level, shared.level_at = self._gate.level(shared, now) + late, now

        self._key.note(charge)

    async def _note(self, change: Callable[[Shared], object]) -> None:
        """Write down what an answer taught. An answer in hand is not lost because that cannot be kept."""
        try:
            await self._key.update(change)
        except NonceStoreError as error:
            self._key.insist(change)
            log.warning("what the answer taught cannot be kept yet: %s", error)

    # -- a failure -------------------------------------------------------------------------------------------------

    async def failed(self, call: Call, error: KrakenError) -> None:
        """Handle a refusal, or an exchange without an answer."""
        now = self._clock()
        error.endpoint = call.endpoint.name
        self._reporter.count(error)
        if call.endpoint.changes:
            self._modes.refused(call, error)
        if error.outcome is not Outcome.NOT_SENT and (late := self._gate.late_charge(call, now)) > 0:
            self._charge_late(late, now)
        await self._learn(call, error, now)
        decision = decide(
            call,
            error,
            self._retry,
            elapsed=now - call.first_sent_at,
            server_now=self._server_time.at_least(),
            closing=self._ledger.closing,
        )
        if error.outcome is Outcome.UNKNOWN:
            call.unknown_before = True
        if decision.next is Next.HEAL_NONCE:
            decision = await self._heal(call, error)
        if decision.next is Next.GOAL_REACHED:
            self._ledger.finish(call, result={"count": 0})
        elif decision.next is Next.REPEAT:
            self._repeat(call, decision.delay)
        else:
            self._give_up(call, error)

    async def _learn(self, call: Call, error: KrakenError, now: float) -> None:
        """Take from a refusal what it says about all calls of the key.

        Most say nothing: their callers get them without a wait for the nonce lock, which a stopped process may keep.
        """
        if not error.errors:
            return
        if isinstance(error, RateLimitExceeded) and error.until is None:
            engine = error.errors[0].startswith("EOrder")
            await self._note(lambda shared: self._gate.refused(call, shared, now, engine=engine))
        elif circuit_breaker.teaches(error):
            kraken = self._server_time.at_least()
            await self._note(lambda shared: circuit_breaker.learn(shared, error, now, kraken))
        self._queue.wake()

    async def _heal(self, call: Call, error: KrakenError) -> Decision:
        assert isinstance(error, InvalidNonce)
        healed = await self._nonces.heal(call, error)
        self._queue.wake()
        return Decision(Next.REPEAT if healed and not call.future.done() else Next.GIVE_UP)

    def broken_off(self, call: Call, error: KrakenError) -> None:
        """End a sent call whose end could not be handled; leave one that has ended, or waits for a repeat."""
        if call.state is CallState.SENT:
            self._ledger.finish(call, error=self._unknown(call, error) if call.endpoint.changes else error)

    def _repeat(self, call: Call, delay: float) -> None:
        self._reporter.call_repeated()
        if not call.endpoint.changes:
            # The last attempt ends within the budget too, but is given a second in any case.
            spent = self._clock() - call.first_sent_at + delay
            call.timeout = min(call.timeout, max(1.0, self._retry.budget - spent))
        self._ledger.repeat(call, delay)

    def _give_up(self, call: Call, error: KrakenError) -> None:
        if call.endpoint.changes and not call.internal:
            if self._lost_orders.take(call, error):
                return
            # Whatever happened to a call that was only validated, it had no effect.
            only_validated = call.endpoint.places_orders and call.order is None
            if error.outcome is Outcome.UNKNOWN and not only_validated:
                error = self._unknown(call, error)
        self._ledger.finish(call, error=error)

    def _unknown(self, call: Call, error: KrakenError, *, found_so_far: bool = False) -> OutcomeUnknown:
        order: PendingOrder | None = call.order
        finding = order.finding if order is not None and found_so_far else None
        unknown = OutcomeUnknown.of(call, error, finding=finding)
        unknown.__cause__ = error
        return unknown if order is None else self._lost_orders.bound(unknown, order)

    # -- the end of all --------------------------------------------------------------------------------------------

    def worker_ended(self, fault: BaseException | None) -> None:
        """Fail every pending call when the worker ends, for whatever reason."""
        if fault is not None:
            log.error("the worker ended by a fault of its own", exc_info=fault)
        self._ledger.fail_all(
            lambda call: log_messages.closed(call.endpoint.name, fault), self._lost_at_the_end
        )

    def _lost_at_the_end(self, call: Call) -> KrakenError:
        msg = f"{call.endpoint.name} was in flight when the session was closed: its answer is lost"
        lost = TransportError(msg, endpoint=call.endpoint.name, outcome=Outcome.UNKNOWN)
        return self._unknown(call, lost, found_so_far=True) if call.endpoint.changes else lost
