"""The store of an account, from the text in its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kraken_async.stores.file import FileStore

if TYPE_CHECKING:
    from kraken_async.stores.base import Store


def store_of(text: str | None, folder: Path) -> Store:
    """Return the store that ``text`` names; None: the user's state directory. Raises ValueError."""
    if text is None:
        return FileStore()
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "file":
        return FileStore(folder / rest)
    if colon and scheme == "memory":
        from kraken_async.stores.memory import MemoryStore

        return MemoryStore()
    if colon and scheme in ("redis", "rediss", "unix"):
        from kraken_async.stores.redis import RedisStore

        return RedisStore(text)
    raise ValueError('store is "file:/directory", "memory:" or "redis://host:6379/0"')
