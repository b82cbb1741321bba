"""CallWorker: take the turn while calls wait, and send them one at a time.

Rules:

1. The queue comes before everything, so a caller who leaves while waiting has spent nothing.
2. The turn, the right to send on this key, is held from before the nonce until the answer is in or given up on,
   never during a back-off.
3. What may go now is chosen with the turn in hand and the shared counters read, under the nonce lock.
4. The exchange runs in the worker, not in its caller's task: a caller may leave without tearing it.
5. A chosen call is reserved until it is sent. Over Redis its nonce takes a round trip; meanwhile an overtaking cancel
   may choose too, and must not choose the same.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from kraken_async.api.endpoints import Priority
from kraken_async.calls import log_messages
from kraken_async.errors import KrakenAPIError, KrakenError, NonceStoreError
from kraken_async.limits import circuit_breaker
from kraken_async.limits.governor import AT_ONCE, Quote
from kraken_async.orders import recall
from kraken_async.wire.response_decoder import decode, decode_traced

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Call
    from kraken_async.calls.halt import Halt
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.calls.replies import ReplyHandler
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.limits.governor import Admission
    from kraken_async.monitoring.reporter import Reporter
    from kraken_async.orders.tracker import OrderTracker
    from kraken_async.server_time import ServerTime
    from kraken_async.stores.base import KeyState, Shared
    from kraken_async.wire.messages import Response, SignedRequest
    from kraken_async.wire.signer import Signer
    from kraken_async.wire.transport import Send


class CallWorker:
    """Sends the calls of one session. ``patience``: how long an overtaking cancel may take before others go on."""

    def __init__(
        self,
        key: KeyState,
        queue: RequestQueue,
        gate: Admission,
        signer: Signer,
        send: Send,
        *,
        ledger: CallLedger,
        tracker: OrderTracker,
        replies: ReplyHandler,
        reporter: Reporter,
        halt: Halt,
        server_time: ServerTime,
        patience: float,
        clock: Callable[[], float],
    ) -> None:
        self._key = key
        self._queue = queue
        self._gate = gate
        self._signer = signer
        self._send = send
        self._ledger = ledger
        self._tracker = tracker
        self._replies = replies
        self._reporter = reporter
        self._halt = halt
        self._server_time = server_time
        self._patience = patience
        self._clock = clock
        self._in_flight: Call | None = None  # the one that holds the turn; overtaking cancels come on top
        self._moved_at = 0.0
        self._earliest: Quote | None = None  # of the waiting calls, when none may go
        self._overtaking = 0  # runs of send_cancels()
        self._none_overtakes = asyncio.Event()

    @property
    def in_flight(self) -> Call | None:
        """The call that was sent and has no answer yet; overtaking cancels do not count."""
        return self._in_flight

    @property
    def moved_at(self) -> float:
        """When a call was last sent or answered, or the turn was taken; on the loop's clock."""
        return self._moved_at

    # -- one exchange ----------------------------------------------------------------------------------------------

    async def send_one(
        self, admit: Callable[[list[Call], Shared], Call | None], *, overtake: bool = False
    ) -> Call | None:
        """Admit, nonce, sign, send, decode: one call's way to Kraken and back. Return None when none may go.

        The nonce comes after every wait, the signature after the nonce, and the bytes signed are the bytes sent.
        """
        reserved: list[Call] = []
        try:
            call, nonce = await self._key.step(partial(admit, reserved), overtake=overtake)
        except BaseException:
            self._release(reserved)
            raise
        if call is None or not self._ledger.send(call, nonce, self._clock()):
            return call
        if not overtake:
            self._in_flight = call
        try:
            self._moved_at = call.sent_at
            if call.options.trace is not None:
                call.options.trace.sent = True
            self._reporter.call_sent(call)
            if self._gate.starting:
                await self._gate.started(call, call.sent_at)
            request = self._sign(call, nonce)
            sink = call.options.sink
            response = await (
                self._send(request, call.timeout) if sink is None else self._send(request, call.timeout, sink)
            )
            result = self._decode(call, response)
        except KrakenError as error:
            await self._replies.failed(call, error)
        except asyncio.CancelledError as stray:  # aiohttp raises one when a session is closed under a request
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            await self._replies.failed(call, log_messages.fault(call.endpoint.name, stray))
        except Exception as fault:
            # The caller's transport's, or our own: it must not take the cancels down as well.
            await self._replies.failed(call, log_messages.fault(call.endpoint.name, fault))
        else:
            await self._replies.answered(call, result)
        return call

    def _sign(self, call: Call, nonce: int) -> SignedRequest:
        if call.order is not None:
            self._tracker.mark_sent(call)  # on record before its bytes leave
        if call.deadline is None:
            return self._signer.sign(call.endpoint, call.fields, nonce)
        stamp = self._server_time.stamp(call.deadline)
        return self._signer.sign(call.endpoint, call.fields, nonce, deadline=stamp)

    def _decode(self, call: Call, response: Response) -> Any:
        """Return the result; learn Kraken's time from what is Kraken's own answer."""
        try:
            trace = call.options.trace
            if trace is None:
                result = decode(response, call.endpoint, exactly=call.options.converts)
            else:
                result = decode_traced(response, call.endpoint, trace)
        except KrakenAPIError:
            self._learn_server_time(call, response)
            raise
        if not call.endpoint.binary:
            self._learn_server_time(call, response)
        return result

    def _learn_server_time(self, call: Call, response: Response) -> None:
        now = self._clock()
        if now >= self._server_time.due_at:
            self._server_time.learn(response.status, response.headers, call.sent_at, now)

    # -- with the turn ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take the turn while calls wait, one exchange at a time; sleep until something may go when none may."""
        while True:
            if not len(self._queue):
                await self._queue.sleep(None)
                continue
            try:
                await self._key.acquire_turn(urgent=self._queue.urgent)
                self._moved_at = self._clock()
                try:
                    if self._overtaking:
                        await self._let_cancels_arrive()
                    call = await self.send_one(self._admit)
                finally:
                    self._in_flight = None
                    await self._key.release_turn()
            except NonceStoreError as error:
                await self._without_turn(error)
                continue
            self._moved_at = self._clock()
            if call is None:
                await self._queue.sleep(None if self._earliest is None else self._earliest.seconds)

    def _admit(self, reserved: list[Call], shared: Shared) -> Call | None:
        """Choose the most urgent call that may go now, and charge it. What must not go at all is refused here."""
        if reserved:
            self._release(reserved)  # of an attempt before: a remote store may ask again
        now = self._clock()
        if shared.lockout_until or shared.pause_until or shared.halted:
            self._refuse(shared, now)
        if shared.recalled.crowded:
            recall.forget(shared, self._ledger.calls(), now)
        quote_of = partial(self._gate.seconds_until_free, shared=shared, now=now)
        while True:
            call, quote = self._queue.choose(quote_of, now)
            if call is None or quote is None:
                self._earliest = quote
                return None
            if (why := recall.recalled(call, shared)) is None:
                return self._reserve(reserved, call, shared, now, quote)
            self._ledger.cancel_unsent(call, log_messages.recalled(call, why))

    def _reserve(
        self, reserved: list[Call], call: Call, shared: Shared, now: float, quote: Quote = AT_ONCE
    ) -> Call:
        self._gate.charge(call, shared, now, quote)
        if call.order is not None:
            self._tracker.claim(call)
        if call.endpoint.priority == Priority.CANCEL:
            recall.note_cancel(call, shared, now)
        self._queue.reserve(call)
        reserved.append(call)
        return call

    def _release(self, reserved: list[Call]) -> None:
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

    # -- without the turn ------------------------------------------------------------------------------------------

    async def send_cancels(self) -> None:
        """Send the waiting cancels without the turn, one after the other, as long as the same call stalls."""
        stalled = self._in_flight
        self._overtaking += 1
        self._none_overtakes.clear()
        try:
            while self._in_flight is stalled:
                if await self.send_one(self._admit_cancel, overtake=True) is None:
                    return
        except NonceStoreError as error:
            self._fail_waiting(error, cancels=True)
        finally:
            self._overtaking -= 1
            if not self._overtaking:
                self._none_overtakes.set()

    def _admit_cancel(self, reserved: list[Call], shared: Shared) -> Call | None:
        if reserved:
            self._release(reserved)
        now = self._clock()
        if shared.lockout_until or shared.pause_until or shared.halted:
            self._refuse(shared, now)
        while True:
            call, _ = self._queue.choose(_only_cancels, now)
            if call is None:
                return None
            if (why := recall.recalled(call, shared)) is None:
                return self._reserve(reserved, call, shared, now)
            self._ledger.cancel_unsent(call, log_messages.recalled(call, why))

    async def _let_cancels_arrive(self) -> None:
        """Wait, not longer than a cancel's patience, before a call takes a nonce above an overtaking cancel's."""
        try:
            async with asyncio.timeout(self._patience):
                await self._none_overtakes.wait()
        except TimeoutError:
            return

    async def _without_turn(self, error: NonceStoreError) -> None:
        """Handle a store out of reach: calls fail with its error, but cancels go out on the local floor."""
        self._fail_waiting(error, cancels=False)
        await self.send_cancels()

    def _fail_waiting(self, error: NonceStoreError, *, cancels: bool) -> None:
        def failure(call: Call) -> KrakenError | None:
            if (call.priority == Priority.CANCEL) is not cancels:
                return None
            return NonceStoreError(str(error), endpoint=call.endpoint.name)

        self._ledger.cancel_unsent_where(failure)


_LATER = Quote(1.0)


def _only_cancels(call: Call) -> Quote:
    return AT_ONCE if call.priority == Priority.CANCEL else _LATER
