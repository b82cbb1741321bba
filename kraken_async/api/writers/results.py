"""Write ``results.py``: the types of results, and of the objects that parameters take."""

from __future__ import annotations

from kraken_async.api.description import Described, Description, walk
from kraken_async.api.notation import Field, Named, Object, Type, Values
from kraken_async.api.writers.python import HEAD, assignment, comment, parameter_type, result_type

_IMPORTS = '''\
"""Types of Kraken's results, field by field, for type checkers and editors.

Nothing is converted: at run time a result is the JSON that Kraken sent, and fields that are not listed here stay in it.

Amounts and prices are texts where they are ``str``: give them to ``decimal.Decimal``. ``NotRequired`` fields may be
missing. The page of an endpoint says of each field what it is.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, TypeVar

_T = TypeVar("_T")

Answer: TypeAlias = Coroutine[Any, Any, _T]  # what a method gives: await it
Number: TypeAlias = Decimal | float | str  # int included; a text is sent as it is
'''


def results_file(known: Description) -> str:
    """Return the text of ``results.py``."""
    inputs = _inputs(known)
    parts = [HEAD + _IMPORTS]
    for name, type_ in known.types.items():
        if name in _beta_only(known):
            continue
        if isinstance(type_, Object):
            parts.append("\n\n" + "\n".join(_object(name, type_, known, is_input=name in inputs)))
        else:
            parts.append(_alias(name, type_, known))
    parts += [_result(endpoint, known) for endpoint in known.endpoints.values() if not endpoint.beta]
    return _spaced(parts)


def result_name(endpoint: Described) -> str:
    """Return the name of the type of an endpoint's result, such as ``BalanceResult``."""
    return f"{endpoint.name.replace('/', '')}Result"


def _spaced(parts: list[str]) -> str:
    """Return the parts with the blank lines that a formatter wants: two around a class."""
    text = parts[0]
    after_class = False
    for part in parts[1:]:
        is_class = part.lstrip("\n").startswith("class ")
        text = text.rstrip("\n") + (
            "\n\n\n" if is_class or after_class else "\n\n" if text is parts[0] else "\n"
        )
        text += part.strip("\n") + "\n"
        after_class = is_class
    return text


def _result(endpoint: Described, known: Description) -> str:
    name = result_name(endpoint)
    if isinstance(endpoint.result, Object):
        if any(field.others for field in endpoint.result.fields):
            note = "keys besides those named in spot.toml are pairs"
            return f"{name}: TypeAlias = dict[str, Any]  # {note}"
        return "\n\n" + "\n".join(_object(name, endpoint.result, known, about=f"Result of {endpoint.name}."))
    return assignment(f"{name}: TypeAlias", result_type(endpoint.result, known))


def _alias(name: str, type_: Type, known: Description) -> str:
    resolved = known.resolve(type_)
    if isinstance(resolved, Values):
        if resolved.open:
            lines = comment(f"{', '.join(str(value) for value in resolved.values)}; others may come", "")
            return "\n".join([*lines, f"{name}: TypeAlias = str"])
        return assignment(f"{name}: TypeAlias", result_type(resolved, known))
    return assignment(f"{name}: TypeAlias", result_type(type_, known))


def _object(
    name: str, type_: Object, known: Description, *, is_input: bool = False, about: str = ""
) -> list[str]:
    write = parameter_type if is_input else result_type
    if all(field.name.isidentifier() and field.name != "class" for field in type_.fields):
        body = [_line(field, write(field.type, known)) for field in type_.fields]
        head = [f'    """{about}"""', ""] if about else []
        return [f"class {name}(TypedDict):", *head, *body]
    lines = [f"{name} = TypedDict(", f'    "{name}",', "    {"]
    for field in type_.fields:
        what = write(field.type, known)
        what = f"NotRequired[{what}]" if field.optional else what
        lines += [f'        "{field.name}": {what},']
    return [*lines, "    },", ")"]


def _line(field: Field, what: str) -> str:
    return f"    {field.name}: {f'NotRequired[{what}]' if field.optional else what}"


def _inputs(known: Description) -> set[str]:
    """Return the objects that parameters take."""
    found: set[str] = set()
    waiting = [field.type for endpoint in known.endpoints.values() for field in endpoint.parameters]
    while waiting:
        for each in walk(waiting.pop()):
            if isinstance(each, Named) and each.name not in found:
                found.add(each.name)
                waiting.append(known.types[each.name])
    return {name for name in found if isinstance(known.types[name], Object)}


def _beta_only(known: Description) -> set[str]:
    """Return the types that nothing but Funding (Beta) uses."""
    return {name for name in known.types if name.startswith("Funding")}
