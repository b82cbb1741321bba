"""A key's state file as it lies there: read for people, changing nothing and joining nobody."""

from __future__ import annotations

import contextlib
import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from kraken_async import FileStore
from kraken_async.cli.common import usage
from kraken_async.settings import Settings
from kraken_async.stores.file.inspection import inspect as look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken_async.stores.file.inspection import StateInspection

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
    usable: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data; nonces as text, which every JSON reader keeps whole."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {**found, "last": str(self.last), "ceiling": str(self.ceiling)}


def directory(state_dir: Path | None) -> Path:
    """Return the state directory that sessions would use."""
    return FileStore(state_dir).directory


def key_id() -> str | None:
    """Return the name of the state of the environment's key; None without one."""
    try:
        api_key = Settings.from_env().api_key
    except ValueError as error:
        usage(str(error), "correct the variable, or unset it")
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
    view = look(path)
    return State(
        key=path.name.removesuffix(".state"),
        path=str(path),
        unit=view.unit,
        last=view.last,
        ceiling=view.ceiling,
        lead=view.lead if view.last else 0.0,
        counter=view.shared.level if view.shared is not None else None,
        users=view.users,
        turn=() if view.turn is None else (view.turn,),
        waiting=view.waiting,
        trouble=tuple(_trouble(path, view)),
        usable=not (view.error or view.newer),
    )


def _trouble(path: Path, view: StateInspection) -> Iterable[str]:
    for each in view.damaged:
        slot, _, why = each.partition(": ")
        repaired = "" if view.error else "; the next session repairs it from the other one"
        yield f"{slot} is damaged ({why}){repaired}"
    if view.newer:
        yield "it was written by a newer release: upgrade kraken-async"
    elif view.error:
        yield f"{view.error}: move {path} away; if the clock was set back since, raise the nonce by hand"
    if view.shared is None:
        yield "the header is damaged: the next session starts at the ceiling, with the counters unknown"
    if view.last > view.ceiling:
        yield "the last nonce is above the durable ceiling: the disk failed while a session went on"
    with contextlib.suppress(OSError):
        if stat.S_IMODE(path.stat().st_mode) & _LOOSE:
            yield f"others may read it: chmod 600 {path}"
