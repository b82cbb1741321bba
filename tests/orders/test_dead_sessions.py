"""Journals of dead sessions that are bad, many, or moved: each is named, none stops a session, none is lost."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from kraken_async import FileStore, KrakenSession, NonceStoreError
from kraken_async.orders.intent import Intent
from kraken_async.orders.journal import Journal
from kraken_async.orders.journal_file import encode, opening, read, sending
from kraken_async.system.flock import flock
from kraken_async.wire.messages import Response, SignedRequest
from kraken_async.wire.signer import Signer
from tests import forked

KEY = "0123456789abcdef"
SECRET = "c2VjcmV0" * 8
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "1", "volume": "1"}


def intent(name: str) -> Intent:
    """An order that was sent."""
    return Intent(
        id=name, endpoint="AddOrder", params={"pair": "XBTUSD", "cl_ord_id": name}, sent_at=1.0, sent=True
    )


def leave(where: Path, session: str, *lines: bytes) -> Path:
    """A dead session's file."""
    path = where / f"{KEY}.intents.{session}.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def sent(name: str) -> bytes:
    """Its lines."""
    return encode(opening(intent(name))) + encode(sending(intent(name)))


@pytest.mark.parametrize(
    "what", ["a directory", "a pipe", "a link", "userref 1e999", "brackets", "no rights", "huge"]
)
def test_a_bad_file_is_named_and_hides_no_other(what: str, tmp_path: Path) -> None:
    good = leave(tmp_path, "1-aa", sent("good"))
    bad = tmp_path / f"{KEY}.intents.2-bb.jsonl"
    if what == "a directory":
        bad.mkdir()
    elif what == "a pipe":
        os.mkfifo(bad)
    elif what == "a link":
        bad.symlink_to(good)
    elif what == "userref 1e999":
        line = sent("bad").replace(b'"cl_ord_id":"bad"', b'"userref":1e999')
        assert b"1e999" in line
        bad.write_bytes(line)
    elif what == "brackets":
        bad.write_bytes(b"[" * 200_000 + b"\n")
    elif what == "no rights":
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        bad.write_bytes(sent("bad"))
        bad.chmod(0)
    else:
        bad.write_bytes(b"\xff" * 100_000 + b"\n")
    journal = Journal(tmp_path, KEY)
    for _ in range(2):
        assert [each.id for each in journal.left(500.0)] == ["good"]
        assert [str(bad) in problem for problem in journal.problems()] == [True]
    if bad.is_dir():
        bad.rmdir()
    else:
        bad.unlink()
    journal.left(500.0)
    assert journal.problems() == ()


async def test_a_session_opens_beside_bad_files_and_names_them(tmp_path: Path) -> None:
    async def answers(_: SignedRequest, __: float) -> Response:
        return Response(200, {}, b'{"error":[],"result":{}}')

    async with KrakenSession("key", SECRET, store=FileStore(tmp_path), transport=answers) as client:
        await client.private("Balance")
        (state,) = tmp_path.glob("*.state")
    (tmp_path / f"{state.stem}.intents.2-bb.jsonl").mkdir()
    async with KrakenSession("key", SECRET, store=FileStore(tmp_path), transport=answers) as client:
        await client.private("Balance")
        assert client.unresolved() == []
        assert any("2-bb.jsonl is no file" in problem for problem in client.stats().problems)


def test_none_is_not_said_by_who_could_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    journal = Journal(tmp_path, KEY)
    with monkeypatch.context() as patched:
        patched.setattr("kraken_async.orders.dead_sessions.os.scandir", refused)
        with pytest.raises(NonceStoreError, match="cannot be looked through"):
            journal.left(500.0)
        assert "cannot be looked through" in journal.problems()[0]
    assert journal.left(500.0) == []
    assert journal.problems() == ()


