"""Compare a reply with the description: unknown keys, missing ones, values of another kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kraken_async.api.description import Description
from kraken_async.api.notation import Field, ListOf, MapOf, Object, Row, Scalar, Type, Union, Values
from kraken_async.problems import counted

_DECIMAL: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?").fullmatch
_INTEGER: Final = re.compile(r"-?[0-9]+").fullmatch
_PRICE: Final = re.compile(r"[-+#]?[0-9]+(?:\.[0-9]+)?%?").fullmatch
_DIGITS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?").fullmatch
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[-+]\d\d:?\d\d)?").fullmatch


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# 2001 to 2286 in each unit: a value of another unit does not fit.
_UNIT: Final = (10**9, 10**10)


def _is_time(value: object, per_second: int) -> bool:
    return _is_number(value) and (
        value == 0 or _UNIT[0] * per_second <= value < _UNIT[1] * per_second  # type: ignore[operator]  # a number
    )


_FITS: Final[dict[str, Callable[[Any], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "any": lambda _: True,
    "object": lambda value: isinstance(value, Mapping),
    "file": lambda value: isinstance(value, bytes),
    "null": lambda value: value is None,
    "amount": lambda value: isinstance(value, str) and _DECIMAL(value) is not None,
    "amount_number": _is_number,
    "price": lambda value: isinstance(value, str) and _PRICE(value) is not None,
    "integer_text": lambda value: isinstance(value, str) and _INTEGER(value) is not None,
    "seconds": lambda value: _is_time(value, 1),
    "whole_seconds": lambda value: _is_integer(value) and _is_time(value, 1),
    "seconds_text": lambda value: (
        isinstance(value, str) and _DIGITS(value) is not None and _is_time(float(value), 1)
    ),
    # Kraken's documentation shows nanoseconds where milliseconds come: the size tells.
    "milliseconds": lambda value: _is_integer(value) and any(_is_time(value, 10**unit) for unit in (3, 6, 9)),
    "nanoseconds": lambda value: _is_integer(value) and _is_time(value, 10**9),
    "iso_time": lambda value: isinstance(value, str) and (value in ("", "0") or _ISO(value) is not None),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: ``path`` as ``open.*.descr.price``, ``kind`` "unknown", "missing", "other" or "new value".

    ``what`` says it in words and holds no value of the reply, so that it can be shown to others.
    """

    path: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.path or 'the result'}: {self.what}"


def differences(value: object, type_: Type, known: Description) -> list[Difference]:
    """Return what differs between a result and its described type, each path once."""
    found: dict[tuple[str, str], Difference] = {}
    for each in _compare(value, type_, known, ""):
        found.setdefault((each.path, each.kind), each)
    return list(found.values())


def _compare(value: object, type_: Type, known: Description, path: str) -> list[Difference]:
    type_ = known.resolve(type_)
    if isinstance(type_, Union):
        return _best([_compare(value, option, known, path) for option in type_.options], path)
    if isinstance(type_, Scalar):
        return [] if _FITS[type_.name](value) else [_other(path, value, type_.name)]
    if isinstance(type_, Values):
        return _compare_value(value, type_, path)
    if isinstance(type_, ListOf):
        if not isinstance(value, (list, tuple)):
            return [_other(path, value, "list")]
        return [each for item in value for each in _compare(item, type_.of, known, f"{path}[]")]
    if isinstance(type_, Row):
        return _compare_row(value, type_, known, path)
    if not isinstance(value, Mapping):
        return [_other(path, value, "object")]
    if isinstance(type_, MapOf):
        return [
            each for item in value.values() for each in _compare(item, type_.of, known, _under(path, "*"))
        ]
    assert isinstance(type_, Object)  # names are resolved
    return _compare_object(value, type_, known, path)


def _compare_object(
    value: Mapping[str, object], type_: Object, known: Description, path: str
) -> list[Difference]:
    named = {field.name: field for field in type_.fields if not field.others}
    others: Field | None = next((field for field in type_.fields if field.others), None)
    found = [
        Difference(_under(path, name), "missing", "missing")
        for name, field in named.items()
        if not field.optional and name not in value
    ]
    for name, item in value.items():
        if name in named:
            found += _compare(item, named[name].type, known, _under(path, name))
        elif others is not None:
            found += _compare(item, others.type, known, _under(path, "*"))
        else:
            found.append(Difference(_under(path, name), "unknown", f"not described; {_kind(item)}"))
    return found


def _compare_row(value: object, type_: Row, known: Description, path: str) -> list[Difference]:
    if not isinstance(value, (list, tuple)):
        return [_other(path, value, "list")]
    most = len(type_.places)
    if not most - type_.short <= len(value) <= most:
        return [Difference(path, "other", f"has {counted(len(value), 'place')}, described are {most}")]
    return [
        each
        for index, (item, place) in enumerate(zip(value, type_.places, strict=False))
        for each in _compare(item, place, known, f"{path}[{index}]")
    ]


def _compare_value(value: object, type_: Values, path: str) -> list[Difference]:
    if value in type_.values and not isinstance(value, bool):
        return []
    if type_.open and isinstance(value, str):
        return []
    if isinstance(value, str):
        return [Difference(path, "new value", "has a value that is not in the list")]
    return [_other(path, value, "text" if type_.open else "one of a list of values")]


def _best(tries: list[list[Difference]], path: str) -> list[Difference]:
    """Return the comparison with the option that fits best: one of the same kind, with the fewest differences."""
    return min(tries, key=lambda found: (any(each.path == path for each in found), len(found)))


def _other(path: str, value: object, described: str) -> Difference:
    return Difference(path, "other", f"is {_kind(value)}, described is {described}")


def _kind(value: object) -> str:
    """Return a value's kind in JSON's words, for texts and numbers with what they look like; never the value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return f"text ({_looks_like(value)})"
    if isinstance(value, int):
        return f"integer of {counted(len(str(abs(value))), 'digit')}"
    if isinstance(value, float):
        return "number"
    if isinstance(value, Mapping):
        return "object"
    return "file" if isinstance(value, bytes) else "list"


def _looks_like(text: str) -> str:
    if not text:
        return "empty"
    if _INTEGER(text):
        return "digits"
    if _DECIMAL(text):
        return "a decimal number"
    return "a time" if _ISO(text) else "other"


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def came(value: object, type_: Type, known: Description) -> tuple[set[str], set[str]]:
    """Paths of described fields that a result has, and of those that some object in it lacks."""
    seen: set[str] = set()
    lacking: set[str] = set()
    _collect(value, type_, known, "", seen, lacking)
    return seen, lacking


def _collect(
    value: object, type_: Type, known: Description, path: str, seen: set[str], lacking: set[str]
) -> None:
    type_ = known.resolve(type_)
    if isinstance(type_, Union):
        options = [each for each in type_.options if not _compare(value, each, known, path)]
        for option in options[:1]:
            _collect(value, option, known, path, seen, lacking)
    elif isinstance(type_, ListOf) and isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, type_.of, known, f"{path}[]", seen, lacking)
    elif isinstance(type_, MapOf) and isinstance(value, Mapping):
        for item in value.values():
            _collect(item, type_.of, known, _under(path, "*"), seen, lacking)
    elif isinstance(type_, Object) and isinstance(value, Mapping):
        named = [field for field in type_.fields if not field.others]
        lacking |= {_under(path, field.name) for field in named if field.name not in value}
        for field in [field for field in named if field.name in value]:
            here = _under(path, field.name)
            seen.add(here)
            _collect(value[field.name], field.type, known, here, seen, lacking)
