"""Write the pages in ``docs/endpoints/``: one for each endpoint, and their index."""

from __future__ import annotations

import json
from collections.abc import Iterable

from kraken_async.api.description import Described, Description, walk
from kraken_async.api.notation import Field, ListOf, MapOf, Named, Object, Row, Scalar, Type, Union, Values
from kraken_async.api.writers.python import WIDTH, keyword_name
from kraken_async.api.writers.results import result_name

_HEAD = "<!-- Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there. -->\n"

_INDEX = """\
# Endpoints

Every endpoint of Kraken's Spot REST API, with what a call costs, needs and gives. These pages, the typed methods and
the checks before sending are made from one description, `kraken_async/api/spot.toml`.

Each endpoint can be called by its name, `client.private("Balance")`, or as a method, `client.spot.balance()`. Methods
have a keyword for each parameter, so that an editor completes them and a type checker finds a wrong one. Both are the
same call and give the same result: Kraken's JSON, untouched.

{tables}

```{{toctree}}
:hidden:
:glob:

*
```
"""

_GROUPS = {
    "market-data": "Market data",
    "transparency": "Transparency",
    "account-data": "Account data",
    "trading": "Trading",
    "funding": "Funding",
    "subaccounts": "Subaccounts",
    "earn": "Earn",
    "funding-beta": "Funding (Beta)",
}

_KINDS = {
    "amount": "decimal text",
    "amount_number": "decimal number",
    "price": "price",
    "integer_text": "integer in a text",
    "seconds": "unix seconds",
    "whole_seconds": "unix seconds, whole",
    "seconds_text": "unix seconds in a text",
    "milliseconds": "unix milliseconds",
    "nanoseconds": "unix nanoseconds",
    "iso_time": "RFC 3339 text",
    "any": "not described",
    "file": "bytes, without Kraken's envelope",
}


def pages(known: Description) -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    found = {f"{page_name(each)}.md": _page(each, known) for each in known.endpoints.values()}
    return {"index.md": _index(known), **found}


def page_name(endpoint: Described) -> str:
    """Return the name of an endpoint's page, such as ``earn-allocate``."""
    return endpoint.method_name.replace("_", "-")


def _index(known: Description) -> str:
    tables = []
    for group, title in _GROUPS.items():
        rows = [each for each in known.endpoints.values() if each.doc.split("/")[0] == group]
        if group == "funding-beta":
            note = "Described as far as they are known, and called by no method yet: their signing and errors differ."
            tables.append(
                f"## {title}\n\n{note}\n\n"
                + _table(("Endpoint", "What it does"), [_line(each)[:2] for each in rows])
            )
        else:
            tables.append(
                f"## {title}\n\n"
                + _table(("Endpoint", "What it does", "Method"), [_line(each) for each in rows])
            )
    return _HEAD + _INDEX.format(tables="\n\n".join(tables))


def _line(endpoint: Described) -> tuple[str, str, str]:
    return f"[{endpoint.name}]({page_name(endpoint)}.md)", endpoint.about, f"`{endpoint.method_name}`"


def _page(endpoint: Described, known: Description) -> str:
    parts = [f"# {endpoint.name}", endpoint.about, *_state(endpoint), _facts(endpoint)]
    parts += ["## Parameters", _parameters(endpoint.parameters, known)]
    for type_ in _named(Object(endpoint.parameters), known):
        parts += [f"`{type_}`:", _fields(known.types[type_], known)]
    if not endpoint.beta:
        parts += ["## Example", _example(endpoint)]
    parts += ["## Result", *_result(endpoint, known)]
    return _HEAD + "\n\n".join(part for part in parts if part) + "\n"


def _state(endpoint: Described) -> list[str]:
    found = []
    if endpoint.beta:
        found.append(
            "> **Note.** Funding (Beta): described, and called by no method yet. It is signed in another way, its"
            " answers come without\n> the usual envelope, and parts of its shape rest on other clients."
        )
    if endpoint.legacy:
        found.append(f"> **Note.** Superseded: {endpoint.legacy}.")
    if endpoint.limited_to:
        found.append(f"> **Note.** For {endpoint.limited_to} only.")
    return found


def _facts(endpoint: Described) -> str:
    rows = [("Request", f"`{endpoint.method} {endpoint.path}`")]
    if endpoint.public:
        rows.append(("Limits", "public: no key, no nonce, at the public pace"))
    elif not endpoint.beta:
        note = f" ({endpoint.cost_note})" if endpoint.cost_note else ""
        rows.append(("Permission", endpoint.permission or "none: any key"))
        rows.append(("Call counter", f"{endpoint.cost}{note}"))
        if endpoint.engine:
            rows.append(("Matching engine", f"charged as `{endpoint.engine}`, see [limits](../limits.md)"))
        rows.append(("Priority", f"`{endpoint.priority}`"))
        rows.append(("A lost answer", _repeat(endpoint)))
    else:
        rows.append(("Permission", endpoint.permission))
    if endpoint.since:
        rows.append(("Since", endpoint.since))
    rows.append(("Kraken's page", f"<https://docs.kraken.com/api-reference/{endpoint.doc}>"))
    rows.append(("Sources", ", ".join(endpoint.sources)))
    return _table(("", ""), rows)


