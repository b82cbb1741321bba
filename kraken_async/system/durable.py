"""Writes that outlive a crash: one full sync, and one way to put a whole file in another one's place in one step.

What each step survives: written, a killed process; synced, a power cut; the directory synced, a power cut right after
a name was given or changed. A file that gets its name by :func:`put_in_place` is never seen half written.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Neither inherited by programs that are started from here, nor through a symbolic link.
_OWN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def sync(fd: int) -> None:
    """Return when the file's contents would survive a power cut; OSError if that cannot be said."""
    if sys.platform == "darwin":  # pragma: no cover
        import fcntl

        # fsync on macOS hands the data to the drive and does not wait for it (its own manual page).
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError:  # not every file system there knows it
            os.fsync(fd)
    else:
        getattr(os, "fdatasync", os.fsync)(fd)


def sync_directory(directory: Path) -> None:
    """Return when the names in ``directory`` would survive a power cut."""
    if sys.platform == "win32":  # pragma: no cover - directories cannot be opened there
        return
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if sys.platform == "darwin":  # pragma: no cover
            sync(fd)
        else:
            os.fsync(fd)
    finally:
        os.close(fd)


def put_in_place(
    path: Path,
    data: bytes,
    *,
    synced: bool,
    append: bool = False,
    prepare: Callable[[int], object] | None = None,
) -> int:
    """Write a file under another name, put it in ``path``'s place in one step and return its descriptor, to be closed.

    ``synced``: contents and name survive a power cut when this returns. ``append``: what is written to the descriptor
    goes to the end. ``prepare(fd)`` is called before anything is written: to lock a file that no one else has seen.
    Mode 0600. OSError: ``path`` is as it was, and nothing is left beside it.
    """
    draft = draft_of(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | (os.O_APPEND if append else 0)
    fd = os.open(draft, flags | _OWN, 0o600)
    try:
        if prepare is not None:
            prepare(fd)
        if data and os.write(fd, data) != len(data):
            raise OSError(28, "No space left on device", str(path))
        if synced:
            sync(fd)
        draft.replace(path)
        if synced:
            sync_directory(path.parent)
    except BaseException:
        os.close(fd)
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    return fd


def replace(path: Path, data: bytes, *, synced: bool = False) -> None:
    """Write a whole file in ``path``'s place in one step; see :func:`put_in_place`."""
    os.close(put_in_place(path, data, synced=synced))


def draft_of(path: Path) -> Path:
    """Return a name beside ``path`` that no one else uses."""
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}")


class Disk:
    """The system calls on durable files, in one place so that tests can lose what was not synced.

    ``pread`` and ``pwrite`` are the plain functions of ``os`` where it has them: they are on the path of each call.
    """

    def open(self, path: Path, flags: int) -> int:
        """Open with mode 0600, not inherited by programs started from here."""
        return os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)

    if sys.platform == "win32":  # pragma: no cover

        @staticmethod
        def pread(fd: int, size: int, offset: int) -> bytes:
            """Read at ``offset``. Moves the file position, which nothing here relies on."""
            os.lseek(fd, offset, os.SEEK_SET)
            return os.read(fd, size)

        @staticmethod
        def pwrite(fd: int, data: bytes, offset: int) -> int:
            """Write at ``offset``; return how much was written."""
            os.lseek(fd, offset, os.SEEK_SET)
            return os.write(fd, data)

    else:
        pread: staticmethod[[int, int, int], bytes] = staticmethod(os.pread)
        pwrite: staticmethod[[int, bytes, int], int] = staticmethod(os.pwrite)

    def sync(self, fd: int) -> None:
        """See :func:`sync`."""
        sync(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Put ``source`` in ``target``'s place in one step."""
        source.replace(target)

    def sync_directory(self, directory: Path) -> None:
        """See :func:`sync_directory`."""
        sync_directory(directory)
