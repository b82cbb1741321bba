"""The state that users of one API key share: the turn to send, the nonce, Kraken's counters."""

from kraken_async.stores.base import KeyState, Reservation, Shared, Store
from kraken_async.stores.file import FileStore
from kraken_async.stores.memory import MemoryStore

__all__ = ["FileStore", "KeyState", "MemoryStore", "Reservation", "Shared", "Store"]
