"""The intent journal: what was about to be sent outlives its session, and nothing else does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.orders import journal as journal_module
from kraken_async.orders import journal_file
from kraken_async.orders.intent import Intent, new_cl_ord_id
from kraken_async.orders.journal import Journal, open_journal
from kraken_async.orders.policy import OrderPolicy
from kraken_async.system.paths import boot_id
from tests import forked

KEY = "0123456789abcdef"


def intent(**changes: Any) -> Intent:
    client_id = new_cl_ord_id()
    given: dict[str, Any] = {
        "id": client_id,
        "endpoint": "AddOrder",
        "params": {"pair": "XBTUSD", "volume": "1", "cl_ord_id": client_id},
        "cl_ord_id": client_id,
        "sent_at": 100.0,
        "deadline": 5.0,
        "generated": True,
        "boot": boot_id().hex(),
    }
    return Intent(**{**given, **changes})


def sent(one: Intent, at: float = 101.0) -> Intent:
    return replace(one, sent=True, sent_at=at, due=at + 5, clock_error=0.5)


def die(journal: Journal) -> None:
    """What the kernel does for a process that is killed: its descriptors are closed, its files stay."""
    journal.left_behind()


def path_of(directory: Path, journal: Journal) -> Path:
    return directory / f"{KEY}.intents.{journal.session}.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines() if line]


def write_to(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def test_nothing_is_created_before_the_first_intent(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state", KEY)
    assert journal.left(0.0) == []
    journal.close()
    assert not (tmp_path / "state").exists()


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state", KEY)
    await journal.record(intent())
    assert path_of(tmp_path / "state", journal).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    journal.close()


async def test_a_dead_sessions_order_that_was_sent_is_left(tmp_path: Path) -> None:
    dead, one = Journal(tmp_path, KEY), intent()
    await dead.record(one)
    dead.sent(sent(one))
    die(dead)
    (left,) = Journal(tmp_path, KEY).left(500.0)
    assert left == replace(sent(one), session=dead.session)


async def test_a_dead_sessions_order_that_never_left_is_none(tmp_path: Path) -> None:
    dead = Journal(tmp_path, KEY)
    await dead.record(intent())
    die(dead)
    assert Journal(tmp_path, KEY).left(500.0) == []
    assert list(tmp_path.iterdir()) == []


async def test_after_another_boot_a_missing_mark_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, one = Journal(tmp_path, KEY), intent()
    await dead.record(one)
    die(dead)
    monkeypatch.setattr(journal_file, "boot_id", lambda: b"another!")
    reader = Journal(tmp_path, KEY)
    (left,) = reader.left(500.0)
    assert (left.id, left.sent, left.due) == (one.id, False, 505.0)
    assert reader.left(900.0)[0].due == 505.0, "it was dead when it was first read, so it sent nothing later"


async def test_what_is_done_is_not_left(tmp_path: Path) -> None:
    dead, one, other = Journal(tmp_path, KEY), intent(), intent()
    for each in (one, other):
        await dead.record(each)
        dead.sent(sent(each))
    dead.done(one.id)
    die(dead)
    assert [i.id for i in Journal(tmp_path, KEY).left(500.0)] == [other.id]


async def test_a_living_sessions_orders_are_its_own(tmp_path: Path) -> None:
    living, one = Journal(tmp_path, KEY), intent()
    await living.record(one)
    living.sent(sent(one))
    assert Journal(tmp_path, KEY).left(500.0) == []
    living.close()
    assert [i.id for i in Journal(tmp_path, KEY).left(500.0)] == [one.id]


async def test_another_keys_orders_are_not_shown(tmp_path: Path) -> None:
    dead, one = Journal(tmp_path, "f" * 16), intent()
    await dead.record(one)
    dead.sent(sent(one))
    die(dead)
    assert Journal(tmp_path, KEY).left(500.0) == []


async def test_a_file_is_deleted_when_closed_with_nothing_open(tmp_path: Path) -> None:
    journal, one = Journal(tmp_path, KEY), intent()
    await journal.record(one)
    journal.done(one.id)
    journal.close()
    journal.close()
    assert list(tmp_path.iterdir()) == []


async def test_settling_a_dead_sessions_last_order_deletes_its_file(tmp_path: Path) -> None:
    dead = Journal(tmp_path, KEY)
    for _ in range(2):
        one = intent()
        await dead.record(one)
        dead.sent(sent(one))
    die(dead)
    reader = Journal(tmp_path, KEY)
    first, second = reader.left(500.0)
    reader.close_intent(first)
    assert reader.left(500.0) == [second]
    reader.close_intent(second)
    assert reader.left(500.0) == []
    assert list(tmp_path.iterdir()) == []
    reader.close_intent(second)


async def test_damaged_lines_are_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dead, one, other = Journal(tmp_path, KEY), intent(), intent()
    await dead.record(one)
    dead.sent(sent(one))
    write_to(path_of(tmp_path, dead), b'{"op":"open","id"\n\x00\xff\n[]\n{"op":"open"}\n')
    await dead.record(other)
    dead.sent(sent(other))
    die(dead)
    reader = Journal(tmp_path, KEY)
    assert [i.id for i in reader.left(500.0)] == [one.id, other.id]
    reader.left(500.0)
    assert reader.damaged == 4
    assert caplog.text.count("cannot be read") == 1


async def test_beside_damaged_lines_a_missing_mark_proves_nothing(tmp_path: Path) -> None:
    dead, one = Journal(tmp_path, KEY), intent()
    await dead.record(one)
    write_to(path_of(tmp_path, dead), b'{"op":"se')
    die(dead)
    assert [i.id for i in Journal(tmp_path, KEY).left(500.0)] == [one.id]


async def test_a_write_that_broke_off_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, one, other = Journal(tmp_path, KEY), intent(), intent()
    await journal.record(one)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
    with pytest.raises(NonceStoreError, match="full"):
        await journal.record(other)
    monkeypatch.undo()
    journal.sent(sent(one))
    die(journal)
    reader = Journal(tmp_path, KEY)
    assert [i.id for i in reader.left(500.0)] == [one.id]
    assert reader.damaged == 1


async def test_what_cannot_be_written_names_the_file_and_the_cure(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the directory should be")
    with pytest.raises(NonceStoreError, match=r"state.*state_dir"):
        await Journal(tmp_path / "state", KEY).record(intent())


async def test_a_full_disk_says_so_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, one = Journal(tmp_path, KEY), intent()

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    await journal.record(one)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NonceStoreError, match=r"jsonl cannot be written: No space left.*journal=False"):
        await journal.record(intent())
    journal.done(one.id)
    journal.close()


async def test_lines_of_what_is_over_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MOST_DEAD_LINES", 20)
    journal, kept = Journal(tmp_path, KEY), intent()
    await journal.record(kept)
    journal.sent(sent(kept))
    for _ in range(200):
        one = intent()
        await journal.record(one)
        journal.sent(sent(one))
        journal.done(one.id)
        assert len(lines(path_of(tmp_path, journal))) <= 30
    assert Journal(tmp_path, KEY).left(500.0) == [], "the file that took its place is locked as well"
    journal.close()
    assert [i.id for i in Journal(tmp_path, KEY).left(500.0)] == [kept.id]
    assert len(list(tmp_path.iterdir())) == 1


async def test_no_secret_is_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    params = {"pair": "XBTUSD", "otp": "123456", "nonce": "9", "orders": [{"token": "t0ken", "volume": 1.5}]}
    await journal.record(intent(params=params))
    text = path_of(tmp_path, journal).read_text()
    assert "XBTUSD" in text
    assert "1.5" in text
    assert not any(secret in text for secret in ("123456", "t0ken", "nonce"))
    journal.close()


async def test_synced_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fdatasync

    def noted(fd: int) -> None:
        synced.append(fd)
        fsync(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    journal = Journal(tmp_path, KEY, synced=True)
    await journal.record(intent())
    before = len(synced)
    await journal.record(intent())
    assert len(synced) == before + 1
    journal.close()


async def test_a_failed_sync_refuses_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, KEY, synced=True)
    await journal.record(intent())

    def broken(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    one = intent()
    with pytest.raises(NonceStoreError, match="Input/output"):
        await journal.record(one)
    assert lines(path_of(tmp_path, journal))[-1] == {"op": "done", "id": one.id}
    journal.close()


async def test_a_sync_that_outlives_the_journal_touches_no_other_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY, synced=True)
    await journal.record(intent())
    task = asyncio.ensure_future(journal.record(intent()))
    await asyncio.sleep(0)
    task.cancel()
    journal.close()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_a_forked_child_writes_nothing_unlocks_nothing_and_keeps_nothing_locked(tmp_path: Path) -> None:
    journal, one = Journal(tmp_path, KEY), intent()
    await journal.record(one)
    journal.sent(sent(one))
    said, says = os.pipe()
    waits, go_on = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(go_on)
            journal.done(one.id)
            os.write(says, b".")
            os.read(waits, 1)  # until the parent has looked, or is gone
            os._exit(0)
        except BaseException:
            os._exit(2)
    os.close(says)
    os.close(waits)
    assert os.read(said, 1) == b"."
    assert len(lines(path_of(tmp_path, journal))) == 2
    assert Journal(tmp_path, KEY).left(500.0) == []
    journal.close()
    assert [i.id for i in Journal(tmp_path, KEY).left(500.0)] == [one.id]
    os.close(said)
    os.close(go_on)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


async def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    code = """
        import asyncio, sys
        from dataclasses import replace
        from pathlib import Path
        from kraken_async.orders.intent import Intent
        from kraken_async.orders.journal import Journal

        async def main():
            journal = Journal(Path(sys.argv[1]), sys.argv[2])
            one = Intent(id="a", endpoint="AddOrder", params={}, sent_at=1.0)
            await journal.record(one)
            journal.sent(replace(one, sent=True))
            print("ready", flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    child = forked.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path), KEY], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "ready\n"
        reader = Journal(tmp_path, KEY)
        assert reader.left(500.0) == [], "its session lives"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert [i.id for i in reader.left(500.0)] == ["a"]


