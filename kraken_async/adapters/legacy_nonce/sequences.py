"""The parts that the older nonce managers' names are made of: durable sequences by name, each with its text mirror.

The state that counts is the store's own file. The mirror is for programs that read the old format: one
decimal nonce, replaced atomically, at or above every nonce handed out. It is written once in about two seconds of use.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kraken_async import FileStore, NonceSource
from kraken_async.system.durable import replace

if TYPE_CHECKING:
    from collections.abc import Callable

log: logging.Logger = logging.getLogger("kraken_async.adapters")

#: How far the mirror is ahead of the clock, and of nonces that have left the clock behind.
WINDOW_NS: Final = 2_000_000_000
AHEAD_NS: Final = 1_000_000
#: A number further ahead of the clock than this is taken for damage: it would close the key to all others.
FURTHEST_NS: Final = 48 * 3600 * 1_000_000_000

_registry: dict[str, Sequence] = {}
_registry_lock = threading.Lock()


def directory() -> Path:
    """Return the directory of state files: KRAKEN_STATE_DIR, or the user's state directory."""
    return FileStore(os.environ.get("KRAKEN_STATE_DIR") or None).directory


def sequence(name: str, mirror: Callable[[], str]) -> Sequence:
    """Return the process's sequence called ``name``, opened when first asked for.

    Raises NonceStoreError when another process has it, or when the state cannot be read.
    """
    found = _registry.get(name)
    if found is not None:
        return found
    with _registry_lock:
        if name not in _registry:
            _registry[name] = Sequence(name, Path(mirror()))
        return _registry[name]


def sequence_of(kind: str, owner: str) -> Sequence:
    """Return the sequence of one user or key, whatever it is called. Raises NonceStoreError."""
    # A file may not have any name, and a key is a secret that no path should show.
    name = f"legacy-{kind}-{hashlib.sha256(str(owner).encode()).hexdigest()[:16]}"
    return sequence(name, lambda: str(directory() / f"{name}.txt"))


def close_all() -> None:
    """Close every sequence; the next use opens it again. Runs at the end of the program too."""
    with _registry_lock:
        for each in _registry.values():
            each.close()
        _registry.clear()


atexit.register(close_all)


def _forget() -> None:
    # A forked child must not use its parent's reservation: it opens its own, or learns who has it.
    global _registry_lock
    _registry.clear()
    _registry_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class Sequence:
    """Strictly rising 19-digit nonces. Thread-safe."""

    def __init__(self, name: str, mirror: Path) -> None:
        self.mirror = mirror
        self.issued: int = 0
        self._lock = threading.Lock()
        self._mirrored = 0
        self._failing = False
        self._source = NonceSource(FileStore(os.environ.get("KRAKEN_STATE_DIR") or None), name)
        self.raise_to(self._read())

    @property
    def last(self) -> int:
        """The highest nonce handed out."""
        return self._source.last

    def next(self) -> int:
        """Return the next nonce. Raises NonceStoreError."""
        nonce = self._source.next()
        with self._lock:
            self.issued += 1
            if nonce > self._mirrored:
                self._write(max(time.time_ns() + WINDOW_NS, nonce + AHEAD_NS))
        return nonce

    def jump(self, nanoseconds: int) -> int:
        """Raise the nonce by so much from the clock or the last one; return the new last. Not negative."""
        new = self._source.jump_forward(nanoseconds)
        with self._lock:
            self._write(new + AHEAD_NS)
        return new

    def raise_to(self, nonce: int) -> None:
        """Let every nonce from now on be above ``nonce``; one of a coarser unit is below them anyway."""
        now = time.time_ns()
        if nonce > now + FURTHEST_NS:
            log.warning("a saved nonce, %d, is more than 48 h ahead of the clock and is ignored", nonce)
        elif nonce > self.last:
            self._source.jump_forward(max(0, nonce - now))

    def close(self) -> None:
        """Let the mirror tell the last nonce, and release the state. Idempotent."""
        with self._lock:
            if self.issued:
                self._write(self.last)
        self._source.close()

    def _read(self) -> int:
        try:
            return int(self.mirror.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            log.warning("%s holds no nonce and is written again: %s", self.mirror, error)
            return 0

    def _write(self, nonce: int) -> None:
        """Replace the mirror. A failing disk is logged once: this is a copy, and a cancel must go out."""
        self._mirrored = nonce
        try:
            self.mirror.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(self.mirror, f"{nonce}\n".encode())
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error(
                    "%s cannot be written: %s; the nonces themselves are kept elsewhere", self.mirror, error
                )
            self._failing = True
