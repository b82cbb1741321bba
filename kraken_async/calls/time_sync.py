"""TimeSync: ask Kraken for its time, once, before the first order's deadline is stamped in it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from kraken_async.errors import KrakenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.calls.public_calls import PublicCalls
    from kraken_async.calls.tasks import Tasks
    from kraken_async.server_time import ServerTime

log: logging.Logger = logging.getLogger("kraken_async")

TIMEOUT: Final = 2.0


class TimeSync:
    """Learns Kraken's time for the orders of one session."""

    def __init__(
        self, public: PublicCalls, server_time: ServerTime, tasks: Tasks, clock: Callable[[], float]
    ) -> None:
        self._public = public
        self._server_time = server_time
        self._tasks = tasks
        self._clock = clock
        self._asking: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for: Kraken's time is known, or was asked for in vain."""
        return self._server_time.known or (self._asking is not None and self._asking.done())

    async def learn(self, patience: float | None) -> None:
        """Wait until Kraken has been asked, at most ``patience`` seconds.

        Shared by the orders that wait for it, in their order: a caller who leaves does not take it from the others.
        Without an answer this machine's clock is used.
        """
        if self._asking is None:
            self._asking = self._tasks.task(self._ask())
        await asyncio.wait([self._asking], timeout=patience)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):  # the wait for the public limit included
                await self._public.ask("Time", {}, TIMEOUT, attempts=1)
        except (KrakenError, TimeoutError) as error:
            why = str(error) or f"no answer within {TIMEOUT:g} s"
            log.warning("Kraken's time could not be asked (%s): deadlines are stamped by this clock", why)
