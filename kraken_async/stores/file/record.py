"""The shared state as one session sees it: read from the header and the rest of its file, written back there.

On the path of each call, so system calls are bound once and the header is packed without objects in between.
Everything here happens under the key's nonce lock.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final

from kraken_async.stores.base import new_ceiling
from kraken_async.stores.file import layout
from kraken_async.stores.file.floors import Floors, floors_path
from kraken_async.stores.file.layout import (
    HEADER_AT,
    HEADER_MAGIC,
    HEADER_SIZE,
    SLOT_AT,
    SLOT_SIZE,
    TRAILER_SIZE,
    Slot,
    SlowFields,
    Trailer,
    crc32,
    pack_crc,
    pack_fields,
    pack_slow_fields,
    pack_trailer_fields,
    step_done,
    unpack_header,
    unpack_slot,
    unpack_slow_fields,
    unpack_trailer,
)
from kraken_async.stores.file.recovery import slow_fields_of, take_level
from kraken_async.stores.file.side_files import RecalledFile
from kraken_async.system.paths import boot_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.stores.base import Shared
    from kraken_async.stores.file.recovery import Found
    from kraken_async.stores.file.state_file import StateFile

_NAN: Final = float("nan")
_BOTH: Final = HEADER_SIZE + TRAILER_SIZE
_PEEKS: Final = 5


class Record:
    """The state in a session's file."""

    __slots__ = (
        "_boot",
        "_clock",
        "_host",
        "_pid",
        "_pread",
        "_pwrite",
        "_raw",
        "_recalled",
        "_rest",
        "_rest_known",
        "_unit",
        "ceiling",
        "fd",
        "floors",
        "generation",
        "shared",
        "trailer",
        "turn_at",
    )

    def __init__(self, file: StateFile, found: Found, clock: Callable[[], float]) -> None:
        disk = file.disk
        self.fd: int = file.fd
        self._unit = file.unit
        self.shared: Shared = found.shared
        self.ceiling: int = found.ceiling  # durable: no nonce above it, as long as the disk works
        self.generation: int = 0
        self._clock = clock
        self._pread, self._pwrite = disk.pread, disk.pwrite
        self._boot = boot_id()
        self._raw = b""  # the header as last seen in the file or put there
        self._rest = SlowFields()
        self._rest_known = False
        self.floors: Floors = Floors(floors_path(file.path), disk)
        self._recalled = RecalledFile(file.path.with_suffix(".recalled"), disk)
        self._pid, self._host = os.getpid(), socket.gethostname().encode()[:40]
        self.trailer: Trailer = unpack_trailer(self._pread(self.fd, TRAILER_SIZE, HEADER_AT + HEADER_SIZE))
        self.shared.recalled.total = self.trailer.recalled  # what was cancelled before names no order of ours
        self.turn_at: float = self.trailer.turn_at

    def close(self) -> None:
        """Close what was opened beside the state file, which is not closed here."""
        self._recalled.close()
        self.floors.close()

    def is_current(self) -> bool:
        """Return whether nothing was written since, but for floors; False also where that cannot be read."""
        try:
            return self._pread(self.fd, _BOTH, HEADER_AT) == self._raw
        except OSError:
            return False

    def load(self) -> str | None:
        """Take over what others have written since, and the floors.

        Returns a sentence about damage, None when all is well.
        """
        raw = self._pread(self.fd, _BOTH, HEADER_AT)
        said = None if raw == self._raw else self._absorb(raw)
        self.overtaken()
        return said

    def overtaken(self) -> bool:
        """Return whether a nonce as high as our last was taken without the nonce lock; then ``last`` is that one."""
        floors, shared = self.floors, self.shared
        if not self._pread(floors.fd, 1, floors.at):
            return False
        before, shared.last = shared.last, max(shared.last, floors.read())
        return floors.highest >= before

    def peek(self) -> Shared:
        """Return the state as it is, read without the nonce lock: for who may not wait for it."""
        for _ in range(_PEEKS):
            header = unpack_header(self._pread(self.fd, HEADER_SIZE, HEADER_AT))
            if header is not None:  # else it was read in the middle of a write
                self.shared.last = max(self.shared.last, header.last)
                self.ceiling = max(self.ceiling, header.ceiling)
                break
        self.overtaken()
        return self.shared.copy()

    def peek_turn(self) -> float:
        """Return when any session last took a nonce with the turn, read without the nonce lock."""
        trailer = unpack_trailer(self._pread(self.fd, TRAILER_SIZE, HEADER_AT + HEADER_SIZE))
        if trailer.pid:  # else it was read in the middle of a write
            self.trailer = trailer
        return self.trailer.turn_at

    def forget(self) -> None:
        """Half a change may be in memory: what the file says counts."""
        self._raw = b""
        self._rest_known = False

    def _absorb(self, raw: bytes) -> str | None:
        header = unpack_header(raw[:HEADER_SIZE])
        if header is None:
            return self._start_above(raw)
        shared = self.shared
        # Not below what this session knows: the file is older when a write of ours has failed.
        shared.last = max(shared.last, header.last)
        take_level(shared, header)
        # What this session has made durable counts also when the others could not be told.
        self.ceiling = max(self.ceiling, header.ceiling)
        self.generation = header.generation
        self._raw = raw
        self.trailer = trailer = unpack_trailer(raw[HEADER_SIZE:])
        self.turn_at = trailer.turn_at
        if trailer.recalled != shared.recalled.total:
            self._recalled.read(shared.recalled, trailer.recalled, self._clock())
        rest = slow_fields_of(header)
        if self._rest_known and rest == self._rest:
            return None
        self._rest, self._rest_known = rest, True
        slow_fields = unpack_slow_fields(self._pread(self.fd, rest.size, rest.at) if rest.size else b"", rest)
        if slow_fields is None:
            shared.mark_changed()  # what we last knew is better than nothing, and is written with the next step
            return "pauses and orders were damaged; this session goes on with what it knew"
        shared.read_seldom(slow_fields)
        shared.changed = False
        return None

    def _start_above(self, raw: bytes) -> str:
        """Go on above every ceiling, with the call counter unknown: the header was damaged under us."""
        shared = self.shared
        slots = [unpack_slot(self._pread(self.fd, SLOT_SIZE, at)) for at in SLOT_AT.values()]
        ceilings = [slot.ceiling for slot in slots if isinstance(slot, Slot)]
        # Without a slot either, only the rule by which the others reserve is left to go by.
        shared.last = max(shared.last, self.ceiling, *(ceilings or [new_ceiling(shared.last, self._unit)]))
        shared.level = None
        shared.mark_changed()
        self.ceiling = (
            0  # a new one is made durable before the next nonce, and with it the slots are repaired
        )
        self._raw, self._rest_known = raw, True
        return (
            "the header was damaged in mid-run; nonces go on above the ceiling, the call counter is unknown"
        )

    def save(self) -> OSError | None:
        """Write the state back. An error is returned: it is kept in memory, and the next attempt writes it all."""
        shared = self.shared
        failure: OSError | None = None
        if shared.changed:
            try:
                self._save_rest()
            except OSError as error:
                failure = error  # the header fits where it is, and has the last nonce
        recalled = shared.recalled
        if recalled.new:
            try:
                self._recalled.write(recalled, recalled.total)
            except OSError as error:
                failure = error  # kept in memory, and written with the next step
        rest = self._rest
        level = shared.level
        self.generation += 1
        packed = pack_fields(
            HEADER_MAGIC,
            self.generation,
            shared.last,
            self.ceiling,
            _NAN if level is None else level,
            shared.level_at,
            self._clock(),
            time.time(),
            self._boot,
            rest.at,
            rest.size,
            rest.crc,
        )
        behind = pack_trailer_fields(recalled.total, self.turn_at, self._pid, self._host)
        raw = packed + pack_crc(crc32(packed)) + behind + pack_crc(crc32(behind))
        try:
            if self._pwrite(self.fd, raw, HEADER_AT) != _BOTH:
                return OSError(None, "the header was written in part")
        except OSError as error:
            return error
        self._raw = raw
        if layout.fault is not None:
            step_done("header written")
        return failure

    def _save_rest(self) -> None:
        # Beside the one that counts, which the header still points to if we are killed now.
        data = pack_slow_fields(self.shared.slow_fields())
        rest = self._rest.place(data)
        if self._pwrite(self.fd, data, rest.at) != len(data):
            raise OSError(None, "the state was written in part")
        step_done("rest written")
        self._rest, self._rest_known = rest, True
        self.shared.changed = False