async def test_a_thousand_dead_sessions_hold_up_no_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one of their files is read in the loop; what that leaves to it is measured by ``benchmarks.sessions``."""
    signer = Signer("key", SECRET)
    for number in range(1000):
        lines = encode(opening(intent(f"o{number}"))) + encode(sending(intent(f"o{number}")))
        (tmp_path / f"{signer.key_id}.intents.1-{number:04}.jsonl").write_bytes(lines)
    reads: Counter[bool] = Counter()

    def counted(fd: int, session: str) -> tuple[list[Intent], int]:
        reads[threading.current_thread() is threading.main_thread()] += 1
        return read(fd, session)

    monkeypatch.setattr("kraken_async.orders.dead_sessions.read", counted)
    async with KrakenSession("key", SECRET, store=FileStore(tmp_path)) as session:
        assert len(session.unresolved()) == 1000
        assert len(session.unresolved()) == 1000
    assert reads == {False: 1000}


def test_what_changed_meanwhile_is_read_anew(tmp_path: Path) -> None:
    path = leave(tmp_path, "1-aa", sent("one"), sent("two"))
    journal, other = Journal(tmp_path, KEY), Journal(tmp_path, KEY)
    one, two = journal.left(500.0)
    other.close_intent(other.left(500.0)[0])
    assert [each.id for each in journal.left(500.0)] == [two.id]
    journal.close_intent(two)
    assert not path.exists()
    assert journal.left(500.0) == []
    assert one.id == "one"


async def test_a_living_session_that_rewrites_its_file_is_not_taken_for_a_dead_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    living, reader = Journal(tmp_path, KEY), Journal(tmp_path, KEY)
    await living.record(intent("one"))
    others = [f"other {number}" for number in range(100)]
    for name in others:
        await living.record(intent(name))
    (path,) = tmp_path.iterdir()
    files = {path.stat().st_ino}

    def after_a_rewrite(fd: int, operation: int) -> None:
        living.done(others.pop())  # between opening the file and locking it
        files.add(path.stat().st_ino)
        flock(fd, operation)

    monkeypatch.setattr("kraken_async.orders.journal.MOST_DEAD_LINES", -1000)  # so that each end is a rewrite
    monkeypatch.setattr("kraken_async.orders.dead_sessions.flock", after_a_rewrite)
    assert reader.left(500.0) == []
    assert len(files) > 1
    assert path.exists()
    living.close()


MOVED = """
import asyncio, os, shutil, sys
from pathlib import Path
from kraken_async import FileStore, KrakenSession
from kraken_async.wire.messages import Response
where, how = Path(sys.argv[1]), sys.argv[2]
order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "1", "volume": "1"}

async def transport(request, timeout):
    if "AddOrder" in request.path and b"last" in request.body:
        os.kill(os.getpid(), 9)
    await asyncio.sleep(0)
    body = b'{"error":[],"result":{"txid":["OAAAAA-BBBBB-CCCCCC"],"unixtime":1}}'
    return Response(200, {}, body)

async def main():
    async with KrakenSession("key", sys.argv[3], store=FileStore(where), transport=transport) as client:
        await client.private("AddOrder", order, cl_ord_id="first")
        if how == "removed":
            shutil.rmtree(where)
        else:
            where.rename(where.with_name("elsewhere"))
        await client.private("AddOrder", order, cl_ord_id="last")

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["removed", "renamed"])
async def test_the_journal_follows_a_state_directory_that_was_moved(how: str, tmp_path: Path) -> None:
    where = tmp_path / "state"
    done = await asyncio.to_thread(
        forked.run,
        [sys.executable, "-c", MOVED, str(where), how, SECRET],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr

    async def answers(_: SignedRequest, __: float) -> Response:
        return Response(200, {}, json.dumps({"error": [], "result": {}}).encode())

    async with KrakenSession("key", SECRET, store=FileStore(where), transport=answers) as client:
        assert [each.cl_ord_id for each in client.unresolved()] == ["last"]
    shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
