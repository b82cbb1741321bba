"""``python -m kraken_async.emulator``: serve a local Kraken until interrupted.

``kraken-async emulator`` is the same, with the same flags.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import EmulatorConfig
from .emulator import Emulator
from .rules import TIERS

if TYPE_CHECKING:
    from .control import ControlServer


def configured(config: Path | None, flags: dict[str, Any]) -> EmulatorConfig:
    """Return the configuration of a file, or the default one, with what the flags say."""
    base = EmulatorConfig.read(config) if config is not None else EmulatorConfig()
    return base.with_flags(flags)


def run(config: EmulatorConfig, *, as_json: bool = False) -> bool:
    """Serve until SIGINT or SIGTERM, having printed the URL and a key pair; return whether it was interrupted.

    ValueError for what is wrong in ``config``, OSError when a port cannot be had.
    """
    try:
        return asyncio.run(_serve(config, as_json=as_json)) == signal.SIGINT
    except KeyboardInterrupt:
        return True


async def _serve(config: EmulatorConfig, *, as_json: bool) -> int:
    """Serve until a signal comes, and return its number."""
    from . import market
    from .app import EmulatorServer
    from .control import ControlServer

    emulator = config.emulator()
    markets = config.markets()
    for each in markets:
        market.pair_of(emulator, each)
    stop = _signalled()
    async with contextlib.AsyncExitStack() as stack:
        server = EmulatorServer(
            emulator, host=config.host, port=config.port, allow_remote=config.allow_remote
        )
        await stack.enter_async_context(server)
        control = None
        if config.control_port is not None:
            control = ControlServer(emulator, port=config.control_port, token=config.control_token)
            await stack.enter_async_context(control)
        movers = [asyncio.create_task(market.run(emulator, each)) for each in markets]
        stack.push_async_callback(_end, movers)
        sys.stdout.write(announce(server.url, emulator, control, as_json=as_json) + "\n")
        sys.stdout.flush()
        return await _until_signalled(stop, movers)


async def _until_signalled(stop: asyncio.Future[int], movers: list[asyncio.Task[None]]) -> int:
    """Wait for the signal; a market that fails ends the command, one that is at its end does not."""
    waiting: set[asyncio.Future[Any]] = {stop, *movers}
    while not stop.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    return stop.result()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _signalled() -> asyncio.Future[int]:
    """Return a future that SIGINT or SIGTERM gives its number."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if not stop.done():
            stop.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, end, number)
        except (NotImplementedError, RuntimeError):
            break  # Windows, or not the main thread: the interrupt ends asyncio.run instead
    return stop


def announce(url: str, emulator: Emulator, control: ControlServer | None, *, as_json: bool) -> str:
    """Return what a user needs to call this emulator, as text or as one line of JSON."""
    api_key, api_secret = emulator.key
    if as_json:
        shown: dict[str, Any] = {"url": url, "api_key": api_key, "api_secret": api_secret}
        if control is not None:
            shown["control"] = {"url": control.url, "token": control.token}
        return json.dumps(shown)
    lines = [
        f"# a local Kraken at {url}; Ctrl-C ends it",
        f"export KRAKEN_API_URL={url}",
        f"export KRAKEN_API_KEY={api_key}",
        f"export KRAKEN_API_SECRET={api_secret}",
    ]
    if control is not None:
        lines.append(f"# control API at {control.url}, Authorization: Bearer {control.token}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, `run`, and return an exit status."""
    parser = argparse.ArgumentParser(prog="python -m kraken_async.emulator", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML or JSON; flags win over it")
    parser.add_argument("--host", help="loopback address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port; 0 takes a free one (0)")
    parser.add_argument("--control-port", type=int, help="port of the control API; 0 takes a free one (0)")
    parser.add_argument("--key-file", help="file with an API key and its secret, a line each")
    parser.add_argument("--tier", choices=sorted(TIERS), help="whose limits apply (starter)")
    parser.add_argument("--limits", action="store_true", default=None, help="enforce Kraken's counters")
    parser.add_argument(
        "--lockout", action="store_true", default=None, help="lock a key out after many bad nonces"
    )
    parser.add_argument(
        "--jitter", nargs=2, type=float, metavar=("LEAST", "MOST"), help="path delay in seconds (0 0)"
    )
    parser.add_argument("--seed", type=int, help="make keys, prices and delays repeatable")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one line of JSON")
    parser.add_argument(
        "--allow-remote", action="store_true", default=None, help="let --host be reachable by others"
    )
    flags = vars(parser.parse_args(argv))
    path, as_json = flags.pop("config"), flags.pop("as_json")
    if flags["jitter"] is not None:
        flags["jitter"] = tuple(flags["jitter"])
    try:
        interrupted = run(configured(path, flags), as_json=as_json)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot serve: {error}\n")
        return 1
    return 130 if interrupted else 0
