"""Write ``spot.py`` (a method for each endpoint) and ``overloads.py`` (the results of ``private`` and ``public``)."""

from __future__ import annotations

import json
import re

from kraken_async.api.description import Described, Description, Variant, walk
from kraken_async.api.notation import Field, Named, Object, Values
from kraken_async.api.writers.python import (
    HEAD,
    WIDTH,
    indented,
    keyword_name,
    parameter_type,
    result_type,
    wrapped,
)
from kraken_async.api.writers.results import result_name

_SPOT = '''\
"""Kraken's Spot REST API as methods: explicit keywords, the same calls as ``private`` and ``public``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from kraken_async.api.overloads import Caller
    from kraken_async.api.results import (
{names}
    )


def _given(named: dict[str, Any], **others: str) -> dict[str, Any]:
    """Return the fields that were given, of a method's ``locals()``; ``others``: those that Kraken spells otherwise."""
    return {{
        others.get(name, name): value for name, value in named.items() if value is not None and name != "self"
    }}


class Spot:
    """Every endpoint of Kraken's Spot REST API as a method: ``await client.spot.balance()``.

    A method makes the same call as ``private`` or ``public`` with Kraken's name: same queue, limits, options, errors.
    Keywords are Kraken's names, with ``from_`` for ``from`` and ``fee_info`` for ``fee-info``; None leaves one out.
    Results are Kraken's JSON, untouched.
    """

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __repr__(self) -> str:
        return f"<Spot of {{self._caller!r}}>"
'''

_OVERLOADS = '''\
"""Results of ``private`` and ``public`` by the name of the endpoint, for type checkers only.

Fields are not checked here, and an unknown name gives Any: both are sent as they are. The methods of ``client.spot``
are for checked fields. Where a field decides what comes, it is seen as a keyword, not inside a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias, overload

from kraken_async.api.results import (
{names}
)

Fields: TypeAlias = Mapping[str, Any]


class Caller(Protocol):
    """Where calls are made: a session, or a view of it."""

    @property
    def private(self) -> PrivateCall: ...
    @property
    def public(self) -> PublicCall: ...


class AnyCall(Protocol):
    """The type of ``private`` and ``public`` where results are converted, or not described."""

    def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Answer[Any]: ...
'''


def spot_file(known: Description) -> str:
    """Return the text of ``spot.py``."""
    endpoints = [each for each in known.endpoints.values() if not each.beta]
    methods = [line for endpoint in endpoints for line in _method(endpoint, known)]
    body = "\n".join(indented(methods))
    names = "\n".join(f"        {name}," for name in used_names(body))
    return HEAD + _SPOT.format(names=names) + body + "\n"


def overloads_file(known: Description) -> str:
    """Return the text of ``overloads.py``."""
    endpoints = [each for each in known.endpoints.values() if not each.beta]
    private = [line for each in endpoints if not each.public for line in _call(each, known)]
    public = [line for each in endpoints if each.public for line in _call(each, known)]
    rest = [
        "@overload",
        "def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Answer[Any]: ...",
    ]
    body = "\n".join(
        [
            *("", "", "class PrivateCall(Protocol):", '    """The type of ``private``."""', ""),
            *indented([*private, *rest]),
            *("", "", "class PublicCall(Protocol):", '    """The type of ``public``."""', ""),
            *indented([*public, *rest]),
        ]
    )
    names = "\n".join(f"    {name}," for name in used_names(body))
    return HEAD + _OVERLOADS.format(names=names) + body + "\n"


def used_names(body: str) -> list[str]:
    """Return the names of types that the text uses, as an import sorts them."""
    code = re.sub(r'"""(?:.|\n)*?"""|"[^"\n]*"', "", body)
    words = set(re.findall(r"\b[A-Z]\w+\b", code))
    words -= {
        "Any",
        "AnyCall",
        "Literal",
        "None",
        "True",
        "False",
        "Sequence",
        "Protocol",
        "Fields",
        "PrivateCall",
        "PublicCall",
        "Spot",
    }
    return sorted(words, key=str.lower)


def _answer(endpoint: Described, variant: Variant | None, known: Description) -> str:
    return f"Answer[{result_type(variant.result, known) if variant else result_name(endpoint)}]"


def _call(endpoint: Described, known: Description) -> list[str]:
    """Return the overloads of one name. A keyword that decides is seen; a mapping gives all that may come."""
    literal = f'endpoint: Literal["{endpoint.name}"]'
    whole = _answer(endpoint, None, known)
    lines = []
    omitted = next((each for each in endpoint.variants if each.omitted), None)
    if omitted is not None:
        given = next((each for each in endpoint.variants if each.given), None)
        flag = next(field for field in endpoint.parameters if field.name == omitted.omitted)
        keyword = f"{flag.name}: {parameter_type(flag.type, known)}"
        chosen = _answer(endpoint, given, known)
        lines += _overload(
            ["self", literal, "params: Fields | None = None", "/", "*", keyword, "**fields: Any"], chosen
        )
        bare = _answer(endpoint, omitted, known)
        lines += _overload(["self", literal, "params: None = None", "/", "**fields: Any"], bare)
        return lines + _overload(["self", literal, "params: Fields", "/", "**fields: Any"], whole)
    return _overload(["self", literal, "params: Fields | None = None", "/", "**fields: Any"], whole)


