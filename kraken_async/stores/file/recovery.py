"""Reading a state file's bytes: usable or not, and where to start. Pure, but for the clocks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import UNITS, Shared
from kraken_async.stores.file.layout import (
    HEADER_AT,
    HEADER_SIZE,
    SLOT_AT,
    SLOT_SIZE,
    Damaged,
    Header,
    Slot,
    SlowFields,
    TooNew,
    unpack_header,
    unpack_slot,
    unpack_slow_fields,
)
from kraken_async.system.paths import boot_id

if TYPE_CHECKING:
    from pathlib import Path

_NAN: Final = float("nan")


@dataclass(slots=True)
class Found:
    """The content of a state file when its user joined."""

    shared: Shared
    ceiling: int
    said: list[str] = field(default_factory=list)  # damage that was survived, in plain sentences


def judge(path: Path, raw: bytes, unit: str) -> tuple[list[Slot], list[str]]:
    """Return the valid slots and what is to be said of the others. Raises NonceStoreError with the cure.

    One valid slot is enough, whatever happened to the other: each held the ceiling before it was used. None
    is an error, though the header may be well: after a power cut it may be older than the last nonce.
    """
    found = {name: unpack_slot(raw[at : at + SLOT_SIZE]) for name, at in SLOT_AT.items()}
    for slot in found.values():
        if isinstance(slot, TooNew):
            raise NonceStoreError(
                f"nonce state {path} was written by a newer release (format {slot.version}, "
                f"for readers of {slot.min_reader} and above): upgrade kraken-async"
            )
    slots = [slot for slot in found.values() if isinstance(slot, Slot)]
    bad = [f"slot {name}: {slot.why}" for name, slot in found.items() if isinstance(slot, Damaged)]
    if not slots:
        raise NonceStoreError(
            f"{path} holds no readable nonce state ({'; '.join(bad)}). Move it away and start again: nonces "
            "then start at the clock; if that was set back since, go on with `kraken-async nonce jump`"
        )
    finest = finest_unit(slots)
    if UNITS[unit] > UNITS[finest]:
        raise NonceStoreError(
            f"nonce state {path}: the key has used nonces in {finest}; in {unit} all would be lower and be "
            f"refused. Use nonce_unit={finest!r}, or a new API key"
        )
    return slots, [
        f"nonce state {path} was damaged ({why}); the other slot is good, nothing is lost" for why in bad
    ]


def finest_unit(slots: list[Slot], *units: str) -> str:
    """Return the finest unit: once used, coarser ones are closed for good."""
    return min([*units, *(slot.unit for slot in slots)], key=lambda unit: UNITS[unit])


def recover(
    path: Path, raw: bytes, slots: list[Slot], now: float, *, created: bool
) -> tuple[Shared, Header | None, list[str]]:
    """Return the state above everything that was ever handed out, its header if that is well, and what to say."""
    said = []
    shared = Shared()
    if not created:
        shared.last = max(slot.ceiling for slot in slots)
    header = unpack_header(raw[HEADER_AT : HEADER_AT + HEADER_SIZE])
    if header is None:
        return shared, None, [f"nonce state {path}: the counters were damaged and are taken as unknown"]
    # Above the ceiling when the disk failed in mid-run and nonces went on.
    shared.last = max(shared.last, header.last)
    take_level(shared, header)
    rest = slow_fields_of(header)
    slow_fields = unpack_slow_fields(raw[rest.at : rest.at + rest.size], rest)
    if slow_fields is None:
        said.append(f"nonce state {path}: pauses and orders were damaged and are taken as unknown")
    else:
        shared.read_seldom(slow_fields)
    shared.shift(time_shift(header, now))
    return shared, header, said


def time_shift(header: Header, now: float) -> float:
    """Return what to add to times of another boot.

    A wall clock gone backward means that no time has passed.
    """
    if header.boot == boot_id() and header.mono <= now:
        return 0.0
    return now - max(0.0, time.time() - header.wall) - header.mono


def make_header(shared: Shared, ceiling: int, rest: SlowFields, generation: int, now: float) -> Header:
    """Return the header for a state."""
    return Header(
        generation=generation,
        last=shared.last,
        ceiling=ceiling,
        level=_NAN if shared.level is None else shared.level,
        level_at=shared.level_at,
        mono=now,
        wall=time.time(),
        boot=boot_id(),
        rest_at=rest.at,
        rest_size=rest.size,
        rest_crc=rest.crc,
    )


def take_level(shared: Shared, header: Header) -> None:
    """Take over the call counter; not-a-number stands for unknown."""
    shared.level = header.level if header.level == header.level else None
    shared.level_at = header.level_at


def slow_fields_of(header: Header) -> SlowFields:
    """Return where the slow fields lies."""
    return SlowFields(header.rest_at, header.rest_size, header.rest_crc)
