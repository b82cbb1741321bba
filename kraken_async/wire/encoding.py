"""Fields to bytes, as Kraken reads them: form bodies, JSON bodies and query strings.

Rules:

1. Numbers become plain digits: Kraken reads no exponent, so `1e-8` and `Decimal("1E+2")` are written out.
2. What cannot be told in one way only is refused with ValueError, which names the field and what to do,
   never the value. So is what fails when it is read, whatever it raises, and what is nested too deeply.
3. Fields keep their order.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the session itself puts into a body.
_OURS: Final = {
    "nonce": "leave it out",
    "otp": "give it to KrakenSession as otp, a text or a function",
}
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
_TIME: Final = re.compile(r"[A-Za-z0-9_.~:-]*").fullmatch
# Types whose values tell what was meant by a name that is none.
_SHOWN: Final = (str, int, float, bool, type(None))
# Mappings and lists within each other; Kraken's own go three deep.
_DEPTH: Final = 20
# More digits than any amount has: Decimal("1E+999999") must not become a megabyte.
_DIGITS: Final = 400


def form(params: Mapping[str, Any], *, reserved: bool = True) -> bytes:
    """Return the fields as a form body: lists as `txid=A,B`, mappings as `close[price]`, both as `orders[0][price]`.

    Raises ValueError for what cannot be encoded; with `reserved`, also for "nonce" and "otp".
    """
    pairs: list[str] = []
    nested: set[str] | None = None
    for name, value in params.items():
        if (
            type(value) is str
            and type(name) is str
            and _PLAIN(f"{name}{value}")
            and name
            and name not in _OURS
        ):
            pairs.append(f"{name}={value}")  # most fields are short and plain
            continue
        _check_name(name, reserved=reserved)
        try:
            if isinstance(value, (Mapping, list, tuple)) and nested is None:
                nested = set(params)
            for key, text in _flat(name, value, _DEPTH):
                if nested is not None and key != name:
                    if key in nested:
                        _refuse(key, "is given twice", "give it once")
                    nested.add(key)
                pairs.append(f"{quote(key, key)}={quote(key, text)}")
        except ValueError:
            raise
        except Exception as error:
            _refuse_unreadable(name, error)
    return "&".join(pairs).encode("ascii")


def json_members(params: Mapping[str, Any]) -> bytes:
    """Return the fields as members of a JSON object, without its braces: compact, ASCII only, numbers as numbers.

    Raises ValueError for what cannot be encoded, and for "nonce" and "otp".
    """
    members: list[str] = []
    for name, value in params.items():
        _check_name(name)
        try:
            members.append(f"{json_string(name, name)}:{_json(name, value, _DEPTH)}")
        except ValueError:
            raise
        except Exception as error:
            _refuse_unreadable(name, error)
    return ",".join(members).encode()


def query(params: Mapping[str, Any] | None = None) -> str:
    """Return the fields as a query string with its question mark, or "" if there are none. Raises ValueError."""
    return f"?{form(params, reserved=False).decode()}" if params else ""


def quote(field: str, text: str) -> str:
    """`text` quoted for a form body. Raises ValueError naming the field for text that is not Unicode."""
    if _PLAIN(text):
        return text
    if _TIME(text):
        return text.replace(":", "%3A")  # as a deadline has them: the quick way
    quoted = None
    with suppress(UnicodeEncodeError):  # which holds the text, and is not chained
        quoted = quote_plus(text)
    if quoted is None:
        _refuse(field, "is not valid Unicode text", "check where it was decoded")
    return quoted


def json_string(field: str, text: str) -> str:
    """`text` as a JSON string. Raises ValueError naming the field for text that is not Unicode."""
    if not text.isascii():
        quote(field, text)  # for its check
    return encode_basestring_ascii(text)


def _flat(field: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Return the form fields that one value becomes."""
    if not depth:
        _refuse(field, "is nested too deeply", "give what Kraken's documentation shows")
    if isinstance(value, Mapping):
        _check_filled(field, value)
        for name, item in value.items():
            _check_name(name, inside=field, reserved=False)
            yield from _flat(f"{field}[{name}]", item, depth - 1)
    elif not isinstance(value, (list, tuple)):
        yield field, _scalar(field, value)
    elif any(isinstance(item, (Mapping, list, tuple)) for item in value):
        for index, item in enumerate(value):
            yield from _flat(f"{field}[{index}]", item, depth - 1)
    else:
        _check_filled(field, value)
        yield field, ",".join([_scalar(field, item) for item in value])


def _json(field: str, value: Any, depth: int) -> str:
    if isinstance(value, str):
        return json_string(field, str.__str__(value))
    if not depth:
        _refuse(field, "is nested too deeply", "give what Kraken's documentation shows")
    if isinstance(value, Mapping):
        members = []
        for name, item in value.items():
            _check_name(name, inside=field, reserved=False)
            members.append(f"{json_string(field, name)}:{_json(f'{field}[{name}]', item, depth - 1)}")
        return f"{{{','.join(members)}}}"
    if isinstance(value, (list, tuple)):
        items = [_json(f"{field}[{index}]", item, depth - 1) for index, item in enumerate(value)]
        return f"[{','.join(items)}]"
    return _number(field, value)


def _scalar(field: str, value: Any) -> str:
    # Of an enum that is a text too, its value, which str() would not give.
    return str.__str__(value) if isinstance(value, str) else _number(field, value)


def _number(field: str, value: Any) -> str:
    """Return a bool or a number, in plain digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() > 3 * _DIGITS:
            _refuse(field, "has too many digits", "give a number in Kraken's range")
        return f"{int(value):d}"
    if isinstance(value, float):
        text = float.__repr__(value)
        return text if text.replace(".", "", 1).isdigit() else _digits(field, Decimal(text))
    if isinstance(value, Decimal):
        return _digits(field, value)
    if hasattr(value, "__index__"):  # an integer of numpy's
        return _number(field, operator.index(value))
    return _refuse_type(field, value)


def _digits(field: str, value: Decimal) -> str:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        _refuse(field, f"is {value}", "give a finite number")
    if len(digits) + abs(exponent) > _DIGITS:
        _refuse(field, "has too many digits", "give a number in Kraken's range")
    return format(value, "f")


def _refuse_type(field: str, value: object) -> NoReturn:
    if value is None:
        _refuse(field, "is None", "leave it out")
    what = f"is of type {type(value).__name__}"
    _refuse(field, what, "give text, a number, a bool, or a list or mapping of these")


def _check_name(name: object, *, inside: str = "", reserved: bool = True) -> None:
    if not isinstance(name, str) or not name:
        shown = repr(name) if type(name) in _SHOWN else f"of type {type(name).__name__}"
        _refuse(f"{inside}[{shown}]" if inside else shown, "is not a field name", "use Kraken's field names")
    if reserved and name in _OURS:
        _refuse(name, "is set by the session", _OURS[name])


def _check_filled(field: str, value: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> None:
    if not value:
        _refuse(field, "is empty", "leave it out")


def _refuse_unreadable(field: str, error: Exception) -> NoReturn:
    _refuse(
        field,
        f"cannot be read ({type(error).__name__})",
        "give text, a number, a bool, or a list or mapping of these",
    )


def _refuse(field: str, what: str, cure: str) -> NoReturn:
    msg = f"field {field!r} {what}: {cure}"
    raise ValueError(msg) from None
