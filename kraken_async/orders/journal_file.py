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
from kraken_async.system.flock import LOCK_EX, TRY, flock
from kraken_async.system.paths import boot_id

if TYPE_CHECKING:
    from pathlib import Path

#: A file that never got its name is thrown away after this many seconds.
STALE: Final = 3600.0


# -- lines -------------------------------------------------------------------------------------------------


def opening(intent: Intent) -> dict[str, Any]:
    line = {name: getattr(intent, name) for name in ("id", "endpoint", "sent_at", "deadline", "generated")}
    return {"v": 1, "op": "open", **line, "params": redacted(intent.params), "boot": boot_id().hex()}


def sending(intent: Intent) -> dict[str, Any]:
    return {
        "op": "sent",
        "id": intent.id,
        "sent_at": intent.sent_at,
        "due": intent.due,
        "clocked": intent.clocked,
        "before": intent.before,
    }


def lines_of(intent: Intent) -> list[dict[str, Any]]:
    return [opening(intent), sending(intent)] if intent.sent else [opening(intent)]


def encode(line: dict[str, Any]) -> bytes:
    return json.dumps(line, default=str, separators=(",", ":")).encode() + b"\n"


def read(fd: int, session: str) -> tuple[list[Intent], int]:
    """Return the open intents in a file, and how many of its lines cannot be read."""
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file:
        lines = file.read().split(b"\n")
    found: dict[str, Intent] = {}
    boots: dict[str, str] = {}
    damaged = 0
    for raw in lines:
        if not raw:
            continue
        try:
            line = json.loads(raw)
            op, name = line["op"], line["id"]
            if op == "open":
                found[name] = _intent(line, session)
                boots[name] = line.get("boot", "")
            elif op == "done":
                found.pop(name, None)
            elif name in found:
                found[name] = replace(
                    found[name],
                    sent=True,
                    sent_at=float(line["sent_at"]),
                    due=line["due"],
                    clocked=line["clocked"],
                    before=tuple(line.get("before", ())),
                )
        except (ValueError, KeyError, TypeError, AttributeError):
            damaged += 1
    here = boot_id().hex()
    # Without its mark an intent was not sent, if the mark cannot have been lost.
    kept = [i for i in found.values() if i.sent or damaged or boots[i.id] != here or not int(here, 16)]
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
        generated=bool(line["generated"]),
        cl_ord_id=params.get("cl_ord_id"),
        userref=None if userref is None else int(userref),
        session=session,
    )


def bounded(intent: Intent, seen_dead: float) -> Intent:
    # Without a mark it may have been sent at any time until its session died, which was before this was read.
    if intent.sent or intent.deadline is None:
        return intent
    return replace(intent, due=seen_dead + intent.deadline)


# -- files -------------------------------------------------------------------------------------------------


def new_file(path: Path, lines: list[dict[str, Any]], *, synced: bool) -> int:
    """Put a locked file of ``lines`` in ``path``'s place in one step and return its descriptor."""
    data = b"".join(map(encode, lines))
    # Locked before it has its name: nobody finds it unlocked.
    return put_in_place(path, data, synced=synced, append=True, prepare=lambda fd: flock(fd, TRY))


def close_in(path: Path, intent: Intent) -> None:
    fd = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
    try:
        flock(fd, LOCK_EX)  # only another reader can hold it, and only for a moment
        os.write(fd, b"\n" + encode({"op": "done", "id": intent.id}))
        if not read(fd, intent.session)[0]:
            path.unlink(missing_ok=True)
    finally:
        os.close(fd)


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
