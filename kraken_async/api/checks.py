"""Check a call's fields before it is sent, against the description of the endpoint.

Rules:

1. What can only be a mistake is refused: a known field or value misspelt, a required field missing, a combination that
   Kraken documents as impossible. Kraken ignores a field that it does not know: ``oflag="post"`` would be a taker.
2. What is not known is sent, and said once at WARNING: Kraken adds fields and values, and a refused stop-loss costs
   more than a warning.
3. Cancels are never checked.
4. ``cl_ord_id`` is never judged by its letters.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from kraken_async.api.rules import Fields, OneOf, Rule, texts
from kraken_async.api.slips import slip
from kraken_async.errors import InvalidArguments, Outcome
from kraken_async.problems import counted

# Set by the session; the encoder refuses them with its own words.
_OURS: Final = frozenset({"nonce", "otp"})
# Numbers for yes and no.
_YES_NO: Final = frozenset({"1", "0"})
# Names that other exchanges and clients give to Kraken's fields.
_ELSEWHERE: Final = {
    "side": "type",
    "symbol": "pair",
    "size": "volume",
    "amount": "volume",
    "quantity": "volume",
    "qty": "volume",
}
# A caller who makes up names must not fill the memory.
_MOST_SAID: Final = 1000


class Checks:
    """Checks calls for one session, and remembers what was said.

    With ``refuse=False`` what would be refused is a warning too, and the call is sent; so it is by ``lenient``, which
    shares what was said. ``way_out``: how the caller sends it all the same, "" where there is no way.
    """

    __slots__ = ("_log", "_refuse", "_said", "_table", "_way_out", "lenient")

    def __init__(
        self,
        log: logging.Logger,
        *,
        refuse: bool = True,
        said: set[tuple[str, str]] | None = None,
        way_out: str = "checks=False sends it as it is",
    ) -> None:
        self._log = log
        self._refuse = refuse
        self._way_out = f" ({way_out})" if way_out else ""
        self._said: set[tuple[str, str]] = set() if said is None else said
        self._table: dict[str, Fields] | None = None
        self.lenient: Checks = Checks(log, refuse=False, said=self._said) if refuse else self

    def check(self, endpoint: str, params: Mapping[Any, Any]) -> None:
        """Check the fields of one call. Raises InvalidArguments, which says "not sent", for a mistake."""
        if self._table is None:
            from kraken_async.api.parameters import PARAMETERS  # read at the first call, not at import

            self._table = PARAMETERS
        known = self._table.get(endpoint)
        if known is None:
            return  # a cancel, or an endpoint that is not described
        if not params and not known.required and not known.always:
            return
        table = known.table
        given: Collection[Any] = params.keys()
        for name, value in params.items():
            try:
                allowed = table[name]
            except KeyError:
                self._unknown_field(endpoint, "", known, name, value)
                given = _bases(params)
                continue
            if allowed is None or (type(value) is str and type(allowed) is OneOf and value in allowed.values):
                continue
            self._value(endpoint, name, value, allowed)
        self._whole(endpoint, "", known, params, given)

    def _whole(
        self, endpoint: str, where: str, known: Fields, params: Mapping[Any, Any], given: Collection[Any]
    ) -> None:
        """Check what is missing, and combinations. ``given``: the names, ``close`` for ``close[price]``."""
        for name in known.required:
            if name not in given:
                self._missing(endpoint, where, name, given)
        for name, cases in known.cases.items():
            value = params.get(name, "")
            for text in (value,) if type(value) is str and "," not in value else texts(value):
                for rule in cases.get(text, ()):
                    if not rule.holds(params, given):
                        self._case(endpoint, where, rule, f"{name} {text}", params, given)
        for one, other, rule in known.together:
            if one in given and other in given:
                what = f"{one} and {other} do not go together ({rule.because})"
                self._combination(endpoint, where, other, what, "leave out one of them")
        for rule in known.always:
            self._always(endpoint, where, rule, params, given)

    # ---------------------------------------------------------------- fields and values

    def _unknown_field(self, endpoint: str, where: str, known: Fields, name: Any, value: Any) -> None:
        """Handle a field that is not known, inside the field ``where``; "" where it is one of the call's own."""
        if not isinstance(name, str) or name in _OURS:
            return
        base, bracket, rest = name.partition("[")
        if bracket and base in known.table:
            inner = known.table[base]
            if isinstance(inner, Fields) and not inner.is_many:
                self._members(endpoint, f"{base}[]", inner, {rest.rstrip("]"): value}, whole=False)
            return
        lower = name.lower()
        meant = lower if lower in known.table else slip(lower, known.table)
        field = f"{where.removesuffix('[]')}[{name}]" if where else name
        if meant is not None:
            self._mistake(endpoint, field, f"{endpoint} has no field {_shown(field)}", f'"{meant}" is meant')
            return
        # Once for all rows: a list of orders may carry it in each.
        self._say(
            endpoint,
            f"{where.partition('[')[0]}[{name}]" if where else name,
            f"{_shown(field)} is not a field of {endpoint} as it is described here: sent as it is",
        )

    def _value(self, endpoint: str, name: str, value: Any, allowed: OneOf | Fields) -> None:
        if isinstance(allowed, Fields):
            self._object(endpoint, name, value, allowed)
            return
        if not allowed.values:
            return
        for text in texts(value) if allowed.is_many else texts(value)[:1]:
            if text not in allowed.values and not (text in _YES_NO and "true" in allowed.values):
                self._unknown_text(endpoint, name, text, allowed)

    def _unknown_text(self, endpoint: str, name: str, text: str, allowed: OneOf) -> None:
        by_case = text.lower() in {each.lower() for each in allowed.values}
        meant = None if by_case else slip(text, allowed.values)
        if meant is not None:
            what = f"{_shown(text)} is not a value of {_shown(name)}"
            self._mistake(endpoint, name, what, f'"{meant}" is meant')
            return
        listed = ", ".join(sorted(allowed.values))
        self._say(
            endpoint,
            f"{name}={text[:40]}",
            f"the value of {_shown(name)} is not one that is described here ({listed}): sent as it is",
        )

    def _object(self, endpoint: str, name: str, value: Any, allowed: Fields) -> None:
        if not allowed.is_many:
            if isinstance(value, Mapping):
                self._members(endpoint, name, allowed, value)
            else:
                self._mistake(endpoint, name, f"{_shown(name)} is not a mapping", "give its fields in one")
            return
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            self._mistake(endpoint, name, f"{_shown(name)} is not a list", "give a list of mappings")
            return
        for index, row in enumerate(value):
            where = f"{name}[{index}]"
            if isinstance(row, Mapping):
                self._members(endpoint, where, allowed, row)
            else:
                self._mistake(endpoint, where, f"{_shown(where)} is not a mapping", "give its fields in one")

    def _members(
        self, endpoint: str, where: str, known: Fields, members: Mapping[Any, Any], *, whole: bool = True
    ) -> None:
        """Check the fields inside a field."""
        for name, value in members.items():
            if name not in known.table:
                self._unknown_field(endpoint, where, known, name, value)
            elif (allowed := known.table[name]) is not None:
                self._value(endpoint, f"{where.removesuffix('[]')}[{name}]", value, allowed)
        if whole:
            self._whole(endpoint, where, known, members, _bases(members))

    def _missing(self, endpoint: str, where: str, name: str, given: Collection[Any]) -> None:
        field = f"{where}[{name}]" if where else name
        other = next((each for each, ours in _ELSEWHERE.items() if ours == name and each in given), None)
        why = "Kraken requires it" if other is None else f"it is Kraken's name for {_shown(other)}"
        self._mistake(endpoint, field, f"{_shown(field)} is missing", why)

    # ---------------------------------------------------------------- combinations

    def _case(
        self,
        endpoint: str,
        where: str,
        rule: Rule,
        case: str,
        params: Mapping[Any, Any],
        given: Collection[Any],
    ) -> None:
        """Apply a rule whose case is given, such as ``ordertype limit``."""
        because = f" ({rule.because})" if rule.because else ""
        for name in rule.needs:
            if name not in given or params.get(name) == "":
                self._combination(endpoint, where, name, f"{case} needs {name}{because}", f"give {name}")
        for name, refused in rule.refuses.items():
            for text in texts(params.get(name, [])):
                if text in refused:
                    what = f"{case} does not go with {name} {text}{because}"
                    self._combination(endpoint, where, name, what, f"leave out {text}")
        for name, allowed in rule.only.items():
            for text in texts(params.get(name, [])):
                if text not in allowed:
                    what = f"{case} goes with {name} {' or '.join(allowed)} alone{because}"
                    self._combination(endpoint, where, name, what, f"leave out {case.split()[1]}")

    def _always(
        self, endpoint: str, where: str, rule: Rule, params: Mapping[Any, Any], given: Collection[Any]
    ) -> None:
        if rule.any_of and not any(name in given for name in rule.any_of):
            what = f"none of {', '.join(rule.any_of)} is given"
            self._combination(endpoint, where, rule.any_of[0], what, "give one of them")
        for name, count in rule.least.items():
            if name in params and (length := _length(params[name])) < count:
                what = f"{name} has {counted(length, 'entry', 'entries')}, Kraken takes {count} at least"
                self._combination(endpoint, where, name, what, "give more")
        for name, count in rule.most.items():
            if name in params and (length := _length(params[name])) > count:
                what = f"{name} has {counted(length, 'entry', 'entries')}, Kraken takes {count} at most"
                self._combination(endpoint, where, name, what, "make several calls")

    def _combination(self, endpoint: str, where: str, name: str, what: str, cure: str) -> None:
        field = f"{where}[{name}]" if where else name
        self._mistake(endpoint, field, f"in {where}: {what}" if where else what, cure)

    # ---------------------------------------------------------------- what is said

    def _mistake(self, endpoint: str, field: str, what: str, cure: str) -> None:
        if not self._refuse:
            self._say(endpoint, field, f"{what}: {cure}; sent as it is")
            return
        msg = f"{endpoint} is not sent: {what}: {cure}{self._way_out}"
        raise InvalidArguments(msg, endpoint=endpoint, outcome=Outcome.NOT_SENT)

    def _say(self, endpoint: str, what: str, message: str) -> None:
        if (endpoint, what) in self._said:
            return
        if len(self._said) < _MOST_SAID:
            self._said.add((endpoint, what))
            self._log.warning("%s: %s", endpoint, message, extra={"endpoint": endpoint})


def _bases(params: Mapping[Any, Any]) -> set[str]:
    """Return the names that are given, ``close`` for ``close[price]``."""
    return {name.partition("[")[0] if isinstance(name, str) else str(name) for name in params}


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (list, tuple)) else len(texts(value))


def _shown(text: object) -> str:
    """Return a name or a value in quotes, shortened, line breaks and the like escaped."""
    return ascii(str(text)[:60]).replace("'", '"')
