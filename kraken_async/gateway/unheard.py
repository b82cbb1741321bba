"""Unheard writes: carried out, and their client never had the answer. They are listed, and not done twice.

A client may hang up, or the gateway be killed, between Kraken's answer and the client's. The journal rightly knows
nothing of such an order: its outcome is known, but not to the program that wants it. The audit log does.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Seconds for which they are told, and how many of them.
TOLD: Final = 86_400.0
MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """One of them. ``at``: unix seconds at which its answer came."""

    at: float
    token: str
    endpoint: str
    fields: dict[str, Any]
    ids: tuple[str, ...]


class UnheardWrites:
    """Those of one account, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Unheard] = deque(maxlen=MOST)

    def add(self, unheard: Unheard) -> None:
        """Keep one more."""
        self._kept.append(unheard)

    def shown(self) -> list[dict[str, Any]]:
        """Return them as plain data, without those that are a day old."""
        since = time.time() - TOLD
        return [asdict(each) for each in self._kept if each.at >= since]


def left_behind(lines: Iterable[dict[str, Any]], account: str) -> list[Unheard]:
    """Return what a gateway's audit log knows of writes that ended, answered, and were never heard of."""
    asked: dict[str, dict[str, Any]] = {}
    ended: dict[str, Unheard] = {}
    since = time.time() - TOLD
    for line in lines:
        for number in _listed(line.get("heard")):
            ended.pop(str(number), None)
        number, op = str(line.get("call")), line.get("op")
        if op == "asked" and line.get("account") == account:
            asked[number] = line
        elif op == "ended" and (first := asked.pop(number, None)) is not None:
            at = line.get("at")
            if line.get("outcome") == "answered" and isinstance(at, (int, float)) and at >= since:
                fields = first.get("fields")
                ended[number] = Unheard(
                    at=float(at),
                    token=str(first.get("token")),
                    endpoint=str(first.get("endpoint")),
                    fields=fields if isinstance(fields, dict) else {},
                    ids=tuple(map(str, _listed(line.get("ids")))),
                )
    return list(ended.values())


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
