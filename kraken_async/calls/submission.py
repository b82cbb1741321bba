"""Submission: turn what was asked for into a call in the queue, or an error before anything is queued."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Priority, find, known_endpoints
from kraken_async.api.request_form import as_sent
from kraken_async.call import NEW, NO_IDS, Call, CallOptions, CallState
from kraken_async.calls import log_messages
from kraken_async.errors import GuardRefused, InvalidArguments, KrakenError, QueueTimeout
from kraken_async.guards import Request, no_funding
from kraken_async.limits import circuit_breaker
from kraken_async.order_fields import cancelled_ids, pair_key
from kraken_async.orders.order_lookup import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken_async.api.checks import Checks
    from kraken_async.api.endpoints import Endpoint
    from kraken_async.calls.halt import Halt
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.calls.time_sync import TimeSync
    from kraken_async.guards import Guard
    from kraken_async.limits.governor import Admission
    from kraken_async.monitoring.reporter import Reporter
    from kraken_async.orders.tracker import OrderTracker
    from kraken_async.stores.base import KeyState, Shared
    from kraken_async.wire.signer import Signer

log: logging.Logger = logging.getLogger("kraken_async")

READ_TIMEOUT: Final = 10.0
WRITE_TIMEOUT: Final = 30.0
_INTERNAL: Final = CallOptions(priority=Priority.AMEND)


class Submission:
    """Checks, completes and queues the private calls of one session.

    ``guard`` None: no_funding. ``timeout`` None: READ_TIMEOUT and WRITE_TIMEOUT. ``checks`` None: fields are not
    checked. ``hold_pairs``: no new orders on a pair on which an outcome is not known. ``warn_one_way``: the key is new,
    and its first call is worth a warning.
    """

    def __init__(
        self,
        signer: Signer,
        guard: Guard | None,
        timeout: float | None,
        checks: Checks | None,
        *,
        key: KeyState,
        gate: Admission,
        ledger: CallLedger,
        tracker: OrderTracker,
        reporter: Reporter,
        halt: Halt,
        time_sync: TimeSync,
        clock: Callable[[], float],
        hold_pairs: bool,
        warn_one_way: bool,
    ) -> None:
        self._signer = signer
        self._guard = guard if guard is not None else no_funding
        self._read_timeout = timeout or READ_TIMEOUT
        self._write_timeout = timeout or WRITE_TIMEOUT
        self._checks = checks
        self._key = key
        self._gate = gate
        self._ledger = ledger
        self._tracker = tracker
        self._reporter = reporter
        self._halt = halt
        self._time_sync = time_sync
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._hold_pairs = hold_pairs
        self._one_way_due = warn_one_way
        self._known = known_endpoints(private=True)
        self._warned: set[str] = set()
        #: Reads, by name, of which a call without fields has passed: there is nothing to check or to complete.
        self._bare: dict[str, Endpoint] = {}

    def enter(self, options: CallOptions, name: str, params: dict[str, Any]) -> Call:
        """Check, complete and queue one private call, and return it; see Client.private.

        One that comes back as NEW waits for something first, or has a time to wait: :meth:`queue` is awaited. Then its
        ``future`` is awaited, and the call abandoned when that is cancelled: by the caller, so that a hundred thousand
        waiting calls have one frame each, and not two.
        """
        if self._one_way_due:
            self._one_way_due = False
            log.warning(log_messages.ONE_WAY)
        try:
            call = self._prepare(options, name, params)
        except (GuardRefused, InvalidArguments) as error:
            priority = find(name, private=True).priority if options.priority is None else options.priority
            self._reporter.turned_away(name, priority, error)
            raise
        seen = self._key.seen
        if not (
            call.endpoint.changes
            or options.queue_timeout is not None
            or self._ledger.closing
            or seen.halted
            or seen.lockout_until
            or seen.pause_until
        ):
            try:
                self._ledger.enqueue(call)
            except KrakenError as error:
                self._reporter.turned_away(call.endpoint.name, call.priority, error)
                raise
        return call

    async def ask(self, options: CallOptions, name: str, params: dict[str, Any]) -> Any:
        """Make one private call, and wait for its result."""
        call = self.enter(options, name, params)
        if call.state is NEW:
            await self.queue(call)
        try:
            return await call.future
        except asyncio.CancelledError:
            self._ledger.abandon(call)
            raise

    async def ask_internal(self, name: str, params: Mapping[str, Any]) -> Answer:
        """Make a read of the session's own, just below cancels, with the governor's reserve."""
        call = self._prepare(_INTERNAL, name, dict(params), internal=True)
        await self.queue(call)
        try:
            return Answer(await call.future, call.nonce)
        except asyncio.CancelledError:
            self._ledger.abandon(call)
            raise

    # -- checking and completing -----------------------------------------------------------------------------------

    def _prepare(
        self, options: CallOptions, name: str, params: dict[str, Any], *, internal: bool = False
    ) -> Call:
        endpoint = None if params or options.body is not None else self._bare.get(name)
        fields, deadline, made_ids = b"", None, NO_IDS
        if endpoint is None:
            endpoint = self._find(name)
            if not internal:
                endpoint, params = self._checked(endpoint, params, options)
                if endpoint.places_orders:
                    params, deadline, made_ids = self._tracker.complete(endpoint, params)
            if params:
                fields = self._signer.encode(endpoint, params)
        priority = endpoint.priority if options.priority is None else options.priority
        timeout = options.timeout or (self._write_timeout if endpoint.changes else self._read_timeout)
        future = self._loop.create_future()
        call = Call(
            endpoint, params, fields, priority, timeout, options, future, deadline, made_ids, internal
        )
        call.resource = self._gate.resource(call)
        call.enqueued_at = self._clock()  # from here on a cancel that names it takes it back
        return call

    def _find(self, name: str) -> Endpoint:
        endpoint = self._known.get(name)
        if endpoint is None:
            endpoint = find(name, private=True)
            if name not in self._warned:
                self._warned.add(name)
                log_messages.unknown_endpoint(name)
        return endpoint

    def _checked(
        self, endpoint: Endpoint, params: dict[str, Any], options: CallOptions
    ) -> tuple[Endpoint, dict[str, Any]]:
        """Return what the guard and the checks let pass, in the form in which it is sent."""
        if endpoint.funding or self._guard is not no_funding:
            request = self._guard(Request(endpoint.name, params, endpoint.changes))
            if not isinstance(request, Request):
                raise log_messages.no_request(endpoint.name, request)
            endpoint, params = find(request.endpoint, private=True), dict(request.params)
        if self._checks is not None:
            checks = self._checks.lenient if options.lenient else self._checks
            checks.check(endpoint.name, params)
        if params or options.body is not None:
            return as_sent(endpoint, params, options.body)
        if not (endpoint.changes or options.lenient) and self._guard is no_funding:
            self._bare[endpoint.name] = endpoint
        return endpoint, params

    async def _put_on_record(self, call: Call) -> None:
        """Learn Kraken's time, by which an order's deadline is stamped and its age told; put the order on record."""
        try:
            if self._hold_pairs and call.endpoint.opens_orders:
                self._hold(call)
            if call.endpoint.places_orders and not self._time_sync.over:
                patience = call.options.queue_timeout
                await self._time_sync.learn(patience)
                waited = self._clock() - call.enqueued_at
                if patience is not None and waited >= patience:
                    raise _expired(call)
            if call.endpoint.places_orders:
                await self._tracker.record(call)
        except KrakenError as error:
            self._reporter.turned_away(call.endpoint.name, call.priority, error)
            raise

    def _hold(self, call: Call) -> None:
        """Refuse an order on a pair on which the outcome of another is not known."""
        pair = call.params.get("pair")
        if pair is not None and pair_key(str(pair)) in self._tracker.unknown_pairs():
            msg = (
                f"{call.endpoint.name}: the outcome of an order on {pair} is not known (hold_pair_while_unknown). "
                "Settle it first: client.unresolved(), then resolve(), ensure_cancelled() or dismiss()"
            )
            raise GuardRefused(msg, endpoint=call.endpoint.name)

    # -- queueing --------------------------------------------------------------------------------------------------

    async def queue(self, call: Call) -> None:
        """Queue a call that has to be put on record, that has a time to wait, or that something may stop."""
        if call.endpoint.changes:
            await self._put_on_record(call)
        seen = self._key.seen
        try:
            if seen.halted or seen.lockout_until or seen.pause_until:
                await self._key.update(_nothing)  # what another session has opened again is open
            self._check_stops(call)
            self._ledger.enqueue(call)
            patience = call.options.queue_timeout
            if patience is not None:
                call.timer = self._loop.call_at(call.enqueued_at + patience, self._expire, call)
            if call.endpoint.cancels:
                for client_id in cancelled_ids(call.params):
                    self._recall(client_id)
        except BaseException as error:
            self._tracker.forget(call)
            if isinstance(error, KrakenError):
                self._reporter.turned_away(call.endpoint.name, call.priority, error)
            raise

    def _check_stops(self, call: Call) -> None:
        """Raise what makes it pointless to wait: the end, an open breaker, a halt."""
        ledger, seen = self._ledger, self._key.seen
        if ledger.closing and (ledger.ended or not call.internal):  # what looks an order up shares the grace
            raise log_messages.closed(call.endpoint.name)
        if (seen.lockout_until or seen.pause_until) and not call.options.ignore_breaker:
            error = circuit_breaker.refusal(seen, self._clock(), call.endpoint.name)
            if error is not None:
                raise error
        if call.endpoint.changes and self._halt.stops(call):
            raise log_messages.halted(call)

    def _recall(self, client_id: str) -> None:
        """Withdraw what a cancel names and still waits here."""
        for other in self._tracker.carrying(client_id):
            if not other.attempt and other.state is CallState.WAITING and not other.future.done():
                why = f"its cancel came (cl_ord_id={client_id})"
                self._ledger.cancel_unsent(other, log_messages.recalled(other, why))

    def _expire(self, call: Call) -> None:
        if call.state is CallState.WAITING and not call.attempt:
            self._ledger.cancel_unsent(call, _expired(call))


def _expired(call: Call) -> QueueTimeout:
    msg = f"{call.endpoint.name} waited {call.options.queue_timeout:g} s (queue_timeout) and was not sent"
    return QueueTimeout(msg, endpoint=call.endpoint.name)


def _nothing(_shared: Shared) -> None:
    """Change nothing: the state is only read afresh."""
