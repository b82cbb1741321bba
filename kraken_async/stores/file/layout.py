"""The bytes of a state file, and the few system calls that touch them.

A state file has four parts:

====== ============ =========================================================================================
offset what         how it is written
====== ============ =========================================================================================
0      slot A       the ceiling, one line of JSON with a checksum; written and *synced* before a nonce above
                    the old ceiling is used
4096   slot B       the same once more, written only after A is on the disk: a torn write hits one of them
8192   header       the last nonce and the call counter, binary; one small ``pwrite`` per nonce, never synced.
                    The page cache outlives a killed process; what a power cut takes, the ceiling covers
8284   trailer      who took the last nonce and when the turn last moved; written with the header. Release 0.1.0
                    neither reads nor writes it
12288  the rest     what slow_fields changes, as JSON, twice in turn; the header says which of the two counts
====== ============ =========================================================================================

Slots are readable by the release before and by people (``head -1``); they say which reader they need at least.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.stores.base import MAX_NONCE, UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC: Final = "kraken_async nonce state"
VERSION: Final = 1
MIN_READER: Final = 1  # the oldest release format that reads what we write

SLOT_SIZE: Final = 512  # one sector of any disk: the smallest thing that can be torn
SLOT_AT: Final = {"A": 0, "B": 4096}  # a page each, so that no write touches both
HEADER_AT: Final = 8192
REST_AT: Final = 12288

#: Set by crash tests: called with the name of each step of a durable change when that step is done.
fault: Callable[[str], None] | None = None


def step_done(name: str) -> None:
    """Mark a point at which a crash must do no harm. Costs one comparison when no one listens."""
    if fault is not None:
        fault(name)


# ---------------------------------------------------------------------------------------------------- slots


class Slot(NamedTuple):
    """A valid slot."""

    unit: str
    ceiling: int
    seq: int


class TooNew(NamedTuple):
    """A slot of a release whose files we must not touch."""

    version: int
    min_reader: int


class Damaged(NamedTuple):
    """A slot that cannot be used, and why."""

    why: str


def pack_slot(slot: Slot) -> bytes:
    """Return the slot as one padded line."""
    body = {
        "magic": MAGIC,
        "version": VERSION,
        "min_reader": MIN_READER,
        "unit": slot.unit,
        "ceiling": slot.ceiling,
        "seq": slot.seq,
    }
    line = json.dumps({**body, "crc": checksum(body)}).encode()
    return line.ljust(SLOT_SIZE - 1) + b"\n"


def unpack_slot(raw: bytes) -> Slot | TooNew | Damaged:
    """Read what :func:`pack_slot` wrote, by this release or another; never raises."""
    if not raw.strip(b"\0"):
        return Damaged("empty" if not raw else "all zeros")
    try:
        found = json.loads(raw.split(b"\n", 1)[0])
    except ValueError:
        return Damaged("no line of JSON")
    if not isinstance(found, dict) or found.get("magic") != MAGIC:
        return Damaged("not written by kraken_async")
    if found.pop("crc", None) != checksum(found):
        return Damaged("checksum does not match")
    version, min_reader = found.get("version"), found.get("min_reader")
    if not isinstance(version, int) or not isinstance(min_reader, int):
        return Damaged("no version")
    if min_reader > VERSION:
        return TooNew(version, min_reader)
    unit, ceiling, seq = found.get("unit"), found.get("ceiling"), found.get("seq")
    if unit not in UNITS or not isinstance(seq, int):
        return Damaged("no unit or sequence number")
    if not isinstance(ceiling, int) or not 0 <= ceiling <= MAX_NONCE:
        return Damaged("no ceiling")
    return Slot(unit, ceiling, seq)


def checksum(body: dict[str, Any]) -> str:
    """Return the sum that goes with a line of these fields."""
    return f"{zlib.crc32(json.dumps(body, sort_keys=True).encode()):08x}"


# --------------------------------------------------------------------------------------------------- header


class Header(NamedTuple):
    """The part that changes with each nonce.

    ``mono`` and ``wall`` are when it was written, by either clock.
    """

    generation: int
    last: int
    ceiling: int  # what the slots held, synced, when it was published
    level: float  # NaN: not known
    level_at: float
    mono: float
    wall: float
    boot: bytes  # of the boot whose monotonic clock the times are of
    rest_at: int
    rest_size: int
    rest_crc: int


_HEADER: Final = struct.Struct("<8sQQQdddd8sQII")
_CRC: Final = struct.Struct("<I")
HEADER_MAGIC: Final = b"kraken1\n"
HEADER_SIZE: Final = _HEADER.size + _CRC.size

crc32: Final = zlib.crc32


def pack_header(header: Header) -> bytes:
    """Return the header with its checksum; a step packs the same by hand, to save the object."""
    packed = _HEADER.pack(HEADER_MAGIC, *header)
    return packed + _CRC.pack(crc32(packed))


def unpack_header(raw: bytes) -> Header | None:
    """Read a header; None when it is torn, missing or another's."""
    if len(raw) != HEADER_SIZE or _CRC.unpack_from(raw, _HEADER.size)[0] != crc32(raw[: _HEADER.size]):
        return None
    magic, *fields = _HEADER.unpack_from(raw)
    return Header._make(fields) if magic == HEADER_MAGIC else None


