"""``spot.toml`` as values: what the generator, the conformance check and the tests read.

A session does not: it uses what was made from the description (``endpoints``, ``parameters``, ``conversions``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from kraken_async.api.notation import (
    Field,
    ListOf,
    MapOf,
    Named,
    Object,
    Row,
    Type,
    Union,
    Values,
    fields,
    parse,
)

# Kraken's word for what is one word in English.
_ONE_WORD: Final = {"WebSockets": "Websockets"}


@dataclass(frozen=True, slots=True)
class Variant:
    """A narrower result: of calls with the parameter ``given``, or with the parameter ``omitted``."""

    given: str
    omitted: str
    result: Type


@dataclass(frozen=True, slots=True)
class Described:
    """One endpoint as ``spot.toml`` describes it; the words are explained at its head."""

    name: str
    about: str
    public: bool
    beta: bool
    method: str
    path: str
    body: str
    cost: int
    cost_note: str
    engine: str
    priority: str
    permission: str
    repeatable: bool
    changes: bool
    funding: bool
    binary: bool
    legacy: str
    since: str
    limited_to: str
    doc: str
    sources: tuple[str, ...]
    parameters: tuple[Field, ...]
    result: Type
    variants: tuple[Variant, ...]
    rules: str
    example: Mapping[str, Any]

    @property
    def method_name(self) -> str:
        """The name of the typed method, such as ``add_order``."""
        return method_name(self.name)


@dataclass(frozen=True, slots=True)
class Description:
    """The whole of ``spot.toml``."""

    sources: Mapping[str, Mapping[str, Any]]
    types: Mapping[str, Type]
    rules: Mapping[str, tuple[Mapping[str, Any], ...]]
    type_rules: Mapping[str, str]
    endpoints: Mapping[str, Described]

    def resolve(self, type_: Type) -> Type:
        """Return the type that a name stands for, with the values of named lists of values merged in."""
        while isinstance(type_, Named):
            type_ = self.types[type_.name]
        if isinstance(type_, Union):
            options = [self.resolve(option) for option in type_.options]
            lists = [option for option in options if isinstance(option, Values)]
            if len(lists) > 1:
                merged = Values(
                    tuple(value for each in lists for value in each.values),
                    open=any(each.open for each in lists),
                )
                options = [*(option for option in options if not isinstance(option, Values)), merged]
            return options[0] if len(options) == 1 else Union(tuple(options))
        return type_


@cache
def description() -> Description:
    """Kraken's API as it is described in ``spot.toml``, read once. Raises ValueError for what cannot be read.

    In an installed package that file holds results and rules alone, without words.
    """
    return read(files("kraken_async.api").joinpath("spot.toml").read_text(encoding="utf-8"))


def read(text: str) -> Description:
    """Return the description that ``text``, in the form of ``spot.toml``, holds. Raises ValueError."""
    data = tomllib.loads(text)
    found = Description(
        data.get("sources", {}),
        {name: parse(type_) for name, type_ in data["types"].items()},
        {name: tuple(rules) for name, rules in data["rules"].items()},
        data.get("type_rules", {}),
        {name: _endpoint(name, table) for name, table in data["endpoints"].items()},
    )
    _check(found)
    return found


def method_name(endpoint: str) -> str:
    """Return the name of the method of an endpoint: ``Earn/AllocateStatus`` gives ``earn_allocate_status``."""
    for word, one in _ONE_WORD.items():
        endpoint = endpoint.replace(word, one)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", endpoint).replace("/", "_").lower()


def _endpoint(name: str, table: dict[str, Any]) -> Described:
    table = dict(table)
    public = table.pop("public", False)
    where = f"/0/{'public' if public else 'private'}/{name}"
    endpoint = Described(
        name,
        about=table.pop("about", ""),
        public=public,
        beta=table.pop("beta", False),
        method=table.pop("method", "GET" if public else "POST"),
        path=table.pop("path", where),
        body=table.pop("body", "query" if public else "form"),
        cost=table.pop("cost", 0),
        cost_note=table.pop("cost_note", ""),
        engine=table.pop("engine", ""),
        priority=table.pop("priority", "READ"),
        permission=table.pop("permission", ""),
        repeatable=table.pop("repeatable", True),
        changes=table.pop("changes", False),
        funding=table.pop("funding", False),
        binary=table.pop("binary", False),
        legacy=table.pop("legacy", ""),
        since=table.pop("since", ""),
        limited_to=table.pop("limited_to", ""),
        doc=table.pop("doc", ""),
        sources=tuple(table.pop("sources", ())),
        parameters=tuple(fields(table.pop("parameters", ""))),
        result=parse(table.pop("result")),
        variants=tuple(
            Variant(each.get("given", ""), each.get("omitted", ""), parse(each["result"]))
            for each in table.pop("variants", [])
        ),
        rules=table.pop("rules", ""),
        example=table.pop("example", {}),
    )
    if table:
        msg = f"endpoint {name}: unknown {', '.join(table)}"
        raise ValueError(msg)
    return endpoint


def _check(found: Description) -> None:
    """Refuse a name that nothing defines: of a type, a source or a set of rules."""
    for name, endpoint in found.endpoints.items():
        for type_ in (
            endpoint.result,
            Object(endpoint.parameters),
            *(each.result for each in endpoint.variants),
        ):
            _check_type(found, name, type_)
        _check_name(name, endpoint.rules, found.rules, optional=True)
        for source in endpoint.sources:
            _check_name(name, source, found.sources)
    for name, type_ in found.types.items():
        _check_type(found, name, type_)
    for name, rules in found.type_rules.items():
        _check_name("type_rules", name, found.types)
        _check_name(name, rules, found.rules)


def _check_type(found: Description, where: str, type_: Type) -> None:
    for each in walk(type_):
        if isinstance(each, Named):
            _check_name(where, each.name, found.types)
        if isinstance(each, Object):
            for field in each.fields:
                _check_name(where, field.source, found.sources, optional=True)


def _check_name(where: str, name: str, known: Mapping[str, Any], *, optional: bool = False) -> None:
    if name not in known and not (optional and not name):
        msg = f"{where}: nothing is called {name!r}"
        raise ValueError(msg)


def walk(type_: Type) -> Iterator[Type]:
    """Return the type and all types inside it; names are not followed."""
    yield type_
    inner: tuple[Type, ...] = ()
    if isinstance(type_, Union):
        inner = type_.options
    elif isinstance(type_, (ListOf, MapOf)):
        inner = (type_.of,)
    elif isinstance(type_, Row):
        inner = type_.places
    elif isinstance(type_, Object):
        inner = tuple(field.type for field in type_.fields)
    for each in inner:
        yield from walk(each)
