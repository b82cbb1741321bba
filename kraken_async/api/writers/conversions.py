"""Write ``conversions.py``: where amounts and times stand in each result."""

from __future__ import annotations

import json
from typing import Final

from kraken_async.api.description import Description
from kraken_async.api.notation import ListOf, MapOf, Named, Object, Row, Scalar, Type, Union
from kraken_async.api.writers.python import HEAD, WIDTH

_FILE = '''\
"""Where amounts and times stand in each result, for ``amounts``. Endpoints without any are left out.

A plan is the name of a scalar, a mapping of fields (``*``: all others), a list with the plan of its items, a tuple
with a plan or None for each place, or ``("|", ...)`` with a plan for each thing that may come.
"""

from __future__ import annotations

from typing import Any, Final

{types}

PLANS: Final[dict[str, Any]] = {{
{endpoints}
}}
'''

# What is read in the same way: an amount may be a text or a number, seconds too.
_SCALARS: Final = {
    **dict.fromkeys(("amount", "amount_number"), "amount"),
    **dict.fromkeys(("seconds", "whole_seconds", "seconds_text"), "seconds"),
    **{name: name for name in ("price", "milliseconds", "nanoseconds", "iso_time")},
}

# A plan as it is written, in parts: a text is Python, a list of parts goes into brackets.
_Plan = str | tuple[str, list[tuple[str, "_Plan"]], str]


def conversions_file(known: Description) -> str:
    """Return the text of ``conversions.py``."""
    writer = _Writer(known)
    plans = {name: writer.plan(each.result) for name, each in known.endpoints.items() if not each.beta}
    endpoints = [
        f"    {json.dumps(name)}: {_written(plan, 4, len(name) + 8)}," for name, plan in plans.items() if plan
    ]
    types = [f"{name} = {_written(plan, 0, len(name) + 3)}" for name, plan in writer.named.items() if plan]
    return HEAD + _FILE.format(types="\n".join(types), endpoints="\n".join(endpoints))


class _Writer:
    def __init__(self, known: Description) -> None:
        self._known = known
        self.named: dict[str, _Plan | None] = {}

    def plan(self, type_: Type) -> _Plan | None:
        """Return the plan of a type, or None if nothing in it is converted."""
        if isinstance(type_, Named):
            return self._by_name(type_)
        if isinstance(type_, Scalar):
            name = _SCALARS.get(type_.name)
            return None if name is None else json.dumps(name)
        if isinstance(type_, ListOf):
            return self._inside("[", [("", self.plan(type_.of))], "]")
        if isinstance(type_, MapOf):
            return self._inside("{", [('"*": ', self.plan(type_.of))], "}")
        if isinstance(type_, Object):
            members = [
                (f'"{"*" if each.others else each.name}": ', self.plan(each.type)) for each in type_.fields
            ]
            return self._inside("{", members, "}")
        if isinstance(type_, Row):
            places = [self.plan(place) for place in type_.places]
            return ("(", [("", place or "None") for place in places], ")") if any(places) else None
        if isinstance(type_, Union):
            return self._union([plan for option in type_.options if (plan := self.plan(option))])
        return None

    def _by_name(self, type_: Named) -> _Plan | None:
        inner = self._known.types[type_.name]
        if not isinstance(inner, Object):
            return self.plan(inner)
        variable = "".join(f"_{char}" if char.isupper() else char for char in type_.name).upper()
        plan = self.plan(inner)  # before it is listed, so that what it uses stands above it
        self.named.setdefault(variable, plan)
        return variable if plan else None

    @staticmethod
    def _inside(start: str, members: list[tuple[str, _Plan | None]], end: str) -> _Plan | None:
        kept = [(name, plan) for name, plan in members if plan]
        return (start, kept, end) if kept else None

    @staticmethod
    def _union(plans: list[_Plan]) -> _Plan | None:
        different = [plan for index, plan in enumerate(plans) if plan not in plans[:index]]
        if len(different) < 2:
            return different[0] if different else None
        return ("(", [("", '"|"'), *(("", plan) for plan in different)], ")")


def _written(plan: _Plan, indent: int, before: int) -> str:
    """Return the plan as the formatter leaves it: on one line if it fits, else one member a line."""
    line = _on_one_line(plan)
    if isinstance(plan, str) or before + len(line) + indent + 1 <= WIDTH:
        return line
    start, members, end = plan
    inner = " " * (indent + 4)
    lines = [f"{inner}{name}{_written(each, indent + 4, len(name))}," for name, each in members]
    return "\n".join([start, *lines, " " * indent + end])


def _on_one_line(plan: _Plan) -> str:
    if isinstance(plan, str):
        return plan
    start, members, end = plan
    inner = ", ".join(f"{name}{_on_one_line(each)}" for name, each in members)
    return f"{start}{inner}{',' if start == '(' and len(members) == 1 else ''}{end}"
