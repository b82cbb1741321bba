"""A cancel never waits for a stalled call: after a while it takes a higher nonce and goes out past it.

What it overtakes was executed already, or will be refused as Invalid nonce without effect and is then sent again. So
the allocation of a nonce and the turn to send are two locks.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from kraken_async.call import Call

log = logging.getLogger("kraken_async")


class CancelOvertaking:
    """Watches over the waiting cancels of a session.

    ``send`` makes one exchange for the most urgent waiting cancel, without the turn, and returns None when none waits.
    ``moved_at`` and ``in_flight`` are kept by the session's worker.
    """

    def __init__(
        self,
        patience: float,
        *,
        clock: Callable[[], float],
        send: Callable[[], Awaitable[Call | None]],
        spawn: Callable[[Coroutine[Any, Any, Any]], Any],
    ) -> None:
        self.in_flight: Call | None = None  # the worker's; overtaking cancels come on top
        self.moved_at = 0.0  # when a call was last sent or answered
        self.running = 0  # overtaking cancels that are on their way
        self._waiting: list[asyncio.Future[None]] = []
        self._patience = patience
        self._clock = clock
        self._send = send
        self._spawn = spawn

    def watch(self, call: Call) -> None:
        """Look after a cancel that was just put in the queue."""
        self._again(call, self._patience)

    def _again(self, call: Call, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._look, call)

    def _look(self, call: Call) -> None:
        if call.state != "queued" or call.future.done():
            return
        now = self._clock()
        stalled = now - self.moved_at
        if stalled < self._patience:
            self._again(call, self._patience - stalled + 0.001)
            return
        self.moved_at = now  # the next one waits for this one, but no longer than its own patience
        log.warning("%s overtakes a stalled call", call.endpoint.name, extra={"endpoint": call.endpoint.name})
        self._spawn(self.run())
        self._again(call, self._patience)

    async def run(self) -> None:
        """Send the waiting cancels one after the other, as long as the same call stalls."""
        stalled = self.in_flight
        self.running += 1
        try:
            while self.in_flight is stalled:
                if await self._send() is None:
                    return
        finally:
            self.running -= 1
            if not self.running:
                for waiter in self._waiting:
                    if not waiter.done():
                        waiter.set_result(None)
                self._waiting.clear()

    async def clear(self) -> None:
        """Let a cancel that is on its way arrive before the next call takes a higher nonce; wait for its patience."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await asyncio.wait([waiter], timeout=self._patience)
