"""Other sessions on the gateway's key: of other processes, of other hosts, and of none that can be asked."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from kraken_async import MemoryStore, NonceStoreError
from kraken_async.gateway import neighbours
from kraken_async.gateway.neighbours import Neighbours
from kraken_async.stores.file import FileStore
from kraken_async.stores.memory import MemoryKey
from tests.gateway.conftest import Running, neighbour

KEY = "0123456789abcdef"


def written(**more: Any) -> dict[str, Any]:
    stats = {
        "uptime_seconds": 60.0,
        "total_nonces_issued": 7,
        "queue_depth": {"CANCEL": 1, "READ": 2},
        "halted": False,
        "problems": [],
        "problem_codes": [],
    }
    return {"pid": 4711, "host": "other", "written_at": time.time(), "stats": stats} | more


def put(folder: Path, *statuses: Any) -> None:
    for number, status in enumerate(statuses):
        text = status if isinstance(status, str) else json.dumps(status)
        (folder / f"{KEY}.status.{number}-1.json").write_text(text)


async def test_those_beside_the_state_s_files_are_read(tmp_path: Path) -> None:
    now = time.time()
    here = written(pid=os.getpid(), host=socket.gethostname())
    put(tmp_path, written(), written(written_at=now - 60), here)
    one, gone, own = await Neighbours(FileStore(tmp_path), KEY).look()
    assert (one["pid"], one["host"], one["here"], one["sent"], one["waiting"]) == (4711, "other", False, 7, 3)
    assert one["since"] == pytest.approx(now - 60, abs=30)
    assert (one["gone"], gone["gone"], own["here"]) == (False, True, True)


async def test_a_process_of_the_same_number_on_another_host_is_another(tmp_path: Path) -> None:
    put(tmp_path, written(pid=os.getpid(), host="other"))
    (one,) = await Neighbours(FileStore(tmp_path), KEY).look()
    assert not one["here"]


async def test_files_that_are_no_session_s_are_passed_by(tmp_path: Path) -> None:
    put(tmp_path, "{", "[]", "null", '{"pid": 1}', written(stats=None), written(), "x" * 10)
    (tmp_path / f"{KEY}.status.9-1.json").mkdir()
    found = await Neighbours(FileStore(tmp_path), KEY).look()
    assert [each["pid"] for each in found] == [4711]


async def test_state_in_memory_has_no_others() -> None:
    found = Neighbours(MemoryStore(), KEY)
    assert await found.look() == []
    assert not found.problem
    await found.close()


class Server(MemoryStore):
    """A store that keeps sessions' statuses, or does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.failure: Exception | None = None
        self.silent = False

    def key(self, name: str, unit: str) -> MemoryKey:
        key = super().key(name, unit)
        key.shares_status = True
        key.sessions = self.sessions  # type: ignore[method-assign]  # stands in for the store's
        return key

    async def sessions(self) -> list[bytes]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        if self.silent:
            await asyncio.Event().wait()
        return [json.dumps(written()).encode()]


async def test_a_server_is_asked_once_for_all_who_look_at_the_same_time() -> None:
    server = Server()
    found = Neighbours(server, KEY)
    answers = await asyncio.gather(*(found.look() for _ in range(10)))
    assert server.asked == 1
    assert [[each["pid"] for each in answer] for answer in answers] == [[4711]] * 10
    await found.close()


@pytest.mark.parametrize("how", ["fails", "is silent"])
async def test_a_server_that_does_not_answer_is_said_and_nothing_old_is_shown(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "EVERY", 0.0)
    server = Server()
    found = Neighbours(server, KEY)
    assert len(await found.look()) == 1
    monkeypatch.setattr(neighbours, "PATIENCE", 0.01)
    server.failure, server.silent = NonceStoreError("it is down") if how == "fails" else None, True
    assert await found.look() == []
    assert "cannot be read" in found.problem
    server.failure, server.silent = None, False
    monkeypatch.setattr(neighbours, "PATIENCE", 30.0)
    assert len(await found.look()) == 1
    assert not found.problem
    await found.close()


@pytest.mark.proof
async def test_another_process_on_the_key_is_among_them(running: Running, tmp_path: Path) -> None:
    page = running.client("read,halt")
    process = await neighbour(running, tmp_path / "state")
    try:
        async with asyncio.timeout(50):
            others: list[dict[str, Any]] = []
            while not others:
                (account,) = (await page.api("/api/status"))[1]["accounts"]
                others = [each for each in account["sessions"] if not each["here"]]
                await asyncio.sleep(0.05)
    finally:
        process.terminate()
        await process.wait()
    (other,) = others
    assert (other["pid"], other["host"], other["gone"]) == (process.pid, socket.gethostname(), False)
    assert other["sent"] > 0
