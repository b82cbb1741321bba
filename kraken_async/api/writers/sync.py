"""Write ``sync_calls.py``: the types of ``overloads.py`` and ``spot.py`` for calls that are not awaited."""

from __future__ import annotations

import re

from kraken_async.api.description import Described, Description
from kraken_async.api.writers.python import HEAD, indented
from kraken_async.api.writers.spot import overloads_file, overloads_of, used_names

_SYNC = '''\
"""The types of `kraken_async.sync`: what ``private``, ``public`` and ``spot`` return there. For type checkers only.

Fields of ``private`` and ``public`` are not checked here, and an unknown name gives Any: both are sent as they are.
A method of ``Spot`` has the parameters of its namesake that is awaited, where they are explained.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from kraken_async.api import spot
from kraken_async.api.results import (
{names}
)

Fields: TypeAlias = Mapping[str, Any]
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _waits(
    method: Callable[Concatenate[Any, _P], Coroutine[Any, Any, _T]],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, _P], _T]]:
    """Give a method the parameters of one that is awaited, and what that gives in the end."""
    untyped: Any = method
    return lambda _: untyped  # only the type counts
'''

_SPOT = '''
class Spot(Protocol):
    """Every endpoint of Kraken's Spot REST API as a method that returns the result: ``client.spot.balance()``."""
'''

_ANSWER = re.compile(r"-> Answer\[(.*)\]:( \.\.\.)?$", re.MULTILINE)


def sync_calls_file(known: Description) -> str:
    """Return the text of ``sync_calls.py``."""
    overloads = overloads_file(known)
    calls = overloads[overloads.index("class AnyCall") :]
    endpoints = [each for each in known.endpoints.values() if not each.beta]
    methods = [line for each in endpoints for line in _method(each, known)]
    body = _returned("\n\n".join(["", calls.rstrip("\n"), _SPOT + "\n".join(indented(methods)) + "\n"]))
    names = "\n".join(f"    {name}," for name in used_names(body))
    return HEAD + _SYNC.format(names=names) + body


def _returned(text: str) -> str:
    return _ANSWER.sub(lambda found: f"-> {found[1]}:{found[2] or ''}", text)


def _method(endpoint: Described, known: Description) -> list[str]:
    """Return the method; where a parameter decides what comes, an overload for each."""
    name = endpoint.method_name
    if endpoint.variants:
        return ["", *overloads_of(endpoint, known, about=True)]
    return ["", f"@_waits(spot.Spot.{name})", f"def {name}(self) -> None: ..."]
