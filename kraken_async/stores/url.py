"""A store from text: what KRAKEN_STORE, profiles and configuration files hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from kraken_async.stores.file import FileStore

if TYPE_CHECKING:
    import os

    from kraken_async.stores.base import Store

REDIS: Final = (
    "redis",
    "rediss",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
    "unix",
)

_WRONG: Final = (
    "file:/absolute/directory, memory:, redis://host:6379/0 (rediss:// for TLS), "
    "redis+sentinel://host:26379,host2/name/0 or redis+cluster://host:7000,host2/"
)


def store_of(
    text: str | None, state_dir: str | os.PathLike[str] | None = None, *, name: str = "KRAKEN_STORE"
) -> Store:
    """Return the store that ``text`` names; None or "": files in ``state_dir``, or in the user's state directory.

    ``file:/dir`` beside another ``state_dir`` is a contradiction; with Redis, ``state_dir`` is where journals are kept.
    ``name``: what to call ``text`` in an error. Raises ValueError, which shows no password.
    """
    if not text:
        return FileStore(state_dir)
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "file":
        return _files(rest, state_dir, name)
    if colon and scheme == "memory" and not rest:
        from kraken_async.stores.memory import MemoryStore

        return MemoryStore()
    if colon and scheme in REDIS:
        from kraken_async.stores.redis import RedisStore

        return RedisStore(text)
    del text, rest  # it may hold a password
    msg = f"{name} is none of {_WRONG}"
    raise ValueError(msg)


def _files(rest: str, state_dir: str | os.PathLike[str] | None, name: str) -> FileStore:
    directory = Path(rest.removeprefix("//")).expanduser()
    if not directory.is_absolute():
        msg = f"{name}: file: takes an absolute directory, not {rest!r}"
        raise ValueError(msg)
    if state_dir is not None and Path(state_dir).expanduser().absolute() != directory:
        msg = f"{name} says file:{directory}, and the state directory is {state_dir}: give one of them"
        raise ValueError(msg)
    return FileStore(directory)
