"""Write ``sync_calls.py``: the types of ``overloads.py`` and ``spot.py`` for calls that are not awaited."""

from __future__ import annotations

import re

from kraken_async.api.description import Description
from kraken_async.api.writers.python import HEAD
from kraken_async.api.writers.spot import overloads_file, spot_file

_SYNC = '''\
"""The types of `kraken_async.sync`: what ``private``, ``public`` and ``spot`` return there. For type checkers only.

Fields of ``private`` and ``public`` are not checked here, and an unknown name gives Any: both are sent as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, overload

from kraken_async.api.results import (
{names}
)

Fields: TypeAlias = Mapping[str, Any]
'''

_SPOT = '''

class Spot(Protocol):
    """Every endpoint of Kraken's Spot REST API as a method that returns the result: ``client.spot.balance()``."""
'''

_ANSWER = re.compile(r"-> Answer\[(.*)\]:( \.\.\.)?$", re.MULTILINE)


def sync_calls_file(known: Description) -> str:
    """Return the text of ``sync_calls.py``."""
    overloads, spot = overloads_file(known), spot_file(known)
    calls = overloads[overloads.index("class AnyCall") :]
    methods = spot[spot.index("    def time(") :]
    body = f"\n\n{_returned(calls)}{_SPOT}{_returned(_without_bodies(methods))}"
    imported = {
        name for text in (overloads, spot) for name in re.findall(r"^ {4,8}(\w+),$", _imports(text), re.M)
    }
    names = "\n".join(f"    {name}," for name in sorted(imported - {"Answer"}, key=str.lower))
    return HEAD + _SYNC.format(names=names) + body


def _imports(text: str) -> str:
    """Return the list of result types that the file imports."""
    start = text.index("from kraken_async.api.results import (")
    return text[start : text.index(")", start)]


def _returned(text: str) -> str:
    return _ANSWER.sub(lambda found: f"-> {found[1]}:{found[2] or ''}", text)


def _without_bodies(methods: str) -> str:
    """Methods with signature and docstring only; of an overloaded one, the overloads."""
    kept: list[str] = []
    for block in re.split(r"\n(?=    (?:@overload|def ))", methods.lstrip("\n")):
        if block.strip() == "@overload":
            kept.append(block.rstrip("\n") if kept and kept[-1].endswith("...") else f"\n{block.rstrip()}")
        elif block.rstrip().endswith("..."):
            kept.append(block.rstrip("\n"))
        elif not (kept and kept[-1].endswith("...")):
            head, _, rest = block.partition('"""')
            kept.append(f'\n{head}"""{rest.partition(chr(34) * 3)[0]}"""')
        elif kept[-1].endswith("..."):
            kept.append("")  # the overloads say it all; a line apart from what follows
    return "\n".join(kept).replace("\n\n\n", "\n\n") + "\n"
