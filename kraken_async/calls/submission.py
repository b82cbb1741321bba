"""Submission: what was asked for becomes a call in the queue, or an error before anything is queued."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Priority, find
from kraken_async.call import Call, CallOptions
from kraken_async.calls import log_messages
from kraken_async.errors import AuthenticationError, GuardRefused, KrakenError, Outcome, QueueTimeout
from kraken_async.guards import Request, no_funding
from kraken_async.limits import circuit_breaker
from kraken_async.orders import recall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kraken_async.calls.ledger import Outcomes
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.guards import Guard
    from kraken_async.limits.governor import Admission
    from kraken_async.orders.tracker import OrderDesk
    from kraken_async.stores.base import KeyState, Shared
    from kraken_async.wire.signer import Signer

READ_TIMEOUT: Final = 10.0
WRITE_TIMEOUT: Final = 30.0
_INTERNAL: Final = CallOptions(priority=Priority.AMEND)


class Submission:
    """Checks, completes and queues private calls. The parts of an open session are bound to it."""

    def __init__(
        self,
        signer: Signer | None,
        queue: RequestQueue,
        outcomes: Outcomes,
        guard: Guard | None,
        timeout: float | None,
    ) -> None:
        self._signer = signer
        self._queue = queue
        self._outcomes = outcomes
        self._guard = guard if guard is not None else no_funding
        self._timeout = timeout
        self._warned: set[str] = set()
        self.halted = False
        self.time_known: Callable[[], bool]
        self.learn_time: Callable[[float | None], Awaitable[None]]  # at most so many seconds
        self.key: KeyState
        self.desk: OrderDesk
        self.admission: Admission

    async def enter(self, options: CallOptions, name: str, params: dict[str, Any]) -> Call:
        """Check, complete and queue one private call; its ``future`` is then to be awaited. See Caller.private."""
        try:
            call = self._prepare(options, name, params)
        except GuardRefused as error:
            priority = find(name, private=True).priority if options.priority is None else options.priority
            self._outcomes.reporter.turned_away(name, Priority(priority), error)
            raise
        if call.deadline is not None and not self.time_known():
            patience = options.queue_timeout
            await self.learn_time(patience)
            if patience is not None and asyncio.get_running_loop().time() - call.enqueued_at >= patience:
                late = _expired(call)
                self._outcomes.reporter.turned_away(name, call.priority, late)
                raise late
        if call.endpoint.changes:
            try:
                await self.desk.open(call)
            except KrakenError as error:
                self._outcomes.reporter.turned_away(name, call.priority, error)
                raise
        await self._queue_up(call)
        return call

    async def ask_internal(
        self, name: str, params: Mapping[str, Any], *, timeout: float | None = None
    ) -> Any:
        """Make a read of the session's own, just below cancels, with the governor's reserve."""
        options = _INTERNAL if timeout is None else CallOptions(priority=Priority.AMEND, timeout=timeout)
        call = self._prepare(options, name, dict(params), internal=True)
        await self._queue_up(call)
        try:
            return await call.future
        except asyncio.CancelledError:
            self._outcomes.abandon(call)
            raise

    async def _queue_up(self, call: Call) -> None:
        seen = self.key.seen
        try:
            if seen.halted or seen.lockout_until or seen.pause_until:
                await self.key.update(_nothing)  # what another session has opened again is open
            self._submit(call)
        except BaseException as error:
            self.desk.ended(call, None, None)
            if isinstance(error, KrakenError):
                self._outcomes.reporter.turned_away(call.endpoint.name, call.priority, error)
            raise

    def _prepare(
        self, options: CallOptions, name: str, params: dict[str, Any], *, internal: bool = False
    ) -> Call:
        if self._signer is None:
            msg = f"{name} is a private call: give the session api_key and api_secret"
            raise AuthenticationError(msg, endpoint=name, outcome=Outcome.NOT_SENT)
        endpoint = find(name, private=True)
        if not endpoint.known and name not in self._warned:
            self._warned.add(name)
            log_messages.unknown_endpoint(name)
        deadline: float | None = None
        if not internal:
            if endpoint.changes or self._guard is not no_funding:
                request = self._guard(Request(endpoint.name, params, endpoint.changes))
                endpoint, params = find(request.endpoint, private=True), dict(request.params)
            if endpoint.engine:
                params, deadline = self.desk.complete(endpoint, params)
        fields = self._signer.encode(endpoint, params) if params else b""
        priority = endpoint.priority if options.priority is None else Priority(options.priority)
        timeout = options.timeout or self._timeout or (WRITE_TIMEOUT if endpoint.changes else READ_TIMEOUT)
        loop = asyncio.get_running_loop()
        call = Call(endpoint, params, fields, priority, timeout, options, loop.create_future())
        call.deadline, call.internal = deadline, internal
        call.resource = self.admission.resource(call)
        call.enqueued_at = loop.time()  # from here on a cancel that names it takes it back
        return call

    def _submit(self, call: Call) -> None:
        """Queue a call. Raises what makes it pointless to wait: an open breaker, a halt, a full queue, the end."""
        if self._outcomes.closing and not call.internal:  # what settles an order shares the grace
            raise log_messages.closed(call.endpoint.name)
        loop = asyncio.get_running_loop()
        now = loop.time()
        seen = self.key.seen
        if not call.options.ignore_breaker and (
            error := circuit_breaker.refusal(seen, now, call.endpoint.name)
        ):
            raise error
        if (seen.halted or self.halted) and recall.places(call):
            raise log_messages.halted(call)
        if call.options.queue_timeout is not None:
            call.timer = loop.call_at(call.enqueued_at + call.options.queue_timeout, self._expire, call)
        try:
            self._queue.push(call)
        except BaseException:
            if call.timer is not None:
                call.timer.cancel()
            raise
        self._outcomes.pending += not call.internal
        for name in recall.cancelled_ids(call):
            self._take_back(name)

    def _take_back(self, name: str) -> None:
        """A cancel was asked for: what it names and still waits here is not sent any more."""
        for other in self.desk.named(name):
            if not other.attempt and other.state in ("queued", "resting") and not other.future.done():
                why = f"its cancel came (cl_ord_id={name})"
                self._outcomes.withdraw(other, log_messages.withdrawn(other, why))

    def _expire(self, call: Call) -> None:
        if call.state in ("queued", "resting") and not call.attempt:
            self._outcomes.withdraw(call, _expired(call))


def _expired(call: Call) -> QueueTimeout:
    msg = f"{call.endpoint.name} waited {call.options.queue_timeout:g} s (queue_timeout) and was not sent"
    return QueueTimeout(msg, endpoint=call.endpoint.name)


def _nothing(_shared: Shared) -> None:
    """Change nothing: the state is only read afresh."""
