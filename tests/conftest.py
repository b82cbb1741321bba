"""What every test stands on: an empty environment of its own, loopback only, and a look at leaks.

`kraken_emulator` comes from the plugin that the package publishes (`kraken_async.emulator.plugin`).
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import inspect
import ipaddress
import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import aioresponses.core
import hypothesis
import pytest

from kraken_async.calls import public_calls
from kraken_async.limits import matching_engine
from kraken_async.stores.base import KeyState, Store
from tests.described import DescribedReplies
from tests.exchange import Exchange, exchange
from tests.secrecy import Secrecy

# A shell starts what runs in the background of a script with SIGINT ignored, and children inherit that. The commands
# under test end by SIGINT, so they get the disposition that a terminal gives.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before Python 3.14, to ask a main thread for its loop makes one, unless it was told that there is none.
# pytest-asyncio asks before the first test, and drops that loop unclosed: a ResourceWarning in a later test.
asyncio.set_event_loop(None)

# Children write the bytecode of this package where Python looks for it, whatever the environment says: without it,
# each of them compiles the package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

gc.disable()  # until all is collected: what is imported meanwhile stays, and there is much of it


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what children are forked from, and set aside what is imported.

    Look at what is imported by now (with ccxt some 300,000 objects) in no collection of garbage any more.

    A look at leaks is two collections; with all that in them they take longer than the tests.
    """
    if not session.config.option.collectonly and "tests.forked" in sys.modules:  # of this or that module
        sys.modules["tests.forked"].prepare()
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Two workers more than there are cores: some tests wait for a time, and not for a core."""
    return len(os.sched_getaffinity(0)) + 2 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 2


# Properties are tried with few examples every day, and with many by `.ci/run` (``--hypothesis-profile proof``).
hypothesis.settings.register_profile("everyday", max_examples=40, deadline=None)
hypothesis.settings.register_profile("proof", max_examples=300, deadline=None)
hypothesis.settings.load_profile("everyday")


# ------------------------------------------------------------------ no secret in any output

secrecy = Secrecy()
secrecy.learn_from_signers()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Listen to each test, but for the long ones: what hours log is not kept."""
    if item.get_closest_marker("soak") is not None:
        return (yield)
    with secrecy.listening():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that has shown a secret, in whatever it printed or logged."""
    report = yield
    if report.when == "teardown" and report.passed:
        shown = secrecy.shown("".join(text for _, text in report.sections))
        if shown:
            report.outcome, report.longrepr = "failed", f"shown in its output or its log: {shown}"
    return report


# ------------------------------------------------------------------ replies as they are described

described_replies = DescribedReplies()
described_replies.listen()


@pytest.fixture(autouse=True)
def replies_fit_the_description() -> Iterator[None]:
    """Fail a test in which an emulator answered in a way that is not described."""
    described_replies.take()
    yield
    found = described_replies.take()
    assert not found, f"replies that are not described: {sorted(set(found))}"


# ------------------------------------------------------------------ an environment of its own


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder above the homes of the tests that ask for no folder of their own."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def isolated_environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, homes: Path
) -> None:
    """No setting of the person who runs the tests reaches them; no test writes outside its own folder.

    Children inherit this, as monkeypatch changes `os.environ` itself.
    """
    # What a process remembers of an account and of an address lives as long as a session that has not been collected.
    matching_engine.accounts.clear()
    public_calls._allowances.clear()
    # A folder is made for who asks for one alone: it takes longer than most tests.
    own = "tmp_path" in request.fixturenames
    home: Path = request.getfixturevalue("tmp_path") if own else homes / str(next(_numbers))
    for name in [name for name in os.environ if name.startswith("KRAKEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KRAKEN_STATE_DIR", str(home / "state"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "xdg-state"))  # where platformdirs looks on Linux
    monkeypatch.setenv("HOME", str(home))  # and on macOS


_numbers = itertools.count()


# ------------------------------------------------------------------ an emulator, and sessions on it


@pytest.fixture
async def kraken(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Exchange]:
    """An emulator that serves from the test's own loop; `kraken.session()` gives sessions, with state in files.

    ``@pytest.mark.kraken(jitter=(0.0, 0.002), limits=True)`` gives options of `tests.exchange.exchange`.
    """
    marker = request.node.get_closest_marker("kraken")
    async with exchange(tmp_path, **(marker.kwargs if marker is not None else {})) as made:
        yield made


# ------------------------------------------------------------------ what the sessions of a key share


@asynccontextmanager
async def key_state(store: Store, api_key: str) -> AsyncIterator[KeyState]:
    """Give a hold on a key's state beside its sessions', as another session would have it."""
    state = store.key(hashlib.sha256(api_key.encode()).hexdigest()[:16], "ns")
    await state.open(time.monotonic)
    try:
        yield state
    finally:
        await state.close()


# ------------------------------------------------------------------ loopback only


def _is_loopback(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


class LeftLoopback(AssertionError):
    """A test reached for a host that is not this machine."""


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Refuse to resolve or connect to anything but loopback; fail the test even if that was swallowed.

    Yields the addresses refused. (Held in this process; a child that a test starts is given a loopback URL.)
    """
    refused: list[object] = []
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        if not _is_loopback(host):
            refused.append(host)
            raise LeftLoopback(f"tests stay on loopback; something asked for {host!r}")

    def checked_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        return connect_ex(self, address)

    def checked_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", checked_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", checked_resolve)
    yield refused
    assert not refused, f"a test left loopback: {refused}"


