"""A client's request becomes the fields of a call: form and JSON bodies, and query strings. Pure.

Rules kept here:

1. The client's nonce is dropped, for the session makes its own. A one-time password is the account's, not a client's.
2. Numbers keep the digits they came with. A field that is given twice is refused: two readers could take either.
3. What cannot be read is refused with ValueError, which names the field and never its value.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.api.endpoints import Endpoint

#: Bytes of a body that are read at most; Kraken's largest request, a batch of 15 orders, has some thousand.
LARGEST: Final = 256 * 1024
MOST_FIELDS: Final = 2000
_DEPTH: Final = 8
_PART: Final = re.compile(r"\[([^\[\]]*)\]")
#: Booleans that Kraken's JSON endpoints take, and that a form can only spell out.
_BOOLEANS: Final = {"true": True, "false": False}
#: What is shown of an order, and how many characters of each.
_SHOWN: Final = ("type", "volume", "pair", "ordertype", "price")
_SHORT: Final = 32


def parse(body: bytes, content_type: str, query: str = "") -> dict[str, Any]:
    """Return the fields of a request: of its query string, and of its body in either form."""
    fields = _form(query) if query else {}
    if body.strip():
        kind = content_type.partition(";")[0].strip().lower()
        looks_json = kind.endswith("json") or (
            kind != "application/x-www-form-urlencoded" and body.lstrip()[:1] == b"{"
        )
        fields.update(_json(body) if looks_json else _form(_text(body)))
    fields.pop("nonce", None)
    if "otp" in fields:
        raise ValueError("otp: the one-time password is the gateway's")
    return fields


def shaped(endpoint: Endpoint, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as ``endpoint`` takes them.

    A form spells ``orders[0][price]``; where Kraken reads JSON, these become lists and mappings.
    """
    if endpoint.body != "json" or not any("[" in name for name in fields):
        return fields
    root: dict[str, Any] = {}
    for name, value in fields.items():
        head, _, rest = name.partition("[")
        parts = _PART.findall("[" + rest) if rest else []
        if rest and "".join(f"[{part}]" for part in parts) != "[" + rest:
            raise ValueError(f"{name}: the brackets do not match")
        _put(root, [head, *parts], _BOOLEANS.get(value, value) if isinstance(value, str) else value, name)
    return {name: _listed(value, name) for name, value in root.items()}


def in_short(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return what an order asks for, in the few words that a list of calls has room for."""
    given = {name: fields.get(name) for name in _SHOWN}
    return {
        name: str(value)[:_SHORT] for name, value in given.items() if isinstance(value, (str, int, Decimal))
    }


def _put(place: dict[str, Any], path: list[str], value: Any, name: str) -> None:
    if len(path) > _DEPTH:
        raise ValueError(f"{name}: nested too deep")
    for part in path[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise ValueError(f"{name}: given as a value and as a group")
    if path[-1] in place:
        raise ValueError(f"{name}: given twice")
    place[path[-1]] = value


def _listed(value: Any, name: str) -> Any:
    """Turn ``{"0": ..., "1": ...}`` into a list, at every depth."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isascii() and key.isdigit() for key in value):
        rows = sorted(value, key=int)
        if [int(row) for row in rows] != list(range(len(rows))):
            raise ValueError(f"{name}: the rows are not numbered from 0 on")
        return [_listed(value[row], name) for row in rows]
    return {key: _listed(each, name) for key, each in value.items()}


def _form(text: str) -> dict[str, Any]:
    if "%" not in text and "+" not in text:  # nearly always; without the detour through decoding
        words = [word.partition("=") for word in text.split("&") if word]
        if len(words) <= MOST_FIELDS:
            return _unique([(name, value) for name, _, value in words])
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("body: not valid Unicode text") from None
    except ValueError:
        raise ValueError(f"body: more than {MOST_FIELDS} fields") from None
    return _unique(pairs)


def _json(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(
            _text(body), parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError("body: nested too deep") from None
    except json.JSONDecodeError:
        raise ValueError("body: not JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("body: a JSON object is needed")
    return fields


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("body: not valid Unicode text") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:60]}: given twice")
    return fields


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"body: {name} is not a number")
