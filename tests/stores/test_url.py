"""Stores from text, as KRAKEN_STORE holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kraken_async.stores.file import FileStore
from kraken_async.stores.memory import MemoryStore
from kraken_async.stores.redis import RedisStore
from kraken_async.stores.url import store_of


def test_files(tmp_path: Path) -> None:
    for text in (f"file:{tmp_path}", f"file://{tmp_path}"):
        store = store_of(text)
        assert isinstance(store, FileStore)
        assert store.directory == tmp_path
    both = store_of(f"file:{tmp_path}", str(tmp_path))
    assert isinstance(both, FileStore)
    for nothing in (None, ""):
        plain = store_of(nothing, tmp_path)
        assert isinstance(plain, FileStore)
        assert plain.directory == tmp_path


def test_memory_and_redis(tmp_path: Path) -> None:
    assert isinstance(store_of("memory:"), MemoryStore)
    for url in ("redis://h/1", "rediss://h", "redis+sentinel://h/main", "rediss+cluster://h", "unix:///s"):
        assert isinstance(store_of(url, tmp_path), RedisStore)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file:relative", "absolute directory"),
        ("memory:x", "KRAKEN_STORE is none of"),
        ("mysql://me:s3cr3t@h", "KRAKEN_STORE is none of"),
        ("/var/lib/kraken", "KRAKEN_STORE is none of"),
        ("redis://me:s3cr3t@h:port", "not a Redis URL"),
    ],
)
def test_what_names_no_store_is_refused_without_showing_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        store_of(text)
    assert "s3cr3t" not in str(caught.value)


def test_two_directories_are_a_contradiction(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give one of them"):
        store_of(f"file:{tmp_path}", tmp_path / "other")
