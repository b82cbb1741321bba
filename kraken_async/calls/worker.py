"""Exchange: the way of one call to Kraken and back, and the worker that takes them one at a time.

Rules:

1. The queue comes before everything, so a caller who leaves while waiting has spent nothing.
2. The turn, the right to send on this key, is held from before the nonce until the answer is in or given up on,
   never during a back-off.
3. What may go now is chosen with the turn in hand and the shared counters read, under the nonce lock.
4. The exchange runs in the worker, not in its caller's task: a caller may leave without tearing it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from kraken_async.api.endpoints import Priority
from kraken_async.calls import log_messages
from kraken_async.errors import KrakenError, NonceStoreError
from kraken_async.limits import circuit_breaker
from kraken_async.orders import recall
from kraken_async.wire.response_decoder import decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.call import Call
    from kraken_async.calls.cancel_overtaking import CancelOvertaking
    from kraken_async.calls.ledger import Outcomes
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.limits.governor import Admission, BurstGovernor
    from kraken_async.monitoring.metrics import Metrics
    from kraken_async.orders.tracker import OrderDesk
    from kraken_async.server_time import ServerTime
    from kraken_async.stores.base import KeyState, Shared
    from kraken_async.wire.messages import Response, SignedRequest
    from kraken_async.wire.signer import Signer


_NOT_OURS: Final = 0.05  # seconds after which the worker looks again at what a cancel's way has chosen


class Exchange:
    """The engine of a session. Its parts are made, bound and closed by KrakenSession, which is the only subclass."""

    governor: BurstGovernor
    _admission: Admission
    _clock: Callable[[], float]
    _desk: OrderDesk
    _key: KeyState
    _metrics: Metrics
    _outcomes: Outcomes
    _overtaker: CancelOvertaking
    _queue: RequestQueue
    _chosen: dict[bool, Call]  # by whether it overtakes: the call whose nonce is being fetched
    _resumed: int  # the number of a resume() that the shared state does not know yet; 0 for none
    _send: Callable[[SignedRequest, float], Awaitable[Response]]
    _server_time: ServerTime
    _signer: Signer | None
    _wait: float | None  # for how long none of the waiting calls may go

    async def _exchange(
        self, admit: Callable[[Shared], Call | None], *, overtake: bool = False
    ) -> Call | None:
        """Admit, nonce, sign, send, decode: one call's way to Kraken and back. Returns None when none may go.

        The nonce comes after every wait, the signature after the nonce, and the bytes signed are the bytes sent.
        """
        try:
            call, nonce = await self._key.step(admit, overtake=overtake)
            if call is None or not await self._take(call, nonce, overtake=overtake):
                return call
        finally:
            self._chosen.pop(overtake, None)
        try:
            request = self._sign(call, nonce)
            response = await self._send(request, call.timeout)
            self._hear(call, response)
            result = decode(response, call.endpoint)
        except KrakenError as error:
            await self._outcomes.failed(call, error)
        except asyncio.CancelledError as stray:  # aiohttp raises one when a session is closed under a request
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            await self._outcomes.failed(call, log_messages.fault(call.endpoint.name, stray))
        except Exception as fault:
            # The caller's transport's, or our own: it must not take the cancels down as well.
            await self._outcomes.failed(call, log_messages.fault(call.endpoint.name, fault))
        else:
            await self._outcomes.answered(call, result)
        return call

    async def _work(self) -> None:
        """Take the turn while calls wait, one exchange at a time; sleep until something may go when none may."""
        while True:
            if not len(self._queue):
                await self._queue.sleep(None)
                continue
            try:
                await self._key.acquire_turn()
                self._overtaker.moved_at = self._clock()
                try:
                    if self._overtaker.running:
                        await self._overtaker.clear()
                    call = await self._exchange(self._admit)
                finally:
                    self._overtaker.in_flight = None
                    await self._key.release_turn()
            except NonceStoreError as error:
                await self._without_turn(error)
                continue
            self._overtaker.moved_at = self._clock()
            if call is None:
                await self._queue.sleep(self._wait)

    def _admit(self, shared: Shared) -> Call | None:
        """Choose the most urgent call that may go now, and charge it. What must not go at all is refused here."""
        now = self._clock()
        if self._resumed:
            recall.resume(shared)
        if shared.lockout_until or shared.pause_until or shared.halted:
            self._refuse(shared, now)
        if shared.recalled.crowded:
            recall.forget(shared, [*self._outcomes.waiting(), *self._outcomes.sent], now)
        admission = self._admission
        admission.look(shared)
        while True:
            call, self._wait = self._queue.choose(self._beside if self._chosen else admission.wait, now)
            if call is None:
                return None
            if (why := recall.taken_back(call, shared)) is None:
                self._chosen[False] = call
                return self._charge(call, shared, now)
            self._outcomes.withdraw(call, log_messages.withdrawn(call, why))

    def _beside(self, call: Call, now: float) -> float:
        """As the governor's wait; but what an overtaking cancel has chosen is not chosen here as well."""
        return _NOT_OURS if call is self._chosen.get(True) else self._admission.wait(call, now)

    def _refuse(self, shared: Shared, now: float) -> None:
        """Fail the waiting calls that an open breaker or a halt stops: they must not wait for its end."""
        for call in self._outcomes.waiting():
            error = (
                None
                if call.options.ignore_breaker
                else circuit_breaker.refusal(shared, now, call.endpoint.name)
            )
            if error is None and shared.halted and recall.places(call):
                error = log_messages.halted(call)
            if error is not None:
                self._outcomes.withdraw(call, error)

    def _charge(self, call: Call, shared: Shared, now: float) -> Call:
        self._admission.charge(call, shared, now)
        if call.endpoint.engine in ("cancel", "cancel_batch", "cancel_all"):
            recall.note_cancel(call, shared, now)
        return call

    async def _take(self, call: Call, nonce: int, *, overtake: bool) -> bool:
        """The call goes out now. False: its caller left while the nonce was fetched, and nothing is sent."""
        self._queue.remove(call)
        if call.state == "done":  # taken back, or expired, while its nonce was fetched
            return False
        if call.future.done():
            call.state = "dropped"
            self._outcomes.abandon(call)
            return False
        if not overtake:
            self._overtaker.in_flight = call
        now = self._clock()
        metrics = self._metrics
        if not call.attempt:
            call.first_sent_at = now
            metrics.waits.append(now - call.enqueued_at)
            if call.timer is not None:  # it cannot expire in the queue any more
                call.timer.cancel()
                call.timer = None
        call.attempt += 1
        call.nonce, call.sent_at, call.sent_unix, call.state = nonce, now, time.time(), "sent"
        self._outcomes.sent.add(call)
        self._overtaker.moved_at = now
        metrics.sent += 1
        metrics.sent_at.append(now)
        if self._admission.starting and self.governor.enabled:
            await self._admission.started(call, now)
        return True

    def _sign(self, call: Call, nonce: int) -> SignedRequest:
        signer = self._signer
        assert signer is not None  # private calls are not taken in without one
        if call.intent is not None:
            self._desk.sent(call)  # on record before its bytes leave
        if call.deadline is None:
            return signer.sign(call.endpoint, call.fields, nonce)
        return signer.sign(call.endpoint, call.fields, nonce, deadline=self._server_time.stamp(call.deadline))

    def _hear(self, call: Call, response: Response) -> None:
        now = self._clock()
        if now >= self._server_time.due_at:
            self._server_time.observe_date(response.headers.get("Date"), call.sent_at, now)

    # -- without the turn ------------------------------------------------------------------------------------------

    async def _exchange_cancel(self) -> Call | None:
        """Send the most urgent waiting cancel without the turn; None when none waits."""
        try:
            return await self._exchange(self._admit_cancel, overtake=True)
        except NonceStoreError as error:
            self._fail_waiting(error, Priority.CANCEL)
            return None

    def _admit_cancel(self, shared: Shared) -> Call | None:
        now = self._clock()
        self._refuse(shared, now)
        ours = self._chosen.get(False)
        call, _ = self._queue.choose(
            lambda call, _: float(call.priority != Priority.CANCEL or call is ours), now
        )
        if call is None:
            return None
        self._chosen[True] = call
        return self._charge(call, shared, now)

    async def _without_turn(self, error: NonceStoreError) -> None:
        """The store is out of reach: calls fail with its error, but cancels go out on the local floor."""
        self._fail_waiting(error, *(each for each in Priority if each != Priority.CANCEL))
        await self._overtaker.run()

    def _fail_waiting(self, error: NonceStoreError, *priorities: Priority) -> None:
        for call in self._outcomes.waiting():
            if call.priority in priorities:
                self._outcomes.withdraw(call, NonceStoreError(str(error), endpoint=call.endpoint.name))
