"""What a session shows of itself for `top`: whole, private, only when something changed, and gone on close."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from kraken_async import KrakenSession, MemoryStore
from kraken_async.cli.app import app
from kraken_async.emulator import Emulator
from kraken_async.monitoring import status_file
from kraken_async.monitoring.metrics import Statistics
from kraken_async.monitoring.status_file import StatusFile
from kraken_async.system import durable
from kraken_async.system.durable import replace
from kraken_async.wire.messages import Response, SignedRequest

if TYPE_CHECKING:
    from tests.conftest import LeakCheck

KEY = "0123456789abcdef"


def statistics() -> Statistics:
    """The statistics of a session that has done nothing."""
    return KrakenSession(store=MemoryStore()).stats()


class Source:
    """Statistics that a test may change."""

    def __init__(self) -> None:
        self.now = statistics()

    def __call__(self) -> Statistics:
        return self.now

    def change(self, **fields: Any) -> None:
        self.now = dataclasses.replace(self.now, **fields)


def read(status: StatusFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status.path.read_text())
    return found


async def test_a_status_names_key_process_and_last_calls(tmp_path: Path) -> None:
    call = (time.time(), "Balance", "answered", None, 0.5, 0.01)
    status = StatusFile(tmp_path, KEY, Source(), [call])
    await status.write_if_changed()
    found = read(status)
    assert status.path.name.startswith(f"{KEY}.status.")
    assert found["key"] == KEY
    assert found["stats"]["answered"] == 0
    assert found["last_calls"][0]["endpoint"] == "Balance"
    assert [path.name for path in tmp_path.iterdir()] == [status.path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
async def test_a_status_is_for_its_owner_alone(tmp_path: Path) -> None:
    status = StatusFile(tmp_path, KEY, Source())
    await status.write_if_changed()
    assert stat.S_IMODE(status.path.stat().st_mode) == 0o600


async def test_what_did_not_change_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source()
    status = StatusFile(tmp_path, KEY, source)
    await status.write_if_changed()
    status.path.unlink()
    source.change(uptime_seconds=99.0)  # time passes by itself
    await status.write_if_changed()
    assert not status.path.exists()
    source.change(answered=1)
    await status.write_if_changed()
    assert read(status)["stats"]["answered"] == 1
    status.path.unlink()
    later = time.time() + status_file.ALIVE
    monkeypatch.setattr(time, "time", lambda: later)
    await status.write_if_changed()  # nothing changed, but it shows that its session lives
    assert status.path.exists()


async def test_it_writes_by_itself_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_leaks: LeakCheck
) -> None:
    monkeypatch.setattr(status_file, "EVERY", 0.005)
    written = asyncio.Event()
    source = Source()

    class Watched(StatusFile):
        async def write_if_changed(self) -> None:
            await super().write_if_changed()
            written.set()

    async with no_leaks:
        status = Watched(tmp_path, KEY, source)
        status.start()
        await written.wait()
        assert status.path.exists()
        await status.stop()
        await status.stop()
        assert not list(tmp_path.iterdir())


async def test_a_session_that_is_over_within_a_second_writes_nothing(
    tmp_path: Path, no_leaks: LeakCheck
) -> None:
    async with no_leaks:
        status = StatusFile(tmp_path, KEY, Source())
        status.start()
        await asyncio.sleep(0)
        await status.stop()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("trouble", ["a directory that is gone", "statistics that fail"])
async def test_trouble_ends_the_status_and_never_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(status_file, "EVERY", 0.001)

    def fails() -> Statistics:
        raise RuntimeError("no statistics")

    gone = trouble == "a directory that is gone"
    status = StatusFile(tmp_path / "gone" if gone else tmp_path, KEY, Source() if gone else fails)
    status.start()
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    await task  # raises nothing
    await status.stop()


async def test_top_shows_the_true_numbers_of_a_running_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = Emulator(seed=1)

    async def send(request: SignedRequest, timeout: float) -> Response:
        reply = await emulator.deliver(request.method, request.path, request.headers, request.body)
        return Response(reply.status, reply.headers, reply.body)

    monkeypatch.setenv("KRAKEN_STATE_DIR", str(tmp_path))
    key, secret = emulator.key
    async with KrakenSession(key, secret, state_dir=tmp_path, tier="pro", transport=send) as client:
        for _ in range(3):
            await client.private("Balance")
        status = StatusFile(
            tmp_path, KEY, client.stats, [(time.time(), "Balance", "answered", None, 0.0, 0.0)]
        )
        await status.write_if_changed()
        shown = CliRunner().invoke(app, ["top", "--once"], env={"NO_COLOR": "1"}).stdout
        (found,) = json.loads(CliRunner().invoke(app, ["top", "--json"]).stdout)
    assert f"key {KEY}" in shown
    assert "3 answered" in shown
    assert "of 20" in shown
    assert "silent" not in shown
    assert found["stats"]["answered"] == 3


def test_top_marks_a_session_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_STATE_DIR", str(tmp_path))
    stats = json.loads(json.dumps(statistics().as_dict(), default=str))
    status = {
        "version": 1,
        "key": KEY,
        "pid": 7,
        "written_at": time.time() - 60,
        "stats": stats,
        "last_calls": [],
    }
    (tmp_path / f"{KEY}.status.7-1.json").write_text(json.dumps(status))
    (tmp_path / f"{KEY}.status.8-1.json").write_text("{half")
    shown = CliRunner().invoke(app, ["top", "--once"], env={"NO_COLOR": "1"}).stdout
    assert re.search(r"silent for [67]\d s", shown)


async def test_what_killed_processes_left_is_removed_and_what_may_live_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    old = time.time() - 2 * status_file.STALE
    gone = [tmp_path / f"key.status.{dead.pid}-1.json", tmp_path / f"key.status.{dead.pid}-1.json.0011aabb"]
    kept = [
        tmp_path / f"key.status.{os.getppid()}-1.json",  # lives
        tmp_path / f"key.status.{dead.pid}-2.json",  # written just now: perhaps in another container
        tmp_path / f"other.status.{dead.pid}-1.json",
    ]
    for path in (*gone, *kept):
        path.write_text("{}")
        os.utime(path, (old, old))
    kept[1].touch()
    status_file.sweep(tmp_path, "key")
    assert sorted(tmp_path.iterdir()) == sorted(kept)


async def test_a_prepared_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    for name in ("key.status.1-1.json", "key.status.1-1.new"):
        (tmp_path / name).symlink_to(target)
    replace(tmp_path / "key.status.1-1.json", b"{}")
    assert target.read_text() == "mine"
    assert not (tmp_path / "key.status.1-1.json").is_symlink()


async def test_nor_is_one_at_the_very_name_that_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, path = tmp_path / "target", tmp_path / "key.status.1-1.json"
    target.write_text("mine")
    monkeypatch.setattr(durable, "draft_of", lambda found: found.with_name(f"{found.name}.0011aabb"))
    for aim in (target, tmp_path / "nowhere"):
        (tmp_path / f"{path.name}.0011aabb").symlink_to(aim)
        with pytest.raises(FileExistsError):
            replace(path, b"{}")
        (tmp_path / f"{path.name}.0011aabb").unlink()
    assert target.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["target"]
