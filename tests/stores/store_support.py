"""What the tests of the stores share: holds on keys, disks that fail, and disks that lose what was not synced."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kraken_async.stores.base import KeyState, Shared, Store
from kraken_async.stores.file.turn import Turn
from kraken_async.system.durable import Disk

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def yes(shared: Shared) -> bool:
    """Choose, whatever the state."""
    return True


def nothing(shared: Shared) -> None:
    """Choose nothing."""
    return


def setting(*, touched: bool = False, **values: Any) -> Callable[[Shared], None]:
    """A change that sets these values; ``touched``: and marks the slow fields as changed."""

    def change(shared: Shared) -> None:
        for name, value in values.items():
            setattr(shared, name, value)
        if touched:
            shared.mark_changed()

    return change


async def opened(store: Store, name: str = "k", unit: str = "ns", *, flushed: bool = False) -> KeyState:
    """A hold on a key; ``flushed``: with a background flush, as a session has it."""
    key = store.key(name, unit)
    if flushed:
        tasks: set[asyncio.Task[None]] = set()

        def flush() -> None:
            task = asyncio.ensure_future(key.flush())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        key.on_flush_due = flush
    await key.open(time.monotonic)
    return key


async def draw(key: KeyState, **options: Any) -> int:
    """One nonce."""
    return (await key.step(yes, **options))[1]


async def pass_through(keys: Sequence[KeyState], number: int, order: list[int]) -> None:
    """Take the turn by one of the keys, note its number, and give the turn back."""
    await keys[number].acquire_turn()
    order.append(number)
    await keys[number].release_turn()


async def in_line(path: Path, count: int) -> None:
    """Until so many threads wait in the kernel, at the head of the line or in it."""
    while min(waiting(path) for _ in range(5)) < count:  # one look may show one that is not there yet
        await asyncio.sleep(0)


def waiting(path: Path) -> int:
    """Waiters of the turn, and of the line that leads to it.

    Each is counted once: the list shows some of them twice while others take and release locks. That it misses
    some is no harm to whoever waits for them to be there.
    """
    inodes = {
        (path / f"k.{kind}.lock").stat().st_ino
        for kind in ("turn", "line")
        if (path / f"k.{kind}.lock").exists()
    }
    lines = Path("/proc/locks").read_text().splitlines()
    found = {tuple(line.split()[1:]) for line in lines if " -> " in line}
    return sum(int(each[5].split(":")[2]) in inodes for each in found)


needs_proc = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="nothing shows who waits here")


def turn_of(directory: Path, name: str = "k") -> Turn:
    """Return the turn of a key of a FileStore, as one more session has it."""
    return Turn(lambda kind: directory / f"{name}.{kind}.lock")


class FailingDisk(Disk):
    """A disk that fails in the named calls ("sync", "pwrite", "open") while ``failing`` is set."""

    def __init__(self, *failing: str) -> None:
        self.failing = set(failing)
        self.error: Callable[[], OSError] = lambda: OSError(28, "No space left on device")
        self.synced = 0

    def open(self, path: Path, flags: int) -> int:
        """See Disk."""
        self._fail("open")
        return super().open(path, flags)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        """See Disk."""
        self._fail("pwrite")
        return os.pwrite(fd, data, offset)

    def sync(self, fd: int) -> None:
        """See Disk."""
        self._fail("sync")
        self.synced += 1
        super().sync(fd)

    def _fail(self, call: str) -> None:
        if call in self.failing:
            raise self.error()


SECTOR = 512


@dataclass
class Image:
    """What a power cut in one moment leaves: contents that are certain, sectors and names that may be there."""

    durable: dict[int, bytes]
    loose: dict[int, list[tuple[int, bytes]]]
    names: dict[Path, int]
    loose_names: dict[Path, int]

    def restore(self, target: Path, keep: Callable[[], bool]) -> None:
        """Write into ``target`` what is left, asking ``keep`` about each thing that need not be."""
        target.mkdir(mode=0o700)
        for path, inode in {**self.loose_names, **self.names}.items():
            if path not in self.names and not keep():
                continue
            content = bytearray(self.durable[inode])
            for offset, data in self.loose[inode]:
                if keep():
                    _put(content, offset, data)
            (target / path.name).write_bytes(content)
            (target / path.name).chmod(0o600)


class LossyDisk(Disk):
    """Keeps, beside the real files (what the page cache shows), what a power cut would leave of them.

    A write that was not synced is on the disk in any subset of its sectors, whatever the order of writing. A name
    that its directory was not synced for may be there or not. ``on_write`` is called before and after each write.
    """

    def __init__(self) -> None:
        self._durable: dict[int, bytearray] = {}
        self._loose: dict[int, list[tuple[int, bytes]]] = {}
        self._names: dict[Path, int] = {}
        self._loose_names: dict[Path, int] = {}
        self.on_write: Callable[[], None] = lambda: None

    def image(self) -> Image:
        """A copy of what is certain and of what is not."""
        return Image(
            {inode: bytes(content) for inode, content in self._durable.items()},
            {inode: list(sectors) for inode, sectors in self._loose.items()},
            dict(self._names),
            dict(self._loose_names),
        )

    def open(self, path: Path, flags: int) -> int:
        """See Disk."""
        fd = super().open(path, flags)
        inode = os.fstat(fd).st_ino
        if flags & os.O_CREAT:
            self._durable[inode], self._loose[inode] = bytearray(), []
            self._loose_names[path] = inode
        return fd

    def adopt(self, path: Path) -> None:
        """Take a file as it is for durable."""
        inode = path.stat().st_ino
        self._durable[inode], self._loose[inode] = bytearray(path.read_bytes()), []
        self._names[path] = inode

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        """See Disk."""
        self.on_write()
        sectors = self._loose[os.fstat(fd).st_ino]
        written = os.pwrite(fd, data, offset)
        at = 0
        while at < len(data):
            size = min(len(data) - at, SECTOR - (offset + at) % SECTOR)
            sectors.append((offset + at, bytes(data[at : at + size])))
            at += size
        self.on_write()
        return written

    def sync(self, fd: int) -> None:
        """See Disk."""
        inode = os.fstat(fd).st_ino
        for offset, data in self._loose[inode]:
            _put(self._durable[inode], offset, data)
        self._loose[inode] = []
        self.on_write()

    def rename(self, source: Path, target: Path) -> None:
        """See Disk."""
        super().rename(source, target)
        self._loose_names[target] = self._loose_names.pop(source)
        self.on_write()

    def sync_directory(self, directory: Path) -> None:
        """See Disk."""
        self._names.update(self._loose_names)
        self.on_write()


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset : offset + len(data)] = data
