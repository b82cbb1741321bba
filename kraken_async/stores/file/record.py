"""The shared state as one session sees it: read from the header and the rest of its file, written back there.

On the path of each call, so system calls are bound once and the header is packed without objects in between.
Everything here happens under the key's nonce lock.
"""

from __future__ import annotations

import math
import os
import socket
import time
from typing import TYPE_CHECKING, Final

from kraken_async.stores.base import new_ceiling
from kraken_async.stores.file import layout
from kraken_async.stores.file.floors import Floors, floors_path
from kraken_async.stores.file.layout import (
    BOTH_SIZE,
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
    pack_both,
    pack_header_end,
    pack_header_front,
    pack_slow_fields,
    pack_trailer_end,
    pack_trailer_front,
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
_PEEKS: Final = 5


class Record:
    """The state in a session's file."""

    __slots__ = (
        "_boot",
        "_clock",
        "_header_end",
        "_pread",
        "_pwrite",
        "_raw",
        "_recalled",
        "_rest",
        "_rest_known",
        "_trailer_end",
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
        self._header_end = pack_header_end(self._boot, *self._rest)
        self.floors: Floors = Floors(floors_path(file.path), disk)
        self._recalled = RecalledFile(file.path.with_suffix(".recalled"), disk)
        self._trailer_end = pack_trailer_end(os.getpid(), socket.gethostname().encode()[:40])
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
            return self._pread(self.fd, BOTH_SIZE, HEADER_AT) == self._raw
        except OSError:
            return False

    def load(self) -> str | None:
        """Take over what others have written since, and the floors.

        Returns a sentence about damage, None when all is well.
        """
        raw = self._pread(self.fd, BOTH_SIZE, HEADER_AT)
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
        self._know_rest(rest)
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

    def save(self, *, turn: bool = False) -> OSError | None:
        """Write the state back. An error is returned: it is kept in memory, and the next attempt writes it all.

        ``turn``: a holder of the turn takes a nonce, so the turn moves.
        """
        shared = self.shared
        recalled = shared.recalled
        failure = self._save_seldom(shared) if shared.changed or recalled.new else None
        level, now = shared.level, self._clock()
        if turn:
            self.turn_at = now
        self.generation += 1
        header = pack_header_front(
            HEADER_MAGIC,
            self.generation,
            shared.last,
            self.ceiling,
            _NAN if level is None else level,
            shared.level_at,
            now,
            time.time(),
            self._header_end,
        )
        trailer = pack_trailer_front(recalled.total, self.turn_at, self._trailer_end)
        raw = pack_both(header, crc32(header), trailer, crc32(trailer))
        try:
            if self._pwrite(self.fd, raw, HEADER_AT) != BOTH_SIZE:
                return OSError(None, "the header was written in part")
        except OSError as error:
            return error
        self._raw = raw
        if layout.fault is not None:
            step_done("header written")
        return failure

    def level_has_changed(self) -> bool:
        """Return whether the call counter is another one than the header had when it was last read or written."""
        header = unpack_header(self._raw[:HEADER_SIZE])
        if header is None:
            return True
        level = None if math.isnan(header.level) else header.level
        return (self.shared.level, self.shared.level_at) != (level, header.level_at)

    def _save_seldom(self, shared: Shared) -> OSError | None:
        """Write what most steps leave as it is."""
        failure: OSError | None = None
        if shared.changed:
            try:
                self._save_rest()
            except OSError as error:
                failure = error  # the header fits where it is, and has the last nonce
        if shared.recalled.new:
            try:
                self._recalled.write(shared.recalled, shared.recalled.total)
            except OSError as error:
                failure = error  # kept in memory, and written with the next step
        return failure

    def _save_rest(self) -> None:
        # Beside the one that counts, which the header still points to if we are killed now.
        data = pack_slow_fields(self.shared.slow_fields())
        rest = self._rest.place(data)
        if self._pwrite(self.fd, data, rest.at) != len(data):
            raise OSError(None, "the state was written in part")
        step_done("rest written")
        self._know_rest(rest)
        self.shared.changed = False

    def _know_rest(self, rest: SlowFields) -> None:
        self._rest, self._rest_known = rest, True
        self._header_end = pack_header_end(self._boot, *rest)
