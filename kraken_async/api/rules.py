"""The knowledge of ``checks`` about an endpoint's fields: names, values, and combinations that are impossible."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

_NONE: Final[Mapping[str, Any]] = {}


class OneOf:
    """The values that a field has in Kraken's description; ``many``: a list of them, perhaps joined by commas."""

    __slots__ = ("is_many", "many", "values")

    def __init__(self, *values: str, is_many: bool = False) -> None:
        self.values: frozenset[str] = frozenset(values)
        self.is_many: bool = is_many
        self.many: OneOf = self if is_many else OneOf(*values, is_many=True)


# A list of texts, none of which is described.
TEXTS: Final = OneOf(is_many=True)


class Rule:
    """One combination; names and values are separated by spaces. The words are explained in spot.toml."""

    __slots__ = ("any_of", "because", "least", "most", "needs", "only", "refuses", "together", "when")

    def __init__(
        self,
        *,
        when: Mapping[str, str] = _NONE,
        needs: str = "",
        refuses: Mapping[str, str] = _NONE,
        only: Mapping[str, str] = _NONE,
        together: str = "",
        any_of: str = "",
        least: Mapping[str, int] = _NONE,
        most: Mapping[str, int] = _NONE,
        because: str = "",
    ) -> None:
        self.when: dict[str, tuple[str, ...]] = {name: tuple(values.split()) for name, values in when.items()}
        self.needs: tuple[str, ...] = tuple(needs.split())
        self.refuses: dict[str, frozenset[str]] = {
            name: frozenset(values.split()) for name, values in refuses.items()
        }
        self.only: dict[str, tuple[str, ...]] = {name: tuple(values.split()) for name, values in only.items()}
        self.together: tuple[str, ...] = tuple(together.split())  # two names, or none
        self.any_of: tuple[str, ...] = tuple(any_of.split())
        self.least: dict[str, int] = dict(least)
        self.most: dict[str, int] = dict(most)
        self.because: str = because

    def holds(self, params: Mapping[Any, Any], given: Collection[Any]) -> bool:
        """Whether a call keeps this rule for certain: a quick answer, which may be False where nothing is wrong."""
        for name in self.needs:
            if name not in given or params.get(name) == "":
                return False
        for name in self.refuses:
            if name in given:
                return False
        return all(name not in given for name in self.only)


class Fields:
    """The fields of an endpoint, or of an object inside a field."""

    __slots__ = ("always", "cases", "is_many", "many", "required", "table", "together")

    def __init__(
        self,
        table: dict[str, OneOf | Fields | None],
        required: frozenset[str],
        rules: tuple[Rule, ...],
        *,
        is_many: bool = False,
    ) -> None:
        self.table: dict[str, OneOf | Fields | None] = table
        self.required: frozenset[str] = required
        self.is_many: bool = is_many
        self.many: Fields = self if is_many else Fields(table, required, rules, is_many=True)
        # Rules by the field and the value that they are for, so that a call meets few of them.
        self.cases: dict[str, dict[str, list[Rule]]] = {}
        self.together: tuple[tuple[str, str, Rule], ...] = tuple(
            (rule.together[0], rule.together[1], rule) for rule in rules if rule.together
        )
        self.always: tuple[Rule, ...] = tuple(rule for rule in rules if not rule.when and not rule.together)
        for rule in rules:
            for name, values in rule.when.items():
                for value in values:
                    self.cases.setdefault(name, {}).setdefault(value, []).append(rule)


def fields(*parts: str | tuple[str, OneOf | Fields], rules: tuple[Rule, ...] = ()) -> Fields:
    """Fields from texts of names, required ones with a ``!``, and pairs of a name and what is checked of it."""
    table: dict[str, OneOf | Fields | None] = {}
    required = set()
    for part in parts:
        if isinstance(part, tuple):
            table[part[0]] = part[1]
            continue
        for name in part.split():
            plain = name.rstrip("!")
            table[plain] = None
            if plain != name:
                required.add(plain)
    return Fields(table, frozenset(required), rules)


def texts(value: Any) -> list[str]:
    """Return the parts of a field's value as Kraken reads them: a list, or a text with commas, or one value."""
    if isinstance(value, str):
        return value.split(",") if "," in value else [value]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in texts(item)]
    return [] if isinstance(value, Mapping) else [str(value)]
