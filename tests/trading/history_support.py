"""A Kraken of one history, for tests of paging: rows may arrive, vanish and be refused between two pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

NOW = 1_700_000_000


class History:
    """Answers Ledgers, Time and Trades as Kraken does; newest first, ``start`` exclusive, ``end`` inclusive."""

    def __init__(self, *, size: int = 50, count: bool = True) -> None:
        self.rows: list[tuple[str, dict[str, Any]]] = []  # oldest first
        self.size = size
        self.count = count
        self.asked: list[dict[str, Any]] = []
        # Called before each answer, with its number.
        self.before: Callable[[int], object] = lambda number: None

    def add(self, how_many: int = 1, *, time: float = NOW - 100.0) -> None:
        for _ in range(how_many):
            self.rows.append((f"L{len(self.rows):06d}", {"time": time, "amount": "1.0000"}))

    @property
    def ids(self) -> list[str]:
        return [name for name, _ in reversed(self.rows)]

    async def answer(self, name: str, fields: dict[str, Any]) -> Any:
        if name == "Time":
            return {"unixtime": NOW, "rfc1123": ""}
        self.asked.append(fields)
        changed = self.before(len(self.asked))
        if isinstance(changed, Exception):
            raise changed
        if isinstance(changed, dict):
            return changed
        start, end = float(fields.get("start", 0)), float(fields.get("end", 1e12))
        kept = [(name, row) for name, row in reversed(self.rows) if start < row["time"] <= end]
        offset = int(fields.get("ofs", 0))
        page: dict[str, Any] = {"ledger": dict(kept[offset : offset + self.size])}
        if self.count and not fields.get("without_count"):
            page["count"] = len(kept)
        return page

    def private(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        return self.answer(endpoint, {**(params or {}), **fields})

    public = private

    def with_options(self, *, priority: Any = None, timeout: float | None = None) -> History:
        return self
