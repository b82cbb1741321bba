"""``python -m kraken_async.emulator``: serve a local Kraken until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence

from .emulator import Emulator
from .rules import TIERS


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tier: str = "starter",
    limits: bool = False,
    lockout: bool = False,
    jitter: tuple[float, float] = (0.0, 0.0),
    seed: int | None = None,
    as_json: bool = False,
    allow_remote: bool = False,
) -> int:
    """Serve until SIGINT or SIGTERM, having printed the URL and a key pair, and return an exit status.

    1 when the port cannot be had, with the reason on standard error.
    """
    emulator = Emulator(tier=tier, limits=limits, enforce_lockout=lockout, seed=seed, history_limit=10_000)
    try:
        asyncio.run(_serve(emulator, host, port, jitter, as_json=as_json, allow_remote=allow_remote))
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot serve on {host}:{port}: {error}\n")
        return 1
    return 0


async def _serve(
    emulator: Emulator,
    host: str,
    port: int,
    jitter: tuple[float, float],
    *,
    as_json: bool,
    allow_remote: bool,
) -> None:
    from .app import EmulatorServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except (NotImplementedError, RuntimeError):
            break  # Windows, or not the main thread: the interrupt ends asyncio.run instead
    options = {"host": host, "port": port, "jitter": jitter, "allow_remote": allow_remote}
    async with EmulatorServer(emulator, **options) as server:  # type: ignore[arg-type]  # checked by the command's parser
        sys.stdout.write(announce(server.url, emulator, as_json=as_json) + "\n")
        sys.stdout.flush()
        await stop.wait()


def announce(url: str, emulator: Emulator, *, as_json: bool) -> str:
    """Return what a user needs to call this emulator, as text or as one line of JSON."""
    api_key, api_secret = emulator.key
    if as_json:
        return json.dumps({"url": url, "api_key": api_key, "api_secret": api_secret})
    return (
        f"Local Kraken at {url} (stop with Ctrl-C)\n"
        f"KRAKEN_API_URL={url}\n"
        f"KRAKEN_API_KEY={api_key}\n"
        f"KRAKEN_API_SECRET={api_secret}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and `run`."""
    parser = argparse.ArgumentParser(prog="python -m kraken_async.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one")
    parser.add_argument("--tier", choices=sorted(TIERS), default="starter", help="whose limits apply")
    parser.add_argument("--limits", action="store_true", help="enforce Kraken's counters")
    parser.add_argument("--lockout", action="store_true", help="lock a key out after many bad nonces")
    parser.add_argument(
        "--jitter",
        nargs=2,
        type=float,
        default=(0.0, 0.0),
        metavar=("LEAST", "MOST"),
        help="path delay in seconds",
    )
    parser.add_argument("--seed", type=int, help="make keys and delays repeatable")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one line of JSON")
    parser.add_argument("--allow-remote", action="store_true", help="let --host be reachable by others")
    options = vars(parser.parse_args(argv))
    options["jitter"] = tuple(options["jitter"])
    return run(**options)
