"""BackgroundSession: what keeps its thread from starting is raised, and never waited for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import types
from collections.abc import Coroutine
from typing import Any

import pytest

from kraken_async import KrakenSession, MemoryStore
from kraken_async.adapters.background import BackgroundSession

#: Opens files until there are none left, and then asks for a session.
NO_DESCRIPTOR = """
import resource
from kraken_async import KrakenSession, MemoryStore
from kraken_async.adapters.background import BackgroundSession

make = lambda: KrakenSession(store=MemoryStore())
BackgroundSession(make).close()  # all that is imported late is there
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
kept = []
try:
    while True:
        kept.append(open("/dev/null"))
except OSError:
    pass
try:
    BackgroundSession(make)
except OSError as error:
    del kept
    print("raised", error.errno)
"""


def test_without_a_descriptor_it_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(main: Coroutine[Any, Any, None]) -> None:
        main.close()
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(asyncio, "run", none_left)
    with pytest.raises(OSError, match="Too many open files"):
        BackgroundSession(lambda: KrakenSession(store=MemoryStore()))


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of descriptors")
def test_without_a_descriptor_in_the_whole_process_it_raises() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_DESCRIPTOR], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "raised 24\n"), done.stderr


def test_under_gevent_it_raises_and_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    patched = types.SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", patched)
    with pytest.raises(RuntimeError, match=r"thread=False"):
        BackgroundSession(lambda: KrakenSession(store=MemoryStore()))


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_what_make_raises_is_raised(error: BaseException) -> None:
    def fails() -> KrakenSession:
        raise error

    with pytest.raises(type(error)):
        BackgroundSession(fails)
