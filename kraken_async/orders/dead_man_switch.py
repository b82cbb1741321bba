"""Kraken's dead man's switch: orders are cancelled when this program falls silent."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Final, Self

from kraken_async.api.endpoints import Priority
from kraken_async.errors import KrakenError
from kraken_async.orders.maintenance import MaintenanceWatch
from kraken_async.orders.switch_timers import SwitchTimers
from kraken_async.problems import ProblemBoard

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from kraken_async.call import Caller

log: logging.Logger = logging.getLogger("kraken_async.dead_man")

ENDPOINT: Final = "CancelAllOrdersAfter"
#: Kraken refuses a timer of a day and more.
LONGEST: Final = 86_400


class DeadManSwitch:
    """Arms CancelAllOrdersAfter on entering, and refreshes it every ``every`` seconds.

    It is *account-wide*: when it fires, Kraken cancels every order of the account, those of other keys,
    programs and of Kraken's web page too, and so does a second program that arms it with another time.
    Refreshes go before everything but cancels. Leaving in good order disarms it. Leaving by an exception
    leaves it armed: the program that watched the orders has failed, and unless it comes back and arms it
    again, they are cancelled in time. A refresh that fails is logged and tried again at the next beat.
    That the switch is late, and that it must have fired, is logged and among the session's problems, also while a
    refresh only waits; so is a maintenance that Kraken has announced.

    Entering raises KrakenError if it cannot be armed. An error in disarming is logged and raised: the switch
    is then still running. Cancelled in entering: it may be armed. Disarm it before planned maintenance at
    Kraken: an armed timer fires when the engine returns.

    Raises ValueError unless 0 < every < seconds < 86400.

    >>> async def main(client):
    ...     async with client.dead_man_switch(60, every=15):
    ...         await trade(client)
    """

    seconds: int
    every: float

    def __init__(
        self,
        session: Caller,
        seconds: float,
        every: float = 15.0,
        *,
        board: Callable[[], ProblemBoard] = ProblemBoard,
    ) -> None:
        numbers = not any(
            isinstance(each, bool) or not isinstance(each, (int, float)) for each in (seconds, every)
        )
        if not numbers or not 0 < every < seconds < LONGEST:
            msg = (
                f"a dead man's switch needs 0 < every < seconds < {LONGEST}, not every={every!r}, "
                f"seconds={seconds!r}: Kraken recommends 15 and 60"
            )
            raise ValueError(msg)
        self.seconds, self.every = math.ceil(seconds), every  # Kraken takes whole seconds
        self._timeout = max(1.0, min(every, 10.0))
        self._client = session.with_options(priority=Priority.AMEND, timeout=self._timeout)
        self._board = board  # of the session, which is opened by the first call
        self._tasks: list[asyncio.Task[None]] = []
        self._timers: SwitchTimers | None = None

    def __repr__(self) -> str:
        timers = self._timers
        state = "not armed" if timers is None else "fired" if timers.fired else "armed"
        return f"<DeadManSwitch {self.seconds} s, every {self.every:g} s, {state}>"

    async def __aenter__(self) -> Self:
        since = await self._arm()
        board = self._board()
        self._timers = timers = SwitchTimers(self.seconds, self.every, board)
        timers.armed(since)
        loop, name = asyncio.get_running_loop(), "kraken_async dead man's switch"
        self._tasks = [
            loop.create_task(self._beat(timers), name=name),
            loop.create_task(MaintenanceWatch(self._client, board).run(), name=f"{name}, maintenance"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks, self._tasks = self._tasks, []
        try:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            await self._leave(kind)
        finally:  # the timers run while the disarming waits for its turn
            if self._timers is not None:
                self._timers.stop()
            self._timers = None

    async def _leave(self, kind: type[BaseException] | None) -> None:
        if kind is not None:
            log.warning(
                "left by %s: the dead man's switch stays armed, and the account's orders go within %d s",
                kind.__name__,
                self.seconds,
            )
            return
        try:
            await self._client.private(ENDPOINT, {"timeout": 0})
        except KrakenError as failure:
            log.error(
                "the dead man's switch is still armed: the account's orders are cancelled within %d s: %s",
                self.seconds,
                failure,
            )
            raise

    async def _arm(self) -> float:
        """Arm or refresh it; return since when Kraken has the timer at the earliest, on the loop's clock."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await self._client.private(ENDPOINT, {"timeout": self.seconds})
        # Kraken counts from when the call reached it: after its asking, and within the time of one exchange.
        return max(asked, loop.time() - self._timeout)

    async def _beat(self, timers: SwitchTimers) -> None:
        loop = asyncio.get_running_loop()
        beat = loop.time()
        while True:
            beat = max(beat + self.every, loop.time())
            await asyncio.sleep(beat - loop.time())
            try:
                timers.armed(await self._arm())
            except Exception as error:  # whatever a refresh meets, the next one is tried
                timers.failed(error)
