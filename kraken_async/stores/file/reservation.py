"""A state file for one NonceSource alone: blocks of nonces, each durable before it is used."""

from __future__ import annotations

import logging
import time

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import MAX_NONCE, Reservation, new_ceiling, next_nonce
from kraken_async.stores.file.state_file import Moved, StateFile
from kraken_async.system.fork import FORKED, unwatch_forks, watch_forks

log: logging.Logger = logging.getLogger("kraken_async.store")


class FileReservation(Reservation):
    """Exclusive use of one key's state file, held from creation to :meth:`close`, or the death of the process."""

    def __init__(self, file: StateFile, *, strict: bool) -> None:
        self._file = file
        self._strict = strict
        self.durable: bool = True
        self._forked = False
        self._closed = False
        file.enter()
        found = file.recover(file.read(), time.monotonic)
        for sentence in found.said:
            log.warning("%s", sentence)
        self._floor = found.shared.last
        self._ceiling = found.ceiling
        watch_forks(self)

    def __repr__(self) -> str:
        return f"<FileReservation {self._file.path}>"

    def left_behind(self) -> None:
        """Note that this is a forked child: close, do not unlock."""
        self._forked = True
        self._file.left_behind()

    def block(self, above: int, size: int) -> tuple[int, int]:
        """Make ``[start, stop)`` durable and return it; ``stop`` leaves ``size`` nonces or 2 s, whichever is more.

        Waits for the disk. When that fails, says so once and goes on without durability, or raises
        NonceStoreError if the store has ``strict_durability``.
        """
        if self._forked or self._closed:
            why = FORKED if self._forked else "it is closed"
            raise NonceStoreError(f"this reservation of {self._file.path} cannot be used: {why}")
        start = next_nonce(max(above, self._floor), self._file.unit)
        if start > MAX_NONCE:
            raise NonceStoreError(
                f"{self._file.path}: the last nonce is the highest there is. Use a new API key"
            )
        # Never lower than before, also when the clock has been set back: all below it may be in use by now.
        wanted = max(self._ceiling, new_ceiling(start, self._file.unit), start + size - 1)
        ceiling = self._ceiling = min(MAX_NONCE, wanted)
        try:
            self._reserve(ceiling)
        except OSError as error:
            self._disk_failed(error)
        else:
            if not self.durable:
                log.warning("nonce state %s: the disk works again", self._file.path)
            self.durable = True
        return start, ceiling + 1

    def _reserve(self, ceiling: int) -> None:
        file = self._file
        try:
            if file.fd >= 0:
                file.reserve(ceiling)
                return
        except Moved as moved:
            log.error("nonce state %s: %s; it is made again", file.path, moved.strerror)
            # First the old one: when only a lock file was removed, it is the same, and locked by ourselves.
            file.close()
        new = self._file = StateFile(file.directory, file.name, file.unit, file.disk, exclusive=True)
        new.enter()
        new.recover(new.read(), time.monotonic, floor=ceiling)

    def _disk_failed(self, error: OSError) -> None:
        text = f"nonce state {self._file.path} cannot be written ({error.strerror or error}); free or repair the disk"
        if self._strict:
            raise NonceStoreError(f"{text} (strict_durability)") from error
        if self.durable:
            self.durable = False
            log.error("%s; nonces go on without a durable ceiling", text)

    def close(self, last: int) -> None:
        """Give back what was reserved above ``last``, and release the lock. Idempotent."""
        unwatch_forks(self)
        self._closed = True
        try:
            self._file.finish(max(last, self._floor))
        except OSError as error:
            log.warning("nonce state %s: the reservation could not be given back: %s", self._file.path, error)
