"""The commands, put together."""

from __future__ import annotations

import inspect
import os
from typing import Annotated, Final

import typer

from kraken_async import __version__
from kraken_async.cli import budget, call, demo, doctor, endpoints, gateway, halt, nonce, orders, serve, top
from kraken_async.cli.commands import Commands
from kraken_async.cli.common import EXIT_CODES, log_to_stderr, out
from kraken_async.cli.completion import complete_profile
from kraken_async.cli.conformance import command as conformance

TRY: Final = "Try it without a key"
ASK: Final = "Ask Kraken"
ORDERS: Final = "Orders and trading"
WATCH: Final = "Watch and check"

app: typer.Typer = typer.Typer(
    name="kraken-async",
    cls=Commands,
    help="Kraken calls in order, within the limits, and no order placed twice.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # they print the locals of every frame, and secrets may be among them
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"kraken-async {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="A profile for what the environment does not say.",
            autocompletion=complete_profile,
        ),
    ] = None,
    otp: Annotated[
        str | None, typer.Option("--otp", help="One-time password of a key that asks for one.")
    ] = None,
) -> None:
    """Kraken calls in order, within the limits, and no order placed twice."""
    log_to_stderr()
    for name, value in (("KRAKEN_PROFILE", profile), ("KRAKEN_API_OTP", otp)):
        if value is not None:
            _set(context, name, value)


def _set(context: typer.Context, name: str, value: str) -> None:
    """Set a variable for this command: whatever opens a session in it reads the environment."""
    before = os.environ.get(name)
    os.environ[name] = value
    context.call_on_close(
        lambda: os.environ.pop(name, None) if before is None else os.environ.__setitem__(name, before)
    )


# In the order of the help's groups; within a group in the order of a newcomer's questions.
demo.add_to(app, TRY)
serve.add_to(app, TRY)
call.add_to(app, ASK)
endpoints.add_to(app, ASK)
budget.add_to(app, ASK)
app.add_typer(orders.app, name="orders", rich_help_panel=ORDERS)
halt.add_to(app, ORDERS)
app.add_typer(gateway.app, name="gateway", rich_help_panel=WATCH)
top.add_to(app, WATCH)
doctor.add_to(app, WATCH)
conformance.add_to(app, WATCH)
app.add_typer(nonce.app, name="nonce", rich_help_panel=WATCH)


def _unwrap(group: typer.Typer) -> None:
    """Let the terminal break the lines of each command's help: those of its docstring are as wide as the code."""
    for command in group.registered_commands:
        command.help = _paragraphs(command.callback)
    if group.registered_callback is not None:
        group.registered_callback.help = _paragraphs(group.registered_callback.callback)
    for part in group.registered_groups:
        if part.typer_instance is not None:
            _unwrap(part.typer_instance)


def _paragraphs(command: object) -> str:
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


_unwrap(app)
