"""A halt holds in its session whatever the store does, is written once it can be, and a resume ends it in all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kraken_async import KrakenError, NonceStoreError, OutcomeUnknown, RateLimitExceeded, TransportError
from kraken_async.api.endpoints import find
from kraken_async.call import DEFAULTS, Call
from kraken_async.calls.halt import Halt
from kraken_async.calls.ledger import CallLedger
from kraken_async.calls.request_queue import RequestQueue
from kraken_async.calls.tasks import Tasks
from kraken_async.stores.base import Shared
from tests.virtual_time import virtual


class Key:
    """The shared state of a key: within reach, out of reach, or slow."""

    def __init__(self) -> None:
        self.shared = self.seen = Shared()
        self.trouble: Exception | None = None
        self.takes = 0.0
        self.written = 0
        self.owed: list[Callable[[Shared], object]] = []

    async def update(self, change: Callable[[Shared], Any]) -> Any:
        await asyncio.sleep(self.takes)
        if self.trouble is not None:
            raise self.trouble
        self.written += 1
        return change(self.shared)

    def insist(self, change: Callable[[Shared], object]) -> None:
        self.owed.append(change)

    def pay(self) -> None:
        """Write what was insisted on, now that the state can be had."""
        while self.owed:
            self.owed.pop()(self.shared)


class Scene:
    def __init__(self, tasks: Tasks) -> None:
        self.key = Key()
        self.ledger = CallLedger(RequestQueue(), ())
        handed: Any = self.key
        self.halt = Halt(handed, self.ledger, tasks)

    def call(self, name: str) -> Call:
        endpoint = find(name, private=True)
        future = asyncio.get_running_loop().create_future()
        return Call(endpoint, {}, b"", endpoint.priority, 10.0, DEFAULTS, future)

    def stopped(self) -> list[str]:
        """Which calls it stops."""
        return [
            name
            for name in ("AddOrder", "AmendOrder", "CancelAll", "Balance")
            if self.halt.stops(self.call(name))
        ]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with Tasks() as tasks:
        yield Scene(tasks)


ORDERS = ["AddOrder", "AmendOrder"]


@virtual
async def test_orders_are_stopped_and_everything_else_goes_on() -> None:
    async with scene() as made:
        assert made.stopped() == []
        waiting = [made.call(name) for name in ("AddOrder", "Balance", "CancelAll")]
        for call in waiting:
            made.ledger.enqueue(call)
        assert await made.halt.stop(None) is None
        assert made.stopped() == ORDERS
        assert made.key.shared.halted
        assert [call.future.done() for call in waiting] == [True, False, False]
        with pytest.raises(KrakenError, match="halted"):
            await waiting[0].future
        made.halt.resume()
        assert made.stopped() == []  # at once, and written down in the background
        assert made.halt.lifting
        await asyncio.sleep(0.1)
        assert not made.halt.lifting
        assert not made.key.shared.halted
        assert made.key.written == 2


@virtual
async def test_once_it_is_written_the_shared_state_alone_says_when_it_ends() -> None:
    async with scene() as made:
        await made.halt.stop(None)
        made.key.shared.halted = False  # another session's resume
        assert made.stopped() == []


@virtual
@pytest.mark.parametrize(("trouble", "takes"), [(NonceStoreError("out of reach"), 0.0), (None, 60.0)])
async def test_without_the_shared_state_it_holds_here_after_a_moment_and_is_written_when_it_can_be(
    trouble: Exception | None, takes: float, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    async with scene() as made:
        made.key.trouble, made.key.takes = trouble, takes
        began = loop.time()
        await made.halt.stop(None)
        assert loop.time() - began == pytest.approx(min(takes, 0.3))
        assert made.stopped() == ORDERS
        assert not made.key.shared.halted
        assert ("out of reach" if trouble else "no answer within 0.3 s") in caplog.text
        made.key.pay()
        assert made.key.shared.halted


@virtual
async def test_a_halt_that_was_lifted_before_it_could_be_written_is_not_written_later() -> None:
    async with scene() as made:
        made.key.trouble = NonceStoreError("out of reach")
        await made.halt.stop(None)
        made.key.trouble = None
        made.halt.resume()
        await asyncio.sleep(0.1)
        made.key.pay()
        assert not made.key.shared.halted


@virtual
@pytest.mark.parametrize(
    ("failures", "tries", "done"),
    [
        ([], 1, True),
        ([TransportError("reset")], 2, True),
        ([OutcomeUnknown("lost"), TransportError("reset")], 3, True),
        ([TransportError("reset")] * 3, 3, False),
        ([RateLimitExceeded("full")], 1, False),
    ],
    ids=["at once", "one lost", "two lost", "all lost", "refused"],
)
async def test_all_orders_are_cancelled_in_three_tries_if_answers_are_lost(
    failures: list[Exception], tries: int, done: bool
) -> None:
    left, made_tries = list(failures), 0

    async def cancel_all() -> dict[str, int]:
        nonlocal made_tries
        made_tries += 1
        if left:
            raise left.pop(0)
        return {"count": 4}

    async with scene() as made:
        if done:
            assert await made.halt.stop(cancel_all) == {"count": 4}
        else:
            with pytest.raises(KrakenError):
                await made.halt.stop(cancel_all)
        assert made_tries == tries
        assert made.stopped() == ORDERS  # in force all the same


@virtual
async def test_a_late_resume_does_not_lift_a_later_halt() -> None:
    async with scene() as made:
        await made.halt.stop(None)
        made.key.takes = 0.2
        made.halt.resume()
        await asyncio.sleep(0.1)
        await made.halt.stop(None)
        await asyncio.sleep(1.0)
        assert made.key.shared.halted
        assert made.stopped() == ORDERS
        assert not made.halt.lifting


@virtual
async def test_of_two_resumes_the_last_is_the_one_that_is_written() -> None:
    async with scene() as made:
        await made.halt.stop(None)
        made.key.takes = 0.2
        made.halt.resume()
        await asyncio.sleep(0.1)
        made.halt.resume()
        await asyncio.sleep(0.15)
        assert made.halt.lifting  # the first has been overtaken by the second
        await asyncio.sleep(0.1)
        assert not made.halt.lifting
        assert not made.key.shared.halted


@virtual
async def test_a_resume_goes_with_the_next_step_and_with_closing() -> None:
    loop = asyncio.get_running_loop()
    async with scene() as made:
        written = Shared(halted=True)
        made.halt.apply(written)
        assert written.halted  # nothing was resumed
        await made.halt.close()
        assert made.key.written == 0
        await made.halt.stop(None)
        made.key.takes = 60.0
        made.halt.resume()
        made.halt.apply(written)
        assert not written.halted
        began = loop.time()
        await made.halt.close()
        assert loop.time() - began == pytest.approx(0.3)
        made.key.takes = 0.0
        await made.halt.close()
        assert not made.key.shared.halted
        assert not made.halt.lifting
