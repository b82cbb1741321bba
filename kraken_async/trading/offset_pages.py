"""OffsetPages: TradesHistory, ClosedOrders and Ledgers, ``ofs`` rows from the newest on.

Rows that arrive below the fixed end push the others down: a page then begins with rows that were given. Rows that
vanish pull them up, and a page may then begin too late. So a page continues where the last one ended only if
Kraken's ``count`` is what it was; else, and without a count, and after a restart, it must hold a row that was given.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kraken_async.problems import counted
from kraken_async.trading.page_kinds import Page
from kraken_async.trading.page_source import KEPT, PageSource, Seen, following_cursor, lost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kraken_async.trading.page_kinds import PageKind, PageRow
    from kraken_async.trading.page_request import PageRequest
    from kraken_async.trading.page_source import Shown

log: logging.Logger = logging.getLogger("kraken_async")

#: How many pages are asked for to find a place that has moved.
_SEARCH: Final = 40
#: How many pages in a row may hold nothing but rows that were given, if Kraken's count stood still meanwhile.
_STALE: Final = 5
#: How often a page without rows, where there must be some, is asked for.
_TRIES: Final = 3


class OffsetPages(PageSource):
    """See the module."""

    def __init__(self, kind: PageKind, fields: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        super().__init__(kind, fields)
        self._offset: int = state.get("ofs", 0)  # where the row after the one given last should stand
        self._count: int | None = state.get("count")  # as Kraken counted when it was asked last
        self.total = state.get("total")
        self.done: bool = bool(state.get("done"))
        self._seen = Seen(state.get("seen", ()))
        self._sure = False  # it does stand there: the page before came to this process, with a count
        self._base = self._length = 0  # of the page that is being read
        self._following: str | None = None
        self._stale = 0  # pages in a row that held only rows that were given
        self._moved = False  # Kraken's count has changed since the last page with a new row

    def __repr__(self) -> str:
        return f"{self._offset} of {'?' if self._count is None else self._count}"

    def state(self) -> dict[str, Any]:
        """See PageSource."""
        return {
            "ofs": self._offset,
            "count": self._count,
            "total": self.total,
            "seen": self._seen.newest(KEPT),
            "done": self.done,
        }

    async def next(self, request: PageRequest, end: str | None, shown: Shown) -> Page:
        """See PageSource."""
        fields = self._timed(end)
        offset = self._offset if self._sure else max(0, self._offset - 1)
        found = await self._ask(request, fields, offset, shown)
        moved = found.count != self._count
        if self._offset and (moved or not self._sure):
            found = await self._find(request, fields, shown, found)
        fresh = [row for row in found.rows[found.begin :] if row.mark not in self._seen]
        return self._accept(request.name, found, fresh, moved=moved)

    def _accept(self, name: str, found: _Found, fresh: list[PageRow], *, moved: bool) -> Page:
        self._stale = self._stale + 1 if found.rows and not fresh else 0
        # Without a count nothing says that it stood still.
        self._moved = (
            found.count is None or (moved and self._count is not None) or (self._moved and not fresh)
        )
        if self._stale > (_SEARCH if self._moved else _STALE):
            raise lost(name, "Kraken shows the same rows over and over; what was given is not all")
        self._count, self._following = found.count, following_cursor(found.result)
        # What comes meanwhile is not waited for.
        self.total = self._count if self.total is None else self.total
        self._base, self._length = found.offset, len(found.rows)
        self._sure = self._count is not None or not fresh
        if not found.rows:
            self.cursor = self._following
            self.done = self.cursor is None
        elif not fresh:
            self._offset = self._base + self._length
            self._end_page()
        return Page(found.given, deque(fresh))

    def took(self, row: PageRow) -> None:
        """See PageSource."""
        self._offset = self._base + row.index + 1
        if row.mark is not None:
            self._seen.add(row.mark)
        if row.index + 1 == self._length:
            self._end_page()

    def _end_page(self) -> None:
        self.cursor = self._following
        self.done = self.cursor is None and self._count is not None and self._offset >= self._count

    async def _ask(self, request: PageRequest, fields: dict[str, Any], offset: int, shown: Shown) -> _Found:
        """Ask for the rows from ``offset`` on; again for an answer without them."""
        for _ in range(_TRIES):
            result = await request.ask({**fields, "ofs": offset} if offset else fields)
            held, count = self._kind.of(result), _count(result)
            if held or (held is not None and offset >= (count or 0)):
                break
        else:
            if held is None and self._offset:
                raise lost(request.name, f"Kraken answered {_TRIES} times without rows; these were not all")
            if held is not None:
                log.warning(
                    "%s: Kraken counts %s and shows %d", request.name, counted(count or 0, "row"), offset
                )
        given, rows = self._read(result, shown)
        return _Found(result, given, offset, rows, count)

    async def _find(
        self, request: PageRequest, fields: dict[str, Any], shown: Shown, found: _Found
    ) -> _Found:
        """Return the page that holds the row given last, or one near it, to be read from behind that row."""
        tried = {found.offset}
        for place in self._places(found.count, len(found.rows) or self._length or 1):
            known = [row.index for row in found.rows if row.mark in self._seen]
            if known:
                found.begin = known[-1] + 1
                return found
            if place not in tried:
                tried.add(place)
                found = await self._ask(request, fields, place, shown)
        raise lost(
            request.name, "its rows have moved, and the one given last is not to be found: begin again"
        )

    def _places(self, count: int | None, size: int) -> Iterator[int]:
        """Give the offsets at which the row given last may stand now, the likeliest first."""
        before = self._offset - 1
        if count is not None and self._count is not None:
            yield max(0, before + count - self._count)
        for page in range(_SEARCH // 2):
            yield before + page * size
            yield max(0, before - page * size)
        yield 0
        yield 0  # to look at what came last


@dataclass(slots=True)
class _Found:
    """A page: as sent, as shown, where it begins, and from which row on it is read."""

    result: Any
    given: Any
    offset: int
    rows: list[PageRow]
    count: int | None
    begin: int = 0


def _count(result: Any) -> int | None:
    count = result.get("count") if isinstance(result, dict) else None
    return int(count) if count is not None else None
