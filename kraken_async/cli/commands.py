"""The commands as a group: what ends one of them that meets a fault of its own."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperGroup

from kraken_async.cli.common import INTERRUPTED, fail_with_fault

#: Options of every command, which stand before it.
_BEFORE: Final = {"--profile": "NAME", "--otp": "CODE"}


class Commands(TyperGroup):
    """The commands. A fault of any of them ends it with 3.

    With 1, as Python has it, a script would take an order for not placed.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except SystemExit:
            raise
        except BaseException as fault:
            _say_where(fault)
            # What ends a command on purpose has its code already; a reader of the output that has left is no fault.
            if hasattr(fault, "exit_code") or isinstance(fault, typer.Abort | BrokenPipeError):
                raise
            fail_with_fault(fault)


def _say_where(fault: BaseException) -> None:
    """Let what is said of an option that a command has not tell where it stands, if every command may have it."""
    option = getattr(fault, "option_name", None)
    if option in _BEFORE and hasattr(fault, "message"):
        fault.message = f"{option} stands before the command: kraken-async {option} {_BEFORE[option]} COMMAND"
        fault.possibilities = None  # type: ignore[attr-defined]  # of NoSuchOption, whose module is typer's own
