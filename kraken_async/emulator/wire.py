"""Reading a request's body: forms and JSON, nested fields, and values as text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from .values import Refusal

_encode = json.JSONEncoder(separators=(",", ":")).encode
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+")
_ENCODED = re.compile(r"[%+;\[]")
_BRACKET = re.compile(r"\[([^\]]*)\]")


def dumps(value: Any) -> bytes:
    """Return ``value`` as compact JSON."""
    return _encode(value).encode()


def parse_body(content_type: str, body: bytes) -> dict[str, Any]:
    """Return the fields of a form or a JSON object; numbers stay as the text that was sent.

    A body that cannot be read gives no fields: such a request fails at its signature or its nonce, as it does
    at Kraken.
    """
    try:
        if "json" in content_type or body[:1] == b"{":
            fields = json.loads(body, parse_float=str, parse_int=str, parse_constant=str)
            return fields if isinstance(fields, dict) else {}
        form = body.decode()
        if not _ENCODED.search(form):
            # Nothing is encoded or nested in most calls; parse_qsl takes several times as long.
            return {
                name: value for name, _, value in [part.partition("=") for part in form.split("&")] if name
            }
        return _nested(parse_qsl(form, keep_blank_values=True))
    except ValueError:
        return {}


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Turn ``close[ordertype]`` into a nested mapping, and ``orders[0][type]`` into a list of them."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        if "[" not in name:
            root[name] = value
            continue
        head, _, _ = name.partition("[")
        path = [head, *_BRACKET.findall(name)]
        node = root
        for step in path[:-1]:
            child = node.setdefault(step, {})
            if not isinstance(child, dict):
                raise ValueError(name)
            node = child
        last = path[-1]
        node[last if last else str(len(node))] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    listed = {name: _listed(child) for name, child in value.items()}
    if listed and all(name.isdigit() for name in listed):
        return [listed[name] for name in sorted(listed, key=int)]
    return listed


def bad(field: str) -> Refusal:
    """Return Kraken's refusal of one argument."""
    return Refusal(f"EGeneral:Invalid arguments:{field}")


def text(params: Mapping[str, Any], field: str, default: str | None = None) -> str:
    """Return a field as text. Without a default the field must be there and not be empty."""
    value = params.get(field)
    if value is None or value == "":
        if default is None:
            raise bad(field)
        return default
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise bad(field)
    return value


def flag(params: Mapping[str, Any], field: str, *, default: bool = False) -> bool:
    """Return a boolean field."""
    value = text(params, field, "true" if default else "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise bad(field)
    return value in ("true", "1")


def integer(params: Mapping[str, Any], field: str, default: int | None = None) -> int:
    """Return a whole number."""
    value = text(params, field, None if default is None else str(default))
    try:
        return int(value)
    except ValueError:
        raise bad(field) from None


def plain(value: str, field: str) -> Decimal:
    """Return an unsigned decimal number in at most 24 plain digits: no sign, no exponent."""
    if len(value) > 24 or not _NUMBER.fullmatch(value):
        raise bad(field)
    return Decimal(value)


def decimal(params: Mapping[str, Any], field: str, default: str | None = None) -> Decimal:
    """Return a field that is an unsigned decimal number."""
    return plain(text(params, field, default), field)


def listed(params: Mapping[str, Any], field: str, *, most: int) -> list[str]:
    """Return a comma list, or a JSON list, of at most ``most`` ids."""
    value = params.get(field) or ""
    if isinstance(value, list):
        items = [str(item).strip() for item in value]
    else:
        items = [item.strip() for item in str(value).split(",") if item.strip()]
    if len(items) > most:
        raise bad(field)
    return items


def rfc3339(value: str, field: str) -> float:
    """Return unix seconds for an RFC 3339 time."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise bad(field) from None
    if moment.tzinfo is None:
        raise bad(field)
    return moment.timestamp()


def to_rfc3339(t: float) -> str:
    """Return whole seconds in UTC, as CancelAllOrdersAfter and SystemStatus write them."""
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
