"""TradingMethods: the methods of a client for what every bot needs, beside single calls.

Each imports what it needs when it is called: a program that pages nothing loads nothing of it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal, overload

from kraken_async.api.arguments import check_flag
from kraken_async.api.endpoints import Priority

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from os import PathLike
    from pathlib import Path

    from kraken_async.api.results import (
        Deposit,
        EarnAllocation,
        EarnStrategy,
        LedgerEntry,
        Order,
        Trade,
        Withdrawal,
    )
    from kraken_async.call import Caller
    from kraken_async.trading.candles import Candle
    from kraken_async.trading.export import ExportProgress
    from kraken_async.trading.markets import Markets
    from kraken_async.trading.markets_cache import MarketsCache
    from kraken_async.trading.numbers import Moment
    from kraken_async.trading.paginate import Paginator


class TradingMethods:
    """Mixed into a client. What it needs of one: calls as Kraken answers them, and the markets of its address."""

    @abstractmethod
    def _as_sent(self) -> Caller:
        """Return this client with results as Kraken sent them."""

    @abstractmethod
    def _convert(self, endpoint: str, result: Any) -> Any:
        """Return a result with amounts and times as this client's options want them."""

    @abstractmethod
    def _times(self) -> type[datetime] | None:
        """Return datetime if this client's options want times so."""

    @abstractmethod
    def _priority(self, default: Priority) -> Priority:
        """Return the priority that this client's options want."""

    @abstractmethod
    def _markets_cache(self) -> MarketsCache:
        """Return where the markets of this client's address are kept."""

    @overload
    def paginate(
        self, name: Literal["TradesHistory"], *, position: str | None = None, **fields: Any
    ) -> Paginator[tuple[str, Trade]]: ...
    @overload
    def paginate(
        self, name: Literal["ClosedOrders", "OpenOrders"], *, position: str | None = None, **fields: Any
    ) -> Paginator[tuple[str, Order]]: ...
    @overload
    def paginate(
        self, name: Literal["Ledgers"], *, position: str | None = None, **fields: Any
    ) -> Paginator[tuple[str, LedgerEntry]]: ...
    @overload
    def paginate(
        self, name: Literal["DepositStatus"], *, position: str | None = None, **fields: Any
    ) -> Paginator[Deposit]: ...
    @overload
    def paginate(
        self, name: Literal["WithdrawStatus"], *, position: str | None = None, **fields: Any
    ) -> Paginator[Withdrawal]: ...
    @overload
    def paginate(
        self, name: Literal["Earn/Strategies"], *, position: str | None = None, **fields: Any
    ) -> Paginator[EarnStrategy]: ...
    @overload
    def paginate(
        self, name: Literal["Earn/Allocations"], *, position: str | None = None, **fields: Any
    ) -> Paginator[EarnAllocation]: ...
    @overload
    def paginate(self, name: str, *, position: str | None = None, **fields: Any) -> Paginator[Any]: ...
    def paginate(self, name: str, *, position: str | None = None, **fields: Any) -> Paginator[Any]:
        """Iterate over all rows of an endpoint that answers in pages, each once: ``async for id, row in ...``.

        Args:
            name: TradesHistory, ClosedOrders, Ledgers, OpenOrders, DepositStatus, WithdrawStatus, Earn/Strategies,
                Earn/Allocations, ListWalletAccounts, or Trades, OHLC, Spread.
            position: a Paginator's ``position``, to go on behind the row that was given last.
            fields: the endpoint's own. ``start`` (exclusive) and ``end`` (inclusive): unix seconds, aware datetimes
                or ids. Without ``end`` it is Kraken's time when the iteration begins.

        Rows come as (id, row) where Kraken keys them by an id, else as they are; newest first, Trades oldest first.
        Pages go at priority HISTORY, within the limits; a limit that refuses is waited out. Raises ValueError for
        another endpoint. Iterating raises KrakenError, and then goes on at the same place if asked to.
        """
        from kraken_async.trading.paginate import Paginator

        caller = self._as_sent().with_options(priority=self._priority(Priority.HISTORY))
        return Paginator(caller, name, fields, position=position, convert=self._convert)

    async def markets(self, *, refresh: bool = False) -> Markets:
        """Return Kraken's pairs and assets: names both ways, rounding, minima, statuses.

        One AssetPairs and one Assets request for all who wait, kept for an hour; ``refresh`` asks again. What was
        delisted or renamed since is logged at WARNING. Raises KrakenError; ValueError for a ``refresh`` that is not
        True or False. Cancelled: others go on waiting.
        """
        check_flag("refresh", refresh)
        return await self._markets_cache().get(self._as_sent(), refresh=refresh)

    async def candles(
        self, pair: str, *, minutes: int = 1, start: Moment, end: Moment | None = None
    ) -> list[Candle]:
        """Return candles made from Kraken's trades, oldest first, none where no trade was.

        Args:
            pair: any name that Kraken takes.
            minutes: the length of a candle.
            start: the first candle begins at it or after it: unix seconds or an aware datetime.
            end: the last candle begins before it; None: now, and the last candle is not complete.

        Pages of 1,000 trades are read at the public pace. Raises KrakenError, ValueError.
        """
        from kraken_async.trading.candles import candles

        return await candles(
            self._as_sent(), pair, minutes=minutes, start=start, end=end, times=self._times()
        )

    async def export(
        self,
        report: Literal["trades", "ledgers"],
        path: str | PathLike[str],
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        format: Literal["CSV", "TSV"] = "CSV",  # noqa: A002 - Kraken's own word
        progress: Callable[[ExportProgress], Any] | None = None,
    ) -> Path:
        """Make a report of all trades or ledger rows, wait for it and put it at ``path``: Kraken's zip, complete.

        Args:
            report: "trades" or "ledgers".
            path: the file; what was there is replaced in one step.
            start: unix seconds or an aware datetime; None: Kraken's default, the first row.
            end: the same; None: now.
            format: "CSV" or "TSV".
            progress: called with an ExportProgress after each look; its exception ends the export.

        Cancelled, failed or killed: the same call goes on with the same report (a note beside ``path`` names it).
        Raises KrakenError, ValueError, OSError. `read_export` gives the rows.
        """
        from kraken_async.trading.export import Export

        made = Export(self._as_sent(), report, path, start=start, end=end, format=format, progress=progress)
        return await made.run()

    async def wait_for(self, *, txid: str | None = None, cl_ord_id: str | None = None) -> Any:
        """Wait until an order is closed, cancelled or expired, and return it: Kraken's row, ``txid`` added.

        ``status``, ``vol_exec``, ``price`` (the average), ``cost`` and ``fee`` tell what came of it. Looked up ever
        more rarely, up to every 15 s, within the limits. An id that was used again means the newest order. Raises
        OrderError if no such order shows within 120 s, KrakenError as a look-up does. Cancelled: nothing changes.
        """
        from kraken_async.trading.wait_for import wait_for

        order = await wait_for(self._as_sent(), txid=txid, cl_ord_id=cl_ord_id)
        name = order["txid"]
        return self._convert("QueryOrders", {name: order})[name]
