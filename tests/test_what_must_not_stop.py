"""What must not stop a session, by public names alone: none of these tests knows what is inside.

They run on any release, and fail on 0.1.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp
import pytest

from kraken_async import (
    BurstGovernor,
    KrakenError,
    KrakenSession,
    MemoryStore,
    PermissionDenied,
    RequestTimeout,
    RetryPolicy,
    guards,
)
from kraken_async.emulator import Emulator, Fault, serve_in_thread
from kraken_async.errors import Outcome
from tests.byte_server import NEVER, in_a_thread, request_of
from tests.virtual_time import virtual

fcntl = pytest.importorskip("fcntl")  # what these wait for is a lock of the file system

pytestmark = pytest.mark.proof

T = TypeVar("T")
SECRET = "c2VjcmV0" * 8
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}
ONCE = RetryPolicy(attempts=1)


class World:
    """An emulator in a thread, and what a session on it is made of."""

    def __init__(self, emulator: Emulator, url: str, where: Path) -> None:
        self.emulator, self.url, self.where = emulator, url, where
        self.key = emulator.key

    def session(self, **options: Any) -> KrakenSession:
        given = {"base_url": self.url, "state_dir": self.where, "governor": BurstGovernor.off()}
        return KrakenSession(self.key.api_key, self.key.api_secret, **{**given, **options})

    def came(self, endpoint: str) -> int:
        """Return how many calls of an endpoint have come."""
        return [each.endpoint for each in self.emulator.history].count(endpoint)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    emulator = Emulator()
    with serve_in_thread(emulator) as server:
        yield World(emulator, server.url, tmp_path / "state")


async def until(true: Callable[[], T]) -> T:
    """Wait until something holds."""
    end = time.monotonic() + NEVER
    while not (found := true()):
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)
    return found


async def soon(work: Awaitable[T]) -> T:
    """Await what must not wait for what stands still."""
    return await asyncio.wait_for(work, NEVER)


def said(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [each.getMessage() for each in caplog.records if text in each.getMessage()]


# -- another program on the key ---------------------------------------------------------------------------------

#: A program on the key. In its second call it does what the test asks for: at signing, or in line for the turn.
NEIGHBOUR = """
import asyncio, os, signal, sys
from kraken_async import BurstGovernor, KrakenSession
key, secret, url, where, what = sys.argv[1:]
calls = 0

