"""``kraken-async gateway``: one process holds the keys, programs in any language call through it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from kraken_async.cli.common import (
    EXIT_CODES,
    Json,
    Yes,
    confirm,
    deliver,
    dump,
    err,
    opened,
    out,
    run,
    usage,
)
from kraken_async.cli.tables import print_table
from kraken_async.gateway import GatewayConfig, TokenFile
from kraken_async.gateway.scopes import checked
from kraken_async.gateway.status import MEMORY
from kraken_async.gateway.tokens import seconds_of
from kraken_async.problems import counted

if TYPE_CHECKING:
    from kraken_async import KrakenSession
    from kraken_async.gateway import Gateway
    from kraken_async.gateway.config import AccountConfig

OneAccount = Annotated[
    str | None, typer.Option("--account", help="The account; may be left out where there is one.")
]
Config = Annotated[Path, typer.Option("--config", "-c", help="The gateway's TOML file.")]
DEFAULT = Path("gateway.toml")

app: typer.Typer = typer.Typer(
    invoke_without_command=True,
    epilog=EXIT_CODES,
)
tokens: typer.Typer = typer.Typer(help="Who may call the gateway, and what for.", no_args_is_help=True)
app.add_typer(tokens, name="token")


@app.callback()
def gateway(context: typer.Context, config: Config = DEFAULT, as_json: Json = False) -> None:
    """Serve the accounts of a configuration on loopback or a unix socket, until interrupted.

    Programs point their base URL at it and give a token as their API key; the key and the secret stay here. Prints its
    address as its first line. The page at / shows each account, and can halt it. SIGTERM ends it once the calls
    in progress have finished.

    Example: kraken-async gateway --config gateway.toml
    """
    if context.invoked_subcommand is None:
        loaded = _load(config)
        try:
            run(_serve(loaded, as_json=as_json))
        except OSError as error:
            usage(
                f"the gateway cannot listen: {error.strerror or error}",
                'listen = "127.0.0.1:0", for any port',
            )


async def _serve(config: GatewayConfig, *, as_json: bool) -> None:
    from kraken_async.gateway import Gateway

    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with Gateway(config) as serving:
        for name in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends it as it ends any program
                loop.add_signal_handler(name, ending.set)
        _say_where(serving, as_json=as_json)
        await ending.wait()
        for name in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(name)  # a second one ends it at once
        err.print("closing: no new call is taken; those in progress may finish")


def _say_where(serving: Gateway, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"url": serving.url}) + "\n")
    else:
        sys.stdout.write(serving.url + "\n")
    sys.stdout.flush()
    count = len(serving.tokens.read())
    err.print(f"serving {', '.join(serving.accounts)}; {counted(count, 'token')}; Ctrl-C ends it")
    if not count:
        err.print("no token yet: kraken-async gateway token add NAME --account ... --allow read")


@app.command("halt", epilog=EXIT_CODES)
def halt(
    account: OneAccount = None, config: Config = DEFAULT, yes: Yes = False, as_json: Json = False
) -> None:
    """Stop trading on an account, whether the gateway runs or not: CancelAll goes out, and orders are refused.

    CancelAll cancels all open orders of the account, protective stops and those of other keys too. Every program on the
    key that shares the account's store is stopped, and it holds over restarts until `kraken-async gateway resume`.

    Example: kraken-async gateway halt --account main --config gateway.toml
    """
    cure = "halt it by its page, or stop the gateway and cancel with `kraken-async call CancelAll`"
    chosen = _account_with_state(account, config, "halt", cure)
    confirm(f"All open orders of {chosen.name} will be cancelled, protective stops too.", yes=yes)
    answer = run(_halt(chosen))
    deliver(lambda: _show_halted(chosen.name, answer, as_json=as_json))


def _show_halted(name: str, answer: Any, *, as_json: bool) -> None:
    if as_json:
        dump({"account": name, "halted": True, "cancelled": answer})
        return
    count = answer["count"] if answer else 0
    out.print(f"{name} is halted; {counted(count, 'order')} cancelled", markup=False)


@app.command("resume", epilog=EXIT_CODES)
def resume(
    account: OneAccount = None, config: Config = DEFAULT, yes: Yes = False, as_json: Json = False
) -> None:
    """Let orders of an account go again after a halt, by the page or otherwise. Nothing is sent.

    Example: kraken-async gateway resume --account main --config gateway.toml
    """
    cure = "start the gateway again: its halt ends with it"
    chosen = _account_with_state(account, config, "resume", cure)
    confirm(f"Every program may place orders on {chosen.name} again.", yes=yes)
    run(_resume(chosen))
    if as_json:
        dump({"account": chosen.name, "halted": False})
    else:
        out.print(f"{chosen.name}: orders may go again", markup=False)


async def _halt(account: AccountConfig) -> Any:
    async with opened(_session(account)) as client:
        return await client.halt()


async def _resume(account: AccountConfig) -> None:
    async with _session(account) as client:
        client.resume()


def _session(account: AccountConfig) -> KrakenSession:
    from kraken_async.gateway.account import make_session, store_of_account

    return make_session(account, store_of_account(account))


def _account_with_state(name: str | None, config: Path, verb: str, cure: str) -> AccountConfig:
    """Return the account, if its state can be changed from beside the gateway."""
    chosen = _account(name, config)
    if chosen.store == MEMORY:
        usage(
            f"the state of {chosen.name} is in the gateway's memory, where nothing else can {verb} it", cure
        )
    return chosen


def _account(name: str | None, config: Path) -> AccountConfig:
    accounts = {each.name: each for each in _load(config).accounts}
    if name is None and len(accounts) == 1:
        return next(iter(accounts.values()))
    if name is None:
        usage("which account?", f"--account {next(iter(accounts))}")
    if name not in accounts:
        usage(f"there is no account {name!r}", f"one of {', '.join(accounts)}")
    return accounts[name]


@tokens.command("add", epilog=EXIT_CODES)
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What to call it, such as the program that will use it.")
    ],
    allow: Annotated[str, typer.Option(help="read, trade (cancels included), cancel, halt; with commas.")],
    account: Annotated[
        list[str] | None, typer.Option(help="The account it is for. Several: to watch and halt only.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="How long it is valid, such as 30d; always if not given.")
    ] = None,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Make a token and print it, this once: only its hash is kept. No token allows withdrawals.

    A program gives it as its API key. Where it asks for a secret too, any base64 will do, the token itself for one.

    Example: kraken-async gateway token add bot --account main --allow trade,read --expires 30d
    """
    loaded = _load(config)
    names = [each.name for each in loaded.accounts]
    accounts = account or (names if len(names) == 1 else [])
    if not accounts:
        usage("which account is it for?", f"--account {names[0]}")
    for each in accounts:
        if each not in names:
            usage(f"there is no account {each!r}", f"one of {', '.join(names)}")
    try:
        seconds = None if expires is None else seconds_of(expires)
        text = TokenFile(loaded.tokens).add(name, accounts, checked(allow), expires_in=seconds)
    except ValueError as error:
        usage(str(error))
    if as_json:
        sys.stdout.write(json.dumps({"name": name, "token": text}) + "\n")  # a line, as the address is
    else:
        out.print(text, markup=False)
        err.print("shown this once; a running gateway knows it already")


