"""Kraken's dead man's switch: orders are cancelled when this program falls silent."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Final, Self

from kraken_async.api.endpoints import Priority
from kraken_async.errors import KrakenError

if TYPE_CHECKING:
    from types import TracebackType

    from kraken_async.call import Caller

log = logging.getLogger("kraken_async.dead_man")

ENDPOINT: Final = "CancelAllOrdersAfter"
#: Kraken refuses a timer of a day and more.
LONGEST: Final = 86_400


class DeadManSwitch:
    """Arms CancelAllOrdersAfter on entering, and refreshes it every ``every`` seconds.

    It is *account-wide*: when it fires, Kraken cancels every order of the account, those of other keys,
    programs and of Kraken's web page too, and so does a second program that arms it with another time.
    Refreshes go before everything but cancels. Leaving in good order disarms it. Leaving by an exception
    leaves it armed: the program that watched the orders has failed, and unless it comes back and arms it
    anew, they are cancelled in time. A refresh that fails is logged and tried again at the next beat.

    Entering raises KrakenError if it cannot be armed. An error in disarming is logged and raised: the switch
    is then still running. Cancelled in entering: it may be armed. Disarm it before planned maintenance at
    Kraken: an armed timer fires when the engine returns.

    Raises ValueError unless 0 < every < seconds < 86400.

    >>> async def main(client):
    ...     async with client.dead_man_switch(60, every=15):
    ...         await trade(client)
    """

    def __init__(self, session: Caller, seconds: float, every: float = 15.0) -> None:
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
        self._client = session.with_options(priority=Priority.AMEND, timeout=max(1.0, min(every, 10.0)))
        self._task: asyncio.Task[None] | None = None
        self._armed_at = 0.0
        self._fired = False

    def __repr__(self) -> str:
        state = "not armed" if self._task is None else "fired" if self._fired else "armed"
        return f"<DeadManSwitch {self.seconds} s, every {self.every:g} s, {state}>"

    async def __aenter__(self) -> Self:
        await self._arm()
        self._task = asyncio.get_running_loop().create_task(
            self._beat(), name="kraken_async dead man's switch"
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
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

    async def _arm(self) -> None:
        asked = asyncio.get_running_loop().time()
        await self._client.private(ENDPOINT, {"timeout": self.seconds})
        # Kraken counts from when the call reached it, so from its asking at the earliest.
        self._armed_at = asked

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        beat = loop.time()
        while True:
            beat = max(beat + self.every, loop.time())
            await asyncio.sleep(beat - loop.time())
            try:
                await self._arm()
            except KrakenError as error:
                self._say(error, loop.time() - self._armed_at)
            else:
                if self._fired:
                    log.warning(
                        "the dead man's switch is armed again; orders placed before may have been cancelled"
                    )
                self._fired = False

    def _say(self, error: KrakenError, silence: float) -> None:
        if silence < self.seconds:
            log.warning(
                "the dead man's switch was not refreshed, %.0f s left: %s", self.seconds - silence, error
            )
        elif not self._fired:
            self._fired = True
            log.error(
                "the dead man's switch was not refreshed for %.0f s: it must have fired, and "
                "cancelled all of the account's orders: %s",
                silence,
                error,
            )
