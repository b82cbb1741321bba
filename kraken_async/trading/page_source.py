"""A source of pages: what every way from one page to the next has in common.

A source moves on when a row is `took`, not when its page comes: what it writes down (`state`) is the place behind the
caller's last row. `next` changes nothing until its page has come.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import KrakenError, Outcome
from kraken_async.trading.page_kinds import Page, PageRow, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kraken_async.trading.page_kinds import PageKind
    from kraken_async.trading.page_request import PageRequest

    Shown = Callable[[Any], Any] | None

#: Ids of rows that a position keeps, beside those of the page that is being read.
KEPT: Final = 100


class Seen:
    """The ids of the rows given last: as many as pages may shift by, and no more."""

    def __init__(self, ids: Iterable[str] = (), *, most: int = 5000) -> None:
        self._order: deque[str] = deque()
        self._ids: set[str] = set()
        self._most = most
        for each in ids:
            self.add(each)

    def add(self, mark: str) -> None:
        """Remember an id, and forget the oldest one beyond ``most``."""
        if mark in self._ids:
            return
        self._ids.add(mark)
        self._order.append(mark)
        if len(self._order) > self._most:
            self._ids.discard(self._order.popleft())

    def __contains__(self, mark: object) -> bool:
        return mark in self._ids

    def newest(self, count: int) -> list[str]:
        """Return the last ``count`` ids."""
        return list(self._order)[-count:] if count else []


class PageSource(ABC):
    """Where pages come from. ``done``: no page is left. ``total``: rows in all, if Kraken says it."""

    def __init__(self, kind: PageKind, fields: Mapping[str, Any]) -> None:
        self._kind = kind
        self._fields = fields
        self.done = False
        self.total: int | None = None
        #: A cursor that an answer carried: pages go on by it.
        self.cursor: str | None = None

    @abstractmethod
    async def next(self, request: PageRequest, end: str | None, shown: Shown) -> Page:
        """Ask for the next page. Raises KrakenError, and then nothing has changed."""

    @abstractmethod
    def took(self, row: PageRow) -> None:
        """Count a row as given."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return the place behind the row given last, as plain JSON data."""

    def _timed(self, end: str | None) -> dict[str, Any]:
        return {**self._fields, "end": end} if end is not None else dict(self._fields)

    def _read(self, result: Any, shown: Shown) -> tuple[Any, list[PageRow]]:
        seen = result if shown is None else shown(result)
        return seen, rows_of(self._kind, result, seen, self._mark)

    def _mark(self, row: Any) -> str | None:
        mark = row.get(self._kind.ids) if isinstance(row, dict) else None
        return mark if isinstance(mark, str) and mark else None


def lost(name: str, why: str) -> KrakenError:
    """Return the error for pages that cannot be told to be complete."""
    return KrakenError(f"{name}: {why}", endpoint=name, outcome=Outcome.UNKNOWN, retryable=True)


def following_cursor(result: Any) -> str | None:
    """Return the cursor of the page after this one, or None."""
    if not isinstance(result, dict):
        return None
    following = result.get("next_cursor")
    if following is None and isinstance(result.get("cursor"), dict):
        following = result["cursor"].get("next")
    return str(following) if following else None
