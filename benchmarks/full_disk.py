"""A disk that can be full: writes to files fail from a moment on, in this process, as the system makes them fail.

The system's own functions are replaced, so this must be called before what is measured is imported. Descriptors of
pipes and sockets are left alone. It is worse than a full disk, which still takes what replaces bytes in place.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any


class FullDisk:
    """``full = True``: every write to a file, every sync and every new file fails. ``refused``: how many did."""

    def __init__(self) -> None:
        self.full = False
        self.refused = 0
        for name in ("write", "pwrite", "fsync", "fdatasync"):
            if hasattr(os, name):
                setattr(os, name, self._of_descriptor(getattr(os, name)))
        os.open = self._of_path(os.open)

    def _of_descriptor(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(fd: int, *rest: Any) -> Any:
            if self.full and stat.S_ISREG(os.fstat(fd).st_mode):
                self._refuse()
            return real(fd, *rest)

        return call

    def _of_path(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if self.full and flags & os.O_CREAT and not Path(path).exists():
                self._refuse()
            return real(path, flags, *rest, **options)

        return call

    def _refuse(self) -> None:
        self.refused += 1
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
