"""CursorPages: answers that name the page after them, or hold all there is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from kraken_async.problems import counted
from kraken_async.trading.page_kinds import Page
from kraken_async.trading.page_source import KEPT, PageSource, Seen, following_cursor, lost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.trading.page_kinds import PageKind, PageRow
    from kraken_async.trading.page_request import PageRequest
    from kraken_async.trading.page_source import Shown

#: How many pages in a row may hold nothing but rows that were given.
_STALE: Final = 3


class CursorPages(PageSource):
    """OpenOrders, the funding and Earn lists; and histories once an answer carried a cursor."""

    def __init__(self, kind: PageKind, fields: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        super().__init__(kind, fields)
        self._at: str | None = state.get("cursor")  # of the page that is being read; None: the first
        self._taken: int = state.get("taken", 0)  # rows of that page that were given
        self.done: bool = bool(state.get("done"))
        self.total = state.get("total")
        self._seen = Seen(state.get("seen", ()))
        self._length = 0
        self._following: str | None = None
        self._stale = 0

    def __repr__(self) -> str:
        return "at its end" if self.done else f"{counted(self._taken, 'row')} into a page"

    def state(self) -> dict[str, Any]:
        """See PageSource."""
        seen = self._seen.newest(KEPT + self._taken)
        place = {"by": "cursor", "cursor": self._at, "taken": self._taken, "done": self.done}
        return {**place, "total": self.total, "seen": seen}

    async def next(self, request: PageRequest, end: str | None, shown: Shown) -> Page:
        """See PageSource."""
        fields = self._timed(end)
        if self._at is None:
            fields = {**self._kind.first, **fields}
        else:
            fields["cursor"] = self._at
            if self._kind.shape == "offset":
                fields["with_cursor"] = True
        result = await request.ask(fields)
        given, rows = self._read(result, shown)
        fresh = [
            row
            for row in rows
            if (row.mark not in self._seen if row.mark is not None else row.index >= self._taken)
        ]
        self._following = following_cursor(result)
        self._stale = 0 if fresh else self._stale + 1
        stuck = self._following is not None and self._following == self._at
        if self._stale > _STALE or (stuck and fresh and not self._kind.ids):
            raise lost(request.name, "the cursor leads back to rows that were given; these may not be all")
        if stuck:  # said to be the next page, and is this one: there is no other
            self._following = None
        if self._following is None and self._at is None:
            self.total = len(rows)
        self._length = len(rows)
        if not fresh:
            self._end_page()
        return Page(given, deque(fresh))

    def took(self, row: PageRow) -> None:
        """See PageSource."""
        self._taken = row.index + 1
        if row.mark is not None:
            self._seen.add(row.mark)
        if self._taken == self._length:
            self._end_page()

    def _end_page(self) -> None:
        self._at, self._taken = self._following, 0
        self.done = self._following is None
