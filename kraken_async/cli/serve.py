"""``kraken-async emulator``: a local Kraken for any client. What it does is in the emulator's own command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kraken_async.cli.common import EXIT_CODES, INTERRUPTED, Json, usage
from kraken_async.cli.completion import complete_tier
from kraken_async.emulator.command import configured, run


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    app.command("emulator", rich_help_panel=group, epilog=EXIT_CODES)(emulator)


def emulator(
    config: Annotated[Path | None, typer.Option(help="TOML or JSON file; flags win over it.")] = None,
    host: Annotated[str | None, typer.Option(help="Loopback address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: a free one.")] = None,
    control_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the control API; 0: a free one.")
    ] = None,
    key_file: Annotated[
        str | None, typer.Option(help="File with an API key and its secret, a line each.")
    ] = None,
    tier: Annotated[
        str | None,
        typer.Option(
            help="starter, intermediate or pro; counts with --limits.", autocompletion=complete_tier
        ),
    ] = None,
    limits: Annotated[bool, typer.Option("--limits", help="Enforce both counters.")] = False,
    lockout: Annotated[bool, typer.Option("--lockout", help="Lock a key out after many bad nonces.")] = False,
    jitter: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LEAST MOST", help="Seconds on the path of each call."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Make keys, prices and delays repeatable.")] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let --host be reachable by others.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve a local emulator of Kraken on loopback, for this or any other client, until interrupted.

    Prints its address, a key pair that works there and nowhere else, and the address and the token of its control API.

    Example: kraken-async emulator --port 8099 --limits --tier pro --seed 1
    """
    flags = {
        "host": host,
        "port": port,
        "control_port": control_port,
        "key_file": key_file,
        "tier": tier,
        "limits": limits or None,
        "lockout": lockout or None,
        "jitter": jitter,
        "seed": seed,
        "allow_remote": allow_remote or None,
    }
    try:
        if run(configured(config, flags), as_json=as_json):
            raise typer.Exit(INTERRUPTED)
    except ValueError as error:
        usage(str(error))
    except OSError as error:
        usage(f"the port cannot be used: {error.strerror}", "--port 0, for a free one")
