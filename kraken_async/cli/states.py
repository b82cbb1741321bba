"""A key's state file as it lies there: read for people, changing nothing and joining nobody."""

from __future__ import annotations

import hashlib
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from kraken_async import FileStore
from kraken_async.settings import Settings
from kraken_async.stores.base import UNITS
from kraken_async.stores.locks import lock_holders
from kraken_async.stores.slots import (
    HEADER_AT,
    HEADER_SIZE,
    REST_AT,
    SLOT_AT,
    SLOT_SIZE,
    Slot,
    TooNew,
    unpack_header,
    unpack_slot,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

StateDir = Annotated[
    Path | None, typer.Option("--state-dir", envvar="KRAKEN_STATE_DIR", help="Where nonces are kept.")
]

_LOOSE: Final = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One key's state. Nonces are in ``unit``, ``lead`` in seconds ahead of this machine's clock."""

    key: str
    path: str
    unit: str = "ns"
    last: int = 0
    ceiling: int = 0
    lead: float = 0.0
    counter: float | None = None
    users: tuple[int, ...] = ()
    turn: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()
    trouble: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data; nonces as text, which every JSON reader keeps whole."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {**found, "last": str(self.last), "ceiling": str(self.ceiling)}


def directory(state_dir: Path | None) -> Path:
    """Return the state directory that sessions would use."""
    return FileStore(state_dir).directory


def key_id() -> str | None:
    """Return the name of the state of the environment's key; None without one."""
    api_key = Settings.from_env().api_key
    return hashlib.sha256(api_key.encode()).hexdigest()[:16] if api_key else None


def states(state_dir: Path | None) -> list[State]:
    """Return the state of the environment's key, or of every key in the directory when there is none."""
    folder, name = directory(state_dir), key_id()
    if name is not None:
        path = folder / f"{name}.state"
        return [inspect(path)] if path.exists() else []
    return [inspect(path) for path in sorted(folder.glob("*.state"))]


def inspect(path: Path) -> State:
    """Read a state file. What is wrong with it goes into ``trouble``; nothing is raised."""
    name = path.name.removesuffix(".state")
    try:
        with path.open("rb") as file:
            raw = file.read(REST_AT)
        status = path.stat()
    except OSError as error:
        return State(key=name, path=str(path), trouble=(f"cannot be read: {error.strerror}",))
    found = {slot: unpack_slot(raw[at : at + SLOT_SIZE]) for slot, at in SLOT_AT.items()}
    slots = [slot for slot in found.values() if isinstance(slot, Slot)]
    header = unpack_header(raw[HEADER_AT : HEADER_AT + HEADER_SIZE])
    unit = min((slot.unit for slot in slots), key=lambda unit: UNITS[unit], default="ns")
    ceiling = max((slot.ceiling for slot in slots), default=0)
    last = header.last if header is not None else ceiling
    users = {holder.pid for holder in lock_holders(status) if not holder.waiting}
    turn = _holders(path.with_name(f"{name}.turn.lock"))
    return State(
        key=name,
        path=str(path),
        unit=unit,
        last=last,
        ceiling=ceiling,
        lead=last * UNITS[unit] / 1e9 - time.time() if last else 0.0,
        counter=None if header is None or header.level != header.level else header.level,
        users=tuple(sorted(users)),
        turn=tuple(holder.pid for holder in turn if not holder.waiting),
        waiting=tuple(holder.pid for holder in turn if holder.waiting),
        trouble=tuple(_trouble(path, status.st_mode, found, header is None, last, ceiling)),
    )


def _holders(path: Path) -> tuple[Any, ...]:
    try:
        return lock_holders(path.stat())
    except OSError:
        return ()


def _trouble(
    path: Path, mode: int, slots: dict[str, Any], headless: bool, last: int, ceiling: int
) -> Iterable[str]:
    for name, slot in slots.items():
        if isinstance(slot, TooNew):
            yield f"slot {name} was written by a newer release: upgrade kraken-async"
        elif not isinstance(slot, Slot):
            yield f"slot {name} is damaged ({slot.why}); the next session repairs it from the other one"
    if not any(isinstance(slot, Slot | TooNew) for slot in slots.values()):
        yield f"no readable slot: move {path} away; if the clock was set back since, raise the nonce by hand"
    if headless:
        yield "the header is damaged: the next session starts at the ceiling, with the counters unknown"
    if last > ceiling:
        yield "the last nonce is above the durable ceiling: the disk failed while a session went on"
    if stat.S_IMODE(mode) & _LOOSE:
        yield f"others may read it: chmod 600 {path}"
