"""One user's hold on one key's state file: joining, recovering, raising the ceiling, leaving.

Synchronous: the durable steps run in a thread. Invariants, each by the crash it survives:

1. Both slots hold the new ceiling, synced one after the other, before a nonce above the old one is handed
   out. Power cut at any point: either slot alone covers every nonce, whatever happened to the other.
2. The header's ceiling is raised only after that. Killed between sync and header: the raise is merely done again.
3. The header's ``last`` is written before its nonce is used. Killed: the page cache still has it.
4. Users hold a shared lock on the state file. The first one in (no one else holds it) starts above
   everything the slots and the header know; the last one out may lower the ceiling to ``last``.
5. Coming, going, creating and raising happen under ``disk.lock``; the header changes under ``nonce.lock``.
   Order: disk before nonce, and no one syncs while holding ``nonce.lock``.

More than 300 lines: the invariants above hold over all of these steps together.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import UNITS, Shared, clock_ticks, low_ceiling, new_ceiling
from kraken_async.stores.file.floors import Floors, floors_path
from kraken_async.stores.file.layout import (
    HEADER_AT,
    HEADER_SIZE,
    REST_AT,
    SLOT_AT,
    SLOT_SIZE,
    Header,
    Slot,
    SlowFields,
    pack_header,
    pack_slot,
    pack_slow_fields,
    step_done,
    unpack_header,
    unpack_slot,
)
from kraken_async.stores.file.recovery import Found, finest_unit, judge, make_header, recover, slow_fields_of
from kraken_async.system.flock import TRY, TRY_SHARED, UNLOCK, FileLock, flock, lock_holders
from kraken_async.system.paths import make_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kraken_async.system.durable import Disk

log: logging.Logger = logging.getLogger("kraken_async.store")

#: How often the nonce lock is tried before a new ceiling stays unpublished, a millisecond apart.
PUBLISH_TRIES: Final = 50
#: Seconds for which disk.lock is tried before the state is joined beside its holder.
DISK_PATIENCE: Final = 1.0


class Moved(OSError):
    """The state file, or a lock file, is no longer the one that its name leads to."""


class StateFile:
    """Descriptors on a key's state file, its ``disk.lock`` and its ``nonce.lock``. Thread-safe."""

    def __init__(self, directory: Path, name: str, unit: str, disk: Disk, *, exclusive: bool = False) -> None:
        self.directory = directory
        self.path: Path = directory / f"{name}.state"
        self.name = name
        self.unit = unit
        self.disk = disk
        self.exclusive = exclusive
        self.fd: int = -1
        self.created: bool = False
        self.first: bool = False
        self._beside = False  # joined without disk.lock
        self._locks: list[FileLock] = []
        self.watched: list[FileLock] = []  # other lock files that must still be there with each raise
        # flock does not keep apart two threads on one descriptor.
        self._mutex = threading.RLock()

    def lock_path(self, kind: str) -> Path:
        """Return the path of one of the key's lock files."""
        return self.directory / f"{self.name}.{kind}.lock"

    # ------------------------------------------------------------------------------------------------ joining

    def enter(self) -> None:
        """Open or create the state and become one of its users; ``disk.lock`` stays held until :meth:`recover`.

        Blocks while another user comes, goes or raises. If that takes a second, its process may stand still: beside
        other users the state can be joined without ``disk.lock``, see :meth:`_join_beside`. Raises NonceStoreError
        naming the file and the cure.
        """
        make_directory(self.directory)
        with self._closed_on_failure():
            self._locks = [FileLock(self.lock_path("disk"))]
            self._locks.append(FileLock(self.lock_path("nonce")))
            held = self._disk_lock_soon()
            if held or not self._join_beside():
                if not held:
                    self._locks[0].acquire()
                self._open_or_create()
                self._become_user()

    @contextlib.contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        """Close everything if the block fails; an OSError ends as a NonceStoreError that names the cure."""
        try:
            yield
        except OSError as error:
            self.close()
            raise self._trouble(error) from error
        except BaseException:
            self.close()
            raise

    def _disk_lock_soon(self) -> bool:
        deadline, pause = time.monotonic() + DISK_PATIENCE, 0.0005
        while not self._locks[0].try_acquire():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        return True

    def _join_beside(self) -> bool:
        """Become a user without ``disk.lock``, if there are other users: then nothing has to be recovered.

        No one else can come or go meanwhile, as that takes ``disk.lock``. Its holder, should it go on in this moment,
        either finds us on the file or has it for itself, and then we are not let in.
        """
        if self.exclusive:
            return False
        try:
            self.fd = self.disk.open(self.path, os.O_RDWR)
            flock(self.fd, TRY_SHARED)
            try:
                flock(self.fd, TRY)
            except BlockingIOError:  # others are there; the attempt has cost us our own hold
                flock(self.fd, TRY_SHARED)
                self._beside = True
                return True
        except (FileNotFoundError, BlockingIOError):
            pass
        self._close_state()
        return False

    def _trouble(self, error: OSError) -> NonceStoreError:
        where = error.filename or self.path
        if isinstance(error, PermissionError):
            cure = "it must belong to this user, with mode 0600 (directory 0700): chown and chmod it"
        elif isinstance(error, IsADirectoryError):
            cure = "a directory stands where the state file belongs: move it away"
        else:
            cure = "free the disk or give another directory: state_dir=... or KRAKEN_STATE_DIR"
        return NonceStoreError(f"nonce state {where} cannot be used: {error.strerror or error}; {cure}")

    def _open_or_create(self) -> None:
        try:
            self.fd = self.disk.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            self._create()
            self.fd = self.disk.open(self.path, os.O_RDWR)
            self.created = True
        status = os.fstat(self.fd)
        if not stat.S_ISREG(status.st_mode):
            raise NonceStoreError(f"nonce state {self.path} is not a regular file: move it away")
        if hasattr(os, "geteuid") and status.st_uid not in (os.geteuid(), 0) and os.geteuid():
            raise NonceStoreError(
                f"nonce state {self.path} belongs to user {status.st_uid}: chown it, or use your own"
            )
        if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & 0o077:
            os.fchmod(self.fd, 0o600)  # loosened by a copy or a backup; nothing in it is for others

    def _create(self) -> None:
        """Make the file whole under another name, then put it in place: it is never seen half written.

        Under ``disk.lock`` there is one creator at a time, so the other name can be a fixed one, and what a
        killed creator left there can be removed.
        """
        temporary = self.path.with_suffix(".state.new")
        temporary.unlink(missing_ok=True)
        ceiling = new_ceiling(0, self.unit)
        fd = self.disk.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            step_done("temp opened")
            slot = pack_slot(Slot(self.unit, ceiling, 1))
            whole = bytearray(REST_AT)
            for at in SLOT_AT.values():
                whole[at : at + SLOT_SIZE] = slot
            whole[HEADER_AT : HEADER_AT + HEADER_SIZE] = pack_header(
                make_header(Shared(), ceiling, SlowFields(), 0, 0.0)
            )
            self._write(fd, bytes(whole), 0)
            step_done("temp written")
            self.disk.sync(fd)
            step_done("temp synced")
        finally:
            os.close(fd)
        self.disk.rename(temporary, self.path)
        step_done("renamed")
        # Else a power cut may forget the name, and with it the ceiling.
        self.disk.sync_directory(self.directory)
        step_done("directory synced")

    def _become_user(self) -> None:
        try:
            flock(self.fd, TRY)
        except BlockingIOError:
            pass
        else:
            self.first = True
            return
        if not self.exclusive:
            try:
                flock(self.fd, TRY_SHARED)
            except BlockingIOError:
                pass
            else:
                return
        pids = sorted({str(holder.pid) for holder in lock_holders(os.fstat(self.fd)) if not holder.waiting})
        who = f" by process {', '.join(pids)}" if pids else ""
        what = "a session or NonceSource" if self.exclusive else "a NonceSource, which has it for itself"
        raise NonceStoreError(
            f"nonce state {self.path} is in use{who}: {what}. Close it, or use another name or key"
        )

    def read(self) -> bytes:
        """Return the file's contents, as far as the header says that they matter."""
        raw = self.disk.pread(self.fd, REST_AT, 0)
        header = unpack_header(raw[HEADER_AT : HEADER_AT + HEADER_SIZE])
        end = header.rest_at + header.rest_size if header is not None else 0
        return raw + self.disk.pread(self.fd, max(0, end - REST_AT), REST_AT)

    def recover(self, raw: bytes, clock: Callable[[], float], floor: int = 0) -> Found:
        """Check what was read; as the first user, start above it and ``floor``. Lets ``disk.lock`` go.

        Raises NonceStoreError naming the file and the cure; everything is closed then.
        """
        with self._closed_on_failure():
            slots, said = judge(self.path, raw, self.unit)
            before = finest_unit(slots)
            if before != finest_unit(slots, self.unit):
                log.warning(
                    "nonces of key %s go from %s to %s: clients that count in %s are refused on it for good",
                    self.path.stem,
                    before,
                    self.unit,
                    before,
                )
            if self.first:
                found = self._start(raw, slots, said, clock(), floor)
                if not self.exclusive:
                    flock(self.fd, TRY_SHARED)  # no one else comes or goes while we hold disk.lock
            else:
                # The users before us know the state; their header is read under nonce.lock with the first
                # step. A finer unit is written down at once: from now on the coarser one is closed to everybody.
                if finest_unit(slots, self.unit) != finest_unit(slots):
                    if self._beside:
                        self._locks[0].acquire()
                    self._write_slots(max(slot.ceiling for slot in slots))
                found = Found(Shared(last=floor), 0, said)
            self._locks[0].release()
            return found

    def _start(self, raw: bytes, slots: list[Slot], said: list[str], now: float, floor: int) -> Found:
        shared, header, more = recover(self.path, raw, slots, now, created=self.created)
        floors = Floors(floors_path(self.path), self.disk)
        shared.last = max(shared.last, floor, floors.highest)
        ceiling = self._write_slots(new_ceiling(shared.last, self.unit))
        data = pack_slow_fields(shared.slow_fields())
        rest = (slow_fields_of(header) if header is not None else SlowFields()).place(data)
        self._write(self.fd, data, rest.at)
        step_done("rest written")
        generation = header.generation + 1 if header is not None else 1
        self._write(self.fd, pack_header(make_header(shared, ceiling, rest, generation, now)), HEADER_AT)
        step_done("header written")
        floors.empty()
        floors.close()
        return Found(shared, ceiling, said + more)

    # ------------------------------------------------------------------------------------------------ ceiling

    def raise_ceiling(self, last: int) -> int:
        """Make a ceiling above ``last`` durable, publish it in the header and return it. OSError if that failed.

        Does nothing when another user has just done so. Moved: the file is gone.
        """
        with self._mutex, _Held(self._locks[0]):
            self._check_place()
            wanted = low_ceiling(last, clock_ticks(self.unit), UNITS[self.unit])
            slots = self._slots()
            header = self._header()
            if header is not None and header.ceiling >= wanted and len(slots) == len(SLOT_AT):
                return header.ceiling
            ceiling = max([new_ceiling(last, self.unit), *(slot.ceiling for slot in slots)])
            self._write_slots(ceiling)
            self.publish(ceiling)
            return ceiling

    def reserve(self, ceiling: int) -> None:
        """Make ``ceiling`` durable for an exclusive user. OSError if that failed."""
        with self._mutex, _Held(self._locks[0]):
            self._check_place()
            self._write_slots(ceiling)

    def _check_place(self) -> None:
        try:
            mine, named = os.fstat(self.fd), self.path.stat()
            here = (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)
        except FileNotFoundError:
            here = False
        if not here or not all(os.fstat(lock.fd).st_nlink for lock in (*self._locks, *self.watched)):
            raise Moved(None, "it was removed or replaced", str(self.path))

    def publish(self, ceiling: int) -> None:
        """Tell the other users of a ceiling that is durable.

        If another process keeps the nonce lock, they find it in the slots when theirs is used up: to wait for it while
        holding ``disk.lock`` would stop them all.
        """
        lock = self._locks[1]
        for _ in range(PUBLISH_TRIES):
            if lock.try_acquire():
                break
            time.sleep(0.001)
        else:
            return
        try:
            header = self._header()
            if header is not None and header.ceiling < ceiling:
                raised = header._replace(ceiling=ceiling, generation=header.generation + 1)
                self._write(self.fd, pack_header(raised), HEADER_AT)
        finally:
            lock.release()
        step_done("ceiling published")

    def _write_slots(self, ceiling: int) -> int:
        """Write and sync A, then B; return the ceiling. May lower it: the higher of two slots counts."""
        slots = self._slots()
        packed = pack_slot(
            Slot(finest_unit(slots, self.unit), ceiling, max([0, *(slot.seq for slot in slots)]) + 1)
        )
        for name, at in SLOT_AT.items():
            self._write(self.fd, packed, at)
            step_done(f"slot {name} written")
            self.disk.sync(self.fd)
            step_done(f"slot {name} synced")
        return ceiling

    def highest(self) -> int:
        """Return the highest ceiling in the slots, 0 when neither can be read."""
        try:
            return max((slot.ceiling for slot in self._slots()), default=0)
        except OSError:
            return 0

    def _slots(self) -> list[Slot]:
        read = (unpack_slot(self.disk.pread(self.fd, SLOT_SIZE, at)) for at in SLOT_AT.values())
        return [slot for slot in read if isinstance(slot, Slot)]

    def _header(self) -> Header | None:
        return unpack_header(self.disk.pread(self.fd, HEADER_SIZE, HEADER_AT))

    def _write(self, fd: int, data: bytes, at: int) -> None:
        written = self.disk.pwrite(fd, data, at)
        if written != len(data):
            raise OSError(None, f"only {written} of {len(data)} bytes written", str(self.path))

    # ------------------------------------------------------------------------------------------------ leaving

    def finish(self, last: int) -> None:
        """Leave. The last user out gives the reservation back: the next start is then on the clock again.

        ``last``: the highest nonce this user knows of. OSError when giving back failed; closed all the same.
        """
        with self._mutex:
            try:
                if self.fd >= 0:
                    with _Held(self._locks[0]):
                        self._give_back(last)
            finally:
                self.close()

    def _give_back(self, last: int) -> None:
        header = self._header()
        if header is None:
            return  # what others handed out is not known: keep the reservation
        try:
            flock(self.fd, TRY)
        except BlockingIOError:
            return  # others go on. (The shared lock is lost by this attempt, and we are leaving anyway.)
        with contextlib.closing(Floors(floors_path(self.path), self.disk)) as floors:
            last = max(last, header.last, floors.highest)
        with _Held(self._locks[1]):
            given = header._replace(last=last, ceiling=last, generation=header.generation + 1)
            self._write(self.fd, pack_header(given), HEADER_AT)
        step_done("last header written")
        self._write_slots(last)
        step_done("given back")

    def close(self) -> None:
        """Release everything, giving nothing back. Idempotent."""
        with self._mutex:
            if self.fd >= 0:
                flock(self.fd, UNLOCK)
            self._close_state()
            for (
                lock
            ) in self._locks:  # the last of all: who has disk.lock must not meet a user that is leaving
                lock.close()

    def left_behind(self) -> None:
        """Close without unlocking, in a forked child."""
        for lock in self._locks:
            lock.abandon()
        self._close_state()

    def _close_state(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self._close_state()  # see FileLock


class _Held:
    """``with _Held(lock):`` waits for it in the kernel and lets it go."""

    __slots__ = ("_lock",)

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