def _repeat(endpoint: Described) -> str:
    if not endpoint.changes:
        return "the call is repeated: it changes nothing"
    if endpoint.repeatable:
        return "the call is repeated: twice does no more than once"
    if endpoint.engine in ("add", "add_batch", "amend", "edit"):
        return "the order is looked up, the call is never repeated"
    return "`OutcomeUnknown`: the call is never repeated"


def _parameters(parameters: Iterable[Field], known: Description) -> str:
    rows = []
    for field in parameters:
        keyword = keyword_name(field.name)
        name = f"`{field.name}`" + (
            f" (`{keyword}=`)" if keyword != field.name and field.name.find("[") < 0 else ""
        )
        rows.append((name, _kind(field.type, known), "" if field.optional else "yes", _note(field)))
    return _table(("Name", "Type", "Required", "Meaning"), rows) if rows else "None."


def _result(endpoint: Described, known: Description) -> list[str]:
    parts = []
    if isinstance(endpoint.result, Object):
        parts.append(f"`{result_name(endpoint)}`:" if not endpoint.beta else "An object:")
        parts.append(_fields(endpoint.result, known))
    else:
        parts.append(f"{_sentence(_kind(endpoint.result, known))}.")
    for variant in endpoint.variants:
        when = f"With `{variant.given}`" if variant.given else f"Without `{variant.omitted}`"
        parts.append(f"{when}: {_kind(variant.result, known)}.")
    types = [endpoint.result, *(variant.result for variant in endpoint.variants)]
    for name in dict.fromkeys(name for type_ in types for name in _named(type_, known)):
        parts += [f"`{name}`:", _fields(known.types[name], known)]
    return parts


def _fields(type_: Type, known: Description) -> str:
    if not isinstance(type_, Object):
        return f"{_sentence(_kind(type_, known))}."
    rows = []
    for field in type_.fields:
        name = f"each {field.name}" if field.others else f"`{field.name}`"
        rows.append((name, _kind(field.type, known), "" if field.optional else "yes", _note(field)))
    return _table(("Field", "Type", "Always", "Meaning"), rows)


def _note(field: Field) -> str:
    parts = [f"**Deprecated**: {field.deprecated}."] if field.deprecated else []
    parts += [field.note] if field.note else []
    parts += [f"(from {field.source} alone)"] if field.source else []
    return " ".join(parts)


def _named(type_: Type, known: Description) -> list[str]:
    """Return the objects that a type leads to, each once, outermost first."""
    found: list[str] = []
    for each in walk(type_):
        if isinstance(each, Named) and each.name not in found:
            inner = known.types[each.name]
            if not isinstance(known.resolve(inner), Values):
                found.append(each.name)
            found += [name for name in _named(inner, known) if name not in found]
    return found


def _kind(type_: Type, known: Description) -> str:
    """Return a type in words, for a table."""
    if isinstance(type_, Named):
        resolved = known.resolve(type_)
        return _kind(resolved, known) if isinstance(resolved, Values) else f"`{type_.name}`"
    if isinstance(type_, Scalar):
        return _KINDS.get(type_.name, type_.name)
    if isinstance(type_, Values):
        values = ", ".join(f"`{value}`" for value in type_.values)
        return f"{values}, perhaps others" if type_.open else values
    if isinstance(type_, ListOf):
        return f"list of {_kind(type_.of, known)}"
    if isinstance(type_, MapOf):
        return f"object: {type_.kind} → {_kind(type_.of, known)}"
    if isinstance(type_, Row):
        return f"list: {', '.join(_kind(place, known) for place in type_.places)}"
    if isinstance(type_, Union):
        return " or ".join(_kind(option, known) for option in type_.options)
    return "object"


def _example(endpoint: Described) -> str:
    """Return the call as a method and by its name, with values for what is required."""
    values = [(f"{keyword_name(name)}=", value) for name, value in endpoint.example.items()]
    scope = "public" if endpoint.public else "private"
    by_name: list[tuple[str, object]] = [("", endpoint.name)]
    if endpoint.example:
        by_name.append(("", dict(endpoint.example)))
    return "\n".join(
        [
            "```python",
            _call(f"result = await client.spot.{endpoint.method_name}(", values),
            "```",
            "",
            "The same call by its name:",
            "",
            "```python",
            _call(f"result = await client.{scope}(", by_name),
            "```",
        ]
    )


def _call(start: str, arguments: list[tuple[str, object]]) -> str:
    """Return a call as the formatter leaves it: on one line, or with one argument a line."""
    line = f"{start}{', '.join(name + _python(value) for name, value in arguments)})"
    if len(line) <= WIDTH:
        return line
    return "\n".join([start, *(_laid_out(name, value, "    ") for name, value in arguments), ")"])


def _laid_out(start: str, value: object, indent: str) -> str:
    """Return an argument or a member, on one line or with one member a line."""
    line = f"{indent}{start}{_python(value)},"
    if len(line) <= WIDTH or not isinstance(value, (dict, list)):
        return line
    if isinstance(value, list):
        lines = [_laid_out("", each, f"{indent}    ") for each in value]
        return "\n".join([f"{indent}{start}[", *lines, f"{indent}],"])
    lines = [_laid_out(f"{json.dumps(name)}: ", each, f"{indent}    ") for name, each in value.items()]
    return "\n".join([f"{indent}{start}{{", *lines, f"{indent}}},"])


def _python(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)}: {_python(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
