"""The commands as a group: what ends one of them that meets a fault of its own."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from kraken_async.cli.common import INTERRUPTED, fail_with_fault


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
            # What ends a command on purpose has its code already; a reader of the output that has left is no fault.
            if hasattr(fault, "exit_code") or isinstance(fault, typer.Abort | BrokenPipeError):
                raise
            fail_with_fault(fault)
