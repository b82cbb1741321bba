"""JSON in: the same values whichever library reads it, by a fast one if it is installed.

Rules, which the standard library alone keeps too:

1. Text is UTF-8. Integers of any size stay integers. Of equal keys the last one counts.
2. NaN and infinities are refused, also as a number that is too large for a float.
3. What a fast library refuses is read again by the standard one, which decides.
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

#: In order of preference: orjson turns integers beyond 64 bits into floats, and looking for them costs time.
LIBRARIES: Final = ("msgspec", "orjson")

_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")


def strict(body: bytes) -> Any:
    """The value of a JSON text, by the standard library. Raises ValueError."""
    try:
        return _DECODER.decode(body.decode())
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
def reader(library: str | None = None) -> Reader:
    """The function that reads JSON: by that library, or the first of LIBRARIES that is installed.

    "json" is the standard one. What is returned raises ValueError for what is not JSON. Raises ImportError if
    the library named is not installed.
    """
    if library is None:
        return next((found for name in LIBRARIES if (found := _try(name))), strict)
    if library == "json":
        return strict
    module = import_module(library)
    if library == "msgspec":  # whose errors are ValueErrors only in newer releases
        return _guarded(module.json.decode, errors=(module.DecodeError,))
    return _guarded(module.loads, _may_exceed_64_bits)


def _try(library: str) -> Reader | None:
    try:
        return reader(library)
    except ImportError:
        return None


def _guarded(
    fast: Reader,
    doubtful: Callable[[bytes], object] | None = None,
    errors: tuple[type[Exception], ...] = (),
) -> Reader:
    refusals: tuple[type[Exception], ...] = (ValueError, RecursionError, *errors)

    def read(body: bytes) -> Any:
        if doubtful is not None and doubtful(body):
            return strict(body)
        try:
            return fast(body)
        except refusals:
            return strict(body)

    return read


def _may_exceed_64_bits(body: bytes) -> bool:
    # A search for runs of digits; several times faster so than by a regular expression.
    zeros = body.translate(_ZEROS)
    return b"0" * 20 in zeros or b"-" + b"0" * 19 in zeros


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
_EXACT_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_digits)
