"""``flock`` for systems without it, among the threads of one process. Other processes are not kept out."""

from __future__ import annotations

import errno
import os
import threading
from typing import Final

LOCK_SH: Final = 1
LOCK_EX: Final = 2
LOCK_NB: Final = 4
LOCK_UN: Final = 8


class EmulatedLocks:
    """Holds of descriptors on files. As with ``flock``, each opened descriptor is a holder of its own.

    Unlike there, closing a descriptor does not unlock it: that must be said before.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[tuple[int, int], dict[int, int]] = {}

    def flock(self, fd: int, operation: int, /) -> None:
        """Lock, wait, try or unlock, with the operations and errors of ``fcntl.flock``."""
        if fd < 0:
            raise ValueError(f"file descriptor cannot be a negative integer ({fd})")
        status = os.fstat(fd)
        file = (status.st_dev, status.st_ino)
        with self._changed:
            held = self._held.setdefault(file, {})
            if operation & LOCK_UN:
                held.pop(fd, None)
            else:
                wanted = operation & (LOCK_SH | LOCK_EX)
                while any(LOCK_EX in (wanted, kind) for holder, kind in held.items() if holder != fd):
                    if operation & LOCK_NB:
                        raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
                    self._changed.wait()
                held[fd] = wanted
            self._changed.notify_all()