@tokens.command("list", epilog=EXIT_CODES)
def show(config: Config = DEFAULT, as_json: Json = False) -> None:
    """List the tokens: their names, what they may do, and until when. Their text is kept nowhere.

    Example: kraken-async gateway token list
    """
    try:
        found = TokenFile(_load(config).tokens).read()
    except ValueError as error:
        usage(str(error))
    now = time.time()
    if as_json:
        dump(
            [
                {
                    "name": token.name,
                    "accounts": token.accounts,
                    "allow": token.allow,
                    "created_at": token.created_at,
                    "expires_at": token.expires_at,
                    "expired": token.expired(now),
                }
                for token in found
            ]
        )
        return
    rows = Table(show_edge=False, pad_edge=False)
    for title in ("name", "account", "may", "since", "until"):
        rows.add_column(title)
    for token in found:
        until = "always" if token.expires_at is None else _day(token.expires_at)
        until += " (over)" if token.expired(now) else ""
        rows.add_row(
            token.name, ", ".join(token.accounts), ", ".join(token.allow), _day(token.created_at), until
        )
    if found:
        print_table(rows)
    else:
        out.print("no token yet")


@tokens.command("remove", epilog=EXIT_CODES)
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, as `token list` shows it.")],
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Remove a token. A running gateway refuses it from the next call on.

    Example: kraken-async gateway token remove bot
    """
    try:
        TokenFile(_load(config).tokens).remove(name)
    except ValueError as error:
        usage(str(error))
    if as_json:
        dump({"name": name, "removed": True})
    else:
        out.print(f"removed {name}", markup=False)


def _load(path: Path) -> GatewayConfig:
    try:
        return GatewayConfig.load(path)
    except ValueError as error:
        usage(str(error))


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
