"""Write the tables that a session reads: ``endpoint_table.py`` and ``parameters.py``."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from kraken_async.api.description import Described, Description
from kraken_async.api.notation import Field, ListOf, MapOf, Named, Object, Row, Scalar, Type, Values
from kraken_async.api.writers.python import HEAD, WIDTH

_TABLE = '''\
"""Every endpoint: what it costs, needs and may do. ``endpoints`` makes its table of these rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kraken_async.api.kinds import Engine, ResultKind

PERMISSIONS: Final = (
{permissions}
)

# name, cost, engine, priority, permission, what else it is, what a result is
ROWS: Final[tuple[tuple[str, int, Engine, str, int, str, ResultKind], ...]] = (
{rows}
)
'''

_FILE = '''\
"""Fields, values and combinations that each endpoint takes, for ``checks``.

Cancels are not in it: they are not checked. A name with ``!`` is required. Values are listed where Kraken lists them.
"""

from __future__ import annotations

from typing import Final

from kraken_async.api.rules import TEXTS, Fields, OneOf, Rule, fields

{values}

{rules}

{inputs}

PARAMETERS: Final[dict[str, Fields]] = {{
{endpoints}
}}
'''


def endpoint_table_file(known: Description) -> str:
    """Return the text of ``endpoint_table.py``."""
    endpoints = [each for each in known.endpoints.values() if not each.beta]
    permissions = ["", *dict.fromkeys(each.permission for each in endpoints if each.permission)]
    rows = [
        (
            each.name,
            each.cost,
            each.engine,
            each.priority,
            permissions.index(each.permission),
            _flags(each),
            _result_kind(each, known),
        )
        for each in endpoints
    ]
    return HEAD + _TABLE.format(
        permissions="\n".join(f"    {json.dumps(each)}," for each in permissions),
        rows="\n".join(f"    ({', '.join(map(json.dumps, row))})," for row in rows),
    )


def _flags(endpoint: Described) -> str:
    flags = {
        "public": endpoint.public,
        "json": endpoint.body == "json",
        "changes": endpoint.changes,
        "once": not endpoint.repeatable,
        "funding": endpoint.funding,
        "binary": endpoint.binary,
    }
    return " ".join(name for name, is_so in flags.items() if is_so)


def _result_kind(endpoint: Described, known: Description) -> str:
    """Return what the result is, for an answer without one: of a call without special parameters."""
    bare = [each.result for each in endpoint.variants if each.omitted]
    result = known.resolve(bare[0] if bare else endpoint.result)
    if isinstance(result, (Object, MapOf)):
        return "object"
    return "list" if isinstance(result, (ListOf, Row)) else ""


def parameters_file(known: Description) -> str:
    """Return the text of ``parameters.py``."""
    writer = _Parameters(known)
    inputs = [
        f"{name}: Final[Fields] = {writer.fields(type_.fields, known.type_rules.get(name, ''), name, '')}"
        for name, type_ in known.types.items()
        if isinstance(type_, Object) and name in ("ConditionalClose", "NewOrder")
    ]
    rows = [
        f'    "{each.name}": {writer.fields(each.parameters, each.rules, each.method_name, "    ")},'
        for each in known.endpoints.values()
        if not each.beta and each.priority != "CANCEL"
    ]
    rules = [f"{_constant(name)} = {_rules(rules)}" for name, rules in known.rules.items()]
    return HEAD + _FILE.format(
        values="\n".join(_one_of(name, each) for name, each in writer.values.items()),
        rules="\n".join(rules),
        inputs="\n".join(inputs),
        endpoints="\n".join(rows),
    )


class _Parameters:
    """Writes fields, and keeps the lists of values that they name."""

    def __init__(self, known: Description) -> None:
        self._known = known
        self.values: dict[str, Values] = {}

    def fields(self, given: Iterable[Field], rules: str, owner: str, indent: str) -> str:
        """Return a call that makes the fields: names, with a ``!`` where required, then what is checked of each."""
        fields = list(given)
        names = " ".join(f"{field.name}{'' if field.optional else '!'}" for field in fields)
        parts = [json.dumps(line) for line in textwrap.wrap(names, WIDTH - len(indent) - 8)]
        for field in fields:
            what = self._checked(field.type, f"{owner}_{field.name}")
            if what:
                parts.append(f"({json.dumps(field.name)}, {what})")
        if rules:
            parts.append(f"rules={_constant(rules)}")
        if not parts:
            return "fields()"
        return "fields(\n" + "".join(f"{indent}    {part},\n" for part in parts) + f"{indent})"

    def _checked(self, type_: Type, name: str) -> str:
        """Return what is checked of a field: the name of its values, or of the fields inside it; "" for nothing."""
        many = isinstance(type_, ListOf)
        inner = type_.of if isinstance(type_, ListOf) else type_
        resolved = self._known.resolve(inner)
        if isinstance(resolved, Object):
            return f"{inner.name}.many" if many and isinstance(inner, Named) else getattr(inner, "name", "")
        if isinstance(resolved, Values) and all(isinstance(value, str) for value in resolved.values):
            constant = self._constant(inner, resolved, name)
            return f"{constant}.many" if many else constant
        if resolved == Scalar("boolean"):
            self.values.setdefault("BOOLEAN", Values(("true", "false"), open=False))
            return "BOOLEAN"
        return "TEXTS" if many else ""

    def _constant(self, type_: Type, resolved: Values, name: str) -> str:
        constant = _constant(type_.name if isinstance(type_, Named) else name)
        same = [each for each, values in self.values.items() if values == resolved]
        if same:
            return same[0]
        self.values[constant] = resolved
        return constant


def _constant(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("-", "_").upper()


def _one_of(name: str, values: Values) -> str:
    line = f"{name} = OneOf({', '.join(json.dumps(value) for value in values.values)})"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name} = OneOf(", *(f"    {json.dumps(value)}," for value in values.values), ")"])


def _rules(rules: Iterable[Mapping[str, Any]]) -> str:
    lines = ["("]
    for rule in rules:
        parts = [f"{key}={_value(key, value)}" for key, value in rule.items() if key != "source"]
        line = f"    Rule({', '.join(parts)}),"
        if len(line) <= WIDTH:
            lines.append(line)
        elif len(", ".join(parts)) + 8 <= WIDTH:
            lines += ["    Rule(", f"        {', '.join(parts)}", "    ),"]
        else:
            lines += ["    Rule(", *(f"        {part}," for part in parts), "    ),"]
    if len(lines) == 2 and len(lines[1]) < WIDTH - 40:
        return f"({lines[1].strip()})"
    return "\n".join([*lines, ")"])


def _value(key: str, value: Any) -> str:
    """Return a value of a rule: names and values as one text with spaces between them."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(name)}: {_value(key, item)}' for name, item in value.items())}}}"
    return json.dumps(" ".join(value) if isinstance(value, list) else value)
