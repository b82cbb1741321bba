"""The older classes of the home-made nonce manager: one sequence per user, and one without a name."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kraken_async.adapters.legacy_nonce.sequences import Sequence, directory, sequence, sequence_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: Refusals in a row after which a user's nonce jumps, by how much, and how often at most.
ERRORS: Final = 2
JUMP_NS: Final = 60_000_000_000
PAUSE: Final = 3600.0


class KrakenNonce:
    """Nonces of one user. It was in milliseconds and in memory only; now it is 19 digits, and durable.

    All instances draw from one sequence of the process, since none of them says whose it is: each one's
    nonces rise, whatever the others do.
    """

    def __init__(self) -> None:
        #: The last nonce of this instance; before the first one, the last of any.
        self.last: int = self._sequence().last

    @staticmethod
    def _sequence() -> Sequence:
        return sequence("legacy-nonce", lambda: str(directory() / "kraken_nonce.txt"))

    def next(self) -> int:
        """Return the next nonce. Raises NonceStoreError."""
        self.last = nonce = self._sequence().next()
        return nonce

    def set_initial_value(self, value: int) -> None:
        """Go on above a saved nonce. One in milliseconds is far below today's nonces and changes nothing."""
        self._sequence().raise_to(int(value))

    def jump_forward(self, milliseconds: int) -> int:
        """Raise the nonce by so many milliseconds; return the new value, in nanoseconds."""
        self.last = new = self._sequence().jump(round(milliseconds * 1_000_000))
        return new


@dataclass(slots=True)
class _User:
    errors: int = 0
    last_success: int = 0
    jumped_at: float | None = None


class UserNonceManager:
    """A durable sequence for each user. Instances share the users' nonces. ``clock``: in seconds, never set."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._users: dict[str, _User] = {}
        self._lock = threading.Lock()

    def get_nonce(self, user_id: str) -> int:
        """Return the user's next nonce. Raises NonceStoreError."""
        return sequence_of("user", user_id).next()

    def record_nonce_error(self, user_id: str) -> bool:
        """Count a refused nonce. The second in a row jumps 60 s ahead, once an hour at most; True if it did.

        More would not help: the key then has another writer, or one of a finer unit.
        """
        with self._lock:
            user = self._user(user_id)
            user.errors += 1
            now = self._clock()
            if user.errors < ERRORS or (user.jumped_at is not None and now - user.jumped_at < PAUSE):
                return False
            user.errors, user.jumped_at = 0, now
        sequence_of("user", user_id).jump(JUMP_NS)
        return True

    def record_success(self, user_id: str, nonce: int) -> None:
        """Note an accepted nonce: the count of errors starts over."""
        with self._lock:
            user = self._user(user_id)
            user.errors, user.last_success = 0, nonce

    def get_stats(self, user_id: str) -> dict[str, Any]:
        """Return what is known of a user; ``nonce_file`` is the text file with one decimal nonce."""
        numbers = sequence_of("user", user_id)
        with self._lock:
            user = self._user(user_id)
            return {
                "user_id": user_id,
                "last_nonce": numbers.last,
                "error_count": user.errors,
                "last_success": user.last_success,
                "nonce_file": str(numbers.mirror),
                "has_errors": user.errors > 0,
            }

    def reset_user(self, user_id: str) -> None:
        """Forget a user's errors. The nonce stays: Kraken would refuse a lower one."""
        with self._lock:
            self._users.pop(user_id, None)

    def _user(self, user_id: str) -> _User:
        return self._users.setdefault(user_id, _User())


_manager = UserNonceManager()


def get_user_nonce_manager() -> UserNonceManager:
    """Return the process's manager of users' nonces."""
    return _manager
