"""An answer that has arrived is read, however late the loop comes to it; a download that flows is not cut off."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import aiohttp
import pytest

from kraken_async.errors import Outcome, RequestTimeout
from kraken_async.wire import deadline as deadline_module
from kraken_async.wire.deadline import FLOW, Deadline
from kraken_async.wire.transport import Transport
from tests.byte_server import in_a_thread, request_of
from tests.wire.support import OK, pass_time, post

pytestmark = pytest.mark.usefixtures("way")

LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 3_000_000 + b"x" * 3_000_000


@pytest.mark.parametrize("answer", [OK, LARGE], ids=["small", "three megabytes"])
@pytest.mark.parametrize("warm", [False, True], ids=["first", "again"])
async def test_a_loop_blocked_past_the_timeout_reads_what_lies_in_the_socket(
    answer: bytes, warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, blocked, answered = threading.Event(), threading.Event(), threading.Event()

    def talk(peer: socket.socket) -> None:
        if warm:
            peer.recv(65536)
            peer.sendall(OK)
        request_of(peer)
        asked.set()
        blocked.wait(20)
        begun = peer.send(answer)
        answered.set()
        peer.sendall(answer[begun:])
        peer.recv(1)

    with in_a_thread(talk) as url:
        async with Transport(url) as transport:
            if warm:
                await transport.send(post(), 30.0)
            call = asyncio.create_task(transport.send(post(), 20.0))
            while not asked.is_set():
                await asyncio.sleep(0)
            blocked.set()  # from here on the loop does not run
            assert answered.wait(20)
            pass_time(30.0, monkeypatch)
            assert (await call).body == answer.partition(b"\r\n\r\n")[2]


async def test_over_a_session_of_the_callers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, blocked, answered = threading.Event(), threading.Event(), threading.Event()

    def talk(peer: socket.socket) -> None:
        request_of(peer)
        asked.set()
        blocked.wait(20)
        peer.sendall(OK)
        answered.set()
        peer.recv(1)

    with in_a_thread(talk) as url:
        async with aiohttp.ClientSession() as http, Transport(url, http=http) as transport:
            call = asyncio.create_task(transport.send(post(), 20.0))
            while not asked.is_set():
                await asyncio.sleep(0)
            blocked.set()
            assert answered.wait(20)
            pass_time(30.0, monkeypatch)
            assert (await call).body == b"{}"


async def test_what_never_came_is_a_timeout_though_the_loop_was_blocked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = threading.Event()

    def silent(peer: socket.socket) -> None:
        while peer.recv(65536):
            asked.set()

    with in_a_thread(silent) as url:
        async with Transport(url) as transport:
            call = asyncio.create_task(transport.send(post(), 20.0))
            await asyncio.wait_for(asyncio.to_thread(asked.wait, 20), 20)
            pass_time(30.0, monkeypatch)
            with pytest.raises(RequestTimeout) as caught:
                await call
            assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_body_that_only_drips_is_cut_off() -> None:
    dripped = 0

    def drip(peer: socket.socket) -> None:
        nonlocal dripped
        request_of(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            time.sleep(0.02)
            peer.sendall(b"x")
            dripped += 1

    with in_a_thread(drip) as url:
        async with Transport(url) as transport:
            with pytest.raises(RequestTimeout) as caught:
                await transport.send(post(), 0.1)
            assert caught.value.outcome is Outcome.UNKNOWN
            assert dripped < 200  # one step of a second has fifty


async def test_a_download_that_makes_progress_is_not_cut_off() -> None:
    def flow(peer: socket.socket) -> None:
        request_of(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(50):
            time.sleep(0.05)
            peer.sendall(b"x" * 20_000)

    with in_a_thread(flow) as url:
        async with Transport(url) as transport:
            assert len((await transport.send(post(), 0.6)).body) == 1_000_000


# ------------------------------------------------------------------ the deadline alone


def run(came: list[tuple[int, int]], due: float = 1.0) -> tuple[int, float]:
    """Ring a deadline with these counts, one a look; return how many looks were made, and when it was given up."""
    loop = asyncio.new_event_loop()
    looks = 0
    ended: list[float] = []

    def count() -> tuple[int, int]:
        nonlocal looks
        looks += 1
        return came[min(looks, len(came)) - 1]

    began = loop.time()

    def give_up() -> None:
        ended.append(loop.time() - began)
        loop.stop()

    deadline = Deadline(loop, give_up, count)
    deadline.set(began + due)
    loop.run_forever()
    loop.close()
    return looks, ended[0]


def test_with_nothing_to_read_it_is_given_up_after_one_more_look() -> None:
    looks, after = run([(0, 0)], 0.02)
    assert looks == 2
    assert after >= 0.02


def test_while_bytes_are_still_read_it_is_looked_again() -> None:
    looks, _ = run([(1, 0), (2, 0), (3, 0), (3, 0)], 0.02)
    assert looks == 4


def test_a_body_is_waited_for_as_long_as_each_step_brings_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline_module, "STEP", 0.02)
    enough = int(FLOW * 0.02) + 1
    looks, after = run([(1, 1), (2, enough + 1), (3, 2 * enough + 1), (3, 2 * enough + 1)], 0.02)
    assert looks == 5  # three steps, the look that brought too little, and one more
    assert after >= 0.08
