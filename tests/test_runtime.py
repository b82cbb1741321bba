"""Runtime: what opening builds is closed again, whatever happens; and a session that is not open holds its options."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import kraken_async
from kraken_async import FileStore, KrakenSession, MemoryStore, SessionClosed, runtime
from kraken_async.emulator import Emulator
from kraken_async.stores.memory import MemoryKey
from tests.conftest import LeakCheck, key_state

KEY = Emulator().key


def test_a_session_that_is_not_open_holds_its_options_and_nothing_else(tmp_path: Path) -> None:
    session = KrakenSession(*KEY, state_dir=tmp_path / "state")
    stats = session.stats()
    assert (stats.total_nonces_issued, stats.last_nonce, stats.uptime_seconds, stats.unresolved) == (
        0,
        0,
        0,
        0,
    )
    assert set(stats.queue_depth.values()) == {0}
    assert stats.problems == ()
    assert session.unresolved() == []
    with pytest.raises(SessionClosed):
        session.budget()
    with pytest.raises(SessionClosed):
        session.resume()
    assert not list(tmp_path.iterdir())


PARTS = ["open_journal", "CallLedger", "ReplyHandler", "CallWorker", "CancelOvertaking", "showing_status"]


@pytest.mark.parametrize("part", PARTS)
async def test_whatever_fails_in_opening_what_was_opened_is_closed(
    part: str, tmp_path: Path, no_leaks: LeakCheck
) -> None:
    async with no_leaks:
        session = KrakenSession(*KEY, state_dir=tmp_path)
        with (
            mock.patch.object(runtime, part, side_effect=OSError(28, "No space left on device")),
            pytest.raises(OSError, match="No space"),
        ):
            await session.open()
        assert len(asyncio.all_tasks()) == 1
        store = FileStore(tmp_path)
        store.reserve("0123456789abcdef", "ns").close(0)
        async with key_state(store, KEY[0]) as state:  # nobody holds the key
            assert state.seen.last == 0
        async with session:  # it can be tried again
            assert session.stats().durable
    del session


class Ends(BaseException):
    """What no part catches."""


async def test_a_worker_that_ends_all_the_same_fails_what_waits_and_what_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with KrakenSession(*KEY, store=MemoryStore()) as session:
        with (
            mock.patch.object(MemoryKey, "try_acquire_turn", side_effect=Ends),
            pytest.raises(SessionClosed, match="Ends"),
        ):
            await asyncio.wait_for(session.private("Balance"), 5)
        with pytest.raises(SessionClosed):
            await asyncio.wait_for(session.private("Balance"), 5)
        with pytest.raises(SessionClosed):
            await session.public("Time")
    assert "the worker ended by a fault of its own" in caplog.text


def test_no_part_writes_an_attribute_of_another() -> None:
    """In the folders of the wiring, only ``self`` and calls (and what they carry) are written to."""
    package = Path(kraken_async.__file__).parent
    # What travels between parts, and the counts themselves.
    values = {
        "call",
        "order",
        "shared",
        "error",
        "metrics",
    }
    wrong = []
    for folder in ("calls", "orders", "monitoring"):
        for path in (package / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                targets: list[Any] = getattr(node, "targets", [])
                if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
                    targets = [node.target]
                for target in [each for some in targets for each in getattr(some, "elts", [some])]:
                    if (
                        isinstance(target, ast.Attribute)
                        and isinstance(target.value, ast.Attribute)
                        and isinstance(target.value.value, ast.Name)
                        and target.value.value.id == "self"
                        and target.value.attr.lstrip("_") not in values
                    ):
                        wrong.append(f"{path.name}:{target.lineno} {ast.unparse(target)}")
    assert wrong == []
