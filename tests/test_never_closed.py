"""Sessions that are never closed: what they leave once their loop has ended."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
import warnings
from pathlib import Path

import pytest

from kraken_async import FileStore, KrakenSession, Outcome, SessionClosed
from kraken_async.stores.file import inspect
from kraken_async.wire.messages import Response, SignedRequest

SECRET = "c2VjcmV0" * 8
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "1", "volume": "1"}


async def answers(request: SignedRequest, _: float) -> Response:
    """Everything but an order, which gets no answer."""
    if "AddOrder" in request.path:
        await asyncio.Event().wait()
    return Response(200, {}, json.dumps({"error": [], "result": {"unixtime": time.time()}}).encode())


def run_and_leave(where: Path, kept: list[KrakenSession], *, order: bool) -> None:
    """A program that ends in the middle."""

    async def main() -> None:
        client = KrakenSession("key", SECRET, store=FileStore(where), transport=answers)
        kept.append(client)
        await client.private("Balance")
        if order:
            task = asyncio.create_task(client.private("AddOrder", ORDER))
            while not client.stats().in_flight:
                await asyncio.sleep(0.01)
            del task

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # asyncio.run cancels the caller too
        asyncio.run(main())


@pytest.mark.parametrize("order", [False, True], ids=["idle", "an order in flight"])
def test_nothing_is_held_once_the_loop_has_ended(order: bool, tmp_path: Path) -> None:
    kept: list[KrakenSession] = []
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    run_and_leave(tmp_path, kept, order=order)
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before
    (state,) = tmp_path.glob("*.state")
    view = inspect(state)
    assert (view.users, view.turn) == ((), None)

    async def after() -> None:
        async with KrakenSession("key", SECRET, store=FileStore(tmp_path), transport=answers) as client:
            await client.private("Balance")
            assert len(client.unresolved()) == order  # told as a dead session's

    asyncio.run(after())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        kept.clear()
        gc.collect()


async def test_a_journal_of_no_open_order_is_gone(tmp_path: Path) -> None:
    kept: list[KrakenSession] = []
    await asyncio.to_thread(run_and_leave, tmp_path, kept, order=False)
    assert not list(tmp_path.glob("*.intents.*"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        kept.clear()
        gc.collect()


def run_twice(where: Path, *, closes: bool) -> None:
    client = KrakenSession("key", SECRET, store=FileStore(where), transport=answers)

    async def main() -> object:
        try:
            return await client.private("Balance")
        finally:
            if closes:
                await client.aclose()

    assert asyncio.run(main())
    asyncio.run(main())


@pytest.mark.parametrize("closes", [False, True], ids=["left open", "closed"])
def test_a_second_run_on_one_session_says_that_it_belongs_to_another_loop(
    closes: bool, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(SessionClosed, match="another event loop") as caught:
            run_twice(tmp_path, closes=closes)
        assert caught.value.outcome is Outcome.NOT_SENT
        del caught
        gc.collect()
