"""The names of a widespread home-made nonce manager, on NonceSource: old code keeps running, its nonces last.

    import kraken_async.adapters.legacy_nonce as global_kraken_nonce

Synchronous and thread-safe; no event loop is needed. State lies under KRAKEN_STATE_DIR, for one process at a
time: a second one gets NonceStoreError instead of nonces that collide.
(Several processes on one key: KrakenSession.)

What differs from the old manager, on purpose:

- Everything counts in nanoseconds, 19 digits; a saved nonce of a coarser unit is below all of these.
- ``api_key=...`` gives an account a sequence and a lock of its own; without it there is one for all.
- Burst protection sleeps before it takes a nonce and holds no lock meanwhile.
- Give one API key to one of these classes only: their sequences do not know of each other.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Self

from kraken_async.adapters.legacy_nonce.sequences import Sequence, close_all, directory, sequence, sequence_of
from kraken_async.adapters.legacy_nonce.users import KrakenNonce, UserNonceManager, get_user_nonce_manager

__all__ = [
    "GlobalKrakenNonceManager",
    "KrakenNonce",
    "UserNonceManager",
    "close_all",
    "get_global_kraken_nonce",
    "get_global_nonce_manager",
    "get_global_nonce_stats",
    "get_kraken_api_lock",
    "get_kraken_nonce",
    "get_user_nonce_manager",
    "jump_global_kraken_nonce_forward",
]


class _DefaultFile:
    """The class attribute follows KRAKEN_STATE_DIR until somebody assigns another path."""

    def __get__(self, instance: object, owner: type) -> str:
        return str(directory() / "kraken_global_nonce.txt")


class GlobalKrakenNonceManager:
    """The process's nonce manager; every construction gives the same object."""

    NONCE_PERSISTENCE_FILE: Any = _DefaultFile()
    STARTUP_RATE_LIMIT_SECONDS = 0.5
    STARTUP_BURST_WINDOW = 10.0
    MAX_BURST_RATE = 20

    #: The clock of the burst protection, in seconds, and what it sleeps by.
    clock: staticmethod[[], float] = staticmethod(time.monotonic)
    sleep: staticmethod[[float], None] = staticmethod(time.sleep)

    _instance: GlobalKrakenNonceManager | None = None
    _creating = threading.Lock()

    def __new__(cls) -> Self:
        """Return the one of this process."""
        with cls._creating:
            if cls._instance is None:
                manager = super().__new__(cls)
                manager._begin()
                cls._instance = manager
            assert isinstance(cls._instance, cls)  # a subclass would be another singleton
            return cls._instance

    def _begin(self) -> None:
        self._started = self.clock()
        self._limiting = True
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()  # when nonces were, or will be, handed out
        self._issued = 0

    def get_nonce(self, apply_rate_limiting: bool = True, *, api_key: str | None = None) -> int:
        """Return the next nonce; in the first seconds a burst makes the caller sleep first, holding no lock.

        Raises NonceStoreError when the state cannot be read, or another process has it.
        """
        delay = self._take_place(limited=apply_rate_limiting and self._limiting)
        if delay > 0:
            self.sleep(delay)
        return self._sequence(api_key).next()

    def _take_place(self, *, limited: bool) -> float:
        """Note a call, and return how long it has to wait."""
        with self._lock:
            now = at = self.clock()
            while self._recent and now - self._recent[0] >= 1.0:
                self._recent.popleft()
            if limited and len(self._recent) >= self.MAX_BURST_RATE and now < self._window_end():
                at = min(max(now, self._recent[-1] + self.STARTUP_RATE_LIMIT_SECONDS), self._window_end())
            self._recent.append(at)
            self._issued += 1
            return at - now

    def _window_end(self) -> float:
        return self._started + self.STARTUP_BURST_WINDOW

    def _sequence(self, api_key: str | None = None) -> Sequence:
        if api_key is None:
            return sequence("legacy-global", lambda: str(self.NONCE_PERSISTENCE_FILE))
        return sequence_of("key", api_key)

    def jump_forward(self, nanoseconds: int, *, api_key: str | None = None) -> int:
        """Raise the nonce by so much above the clock or the last one, if higher; return the new value."""
        return self._sequence(api_key).jump(nanoseconds)

    def set_rate_limiting(self, enabled: bool) -> None:
        """Turn burst protection on or off."""
        self._limiting = bool(enabled)

    def reset_burst_tracking(self) -> None:
        """Forget recent calls."""
        with self._lock:
            self._recent.clear()

    def get_stats(self) -> dict[str, Any]:
        """Return this process's counts; ``persistence_file`` names the text file with one decimal nonce."""
        with self._lock:
            now = self.clock()
            uptime = max(now - self._started, 1e-9)
            recent = float(sum(now - 1.0 < at <= now for at in self._recent))
        return {
            "total_nonces_issued": self._issued,
            "last_nonce": self._sequence().last,
            "uptime_seconds": uptime,
            "nonces_per_second": self._issued / uptime,
            "recent_burst_rate": recent,
            "in_startup_window": uptime < self.STARTUP_BURST_WINDOW,
            "persistence_file": str(self.NONCE_PERSISTENCE_FILE),
            "rate_limit_config": {
                "startup_rate_limit_seconds": self.STARTUP_RATE_LIMIT_SECONDS,
                "max_burst_rate": self.MAX_BURST_RATE,
                "startup_window_seconds": self.STARTUP_BURST_WINDOW,
            },
        }


def get_global_nonce_manager() -> GlobalKrakenNonceManager:
    """Return the process's manager."""
    return GlobalKrakenNonceManager()


def get_global_nonce_stats() -> dict[str, Any]:
    """Return the manager's statistics."""
    return get_global_nonce_manager().get_stats()


def get_global_kraken_nonce(api_key: str | None = None) -> int:
    """Return the next nonce."""
    return get_global_nonce_manager().get_nonce(api_key=api_key)


get_kraken_nonce = get_global_kraken_nonce


def jump_global_kraken_nonce_forward(milliseconds: int) -> int:
    """Raise the nonce by so many *milliseconds*; return the new value, which is in nanoseconds as all are."""
    return get_global_nonce_manager().jump_forward(round(milliseconds * 1_000_000))


_api_locks: dict[str | None, Any] = {None: threading.RLock()}


def get_kraken_api_lock(api_key: str | None = None) -> Any:
    """Return the re-entrant lock that lets one call at a time through; each ``api_key`` has its own."""
    return _api_locks.get(api_key) or _api_locks.setdefault(api_key, threading.RLock())
