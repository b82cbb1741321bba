"""The files beside a state file: floors, cancelled ids, placed orders, and the line's counter; each as a file."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from pathlib import Path

import pytest

from kraken_async.stores.file import side_files
from kraken_async.stores.file.floors import SIZE, Floors
from kraken_async.stores.file.side_files import PlacedFile, RecalledFile
from kraken_async.stores.file.ticket_lock import Line, available
from kraken_async.stores.recalled import ENTRY, KEPT, Recalled
from kraken_async.system.durable import Disk

# ------------------------------------------------------------------ floors


def floors(tmp_path: Path, disk: Disk | None = None) -> Floors:
    return Floors(tmp_path / "k.floors", disk or Disk())


def test_the_first_floor_is_one_above_and_each_further_one_is_above_all(tmp_path: Path) -> None:
    one = floors(tmp_path)
    assert (one.highest, one.at) == (0, 0)
    assert one.publish(0) == 1
    assert (one.highest, one.at) == (1, SIZE)
    assert one.publish(500) == 501
    assert one.publish(0) == 502
    assert (tmp_path / "k.floors").stat().st_size == 3 * SIZE
    one.close()


def test_hundreds_of_floors_are_read_at_once(tmp_path: Path) -> None:
    one = floors(tmp_path)
    for number in range(600):
        assert one.publish(0) == number + 1
    two = floors(tmp_path)
    assert (two.highest, two.at) == (600, 600 * SIZE)
    for each in (one, two):
        each.close()


@pytest.mark.parametrize("torn", range(1, 9))
def test_what_is_torn_between_two_floors_hides_neither(torn: int, tmp_path: Path) -> None:
    one = floors(tmp_path)
    one.publish(100)
    with (tmp_path / "k.floors").open("ab") as file:
        file.write(b"x" * torn)
    assert one.publish(200) == 201
    two = floors(tmp_path)
    assert two.highest == 201
    assert two.at == 2 * SIZE + torn
    for each in (one, two):
        each.close()


@pytest.mark.parametrize("at", [0, 5, 13, SIZE - 1])
def test_a_floor_of_which_a_bit_has_changed_is_none(at: int, tmp_path: Path) -> None:
    one = floors(tmp_path)
    one.publish(100)
    path = tmp_path / "k.floors"
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    two = floors(tmp_path)
    assert two.highest == 0
    for each in (one, two):
        each.close()


def test_a_nonce_that_cannot_be_read_back_is_tried_fifty_times_at_random_distances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind(Disk):
        @staticmethod
        def pread(fd: int, size: int, offset: int) -> bytes:
            return b""

    bounds: list[tuple[int, int]] = []

    def farthest(least: int, most: int) -> int:
        bounds.append((least, most))
        return most

    monkeypatch.setattr(random, "randint", farthest)
    one = floors(tmp_path, Blind())
    with pytest.raises(OSError, match="could not be put on record"):
        one.publish(7)
    assert (tmp_path / "k.floors").stat().st_size == 50 * SIZE
    assert set(bounds) == {(1, 100)}
    one.close()


def test_a_nonce_of_which_a_part_was_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = floors(tmp_path)
    really_write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: really_write(fd, data[:-1]))
        with pytest.raises(OSError, match="could not be put on record"):
            one.publish(7)
    assert (tmp_path / "k.floors").stat().st_size == SIZE - 1  # it was tried once
    one.close()


# ------------------------------------------------------------------ cancelled ids


def noted(*names: str) -> Recalled:
    """What a session has cancelled and not written yet."""
    recalled = Recalled()
    for name in names:
        recalled.note(name, 100.0)
    return recalled


def test_a_ring_of_four_thousand_cancelled_ids_is_read_over_its_end(tmp_path: Path) -> None:
    file = RecalledFile(tmp_path / "k.recalled", Disk())
    assert KEPT == 4096
    assert file.write(noted(*(str(number) for number in range(KEPT - 5))), 0) == KEPT - 5
    known = Recalled()
    known.total = KEPT - 5
    assert file.write(noted(*(f"new {number}" for number in range(12))), KEPT - 5) == KEPT + 7
    assert (tmp_path / "k.recalled").stat().st_size == KEPT * ENTRY.size
    file.read(known, KEPT + 7, 50.0)
    assert known.total == KEPT + 7
    assert len(known) == 12
    assert all(known.names(f"new {number}", 100.0) for number in range(12))
    assert known.lost_at < 0
    file.close()


@pytest.mark.parametrize(
    ("missed", "lost", "known"),
    [(0, False, 0), (1, False, 1), (KEPT, False, KEPT), (KEPT + 1, True, 0), (-1, True, 0)],
)
def test_who_missed_more_than_the_ring_holds_knows_that_it_did(
    missed: int, lost: bool, known: int, tmp_path: Path
) -> None:
    file = RecalledFile(tmp_path / "k.recalled", Disk())
    total = file.write(noted(*(str(number) for number in range(KEPT + 100))), 0)
    session = Recalled()
    session.total = total - missed
    file.read(session, total, 50.0)
    assert session.total == total
    assert len(session) == known
    assert session.lost_at == (50.0 if lost else float("-inf"))
    file.close()


def test_entries_that_are_missing_in_the_file_are_doubt(tmp_path: Path) -> None:
    file = RecalledFile(tmp_path / "k.recalled", Disk())
    total = file.write(noted("a", "b", "c"), 0)
    os.truncate(tmp_path / "k.recalled", 2 * ENTRY.size + 3)
    session = Recalled()
    file.read(session, total, 50.0)
    assert [session.names(name, 100.0) for name in "abc"] == [True, True, False]
    assert session.lost_at == 50.0
    file.close()


def test_a_ring_that_cannot_be_read_is_doubt(tmp_path: Path) -> None:
    (tmp_path / "k.recalled").mkdir()
    session = Recalled()
    RecalledFile(tmp_path / "k.recalled", Disk()).read(session, 3, 50.0)
    assert session.lost_at == 50.0


def test_an_entry_is_the_digest_of_an_id_and_a_time() -> None:
    assert ENTRY.size == 24
    ((digest, at),) = noted("mine").new
    assert (len(digest), at) == (16, 100.0)


def test_what_is_known_is_forgotten_when_it_has_doubled() -> None:
    known = Recalled()
    for number in range(256):
        assert not known.crowded
        known.note(str(number), float(number))
    assert known.crowded
    known.forget(50.0)
    assert (len(known), known.crowded) == (206, False)
    for number in range(256, 256 + 412 - 206):
        assert not known.crowded
        known.note(str(number), float(number))
    assert known.crowded  # twice the 206 that were left
    known.shift(1000.0)
    assert known.names("50", 1050.0)
    assert not known.names("50", 1050.1)
    assert not known.names("49", 0.0)


# ------------------------------------------------------------------ placed orders


def placed(tmp_path: Path) -> PlacedFile:
    return PlacedFile(tmp_path / "k.placed", Disk())


def test_a_name_of_56_bytes_is_kept_and_a_longer_one_refused(tmp_path: Path) -> None:
    file = placed(tmp_path)
    file.append([])
    assert not (tmp_path / "k.placed").exists()
    file.append(["x" * 56])
    with pytest.raises(OSError, match="longer than 56 bytes"):
        file.append(["y" * 57])
    assert file.since(0.0) == ("x" * 56,)
    file.close()


def test_names_are_found_from_the_very_moment_of_their_placing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    file = placed(tmp_path)
    file.append(["O1", "O2"])
    assert file.since(1000.0) == ("O1", "O2")
    assert file.since(1000.1) == ()
    file.close()


def test_a_full_file_gives_way_to_the_next_and_is_kept_until_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_files, "PLACED_SIZE", 64 * 4)
    monkeypatch.setattr(side_files, "LOOK_EVERY", 1)
    one, two = placed(tmp_path), placed(tmp_path)
    for number in range(10):
        (one, two)[number % 2].append([f"O{number}"])
    assert (tmp_path / "k.placed").stat().st_size == 64 * 2
    assert (tmp_path / "k.placed.before").stat().st_size == 64 * 4
    assert one.since(0.0) == tuple(f"O{number}" for number in range(4, 10))
    for each in (one, two):
        each.close()


def test_a_file_holds_sixteen_thousand_names(tmp_path: Path) -> None:
    file = placed(tmp_path)
    for _ in range(16):
        file.append([f"O{number}" for number in range(1024)])
    for _ in range(240):
        file.append(["d"])
    assert (tmp_path / "k.placed").stat().st_size == 64 * (16384 + 240)  # not looked at in between
    file.append(["e"])
    assert (tmp_path / "k.placed").stat().st_size == 64
    assert len(file.since(0.0)) == 16384 + 241
    file.close()


def test_where_the_file_went_is_looked_at_every_256_names(tmp_path: Path) -> None:
    file = placed(tmp_path)
    path = tmp_path / "k.placed"
    for gone in ("first", "second"):
        file.append(["O"])
        path.rename(tmp_path / gone)
        appended = 0
        while not path.exists():
            file.append(["O"])
            appended += 1
        assert appended == (256 if gone == "first" else 255)
    file.close()


def test_names_of_which_a_part_was_written_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = placed(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: len(data) - 1)
        with pytest.raises(OSError, match="in part"):
            file.append(["O"])
    file.close()


# ------------------------------------------------------------------ the line

needs_line = pytest.mark.skipif(not available, reason="no such locks here")


@needs_line
def test_numbers_are_drawn_one_after_the_other_and_the_next_stands_in_the_file(tmp_path: Path) -> None:
    lines = [Line(tmp_path / "k.line.lock") for _ in range(3)]
    assert [line.draw() for line in lines] == [1, 2, 3]
    assert struct.unpack("<Q", (tmp_path / "k.line.lock").read_bytes()) == (4,)
    for line in lines:
        line.close()


@needs_line
@pytest.mark.parametrize(
    ("raw", "drawn"),
    [
        (b"", 1),
        (bytes(7), 1),
        (bytes(8), 1),
        (struct.pack("<Q", 1), 1),
        (struct.pack("<Q", 5), 5),
        (struct.pack("<Q", 2**62 - 1), 2**62 - 1),
        (struct.pack("<Q", 2**62), 1),
        (struct.pack("<Q", 2**64 - 1), 1),
    ],
)
def test_a_counter_that_makes_no_number_begins_again(raw: bytes, drawn: int, tmp_path: Path) -> None:
    (tmp_path / "k.line.lock").write_bytes(raw)
    line = Line(tmp_path / "k.line.lock")
    assert line.draw() == drawn
    line.close()


@needs_line
def test_the_second_in_line_waits_until_the_first_has_left(tmp_path: Path) -> None:
    first, second = (Line(tmp_path / "k.line.lock") for _ in range(2))
    numbers = first.draw(), second.draw()
    first.wait(numbers[0])  # at the head
    waiting = threading.Thread(target=second.wait, args=(numbers[1],), daemon=True)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    first.leave(numbers[0])
    waiting.join(20)
    assert not waiting.is_alive()
    for line in (first, second):
        line.close()
