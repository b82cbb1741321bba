"""Where state lies: the directory, whether it will last, whether it can be locked, and which boot this is."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from kraken_async.errors import NonceStoreError
from kraken_async.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

#: File systems that are gone with the machine's power, or with the container.
_FLEETING: Final = {
    "tmpfs": "in memory (tmpfs)",
    "ramfs": "in memory (ramfs)",
    "devtmpfs": "in memory (devtmpfs)",
}
#: File systems on which flock is local to one host at best, or does nothing.
_UNLOCKED: Final = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "fuse.sshfs",
    "fuse.s3fs",
    "fuse.gcsfuse",
}


def default_directory() -> Path:
    """Return the user's state directory, as platformdirs gives it."""
    return Path(platformdirs.user_state_dir("kraken-async"))


def make_directory(directory: Path) -> None:
    """Create ``directory`` (0700) and what leads to it. Raises NonceStoreError naming it and the cure."""
    try:
        for parent in reversed([directory, *directory.parents]):
            if not parent.exists():
                parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise NonceStoreError(
            f"the state directory {directory} cannot be created: {error.strerror}. "
            "Give another one: state_dir=... or KRAKEN_STATE_DIR"
        ) from error
    if not directory.is_dir():
        raise NonceStoreError(
            f"{directory} is not a directory. Give another one: state_dir=... or KRAKEN_STATE_DIR"
        )


def place_problems(directory: Path, *, chosen: bool) -> tuple[Problem, ...]:
    """Return what is wrong with ``directory`` as a home for nonces. ``chosen``: somebody named it."""
    problems: list[Problem] = []
    kind, mount = file_system(directory)
    if kind in _FLEETING:
        problems.append(
            Problem(
                "store-fleeting",
                f"{directory} is {_FLEETING[kind]}: nonce state will not outlive a restart of the machine or container",
            )
        )
    elif kind == "overlay" and mount == "/":
        problems.append(
            Problem(
                "store-fleeting",
                f"{directory} is inside a container's own layer: mount a volume, or nonce state goes with it",
            )
        )
    elif kind in _UNLOCKED:
        problems.append(
            Problem(
                "store-unlocked",
                f"{directory} is on a network file system ({kind}), whose locks may not hold: use a local directory, "
                "a RedisStore, or one API key per host",
            )
        )
    if sys.platform == "win32":
        problems.append(
            Problem("store-unlocked", "no file locks on Windows: use each API key in one process only")
        )
    elif not chosen and not os.environ.get("HOME"):
        problems.append(
            Problem(
                "store-place",
                f"HOME is not set, so that nonce state is kept in {directory}: set state_dir or KRAKEN_STATE_DIR",
            )
        )
    return (*problems, *_exposures(directory))


def _exposures(directory: Path) -> Iterator[Problem]:
    """Yield why other users may replace what is in ``directory``. Root may anyhow, and is no finding."""
    try:
        status = directory.stat()
    except OSError:
        return
    if sys.platform == "win32":
        return
    if status.st_uid not in (os.geteuid(), 0):
        yield Problem(
            "store-exposed",
            f"{directory} belongs to {_user(status.st_uid)}, who may replace the files in it: chown it to "
            f"{_user(os.geteuid())}, or use one of your own",
            "owner",
        )
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        yield Problem("store-exposed", f"others may replace files in {directory}: chmod go-w {directory}")


def _user(number: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except (KeyError, OSError):  # as in a container that was given another one's volume
        return f"user {number}"


def file_system(path: Path) -> tuple[str, str]:
    """Return the type and mount point of the file system under ``path``.

    Empty where the system does not tell.
    """
    try:
        target = os.path.realpath(path)
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return "", ""
    best = ("", "")
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = fields[1].replace("\\040", " ")
        # The last of several mounts on one point is the one that is seen.
        if (target + "/").startswith(mount.rstrip("/") + "/") and len(mount) >= len(best[1]):
            best = (fields[2], mount)
    return best


@functools.cache
def boot_id() -> bytes:
    """Return eight bytes that differ between boots (and hosts), zeros where the system has no such thing.

    Where it is zeros, another boot is noticed only by a monotonic clock that is behind the saved one.
    """
    text = ""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        if sys.platform == "darwin":  # pragma: no cover
            text = _sysctl("kern.bootsessionuuid")
    return hashlib.sha256(text.encode()).digest()[:8] if text else bytes(8)


def _sysctl(name: str) -> str:  # pragma: no cover - macOS
    import ctypes

    try:
        size = ctypes.c_size_t(64)
        value = ctypes.create_string_buffer(64)
        failed = ctypes.CDLL(None).sysctlbyname(name.encode(), value, ctypes.byref(size), None, 0)
    except (OSError, AttributeError):
        return ""
    return "" if failed else value.value.decode(errors="replace")
