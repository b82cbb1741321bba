"""Looking at a key's state without holding or changing anything: for the command line and for people."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kraken_async.stores.base import UNITS, Shared
from kraken_async.stores.file.layout import (
    HEADER_AT,
    HEADER_SIZE,
    SLOT_AT,
    SLOT_SIZE,
    Damaged,
    Slot,
    TooNew,
    unpack_header,
    unpack_slot,
    unpack_slow_fields,
)
from kraken_async.stores.file.recovery import slow_fields_of, take_level
from kraken_async.system.flock import Holder, lock_holders
from kraken_async.system.paths import place_problems

#: A read may fall into a write, as nothing is locked: then it is done again.
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class StateInspection:
    """A state file as it was in one moment.

    Process ids as /proc/locks tells them; empty where it does not.
    """

    path: Path
    exists: bool
    error: str = ""  # why nothing can be said, or the file not be used
    newer: bool = False  # a newer release wrote it
    unit: str = "ns"
    ceiling: int = 0  # durable: the next start is above it, unless the last user gives it back
    last: int = 0  # the highest nonce handed out, or the ceiling where that is not known
    seq: int = 0  # how often the ceiling was written
    damaged: tuple[str, ...] = ()  # "slot A: checksum does not match"
    shared: Shared | None = None  # counters and pauses; None when they cannot be read
    users: tuple[int, ...] = ()  # processes with a session, or a NonceSource, on it
    exclusive: bool = False  # a NonceSource has it for itself
    turn: int | None = None  # the process that holds the turn
    waiting: tuple[int, ...] = ()  # processes that wait for the turn
    problems: tuple[str, ...] = ()  # of the place

    @property
    def lead(self) -> float:
        """Seconds by which the last nonce is ahead of the clock; negative when it is behind."""
        return (self.last * UNITS[self.unit] - time.time_ns()) / 1e9


def inspect(path: str | Path) -> StateInspection:
    """Return what a state file says, who uses it, and whether its place will last. Never raises OSError."""
    path = Path(path)
    problems = place_problems(path.parent, chosen=True)
    for _ in range(_ATTEMPTS):
        try:
            raw = path.read_bytes()
            status = path.stat()
        except FileNotFoundError:
            return StateInspection(path, exists=False, error="there is no such state file", problems=problems)
        except OSError as error:
            return StateInspection(
                path, exists=True, error=f"cannot be read: {error.strerror}", problems=problems
            )
        view = _read(path, raw, status, problems)
        if view.shared is not None:
            break
    return view


def _read(path: Path, raw: bytes, status: os.stat_result, problems: tuple[str, ...]) -> StateInspection:
    found = {name: unpack_slot(raw[at : at + SLOT_SIZE]) for name, at in SLOT_AT.items()}
    slots = [slot for slot in found.values() if isinstance(slot, Slot)]
    error = "" if slots else "holds no readable nonce state"
    newer = any(isinstance(slot, TooNew) for slot in found.values())
    if newer:
        error = "was written by a newer release"
    ceiling = max((slot.ceiling for slot in slots), default=0)
    shared = _shared(raw)
    users = [holder for holder in lock_holders(status) if not holder.waiting]
    turn, waiting = _turn(path)
    return StateInspection(
        path,
        exists=True,
        error=error,
        newer=newer,
        unit=min((slot.unit for slot in slots), key=lambda unit: UNITS[unit], default="ns"),
        ceiling=ceiling,
        last=shared.last if shared is not None else ceiling,
        seq=max((slot.seq for slot in slots), default=0),
        damaged=tuple(
            f"slot {name}: {slot.why}" for name, slot in found.items() if isinstance(slot, Damaged)
        ),
        shared=shared,
        users=_pids(users),
        exclusive=any(holder.exclusive for holder in users),
        turn=turn,
        waiting=waiting,
        problems=problems,
    )


def _shared(raw: bytes) -> Shared | None:
    header = unpack_header(raw[HEADER_AT : HEADER_AT + HEADER_SIZE])
    if header is None:
        return None
    rest = slow_fields_of(header)
    slow_fields = unpack_slow_fields(raw[rest.at : rest.at + rest.size], rest)
    if slow_fields is None:
        return None
    shared = Shared(last=header.last)
    take_level(shared, header)
    shared.read_seldom(slow_fields)
    return shared


def _turn(path: Path) -> tuple[int | None, tuple[int, ...]]:
    holders: list[Holder] = []
    for kind in ("turn", "next"):
        try:
            holders += lock_holders(path.with_name(f"{path.stem}.{kind}.lock").stat())
        except OSError:
            continue
    holding = [holder.pid for holder in holders if not holder.waiting]
    return (holding[0] if holding else None), _pids([holder for holder in holders if holder.waiting])


def _pids(holders: list[Holder]) -> tuple[int, ...]:
    return tuple(sorted({holder.pid for holder in holders}))
