"""SincePages: Trades, OHLC and Spread, oldest first, each page from the moment of the last row on."""

from __future__ import annotations

import json
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken_async.trading.numbers import seconds
from kraken_async.trading.page_kinds import Page
from kraken_async.trading.page_source import PageSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.trading.page_kinds import PageKind, PageRow
    from kraken_async.trading.page_request import PageRequest
    from kraken_async.trading.page_source import Shown

#: Nanoseconds by which a row's time, a JSON number, may differ from Kraken's own.
_BLUR = 1_000


class SincePages(PageSource):
    """Pages of Trades, each from a nanosecond before the last row.

    Kraken leaves out the rows of ``since`` itself, and more trades than one may carry the same time. A row that comes
    again is known by its trade id.
    """

    def __init__(self, kind: PageKind, fields: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        fields = dict(fields)
        start = fields.pop("start", None)
        if start is not None:
            if "since" in fields:
                msg = "give start (unix seconds) or since (as Kraken takes it), not both"
                raise ValueError(msg)
            scale = 1_000_000_000 if kind.time_at else 1
            fields["since"] = str(int(seconds(start, "start") * scale))
        super().__init__(kind, fields)
        self._since: str | None = state.get("since", fields.get("since"))
        # Rows that may come again, with their time in ns.
        self._seen: dict[str, int] = dict(state.get("seen", {}))
        self.done: bool = bool(state.get("done"))
        self._last: str | None = None
        self._length = 0
        self._beyond = False  # the page goes past the end

    def __repr__(self) -> str:
        return f"since {self._since}"

    def state(self) -> dict[str, Any]:
        """See PageSource."""
        return {"since": self._since, "seen": self._seen, "done": self.done}

    async def next(self, request: PageRequest, end: str | None, shown: Shown) -> Page:
        """See PageSource."""
        fields = dict(self._fields)
        if self._since is not None:
            fields["since"] = self._since
        result = await request.ask(fields)
        given, rows = self._read(result, shown)
        latest = None if end is None else seconds(end, "end")
        kept = [row for row in rows if latest is None or self._time(row) <= latest]
        fresh = [row for row in kept if row.mark not in self._seen]
        self._beyond = self._kind.once or len(kept) < len(rows)
        before, self._last = self._last, _last(result)
        self._length = len(kept)
        if not fresh:
            moves = rows and self._last is not None and self._last != before and self._last != self._since
            self.done = self._beyond or not moves
            if moves:
                self._since = self._last
        return Page(given, deque(fresh))

    def took(self, row: PageRow) -> None:
        """See PageSource."""
        now = int(self._time(row) * 1_000_000_000)
        if row.mark is not None:
            self._seen[row.mark] = now
        if row.index + 1 == self._length:
            self.done = self._beyond
            at = self._last
            self._since = str(int(at) - 1) if at is not None and at.isdigit() and int(at) else at
        elif self._kind.time_at:
            self._since = str(now - _BLUR)
        oldest = now - 2 * _BLUR
        while (first := next(iter(self._seen), None)) is not None and self._seen[first] < oldest:
            del self._seen[first]

    def _time(self, row: PageRow) -> Decimal:
        value = row.raw[self._kind.time_at]
        return seconds(value, "time")

    def _mark(self, row: Any) -> str | None:
        trade_id = row[6] if self._kind.time_at and len(row) > 6 else None
        return str(trade_id) if trade_id is not None else json.dumps(row)


def _last(result: Any) -> str | None:
    last = result.get("last") if isinstance(result, dict) else None
    return None if last is None else str(last)
