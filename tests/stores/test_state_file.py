"""One user of a state file, without a session: what it writes, how long it tries, and what others see of it."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import Shared
from kraken_async.stores.file import inspect, state_file
from kraken_async.stores.file import inspection as inspection_module
from kraken_async.stores.file.layout import (
    HEADER_AT,
    HEADER_SIZE,
    SLOT_AT,
    SLOT_SIZE,
    TRAILER_SIZE,
    Header,
    Slot,
    SlowFields,
    pack_header,
    unpack_header,
    unpack_slot,
    unpack_trailer,
)
from kraken_async.stores.file.record import Record
from kraken_async.stores.file.recovery import Found, make_header
from kraken_async.stores.file.state_file import Moved, StateFile
from kraken_async.system.durable import Disk
from kraken_async.system.flock import FileLock

NOW = 10**18


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that stands still."""
    monkeypatch.setattr(time, "time_ns", lambda: NOW)
    monkeypatch.setattr(time, "time", lambda: NOW / 1e9)


class Clock:
    """Seconds that pass while one sleeps, and no others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []
        monkeypatch.setattr(state_file, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep))

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def entered(tmp_path: Path, **options: Any) -> tuple[StateFile, Found]:
    file = StateFile(tmp_path, "k", options.pop("unit", "ns"), Disk(), **options)
    file.enter()
    return file, file.recover(file.read(), lambda: 100.0)


def slots(tmp_path: Path) -> list[Slot]:
    raw = (tmp_path / "k.state").read_bytes()
    found = [unpack_slot(raw[at : at + SLOT_SIZE]) for at in SLOT_AT.values()]
    return [each for each in found if isinstance(each, Slot)]


def header(tmp_path: Path) -> Header:
    raw = (tmp_path / "k.state").read_bytes()
    found = unpack_header(raw[HEADER_AT : HEADER_AT + HEADER_SIZE])
    assert found is not None
    return found


# ------------------------------------------------------------------ what is written


def test_each_start_and_each_end_is_one_generation_and_one_ceiling_more(tmp_path: Path) -> None:
    file, found = entered(tmp_path)
    assert (file.created, file.first) == (True, True)
    assert found.ceiling == NOW + 2 * 10**9
    # Made with the first, started with the second.
    assert slots(tmp_path) == [Slot("ns", found.ceiling, 2)] * 2
    assert (header(tmp_path).generation, header(tmp_path).ceiling, header(tmp_path).last) == (
        1,
        found.ceiling,
        0,
    )
    file.finish(NOW)
    assert slots(tmp_path) == [Slot("ns", NOW, 3)] * 2
    assert (header(tmp_path).generation, header(tmp_path).ceiling, header(tmp_path).last) == (2, NOW, NOW)
    again, found = entered(tmp_path)
    assert (again.created, found.shared.last) == (False, NOW)
    assert header(tmp_path).generation == 3
    assert [slot.seq for slot in slots(tmp_path)] == [4, 4]
    again.close()
    again.finish(NOW)  # it is closed: nothing is given back
    assert [slot.seq for slot in slots(tmp_path)] == [4, 4]


def test_it_is_private_whatever_a_copy_has_made_of_it(tmp_path: Path) -> None:
    entered(tmp_path)[0].finish(NOW)
    path = tmp_path / "k.state"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o610, 0o700, 0o666):
        path.chmod(mode)
        entered(tmp_path)[0].close()
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if mode == 0o700 else 0o600)


def test_what_a_killed_creator_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "k.state.new").write_bytes(b"half")
    entered(tmp_path)[0].close()
    assert not (tmp_path / "k.state.new").exists()


def test_a_raise_is_made_once_for_all_users_and_never_lowers(tmp_path: Path) -> None:
    one, found = entered(tmp_path)
    two, _ = entered(tmp_path)
    assert not two.first
    far = found.ceiling + 10**12
    assert one.raise_ceiling(far) == far + 10**6
    assert (header(tmp_path).ceiling, header(tmp_path).generation) == (far + 10**6, 2)
    seq = slots(tmp_path)[0].seq
    assert two.raise_ceiling(far) == far + 10**6  # the other has just done so
    assert slots(tmp_path)[0].seq == seq
    assert two.raise_ceiling(far + 5 * 10**5) == far + 10**6  # half of what is ahead is left
    assert slots(tmp_path)[0].seq == seq
    assert two.raise_ceiling(far + 5 * 10**5 + 1) == far + 15 * 10**5 + 1
    assert slots(tmp_path)[0].seq == seq + 1
    assert one.highest() == far + 15 * 10**5 + 1
    for file in (one, two):
        file.close()
    assert one.highest() == 0


def test_a_slot_that_was_damaged_is_repaired_with_the_next_raise(tmp_path: Path) -> None:
    file, found = entered(tmp_path)
    with (tmp_path / "k.state").open("r+b") as raw:
        raw.write(bytes(100))
    assert len(slots(tmp_path)) == 1
    assert file.raise_ceiling(0) == found.ceiling  # as high as it was, and in both
    assert [slot.ceiling for slot in slots(tmp_path)] == [found.ceiling] * 2
    file.close()


@pytest.mark.parametrize("what", ["k.state", "k.disk.lock", "k.nonce.lock", "k.turn.lock"])
def test_a_file_that_is_gone_is_noticed_with_the_next_raise(what: str, tmp_path: Path) -> None:
    file, found = entered(tmp_path)
    watched = FileLock(tmp_path / "k.turn.lock")
    file.watched = [watched]
    assert file.raise_ceiling(0) == found.ceiling
    (tmp_path / what).unlink()
    for work in (lambda: file.raise_ceiling(0), lambda: file.reserve(NOW)):
        with pytest.raises(Moved):
            work()
    if what == "k.state":
        (tmp_path / what).write_bytes(b"another")
        with pytest.raises(Moved):
            file.raise_ceiling(0)
    file.close()
    watched.close()


def test_a_finer_unit_is_written_at_once_also_beside_others(tmp_path: Path) -> None:
    one, _ = entered(tmp_path, unit="ms")
    two, _ = entered(tmp_path, unit="us")
    assert [slot.unit for slot in slots(tmp_path)] == ["us", "us"]
    with pytest.raises(NonceStoreError, match="has used nonces in us"):
        entered(tmp_path, unit="ms")
    three, _ = entered(tmp_path, unit="us")
    for file in (one, two, three):
        file.close()


# ------------------------------------------------------------------ how long it tries


def test_the_others_are_told_of_a_ceiling_in_fifty_tries_or_find_it_in_the_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, found = entered(tmp_path)
    clock = Clock(monkeypatch)
    lock = FileLock(tmp_path / "k.nonce.lock")
    assert lock.try_acquire()
    ceiling = file.raise_ceiling(found.ceiling)
    assert clock.sleeps == [0.001] * 50
    assert header(tmp_path).ceiling == found.ceiling
    assert file.highest() == ceiling > found.ceiling
    lock.release()
    file.publish(ceiling)
    assert (header(tmp_path).ceiling, header(tmp_path).generation) == (ceiling, 2)
    file.publish(ceiling)  # they know
    file.publish(ceiling - 1)
    assert (header(tmp_path).ceiling, header(tmp_path).generation) == (ceiling, 2)
    lock.close()
    file.close()


def test_a_user_joins_beside_a_process_that_keeps_the_disk_lock_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = entered(tmp_path)
    clock = Clock(monkeypatch)
    lock = FileLock(tmp_path / "k.disk.lock")
    assert lock.try_acquire()
    second, _ = entered(tmp_path)
    assert not second.first
    assert clock.sleeps[:6] == [0.0005, 0.001, 0.002, 0.004, 0.008, 0.01]
    assert set(clock.sleeps[6:]) == {0.01}
    assert 1.0 < sum(clock.sleeps) < 1.02
    lock.close()
    for file in (first, second):
        file.finish(NOW)
    assert inspect(tmp_path / "k.state").users == ()


def test_a_lock_that_comes_free_is_taken_at_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(tmp_path)[0].close()
    lock = FileLock(tmp_path / "k.disk.lock")
    assert lock.try_acquire()
    clock = Clock(monkeypatch)
    really_sleep = clock.sleep

    def sleep(seconds: float) -> None:
        really_sleep(seconds)
        if len(clock.sleeps) == 3:
            lock.release()

    monkeypatch.setattr(state_file, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    file, _ = entered(tmp_path)
    assert file.first
    assert len(clock.sleeps) == 3
    file.close()
    lock.close()


# ------------------------------------------------------------------ who may have it


def test_one_alone_and_many_together_exclude_each_other(tmp_path: Path) -> None:
    alone, _ = entered(tmp_path, exclusive=True)
    for options, who in (
        ({}, "a NonceSource, which has it for itself"),
        ({"exclusive": True}, "a session or NonceSource"),
    ):
        with pytest.raises(NonceStoreError, match=who) as caught:
            entered(tmp_path, **options)
        if Path("/proc/locks").exists():
            assert f"by process {os.getpid()}" in str(caught.value)
    assert inspect(tmp_path / "k.state").exclusive
    alone.finish(NOW)
    many, _ = entered(tmp_path)
    with pytest.raises(NonceStoreError, match="a session or NonceSource"):
        entered(tmp_path, exclusive=True)
    many.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(13, "Permission denied", "/there"),
            "/there cannot be used: Permission denied; it must belong",
        ),
        (
            IsADirectoryError(21, "Is a directory"),
            "k.state cannot be used: Is a directory; a directory stands",
        ),
        (OSError("odd"), "k.state cannot be used: odd; free the disk"),
    ],
)
def test_what_cannot_be_opened_is_an_error_with_file_reason_and_cure(
    error: OSError, said: str, tmp_path: Path
) -> None:
    class Failing(Disk):
        def open(self, path: Path, flags: int) -> int:
            raise error

    with pytest.raises(NonceStoreError) as caught:
        StateFile(tmp_path, "k", "ns", Failing()).enter()
    assert said in str(caught.value)


# ------------------------------------------------------------------ a session's record


def recorded(file: StateFile, found: Found) -> Record:
    record = Record(file, found, lambda: 100.0)
    assert record.load() is None
    return record


def test_a_record_is_one_generation_more_and_says_who_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 64)
    file, found = entered(tmp_path)
    record = recorded(file, found)
    assert record.generation == 1
    assert record.is_current()
    record.shared.last, record.turn_at = NOW + 5, 99.0
    assert record.save() is None
    written = header(tmp_path)
    assert (written.generation, written.last, written.ceiling) == (2, NOW + 5, found.ceiling)
    assert (written.mono, written.wall) == (100.0, NOW / 1e9)
    raw = (tmp_path / "k.state").read_bytes()[HEADER_AT + HEADER_SIZE :]
    trailer = unpack_trailer(raw[:TRAILER_SIZE])
    assert (trailer.turn_at, trailer.pid, trailer.host) == (99.0, os.getpid(), b"h" * 40)
    assert record.is_current()
    record.close()
    file.close()


def test_what_another_has_written_is_taken_over_and_slow_fields_are_read_when_they_have_changed(
    tmp_path: Path,
) -> None:
    file, found = entered(tmp_path)
    reads: list[int] = []

    class Counting(Disk):
        @staticmethod
        def pread(fd: int, size: int, offset: int) -> bytes:
            reads.append(offset)
            return os.pread(fd, size, offset)

    other_file = StateFile(tmp_path, "k", "ns", Counting())
    other_file.enter()
    other_found = other_file.recover(other_file.read(), lambda: 100.0)
    one, two = recorded(file, found), recorded(other_file, other_found)
    one.shared.last, one.shared.level, one.shared.pauses = NOW + 9, 2.5, 3
    one.shared.mark_changed()
    assert one.save() is None
    assert not one.shared.changed
    assert not two.is_current()
    two.load()
    assert (two.shared.last, two.shared.level, two.shared.pauses) == (NOW + 9, 2.5, 3)
    assert not two.shared.changed
    one.shared.last += 1
    one.save()
    reads.clear()
    two.load()
    assert two.shared.last == NOW + 10
    assert [at for at in reads if at > HEADER_AT] == []  # the slow fields are where they were
    for record in (one, two):
        record.close()
    for each in (file, other_file):
        each.close()


def test_a_counter_that_moved_in_memory_alone_is_seen(tmp_path: Path) -> None:
    file, found = entered(tmp_path)
    record = recorded(file, found)
    shared = record.shared
    for level, level_at in ((None, 5.0), (2.0, 5.0), (2.0, 6.0), (0.0, 6.0), (None, 6.0)):
        shared.level, shared.level_at = level, level_at
        assert record.level_has_changed()
        assert record.save() is None
        assert not record.level_has_changed()
    record.forget()  # what the file has is not known
    assert record.level_has_changed()
    record.close()
    file.close()


def test_what_is_read_without_the_lock_is_read_again_when_it_falls_into_a_write(tmp_path: Path) -> None:
    file, found = entered(tmp_path)
    torn = 0

    class Torn(Disk):
        @staticmethod
        def pread(fd: int, size: int, offset: int) -> bytes:
            nonlocal torn
            raw = os.pread(fd, size, offset)
            if torn and (offset, size) == (HEADER_AT, HEADER_SIZE):
                torn -= 1
                return raw[:20] + bytes(len(raw) - 20)
            return raw

    torn_file = StateFile(tmp_path, "k", "ns", Torn())
    torn_file.enter()
    reader = recorded(torn_file, torn_file.recover(torn_file.read(), lambda: 100.0))
    writer = recorded(file, found)
    for times, seen in ((4, True), (5, False)):
        writer.shared.last += 1
        writer.save()
        torn = times
        assert (reader.peek().last == writer.shared.last) is seen
        torn = 0
    writer.turn_at = 77.0
    writer.save()
    assert reader.peek_turn() == 77.0
    for record in (reader, writer):
        record.close()
    for each in (file, torn_file):
        each.close()


@pytest.mark.parametrize("short", ["header", "slow fields"])
def test_what_was_written_in_part_is_an_error_and_written_again(short: str, tmp_path: Path) -> None:
    fails = False

    class Full(Disk):
        @staticmethod
        def pwrite(fd: int, data: bytes, offset: int) -> int:
            if fails and (offset == HEADER_AT) is (short == "header"):
                return len(data) - 1
            return os.pwrite(fd, data, offset)

    file = StateFile(tmp_path, "k", "ns", Full())
    file.enter()
    record = recorded(file, file.recover(file.read(), lambda: 100.0))
    record.shared.pauses = 4
    record.shared.mark_changed()
    fails = True
    error = record.save()
    assert error is not None
    assert "in part" in str(error.strerror)
    assert record.shared.changed is (short == "slow fields")
    fails = False
    assert record.save() is None
    other, found = entered(tmp_path)
    reader = recorded(other, found)
    assert reader.shared.pauses == 4
    for each in (record, reader):
        each.close()
    for one in (file, other):
        one.close()


def test_a_header_that_was_damaged_starts_above_every_ceiling_with_the_counter_unknown(
    tmp_path: Path,
) -> None:
    file, found = entered(tmp_path)
    record = recorded(file, found)
    record.shared.last, record.shared.level = NOW + 3, 2.0
    record.save()
    path = tmp_path / "k.state"
    raw = bytearray(path.read_bytes())
    raw[HEADER_AT + 9] ^= 1
    path.write_bytes(raw)
    said = record.load()
    assert said is not None
    assert "the header was damaged in mid-run" in said
    assert (record.shared.last, record.ceiling) == (found.ceiling, 0)
    assert record.shared.level is None
    assert record.shared.changed
    assert record.load() is None  # said once
    for at in SLOT_AT.values():
        raw[at : at + 50] = bytes(50)
    raw[HEADER_AT + 10] ^= 1
    path.write_bytes(raw)
    assert record.load() is not None
    assert record.shared.last == found.ceiling + 10**6  # without a slot the rule of reserving is left
    record.close()
    file.close()


# ------------------------------------------------------------------ looking


def test_a_look_reads_again_when_it_falls_into_a_write_five_times_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = entered(tmp_path)
    path = tmp_path / "k.state"
    whole = path.read_bytes()
    looks, torn = 0, 0

    def read(path: Path) -> bytes:
        nonlocal looks
        looks += 1
        return whole[:HEADER_AT] if looks <= torn else whole

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read)
        for torn, expected in ((0, 1), (4, 5), (9, 5)):
            looks = 0
            assert (inspect(path).shared is not None) is (torn < 5)
            assert looks == expected
    file.close()


def test_a_look_tells_how_far_the_nonce_is_ahead_of_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "k.state"
    missing = inspect(path)
    assert (missing.exists, missing.error, missing.seq, missing.last) == (
        False,
        "there is no such state file",
        0,
        0,
    )
    file, found = entered(tmp_path, unit="us")
    shared = Shared(last=NOW // 1000 + 2_500_000, level=1.5)
    with path.open("r+b") as raw:
        raw.seek(HEADER_AT)
        raw.write(pack_header(make_header(shared, found.ceiling, SlowFields(), 9, 100.0)))
    view = inspect(path)
    assert (view.exists, view.unit, view.seq, view.ceiling) == (True, "us", 2, found.ceiling)
    assert (view.last, view.lead) == (NOW // 1000 + 2_500_000, 2.5)
    assert view.shared is not None
    assert view.shared.level == 1.5
    file.close()
    path.write_bytes(b"nonsense")
    view = inspect(path)
    assert (view.exists, view.seq, view.last, view.ceiling, view.unit) == (True, 0, 0, 0, "ns")
    assert view.error == "holds no readable nonce state"
    path.unlink()
    path.mkdir()
    assert inspect(path).exists
    assert "cannot be read" in inspect(path).error


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="nothing shows who has a lock here")
def test_a_look_tells_who_has_the_turn(tmp_path: Path) -> None:
    file, _ = entered(tmp_path)
    path = tmp_path / "k.state"
    assert inspect(path).turn is None
    lock = FileLock(tmp_path / "k.turn.lock")
    assert lock.try_acquire()
    assert (inspect(path).turn, inspect(path).waiting) == (os.getpid(), ())
    assert inspection_module.inspect(str(path)).users == (os.getpid(),)
    lock.close()
    file.close()
