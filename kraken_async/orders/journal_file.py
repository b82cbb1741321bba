"""The intent journal's files: their lines, how they are read, and how a file gets and loses its name.

A line is a JSON object. "open" puts an intent on record, "sent" marks it before each sending, "done" strikes it off.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kraken_async.order_fields import redacted
from kraken_async.orders.intent import Intent
from kraken_async.system.durable import put_in_place, sync
from kraken_async.system.flock import TRY, flock
from kraken_async.system.paths import boot_id

if TYPE_CHECKING:
    from pathlib import Path

#: A file that never got its name is thrown away after this many seconds.
STALE: Final = 3600.0
#: Bytes of a file that are read at most: a foreign one may have any size.
MOST_READ: Final = 64 * 2**20


_JSON: Final = json.JSONEncoder(default=str, separators=(",", ":")).encode
#: How often a file's lock is tried for, in a few milliseconds altogether.
LOCK_TRIES: Final = 4
#: By how much Kraken's time was not known where an older line says only that it was known, in seconds.
_OLD_CLOCK_ERROR: Final = 1.0


# -- lines -------------------------------------------------------------------------------------------------


def opening(intent: Intent) -> dict[str, Any]:
    """Return the line that puts an intent on record."""
    return {
        "v": 1,
        "op": "open",
        "id": intent.id,
        "endpoint": intent.endpoint,
        "sent_at": intent.sent_at,
        "deadline": intent.deadline,
        "due": intent.due,
        "clock_error": intent.clock_error,
        "generated": intent.generated,
        "made": intent.made,
        "params": redacted(intent.params),
        "boot": boot_id().hex(),
    }


def sending(intent: Intent) -> dict[str, Any]:
    """Return the line that says when an intent was sent."""
    return {
        "op": "sent",
        "id": intent.id,
        "sent_at": intent.sent_at,
        "due": intent.due,
        "clock_error": intent.clock_error,
        "boot_clock": intent.boot_clock,
        "nonce": intent.nonce,
        "clocked": intent.clock_error is not None,
    }


def lines_of(intent: Intent) -> list[dict[str, Any]]:
    """Return the lines of an intent that is open."""
    return [opening(intent), sending(intent)] if intent.sent else [opening(intent)]


def encode(line: dict[str, Any]) -> bytes:
    """Return a line as it is written."""
    return _JSON(line).encode() + b"\n"


def read(fd: int, session: str) -> tuple[list[Intent], int]:
    """Return the open intents in a file, and how many of its lines cannot be read."""
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file:
        lines = file.read(MOST_READ).split(b"\n")
    found: dict[str, Intent] = {}
    damaged = 0
    for raw in lines:
        if not raw:
            continue
        try:
            line = json.loads(raw)
            op, name = line["op"], line["id"]
            if op == "open":
                found[name] = _intent(line, session)
            elif op == "done":
                found.pop(name, None)
            elif name in found:
                found[name] = replace(
                    found[name],
                    sent=True,
                    sent_at=float(line["sent_at"]),
                    due=line["due"],
                    clock_error=_clock_error(line),
                    boot_clock=line.get("boot_clock"),
                    nonce=int(line.get("nonce", 0)),
                )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            damaged += 1
    here = boot_id().hex()
    # Without its mark an intent was not sent, if the mark cannot have been lost.
    kept = [i for i in found.values() if i.sent or damaged or i.boot != here or not int(here, 16)]
    return kept, damaged


def _intent(line: dict[str, Any], session: str) -> Intent:
    params = line["params"]
    userref = params.get("userref")
    return Intent(
        id=line["id"],
        endpoint=line["endpoint"],
        params=params,
        sent_at=float(line["sent_at"]),
        deadline=line["deadline"],
        due=line.get("due"),
        clock_error=_clock_error(line),
        boot=str(line.get("boot", "")),
        generated=bool(line["generated"]),
        made=tuple(map(str, line.get("made", ()))),
        cl_ord_id=params.get("cl_ord_id"),
        userref=None if userref is None else int(userref),
        session=session,
    )


def _clock_error(line: dict[str, Any]) -> float | None:
    """Return by how much Kraken's time was not known, in seconds either way; None: not at all."""
    if "clock_error" not in line:
        return _OLD_CLOCK_ERROR if line.get("clocked") else None
    error = line["clock_error"]
    return None if error is None else abs(float(error))


def bounded(intent: Intent, seen_dead: float) -> Intent:
    """Return a dead session's intent with the latest time at which Kraken can still take it."""
    # Without a mark it may have been sent at any time until its session died, which was before this was read.
    if intent.sent or intent.deadline is None:
        return intent
    return replace(intent, due=seen_dead + intent.deadline)


# -- files -------------------------------------------------------------------------------------------------


def new_file(path: Path, lines: list[dict[str, Any]], *, synced: bool) -> int:
    """Put a locked file of ``lines`` in ``path``'s place in one step and return its descriptor."""
    data = b"".join(map(encode, lines))
    # Locked before it has its name: no one finds it unlocked.
    return put_in_place(path, data, synced=synced, append=True, prepare=lambda fd: flock(fd, TRY))


def open_quietly(path: Path, flags: int) -> int:
    """Open a file that may be anything: not through a link, and without waiting for the other end of a pipe."""
    return os.open(
        path,
        flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0),
    )


def has_its_name(fd: int, path: Path) -> bool:
    """Return whether a descriptor's file is the one that ``path`` names."""
    return names_file(str(path), identity(fd))


def identity(fd: int) -> tuple[int, int]:
    """Return what tells a descriptor's file from all others, as long as it is open."""
    mine = os.fstat(fd)
    return mine.st_dev, mine.st_ino


def names_file(path: str, file: tuple[int, int]) -> bool:
    """Return whether ``path`` names the file of that :func:`identity`."""
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == file


def close_in(path: Path, intent: Intent) -> None:
    """Strike an intent off a dead session's file. A living one's is left alone: it finds out by itself."""
    fd = open_quietly(path, os.O_RDWR | os.O_APPEND)
    try:
        if not _locked(fd) or not has_its_name(fd, path):
            return  # its session lives, or another reader has closed its last one
        os.write(fd, b"\n" + encode({"op": "done", "id": intent.id}))
        if not read(fd, intent.session)[0]:
            path.unlink(missing_ok=True)
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    """Lock a file against other readers, each of which holds it for a moment. False: its session lives."""
    for attempt in range(LOCK_TRIES):
        try:
            flock(fd, TRY)
        except BlockingIOError:
            time.sleep(0.001 * attempt)
        else:
            return True
    return False


def sweep(draft: Path) -> None:
    """Throw away a file whose session died before it had a name."""
    with suppress(OSError):
        if time.time() - draft.stat().st_mtime > STALE:
            draft.unlink()


def sync_and_close(fd: int) -> None:
    """Wait for the disk. OSError when it fails; closed all the same."""
    try:
        sync(fd)
    finally:
        os.close(fd)