async def test_a_memory_store_keeps_intents_in_memory(tmp_path: Path) -> None:
    journal = open_journal(OrderPolicy(), None, KEY)
    assert journal is not None
    await journal.record(intent())
    assert "in memory, 1 open" in repr(journal)
    assert list(tmp_path.iterdir()) == []


def test_the_journal_can_be_turned_off() -> None:
    assert open_journal(OrderPolicy(journal=False), None, KEY) is None


async def test_a_draft_without_a_name_is_swept_when_it_is_old(tmp_path: Path) -> None:
    new, old = (tmp_path / f"{KEY}.intents.1-a.jsonl.{end}" for end in ("0001", "0002"))
    for draft in (new, old):
        draft.write_bytes(b"")
    os.utime(old, (1, 1))
    assert Journal(tmp_path, KEY).left(0.0) == []
    assert new.exists()
    assert not old.exists()


async def test_an_intent_of_a_living_session_is_closed_by_that_session_alone(tmp_path: Path) -> None:
    living, one = Journal(tmp_path, KEY), intent()
    await living.record(one)
    living.sent(sent(one))
    # At once: it waits for no lock.
    Journal(tmp_path, KEY).close_intent(replace(sent(one), session=living.session))
    die(living)
    assert [each.id for each in Journal(tmp_path, KEY).left(500.0)] == [one.id]
