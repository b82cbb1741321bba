"""How each endpoint answers in pages: what carries the rows, and how the next page is asked for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Shape = Literal["offset", "cursor", "since"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKind:
    """How one endpoint answers in pages.

    ``rows``: the field that holds them, by any of these names; none: the first field that is no "last". ``ids``: the
    field of a row that tells it from others, where rows are a list. ``timed``: rows end at a moment. ``once``: there
    is one page only. ``first``: fields of the first request. ``time_at``: where a row that is a list has its time.
    """

    shape: Shape
    rows: tuple[str, ...] = ()
    ids: str = ""
    timed: bool = False
    once: bool = False
    time_at: int = 0
    first: Mapping[str, Any] = field(default_factory=dict)

    def of(self, result: Any) -> Any:
        """Return the rows of a result as they stand there, or None if it has none."""
        if isinstance(result, list):
            return result
        if not isinstance(result, dict):
            return None
        names: Iterable[str] = self.rows or [name for name in result if name != "last"][:1]
        return next((result[name] for name in names if result.get(name) is not None), None)


_MONEY: Final[dict[str, Any]] = {"shape": "cursor", "ids": "refid", "timed": True, "first": {"cursor": True}}

KINDS: Final[dict[str, PageKind]] = {
    "TradesHistory": PageKind(shape="offset", rows=("trades",), timed=True),
    "ClosedOrders": PageKind(shape="offset", rows=("closed",), timed=True),
    "Ledgers": PageKind(shape="offset", rows=("ledger",), timed=True),
    "OpenOrders": PageKind(shape="cursor", rows=("open",)),
    "DepositStatus": PageKind(rows=("deposits", "deposit"), **_MONEY),
    "WithdrawStatus": PageKind(rows=("withdrawals", "withdrawal"), **_MONEY),
    "Earn/Strategies": PageKind(shape="cursor", rows=("items",), ids="id"),
    "Earn/Allocations": PageKind(shape="cursor", rows=("items",), ids="strategy_id"),
    "ListWalletAccounts": PageKind(shape="cursor", rows=("accounts",), ids="account_id"),
    "Trades": PageKind(shape="since", timed=True, time_at=2),
    "OHLC": PageKind(shape="since", timed=True, once=True),
    "Spread": PageKind(shape="since", timed=True, once=True),
}


def kind_of(name: str) -> PageKind:
    """Return how ``name`` answers in pages. Raises ValueError, naming those that do."""
    if not isinstance(name, str):
        msg = f"paginate() takes an endpoint's name, such as 'TradesHistory', not {type(name).__name__}"
        raise ValueError(msg)
    if name in KINDS:
        return KINDS[name]
    near = get_close_matches(name, KINDS, n=1) or get_close_matches(name.capitalize(), KINDS, n=1)
    hint = f": {near[0]}?" if near else f": {', '.join(KINDS)} do"
    msg = f"{name} does not answer in pages{hint}"
    raise ValueError(msg)


@dataclass(slots=True)
class PageRow:
    """One row: ``mark`` tells it from others, ``shown`` is what the caller gets, ``index`` is its place in the page."""

    mark: str | None
    shown: Any
    index: int
    raw: Any


@dataclass(slots=True)
class Page:
    """One page: the whole result as the caller sees it, and the rows that have not been given yet."""

    result: Any
    rows: deque[PageRow]


def rows_of(kind: PageKind, result: Any, shown: Any, mark: Callable[[Any], str | None]) -> list[PageRow]:
    """Return a page's rows. ``shown`` is the result with amounts and times as the caller wants them."""
    raw, seen = kind.of(result), kind.of(shown)
    if isinstance(raw, dict):
        pairs = zip(raw.items(), seen.items(), strict=True)
        return [PageRow(key, item, index, row) for index, ((key, row), item) in enumerate(pairs)]
    both = zip(raw or (), seen or (), strict=True)
    return [PageRow(mark(row), item, index, row) for index, (row, item) in enumerate(both)]
