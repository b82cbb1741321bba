"""Tables: as wide as the terminal, and a row a line into a pipe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from rich.measure import Measurement

from kraken_async.cli.common import Output, out

if TYPE_CHECKING:
    from rich.table import Table

_UNBOUNDED: Final = 100_000  # columns: no table has as many


def print_table(rows: Table) -> None:
    """Print a table as wide as the terminal. Into a pipe or a file each row is a line, unless COLUMNS gives a width."""
    if out.is_terminal or "COLUMNS" in os.environ:
        out.print(rows)
        return
    room = out.options.update(max_width=_UNBOUNDED)
    Output(highlight=False, width=Measurement.get(out, room, rows).maximum).print(rows)
