"""The bytes of a state file: two releases must mean the same by them, and what is damaged must be seen to be."""

from __future__ import annotations

import json
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from kraken_async.stores.base import MAX_NONCE, UNITS, Shared, new_ceiling, next_nonce
from kraken_async.stores.file import layout, recovery
from kraken_async.stores.file.layout import (
    HEADER_MAGIC,
    HEADER_SIZE,
    Damaged,
    Header,
    Slot,
    SlowFields,
    TooNew,
    Trailer,
    pack_header,
    pack_slot,
    unpack_header,
    unpack_slot,
    unpack_slow_fields,
    unpack_trailer,
)
from kraken_async.system.paths import boot_id

BODY = {
    "magic": "kraken_async nonce state",
    "version": 1,
    "min_reader": 1,
    "unit": "us",
    "ceiling": 17,
    "seq": 3,
}


def line(**changes: Any) -> bytes:
    """A slot whose checksum fits, whatever else it says."""
    body = {**BODY, **changes}
    crc = f"{zlib.crc32(json.dumps(body, sort_keys=True).encode()):08x}"
    return json.dumps({**body, "crc": crc}).encode()


def test_the_parts_of_a_file_stand_where_the_table_says() -> None:
    assert layout.SLOT_AT == {"A": 0, "B": 4096}
    assert layout.SLOT_SIZE == 512
    assert (layout.HEADER_AT, layout.TRAILER_AT, layout.REST_AT) == (8192, 8284, 12288)
    assert layout.TRAILER_AT == layout.HEADER_AT + layout.HEADER_SIZE
    assert layout.TRAILER_SIZE == 64


def test_a_nonce_is_one_of_64_bits_in_one_of_three_units() -> None:
    assert UNITS == {"ns": 1, "us": 1000, "ms": 1_000_000}
    assert MAX_NONCE == 18446744073709551615


def test_a_slot_is_one_padded_line_of_a_sector() -> None:
    packed = pack_slot(Slot("us", 17, 3))
    assert len(packed) == 512
    assert packed.endswith(b" \n")
    assert packed.rstrip() == line()


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (line(), Slot("us", 17, 3)),
        (line() + b"\nanother line", Slot("us", 17, 3)),
        (line(ceiling=0), Slot("us", 0, 3)),
        (line(ceiling=MAX_NONCE), Slot("us", MAX_NONCE, 3)),
        (line(version=2), Slot("us", 17, 3)),  # a later release that we may read
        (line(version=2, min_reader=2), TooNew(2, 2)),
        (b"", Damaged("empty")),
        (bytes(512), Damaged("all zeros")),
        (b"\0" * 100 + line(), Damaged("no line of JSON")),
        (b"[]", Damaged("not written by kraken_async")),
        (b"{}", Damaged("not written by kraken_async")),
        (line(magic="another"), Damaged("not written by kraken_async")),
        (json.dumps(BODY).encode(), Damaged("checksum does not match")),
        (line(version=None), Damaged("no version")),
        (line(min_reader="1"), Damaged("no version")),
        (line(unit="s"), Damaged("no unit or sequence number")),
        (line(seq=None), Damaged("no unit or sequence number")),
        (line(ceiling=-1), Damaged("no ceiling")),
        (line(ceiling=MAX_NONCE + 1), Damaged("no ceiling")),
        (line(ceiling=17.0), Damaged("no ceiling")),
    ],
)
def test_a_slot_is_read_or_said_to_be_damaged(raw: bytes, read: object) -> None:
    assert unpack_slot(raw) == read


def test_a_trailer_that_is_torn_or_missing_is_one_of_zeros() -> None:
    body = layout.pack_trailer_front(5, 1.5, layout.pack_trailer_end(4711, b"host"))
    packed = body + struct.pack("<I", zlib.crc32(body))
    assert unpack_trailer(packed) == Trailer(5, 1.5, 4711, b"host")
    for raw in (b"", packed[:-1], packed + b"\0", *(flipped(packed, at) for at in range(len(packed)))):
        assert unpack_trailer(raw) == Trailer()


def test_a_step_packs_header_and_trailer_as_other_releases_read_them() -> None:
    end = layout.pack_header_end(b"bootboot", 12800, 7, 99)
    header = layout.pack_header_front(HEADER_MAGIC, 3, 41, 50, 1.5, 2.5, 3.5, 4.5, end)
    trailer = layout.pack_trailer_front(5, 6.5, layout.pack_trailer_end(4711, b"host"))
    raw = layout.pack_both(header, zlib.crc32(header), trailer, zlib.crc32(trailer))
    known = Header(3, 41, 50, 1.5, 2.5, 3.5, 4.5, b"bootboot", 12800, 7, 99)
    assert raw[:HEADER_SIZE] == pack_header(known)
    assert unpack_header(raw[:HEADER_SIZE]) == known
    assert unpack_trailer(raw[HEADER_SIZE:]) == Trailer(5, 6.5, 4711, b"host")
    assert len(raw) == layout.BOTH_SIZE == HEADER_SIZE + layout.TRAILER_SIZE == 156


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :]


