"""A key's state file as it lies there: read for people, changing nothing and joining no one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from kraken_async import FileStore, RedisStore
from kraken_async.cli.common import run, usage
from kraken_async.settings import Settings, store_from_env
from kraken_async.stores.base import UNITS
from kraken_async.stores.file.inspection import inspect as look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken_async.stores.base import Store
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


def store(state_dir: Path | None) -> Store:
    """Return the store that sessions would use: KRAKEN_STORE, or files in the state directory."""
    try:
        return store_from_env(state_dir)
    except ValueError as error:
        usage(str(error), "correct the variable, or unset it")


def directory(state_dir: Path | None) -> Path:
    """Return the directory of this host in which sessions would keep their state, or at least their journals."""
    return store(state_dir).journal_directory(state_dir) or FileStore(state_dir).directory


def problems(state_dir: Path | None) -> tuple[str, ...]:
    """Return why the place of the state may not keep it, as far as that is known without opening it."""
    found = store(state_dir)
    return found.problems() if isinstance(found, FileStore) else ()


def key_id() -> str | None:
    """Return the name of the state of the environment's key; None without one."""
    try:
        api_key = Settings.from_env().api_key
    except ValueError as error:
        usage(str(error), "correct the variable, or unset it")
    return hashlib.sha256(api_key.encode()).hexdigest()[:16] if api_key else None


def states(state_dir: Path | None) -> list[State]:
    """Return the state of the environment's key, or of every key in the directory when there is none."""
    kept, folder, name = store(state_dir), directory(state_dir), key_id()
    if not isinstance(kept, FileStore):
        return run(_remote(kept, name)) if name is not None else []
    if name is not None:
        path = folder / f"{name}.state"
        return [inspect(path)] if path.exists() else []
    return [inspect(path) for path in sorted(folder.glob("*.state"))]


async def _remote(kept: Store, name: str) -> list[State]:
    """Read the state of a key on a server: what is there, and which sessions have said that they live."""
    key = kept.key(name, "ns")
    await key.open(time.monotonic)
    try:
        if key.is_new:
            return []
        unit = getattr(key, "stored_unit", "ns")
        users = [json.loads(each) for each in await key.sessions()]
        return [
            State(
                key=name,
                path=key.place,
                unit=unit,
                last=key.seen.last,
                ceiling=key.seen.last,
                lead=(key.seen.last * UNITS[unit] - time.time_ns()) / 1e9,
                counter=key.seen.level,
                users=tuple(sorted({int(each["pid"]) for each in users})),
                trouble=key.problems(),
            )
        ]
    finally:
        await key.close()


def sessions(state_dir: Path | None) -> list[dict[str, Any]]:
    """Return what the sessions wrote last of themselves, each with ``silent`` seconds since."""
    kept, name = store(state_dir), key_id()
    if isinstance(kept, RedisStore):
        if name is None:
            usage("no API key", "set KRAKEN_API_KEY: sessions on a server are found by their key")
        texts = [each.decode() for each in run(kept.sessions(name))]
    else:
        texts = []
        for path in sorted(directory(state_dir).glob(f"{name or '*'}.status.*.json")):
            with contextlib.suppress(OSError, UnicodeDecodeError):  # removed meanwhile, or not ours
                texts.append(path.read_text(encoding="utf-8"))
    found = []
    for text in texts:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            status = json.loads(text)
            found.append({**status, "silent": round(max(0.0, time.time() - status["written_at"]), 1)})
    return found


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
