"""A cancel never waits for a stalled call: after a while it takes a higher nonce and goes out past it.

What it overtakes was executed already, or will be refused as Invalid nonce without effect and is then sent again. So
the allocation of a nonce and the turn to send are two locks.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kraken_async.call import CallState

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Call
    from kraken_async.calls.request_queue import RequestQueue
    from kraken_async.calls.tasks import Tasks
    from kraken_async.calls.worker import CallWorker
    from kraken_async.stores.base import KeyState

log: logging.Logger = logging.getLogger("kraken_async")


class CancelOvertaking:
    """Watches over the waiting cancels of a session: ``patience`` seconds without movement, and they go past."""

    def __init__(
        self,
        key: KeyState,
        queue: RequestQueue,
        worker: CallWorker,
        tasks: Tasks,
        patience: float,
        clock: Callable[[], float],
    ) -> None:
        self._key = key
        self._queue = queue
        self._worker = worker
        self._tasks = tasks
        self._patience = patience
        self._clock = clock
        self._overtook_at = float("-inf")

    async def run(self) -> None:
        """Watch until cancelled. Suspended while no cancel waits."""
        while True:
            call = await self._queue.cancel_waiting()
            self._key.hurry()  # among healthy sessions a cancel has the next turn
            if (left := await self._left(call)) > 0:
                await asyncio.sleep(left + 0.001)
                continue
            if call.state is not CallState.WAITING:  # while the store was asked
                continue
            self._overtook_at = self._clock()
            log.warning(
                "%s overtakes a stalled call", call.endpoint.name, extra={"endpoint": call.endpoint.name}
            )
            self._tasks.start(self._worker.send_cancels())

    async def _left(self, call: Call) -> float:
        """Return how long until a cancel goes past what stalls, as far as is known now."""
        if (left := self._left_here(call)) > 0:
            return left
        # A stall is one of all sessions on the key. A store on a server is asked only once nothing moves here.
        moved = await self._key.moved_at()
        return max(moved + self._patience - self._clock(), self._left_here(call))

    def _left_here(self, call: Call) -> float:
        # The next cancel waits for the one that has just overtaken, but no longer than its own patience.
        moved = max(self._worker.moved_at, self._overtook_at, call.enqueued_at)
        return moved + self._patience - self._clock()
