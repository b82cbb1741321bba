"""Halt: stop trading on a key, in every process that uses it, until it is resumed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from kraken_async.calls import log_messages
from kraken_async.errors import NonceStoreError, OutcomeUnknown, TransportError
from kraken_async.orders import recall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.call import Call
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.calls.tasks import Tasks
    from kraken_async.stores.base import KeyState, Shared

log: logging.Logger = logging.getLogger("kraken_async")

TRIES: Final = 3
#: Seconds that a halt waits for the shared state before CancelAll goes out.
PATIENCE: Final = 0.3


class Halt:
    """Whether orders may go on a key. The shared state says it; what it cannot be told yet is kept here.

    A resume() holds at once in this session and is written down in the background: by a task, by the next step of the
    worker, or at closing, whichever comes first. Resumes are numbered, so that a late write does not lift a later halt.
    """

    def __init__(self, key: KeyState, ledger: CallLedger, tasks: Tasks) -> None:
        self._key = key
        self._ledger = ledger
        self._tasks = tasks
        self._here = False  # in force in this session, while the shared state does not say so
        self._resumes = 0
        self._unwritten = 0  # the number of a resume() that the shared state does not know yet; 0: none

    @property
    def lifting(self) -> bool:
        """Whether a resume() is not written down yet."""
        return bool(self._unwritten)

    def stops(self, call: Call) -> bool:
        """Return whether a halt keeps a call from being sent."""
        return (self._here or self._key.seen.halted) and recall.places(call)

    async def stop(self, cancel_all: Callable[[], Awaitable[Any]] | None) -> Any:
        """Take waiting orders back, write the halt down, and return what ``cancel_all`` does (None: nothing).

        Raises KrakenError if that could not be done, with the halt in force all the same. Cancelled: it stays in force.
        """
        self._here, self._unwritten = True, 0
        self._ledger.cancel_unsent_where(
            lambda call: log_messages.halted(call) if recall.places(call) else None
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await self._key.update(recall.halt)
            self._here = False  # the shared state says it now, and says when it ends
        except (NonceStoreError, TimeoutError) as error:
            self._key.insist(self._halt_later)
            log.error(
                "the halt holds in this session; other processes are told once the shared state can be had: %s",
                str(error) or f"no answer within {PATIENCE} s",
            )
        log.warning("trading is halted on this key until resume()")
        if cancel_all is None:
            return None
        for _ in range(TRIES - 1):
            try:
                return await cancel_all()
            except (OutcomeUnknown, TransportError):
                continue  # no order can slip in between, so CancelAll may simply be repeated
        return await cancel_all()

    def _halt_later(self, shared: Shared) -> None:
        if self._here:
            recall.halt(shared)

    def resume(self) -> None:
        """Let orders go again: here at once, in the other processes on the key within a moment."""
        self._here = self._key.seen.halted = False
        self._resumes += 1
        self._unwritten = self._resumes
        self._tasks.start(self._write(self._unwritten))

    def apply(self, shared: Shared) -> None:
        """Put a resume() that is not written down yet into the state that is about to be."""
        if self._unwritten:
            recall.resume(shared)

    async def _write(self, number: int) -> None:
        """Write a resume() down, unless a halt() or another one came meanwhile."""
        await self._key.update(lambda shared: recall.resume(shared) if self._unwritten == number else None)
        if self._unwritten == number:
            self._unwritten = 0

    async def close(self) -> None:
        """Write down what is not; a halt that cannot be lifted stays, and shows at the next start."""
        if self._unwritten:
            with contextlib.suppress(NonceStoreError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._write(self._unwritten)