def password():
    global calls
    calls += 1
    if what == "stops with the turn" and calls == 2:
        print("there", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return "123456"

async def main():
    options = dict(base_url=url, state_dir=where, governor=BurstGovernor.off(), otp=password)
    async with KrakenSession(key, secret, **options) as client:
        await client.private("Balance")
        print("up", flush=True)
        if what == "places orders":
            while True:
                await client.private(
                    "AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price="100", volume="1"
                )
        sys.stdin.readline()
        asked = asyncio.ensure_future(client.private("Balance"))
        if what == "blocks its loop":
            await asyncio.sleep(0.3)
            print("there", flush=True)
            sys.stdin.readline()
        await asked

asyncio.run(main())
"""


class Neighbour:
    """A process of that program."""

    def __init__(self, world: World, what: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", NEIGHBOUR, *world.key, world.url, str(world.where), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    async def says(self, word: str) -> None:
        assert self.process.stdout is not None
        assert (await asyncio.to_thread(self.process.stdout.readline)).strip() == word

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.wait(NEVER)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()


@contextlib.contextmanager
def neighbour(world: World, what: str) -> Iterator[Neighbour]:
    started = Neighbour(world, what)
    try:
        yield started
    finally:
        started.end()


def is_locked(path: Path) -> bool:
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("what", ["CancelAll", "CancelOrder", "halt"])
async def test_a_cancel_goes_out_while_a_process_stands_still_with_the_nonce_lock(
    world: World, what: str
) -> None:
    async with world.session() as client:
        await client.private("Balance")
        (lock,) = world.where.glob("*.nonce.lock")
        with neighbour(world, "places orders") as other:
            await other.says("up")
            await until(lambda: world.emulator.orders)
            for _ in range(2000):  # it has the lock in a third of all moments
                other.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(0.01)
                if is_locked(lock):
                    break
                other.process.send_signal(signal.SIGCONT)
                await asyncio.sleep(0.003)
            assert is_locked(lock)
            placed = next(iter(world.emulator.orders))
            if what == "halt":
                assert (await soon(client.halt()))["count"] >= 1
            else:
                fields = {"txid": placed} if what == "CancelOrder" else {}
                assert (await soon(client.private(what, fields)))["count"] >= 1
            assert is_locked(lock)


async def test_who_stands_still_with_the_turn_is_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async with world.session() as client:
        await client.private("Balance")
        with neighbour(world, "stops with the turn") as other:
            await other.says("up")
            other.go_on()
            await other.says("there")
            asked = asyncio.ensure_future(client.private("Balance"))
            process = f"process {other.process.pid}"
            await until(lambda: said(caplog, process))
            assert any(process in problem for problem in client.stats().problems)
            assert not asked.done()
        assert await soon(asked)


@pytest.mark.parametrize("what", ["Balance", "AddOrder"])
async def test_the_turn_does_not_wait_for_a_loop_that_is_blocked(world: World, what: str) -> None:
    async with world.session() as holder, world.session() as client:
        for each in (holder, client):
            await each.private("Balance")
        with neighbour(world, "blocks its loop") as other:
            await other.says("up")
            world.emulator.faults.next("TradeBalance", Fault.late(1.5))
            slow = asyncio.ensure_future(holder.private("TradeBalance"))
            await until(lambda: world.came("TradeBalance"))
            other.go_on()
            await other.says("there")
            assert await soon(client.private(what, ORDER if what == "AddOrder" else {}))
            assert other.process.poll() is None  # blocked to this moment
            await slow


@pytest.mark.parametrize("endpoint", ["Balance", "CancelAll"])
async def test_no_descriptor_for_a_moment_fails_a_call_at_most(
    world: World, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def full(path: Any, *args: Any, **named: Any) -> int:
        if str(path).endswith(".lock"):
            raise OSError(24, "Too many open files")
        return opened(path, *args, **named)

    async with world.session() as client:
        await client.private("Balance")
        (lock,) = world.where.glob("*.nonce.lock")
        with lock.open("r+") as file, monkeypatch.context() as patched:
            fcntl.flock(file, fcntl.LOCK_EX)
            patched.setattr(os, "open", full)
            with contextlib.suppress(KrakenError):
                await soon(client.private(endpoint))
        assert await soon(client.private("Balance"))
        assert await soon(client.private("CancelAll")) == {"count": 0}


@virtual
async def test_a_switch_that_cannot_be_refreshed_says_so_and_when_it_must_have_fired() -> None:
    store, stands = MemoryStore(), asyncio.Event()

    async def answer(request: Any, timeout: float) -> Any:
        if "TradeBalance" in request.path:
            await stands.wait()
        return response(200, b'{"error":[],"result":{}}')

    def session() -> KrakenSession:
        return KrakenSession(
            "key", SECRET, store=store, transport=answer, governor=BurstGovernor.off(), timeout=1000.0
        )

    async with session() as client, session() as other, client.dead_man_switch(20, every=5):
        await asyncio.sleep(1)
        slow = asyncio.ensure_future(other.private("TradeBalance"))
        await asyncio.sleep(13)
        assert any("was not refreshed for" in problem for problem in client.stats().problems)
        await asyncio.sleep(10)
        assert any("must have fired" in problem for problem in client.stats().problems)
        stands.set()
        await slow


# -- what callers hand over -------------------------------------------------------------------------------------


@pytest.mark.parametrize("orders", [5, 1.5, True], ids=repr)
async def test_a_batch_that_is_none_is_that_calls_error(world: World, orders: Any) -> None:
    async with world.session(governor=BurstGovernor("pro")) as client:
        with pytest.raises((KrakenError, ValueError)):
            await client.private("AddOrderBatch", pair="XBTUSD", orders=orders, validate=True)
        assert await soon(client.private("Balance"))
        assert await soon(client.private("CancelAll")) == {"count": 0}


@pytest.mark.parametrize("wrong", ["5", float("nan"), [5]], ids=repr)
async def test_a_time_that_is_none_is_no_unknown_outcome(world: World, wrong: Any) -> None:
    async with world.session(guard=guards.allow_all) as client:
        with pytest.raises(ValueError, match="timeout"):
            await soon(
                client.with_options(timeout=wrong).private("Withdraw", asset="XBT", key="k", amount="1")
            )
        assert await soon(client.private("Balance"))
    assert not world.came("Withdraw")


async def test_closing_does_not_wait_for_a_read_of_a_caller_who_has_left(world: World) -> None:
    world.emulator.faults.next("Ledgers", Fault.hang("after"))
    client = world.session(timeout=1000.0)
    asked = asyncio.ensure_future(client.private("Ledgers"))
    await until(lambda: world.came("Ledgers"))
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await soon(client.aclose(grace=1000.0))


# -- files -------------------------------------------------------------------------------------------------------

DIES = """
import asyncio, os, shutil, sys
from pathlib import Path
from kraken_async import BurstGovernor, KrakenSession
key, secret, url, where, how = sys.argv[1:]
order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}

