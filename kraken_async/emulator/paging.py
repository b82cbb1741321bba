"""Pages of a history: newest first, from an offset or a cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .values import Refusal
from .venue import Call
from .wire import bad, flag, integer, text

PAGE = 50
_CURSOR = "c"


def page(
    call: Call, rows: list[tuple[float, Any]], known: Mapping[str, float], size: int = PAGE
) -> tuple[list[Any], dict[str, Any]]:
    """Return one page of ``rows`` (time, row), newest first, and what the answer says beside it.

    ``start`` is exclusive, ``end`` inclusive; each is a time or an id that is ``known``. With ``with_cursor`` or
    ``cursor`` the answer has the cursor of the next page and no count.
    """
    start, end = (_moment(call, name, known) for name in ("start", "end"))
    kept = [row for t, row in rows if (start is None or t > start) and (end is None or t <= end)]
    if flag(call.params, "with_cursor") or call.params.get("cursor"):
        return by_cursor(call, kept, size)
    offset = integer(call.params, "ofs", 0)
    if offset < 0:
        raise bad("ofs")
    count = {} if flag(call.params, "without_count") else {"count": len(kept)}
    return kept[offset : offset + size], count


def by_cursor(call: Call, rows: list[Any], size: int) -> tuple[list[Any], dict[str, Any]]:
    """Return the page that ``cursor`` names and the cursor of the next one, None after the last."""
    if integer(call.params, "ofs", 0):
        raise bad("ofs")
    cursor = text(call.params, "cursor", "")
    number = cursor.removeprefix(_CURSOR)
    if cursor and (not cursor.startswith(_CURSOR) or not number.isdecimal()):
        raise bad("cursor")
    offset = int(number or 0)
    following = offset + size
    return rows[offset:following], {
        "cursor": {"next": f"{_CURSOR}{following}" if following < len(rows) else None}
    }


def limit(call: Call, default: int, most: int) -> int:
    """Return how many rows are asked for, at most ``most``."""
    return max(1, min(integer(call.params, "limit", default), most))


def _moment(call: Call, name: str, known: Mapping[str, float]) -> float | None:
    value = text(call.params, name, "")
    if not value or value == "0":
        return None
    if value in known:
        return known[value]
    try:
        return float(value)
    except ValueError:
        raise bad(name) from None


def bounds(call: Call) -> tuple[str, str]:
    """Return ``start`` and ``end`` as they were sent."""
    return text(call.params, "start", ""), text(call.params, "end", "")


def named(call: Call, rows: Mapping[str, Any], names: list[str], error: str) -> dict[str, Any]:
    """Return the rows that ``names`` ask for; unknown ones are missing, or refused with ``error``."""
    if call.venue.behaviour.unknown_ids == "refuse" and not all(name in rows for name in names):
        raise Refusal(error)
    return {name: rows[name] for name in names if name in rows}
