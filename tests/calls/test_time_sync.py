"""Kraken's time is asked for once, before the first order, and an order waits for it no longer than it may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kraken_async import TransportError
from kraken_async.calls.tasks import Tasks
from kraken_async.calls.time_sync import TimeSync
from kraken_async.server_time import ServerTime
from tests.virtual_time import virtual


class Kraken:
    """Answers, refuses, or is silent for so many seconds."""

    def __init__(self, silent: float = 0.0, error: Exception | None = None) -> None:
        self.silent, self.error = silent, error
        self.asked: list[tuple[str, float, int | None]] = []

    async def ask(
        self, name: str, params: dict[str, Any], timeout: float, *, attempts: int | None = None
    ) -> dict[str, Any]:
        self.asked.append((name, timeout, attempts))
        await asyncio.sleep(self.silent)
        if self.error is not None:
            raise self.error
        return {}


def sync_of(kraken: Kraken, tasks: Tasks) -> TimeSync:
    public: Any = kraken
    clock = asyncio.get_running_loop().time
    return TimeSync(public, ServerTime(clock), tasks, clock)


@virtual
async def test_it_is_asked_once_for_all_who_wait_and_never_again() -> None:
    kraken = Kraken(silent=0.5)
    async with Tasks() as tasks:
        sync = sync_of(kraken, tasks)
        assert not sync.over
        await asyncio.gather(*(sync.learn(None) for _ in range(3)))
        assert sync.over
        await sync.learn(None)
    assert kraken.asked == [("Time", 2.0, 1)]


@virtual
async def test_it_is_not_over_while_it_is_asked_and_who_has_no_patience_leaves() -> None:
    loop = asyncio.get_running_loop()
    async with Tasks() as tasks:
        sync = sync_of(Kraken(silent=1.0), tasks)
        began = loop.time()
        await sync.learn(0.25)
        assert loop.time() - began == pytest.approx(0.25)
        assert not sync.over
        await sync.learn(None)
        assert loop.time() - began == pytest.approx(1.0)
        assert sync.over


@virtual
@pytest.mark.parametrize(
    ("kraken", "said", "took"),
    [
        (Kraken(silent=60.0), "(no answer within 2 s)", 2.0),
        (Kraken(error=TransportError("unreachable")), "(unreachable)", 0.0),
    ],
    ids=["silent", "unreachable"],
)
async def test_without_an_answer_it_is_over_after_two_seconds_and_said(
    kraken: Kraken, said: str, took: float, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    async with Tasks() as tasks:
        sync = sync_of(kraken, tasks)
        began = loop.time()
        await sync.learn(None)
        assert loop.time() - began == pytest.approx(took)
        assert sync.over
    assert said in caplog.text
