"""``kraken-async halt`` and ``resume``: stop all trading on a key, from wherever there is a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken_async.cli.common import EXIT_CODES, Json, Yes, confirm, deliver, dump, opened, out, run, session
from kraken_async.cli.states import StateDir

if TYPE_CHECKING:
    import typer

    from kraken_async import KrakenSession


def add_to(app: typer.Typer, group: str) -> None:
    """Add both commands to a group of the help."""
    app.command("halt", rich_help_panel=group, epilog=EXIT_CODES)(halt)
    app.command("resume", rich_help_panel=group, epilog=EXIT_CODES)(resume)


def halt(state_dir: StateDir = None, yes: Yes = False, as_json: Json = False) -> None:
    """Stop trading on KRAKEN_API_KEY: CancelAll goes out, and every session on the key refuses orders from now on.

    Running bots that share the state directory are stopped too, waiting orders fail unsent, and it holds over
    restarts until `kraken-async resume`. Cancels and reads go on.

    Example: kraken-async halt --yes
    """
    confirm("All open orders of the account will be cancelled, and new ones refused.", yes=yes)
    result = run(_halt(session(state_dir=state_dir)))
    deliver(lambda: _show(result, as_json=as_json))


def _show(result: Any, *, as_json: bool) -> None:
    if as_json:
        dump({"halted": True, "cancelled": result})
    else:
        out.print(f"halted; {result['count']} orders cancelled. `kraken-async resume` lets orders go again")


async def _halt(client: KrakenSession) -> Any:
    async with opened(client):
        return await client.halt()


def resume(state_dir: StateDir = None, yes: Yes = False, as_json: Json = False) -> None:
    """Let orders of KRAKEN_API_KEY go again after a halt. Nothing is sent.

    Example: kraken-async resume --yes
    """
    confirm("Every program on the key may place orders again.", yes=yes)
    run(_resume(session(state_dir=state_dir)))
    if as_json:
        dump({"halted": False})
    else:
        out.print("orders may go again")


async def _resume(client: KrakenSession) -> None:
    async with client:
        client.resume()