async def main():
    options = dict(base_url=url, state_dir=where, governor=BurstGovernor.off())
    async with KrakenSession(key, secret, **options) as client:
        await client.private("AddOrder", order, cl_ord_id="first")
        if how == "removed":
            shutil.rmtree(where)
        elif how == "renamed":
            os.rename(where, where + "-elsewhere")
        else:
            for path in Path(where).iterdir():
                path.unlink()
        await client.private("AddOrder", order, cl_ord_id="last")

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["removed", "renamed", "emptied"])
async def test_an_order_is_on_record_though_the_directory_went_away(world: World, how: str) -> None:
    world.emulator.faults.next("AddOrder", Fault.late(0.0), Fault.hang("after"))
    command = [sys.executable, "-W", "ignore", "-c", DIES, *world.key, world.url, str(world.where), how]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        await until(lambda: len(world.emulator.orders) == 2)
    finally:
        process.kill()
        process.wait(NEVER)
    async with world.session() as client:
        assert [each.cl_ord_id for each in client.unresolved()] == ["last"]
    shutil.rmtree(f"{world.where}-elsewhere", ignore_errors=True)


@pytest.mark.parametrize("what", ["a directory", "userref 1e999", "brackets", "maps"])
async def test_a_session_opens_beside_the_bad_journal_of_a_dead_one(world: World, what: str) -> None:
    elsewhere = World(world.emulator, world.url, world.where.with_name("elsewhere"))
    async with elsewhere.session() as client:
        await client.private("AddOrder", ORDER, userref=4711)
        (journal,) = elsewhere.where.glob("*.jsonl")
        line = journal.read_bytes().splitlines(keepends=True)[0]
    async with world.session() as client:
        await client.private("Balance")
    (state,) = world.where.glob("*.state")
    bad = world.where / f"{state.stem}.intents.2-bb.jsonl"
    if what == "a directory":
        bad.mkdir()
    elif what == "userref 1e999":
        assert b"4711" in line
        bad.write_bytes(line.replace(b"4711", b"1e999"))
    else:
        bad.write_bytes((b"[" if what == "brackets" else b'{"a":') * 200_000 + b"\n")
    async with world.session() as client:
        assert await client.private("Balance")
        assert client.unresolved() == []
        assert any(bad.name in problem for problem in client.stats().problems)


async def test_a_status_goes_to_no_prepared_link_and_those_of_killed_processes_go(world: World) -> None:
    async with world.session() as client:
        await client.private("Balance")
    (state,) = world.where.glob("*.state")
    precious = world.where / "precious"
    precious.write_text("mine")
    names = [f"{state.stem}.status.{os.getpid()}-{number}" for number in range(1, 200)]
    for name in names:
        (world.where / f"{name}.new").symlink_to(precious)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = world.where / f"{state.stem}.status.{dead.pid}-1.json"
    left.write_text("{}")
    os.utime(left, (1e9, 1e9))
    async with world.session() as client:
        await client.private("Balance")
        await until(lambda: [each for each in world.where.glob("*.json") if each != left])
        assert precious.read_text() == "mine"
        await until(lambda: not left.exists())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
