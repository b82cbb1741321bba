"""CallWorker: take the turn while calls wait, and send them one at a time.

Rules:

1. The queue comes before everything, so a caller who leaves while waiting has spent nothing.
2. The turn, the right to send on this key, is held from before the nonce until the answer is in or given up on,
   never during a back-off.
3. What may go now is chosen with the turn in hand and the shared counters read, under the nonce lock.
4. The exchange runs in the worker, not in its caller's task: a caller may leave without tearing it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from kraken_async.call import SENT
from kraken_async.calls.faults import is_an_end
from kraken_async.errors import KrakenAPIError, KrakenError, NonceStoreError, Outcome
from kraken_async.wire.response_decoder import decode, decode_traced

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Call
    from kraken_async.calls.choice import CallChoice
    from kraken_async.calls.faults import Faults
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
        choice: CallChoice,
        gate: Admission,
        signer: Signer,
        send: Send,
        *,
        ledger: CallLedger,
        tracker: OrderTracker,
        replies: ReplyHandler,
        reporter: Reporter,
        faults: Faults,
        server_time: ServerTime,
        patience: float,
        clock: Callable[[], float],
    ) -> None:
        self._key = key
        self._queue = queue
        self._choice = choice
        self._gate = gate
        self._signer = signer
        self._send = send
        self._ledger = ledger
        self._tracker = tracker
        self._replies = replies
        self._reporter = reporter
        self._faults = faults
        self._server_time = server_time
        self._patience = patience
        self._clock = clock
        self._in_flight: Call | None = None  # the one that holds the turn; overtaking cancels come on top
        self._delivered: Call | None = None  # the one in flight, once its result is with its caller
        self._moved_at = 0.0
        self._overtaking = 0  # runs of send_cancels()
        self._sending: WeakSet[Any] = WeakSet()  # the tasks that run send_one()
        self._none_overtakes = asyncio.Event()

    @property
    def in_flight(self) -> Call | None:
        """The call that was sent and has no answer yet; overtaking cancels do not count."""
        return self._in_flight if self._delivered is None else None

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
            self._choice.release(reserved)
            raise
        if call is None or not self._leaves(call, nonce):
            return call
        if not overtake:
            self._in_flight = call
        request: SignedRequest | None = None
        try:
            self._moved_at = call.sent_at
            self._reporter.call_sent(call)
            if self._gate.starting and self._gate.governor.enabled:
                await self._gate.started(call, call.sent_at)
            request = self._sign(call, nonce)
            early = None if overtake else self._arrived
            response = await self._send(request, call.timeout, call.options.sink, early)
            if self._delivered is call:
                return call
            result = self._decode(call, response)
        except KrakenError as error:
            handling = self._replies.failed(call, error)
        except BaseException as fault:
            # The caller's transport's, or our own: it must not take the cancels down as well.
            handling = self._replies.failed(call, self._met(call, fault, request))
        else:
            handling = self._replies.answered(call, result)
        try:
            await handling
        except BaseException as fault:  # this call's, and not that of the next
            self._replies.broken_off(call, self._met(call, fault, request))
        return call

    def _arrived(self, response: Response) -> None:
        """Deliver the result of the call in flight, a turn of the loop before its worker runs.

        What is no result, or needs a lock to be handled, is left to send_one().
        """
        call = self._in_flight
        if call is None or call.state is not SENT:
            return
        try:
            result = self._decode(call, response)
            # A caller that computes for a while holds up no other session: the turn goes back before it runs.
            if self._replies.is_plain(call, result) and self._key.try_release_turn():
                self._replies.deliver(call, result)
                self._delivered = call
        except Exception:  # met once more in send_one(), where it is handled
            return

    def _met(self, call: Call, fault: BaseException, request: SignedRequest | None) -> KrakenError:
        """Return the error for a fault: before there was a request, nothing was sent.

        Raises what ends the program or this task.
        """
        if is_an_end(fault, self._sending):
            raise fault
        outcome = Outcome.NOT_SENT if request is None else Outcome.UNKNOWN
        return self._faults.error(call.endpoint.name, fault, outcome)

    def _leaves(self, call: Call, nonce: int) -> bool:
        """Move a call to SENT. False: its caller left, it was taken back, or it met a fault, and has ended unsent."""
        try:
            leaves = self._ledger.send(call, nonce, self._clock())
            if leaves and call.options.trace is not None:
                call.options.trace.sent = True
            return leaves
        except Exception as fault:
            self._ledger.cancel_unsent(call, self._faults.error(call.endpoint.name, fault, Outcome.NOT_SENT))
            return False

    def _sign(self, call: Call, nonce: int) -> SignedRequest:
        if call.order is not None:
            self._tracker.mark_sent(call)  # on record before its bytes leave
        otp = call.options.otp
        if call.deadline is None:
            return self._signer.sign(call.endpoint, call.fields, nonce, otp)
        stamp = self._server_time.stamp(call.deadline)
        return self._signer.sign(call.endpoint, call.fields, nonce, otp, deadline=stamp)

    def _decode(self, call: Call, response: Response) -> Any:
        """Return the result; learn Kraken's time from what is Kraken's own answer."""
        try:
            trace = call.options.trace
            if trace is None:
                result = decode(response, call.endpoint, exactly=call.options.converts)
            else:
                result = decode_traced(response, call.endpoint, trace)
        except KrakenError as error:
            if isinstance(error, KrakenAPIError):
                self._learn_server_time(call, response)
            raise error.with_traceback(None) from None  # a frame of decode() holds the answer, a token
        if not call.endpoint.binary and self._clock() >= self._server_time.due_at:
            self._learn_server_time(call, response)
        return result

    def _learn_server_time(self, call: Call, response: Response) -> None:
        now = self._clock()
        if now >= self._server_time.due_at:
            try:
                self._server_time.learn(response.status, response.headers, call.sent_at, now)
            except Exception as fault:  # an answer in hand is not lost because its date teaches nothing
                self._faults.log("learning Kraken's time", fault)

    # -- with the turn ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take the turn while calls wait, one exchange at a time; sleep until something may go when none may."""
        self._sending.add(asyncio.current_task())
        while True:
            if not self._queue.size:
                # A caller that has just got its answer runs now, and may ask again: going on costs less than waking up.
                await asyncio.sleep(0)
                if not self._queue.size:
                    await self._queue.sleep(None)
                continue
            try:
                if not self._key.try_acquire_turn():
                    await self._key.acquire_turn(urgent=self._queue.urgent)
                self._moved_at = self._clock()
                try:
                    if self._overtaking:
                        await self._let_cancels_arrive()
                    call = await self.send_one(self._choice.admit)
                finally:
                    self._in_flight = None
                    if self._delivered is None:
                        await self._release_turn()
                    self._delivered = None
            except NonceStoreError as error:
                await self._without_turn(error)
                continue
            except Exception as fault:
                await self._past(fault)
                continue
            self._moved_at = self._clock()
            if call is None:
                earliest = self._choice.earliest
                await self._queue.sleep(None if earliest is None else earliest.seconds)

    async def _release_turn(self) -> None:
        try:
            await self._key.release_turn()
        except Exception as fault:
            # Once more, since a turn that is kept stops every session on the key.
            self._faults.log("releasing the turn", fault)
            await self._key.release_turn()

    # -- without the turn ------------------------------------------------------------------------------------------

    async def send_cancels(self) -> None:
        """Send the waiting cancels without the turn, one after the other, as long as the same call stalls."""
        self._sending.add(asyncio.current_task())
        stalled = self._in_flight
        self._overtaking += 1
        self._none_overtakes.clear()
        try:
            while self._in_flight is stalled:
                if await self.send_one(self._choice.admit_cancel, overtake=True) is None:
                    return
        except NonceStoreError as error:
            self._choice.fail_waiting(error, cancels=True)
        except Exception as fault:
            self._choice.fail_first(fault, cancels=True)
        finally:
            self._overtaking -= 1
            if not self._overtaking:
                self._none_overtakes.set()

    async def _let_cancels_arrive(self) -> None:
        """Wait, not longer than a cancel's patience, before a call takes a nonce above an overtaking cancel's."""
        try:
            async with asyncio.timeout(self._patience):
                await self._none_overtakes.wait()
        except TimeoutError:
            return

    async def _without_turn(self, error: NonceStoreError) -> None:
        """Handle a store out of reach: calls fail with its error, but cancels go out on the local floor."""
        self._choice.fail_waiting(error, cancels=False)
        await self.send_cancels()

    async def _past(self, fault: Exception) -> None:
        """Handle a fault of the store's or our own: the first call fails, unsent; cancels go out without the turn."""
        self._choice.fail_first(fault, cancels=False)
        await self.send_cancels()
