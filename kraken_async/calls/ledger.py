"""CallLedger: every private call of a session, and where it is. Each call ends here, once.

The ledger alone moves a call from one state to the next; the table stands at the head of call.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from kraken_async.call import ENDED, ENDS_PROGRAM, SENT, WAITING, CallState
from kraken_async.errors import Outcome, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kraken_async.call import Call, CallListener, CallTrace
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.errors import KrakenError

log: logging.Logger = logging.getLogger("kraken_async.calls")


class CallLedger:
    """The calls of one open session. Belongs to its event loop.

    ``closing``: no new calls but the session's own look-ups. ``ended``: none at all, there is no worker any more.
    """

    def __init__(self, queue: RequestQueue, listeners: Sequence[CallListener]) -> None:
        self.closing: bool = False
        self.ended: bool = False
        self._queue = queue
        self._listeners = tuple(listeners)
        self._of_reads = tuple(each for each in listeners if not each.orders_only)
        self._pending = 0  # calls of callers, from the queue to their end
        self._idle = asyncio.Event()
        self._awaited = False  # somebody waits in idle()
        self._away: set[Call] = set()  # sent, or being reconciled
        self._backing_off: set[Call] = set()

    def __repr__(self) -> str:
        return f"<CallLedger {self._pending} pending, {len(self._away)} sent>"

    # -- on the way ------------------------------------------------------------------------------------------------

    def enqueue(self, call: Call) -> None:
        """Move a call from NEW to WAITING. Raises QueueFull, with nothing changed."""
        self._queue.push(call)
        call.state = WAITING
        if call.counted:
            self._pending += 1

    def send(self, call: Call, nonce: int, now: float) -> bool:
        """Move a call from WAITING to SENT. False: its caller left or it was taken back while its nonce was fetched."""
        self._queue.remove(call)
        if call.future.done():  # or taken back, which ends it
            self.abandon(call)
            return False
        if not call.attempt:
            call.first_sent_at = now
            if call.timer is not None:
                _stop_timer(call)  # it cannot expire in the queue any more
        call.attempt += 1
        call.nonce, call.sent_at, call.sent_unix = nonce, now, time.time()
        call.state = SENT
        self._away.add(call)
        return True

    def repeat(self, call: Call, delay: float) -> None:
        """SENT to WAITING at its old place, or to BACKING_OFF for ``delay`` seconds first."""
        self._away.discard(call)
        if delay <= 0:
            self._put_back(call)
            return
        call.state = CallState.BACKING_OFF
        self._backing_off.add(call)
        call.timer = asyncio.get_running_loop().call_later(delay, self._backed_off, call)

    def _backed_off(self, call: Call) -> None:
        self._backing_off.discard(call)
        call.timer = None
        if call.state is CallState.BACKING_OFF:
            self._put_back(call)

    def _put_back(self, call: Call) -> None:
        call.state = WAITING
        self._queue.put_back(call)

    def reconcile(self, call: Call) -> None:
        """SENT to RECONCILING: its order is looked up, and ends it by :meth:`finish`."""
        call.state = CallState.RECONCILING

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self, call: Call, *, result: Any = None, error: KrakenError | None = None) -> None:
        """End a call: deliver its result or its error. Nothing happens when it has ended already."""
        if call.state is ENDED:
            return
        if error is not None:
            error = _of_all_sendings(call, error)
        self._end(call)
        if call.options.trace is not None:
            _trace_end(call.options.trace, call, result, error)
        for listener in self._of_reads if call.order is None else self._listeners:
            try:
                listener.call_ended(call, result, error)
            except ENDS_PROGRAM:
                raise
            except BaseException:  # what it teaches cannot be kept; its caller has it all the same
                log.exception("the end of %s could not be put on record", call.endpoint.name)
        future = call.future
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if call.counted:  # not a session's own look-up: closing waits for the order that it is about
            self._count_off(call)  # what waits in idle() runs after the caller

    def cancel_unsent(self, call: Call, error: KrakenError) -> None:
        """End a call that waits, unsent."""
        self._queue.remove(call)
        if call.state is not ENDED:
            for listener in self._listeners:
                listener.call_cancelled_unsent(call, error)
            self.finish(call, error=error)

    def cancel_unsent_where(self, reason: Callable[[Call], KrakenError | None]) -> None:
        """End those of the waiting calls for which ``reason`` gives an error."""
        for call in self.waiting():
            if (error := reason(call)) is not None:
                self.cancel_unsent(call, error)

    def abandon(self, call: Call) -> None:
        """Handle a cancelled caller: drop an unsent call; let a sent one finish, and its end be reported.

        A sent read is waited for by no closing any more: what it brings has no effect and no reader.
        """
        if call.state not in (WAITING, CallState.BACKING_OFF):
            if call.state is SENT and call.counted and not call.endpoint.changes:
                self._count_off(call)
            return
        self._queue.remove(call)
        self._end(call)
        for listener in self._listeners:
            listener.call_dropped(call)
        if call.counted:
            self._count_off(call)

    def _end(self, call: Call) -> None:
        call.state = ENDED
        self._away.discard(call)
        if self._backing_off:
            self._backing_off.discard(call)
        if call.timer is not None:
            _stop_timer(call)

    def _count_off(self, call: Call) -> None:
        call.counted = False
        self._pending -= 1
        if not self._pending and self._awaited:
            self._idle.set()

    # -- all of them -----------------------------------------------------------------------------------------------

    def waiting(self) -> list[Call]:
        """Return the calls that wait in the queue or back off before a repeat."""
        return [*self._queue, *self._backing_off]

    def calls(self) -> list[Call]:
        """Return the calls that wait, are sent, or are being reconciled."""
        return [*self.waiting(), *self._away]

    async def idle(self) -> None:
        """Wait until no call is waiting, in flight or being reconciled."""
        while self._pending:
            self._awaited = True
            self._idle.clear()
            await self._idle.wait()

    def close(self, reason: Callable[[Call], KrakenError | None]) -> None:
        """Take no new calls of callers, and end those of the waiting ones for which ``reason`` gives an error."""
        self.closing = True
        self.cancel_unsent_where(reason)

    def fail_all(self, unsent: Callable[[Call], KrakenError], lost: Callable[[Call], KrakenError]) -> None:
        """End every call: those that wait by ``unsent``, those that were sent by ``lost``. None come any more."""
        self.closing = self.ended = True
        for call in self.waiting():
            self._queue.remove(call)
            self.finish(call, error=unsent(call))
        for call in list(self._away):
            self.finish(call, error=lost(call))


def _trace_end(trace: CallTrace, call: Call, result: Any, error: KrakenError | None) -> None:
    try:
        trace.ended(result, error)
    except ENDS_PROGRAM:
        raise
    except BaseException:
        log.exception("the end of %s could not be traced", call.endpoint.name)


def _of_all_sendings(call: Call, error: KrakenError) -> KrakenError:
    """Return the error for a change that was repeated: its last sending proves nothing of one whose answer was lost."""
    if error.outcome is Outcome.UNKNOWN or not call.unknown_before:
        return error
    if call.internal or not call.endpoint.changes:
        return error
    if call.endpoint.places_orders:  # never repeated, but for what was only to be validated
        return error
    unknown = OutcomeUnknown.of(call, error)
    unknown.__cause__ = error
    return unknown


def _stop_timer(call: Call) -> None:
    if call.timer is not None:
        call.timer.cancel()
        call.timer = None
