"""Paginator: every row of an endpoint that answers in pages, each once, however long it takes.

Rules:

1. The end is fixed before the first page: rows that arrive meanwhile are not waited for, and shift nothing out.
2. A row is given once and none is left out: what has been given is remembered as far as pages can shift, and a
   page that does not continue where the last one ended is looked for.
3. A page that was refused, or came without rows where there must be some, is asked for again. It is never the end.
4. The place is kept by the caller's last row, so that a process that died goes on after it (`position`).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from kraken_async.api.endpoints import find
from kraken_async.trading.cursor_pages import CursorPages
from kraken_async.trading.numbers import moment_field
from kraken_async.trading.offset_pages import OffsetPages
from kraken_async.trading.page_kinds import kind_of
from kraken_async.trading.page_request import PageRequest
from kraken_async.trading.since_pages import SincePages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from kraken_async.call import Caller
    from kraken_async.trading.page_kinds import Page
    from kraken_async.trading.page_source import PageSource

Row = TypeVar("Row")


class Paginator(Generic[Row]):
    """An async iterator of rows: (id, row) where Kraken keys rows by an id, else the row.

    An error of a page is raised to the caller, and the same Paginator then goes on where it was. It belongs to one
    task at a time.
    """

    def __init__(
        self,
        caller: Caller,
        name: str,
        fields: Mapping[str, Any],
        *,
        position: str | None = None,
        convert: Callable[[str, Any], Any] | None = None,
    ) -> None:
        self._kind = kind_of(name)
        self.name = name
        given = _given(name, fields)
        state = {} if position is None else _read(position, name, given)
        self._fields: dict[str, Any] = state["fields"] if state else given
        self._end: str | None = state["end"] if state else self._fields.pop("end", None)
        self._caller = caller
        self._convert = convert
        self._request = PageRequest(caller, name, private=find(name, private=True).known)
        self._source: PageSource = self._begin(state.get("source", {}))
        self._page: Page | None = None
        self._busy = False

    def _begin(self, state: Mapping[str, Any]) -> PageSource:
        if self._kind.shape == "since":
            return SincePages(self._kind, self._fields, state)
        by_cursor = (
            self._kind.shape == "cursor" or state.get("by") == "cursor" or self._fields.get("with_cursor")
        )
        return (CursorPages if by_cursor else OffsetPages)(self._kind, self._fields, state)

    def __repr__(self) -> str:
        return f"<Paginator {self.name}, {self._source!r}>"

    @property
    def position(self) -> str:
        """The place behind the row given last, as JSON text without secrets: ``paginate(name, position=...)``."""
        state = {"v": 1, "name": self.name, "fields": self._fields, "end": self._end}
        return json.dumps({**state, "source": self._source.state()}, separators=(",", ":"))

    @property
    def total(self) -> int | None:
        """How many rows there are in all as Kraken counts them, once a page has come; None if it does not say."""
        return self._source.total

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        """Return the next row. Raises KrakenError; cancelled, or after an error, the next one is still to come."""
        while not self._ready():
            if not await self._load():
                raise StopAsyncIteration
        row: Row = self._take()
        return row

    async def pages(self) -> AsyncIterator[Any]:
        """Give whole results as Kraken sent them, rows that came before among them; `position` moves by pages."""
        while self._ready() or await self._load():
            yield self._take_page()

    # -- pages, for the synchronous iterator too --------------------------------------------------------------------

    def _ready(self) -> bool:
        return self._page is not None and bool(self._page.rows)

    def _take(self) -> Any:
        assert self._page is not None
        row = self._page.rows.popleft()
        self._source.took(row)
        return row.shown

    def _take_page(self) -> Any:
        assert self._page is not None
        page, self._page = self._page, None
        for row in page.rows:
            self._source.took(row)
        return page.result

    async def _load(self) -> bool:
        """Ask for the next page. Return False at the end."""
        if self._busy:
            msg = f"{self!r} is used by another task: give each its own"
            raise RuntimeError(msg)
        self._busy = True
        try:
            if self._source.cursor is not None:
                place = {**self._source.state(), "by": "cursor", "cursor": self._source.cursor, "done": False}
                self._source = self._begin(place)
            if self._source.done:
                return False
            if self._end is None and self._kind.timed:
                self._end = await self._now()
            shown = None if self._convert is None else self._shown
            self._page = await self._source.next(self._request, self._end, shown)
            return True
        finally:
            self._busy = False

    def _shown(self, result: Any) -> Any:
        assert self._convert is not None
        return self._convert(self.name, result)

    async def _now(self) -> str:
        """Return Kraken's time, rounded up: a row of this very second is not left out."""
        time = await self._caller.public("Time")
        return str(int(time["unixtime"]) + 1)


def _given(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as they can be sent and written down."""
    found = {field: value for field, value in fields.items() if value is not None}
    for own in ("ofs", "nonce"):
        if own in found:
            msg = f"paginate sets {own!r} itself: leave it out (position= goes on from an earlier place)"
            raise ValueError(msg)
    for moment in ("start", "end"):
        if moment in found:
            found[moment] = moment_field(found[moment], moment)
    try:
        return dict(json.loads(json.dumps(found, default=_plain)))
    except TypeError as error:
        msg = f"{name}: {error}"
        raise ValueError(msg) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    msg = f"a field of type {type(value).__name__} cannot be sent"
    raise TypeError(msg)


def _read(position: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(position)
        fits = state["v"] == 1 and isinstance(state["fields"], dict) and isinstance(state["source"], dict)
    except (TypeError, ValueError, KeyError):
        fits, state = False, {}
    if not fits:
        msg = "position is what a Paginator's position was, as text"
        raise ValueError(msg)
    if state["name"] != name:
        msg = f"this position is one of {state['name']}, not of {name}"
        raise ValueError(msg)
    kept = {**state["fields"], "end": state["end"]}
    for field, value in given.items():
        if kept.get(field) != value:
            msg = f"this position was made with another {field!r}: resume it without fields, or with the same ones"
            raise ValueError(msg)
    return state
