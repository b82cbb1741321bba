"""``kraken-async nonce``: what is kept of a key's nonces, and the jump by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from kraken_async import InvalidNonce, KrakenError, KrakenSession, Outcome, TemporaryLockout
from kraken_async.api.key_info import KeyInfo
from kraken_async.cli.common import (
    EXIT_CODES,
    FAILED,
    Json,
    Yes,
    confirm,
    dump,
    out,
    run,
    session,
    usage,
)
from kraken_async.cli.states import State, StateDir, directory, key_id, problems, states, store
from kraken_async.cli.tables import print_table
from kraken_async.client import unhealed
from kraken_async.problems import counted
from kraken_async.stores.base import UNITS

if TYPE_CHECKING:
    from pathlib import Path

#: Columns of a terminal from which on a table is easier to read than lines.
WIDE: Final = 100

app: typer.Typer = typer.Typer(
    help="Show, audit or raise the nonces that are kept for a key.", no_args_is_help=True
)


@app.command(epilog=EXIT_CODES)
def show(state_dir: StateDir = None, as_json: Json = False) -> None:
    """Show the kept nonce of KRAKEN_API_KEY, or of every key in the state directory when it is not set.

    Nothing is opened for writing. Keys are named by a hash.

    Example: kraken-async nonce show --json
    """
    found = states(state_dir)
    if as_json:
        dump([state.as_dict() for state in found])
        return
    if not found:
        out.print(f"no nonce state in {directory(state_dir)}")
        return
    cells = [_cells(state) for state in found]
    if out.width < WIDE:
        out.print(
            "\n\n".join(
                "\n".join(f"{title + ':':<19} {text}" for title, text in each.items()) for each in cells
            )
        )
        return
    rows = Table(show_edge=False, pad_edge=False)
    for title in cells[0]:
        rows.add_column(title, overflow="fold", no_wrap=title in ("key", "last nonce"))  # to be copied whole
    for each in cells:
        rows.add_row(*each.values())
    print_table(rows)


def _cells(state: State) -> dict[str, str]:
    return {
        "key": state.key,
        "unit": state.unit,
        "last nonce": str(state.last),
        "ahead of the clock": f"{state.lead:+.1f} s" if state.last else "never used",
        "users": _pids(state.users),
        "turn": _pids(state.turn),
        "trouble": "; ".join(state.trouble) or "none",
    }


def _pids(pids: tuple[int, ...]) -> str:
    return ", ".join(map(str, pids)) or "none"


@app.command(epilog=EXIT_CODES)
def jump(
    seconds: Annotated[
        float,
        typer.Argument(metavar="SECONDS", min=0.001, help="How far above the clock, or the last nonce."),
    ],
    state_dir: StateDir = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Raise the nonce of KRAKEN_API_KEY by so many seconds, for when Kraken has seen a higher one than is kept here.

    Running sessions on the key go on above it at once. It cannot be taken back: lower nonces are refused for good.

    Example: kraken-async nonce jump 3600
    """
    name = key_id()
    if name is None:
        usage("no API key", "set KRAKEN_API_KEY: the jump is for one key")
    unit = next((state.unit for state in states(state_dir)), "ns")
    confirm(f"Nonces of this key will be {seconds:g} s higher from now on, for good.", yes=yes)
    new = run(_jump(state_dir, name, unit, seconds))
    if as_json:
        dump({"key": name, "unit": unit, "last": str(new)})
    else:
        out.print(f"the next nonce of key {name} is above {new} ({unit})")


async def _jump(state_dir: Path | None, name: str, unit: str, seconds: float) -> int:
    state = store(state_dir).key(name, unit)
    await state.open(time.monotonic)
    try:
        return await state.jump(int(seconds * 1e9) // UNITS[unit])
    finally:
        await state.close()


@app.command(epilog=EXIT_CODES)
def audit(
    online: Annotated[bool, typer.Option("--online", help="Also compare with what Kraken has seen.")] = False,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Check the state files: both slots, the ceiling above the last nonce, who may read them, where they lie.

    With --online one call (GetApiKeyInfo, cost 1, in turn) compares the key's highest nonce at Kraken with the one
    kept here. It only looks: a nonce that is refused is a finding, and leads to no jump and no pause. Like any call it
    takes the next nonce. Exits with 1 when something is wrong.

    Example: kraken-async nonce audit
    """
    found = states(state_dir)
    place = problems(state_dir) if found else ()
    findings = [f"{state.key}: {trouble}" for state in found for trouble in state.trouble]
    findings += list(place)
    if online:
        findings += run(_compare(session(state_dir=state_dir), found))
    if as_json:
        dump({"states": [state.as_dict() for state in found], "findings": findings})
    else:
        for finding in findings:
            out.print(f"[yellow]WARN[/] {finding}")
        out.print(f"{counted(len(found), 'state file')}, {counted(len(findings), 'finding')}")
    if findings:
        raise typer.Exit(FAILED)


async def _compare(client: KrakenSession, found: list[State]) -> list[str]:
    if not found:
        return ["this key has no state here: `kraken-async call Balance` makes it, and asks first"]
    async with client:
        try:
            info = await unhealed(client).private("GetApiKeyInfo")
        except (InvalidNonce, TemporaryLockout) as error:
            return [_unanswered(error, client.stats().last_nonce, shared=any(state.users for state in found))]
        mine = client.stats().last_nonce
    theirs = KeyInfo.of(info).nonce
    if theirs is None:
        return ["Kraken's answer shows no nonce: see `kraken-async conformance`"]
    if theirs > mine:
        return [f"Kraken has seen {theirs}, above ours, {mine}: another program uses this key"]
    return []


def _unanswered(error: KrakenError, mine: int, *, shared: bool) -> str:
    if error.outcome is Outcome.NOT_SENT:
        return f"Kraken was not asked: {error}"
    overtaken = ". Or a cancel of a session on this key overtook the question: ask again" if shared else ""
    return (
        f"Kraken refused our nonce {mine}: it has seen a higher one, so another program uses this key. Nothing was "
        f"changed here; `kraken-async nonce jump` raises ours by hand{overtaken}"
    )
