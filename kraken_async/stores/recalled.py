"""Client ids of orders that were cancelled while they may still wait in some session's queue.

Rules:

1. After the cancel of a client id, no order of that id asked for before it goes out, in any session on the key.
2. A store keeps the last :data:`KEPT` cancelled ids and counts them all. Each session reads the ones that it has not
   seen, under the nonce lock, before it chooses a call.
3. A session that missed more than are kept (its process was stopped) cannot tell whether one of them named an order
   of its own: every order asked for before that moment counts as taken back. To send nothing has no effect.
4. In memory a session keeps what can still matter to the orders that wait in it, see :meth:`Recalled.forget`.
"""

from __future__ import annotations

import hashlib
import math
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Cancelled ids that a store keeps.
KEPT: Final = 4096
#: Below so many in memory, none is forgotten.
MANY: Final = 256
#: One entry: the id's digest and when its cancel was asked for (loop's clock).
ENTRY: Final = struct.Struct("<16sd")

Entry = tuple[bytes, float]


def digest(client_id: str) -> bytes:
    """Return the 16 bytes that stand for a client id: entries are all of one size."""
    return hashlib.blake2b(client_id.encode(errors="surrogatepass"), digest_size=16).digest()


class Recalled:
    """The cancelled client ids that one session knows."""

    __slots__ = ("_asked", "_crowded_at", "crowded", "lost_at", "new", "total")

    def __init__(self) -> None:
        self._asked: dict[bytes, float] = {}
        self._crowded_at = MANY
        #: Whether it is time for :meth:`forget`: there are twice as many as it left behind.
        self.crowded: bool = False
        #: Orders asked for until then may have been taken back without a word (rule 3).
        self.lost_at: float = -math.inf
        #: Entries that the store has yet to write.
        self.new: list[Entry] = []
        #: How many entries of the store have been read.
        self.total: int = 0

    def __len__(self) -> int:
        return len(self._asked)

    def note(self, client_id: str, asked_at: float) -> None:
        """Note the cancel of a client id, asked for at ``asked_at``. The store writes it with the next save."""
        entry = digest(client_id), asked_at
        self.new.append(entry)
        self.learn([entry])

    def learn(self, entries: Iterable[Entry]) -> None:
        """Take over entries that other sessions have written."""
        for key, asked_at in entries:
            self._asked[key] = max(asked_at, self._asked.get(key, -math.inf))
        self.crowded = len(self._asked) >= self._crowded_at

    def entries(self) -> list[Entry]:
        """Return all that is known."""
        return list(self._asked.items())

    def shift(self, seconds: float) -> None:
        """Move every time by ``seconds``."""
        self._asked = {key: at + seconds for key, at in self._asked.items()}

    def names(self, client_id: str, asked_at: float) -> bool:
        """Return whether an order of this client id, asked for at ``asked_at``, has been cancelled since."""
        return bool(self._asked) and self._asked.get(digest(client_id), -math.inf) >= asked_at

    def forget(self, before: float) -> None:
        """Drop the cancels asked for before ``before``: no order waits here that was asked for earlier."""
        self._asked = {key: at for key, at in self._asked.items() if at >= before}
        self._crowded_at = max(MANY, 2 * len(self._asked))
        self.crowded = False