async def test_a_directory_of_another_user_is_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.where.mkdir(mode=0o700)
    os.chown(world.where, 4711, 4711)
    async with world.session() as client:
        await client.private("Balance")
        assert any("4711" in problem for problem in client.stats().problems)
    assert len(said(caplog, "4711")) == 1


# -- what a server sends ----------------------------------------------------------------------------------------


def response(status: int, body: bytes) -> Any:
    """Return a transport's answer. Its class stands elsewhere in each release."""
    return SimpleNamespace(status=status, headers={}, body=body)


def answer(result: str, *headers: bytes, status: int = 200, error: str = "") -> bytes:
    body = json.dumps({"error": [error] if error else [], "result": {"which": result, "refid": "R"}}).encode()
    return whole(body, *headers, status=status)


def whole(body: bytes, *headers: bytes, status: int = 200) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 %d OK" % status, *headers, length, b"", body])


def serving(talk: Callable[[socket.socket], None]) -> AbstractContextManager[str]:
    """Serve more connections than a test makes, all alike; yield the address."""
    return in_a_thread(*[talk] * 100)


def plain(url: str, **options: Any) -> KrakenSession:
    given = {"base_url": url, "store": MemoryStore(), "governor": BurstGovernor.off(), "retry": ONCE}
    return KrakenSession("key", SECRET, **{**given, **options})


@pytest.mark.parametrize("endpoint", ["Withdraw", "Balance", "CancelAll"])
async def test_an_answer_that_lay_in_the_socket_is_read(endpoint: str) -> None:
    came, blocked, sent = threading.Event(), threading.Event(), threading.Event()
    numbers = itertools.count()

    def talk(peer: socket.socket) -> None:
        while request_of(peer):
            came.set()
            blocked.wait(NEVER)
            peer.sendall(answer(f"answer {next(numbers)}"))
            sent.set()

    with serving(talk) as url:
        async with plain(url, guard=guards.allow_all, timeout=0.5, retry=RetryPolicy()) as client:
            fields = {"asset": "XBT", "key": "k", "amount": "1"} if endpoint == "Withdraw" else {}
            asked = asyncio.ensure_future(client.private(endpoint, fields))
            while not came.is_set():
                await asyncio.sleep(0)
            blocked.set()  # from here on the loop does not run
            sent.wait(NEVER)
            time.sleep(0.6)  # and the time for the answer goes by
            assert (await asked)["which"] == "answer 0"


@pytest.mark.parametrize("injected", [True, False], ids=["http=", "own"])
async def test_a_small_answer_that_unpacks_to_a_huge_one_takes_no_memory(injected: bool) -> None:
    bomb = whole(gzip.compress(bytes(200_000_000), 1), b"Content-Encoding: gzip")

    def talk(peer: socket.socket) -> None:
        while request_of(peer):
            peer.sendall(bomb)

    async with contextlib.AsyncExitStack() as stack:
        url = stack.enter_context(serving(talk))
        own = {"http": await stack.enter_async_context(aiohttp.ClientSession())} if injected else {}
        client = await stack.enter_async_context(plain(url, timeout=NEVER, **own))
        tracemalloc.start()
        try:
            with pytest.raises(KrakenError):
                await client.private("Balance")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 100_000_000


async def test_over_a_session_of_the_callers_a_second_answer_is_not_the_next_calls() -> None:
    sent = threading.Event()

    def talk(peer: socket.socket) -> None:
        for number in range(1000):
            if not request_of(peer):
                return
            peer.sendall(answer(f"answer {number}"))
            time.sleep(0.02)
            with contextlib.suppress(OSError):
                peer.sendall(answer("stale"))
            sent.set()

    with serving(talk) as url:
        async with aiohttp.ClientSession() as http, plain(url, http=http) as client:
            for _ in range(4):
                sent.clear()
                with contextlib.suppress(KrakenError):
                    assert (await client.private("Balance"))["which"] != "stale"
                await asyncio.to_thread(sent.wait, NEVER)
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("status", [400, 403, 429])
async def test_over_a_session_that_raises_for_a_status_a_refusal_is_one(status: int) -> None:
    def talk(peer: socket.socket) -> None:
        while request_of(peer):
            peer.sendall(answer("", error="EGeneral:Permission denied", status=status))

    with serving(talk) as url:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            plain(url, http=http, guard=guards.allow_all) as client,
        ):
            with pytest.raises(PermissionDenied):
                await client.private("Withdraw", asset="XBT", key="k", amount="1")


