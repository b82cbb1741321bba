"""``kraken-async emulator``: a local Kraken for any client."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from kraken_async.cli.common import EXIT_CODES, Json, dump, err, out, run, usage
from kraken_async.emulator import Emulator, EmulatorServer


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    app.command("emulator", rich_help_panel=group, epilog=EXIT_CODES)(emulator)


def emulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 0,
    tier: Annotated[
        str, typer.Option(help="starter, intermediate or pro; counts with --limits.")
    ] = "starter",
    limits: Annotated[bool, typer.Option("--limits", help="Enforce both counters.")] = False,
    jitter: Annotated[
        float, typer.Option(min=0, help="Up to so many milliseconds on the path of each call.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Serve a local emulator of Kraken on loopback, for this or any other client, until interrupted.

    Prints its address and a key pair that works there and nowhere else.

    Example: kraken-async emulator --port 8099 --limits --tier pro
    """
    try:
        kraken = Emulator(limits=limits, tier=tier)
    except ValueError as error:
        usage(str(error))
    try:
        run(_serve(EmulatorServer(kraken, port=port, jitter=(0.0, jitter / 1000)), as_json=as_json))
    except OSError as error:
        usage(f"port {port} cannot be used: {error.strerror}", "--port 0, for a free one")


async def _serve(server: EmulatorServer, *, as_json: bool) -> None:
    async with server:
        key = server.emulator.key
        if as_json:
            dump({"url": server.url, "api_key": key.api_key, "api_secret": key.api_secret})
        else:
            out.print(f"export KRAKEN_API_URL={server.url}")
            out.print(f"export KRAKEN_API_KEY={key.api_key}")
            out.print(f"export KRAKEN_API_SECRET={key.api_secret}")
            err.print("serving; Ctrl-C ends it")
        await asyncio.Event().wait()