def test_slow_fields_never_go_over_those_that_count_and_begin_at_a_sector() -> None:
    first = SlowFields().place(b"x" * 600)
    assert (first.at, first.size) == (12288, 600)
    second = first.place(b"y" * 100)
    assert second.at == 12288 + 1024  # behind the first, which counts until the header says otherwise
    third = second.place(b"z" * 1024)
    assert third.at == 12288  # before the second: it just fits
    assert second.place(b"z" * 1025).at == 12288 + 1024 + 512
    assert SlowFields(12288, 512, 0).place(b"x").at == 12288 + 512


def test_slow_fields_are_read_whole_or_not_at_all() -> None:
    data = layout.pack_slow_fields({"pauses": 2})
    rest = SlowFields().place(data)
    assert unpack_slow_fields(data, rest) == {"pauses": 2}
    assert unpack_slow_fields(b"", SlowFields()) == {}
    assert unpack_slow_fields(data[:-1], rest) is None
    assert unpack_slow_fields(data + b" ", rest) is None
    assert unpack_slow_fields(flipped(data, 3), rest) is None
    for other in (b"[1]", b"nonsense"):
        assert unpack_slow_fields(other, SlowFields().place(other)) is None


# ------------------------------------------------------------------ where to start


def header_of(shared: Shared, **changes: Any) -> layout.Header:
    return recovery.make_header(shared, 500, SlowFields(), 7, 100.0)._replace(**changes)


@pytest.mark.parametrize(
    ("mono", "now", "gone", "other_boot", "shift"),
    [
        (100.0, 100.0, 0.0, False, 0.0),
        (100.0, 160.0, 60.0, False, 0.0),
        (100.0, 99.0, 5.0, False, -6.0),  # this boot cannot have written it: its clock was not there yet
        (100.0, 10.0, 300.0, True, -390.0),  # 300 s have gone, and the clock shows 10: it was written at -290
        (100.0, 10.0, -50.0, True, -90.0),  # a wall clock gone backward: no time has passed
    ],
)
def test_times_of_another_boot_are_moved_by_the_wall_clock(
    mono: float, now: float, gone: float, other_boot: bool, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 5_000.0 + gone)
    boot = bytes(len(boot_id())) if other_boot else boot_id()
    header = header_of(Shared(), mono=mono, wall=5_000.0, boot=boot)
    assert recovery.time_shift(header, now) == pytest.approx(shift)


def whole(header: bytes, rest: bytes = b"", *, ceiling: int = 500) -> bytes:
    raw = bytearray(layout.REST_AT)
    for at in layout.SLOT_AT.values():
        raw[at : at + layout.SLOT_SIZE] = pack_slot(Slot("ns", ceiling, 3))
    raw[layout.HEADER_AT : layout.HEADER_AT + len(header)] = header
    return bytes(raw) + rest


def recovered(raw: bytes, *, created: bool = False) -> tuple[Shared, bool, list[str]]:
    slots, said = recovery.judge(Path("k.state"), raw, "ns")
    assert said == []
    shared, header, more = recovery.recover(Path("k.state"), raw, slots, 100.0, created=created)
    return shared, header is not None, more


def test_a_start_is_above_the_ceiling_and_above_the_last_nonce() -> None:
    assert recovered(whole(layout.pack_header(header_of(Shared(last=300)))))[0].last == 500
    assert recovered(whole(layout.pack_header(header_of(Shared(last=900)))))[0].last == 900
    assert recovered(whole(b""))[0].last == 500
    fresh = recovered(whole(layout.pack_header(header_of(Shared()))), created=True)
    assert fresh[0].last == 0  # nothing was handed out of what was just made


def test_a_counter_and_the_slow_fields_are_taken_over_or_said_to_be_unknown() -> None:
    data = layout.pack_slow_fields({**Shared().slow_fields(), "pauses": 4})
    rest = SlowFields().place(data)
    shared = Shared(last=900, level=2.5, level_at=90.0)
    packed = layout.pack_header(
        header_of(shared, rest_at=rest.at, rest_size=rest.size, rest_crc=rest.crc, mono=100.0)
    )
    found, known, said = recovered(whole(packed, data))
    assert (found.level, found.level_at, found.pauses, known, said) == (2.5, 90.0, 4, True, [])
    found, known, said = recovered(whole(packed, flipped(data, 5)))
    assert (found.level, found.pauses, known) == (2.5, 0, True)
    assert "pauses and orders were damaged" in said[0]
    found, known, said = recovered(whole(flipped(packed, 5), data))
    assert (found.level, found.pauses, known) == (None, 0, False)
    assert "the counters were damaged" in said[0]
    unknown = layout.pack_header(header_of(Shared(last=900, level=None)))
    assert recovered(whole(unknown))[0].level is None


# ------------------------------------------------------------------ how far is reserved


@pytest.mark.parametrize(
    ("unit", "window", "ahead"), [("ns", 2 * 10**9, 10**6), ("us", 2 * 10**6, 1000), ("ms", 2000, 100)]
)
def test_two_seconds_of_the_clock_are_reserved_or_a_millisecond_of_nonces(
    unit: str, window: int, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    now = 10**18 // UNITS[unit]
    assert new_ceiling(0, unit) == now + window
    assert new_ceiling(now + window, unit) == now + window + ahead
    assert new_ceiling(MAX_NONCE - 1, unit) == MAX_NONCE


def test_a_nonce_is_the_clock_or_one_above_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1000)
    assert [next_nonce(last, "ns") for last in (0, 999, 1000, 1001)] == [1000, 1000, 1001, 1002]
