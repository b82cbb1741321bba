"""FileStore: one process, one or more sessions; opening, sharing, times, damage, disks that fail, fork."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import math
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.problems import coded
from kraken_async.stores.base import MAX_NONCE, Shared, low_ceiling, new_ceiling
from kraken_async.stores.file import FileStore, inspect, layout, recovery, steps
from kraken_async.stores.file import ceiling as ceiling_module
from kraken_async.stores.file import key as key_module
from kraken_async.stores.file.layout import (
    HEADER_AT,
    HEADER_SIZE,
    Slot,
    SlowFields,
    pack_slot,
    unpack_header,
    unpack_slot,
)
from kraken_async.system import paths
from kraken_async.system.flock import FileLock
from tests import forked
from tests.stores.store_support import HOUR, SECOND, FailingDisk, draw, nothing, opened, setting, turn_of, yes


def state(directory: Path) -> Path:
    return directory / "k.state"


def ceilings(directory: Path) -> list[int]:
    raw = state(directory).read_bytes()
    found = [unpack_slot(raw[at : at + 512]) for at in (0, 4096)]
    assert all(isinstance(slot, Slot) for slot in found)
    return [slot.ceiling for slot in found if isinstance(slot, Slot)]


# ---------------------------------------------------------------------------------- nonces, one session


async def test_nonces_are_on_the_clock_and_rise(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    before = time.time_ns()
    drawn = [await draw(key) for _ in range(200)]
    assert before <= drawn[0] <= time.time_ns()
    assert drawn == sorted(set(drawn))
    await key.close()


async def test_files_are_private_and_named_by_the_key(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    key = await opened(FileStore(directory), "0123abcd")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = sorted(directory.iterdir())
    assert [path.name for path in files] == [
        "0123abcd.disk.lock",
        "0123abcd.floors",
        "0123abcd.next.lock",
        "0123abcd.nonce.lock",
        "0123abcd.state",
        "0123abcd.turn.lock",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    await key.close()
    assert sorted(directory.iterdir()) == files  # lock files are never deleted


async def test_the_ceiling_is_in_both_slots_before_the_first_nonce_above_the_old_one(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    for _ in range(3):
        last = await draw(key)
        assert min(ceilings(tmp_path)) >= last
    await key.close()


async def test_a_clean_close_gives_the_reservation_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await opened(FileStore(tmp_path))
    assert key.is_new
    last = await draw(key)
    await key.close()
    assert ceilings(tmp_path) == [last, last]
    monkeypatch.setattr(time, "time_ns", lambda: last - HOUR)
    key = await opened(FileStore(tmp_path))
    assert not key.is_new
    assert await draw(key) == last + 1
    await key.close()


async def test_nothing_drawn_is_nothing_reserved(tmp_path: Path) -> None:
    for _ in range(3):
        await (await opened(FileStore(tmp_path))).close()
    key = await opened(FileStore(tmp_path))
    assert await draw(key) <= time.time_ns()
    await key.close()


async def test_a_clock_that_stands_still_or_steps_back_never_lowers_the_nonce(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await opened(FileStore(tmp_path))
    last = await draw(key)
    for now in (last, last - HOUR, last - 2 * HOUR, 0):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        assert [await draw(key) for _ in range(3)] == [last + 1, last + 2, last + 3]
        last += 3
    await key.close()


async def test_a_clock_that_leaps_ahead_waits_for_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await opened(FileStore(tmp_path))
    now = time.time_ns() + HOUR
    monkeypatch.setattr(time, "time_ns", lambda: now)
    assert await draw(key) == now
    assert min(ceilings(tmp_path)) == now + 2 * SECOND
    assert key.figures()["raises"] == 1
    await key.close()


async def test_in_a_flow_of_calls_no_nonce_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes of a call every tenth of a second: each step ends without suspending."""
    key = await opened(FileStore(tmp_path), flushed=True)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    for _ in range(600):
        now += SECOND // 10
        with pytest.raises(StopIteration):
            key.step(yes).send(None)
        while key.figures()["ceiling"] < low_ceiling(key.seen.last, now, 1):
            await asyncio.sleep(0)  # the flush, in its thread
    assert 50 <= key.figures()["raises"] <= 65  # one a second, not one a call
    await key.close()


async def test_choosing_nothing_spends_no_nonce_and_writes_nothing(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    last = await draw(key)
    before = state(tmp_path).read_bytes()
    assert await key.step(nothing) == (None, 0)
    assert state(tmp_path).read_bytes() == before
    assert key.seen.last == last
    await key.close()


async def test_a_charge_is_kept_even_when_nothing_was_chosen(tmp_path: Path) -> None:
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))

    def charge(shared: Shared) -> None:
        shared.level = 3.0

    await one.step(charge)
    assert await two.update(lambda shared: shared.level) == 3.0
    for key in (one, two):
        await key.close()


