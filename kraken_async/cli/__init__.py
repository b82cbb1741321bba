"""The command line, ``kraken-async``: one file per command, and a user of the public names only."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``kraken-async``. Without typer or rich it says how to get them, and exits with 2. Ctrl-C: 130."""
    try:
        _run()
    except KeyboardInterrupt:  # before a command has begun: nothing was sent
        raise SystemExit(130) from None


def _run() -> None:
    try:
        import rich  # noqa: F401 - only to find out whether it is there
        import typer  # noqa: F401 - likewise
    except ModuleNotFoundError as error:
        if error.name not in ("rich", "typer"):
            raise  # they are there and broken: not for us to hide
        print(
            "kraken-async: the command line needs typer and rich, the extra [cli]; run: "
            "pip install 'typer>=0.15' 'rich>=13.9'",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    from kraken_async.cli.app import app

    app()
