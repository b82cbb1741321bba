"""The parameters of an endpoint in words, from its typed method and the values that are described."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from kraken_async.api import results
from kraken_async.api.description import method_name
from kraken_async.api.parameters import PARAMETERS
from kraken_async.api.rules import OneOf
from kraken_async.api.spot import Spot

_WORDS: Final = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}
_NUMBER: Final = {Decimal, float, str}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a call: its name at Kraken, whether a call needs it, its type or its values in words."""

    name: str
    required: bool
    type: str


def page(endpoint: str) -> str:
    """Return the page of the documentation that describes an endpoint."""
    return f"docs/endpoints/{method_name(endpoint).replace('_', '-')}.md"


def help_of(endpoint: str) -> str:
    """Return the command that prints the text of an endpoint's typed method, with or without a clone."""
    return f"python -m pydoc kraken_async.api.spot.Spot.{method_name(endpoint)}"


def parameters(endpoint: str) -> list[Parameter]:
    """Return the parameters of a described endpoint, required ones first."""
    method = getattr(Spot, method_name(endpoint))
    hints = typing.get_type_hints(method, {**vars(typing), **vars(results), "Sequence": Sequence})
    known = PARAMETERS.get(endpoint)
    table = {} if known is None else known.table
    names = {name.replace("-", "_"): name for name in table}  # Kraken's, some of which are no keywords
    found = []
    for keyword, parameter in inspect.signature(method).parameters.items():
        if keyword == "self":
            continue
        name = names.get(keyword.rstrip("_"), keyword)
        words = _words(hints[keyword])
        values = table.get(name)
        if words == "text" and isinstance(values, OneOf) and values.values:
            words = f"{', '.join(sorted(values.values))}, perhaps others"
        found.append(Parameter(name, parameter.default is inspect.Parameter.empty, words))
    return sorted(found, key=lambda each: not each.required)


def _words(hint: Any) -> str:
    """Return a type in words; values are listed."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return ", ".join(map(str, parts))
    if origin is Sequence:
        return f"list of {_words(parts[0])}"
    if origin in (typing.Union, types.UnionType):
        return _one_of([part for part in parts if part is not type(None)])
    if typing.is_typeddict(hint):
        return f"object of {', '.join(hint.__annotations__)}"
    return _WORDS.get(hint) or str(getattr(hint, "__name__", hint))


def _one_of(options: list[Any]) -> str:
    words = []
    if set(options) >= _NUMBER:
        words.append("decimal")
        options = [option for option in options if option not in _NUMBER]
    if any(typing.get_origin(option) is Sequence for option in options):
        options = [option for option in options if option is not str]  # a list's parts with commas between
    return " or ".join([*words, *map(_words, options)])
