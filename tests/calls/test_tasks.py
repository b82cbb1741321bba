"""Tasks: none is lost, and none outlives its session."""

from __future__ import annotations

import asyncio

import pytest

from kraken_async.calls.tasks import Tasks
from tests.virtual_time import virtual


async def test_all_end_with_the_block_and_those_started_at_the_end_too() -> None:
    ended: list[str] = []

    async def child() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("child")

    async def parent(tasks: Tasks) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("parent")
            tasks.start(child())

    async with Tasks() as tasks:
        tasks.start(parent(tasks))
        await asyncio.sleep(0)
    assert ended[0] == "parent"
    assert len(asyncio.all_tasks()) == 1


async def test_a_failure_is_logged_unless_somebody_asks_for_it(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    heard: list[BaseException | None] = []
    async with Tasks() as tasks:
        tasks.start(fail(), on_end=heard.append)
        await asyncio.sleep(0.01)
        assert [type(error) for error in heard] == [ZeroDivisionError]
        assert not caplog.text
        tasks.start(fail())
        await asyncio.sleep(0.01)
    assert "a background task failed" in caplog.text


async def test_the_end_of_a_cancelled_task_is_heard_of_as_no_failure() -> None:
    heard: list[BaseException | None] = []
    async with Tasks() as tasks:
        tasks.start(asyncio.sleep(3600), on_end=heard.append)
        await asyncio.sleep(0)
    assert heard == [None]


@virtual
async def test_a_task_that_waits_while_it_tidies_up_is_cancelled_again_after_a_fifth_of_a_second() -> None:
    loop = asyncio.get_running_loop()
    ended: list[float] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            try:
                await asyncio.sleep(3600)  # a server that does not answer
            finally:
                ended.append(loop.time())

    async with Tasks() as tasks:
        tasks.start(stubborn())
        await asyncio.sleep(0)
        began = loop.time()
    assert [at - began for at in ended] == pytest.approx([0.2])


@virtual
async def test_the_end_of_a_block_takes_no_longer_than_its_tasks() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with Tasks():
        pass
    async with Tasks() as tasks:
        tasks.start(asyncio.sleep(3600))
        await asyncio.sleep(0)
    assert loop.time() == began
