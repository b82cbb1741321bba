"""Amounts and moments as callers give them, read exactly. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

Number = Decimal | float | str
Moment = datetime | Decimal | float | str

_PLAIN: Final = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?").fullmatch
_RELATIVE: Final = re.compile(r"[+#-].*|.*%").fullmatch
#: No amount at Kraken has more digits before or after the point.
_DIGITS: Final = 60


def amount(value: Number, what: str) -> Decimal:
    """Return ``value`` as a Decimal, a float by its shortest text.

    Raises ValueError for what is relative (``+5``, ``#5``, ``5%``), negative, not finite, or no number.
    """
    if isinstance(value, str):
        return _from_text(value.strip(), what)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        msg = f"{what} is a text, an int, a Decimal or a float, not {type(value).__name__}"
        raise ValueError(msg)
    found = Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)
    return _checked(found, what, value)


def _from_text(text: str, what: str) -> Decimal:
    if _RELATIVE(text):
        msg = f"{what} {text!r} is relative: only Kraken can tell what it comes to"
        raise ValueError(msg)
    if not _PLAIN(text):
        msg = f"{what} {text!r} is not a number"
        raise ValueError(msg)
    return _checked(Decimal(text), what, text)


def _checked(found: Decimal, what: str, given: object) -> Decimal:
    if not found.is_finite() or found < 0:
        msg = f"{what} is a finite number, 0 or more, not {given!r}"
        raise ValueError(msg)
    if len(found.as_tuple().digits) > _DIGITS or abs(found.adjusted()) > _DIGITS:
        msg = f"{what} has too many digits"
        raise ValueError(msg)
    return found


def seconds(value: Moment, what: str) -> Decimal:
    """Return a moment as unix seconds, to the digit. Raises ValueError for another value, and for a naive datetime."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            msg = f"{what} is a datetime without a time zone: give it one, such as tzinfo=UTC"
            raise ValueError(msg)
        since = value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return Decimal(since.days * 86_400 + since.seconds) + Decimal(since.microseconds).scaleb(-6)
    return amount(value, what)


def moment_field(value: Moment, what: str) -> str:
    """Return what Kraken takes for a moment: plain unix seconds; an id (a text that is no number) as it is."""
    if isinstance(value, str) and not _PLAIN(value.strip()):
        return value
    found = seconds(value, what)
    whole = found.to_integral_value()
    return f"{whole:f}" if whole == found else f"{found.normalize():f}"
