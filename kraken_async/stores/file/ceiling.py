"""Keeping a session's ceiling ahead of its nonces, in the background, on a disk that may be slow or fail.

What a failing disk means: calls go on above the durable ceiling and it is said, because a bot that
cannot cancel is worse off than one that may, after a crash *and* a clock that was set back, meet one
refused nonce. ``strict_durability`` is the other choice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import MAX_NONCE
from kraken_async.stores.file.state_file import Moved, StateFile
from kraken_async.system.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.stores.file.recovery import Found

log: logging.Logger = logging.getLogger("kraken_async.store")

#: Seconds after which a disk that does not answer counts as failing; for a cancel that overtakes, much less.
PATIENCE: Final = 5.0
OVERTAKING_PATIENCE: Final = 0.3
#: Seconds between attempts on a failing disk.
RETRY: Final = 5.0


class Raised(NamedTuple):
    """A ceiling that is durable, and the file it is in: another one if the old one was removed."""

    ceiling: int
    file: StateFile
    found: Found | None


class Ceiling:
    """Raises one session's ceiling in threads, one at a time; belongs to the session's loop."""

    __slots__ = (
        "_clock",
        "_file",
        "_on_change",
        "_on_raised",
        "_raising",
        "_retry_at",
        "_stopped",
        "_strict",
        "durable",
        "errors",
        "failure",
        "raises",
    )

    def __init__(
        self,
        file: StateFile,
        clock: Callable[[], float],
        *,
        strict: bool,
        on_raised: Callable[[Raised], None],
        on_change: Callable[[bool], None],
    ) -> None:
        self._file = file
        self._clock = clock
        self._strict = strict
        self._on_raised = on_raised
        self._on_change = on_change
        self._raising: asyncio.Future[Raised] | None = None
        self._retry_at = 0.0
        self._stopped = False
        self.durable: bool = True
        self.failure: str = ""
        self.errors: int = 0
        self.raises: int = 0

    def stop(self) -> None:
        """Note that the session closes its descriptors: what a raise then meets is no failure of the disk."""
        self._stopped = True

    def resting(self) -> bool:
        """Whether the disk has failed just now and is not to be asked again yet."""
        return not self.durable and time.monotonic() < self._retry_at

    def may_go_beyond(self, nonce: int, *, flushed: bool) -> bool:
        """Whether to hand out a nonce above the durable ceiling.

        ``flushed``: somebody retries in the background.
        """
        if nonce > MAX_NONCE:
            raise NonceStoreError(
                f"nonce state {self._file.path}: the highest nonce is used up. Use a new API key"
            )
        return not self.durable and not self._strict and (flushed or self.resting())

    async def cover(self, last: int, patience: float) -> None:
        """Wait until a ceiling above ``last`` is durable, or the disk has failed, or ``patience`` is over.

        Raises NonceStoreError when it is not durable then and the store is strict. Cancelled: the raise goes on.
        """
        if self._strict and self.resting():
            raise self._refusal()
        raising = self._raising
        if raising is None:
            try:
                raising = in_thread(lambda: self._raise(last), self._undo)
            except (RuntimeError, MemoryError) as error:  # no thread can be started
                self.failed(OSError(None, str(error) or "out of memory"))
                if self._strict:
                    raise self._refusal() from error
                return
            self._raising = raising
            raising.add_done_callback(self._done)
        await asyncio.wait([raising], timeout=patience)
        if not raising.done():
            self.failed(OSError(None, f"no answer from the disk for {patience} s"))
        if self._strict and not self.durable:
            raise self._refusal()

    async def quiet(self, patience: float) -> None:
        """Wait until no raise is under way; before closing."""
        if self._raising is not None:
            await asyncio.wait([self._raising], timeout=patience)

    def _raise(self, last: int) -> Raised:
        """In a thread."""
        file = self._file
        try:
            return Raised(file.raise_ceiling(last), file, None)
        except Moved as moved:
            log.error(
                "nonce state %s: %s; it is made again from what this session knows", file.path, moved.strerror
            )
        new = StateFile(file.directory, file.name, file.unit, file.disk)
        new.enter()
        # Above all that may be handed out on the old file until the new one is used, by us and by others.
        found = new.recover(new.read(), self._clock, floor=max(last, file.highest()))
        return Raised(found.ceiling, new, found)

    def _undo(self, raised: Raised) -> None:
        if raised.found is not None:
            raised.file.close()

    def _done(self, raising: asyncio.Future[Raised]) -> None:
        self._raising = None
        if raising.cancelled():
            return
        error = raising.exception()
        if error is not None and self._stopped:
            return  # closed meanwhile: not the disk's fault, and no one's loss
        if error is not None:
            self.failed(error if isinstance(error, OSError) else OSError(None, str(error)))
            return
        raised = raising.result()
        self._file = raised.file
        self.raises += 1
        self._on_raised(raised)
        if not self.durable:
            self.durable = True
            self.failure = ""
            self._on_change(True)
            log.warning("nonce state %s: the disk works again", self._file.path)

    def failed(self, error: OSError) -> None:
        """Count, say it once, try again later."""
        self.errors += 1
        self._retry_at = time.monotonic() + RETRY
        then = "calls are refused" if self._strict else "calls go on without a durable ceiling"
        why = error.strerror or str(error)
        self.failure = (
            f"nonce state {self._file.path} cannot be written ({why}): {then}; free or repair the disk"
        )
        if self.durable:
            self.durable = False
            self._on_change(False)
            log.error("%s", self.failure)

    def _refusal(self) -> NonceStoreError:
        return NonceStoreError(f"{self.failure} (strict_durability)")
