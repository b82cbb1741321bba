"""JSON in: the same values with and without the extra ``speed``.

Rules, which the standard library alone keeps too:

1. Text is UTF-8. Integers of any size stay integers. Of equal keys the last one counts.
2. NaN and infinities are refused, also as a number that is too large for a float.
3. What msgspec refuses is read again by the standard library, which decides.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[bytes], Any]


def strict(body: bytes) -> Any:
    """Return the value of a JSON text, by the standard library. Raises ValueError."""
    text = body.decode()
    try:
        value, end = _SCAN(text, 0)  # as decode() does, but for white space around it
        return value if end == len(text) else _DECODER.decode(text)
    except StopIteration:
        return _DECODER.decode(text)
    except RecursionError:
        msg = "JSON nested too deeply"
        raise ValueError(msg) from None


def exact(body: bytes) -> Any:
    """As ``strict``, but numbers with a fraction or an exponent become Decimals, digit by digit. Raises ValueError."""
    try:
        return _EXACT_DECODER.decode(body.decode())
    except RecursionError:
        msg = "JSON nested too deeply"
        raise ValueError(msg) from None


@cache
def reader() -> Reader:
    """Return the function that reads JSON: msgspec's if it is installed, else ``strict``. It raises ValueError."""
    try:
        msgspec = import_module("msgspec")
    except ImportError:
        return strict
    fast: Reader = msgspec.json.decode
    # Its own error is a ValueError only in newer releases.
    refusals: tuple[type[Exception], ...] = (ValueError, RecursionError, msgspec.DecodeError)

    def read(body: bytes) -> Any:
        try:
            return fast(body)
        except refusals:
            return strict(body)

    return read


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        _refuse(text)
    return value


def _digits(text: str) -> Decimal:
    if len(text) > 300 or "e" in text or "E" in text:
        _finite(text)
    return Decimal(text)


def _refuse(text: str) -> NoReturn:
    msg = f"{text[:20]} is not a number that JSON can hold"
    raise ValueError(msg)


# json.loads would build one for each call.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
_SCAN: Final[Callable[[str, int], tuple[Any, int]]] = vars(_DECODER)["scan_once"]
_EXACT_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_digits)
