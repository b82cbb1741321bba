"""Unix sockets: bound so that no other user can reach them, taken over from a gateway that was killed."""

from __future__ import annotations

import os
import socket
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def bound(path: Path) -> socket.socket:
    """Return a socket bound at ``path``, 0600; its directory is made 0700 where there is none.

    Raises ValueError where others may put a socket of theirs in its place, and OSError.
    """
    if sys.platform == "win32":  # pragma: no cover
        raise ValueError("there are no unix sockets on Windows")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.parent.stat().st_mode
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise ValueError(
            f"others may replace what is in {path.parent}: chmod 700 {path.parent}, or another one"
        )
    if path.is_socket() and not _answers(path):
        path.unlink()  # of a gateway that was killed
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)  # so that it is never open to others, not even for a moment
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{path}: {error.strerror}") from None
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