# ------------------------------------------------------------------ aioresponses


class _ClientResponse(aiohttp.ClientResponse):
    """aiohttp's response, made as aioresponses 0.7.9 makes it.

    aiohttp 3.14 demands a `stream_writer`, which aioresponses does not pass.
    Small bodies only: a large one still fails, as the mocked stream has no transport that could be paused.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
            kwargs.setdefault("stream_writer", mock.Mock(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def mocked_http(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.core.aioresponses]:
    """An `aioresponses` that works with the aiohttp at hand: answers are mapped without a server."""
    monkeypatch.setattr(aioresponses.core, "ClientResponse", _ClientResponse)
    with aioresponses.core.aioresponses() as mocked:
        yield mocked


# ------------------------------------------------------------------ leaks


class LeakCheck:
    """`async with no_leaks:` or `with no_leaks:` leaves no descriptor, task or thread that was not there.

    Not counted: the threads of a loop's default executor, which the loop keeps until it is closed.
    """

    #: Seconds. What another thread closes, the emulator's its end of a connection, takes a moment. A leak stays.
    patience = 5.0

    def __enter__(self) -> LeakCheck:
        gc.collect()
        self._before = (open_descriptors(), _tasks(), _threads())
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        end = time.monotonic() + self.patience
        while kind is None and self.left() and time.monotonic() < end:
            time.sleep(0.005)
        self._check(kind)

    def _check(self, kind: object) -> None:
        if kind is None:
            gc.collect()
            left = self.left()
            assert not left, f"left behind: {left}"

    async def __aenter__(self) -> LeakCheck:
        return self.__enter__()

    async def __aexit__(self, kind: object, *_: object) -> None:
        # A closed transport lets its socket go in later steps of the loop: so many steps, not a time.
        for _step in range(20):
            if kind is not None or not self.left():
                break
            await asyncio.sleep(0)
        self.__exit__(kind)  # other threads have their time; this loop stands still meanwhile

    def left(self) -> list[object]:
        """What is there now and was not at the start."""
        descriptors, tasks, threads = self._before
        now = open_descriptors()
        opened: list[object] = [f"fd {fd} -> {now[fd]}" for fd in now if now[fd] != descriptors.get(fd)]
        return opened + list(_tasks() - tasks) + list(_threads() - threads)


def open_descriptors() -> dict[int, str]:
    """Open file descriptors and what they point at; a table on Linux, empty where the system shows none."""
    found = {}
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # the descriptor of this very listing
            continue
    return found


def _tasks() -> set[object]:
    try:
        return set(asyncio.all_tasks())
    except RuntimeError:  # no loop is running
        return set()


def _threads() -> set[object]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


@pytest.fixture
def no_leaks() -> LeakCheck:
    """See `LeakCheck`."""
    return LeakCheck()