async def test_a_choice_that_fails_leaves_no_half_change(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    await key.update(setting(touched=True, level=1.0, halted=True))
    last = await draw(key)

    def half(shared: Shared) -> None:
        shared.level, shared.halted = 9.0, False
        shared.mark_changed()
        raise KeyError("in the middle")

    for use in (key.step, key.update):
        with pytest.raises(KeyError):
            await use(half)
        assert await key.update(lambda shared: (shared.level, shared.halted, shared.last)) == (
            1.0,
            True,
            last,
        )
    await key.close()


async def test_jump_is_durable_and_counts_from_clock_or_last(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    far = await key.jump(HOUR)
    assert 0 <= time.time_ns() + HOUR - far < 10 * SECOND
    assert min(ceilings(tmp_path)) >= far
    assert await key.jump(5) == far + 5
    assert await draw(key) == far + 6
    for wrong in (-1, MAX_NONCE):
        with pytest.raises(ValueError, match="can be raised by"):
            await key.jump(wrong)
    await key.close()


async def test_at_the_end_of_64_bits_a_clear_error(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    await key.jump(MAX_NONCE - time.time_ns() - HOUR)
    await key.jump(MAX_NONCE - key.seen.last)
    with pytest.raises(NonceStoreError, match="new API key"):
        await draw(key)
    await key.close()


async def test_used_before_opening_and_after_closing_it_says_so(tmp_path: Path) -> None:
    key = FileStore(tmp_path).key("k", "ns")
    for _ in range(2):
        for use in (key.acquire_turn(), key.step(yes), key.update(yes), key.jump(1)):
            with pytest.raises(NonceStoreError, match=r"k\.state: it is not open"):
                await use
        await key.flush()
        await key.release_turn()
        await key.close()
        await key.open(time.monotonic)
        await key.close()


def test_the_reservation_keeps_within_two_seconds_of_the_clock() -> None:
    """200 crashes 50 ms apart, and one crash a millisecond, each losing all that was reserved."""
    for apart in (50, 1):
        now, last = 10**18, 0
        for _ in range(200):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(time, "time_ns", lambda now=now: now)
                last = new_ceiling(last, "ns")
            assert last <= now + 2.1 * SECOND
            now += apart * 1_000_000


# ----------------------------------------------------------------------------------------------- shared state


async def test_all_of_the_shared_state_is_seen_by_the_next_session(tmp_path: Path) -> None:
    def fill(shared: Shared) -> None:
        shared.level, shared.level_at = 4.5, 11.0
        shared.lockout_until, shared.pauses, shared.halted = 12.0, 3, True
        shared.engine = {f"PAIR{number}": [5.0, float(number)] for number in range(500)}
        shared.mark_changed()

    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.update(fill)
    expected = one.seen.slow_fields()
    await two.step(yes)
    assert (two.seen.slow_fields(), two.seen.level, two.seen.level_at) == (expected, 4.5, 11.0)
    for key in (one, two):
        await key.close()
    three = await opened(FileStore(tmp_path))
    assert (three.seen.slow_fields(), three.seen.level, three.seen.level_at) == (expected, 4.5, 11.0)
    await three.close()


async def test_the_rest_is_never_written_over_the_copy_that_counts(tmp_path: Path) -> None:
    used = SlowFields()
    for size in (10, 600, 2000, 2000, 50_000, 10, 10, 70_000, 100):
        placed = used.place(bytes(size))
        if used.size:
            assert placed.at >= used.at + used.size or placed.at + placed.size <= used.at
        assert placed.at <= 200_000  # and does not wander off
        used = placed


async def test_times_of_this_boot_stay_and_times_of_another_boot_move_with_the_wall_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = 1_700_000_000.0
    monkeypatch.setattr(time, "time", lambda: wall)
    store = FileStore(tmp_path)

    async def opened_at(mono: float) -> tuple[float, float]:
        key = store.key("k", "ns")
        await key.open(lambda: mono)
        seen = await key.update(lambda shared: (shared.level_at, shared.lockout_until))
        await key.close()
        return seen

    key = store.key("k", "ns")
    await key.open(lambda: 5000.0)
    await key.update(setting(level=9.0, level_at=4990.0))
    await key.update(setting(touched=True, lockout_until=5900.0))
    await key.close()

    assert await opened_at(5001.0) == (4990.0, 5900.0)
    wall += 100.0  # another boot, 100 s later by the wall clock, its monotonic clock at 10 s
    monkeypatch.setattr(recovery, "boot_id", lambda: b"another!")
    assert await opened_at(10.0) == pytest.approx((10 - 100 - 11, 10 - 100 + 899))
    wall -= HOUR / SECOND  # and once more, with the wall clock set back: no time has passed
    monkeypatch.setattr(recovery, "boot_id", lambda: b"a third!")
    assert await opened_at(20.0) == pytest.approx((20 - 100 - 11, 20 - 100 + 899))


async def test_several_sessions_of_one_loop_share_nonces_and_state(tmp_path: Path) -> None:
    keys = [await opened(FileStore(tmp_path)) for _ in range(4)]
    drawn = [await draw(keys[number % 4]) for number in range(200)]
    assert drawn == sorted(set(drawn))
    for key in keys[:3]:
        await key.close()
    assert max(ceilings(tmp_path)) > drawn[-1]  # not given back while one goes on
    await keys[3].close()
    assert ceilings(tmp_path) == [drawn[-1]] * 2


def test_loops_of_several_threads_share_nonces_in_turns(tmp_path: Path) -> None:
    arrived: list[int] = []
    inside = 0

    async def session() -> None:
        nonlocal inside
        key = await opened(FileStore(tmp_path), flushed=True)
        for _ in range(50):
            await key.acquire_turn()
            inside += 1
            assert inside == 1
            nonce = await draw(key)
            await asyncio.sleep(0)
            arrived.append(nonce)
            inside -= 1
            await key.release_turn()
        await key.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: asyncio.run(session()), range(8)))
    assert len(arrived) == 400
    assert arrived == sorted(set(arrived))


async def test_a_nonce_is_handed_out_without_the_turn_while_another_session_holds_it(tmp_path: Path) -> None:
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.acquire_turn()
    first = await draw(one)
    assert await draw(two, overtake=True) > first
    for key in (one, two):
        await key.close()


async def test_the_nonce_lock_held_elsewhere_is_waited_for_without_blocking_the_loop(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    lock = FileLock(tmp_path / "k.nonce.lock")
    lock.acquire()
    step = asyncio.create_task(draw(key))
    gone = asyncio.create_task(draw(key))
    update = asyncio.create_task(key.update(lambda shared: shared.last))
    while key.figures()["nonce_waits"] < 3:
        await asyncio.sleep(0)
    assert not step.done()
    gone.cancel()
    lock.close()
    assert await step > 0
    await update
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await draw(key) > await step  # and the cancelled one has given the lock back
    await key.close()


# ------------------------------------------------------------------------------------- unit and exclusion


async def test_the_first_finer_unit_closes_the_key_to_coarser_ones(tmp_path: Path) -> None:
    ms = await opened(FileStore(tmp_path), unit="ms")
    assert len(str(await draw(ms))) == 13
    ns = await opened(FileStore(tmp_path), unit="ns")
    nonce = await draw(ns)
    assert len(str(nonce)) == 19
    assert await draw(ms) > nonce  # a session of the coarser unit that was there before stays above
    await ms.close()
    with pytest.raises(NonceStoreError, match=re.escape(str(state(tmp_path))) + ".*nonce_unit='ns'"):
        await opened(FileStore(tmp_path), unit="us")
    await ns.close()
    for unit in ("us", "ms"):
        with pytest.raises(NonceStoreError, match="nonce_unit='ns'"):
            await opened(FileStore(tmp_path), unit=unit)


async def test_a_source_and_a_session_exclude_each_other_and_name_the_file(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    with pytest.raises(NonceStoreError, match=rf"k\.state is in use by process {os.getpid()}"):
        FileStore(tmp_path).reserve("k", "ns")
    last = await draw(key)
    await key.close()
    source = FileStore(tmp_path).reserve("k", "ns")
    with pytest.raises(NonceStoreError, match=r"k\.state is in use.*NonceSource"):
        await opened(FileStore(tmp_path))
    start, stop = source.block(0, 10)
    assert stop > start > last
    source.close(start)
    key = await opened(FileStore(tmp_path))
    assert await draw(key) > start
    await key.close()


# ----------------------------------------------------------------------------------------------------- damage


def put(at: int, data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    return damage


def write(data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(data)

    return damage


def cut(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, size)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def newer(path: Path) -> None:
    body = json.loads(path.read_bytes()[:512])
    del body["crc"]
    body |= {"version": 9, "min_reader": 8, "something": "new"}
    line = json.dumps({**body, "crc": layout.checksum(body)}).encode().ljust(511) + b"\n"
    put(4096, line)(path)  # in one slot is enough: the newer release is at it


def newer_but_readable(path: Path) -> None:
    for at in (0, 4096):
        body = json.loads(path.read_bytes()[at : at + 512])
        del body["crc"]
        body |= {"version": 9, "min_reader": 1, "something": "new"}
        put(at, json.dumps({**body, "crc": layout.checksum(body)}).encode().ljust(511) + b"\n")(path)


def loose_mode(path: Path) -> None:
    path.chmod(0o666)


def flip(at: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        raw = path.read_bytes()
        put(at, bytes([raw[at] ^ 1]))(path)

    return damage


def both(*damages: Callable[[Path], None]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        for one in damages:
            one(path)

    return damage


UNREADABLE = "no readable nonce state.*Move it away"

#: Every kind of damage, and how it ends: in an error that names the file and says this, or (None) in a safe start.
DAMAGES: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "empty": (write(b""), UNREADABLE),
    "a few bytes": (write(b"17"), UNREADABLE),
    "all zeros": (write(bytes(20_000)), UNREADABLE),
    "garbage": (write(bytes(range(256)) * 80), UNREADABLE),
    "a foreign text file": (write(b"1763999999999999999\n"), UNREADABLE),
    "a foreign JSON file": (write(b'{"nonce": 1}\n'), UNREADABLE),
    "JSON that is no object": (write(b"[]\n"), UNREADABLE),
    "truncated within slot A": (cut(100), UNREADABLE),
    "truncated after slot A": (cut(4000), None),
    "truncated within slot B": (cut(4200), None),
    "truncated within the header": (cut(HEADER_AT + 20), None),
    "truncated within the rest": (cut(12_300), None),
    "slot A torn": (put(50, b"\0" * 200), None),
    "slot B torn": (put(4096 + 50, b"\xff" * 200), None),
    "one bit of slot A": (flip(120), None),
    "one bit of slot B": (flip(4096 + 120), None),
    "both slots": (both(flip(120), flip(4096 + 120)), UNREADABLE),
    "one bit of the header": (flip(HEADER_AT + 20), None),
    "the header all zeros": (put(HEADER_AT, bytes(HEADER_SIZE)), None),
    "a foreign header": (put(HEADER_AT, b"x" * HEADER_SIZE), None),
    "header and slot A": (both(flip(120), flip(HEADER_AT + 20)), None),
    "one bit of the rest": (flip(12_290), None),
    "a newer format": (newer, "newer release.*upgrade"),
    "a newer format that we can read": (newer_but_readable, None),
    "a directory in its place": (directory, "directory stands where.*move it away"),
    "a pipe in its place": (fifo, "not a regular file: move it away"),
    "open to others": (loose_mode, None),
}


@pytest.mark.parametrize("kind", DAMAGES)
async def test_damage_ends_in_a_safe_start_or_an_error_with_the_cure(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_leaks: Any
) -> None:
    damage, error = DAMAGES[kind]
    key = await opened(FileStore(tmp_path))
    await key.jump(HOUR)  # so that the clock alone would be too low
    last = await draw(key)
    await key.close()
    damage(state(tmp_path))
    with no_leaks:
        if error is not None:
            with pytest.raises(NonceStoreError, match=error) as caught:
                await opened(FileStore(tmp_path))
            assert str(state(tmp_path)) in str(caught.value)
            with pytest.raises(NonceStoreError, match=error):
                FileStore(tmp_path).reserve("k", "ns")
            return
        key = await opened(FileStore(tmp_path))
        assert await draw(key) > last
        assert stat.S_IMODE(state(tmp_path).stat().st_mode) == 0o600
        assert len(ceilings(tmp_path)) == 2  # repaired
        await key.close()


async def test_survived_damage_is_said_once_and_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await (await opened(FileStore(tmp_path))).close()
    both(flip(120), flip(HEADER_AT + 20))(state(tmp_path))
    key = await opened(FileStore(tmp_path))
    for _ in range(5):
        await draw(key)
    said = [record.message for record in caplog.records if record.name == "kraken_async.store"]
    assert len(said) == 2
    assert key.problems() == tuple(said)
    assert "slot A: " in said[0]
    assert "counters were damaged" in said[1]
    assert key.seen.level is None
    await key.close()


@pytest.mark.parametrize(
    "kind",
    [k for k, (_, e) in DAMAGES.items() if k not in ("a directory in its place", "a pipe in its place")],
)
async def test_damage_under_a_running_session_never_lowers_its_nonce(kind: str, tmp_path: Path) -> None:
    damage, _ = DAMAGES[kind]
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.jump(HOUR)
    last = max(await draw(one), await draw(two))
    damage(state(tmp_path))
    for key in (one, two, one):
        nonce = await draw(key)
        assert nonce > last
        last = nonce
    await one.flush()
    for key in (one, two):
        await key.close()
    if kind != "a newer format":
        three = await opened(FileStore(tmp_path))
        assert await draw(three) > last
        await three.close()


def as_nobody(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run as a user without rights, when the tests run as root."""
    # The modules first: the interpreter itself may lie where that user cannot go.
    code = code.replace("DROP", "os.setgid(65534); os.setuid(65534)" if os.geteuid() == 0 else "pass")
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


OPEN = """
import asyncio, os, sys, time
from kraken_async.errors import NonceStoreError
from kraken_async.stores.file import FileStore
DROP
try:
    asyncio.run(FileStore(sys.argv[1]).key("k", "ns").open(time.monotonic))
except NonceStoreError as error:
    print(error)
"""


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A directory that other users reach: pytest's own are closed to them, and closed anew by every run that begins."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.mark.parametrize("what", ["directory read-only", "directory closed", "file closed", "file read-only"])
async def test_missing_rights_are_an_error_with_the_cure(what: str, open_to_all: Path) -> None:
    where = open_to_all / "state"
    await (await opened(FileStore(where))).close()
    mode = {"directory read-only": 0o555, "directory closed": 0o000}.get(what, 0o777)
    for path in where.iterdir():
        path.chmod(0o666)
    if what.startswith("file"):
        state(where).chmod(0o000 if what == "file closed" else 0o444)
    else:
        state(where).unlink()
        (where / "k.disk.lock").unlink()
    where.chmod(mode)
    try:
        done = as_nobody(OPEN, str(where))
    finally:
        where.chmod(0o700)
    assert str(where) in done.stdout, done.stderr
    assert "chown and chmod" in done.stdout
    assert done.returncode == 0


async def test_a_place_that_cannot_be_made_is_an_error_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for where in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(NonceStoreError, match=f"{where}.*state_dir=.*KRAKEN_STATE_DIR"):
            await opened(FileStore(where))


# ------------------------------------------------------------------------------------------- disks that fail


@pytest.mark.parametrize("call", ["sync", "pwrite", "open"])
async def test_a_disk_that_fails_at_the_start_is_an_error_and_leaves_nothing(
    call: str, tmp_path: Path, no_leaks: Any
) -> None:
    with no_leaks, pytest.raises(NonceStoreError, match="No space left on device; free the disk"):
        await opened(FileStore(tmp_path, disk=FailingDisk(call)))
    key = await opened(FileStore(tmp_path))
    assert key.is_new
    await key.close()


async def test_a_disk_that_fails_in_mid_run_is_said_once_counted_and_retried_and_calls_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FailingDisk()
    key = await opened(FileStore(tmp_path, disk=disk))
    last = await draw(key)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    disk.failing = {"sync"}
    for _ in range(10):
        now += 10 * SECOND
        nonce = await draw(key)
        assert nonce > last
        last = nonce
    assert not key.durable
    assert key.figures()["disk_errors"] == 1  # bounded: not tried again with each call
    assert "No space left on device" in key.problems()[0]
    assert [record.levelno for record in caplog.records if "No space" in record.message] == [logging.ERROR]
    disk.failing = set()
    await key.flush()
    assert key.durable
    assert min(ceilings(tmp_path)) > last
    assert key.problems() == ()
    await key.close()


async def test_with_strict_durability_a_failing_disk_refuses_nonces_until_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk()
    key = await opened(FileStore(tmp_path, strict_durability=True, disk=disk))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    await draw(key)
    disk.failing = {"sync"}
    now += 10 * SECOND
    for _ in range(3):
        with pytest.raises(NonceStoreError, match="calls are refused"):
            await draw(key)
    assert key.figures()["disk_errors"] == 1
    await key.flush()  # never raises
    disk.failing = set()
    monkeypatch.setattr(ceiling_module, "RETRY", 0.0)
    await key.flush()
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 100.0)  # the interval is over
    monkeypatch.setattr(ceiling_module, "time", later)
    assert await draw(key) == now
    await key.close()


async def test_when_even_the_header_cannot_be_written_nonces_go_on_in_memory(tmp_path: Path) -> None:
    disk = FailingDisk()
    key = await opened(FileStore(tmp_path, disk=disk))
    last = await draw(key)
    disk.failing = {"pwrite", "sync"}
    for _ in range(5):
        nonce = await draw(key)
        assert nonce > last
        last = nonce
    await key.update(setting(touched=True, halted=True))
    assert not key.durable
    assert await key.update(lambda shared: shared.halted)
    disk.failing = set()
    assert await draw(key) > last
    await key.close()
    key = await opened(FileStore(tmp_path))
    assert key.seen.halted
    await key.close()


async def test_nonces_above_the_ceiling_of_a_failing_disk_are_remembered_over_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk()
    key = await opened(FileStore(tmp_path, disk=disk))
    disk.failing = {"sync"}
    now = time.time_ns() + HOUR
    monkeypatch.setattr(time, "time_ns", lambda: now)
    await draw(key)
    now += 10 * SECOND  # beyond what the failed attempt has written, which may be there or not
    last = await draw(key)
    assert last > max(ceilings(tmp_path))
    key.left_behind()  # type: ignore[attr-defined]  # as killed
    now -= 2 * HOUR
    key = await opened(FileStore(tmp_path))
    assert await draw(key) > last
    await key.close()


async def test_a_session_that_cannot_write_does_not_fall_back_behind_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk()
    one, two = await opened(FileStore(tmp_path, disk=disk)), await opened(FileStore(tmp_path))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    disk.failing = {"pwrite"}
    unseen = [await draw(one) for _ in range(10)][-1]
    await draw(two)  # what it writes is lower than what the other one knows of itself
    assert await draw(one) > unseen
    for key in (one, two):
        await key.close()


async def test_with_the_whole_file_wiped_nonces_go_on_above_all_that_others_had_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await draw(one)
    now = time.time_ns() + 3 * SECOND // 2
    monkeypatch.setattr(time, "time_ns", lambda: now)
    last = await draw(two)  # under the ceiling that both know
    put(0, bytes(HEADER_AT + HEADER_SIZE))(state(tmp_path))
    now -= HOUR
    assert await draw(one) > last
    for key in (one, two):
        await key.close()


class HangingDisk(FailingDisk):
    """Syncs wait until ``go_on`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.go_on.set()

    def sync(self, fd: int) -> None:
        """See Disk."""
        self.go_on.wait(30)
        super().sync(fd)


async def test_a_disk_that_hangs_holds_up_an_overtaking_cancel_only_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "OVERTAKING_PATIENCE", 0.01)
    disk = HangingDisk()
    key = await opened(FileStore(tmp_path, disk=disk))
    now = time.time_ns() + HOUR
    monkeypatch.setattr(time, "time_ns", lambda: now)
    disk.go_on.clear()
    assert await draw(key, overtake=True) == now
    assert "no answer from the disk" in key.problems()[0]
    disk.go_on.set()
    while not key.durable:
        await asyncio.sleep(0)
    assert min(ceilings(tmp_path)) > now
    await key.close()


async def test_a_full_file_system_in_mid_run(tmp_path: Path) -> None:
    """A real limit of the system: the file may not grow, so the slots go on and the pauses cannot be kept."""
    code = """if 1:
        import asyncio, resource, sys, time
        from kraken_async.stores.file import FileStore, inspect
        async def main():
            key = FileStore(sys.argv[1]).key("k", "ns")
            await key.open(time.monotonic)
            resource.setrlimit(resource.RLIMIT_FSIZE, (16384, resource.RLIM_INFINITY))
            levels = {f"PAIR{n}": [1.0, 1.0] for n in range(5000)}
            await key.update(lambda shared: (setattr(shared, "engine", levels), shared.mark_changed()))
            assert not key.durable and "cannot be written" in key.problems()[0], key.problems()
            first = (await key.step(lambda shared: True))[1]
            assert inspect(key.place).last == first  # the header fits where it is
            await key.jump(10**12)
            assert (await key.step(lambda shared: len(shared.engine)))[0] == 5000
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            await key.step(lambda shared: True)
            await key.flush()
            assert key.durable and not key.problems(), key.problems()
            await key.close()
            key = FileStore(sys.argv[1]).key("k", "ns")
            await key.open(time.monotonic)
            assert len(key.seen.engine) == 5000 and key.seen.last > first + 10**12
            await key.close()
        asyncio.run(main())
        """
    done = forked.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------------------------- removed under a session


async def remove_everything(tmp_path: Path) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    tmp_path.rmdir()


@pytest.mark.parametrize("what", ["directory", "state file", "a lock file", "replaced by an old copy"])
async def test_removed_in_mid_run_the_state_is_made_anew_from_what_the_session_knows(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_leaks: Any
) -> None:
    where = tmp_path / "state"
    with no_leaks:
        key = await opened(FileStore(where))
        copy = state(where).read_bytes()
        await key.update(setting(touched=True, halted=True))
        await key.update(setting(level=7.0, level_at=1.0))
        await key.jump(HOUR)
        last = await draw(key)
        await key.acquire_turn()
        if what == "directory":
            await remove_everything(where)
        elif what == "a lock file":
            (where / "k.turn.lock").unlink()
        else:
            state(where).unlink()
            if what == "replaced by an old copy":
                state(where).write_bytes(copy)
        await key.flush()
        assert "removed or replaced" in key.problems()[0]
        assert key.durable
        await key.release_turn()
        # A newcomer now shares turn and nonces with the session that was there.
        other = await opened(FileStore(where))
        await key.acquire_turn()
        waiting = asyncio.create_task(other.acquire_turn())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        first, second = await draw(key), await draw(other)
        assert last < first < second
        await key.release_turn()
        await asyncio.wait_for(waiting, 20)
        assert await other.update(lambda shared: (shared.halted, shared.level)) == (True, 7.0)
        await key.close()
        await other.close()


@pytest.mark.parametrize("what", ["directory", "state file", "a lock file"])
def test_removed_under_a_source_the_state_is_made_anew(what: str, tmp_path: Path, no_leaks: Any) -> None:
    where = tmp_path / "state"
    with no_leaks:
        source = FileStore(where).reserve("k", "ns")
        _, stop = source.block(time.time_ns() + HOUR, 10)
        if what == "a lock file":
            (where / "k.nonce.lock").unlink()
        else:
            shutil.rmtree(where) if what == "directory" else state(where).unlink()
        start, stop = source.block(stop - 1, 10)
        assert min(ceilings(where)) >= stop - 1
        with pytest.raises(NonceStoreError, match="in use"):
            FileStore(where).reserve("k", "ns")
        source.close(start)
        assert start <= ceilings(where)[0] == ceilings(where)[1] < stop + 2 * SECOND


# ---------------------------------------------------------------------------------------------------- closing


async def test_closing_twice_and_on_any_path_leaves_nothing(tmp_path: Path, no_leaks: Any) -> None:
    async with no_leaks:
        one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
        await one.acquire_turn()
        waiting = asyncio.create_task(two.acquire_turn())
        await asyncio.sleep(0)
        await one.flush()
        await one.close()
        await one.close()
        await waiting
        await two.close()


async def test_opening_that_is_cancelled_leaves_nothing_and_locks_nobody_out(
    tmp_path: Path, no_leaks: Any
) -> None:
    async with no_leaks:
        for turns in range(12):
            opening = asyncio.create_task(opened(FileStore(tmp_path)))
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            result = (await asyncio.gather(opening, return_exceptions=True))[0]
            if not isinstance(result, BaseException):
                await result.close()
            await wait_for_threads()
    source = FileStore(tmp_path).reserve("k", "ns")
    source.close(0)


async def wait_for_threads() -> None:
    """Until the threads that work for nobody have let go."""
    while any(thread.name.startswith("kraken_async") for thread in threading.enumerate()):
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_opening_does_not_wait_for_ever_for_a_process_that_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_module, "OPEN_PATIENCE", 0.05)
    tmp_path.joinpath("k.disk.lock").touch()
    lock = FileLock(tmp_path / "k.disk.lock")
    lock.acquire()
    with pytest.raises(NonceStoreError, match=r"k\.state is being changed by another process"):
        await opened(FileStore(tmp_path))
    lock.close()
    await wait_for_threads()


async def test_closing_in_the_middle_of_a_raise_is_no_failure_of_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = await opened(FileStore(tmp_path))
    await draw(key)
    lock = FileLock(tmp_path / "k.disk.lock")
    lock.acquire()  # the raise waits here
    flush = asyncio.create_task(key.flush())
    await asyncio.sleep(0)
    flush.cancel()
    closing = asyncio.create_task(key.close())
    await asyncio.sleep(0)  # the turn's and the nonces' descriptors are closed
    lock.close()
    await closing
    await wait_for_threads()
    assert key.durable
    assert "cannot be written" not in caplog.text


# ------------------------------------------------------------------------------------------------------- fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_a_forked_child_is_refused_and_the_parents_turn_is_not_freed(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    await key.acquire_turn()
    other = await opened(FileStore(tmp_path))
    child = os.fork()
    if child == 0:
        refused = 0
        for use in (
            key.step(yes),
            key.acquire_turn(),
            key.update(yes),
            key.open(time.monotonic),
            key.flush(),
        ):
            try:
                use.send(None)
            except NonceStoreError as error:
                refused += "parent process" in str(error)
            except StopIteration:
                refused += 10
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 14  # flush never raises
    with contextlib.closing(turn_of(tmp_path)) as late:
        assert not late.try_acquire()
    assert await draw(key) < await draw(other)
    await key.release_turn()
    await asyncio.wait_for(other.acquire_turn(), 5)
    for one in (key, other):
        await one.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_a_child_that_outlives_its_parents_hold_does_not_keep_its_locks(tmp_path: Path) -> None:
    key = await opened(FileStore(tmp_path))
    await key.acquire_turn()
    read, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)  # lives on
        os._exit(0)
    await key.close()
    source = FileStore(tmp_path).reserve("k", "ns")
    source.close(0)
    os.write(write_end, b"x")
    os.waitpid(child, 0)
    os.close(read)
    os.close(write_end)


# ------------------------------------------------------------------------------------- what people are told


@pytest.mark.parametrize(
    ("kind", "mount", "said"),
    [
        ("tmpfs", "/", "will not outlive"),
        ("overlay", "/", "mount a volume"),
        ("nfs4", "/", "locks may not hold"),
        ("ext4", "/", ""),
        ("overlay", "/home", ""),
    ],
)
async def test_places_that_will_not_last_or_not_lock_are_warned_of(
    kind: str,
    mount: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(paths, "file_system", lambda path: (kind, mount))
    key = await opened(FileStore(tmp_path))
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == bool(said)
    assert said in "".join(key.problems())
    await key.close()


def test_the_file_system_under_a_path_is_found() -> None:
    if not Path("/proc/self/mounts").exists():
        pytest.skip("no such table here")
    assert paths.file_system(Path("/proc/self"))[0] == "proc"
    assert paths.file_system(Path("/dev/shm/not/there"))[0] == "tmpfs"
    assert paths.file_system(Path("/not-there"))[1] == "/"


def test_a_directory_that_others_may_write_is_told(tmp_path: Path) -> None:
    assert FileStore(tmp_path).problems() == ()
    tmp_path.chmod(0o777)
    assert "chmod go-w" in FileStore(tmp_path).problems()[0]


def test_a_directory_of_another_user_is_told_and_one_of_root_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path.stat()
    owner = 0

    def stat_with_owner(path: Path, **how: Any) -> os.stat_result:
        return os.stat_result((status.st_mode, *status[1:4], owner, *status[5:]))

    monkeypatch.setattr(Path, "stat", stat_with_owner)
    for user in (0, 4711):
        monkeypatch.setattr(os, "geteuid", lambda found=user: found)
        owner = 0
        assert FileStore(tmp_path).problems() == ()
        owner = 987_654  # a user without a name
        (problem,) = FileStore(tmp_path).problems()
        assert problem.startswith(
            f"{tmp_path} belongs to user 987654, who may replace the files in it: chown it"
        )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
async def test_a_session_in_a_directory_of_another_user_says_so_and_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where = tmp_path / "theirs"
    where.mkdir(mode=0o700)
    os.chown(where, 4711, 4711)
    key = await opened(FileStore(where))
    assert await draw(key) > 0
    (problem,) = coded(key.problems())
    assert (problem.code, problem.severity) == ("store-exposed", "warning")
    assert caplog.text.count("belongs to user 4711") == 1
    again = await opened(FileStore(where))
    await again.close()
    await key.close()


def test_without_a_directory_or_a_home_the_place_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert FileStore().directory == paths.default_directory()
    assert FileStore().problems() == ()
    monkeypatch.delenv("HOME")
    assert "HOME is not set" in FileStore().problems()[0]


async def test_inspect_shows_state_users_and_turn_without_touching_anything(tmp_path: Path) -> None:
    path = state(tmp_path)
    assert not inspect(path).exists
    one, two = await opened(FileStore(tmp_path)), await opened(FileStore(tmp_path))
    await one.update(setting(touched=True, halted=True))
    last = await draw(one)
    await one.acquire_turn()
    waiting = asyncio.create_task(two.acquire_turn())
    while not inspect(path).waiting:
        await asyncio.sleep(0)
    before = path.read_bytes()
    view = inspect(path)
    assert path.read_bytes() == before
    assert (view.exists, view.error, view.unit, view.last, view.damaged) == (True, "", "ns", last, ())
    assert view.ceiling == max(ceilings(tmp_path))
    assert view.shared is not None
    assert view.shared.halted
    assert -1 < view.lead <= 0
    if Path("/proc/locks").exists():
        me = os.getpid()
        assert (view.users, view.turn, view.waiting) == ((me,), me, (me,))
        assert not view.exclusive
    await one.close()
    await waiting
    await two.close()
    assert inspect(path).users == ()
    flip(120)(path)
    assert inspect(path).damaged[0].startswith("slot A: ")
    path.write_bytes(b"")
    assert inspect(path).error == "holds no readable nonce state"


def test_slots_and_headers_survive_the_round_trip_and_nothing_else_passes() -> None:
    slot = Slot("us", 2**63 + 5, 7)
    assert unpack_slot(pack_slot(slot)) == slot
    assert len(pack_slot(Slot("ns", MAX_NONCE, 10**18))) == 512
    header = recovery.make_header(Shared(last=MAX_NONCE, level=None), MAX_NONCE, SlowFields(1, 2, 3), 4, 5.0)
    packed = layout.pack_header(header)
    assert len(packed) == HEADER_SIZE
    read = unpack_header(packed)
    assert read is not None
    assert math.isnan(read.level)
    assert read._replace(level=0.0) == header._replace(level=0.0)
    for at in range(HEADER_SIZE):
        assert unpack_header(packed[:at] + bytes([packed[at] ^ 4]) + packed[at + 1 :]) is None
    line = pack_slot(slot)
    used = len(line.rstrip())
    for at in range(used):
        assert unpack_slot(line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]) != slot


async def test_a_session_that_was_forgotten_keeps_no_lock_once_it_is_collected(tmp_path: Path) -> None:
    other = await opened(FileStore(tmp_path))

    async def forget() -> None:
        key = await opened(FileStore(tmp_path))
        await other.acquire_turn()
        asking = asyncio.create_task(key.acquire_turn())  # with the helper thread, too
        await asyncio.sleep(0)
        await other.release_turn()
        await asking

    await forget()
    gc.collect()
    await asyncio.wait_for(other.acquire_turn(), 5)
    await other.close()
    assert len(set(ceilings(tmp_path))) == 1  # it was the last user
    await wait_for_threads()


def test_emulated_locks_do_what_flock_does(tmp_path: Path) -> None:
    """On systems without flock. The same sequence is played on both."""
    import fcntl

    (tmp_path / "file").touch()

    def play(flock: Callable[[int, int], None]) -> list[bool]:
        one, two = (os.open(tmp_path / "file", os.O_RDWR) for _ in range(2))
        results = []
        for fd, operation in [
            (one, LOCK_EX),
            (one, LOCK_EX),
            (two, LOCK_EX),
            (two, LOCK_SH),
            (one, LOCK_SH),
            (two, LOCK_SH),
            (two, LOCK_EX),
            (one, LOCK_UN),
            (one, LOCK_UN),
            (two, LOCK_EX),
            (one, LOCK_SH),
            (two, LOCK_UN),
            (one, LOCK_SH),
        ]:
            try:
                flock(fd, operation | (LOCK_NB if operation != LOCK_UN else 0))
                results.append(True)
            except BlockingIOError:
                results.append(False)
        flock(one, LOCK_EX)
        waiter = threading.Thread(target=flock, args=(two, LOCK_EX))
        waiter.start()
        waiter.join(0.01)
        results.append(waiter.is_alive())
        flock(one, LOCK_UN)
        waiter.join(20)
        results.append(waiter.is_alive())
        flock(two, LOCK_UN)
        for fd in (one, two):
            os.close(fd)
        with pytest.raises(ValueError, match="negative"):
            flock(-1, LOCK_EX)
        return results

    from kraken_async.system.emulated_flock import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, EmulatedLocks

    assert play(EmulatedLocks().flock) == play(fcntl.flock)
