"""Paginator: the pages of kraken_async.trading.paginate as a plain iterator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from kraken_async.trading import paginate

Row = TypeVar("Row")


class _Run(Protocol):
    def __call__(self, work: Callable[[], Awaitable[Any]], /) -> Any: ...


class Paginator(Generic[Row]):
    """An iterator of rows: (id, row) where Kraken keys rows by an id, else the row. For one thread at a time.

    An error of a page is raised, and the same Paginator then goes on where it was.
    """

    def __init__(self, rows: paginate.Paginator[Row], run: _Run) -> None:
        self._rows = rows
        self._run = run

    def __repr__(self) -> str:
        return repr(self._rows)

    @property
    def position(self) -> str:
        """The place behind the row given last, as JSON text without secrets: ``paginate(name, position=...)``."""
        return self._rows.position

    @property
    def total(self) -> int | None:
        """How many rows there are in all as Kraken counts them, once a page has come; None if it does not say."""
        return self._rows.total

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        """Return the next row; the session's thread is asked once a page. Raises KrakenError."""
        while not self._rows._ready():
            if not self._run(self._rows._load):
                raise StopIteration
        row: Row = self._rows._take()
        return row

    def pages(self) -> Iterator[Any]:
        """Give whole results as Kraken sent them, rows that came before among them; `position` moves by pages."""
        while self._rows._ready() or self._run(self._rows._load):
            yield self._rows._take_page()
