"""Amounts as Decimal and times as datetime, where the description says that they are.

Rules:

1. Exact: an amount has the digits that Kraken sent, of a text and of a JSON number (which is read as a Decimal then).
2. A price that is relative to another ("+50", "5%") stays a text: a distance is no price.
3. A time is aware, in UTC, cut to microseconds. One that stands for "not set" (0, "0", "") is None.
4. What is not described, or is no amount or time after all, stays as it was sent.
5. The result that was given is not changed: what is converted is a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final

Step = Callable[[Any], Any]

_from_timestamp: Final = datetime.fromtimestamp
_EPOCH: Final = _from_timestamp(0, UTC)
_RELATIVE: Final = ("+", "-", "#")
_NOT_SET: Final = ("", "0")
#: Unix seconds below which a float is nearer to its microsecond than to the next one.
_EXACT: Final = 4_000_000_000


def convert(result: Any, endpoint: str, *, amounts: bool, times: bool) -> Any:
    """Return a copy of a result with its amounts as Decimal, its times as datetime, or both.

    JSON numbers are Decimals in ``result`` if it was read exactly; those that are neither become floats again.
    """
    return _converter(endpoint, amounts, times)(result)


@cache
def _converter(endpoint: str, amounts: bool, times: bool) -> Step:
    from kraken_async.api.conversions import PLANS  # read when it is first needed

    plan = PLANS.get(endpoint)
    if plan is None:
        return _plain
    return _compile(plan, {**(_AMOUNTS if amounts else {}), **(_TIMES if times else {})}) or _plain


def _compile(plan: Any, scalars: dict[str, Step]) -> Step | None:
    """Return the step for a plan, or None if nothing in it is to be converted."""
    if isinstance(plan, str):
        return scalars.get(plan)
    if isinstance(plan, dict):
        return _object(_compile_all(plan, scalars))
    if isinstance(plan, list):
        return _list(_compile(plan[0], scalars))
    if plan[0] == "|":
        return _either(plan[1:], scalars)
    return _row([None if place is None else _compile(place, scalars) for place in plan])


def _compile_all(plan: dict[str, Any], scalars: dict[str, Step]) -> dict[str, Step]:
    steps = {name: _compile(each, scalars) for name, each in plan.items()}
    return {name: step for name, step in steps.items() if step is not None}


def _object(fields: dict[str, Step]) -> Step | None:
    others = fields.pop("*", _plain)
    if not fields:
        return None if others is _plain else _map(others)
    step_of = fields.get

    def named(value: Any) -> Any:
        if type(value) is not dict:
            return _plain(value)
        converted = {}
        for name, item in value.items():
            step = step_of(name)
            if step is not None:
                converted[name] = step(item)
            else:
                converted[name] = item if type(item) is str else others(item)
        return converted

    return named


def _map(step: Step) -> Step:
    def each(value: Any) -> Any:
        if type(value) is not dict:
            return _plain(value)
        return {name: step(item) for name, item in value.items()}

    return each


def _list(step: Step | None) -> Step | None:
    if step is None:
        return None

    def items(value: Any) -> Any:
        return [step(item) for item in value] if type(value) is list else _plain(value)

    return items


def _row(steps: list[Step | None]) -> Step | None:
    if not any(steps):
        return None
    places = [step or _plain for step in steps]
    count = len(places)

    def row(value: Any) -> Any:
        if type(value) is not list:
            return _plain(value)
        converted = [step(item) for step, item in zip(places, value, strict=False)]
        return converted if len(value) <= count else converted + [_plain(item) for item in value[count:]]

    # Rows of two and three are the many ones: levels of a book, fees, the ticker.
    if count == 2:
        first, last = places

        def row_of_two(value: Any) -> Any:
            if type(value) is list and len(value) == 2:
                one, two = value
                return [first(one), last(two)]
            return row(value)

        return row_of_two
    if count == 3:
        first, second, third = places

        def row_of_three(value: Any) -> Any:
            if type(value) is list and len(value) == 3:
                one, two, three = value
                return [first(one), second(two), third(three)]
            return row(value)

        return row_of_three
    return row


def _either(plans: tuple[Any, ...], scalars: dict[str, Step]) -> Step | None:
    """One of several: told apart by whether an object, a list or a single value came."""
    fields: dict[str, Any] = {}
    listed: Any = None
    single: Any = None
    for plan in plans:
        if isinstance(plan, dict):
            fields.update(plan)
        elif isinstance(plan, str):
            single = plan
        else:
            listed = plan
    steps = [None if plan is None else _compile(plan, scalars) for plan in (fields or None, listed, single)]
    if not any(steps):
        return None
    of_object, of_list, of_single = (step or _plain for step in steps)

    def either(value: Any) -> Any:
        kind = type(value)
        return of_object(value) if kind is dict else of_list(value) if kind is list else of_single(value)

    return either


def _plain(value: Any) -> Any:
    """Return what is neither an amount nor a time: numbers that were read exactly become floats."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is Decimal:
        return float(value)
    if kind is dict:
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if kind is list else value


def _amount(value: Any) -> Any:
    if type(value) is str:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            return value
        return amount if amount.is_finite() else value  # "NaN" is no amount
    kind = type(value)
    if kind is Decimal:
        return value
    return Decimal(value) if kind is int else Decimal(repr(value)) if kind is float else _plain(value)


def _price(value: Any) -> Any:
    if type(value) is str and (value[:1] in _RELATIVE or value[-1:] == "%"):
        return value
    return _amount(value)


_AMOUNTS: Final[dict[str, Step]] = {"amount": _amount, "price": _price}


def _seconds(value: Any) -> Any:
    kind = type(value)
    try:
        if kind is int:
            return _from_timestamp(value, UTC) if value else None
        if kind is Decimal or kind is str or kind is float:
            text = str(value)
            if kind is Decimal and text[10:11] == "." and len(text) <= 17 and "1" <= text < "4":
                return _from_timestamp(float(text), UTC)  # 2001 to 2096, and no digit to cut
            if text.isdigit():
                return _from_timestamp(number, UTC) if (number := int(text)) else None
            if not value:  # "", 0.0
                return None
            whole, _, part = text.partition(".")
            if (whole + part).isdigit():
                return _EPOCH + timedelta(0, int(whole), int(part[:6].ljust(6, "0")))
    except (ValueError, OverflowError, OSError):  # an exponent, or no time at all
        pass
    return _plain(value)


def _of_size(value: Any) -> Any:
    """Return a time in milliseconds, microseconds or nanoseconds: its size tells the unit."""
    if type(value) is not int:
        return _plain(value)
    if value >= 10**17:
        seconds = value // 1000 / 1e6
    else:
        seconds = value / 1e3 if value < 10**14 else value / 1e6
    if 0 < seconds < _EXACT:
        return _from_timestamp(seconds, UTC)
    if not value:
        return None
    size = abs(value)
    micro = value * 1000 if size < 10**14 else value if size < 10**17 else value // 1000
    try:
        return _EPOCH + timedelta(0, 0, micro)
    except OverflowError:
        return value


def _iso(value: Any) -> Any:
    if type(value) is not str:
        return _plain(value)
    if value in _NOT_SET:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    if time.tzinfo is UTC:
        return time
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


_TIMES: Final[dict[str, Step]] = {
    "seconds": _seconds,
    "milliseconds": _of_size,
    "nanoseconds": _of_size,
    "iso_time": _iso,
}
