"""Python as the formatter would leave it: types, lists of values, docstrings, comments."""

from __future__ import annotations

import json
import keyword
import textwrap
from collections.abc import Iterable
from typing import Final

from kraken_async.api.description import Description
from kraken_async.api.notation import ListOf, MapOf, Named, Object, Row, Scalar, Type, Union, Values

WIDTH: Final = 110
HEAD: Final = "# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.\n"

_RESULTS: Final = {
    "boolean": "bool",
    "any": "Any",
    "object": "dict[str, Any]",
    "file": "bytes",
    "null": "None",
    **dict.fromkeys(("text", "amount", "price", "integer_text", "seconds_text", "iso_time"), "str"),
    **dict.fromkeys(("integer", "whole_seconds", "milliseconds", "nanoseconds"), "int"),
    **dict.fromkeys(("number", "amount_number", "seconds"), "float"),
}
_PARAMETERS: Final = {
    "text": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "amount": "Number",
    "price": "Number",
    "seconds": "float",
    "iso_time": "str",
    "object": "Mapping[str, Any]",
}


def result_type(type_: Type, known: Description) -> str:
    """Return the type of a part of a result."""
    if isinstance(type_, Scalar):
        return _RESULTS[type_.name]
    if isinstance(type_, Named):
        return type_.name
    if isinstance(type_, Values):
        return _values(type_)
    if isinstance(type_, ListOf):
        return f"list[{result_type(type_.of, known)}]"
    if isinstance(type_, MapOf):
        return f"dict[str, {result_type(type_.of, known)}]"
    if isinstance(type_, Row):  # a list in JSON, and so in Python
        plain = (_plain(place, known) for place in type_.places)
        return f"list[{' | '.join(dict.fromkeys(plain))}]"
    assert isinstance(type_, Union)  # an object has a name
    return " | ".join(dict.fromkeys(result_type(option, known) for option in type_.options))


def parameter_type(type_: Type, known: Description) -> str:
    """Return the type of a parameter: what the encoder takes for it."""
    if isinstance(type_, Scalar):
        return _PARAMETERS[type_.name]
    if isinstance(type_, Named):
        resolved = known.resolve(type_)
        return "str" if isinstance(resolved, Values) and resolved.open else type_.name
    if isinstance(type_, Values):
        return "str" if type_.open else _values(type_)
    if isinstance(type_, ListOf):
        one = parameter_type(type_.of, known)
        resolved = known.resolve(type_.of)
        return f"Sequence[{one}]" if isinstance(resolved, Object) else f"str | Sequence[{one}]"
    assert isinstance(type_, Union)  # parameters are no maps
    return " | ".join(dict.fromkeys(parameter_type(option, known) for option in type_.options))


def _values(type_: Values) -> str:
    if type_.open:
        return "str"
    return f"Literal[{', '.join(json.dumps(value) for value in type_.values)}]"


def _plain(type_: Type, known: Description) -> str:
    return "str" if isinstance(known.resolve(type_), Values) else result_type(type_, known)


def assignment(start: str, value: str) -> str:
    """``start = Literal[...]`` on one line, or with one value a line where it does not fit."""
    line = f"{start} = {value}"
    if len(line) <= WIDTH or not value.startswith("Literal["):
        return line
    values = value.removeprefix("Literal[").removesuffix("]").split(", ")
    return "\n".join([f"{start} = Literal[", *(f"    {each}," for each in values), "]"])


def keyword_name(name: str) -> str:
    """Return a parameter's name as a Python keyword: ``from`` gives ``from_``, ``fee-info`` gives ``fee_info``."""
    plain = name.replace("-", "_")
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def wrapped(text: str, indent: str, *, hanging: str = "    ", width: int = WIDTH) -> list[str]:
    """Text as lines of a docstring; lines after the first are indented further."""
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent + hanging, break_long_words=False
    )


def comment(text: str, indent: str) -> list[str]:
    """Text as comment lines."""
    return textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def indented(lines: Iterable[str], indent: str = "    ") -> list[str]:
    """Return the lines, indented."""
    return [indent + line if line else line for line in lines]
