"""``kraken-async halt`` and ``resume``: stop all trading on a key, from wherever there is a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from kraken_async import NonceStoreError
from kraken_async.cli.common import (
    EXIT_CODES,
    NOT_SENT,
    Json,
    Yes,
    confirm,
    deliver,
    dump,
    fail,
    opened,
    out,
    run,
    session,
)
from kraken_async.cli.states import StateDir, sessions
from kraken_async.problems import counted

if TYPE_CHECKING:
    from kraken_async import KrakenSession

#: A session that has said nothing for so many seconds is not counted among the living.
LIVING: Final = 20.0


def add_to(app: typer.Typer, group: str) -> None:
    """Add both commands to a group of the help."""
    app.command("halt", rich_help_panel=group, epilog=EXIT_CODES)(halt)
    app.command("resume", rich_help_panel=group, epilog=EXIT_CODES)(resume)


def halt(
    state_dir: StateDir = None,
    no_cancel: Annotated[
        bool, typer.Option("--no-cancel", help="Leave the account's open orders as they are.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Stop trading on KRAKEN_API_KEY: CancelAll goes out, and every session on the key refuses orders from now on.

    CancelAll cancels all open orders of the account, protective stops and those of other keys too; --no-cancel leaves
    them. Running bots that share the store (KRAKEN_STORE, or the state directory) are stopped too, waiting orders fail
    unsent, and it holds over restarts until `kraken-async resume`. Cancels and reads go on.

    Example: kraken-async halt --yes
    """
    client = session(state_dir=state_dir)  # a missing key is said before anything is asked
    orders = "stay open" if no_cancel else "will be cancelled, protective stops too"
    confirm(f"All open orders of the account {orders}, and new ones are refused.", yes=yes)
    others = [each for each in sessions(state_dir) if each["silent"] < LIVING]
    result = run(_halt(client, cancel=not no_cancel))
    deliver(lambda: _show(result, others, as_json=as_json))


def _show(result: Any, others: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        reached = [{"pid": each.get("pid"), "host": each.get("host", "")} for each in others]
        dump({"halted": True, "cancelled": result, "sessions": reached})
        return
    cancelled = (
        "no order was cancelled" if result is None else f"{counted(result['count'], 'order')} cancelled"
    )
    seen = (
        f"{counted(len(others), 'running session')} stopped"
        if others
        else "no running session was seen on this store"
    )
    out.print(f"halted; {cancelled}; {seen}. `kraken-async resume` lets orders go again")


async def _halt(client: KrakenSession, *, cancel: bool) -> Any:
    try:
        await client.open()
    except NonceStoreError as error:
        fail(
            f"{error}. Nothing is halted, and no order was cancelled",
            "cancel the orders on Kraken's page, or by --state-dir with another directory, which stops no program",
            NOT_SENT,
        )
    async with opened(client):
        return await client.halt(cancel=cancel)


def resume(state_dir: StateDir = None, yes: Yes = False, as_json: Json = False) -> None:
    """Let orders of KRAKEN_API_KEY go again after a halt. Nothing is sent.

    Example: kraken-async resume --yes
    """
    client = session(state_dir=state_dir)
    confirm("Every program on the key may place orders again.", yes=yes)
    run(_resume(client))
    if as_json:
        dump({"halted": False})
    else:
        out.print("orders may go again")


async def _resume(client: KrakenSession) -> None:
    async with client:
        client.resume()
