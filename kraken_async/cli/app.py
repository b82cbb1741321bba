"""The commands, put together."""

from __future__ import annotations

import typer

from kraken_async.cli import budget, call, demo, doctor, halt, nonce, orders, serve, top
from kraken_async.cli.common import EXIT_CODES

app = typer.Typer(
    name="kraken-async",
    help="Kraken calls in order, within the limits, and no order placed twice.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # they print the locals of every frame, and secrets may be among them
    context_settings={"help_option_names": ["-h", "--help"]},
)

demo.add_to(app)
call.add_to(app)
serve.add_to(app)
app.add_typer(nonce.app, name="nonce")
doctor.add_to(app)
budget.add_to(app)
app.add_typer(orders.app, name="orders")
halt.add_to(app)
top.add_to(app)