def _overload(parts: list[str], answer: str) -> list[str]:
    return ["@overload", *_signature("__call__", parts, answer, " ...")]


def _method(endpoint: Described, known: Description) -> list[str]:
    """Return the method of an endpoint, with an overload for each result that a parameter decides."""
    lines = ["", *overloads_of(endpoint, known)]
    answer = "Answer[Any]" if endpoint.variants else _answer(endpoint, None, known)
    lines += _signature(endpoint.method_name, _parts(endpoint, known, None), answer, "")
    lines += indented([*_docstring(endpoint, known), *_body(endpoint)])
    return lines


def overloads_of(endpoint: Described, known: Description, *, about: bool = False) -> list[str]:
    """Return an overload for each result that a parameter decides; ``about``: each with a sentence."""
    lines: list[str] = []
    end = "" if about else " ..."
    for variant in _narrowings(endpoint):
        parts, answer = _parts(endpoint, known, variant), _answer(endpoint, variant, known)
        if lines and about:
            lines.append("")
        lines += ["@overload", *_signature(endpoint.method_name, parts, answer, end)]
        lines += [f'    """{endpoint.about}"""', "    ..."] if about else []
    return lines


def _narrowings(endpoint: Described) -> list[Variant]:
    """Return the variants; of one alone also what comes without it."""
    variants = list(endpoint.variants)
    if len(variants) == 1:
        variants.append(Variant(given=variants[0].omitted, omitted="", result=Named(result_name(endpoint))))
    return variants


def _parts(endpoint: Described, known: Description, variant: Variant | None) -> list[str]:
    required, optional = [], []
    for field in endpoint.parameters:
        name, what = keyword_name(field.name), parameter_type(field.type, known)
        if not field.optional or (variant is not None and variant.given == field.name):
            required.append(f"{name}: {what}")
        elif variant is not None and variant.omitted == field.name:
            optional.append(f"{name}: None = None")
        else:
            optional.append(f"{name}: {what} | None = None")
    return ["self", *(["*"] if required or optional else []), *required, *optional]


def _signature(name: str, parts: list[str], answer: str, end: str) -> list[str]:
    line = f"def {name}({', '.join(parts)}) -> {answer}:{end}"
    # A class indents it by four.
    if len(line) + 4 <= WIDTH and len(parts) <= 3:
        return [line]
    if len(line) + 4 <= WIDTH and name == "__call__":
        return [line]
    return [f"def {name}(", *(f"    {part}," for part in parts), f") -> {answer}:{end}"]


def _body(endpoint: Described) -> list[str]:
    scope = "public" if endpoint.public else "private"
    call = f'return self._caller.{scope}("{endpoint.name}"'
    if not endpoint.parameters:
        return [f"{call})"]
    renamed = [each.name for each in endpoint.parameters if keyword_name(each.name) != each.name]
    names = "".join(f', {keyword_name(each)}="{each}"' for each in renamed)
    return [f"{call}, _given(locals(){names}))"]


def _docstring(endpoint: Described, known: Description) -> list[str]:
    facts = cost_and_permission(endpoint)
    lines = [f'"""{endpoint.about}', "", *wrapped(facts, "", hanging="", width=WIDTH - 8)]
    if endpoint.parameters:
        lines += ["", "Args:"]
        for field in endpoint.parameters:
            lines += wrapped(
                f"{keyword_name(field.name)}: {_described(field, known)}", "    ", width=WIDTH - 8
            )
    return [*lines, '"""']


def _described(field: Field, known: Description) -> str:
    parts = [f"deprecated, {field.deprecated};"] if field.deprecated else []
    parts.append(field.note)
    text = " ".join(parts).strip()
    opens = [
        value
        for each in walk(field.type)
        for resolved in [known.resolve(each)]
        if isinstance(resolved, Values) and resolved.open and not isinstance(resolved, Object)
        for value in resolved.values
    ]
    if opens:
        text += f" ({', '.join(json.dumps(value) for value in dict.fromkeys(opens))}, perhaps others)"
    return f"{text}."


def cost_and_permission(endpoint: Described) -> str:
    """Return what a call costs and needs, in a sentence or two."""
    if endpoint.public:
        return "A public call: no key, no nonce, at the public pace."
    needs = f"Permission: {endpoint.permission}." if endpoint.permission else "Any key may."
    charge = (
        f"Costs {endpoint.cost} of the call counter" if endpoint.cost else "Costs nothing of the call counter"
    )
    engine = "; charged to the matching engine's counter of the pair" if endpoint.engine else ""
    legacy = f" Superseded: {endpoint.legacy}." if endpoint.legacy else ""
    return f"{needs} {charge}{engine}. Priority {endpoint.priority}.{legacy}"
