"""The notation of types in ``spot.toml``, as values: see the head of that file.

``parse("[(amount, seconds?)] | null")`` gives ``Union((ListOf(Row((Scalar("amount"), ...)``; nothing is looked up
here, so a name stays a ``Named`` until the description that holds it is asked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

SCALARS: Final = frozenset(
    {
        *("text", "integer", "number", "boolean", "any", "object", "file", "null"),
        *("amount", "amount_number", "price", "integer_text"),
        *("seconds", "whole_seconds", "seconds_text", "milliseconds", "nanoseconds", "iso_time"),
    }
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, such as ``amount``."""

    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """A reference to a type of the description."""

    name: str


@dataclass(frozen=True, slots=True)
class Values:
    """The values that there are; with ``open`` others may come."""

    values: tuple[str | int, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one type."""

    of: Type


@dataclass(frozen=True, slots=True)
class Row:
    """A list with fixed places; with ``short`` the last may be missing."""

    places: tuple[Type, ...]
    short: bool


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose keys are names of one kind."""

    kind: str
    of: Type


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types."""

    options: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object, or a parameter.

    ``optional``: the key may be missing. ``others``: it stands for all keys that have no line of their own.
    ``source``: the only source that has it, else "". ``deprecated``: what to use instead and since when, else "".
    """

    name: str
    type: Type
    optional: bool = False
    others: bool = False
    note: str = ""
    source: str = ""
    deprecated: str = ""


@dataclass(frozen=True, slots=True)
class Object:
    """An object with named fields."""

    fields: tuple[Field, ...]


Type = Scalar | Named | Values | ListOf | Row | MapOf | Union | Object

_LINE: Final = re.compile(r"(\*?)([A-Za-z_][^\s:?*]*)(\?)?:\s+(.*?)(?:\s+#\s+(.*))?")
_NOTE: Final = re.compile(r"(?:deprecated(?: ([^;]*))?; )?(.*?)(?: ?@([a-z-]+))?")
_TOKEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?\d+|\.\.\.|[A-Za-z_]\w*|[][(){}|,?:])')


def parse(text: str) -> Type:
    """Return the type that ``text`` writes: a block of ``name: type`` lines is an object.

    Raises ValueError naming what cannot be read.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 or _LINE.fullmatch(text.strip()):
        return Object(tuple(fields(text)))
    return _Reader(text).read()


def fields(text: str) -> list[Field]:
    """Return the fields of a block of ``name: type  # note`` lines. Raises ValueError."""
    return [_field(line.strip()) for line in text.splitlines() if line.strip()]


def _field(line: str) -> Field:
    match = _LINE.fullmatch(line)
    if match is None:
        msg = f"not a line of `name: type  # note`: {line!r}"
        raise ValueError(msg)
    others, name, optional, type_, note = match.groups()
    noted = _NOTE.fullmatch(note or "")
    assert noted is not None  # it takes any text
    deprecated = (noted[1] or "no longer to be used") if (note or "").startswith("deprecated") else ""
    return Field(
        name,
        _Reader(type_).read(),
        optional=optional is not None,
        others=bool(others),
        note=noted[2],
        source=noted[3] or "",
        deprecated=deprecated,
    )


class _Reader:
    """Reads one type, left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    def read(self) -> Type:
        found = self._union()
        if self._at != len(self._tokens):
            self._refuse()
        return found

    def _union(self) -> Type:
        options: list[Type] = []
        values: list[str | int] = []
        is_open = False
        while True:
            token = self._next()
            if token == "...":
                is_open = True
            elif token[0] in '"-0123456789':
                values.append(json.loads(token))
            else:
                options.append(self._single(token))
            if not self._take("|"):
                break
        if values or is_open:
            options.append(Values(tuple(values), open=is_open))
        return options[0] if len(options) == 1 else Union(tuple(options))

    def _single(self, token: str) -> Type:
        if token == "[":
            inner = self._union()
            self._expect("]")
            return ListOf(inner)
        if token == "(":
            return self._row()
        if token == "{":
            kind = []
            while not self._take(":"):
                kind.append(self._next())
            inner = self._union()
            self._expect("}")
            return MapOf(" ".join(kind), inner)
        if token in SCALARS:
            return Scalar(token)
        if token[0].isupper():
            return Named(token)
        return self._refuse()

    def _row(self) -> Row:
        places: list[Type] = []
        short = False
        while True:
            places.append(self._union())
            short = self._take("?")
            if not self._take(","):
                break
        self._expect(")")
        return Row(tuple(places), short=short)

    def _next(self) -> str:
        if self._at == len(self._tokens):
            self._refuse()
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, token: str) -> bool:
        taken = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += taken
        return taken

    def _expect(self, token: str) -> None:
        if not self._take(token):
            self._refuse()

    def _refuse(self) -> Scalar:
        msg = f"not a type: {self._text!r}, at token {self._at + 1}"
        raise ValueError(msg)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            msg = f"not a type: {text!r}, at {text[at:]!r}"
            raise ValueError(msg)
        tokens.append(match[1])
        at = match.end()
    return tokens
