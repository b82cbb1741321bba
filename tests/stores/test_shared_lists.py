"""What sessions of a key share beside the record that every call writes: cancelled client ids, placed orders, notes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kraken_async.stores import recalled
from kraken_async.stores.base import KeyState, Shared, Store
from kraken_async.stores.file import FileStore, side_files
from kraken_async.stores.memory import MemoryStore
from kraken_async.stores.recalled import Recalled
from tests.stores.store_support import nothing, opened, setting, yes


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store of each kind; for Redis see test_redis_deployments.py."""
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path)


@pytest.fixture
async def pair(store: Store) -> AsyncIterator[tuple[KeyState, KeyState]]:
    """Two sessions of one key."""
    keys = await opened(store), await opened(store)
    yield keys
    for key in keys:
        await key.close()


def cancel(*names: str, at: float = 100.0) -> Callable[[Shared], bool]:
    """A choice that notes the cancel of these ids."""

    def choose(shared: Shared) -> bool:
        for name in names:
            shared.recalled.note(name, at)
        return True

    return choose


async def recalled_of(key: KeyState) -> Recalled:
    """What the session knows of cancelled ids after a look at the shared state."""
    return await key.update(lambda shared: shared.recalled)


async def test_a_cancelled_id_is_known_to_the_other_session(pair: tuple[KeyState, KeyState]) -> None:
    one, two = pair
    await one.step(cancel("a", "b"))
    for key in pair:
        known = await recalled_of(key)
        assert known.names("a", 100.0)
        assert known.names("b", 99.0)
        assert not known.names("a", 100.1)  # asked for after the cancel
        assert not known.names("c", 99.0)
    await two.step(cancel("a", at=200.0))
    assert (await recalled_of(one)).names("a", 150.0)


async def test_what_was_cancelled_before_a_session_opened_is_nothing_to_it(store: Store) -> None:
    one = await opened(store)
    await one.step(cancel("a"))
    two = await opened(store)
    known = await recalled_of(two)
    assert len(known) == 0
    assert known.lost_at < 0
    for key in (one, two):
        await key.close()


async def test_who_missed_more_than_are_kept_counts_all_of_its_orders_as_taken_back(
    pair: tuple[KeyState, KeyState], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    asked_at = time.monotonic()
    await recalled_of(two)
    for turn in range(3):
        await one.step(cancel(*(f"{turn} {n}" for n in range(recalled.KEPT // 2 - 1))))
        if turn == 1:
            assert (await recalled_of(two)).lost_at < 0  # as many as are kept can be read
    for turn in range(3):
        await one.step(cancel(*(f"{turn} {n}" for n in range(recalled.KEPT // 2))))
    assert (await recalled_of(two)).lost_at > asked_at
    assert (await recalled_of(one)).lost_at < 0


async def test_a_session_forgets_what_can_name_no_order_of_its_own() -> None:
    known = Recalled()
    for number in range(recalled.MANY):
        assert not known.crowded
        known.note(str(number), float(number))
    assert known.crowded
    known.forget(200.0)
    assert len(known) == recalled.MANY - 200
    assert known.names("200", 200.0)
    assert not known.crowded


async def test_what_is_missing_in_the_file_is_doubt(tmp_path: Path) -> None:
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.step(cancel("a"))
    os.truncate(tmp_path / "k.recalled", 0)
    assert (await recalled_of(two)).lost_at > 0
    for key in (one, two):
        await key.close()


async def test_one_placed_order_is_known_to_who_comes_later(store: Store) -> None:
    one = await opened(store)
    one.note_placed(["the only one"])
    await one.step(yes)
    later = await opened(store)
    await later.step(yes)
    assert later.placed(0.0) == ("the only one",)
    for key in (one, later):
        await key.close()


async def test_placed_orders_are_known_to_all_sessions_and_to_those_that_come_later(
    store: Store, tmp_path: Path
) -> None:
    before = time.time()
    one, two = await opened(store), await opened(store)
    one.note_placed(["OAAAAA-BBBBB-CCCCCC", "mine"])
    two.note_placed(["OAAAAA-BBBBB-DDDDDD"])
    expected = ("OAAAAA-BBBBB-CCCCCC", "mine", "OAAAAA-BBBBB-DDDDDD")
    three = await opened(store)
    for key in (one, two, three):
        assert key.placed(before) == expected
        assert key.placed(time.time() + 1) == ()
    for key in (one, two, three):
        await key.close()


async def test_the_file_of_placed_orders_is_bounded_and_keeps_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_files, "PLACED_SIZE", 64 * 100)
    monkeypatch.setattr(side_files, "LOOK_EVERY", 10)
    keys = [await opened(FileStore(tmp_path)) for _ in range(2)]
    for number in range(500):
        keys[number % 2].note_placed([f"O{number}"])
    found = keys[0].placed(0.0)
    assert found[-100:] == tuple(f"O{number}" for number in range(400, 500))
    assert len(found) <= 250
    sizes = [path.stat().st_size for path in tmp_path.glob("k.placed*")]
    assert len(sizes) == 2
    assert max(sizes) <= 64 * 130
    for key in keys:
        await key.close()


async def test_a_note_is_written_with_the_next_step_and_before_closing(store: Store) -> None:
    one, two = await opened(store), await opened(store)
    one.note(setting(level=3.0, level_at=5.0))
    await one.step(nothing)
    assert await two.update(lambda shared: shared.level) == 3.0
    one.note(lambda shared: setattr(shared, "level", (shared.level or 0.0) + 1))
    await one.step(yes)
    await one.step(yes)
    assert await two.update(lambda shared: shared.level) == 4.0  # once
    one.note(setting(level=9.0))
    await one.close()
    assert await two.update(lambda shared: shared.level) == 9.0
    await two.close()


async def test_an_order_writes_little_however_many_went_before(tmp_path: Path) -> None:
    """The record of a key with 5,000 orders on it is as small as that of a key with one."""
    key = await opened(FileStore(tmp_path))
    key.note_placed([f"O{number}" for number in range(5000)])
    for number in range(5000):
        await key.step(cancel(f"c{number}"))
        if number % 1000 == 0:
            await asyncio.sleep(0)
    await key.update(lambda shared: shared.mark_changed())
    assert len(str(key.seen.slow_fields())) < 400
    await key.close()
