"""When a waiting cancel goes past a call: only where no session on the key has moved for as long as its patience."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

from kraken_async.call import CallState
from kraken_async.calls.cancel_overtaking import CancelOvertaking
from tests.virtual_time import virtual


class Scene:
    """One cancel that waits, a worker and a key: what the overtaking asks of them."""

    def __init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        self.call = SimpleNamespace(
            state=CallState.WAITING, enqueued_at=self.clock(), endpoint=SimpleNamespace(name="CancelOrder")
        )
        self.waits = asyncio.Event()
        self.waits.set()
        self.moved_at = 0.0
        self.others_moved_at = 0.0
        self.takes = 0.0  # seconds for which a server is asked
        self.asked: list[float] = []
        self.overtook: list[float] = []

    # the key and the queue

    async def others(self) -> float:
        self.asked.append(self.clock())
        await asyncio.sleep(self.takes)
        return self.others_moved_at

    async def cancel_waiting(self) -> Any:
        await self.waits.wait()
        return self.call

    # the worker and the tasks

    async def send_cancels(self) -> None:
        self.overtook.append(self.clock())
        self.waits.clear()

    async def run(self, seconds: float, patience: float = 1.0) -> None:
        key: Any = SimpleNamespace(hurry=lambda: None, moved_at=self.others)
        queue: Any = SimpleNamespace(cancel_waiting=self.cancel_waiting)
        tasks: Any = SimpleNamespace(start=asyncio.ensure_future)
        work: Any = self
        overtaking = CancelOvertaking(key, queue, work, tasks, patience, self.clock)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(overtaking.run(), seconds)


@virtual
async def test_nothing_moves_anywhere_and_the_cancel_goes_after_its_patience() -> None:
    scene = Scene()
    began = scene.clock()
    await scene.run(5.0)
    assert len(scene.overtook) == 1
    assert 1.0 <= scene.overtook[0] - began < 1.1


@virtual
async def test_as_long_as_another_session_moves_the_cancel_waits_for_its_turn() -> None:
    scene = Scene()

    async def others_move() -> None:
        for _ in range(20):
            scene.others_moved_at = scene.clock()
            await asyncio.sleep(0.25)

    began = scene.clock()
    moving = asyncio.create_task(others_move())
    await scene.run(8.0)
    await moving
    assert len(scene.overtook) == 1
    assert 4.75 + 1.0 <= scene.overtook[0] - began < 4.75 + 1.2
    assert len(scene.asked) < 10  # it is asked once a second, not in a loop


@virtual
async def test_as_long_as_its_own_session_moves_no_store_is_asked() -> None:
    scene = Scene()

    async def moves() -> None:
        for _ in range(20):
            scene.moved_at = scene.clock()
            await asyncio.sleep(0.25)

    moving = asyncio.create_task(moves())
    await scene.run(4.0)
    moving.cancel()
    assert scene.asked == []
    assert scene.overtook == []


@virtual
async def test_what_moves_while_the_store_is_asked_counts() -> None:
    scene = Scene()
    scene.takes = 0.2
    began = scene.clock()
    asyncio.get_running_loop().call_later(1.1, lambda: setattr(scene, "moved_at", scene.clock()))
    await scene.run(4.0)
    assert len(scene.overtook) == 1
    assert scene.overtook[0] - began >= 2.1


@virtual
async def test_a_cancel_that_went_while_the_store_was_asked_passes_nothing() -> None:
    scene = Scene()
    scene.takes = 0.2

    def gone() -> None:
        scene.call.state = CallState.ENDED
        scene.waits.clear()

    asyncio.get_running_loop().call_later(1.1, gone)
    await scene.run(4.0)
    assert scene.asked
    assert scene.overtook == []


@virtual
async def test_the_next_cancel_waits_for_the_one_that_went_past_no_longer_than_its_patience() -> None:
    scene = Scene()
    began = scene.clock()
    asyncio.get_running_loop().call_later(1.2, scene.waits.set)
    await scene.run(5.0)
    assert len(scene.overtook) == 2
    assert 2.0 <= scene.overtook[1] - began < 2.1