# -------------------------------------------------------------------------------------------------- trailer


class Trailer(NamedTuple):
    """The part that is written with each header, behind it."""

    recalled: int = 0  # how many cancelled client ids were ever put on record
    turn_at: float = 0.0  # when a nonce was last taken by a holder of the turn (this boot's monotonic clock)
    pid: int = 0  # of the session that wrote the header, and its host
    host: bytes = b""


_TRAILER: Final = struct.Struct("<QdI40s")
TRAILER_AT: Final = HEADER_AT + HEADER_SIZE
TRAILER_SIZE: Final = _TRAILER.size + _CRC.size


def unpack_trailer(raw: bytes) -> Trailer:
    """Read a trailer; one of zeros when it is torn or missing."""
    if len(raw) != TRAILER_SIZE or _CRC.unpack_from(raw, _TRAILER.size)[0] != crc32(raw[: _TRAILER.size]):
        return Trailer()
    recalled, turn_at, pid, host = _TRAILER.unpack_from(raw)
    return Trailer(recalled, turn_at, pid, host.rstrip(b"\0"))


# ----------------------------------------------------------------------------------------- header and trailer

# What a step packs, without objects in between. What stays from step to step is packed once, as the end of each part.
_HEADER_END: Final = struct.Struct("<8sQII")
_TRAILER_END: Final = struct.Struct("<I40s")
_HEADER_FRONT: Final = struct.Struct(f"<8sQQQdddd{_HEADER_END.size}s")
_TRAILER_FRONT: Final = struct.Struct(f"<Qd{_TRAILER_END.size}s")
_BOTH: Final = struct.Struct(f"<{_HEADER.size}sI{_TRAILER.size}sI")
BOTH_SIZE: Final = _BOTH.size

pack_header_end: Final = _HEADER_END.pack
pack_trailer_end: Final = _TRAILER_END.pack
pack_header_front: Final = _HEADER_FRONT.pack
pack_trailer_front: Final = _TRAILER_FRONT.pack
pack_both: Final = _BOTH.pack


# ----------------------------------------------------------------------------------------------------- rest


class SlowFields(NamedTuple):
    """Where the slow fields lies and how to know it again."""

    at: int = REST_AT
    size: int = 0
    crc: int = 0

    def place(self, data: bytes) -> SlowFields:
        """Return where ``data`` goes next: never over the part that counts now, so that a crash keeps that one."""
        at = REST_AT
        if at + len(data) > self.at and self.size:
            at = -(-(self.at + self.size) // 512) * 512
        return SlowFields(at, len(data), crc32(data))


_JSON: Final = json.JSONEncoder(separators=(",", ":")).encode


def pack_slow_fields(data: dict[str, Any]) -> bytes:
    """Return the slow fields as JSON bytes."""
    return _JSON(data).encode()


def unpack_slow_fields(raw: bytes, rest: SlowFields) -> dict[str, Any] | None:
    """Return the slow fields, ``{}`` when there is none yet, None when it is damaged."""
    if not rest.size:
        return {}
    if len(raw) != rest.size or crc32(raw) != rest.crc:
        return None
    try:
        data = json.loads(raw)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