@pytest.mark.parametrize("host", ["evil.localhost", "a.b.localhost:8080", "127.0.0.1.localhost"])
def test_a_name_that_only_sounds_like_this_machine_gets_no_key(host: str) -> None:
    with pytest.raises(ValueError, match="in clear"):
        plain(f"http://{host}")


async def test_a_warning_of_the_server_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = "WGeneral:Odd\nERROR kraken_async: all is lost\r\x1b[2J\u2028"

    def talk(peer: socket.socket) -> None:
        while request_of(peer):
            peer.sendall(answer("", error=forged))

    caplog.set_level(logging.DEBUG, "kraken_async")
    with serving(talk) as url:
        async with plain(url) as client:
            await client.private("Balance")
    lines = [each for each in caplog.records if each.name.startswith("kraken_async")]
    assert any("all is lost" in each.getMessage() for each in lines)
    assert all(each.getMessage().isprintable() for each in lines)


# -- limits ------------------------------------------------------------------------------------------------------


@virtual
async def test_a_read_does_not_wait_for_a_thousand_histories_that_came_before() -> None:
    async def at_once(request: Any, timeout: float) -> Any:
        await asyncio.sleep(0.05)
        return response(200, b'{"error":[],"result":{}}')

    loop = asyncio.get_running_loop()
    async with KrakenSession(
        "key", SECRET, store=MemoryStore(), transport=at_once, tier="starter", account="of this test"
    ) as client:
        history = [asyncio.ensure_future(client.private("Ledgers")) for _ in range(1000)]
        await asyncio.sleep(60)
        began = loop.time()
        await asyncio.wait_for(client.private("Balance"), 10_000)
        assert loop.time() - began < 60  # on the loop's own clock
        for each in history:
            each.cancel()
        await asyncio.gather(*history, return_exceptions=True)


@virtual
async def test_after_a_call_that_was_given_up_on_a_burst_is_not_refused() -> None:
    loop = asyncio.get_running_loop()
    emulator = Emulator(clock=loop.time, limits=True, tier="intermediate", seed=1)
    lost = False

    async def deliver(request: Any, timeout: float) -> Any:
        nonlocal lost
        late = "Ledgers" in request.path
        await asyncio.sleep(9.9 if late else 0.02)
        reply = await emulator.deliver(request.method, request.path, request.headers, request.body)
        if late:
            lost = True
            raise RequestTimeout("no answer within 9.9 s", outcome=Outcome.UNKNOWN)
        return response(reply.status, reply.body)

    async with KrakenSession(
        *emulator.key,
        store=MemoryStore(),
        transport=deliver,
        tier="intermediate",
        governor=BurstGovernor("intermediate", startup_window=0),
        account="of that test",
        retry=ONCE,
    ) as client:
        await client.private("Balance")
        await asyncio.sleep(60)
        with pytest.raises(RequestTimeout):
            await client.private("Ledgers")
        assert lost
        await asyncio.gather(*(client.private("Balance") for _ in range(40)))
    assert not emulator.refused("EAPI:Rate limit exceeded")


@virtual
async def test_what_histories_wait_for_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def at_once(request: Any, timeout: float) -> Any:
        await asyncio.sleep(0.05)
        return response(200, b'{"error":[],"result":{}}')

    caplog.set_level(logging.INFO, "kraken_async")
    async with KrakenSession("key", SECRET, store=MemoryStore(), transport=at_once, account="new") as client:
        reads = [asyncio.ensure_future(client.private("TradesHistory")) for _ in range(8)]
        await asyncio.sleep(1.0)
        assert any("TradesHistory" in problem for problem in client.stats().problems)
        await asyncio.gather(*reads)
    assert said(caplog, "TradesHistory waits")
