"""What a store of one's own has without writing it: what is unknown is 0, False or nothing; flushes come when due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from kraken_async.stores.base import MOST_PLACED, KeyState, Reservation, Shared, Store
from kraken_async.stores.file import FileStore
from kraken_async.system.paths import default_directory


class OwnKey(KeyState):
    """The least that a hold on a key must have."""

    def __init__(self) -> None:
        self.flushes = 0
        self.shared = Shared()

    async def open(self, clock: Callable[[], float]) -> None: ...

    async def close(self) -> None: ...

    async def acquire_turn(self, *, urgent: bool = False) -> None: ...

    def hurry(self) -> None: ...

    async def release_turn(self) -> None: ...

    async def step(self, choose: Callable[[Shared], Any], *, overtake: bool = False) -> tuple[Any, int]:
        return choose(self.shared), 1

    async def update(self, change: Callable[[Shared], Any]) -> Any:
        return change(self.shared)

    def note(self, change: Callable[[Shared], object]) -> None:
        change(self.shared)

    def note_placed(self, names: Iterable[str]) -> None: ...

    def placed(self, since: float) -> tuple[str, ...]:
        return ()

    async def jump(self, ticks: int) -> int:
        return 1

    async def flush(self) -> None:
        self.flushes += 1


class OwnStore(Store):
    def key(self, name: str, unit: str) -> KeyState:
        return OwnKey()

    def reserve(self, name: str, unit: str) -> Reservation:
        raise NotImplementedError


async def test_what_a_hold_does_not_tell_is_unknown() -> None:
    key = OwnKey()
    assert await key.moved_at() == 0.0
    assert not key.refresh()
    assert (key.waiting(), key.problems(), key.figures()) == ((), (), {})
    assert await key.sessions() == []
    await key.beat(b"{}")
    key.drop()
    assert (key.durable, key.is_new, key.shares_status, key.on_flush_due) == (True, False, False, None)
    key.insist(lambda shared: setattr(shared, "pauses", 3))
    assert key.shared.pauses == 3


async def test_a_flush_is_made_each_time_that_it_is_due_until_maintaining_is_cancelled() -> None:
    key = OwnKey()
    maintaining = asyncio.create_task(key.maintain())
    for number in range(3):
        await asyncio.sleep(0)
        assert key.flushes == number
        assert key.on_flush_due is not None
        key.on_flush_due()
        key.on_flush_due()  # said twice, made once
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert key.flushes == number + 1
    maintaining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await maintaining
    assert key.on_flush_due is None


def test_journals_are_kept_in_the_state_directory_and_no_status_is_shown() -> None:
    store = OwnStore()
    assert store.journal_directory(None) == default_directory()
    assert store.journal_directory("some/where") == Path("some/where").absolute()
    assert store.status_directory() is None


def test_a_file_store_without_a_directory_is_in_the_users() -> None:
    assert FileStore().directory == default_directory()
    assert FileStore("some/where").directory == Path("some/where").absolute()


def test_a_copy_is_unchanged_and_its_own() -> None:
    shared = Shared(level=1.0, engine={"XBTUSD": [1.0, 2.0]})
    assert not shared.changed
    shared.mark_changed()
    assert shared.changed
    copied = shared.copy()
    assert not copied.changed
    assert copied == replace(shared, changed=False)
    for number, each in enumerate(fields(Shared), 5):  # whatever a field holds, the copy holds it too
        if each.name not in ("engine", "changed", "recalled"):
            setattr(shared, each.name, number)
            assert getattr(shared.copy(), each.name) == number
    copied.engine["XBTUSD"][0] = 9.0
    assert shared.engine == {"XBTUSD": [1.0, 2.0]}
    assert copied.recalled is shared.recalled


def test_sixteen_thousand_names_of_placed_orders_are_kept() -> None:
    assert MOST_PLACED == 16384
