# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""Kraken's Spot REST API as methods: explicit keywords, the same calls as ``private`` and ``public``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from kraken_async.api.overloads import Caller
    from kraken_async.api.results import (
        AccountTransferResult,
        AddExportResult,
        AddOrderBatchResult,
        AddOrderResult,
        AmendOrderResult,
        Answer,
        AssetOfClass,
        AssetPair,
        AssetPairPart,
        AssetsResult,
        BalanceExResult,
        BalanceResult,
        CancelAllOrdersAfterResult,
        CancelAllResult,
        CancelOrderBatchResult,
        CancelOrderResult,
        ClosedOrdersResult,
        ConditionalClose,
        ConsolidatedPosition,
        CreateSubaccountResult,
        CreditLinesResult,
        Deposit,
        DepositAddressesResult,
        DepositMethodsResult,
        DepositPage,
        DepthResult,
        EarnAllocateResult,
        EarnAllocateStatusResult,
        EarnAllocationsResult,
        EarnDeallocateResult,
        EarnDeallocateStatusResult,
        EarnStrategiesResult,
        EditOrderResult,
        ExportStatusResult,
        GetApiKeyInfoResult,
        GetWebSocketsTokenResult,
        GroupedBookResult,
        LedgerKind,
        LedgersResult,
        Level3Result,
        ListWalletAccountsResult,
        MaintenanceScheduleResult,
        NewOrder,
        Number,
        OHLCResult,
        OpenOrdersResult,
        OrderAmendsResult,
        OrderFlag,
        OrderPlaced,
        OrderType,
        Position,
        PostTradeResult,
        PreTradeResult,
        QueryLedgersResult,
        QueryOrdersResult,
        QueryTradesResult,
        RebaseMultiplier,
        RemoveExportResult,
        RetrieveExportResult,
        SelfTradePrevention,
        Side,
        SpreadResult,
        SystemStatusResult,
        TickerResult,
        TimeInForce,
        TimeResult,
        TradeBalanceResult,
        TradedPairClass,
        TradeKind,
        TradesHistoryResult,
        TradesResult,
        TradeVolumeResult,
        TriggerSignal,
        WalletTransferResult,
        WithdrawAddressesResult,
        Withdrawal,
        WithdrawalPage,
        WithdrawCancelResult,
        WithdrawInfoResult,
        WithdrawMethodsResult,
        WithdrawResult,
    )


def _given(named: dict[str, Any], **others: str) -> dict[str, Any]:
    """Return the fields that were given, of a method's ``locals()``; ``others``: those that Kraken spells otherwise."""
    return {
        others.get(name, name): value for name, value in named.items() if value is not None and name != "self"
    }


class Spot:
    """Every endpoint of Kraken's Spot REST API as a method: ``await client.spot.balance()``.

    A method makes the same call as ``private`` or ``public`` with Kraken's name: same queue, limits, options, errors.
    Keywords are Kraken's names, with ``from_`` for ``from`` and ``fee_info`` for ``fee-info``; None leaves one out.
    Results are Kraken's JSON, untouched.
    """

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __repr__(self) -> str:
        return f"<Spot of {self._caller!r}>"

    def time(self) -> Answer[TimeResult]:
        """Read the server's clock.

        A public call: no key, no nonce, at the public pace.
        """
        return self._caller.public("Time")

    def system_status(self) -> Answer[SystemStatusResult]:
        """Read the state of the exchange, with announced maintenance and incidents.

        A public call: no key, no nonce, at the public pace.
        """
        return self._caller.public("SystemStatus")

    def maintenance_schedule(self) -> Answer[MaintenanceScheduleResult]:
        """List the maintenance that is planned for the next seven days.

        A public call: no key, no nonce, at the public pace.
        """
        return self._caller.public("MaintenanceSchedule")

    def assets(
        self,
        *,
        asset: str | Sequence[str] | None = None,
        aclass: str | None = None,
        assetVersion: int | None = None,
    ) -> Answer[AssetsResult]:
        """List assets with their names, decimals and status.

        A public call: no key, no nonce, at the public pace.

        Args:
            asset: assets to list; default all.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """
        return self._caller.public("Assets", _given(locals()))

    @overload
    def asset_pairs(
        self,
        *,
        pair: str | Sequence[str] | None = None,
        aclass_base: str | None = None,
        info: None = None,
        country_code: str | None = None,
        execution_venue: Literal["international", "bitnomial_exchange"] | None = None,
        assetVersion: int | None = None,
    ) -> Answer[dict[str, AssetPair]]: ...
    @overload
    def asset_pairs(
        self,
        *,
        info: Literal["info", "leverage", "fees", "margin"],
        pair: str | Sequence[str] | None = None,
        aclass_base: str | None = None,
        country_code: str | None = None,
        execution_venue: Literal["international", "bitnomial_exchange"] | None = None,
        assetVersion: int | None = None,
    ) -> Answer[dict[str, AssetPairPart]]: ...
    def asset_pairs(
        self,
        *,
        pair: str | Sequence[str] | None = None,
        aclass_base: str | None = None,
        info: Literal["info", "leverage", "fees", "margin"] | None = None,
        country_code: str | None = None,
        execution_venue: Literal["international", "bitnomial_exchange"] | None = None,
        assetVersion: int | None = None,
    ) -> Answer[Any]:
        """List pairs with their names, decimals, minimum sizes, fees and status.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: pairs to list; default all.
            aclass_base: class of the base asset ("currency", "tokenized_asset", perhaps others).
            info: which part to show; default info.
            country_code: ISO 3166-1 alpha-2, perhaps with a region.
            execution_venue: venue.
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """
        return self._caller.public("AssetPairs", _given(locals()))

    def ticker(
        self,
        *,
        pair: str | Sequence[str] | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> Answer[TickerResult]:
        """Read the ticker of one, several or all pairs.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: pairs to show; default all.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """
        return self._caller.public("Ticker", _given(locals()))

    def ohlc(
        self,
        *,
        pair: str,
        interval: Literal[1, 5, 15, 30, 60, 240, 1440, 10080, 21600] | None = None,
        since: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> Answer[OHLCResult]:
        """Read the newest candles of a pair, at most 720.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            interval: minutes of a candle; default 1.
            since: unix seconds, or `last` of the answer before; reaches back 720 rows at most.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """
        return self._caller.public("OHLC", _given(locals()))

    def depth(
        self,
        *,
        pair: str,
        count: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> Answer[DepthResult]:
        """Read the order book of a pair, by price level.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            count: levels of each side, 1 to 500; default 100.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """
        return self._caller.public("Depth", _given(locals()))

    def grouped_book(
        self,
        *,
        pair: str,
        depth: Literal[10, 25, 100, 250, 1000] | None = None,
        grouping: Literal[1, 5, 10, 25, 50, 100, 250, 500, 1000] | None = None,
    ) -> Answer[GroupedBookResult]:
        """Read the order book of a pair, grouped by multiples of the tick.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            depth: levels of each side.
            grouping: ticks of a level.
        """
        return self._caller.public("GroupedBook", _given(locals()))

    def trades(
        self,
        *,
        pair: str,
        since: str | int | None = None,
        count: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> Answer[TradesResult]:
        """Read public trades of a pair, oldest first.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            since: unix nanoseconds, or `last` of the answer before.
            count: rows, 1 to 1000; default 1000.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """
        return self._caller.public("Trades", _given(locals()))

    def spread(
        self,
        *,
        pair: str,
        since: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> Answer[SpreadResult]:
        """Read the newest spreads of a pair, about 200.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            since: unix seconds, or `last` of the answer before.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """
        return self._caller.public("Spread", _given(locals()))

    def pre_trade(self, *, symbol: str) -> Answer[PreTradeResult]:
        """Read the price levels of a pair as pre-trade transparency asks for.

        A public call: no key, no nonce, at the public pace.

        Args:
            symbol: the pair as BASE/QUOTE.
        """
        return self._caller.public("PreTrade", _given(locals()))

    def post_trade(
        self,
        *,
        symbol: str | None = None,
        from_ts: str | None = None,
        to_ts: str | None = None,
        count: int | None = None,
    ) -> Answer[PostTradeResult]:
        """Read the trades of a pair as post-trade transparency asks for.

        A public call: no key, no nonce, at the public pace.

        Args:
            symbol: the pair as BASE/QUOTE.
            from_ts: exclusive.
            to_ts: inclusive.
            count: rows, at most 1000.
        """
        return self._caller.public("PostTrade", _given(locals()))

    def level3(
        self,
        *,
        pair: str,
        depth: Literal[0, 10, 25, 100, 250, 1000] | None = None,
    ) -> Answer[Level3Result]:
        """Read the order book of a pair, order by order.

        Permission: Orders and trades - Query open orders & trades. Costs 1 of the call counter. Priority
        READ.

        Args:
            pair: the pair as BASE/QUOTE.
            depth: orders of each side; 0: all; default 100.
        """
        return self._caller.private("Level3", _given(locals()))

    def balance(
        self,
        *,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[BalanceResult]:
        """Read the amount of each asset, less pending withdrawals.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("Balance", _given(locals()))

    def balance_ex(
        self,
        *,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[BalanceExResult]:
        """Read the amount of each asset, with what orders hold and what credit allows.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("BalanceEx", _given(locals()))

    def credit_lines(
        self,
        *,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[CreditLinesResult]:
        """Read credit lines by asset, and their limits in USD.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("CreditLines", _given(locals()))

    def trade_balance(
        self,
        *,
        asset: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[TradeBalanceResult]:
        """Read the margin summary: equity, free margin, margin level.

        Permission: Orders and trades - Query open orders & trades. Costs 1 of the call counter. Priority
        READ.

        Args:
            asset: asset in which sums are given; default ZUSD.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("TradeBalance", _given(locals()))

    def open_orders(
        self,
        *,
        trades: bool | None = None,
        userref: int | None = None,
        cl_ord_id: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
        consolidate_taker: bool | None = None,
        with_cursor: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Answer[OpenOrdersResult]:
        """Read open orders.

        Permission: Orders and trades - Query open orders & trades. Costs 2 of the call counter. Priority
        READ.

        Args:
            trades: add the ids of the trades.
            userref: only orders with this userref.
            cl_ord_id: only orders with this id.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
            consolidate_taker: one row for all fills of a taker order; default true.
            with_cursor: page by cursor; the answer then has no count.
            cursor: where to continue, from the page before; needs with_cursor.
            limit: with a cursor rows of a page, 1 to 100; without one at most 1000 rows in all.
        """
        return self._caller.private("OpenOrders", _given(locals()))

    def closed_orders(
        self,
        *,
        trades: bool | None = None,
        userref: int | None = None,
        cl_ord_id: str | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        ofs: int | None = None,
        closetime: Literal["open", "close", "both"] | None = None,
        consolidate_taker: bool | None = None,
        without_count: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
        with_cursor: bool | None = None,
        cursor: str | None = None,
    ) -> Answer[ClosedOrdersResult]:
        """Read a page of closed orders, newest first.

        Permission: Orders and trades - Query closed orders & trades. Costs 2 of the call counter. Priority
        HISTORY.

        Args:
            trades: add the ids of the trades.
            userref: only orders with this userref.
            cl_ord_id: only orders with this id.
            start: after this time or id (exclusive).
            end: up to this time or id (inclusive).
            ofs: deprecated, 2026-09-30, with_cursor instead; offset of the first row, pages of 50.
            closetime: the time that start and end mean; default both.
            consolidate_taker: one row for all fills of a taker order; default true.
            without_count: leave out the total; quicker.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
            with_cursor: page by cursor; the answer then has no count.
            cursor: where to continue, from the page before; needs with_cursor.
        """
        return self._caller.private("ClosedOrders", _given(locals()))

    def query_orders(
        self,
        *,
        txid: str | Sequence[str] | None = None,
        trades: bool | None = None,
        userref: int | None = None,
        consolidate_taker: bool | None = None,
        cl_ord_id: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[QueryOrdersResult]:
        """Read orders by their ids, at most 50.

        Permission: Orders and trades - Query open orders & trades | Orders and trades - Query closed orders &
        trades. Costs 1 of the call counter. Priority READ.

        Args:
            txid: at most 50 ids; or cl_ord_id, or userref.
            trades: add the ids of the trades.
            userref: only orders with this userref.
            consolidate_taker: one row for all fills of a taker order; default true.
            cl_ord_id: only orders with this id; taken, but not in Kraken's documentation.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("QueryOrders", _given(locals()))

    def order_amends(
        self,
        *,
        order_id: str,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[OrderAmendsResult]:
        """Read what one order was amended to, oldest first.

        Permission: Orders and trades - Query open orders & trades | Orders and trades - Query closed orders &
        trades. Costs 1 of the call counter. Priority READ.

        Args:
            order_id: txid of the order.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("OrderAmends", _given(locals()))

    def trades_history(
        self,
        *,
        type: TradeKind | None = None,
        trades: bool | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        ofs: int | None = None,
        limit: int | None = None,
        without_count: bool | None = None,
        consolidate_taker: bool | None = None,
        ledgers: bool | None = None,
        pair: str | None = None,
        aclass: TradedPairClass | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
        with_cursor: bool | None = None,
        cursor: str | None = None,
    ) -> Answer[TradesHistoryResult]:
        """Read a page of own trades, newest first.

        Permission: Orders and trades - Query closed orders & trades. Costs 2 of the call counter. Priority
        HISTORY.

        Args:
            type: kind of trade; default all.
            trades: add the ids of the trades.
            start: after this time or id (exclusive).
            end: up to this time or id (inclusive).
            ofs: deprecated, 2026-09-30, with_cursor instead; offset of the first row.
            limit: rows of a page, default 50, at most 100.
            without_count: leave out the total; quicker.
            consolidate_taker: one row for all fills of a taker order; default true.
            ledgers: add the ids of the ledger entries; slower.
            pair: only this pair.
            aclass: class of the pair in `pair`.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
            with_cursor: page by cursor; the answer then has no count.
            cursor: where to continue, from the page before; needs with_cursor.
        """
        return self._caller.private("TradesHistory", _given(locals()))

    def query_trades(
        self,
        *,
        txid: str | Sequence[str],
        trades: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
        ledgers: bool | None = None,
    ) -> Answer[QueryTradesResult]:
        """Read own trades by their ids, at most 20.

        Permission: Orders and trades - Query closed orders & trades. Costs 2 of the call counter. Priority
        HISTORY.

        Args:
            txid: at most 20 ids.
            trades: add the ids of the trades.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
            ledgers: add the ids of the ledger entries; slower.
        """
        return self._caller.private("QueryTrades", _given(locals()))

    @overload
    def open_positions(
        self,
        *,
        txid: str | Sequence[str] | None = None,
        docalcs: bool | None = None,
        consolidation: None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[dict[str, Position]]: ...
    @overload
    def open_positions(
        self,
        *,
        consolidation: Literal["market"],
        txid: str | Sequence[str] | None = None,
        docalcs: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[list[ConsolidatedPosition]]: ...
    def open_positions(
        self,
        *,
        txid: str | Sequence[str] | None = None,
        docalcs: bool | None = None,
        consolidation: Literal["market"] | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[Any]:
        """Read open margin positions.

        Permission: Orders and trades - Query open orders & trades. Costs 1 of the call counter. Priority
        READ.

        Args:
            txid: only these positions.
            docalcs: add value and profit.
            consolidation: one row for each market.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("OpenPositions", _given(locals()))

    def ledgers(
        self,
        *,
        asset: str | Sequence[str] | Sequence[AssetOfClass] | None = None,
        aclass: str | None = None,
        type: LedgerKind | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        ofs: int | None = None,
        without_count: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[LedgersResult]:
        """Read a page of ledger entries, newest first.

        Permission: Data - Query ledger entries. Costs 2 of the call counter. Priority HISTORY.

        Args:
            asset: only these assets; a list of objects goes in a JSON body.
            aclass: deprecated, 2026-09-30, a list of {asset, aclass} in asset instead; class of the assets.
            type: kind of entry; default all.
            start: after this time or id (exclusive).
            end: up to this time or id (inclusive).
            ofs: deprecated, 2026-09-30, page by start and end; offset of the first row, pages of 50.
            without_count: leave out the total; quicker.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("Ledgers", _given(locals()))

    def query_ledgers(
        self,
        *,
        id: str | Sequence[str],
        trades: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> Answer[QueryLedgersResult]:
        """Read ledger entries by their ids, at most 20.

        Permission: Data - Query ledger entries. Costs 2 of the call counter. Priority HISTORY.

        Args:
            id: at most 20 ids.
            trades: deprecated, 2026-09-30, not to be relied on; add the ids of the trades.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """
        return self._caller.private("QueryLedgers", _given(locals()))

    def trade_volume(
        self,
        *,
        pair: str | Sequence[str] | Sequence[AssetOfClass] | None = None,
        fee_info: bool | None = None,
        fee_schedule: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[TradeVolumeResult]:
        """Read the 30-day volume in USD and the fees that follow from it.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            pair: pairs whose fees are asked for; a list of objects goes in a JSON body.
            fee_info: deprecated, no longer to be used; deprecated, pair alone asks for them; show the fees.
            fee_schedule: add the schedules of fees.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """
        return self._caller.private("TradeVolume", _given(locals(), fee_info="fee-info"))

    def get_api_key_info(self) -> Answer[GetApiKeyInfoResult]:
        """Read the permissions, nonce and limits of the API key in use.

        Any key may. Costs 1 of the call counter. Priority READ.
        """
        return self._caller.private("GetApiKeyInfo")

    def list_wallet_accounts(self) -> Answer[ListWalletAccountsResult]:
        """List the wallets of the account.

        Any key may. Costs 1 of the call counter. Priority READ.
        """
        return self._caller.private("ListWalletAccounts")

    def add_export(
        self,
        *,
        report: Literal["trades", "ledgers"],
        description: str,
        format: Literal["CSV", "TSV"] | None = None,
        fields: str | Sequence[str] | None = None,
        starttm: int | None = None,
        endtm: int | None = None,
    ) -> Answer[AddExportResult]:
        """Request a report of trades or ledger entries as a file.

        Permission: Data - Export data. Costs 1 of the call counter. Priority HISTORY.

        Args:
            report: what to report.
            description: a name for the report.
            format: default CSV.
            fields: columns; default all.
            starttm: unix seconds.
            endtm: unix seconds.
        """
        return self._caller.private("AddExport", _given(locals()))

    def export_status(self, *, report: Literal["trades", "ledgers"]) -> Answer[ExportStatusResult]:
        """List requested reports and their state.

        Permission: Data - Export data. Costs 1 of the call counter. Priority HISTORY.

        Args:
            report: kind of report.
        """
        return self._caller.private("ExportStatus", _given(locals()))

    def retrieve_export(self, *, id: str) -> Answer[RetrieveExportResult]:
        """Download a processed report, a zip file.

        Permission: Data - Export data. Costs 1 of the call counter. Priority HISTORY.

        Args:
            id: id of the report.
        """
        return self._caller.private("RetrieveExport", _given(locals()))

    def remove_export(
        self,
        *,
        id: str,
        type: Literal["cancel", "delete"],
    ) -> Answer[RemoveExportResult]:
        """Delete a processed report, or cancel a waiting one.

        Permission: Data - Export data. Costs 1 of the call counter. Priority HISTORY.

        Args:
            id: id of the report.
            type: cancel: not yet processed; delete: processed.
        """
        return self._caller.private("RemoveExport", _given(locals()))

    @overload
    def add_order(
        self,
        *,
        pair: str,
        type: Side,
        ordertype: OrderType,
        volume: Number,
        price: Number | None = None,
        price2: Number | None = None,
        userref: int | None = None,
        cl_ord_id: str | None = None,
        asset_class: str | None = None,
        displayvol: Number | None = None,
        trigger: TriggerSignal | None = None,
        leverage: str | int | None = None,
        reduce_only: bool | None = None,
        stptype: SelfTradePrevention | None = None,
        oflags: str | Sequence[OrderFlag] | None = None,
        timeinforce: TimeInForce | None = None,
        starttm: int | str | None = None,
        expiretm: int | str | None = None,
        close: ConditionalClose | None = None,
        deadline: str | None = None,
        validate: None = None,
        broker: str | None = None,
    ) -> Answer[OrderPlaced]: ...
    @overload
    def add_order(
        self,
        *,
        pair: str,
        type: Side,
        ordertype: OrderType,
        volume: Number,
        validate: bool,
        price: Number | None = None,
        price2: Number | None = None,
        userref: int | None = None,
        cl_ord_id: str | None = None,
        asset_class: str | None = None,
        displayvol: Number | None = None,
        trigger: TriggerSignal | None = None,
        leverage: str | int | None = None,
        reduce_only: bool | None = None,
        stptype: SelfTradePrevention | None = None,
        oflags: str | Sequence[OrderFlag] | None = None,
        timeinforce: TimeInForce | None = None,
        starttm: int | str | None = None,
        expiretm: int | str | None = None,
        close: ConditionalClose | None = None,
        deadline: str | None = None,
        broker: str | None = None,
    ) -> Answer[AddOrderResult]: ...
    def add_order(
        self,
        *,
        pair: str,
        type: Side,
        ordertype: OrderType,
        volume: Number,
        price: Number | None = None,
        price2: Number | None = None,
        userref: int | None = None,
        cl_ord_id: str | None = None,
        asset_class: str | None = None,
        displayvol: Number | None = None,
        trigger: TriggerSignal | None = None,
        leverage: str | int | None = None,
        reduce_only: bool | None = None,
        stptype: SelfTradePrevention | None = None,
        oflags: str | Sequence[OrderFlag] | None = None,
        timeinforce: TimeInForce | None = None,
        starttm: int | str | None = None,
        expiretm: int | str | None = None,
        close: ConditionalClose | None = None,
        deadline: str | None = None,
        validate: bool | None = None,
        broker: str | None = None,
    ) -> Answer[Any]:
        """Place one order.

        Permission: Orders and trades - Create & modify orders. Costs nothing of the call counter; charged to
        the matching engine's counter of the pair. Priority PLACE.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            type: side.
            ordertype: kind of order.
            volume: in the base asset; 0 closes a margin position with settle-position.
            price: limit price, or trigger price of the triggered types; + - # before it and % after it are
                relative.
            price2: limit price of stop-loss-limit, take-profit-limit, trailing-stop-limit.
            userref: number of the caller's own, 32 bits with sign, not unique.
            cl_ord_id: id of the caller's own: a UUID, 32 hex digits, or at most 18 characters; unique among
                open orders.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            displayvol: volume shown by an iceberg order, at least a fifteenth of the volume.
            trigger: price that triggers; default last.
            leverage: such as 2 or 2:1; default none.
            reduce_only: only reduce a margin position.
            stptype: what a trade with oneself cancels; default cancel-newest.
            oflags: post: only as a maker; fcib, fciq: fee in the base, the quote asset; viqc: volume in the
                quote asset, market buys only; nompp: without effect since September 2025.
            timeinforce: default GTC.
            starttm: unix seconds, +seconds, or 0 for now.
            expiretm: unix seconds, +seconds (5 at least, a month at most), or 0 for never.
            close: order to place once this one is filled.
            deadline: latest time at which the matching engine may take the request, 2 to 60 s ahead.
            validate: check only, place nothing; the answer then has no txid.
            broker: IIBAN of a partner.
        """
        return self._caller.private("AddOrder", _given(locals()))

    def add_order_batch(
        self,
        *,
        pair: str,
        orders: Sequence[NewOrder],
        asset_class: str | None = None,
        deadline: str | None = None,
        validate: bool | None = None,
        broker: str | None = None,
    ) -> Answer[AddOrderBatchResult]:
        """Place 2 to 15 orders of one pair.

        Permission: Orders and trades - Create & modify orders & Orders and trades - Cancel & close orders.
        Costs nothing of the call counter; charged to the matching engine's counter of the pair. Priority
        PLACE.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            orders: 2 to 15 orders, each as AddOrder takes it, without pair, deadline and validate.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            deadline: latest time at which the matching engine may take the request, 2 to 60 s ahead.
            validate: check only, place nothing.
            broker: IIBAN of a partner.
        """
        return self._caller.private("AddOrderBatch", _given(locals()))

    def amend_order(
        self,
        *,
        txid: str | None = None,
        cl_ord_id: str | None = None,
        order_qty: Number | None = None,
        display_qty: Number | None = None,
        limit_price: Number | None = None,
        trigger_price: Number | None = None,
        pair: str | None = None,
        post_only: bool | None = None,
        deadline: str | None = None,
    ) -> Answer[AmendOrderResult]:
        """Change an open order in place; id and fills stay.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs nothing of the call counter; charged to the matching engine's counter of the pair. Priority
        AMEND.

        Args:
            txid: id of the order; or cl_ord_id.
            cl_ord_id: the caller's own id of the order; or txid.
            order_qty: new volume, in the base asset.
            display_qty: new volume shown by an iceberg order.
            limit_price: new limit price, absolute or relative.
            trigger_price: new trigger price, absolute or relative.
            pair: needed for pairs of xStocks only.
            post_only: refuse a limit price that would take liquidity.
            deadline: latest time at which the matching engine may take the request, 2 to 60 s ahead.
        """
        return self._caller.private("AmendOrder", _given(locals()))

    def edit_order(
        self,
        *,
        txid: str | int,
        pair: str,
        userref: int | None = None,
        volume: Number | None = None,
        displayvol: Number | None = None,
        asset_class: str | None = None,
        price: Number | None = None,
        price2: Number | None = None,
        oflags: str | Sequence[OrderFlag] | None = None,
        deadline: str | None = None,
        cancel_response: bool | None = None,
        validate: bool | None = None,
    ) -> Answer[EditOrderResult]:
        """Replace an open order by a new one with a new id.

        Permission: Orders and trades - Create & modify orders & Orders and trades - Cancel & close orders.
        Costs nothing of the call counter; charged to the matching engine's counter of the pair. Priority
        AMEND. Superseded: AmendOrder keeps id and fills.

        Args:
            txid: id of the order, or a userref that no other open order has.
            pair: name of the pair, such as XBTUSD or BTC/USD.
            userref: a new userref; that of the order is not kept.
            volume: new volume, in the base asset.
            displayvol: new volume shown by an iceberg order.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            price: new price, absolute or relative.
            price2: new second price.
            oflags: only post can be changed, and has to be sent again to be kept.
            deadline: latest time at which the matching engine may take the request, 2 to 60 s ahead.
            cancel_response: whether the answer tells of the cancelled order.
            validate: check only, place nothing.
        """
        return self._caller.private("EditOrder", _given(locals()))

    def cancel_order(
        self,
        *,
        txid: str | int | None = None,
        cl_ord_id: str | None = None,
    ) -> Answer[CancelOrderResult]:
        """Cancel an open order by its id, or all that carry a userref.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs nothing of the call counter; charged to the matching engine's counter of the pair. Priority
        CANCEL.

        Args:
            txid: id of the order; a userref cancels all that carry it.
            cl_ord_id: the caller's own id of the order.
        """
        return self._caller.private("CancelOrder", _given(locals()))

    def cancel_order_batch(
        self,
        *,
        orders: str | Sequence[str | int] | None = None,
        cl_ord_ids: str | Sequence[str] | None = None,
    ) -> Answer[CancelOrderBatchResult]:
        """Cancel at most 50 open orders by their ids.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs nothing of the call counter; charged to the matching engine's counter of the pair. Priority
        CANCEL.

        Args:
            orders: ids or userrefs; at most 50 with cl_ord_ids.
            cl_ord_ids: the caller's own ids.
        """
        return self._caller.private("CancelOrderBatch", _given(locals()))

    def cancel_all(self) -> Answer[CancelAllResult]:
        """Cancel all open orders of the account.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs 1 of the call counter; charged to the matching engine's counter of the pair. Priority CANCEL.
        """
        return self._caller.private("CancelAll")

    def cancel_all_orders_after(self, *, timeout: int) -> Answer[CancelAllOrdersAfterResult]:
        """Set or disarm the timer that cancels all open orders of the account.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs 1 of the call counter; charged to the matching engine's counter of the pair. Priority CANCEL.

        Args:
            timeout: seconds, below 86400; 0 disarms.
        """
        return self._caller.private("CancelAllOrdersAfter", _given(locals()))

    def get_websockets_token(self) -> Answer[GetWebSocketsTokenResult]:
        """Get a token for the private WebSocket channels; use it within 15 minutes.

        Permission: WebSocket interface - On. Costs 1 of the call counter. Priority READ.
        """
        return self._caller.private("GetWebSocketsToken")

    def deposit_methods(
        self,
        *,
        asset: str,
        aclass: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[DepositMethodsResult]:
        """List the ways to deposit an asset.

        Permission: Funds permissions - Query & Funds permissions - Deposit. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """
        return self._caller.private("DepositMethods", _given(locals()))

    def deposit_addresses(
        self,
        *,
        asset: str,
        method: str,
        new: bool | None = None,
        aclass: str | None = None,
        amount: Number | None = None,
    ) -> Answer[DepositAddressesResult]:
        """List the deposit addresses of a method, or create one.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ. Superseded: kept as
        it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            method: name of the funding method.
            new: create an address.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            amount: for Bitcoin Lightning only.
        """
        return self._caller.private("DepositAddresses", _given(locals()))

    @overload
    def deposit_status(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        cursor: None = None,
        limit: int | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[list[Deposit]]: ...
    @overload
    def deposit_status(
        self,
        *,
        cursor: bool | str,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        limit: int | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[DepositPage]: ...
    def deposit_status(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        cursor: bool | str | None = None,
        limit: int | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[Any]:
        """List recent deposits.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ. Superseded: kept as
        it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            method: name of the funding method.
            start: after this time (exclusive).
            end: up to this time (inclusive).
            cursor: true, or next_cursor of the page before: the answer is then a page.
            limit: rows of a page.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """
        return self._caller.private("DepositStatus", _given(locals()))

    def withdraw_methods(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        network: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[WithdrawMethodsResult]:
        """List the ways to withdraw, with minimum, fee and limits.

        Permission: Funds permissions - Query & Funds permissions - Withdraw. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            network: name of the network.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """
        return self._caller.private("WithdrawMethods", _given(locals()))

    def withdraw_addresses(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        key: str | None = None,
        verified: bool | None = None,
    ) -> Answer[WithdrawAddressesResult]:
        """List saved withdrawal addresses.

        Permission: Funds permissions - Query & Funds permissions - Withdraw. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            method: name of the funding method.
            key: only the address of this name.
            verified: only verified ones, or only others.
        """
        return self._caller.private("WithdrawAddresses", _given(locals()))

    def withdraw_info(
        self,
        *,
        asset: str,
        key: str,
        amount: Number,
    ) -> Answer[WithdrawInfoResult]:
        """Read fee and limit of a withdrawal before it is made.

        Permission: Funds permissions - Query & Funds permissions - Withdraw. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            key: name of the saved address.
            amount: in the asset.
        """
        return self._caller.private("WithdrawInfo", _given(locals()))

    def withdraw(
        self,
        *,
        asset: str,
        key: str,
        amount: Number,
        aclass: str | None = None,
        address: str | None = None,
        max_fee: Number | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[WithdrawResult]:
        """Withdraw to a saved address.

        Permission: Funds permissions - Withdraw. Costs 1 of the call counter. Priority PLACE. Superseded:
        kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            key: name of the saved address.
            amount: in the asset.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            address: must be the address of the key.
            max_fee: refuse a higher fee.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """
        return self._caller.private("Withdraw", _given(locals()))

    @overload
    def withdraw_status(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        cursor: None = None,
        limit: int | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[list[Withdrawal]]: ...
    @overload
    def withdraw_status(
        self,
        *,
        cursor: bool | str,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        limit: int | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[WithdrawalPage]: ...
    def withdraw_status(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        cursor: bool | str | None = None,
        limit: int | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> Answer[Any]:
        """List recent withdrawals.

        Permission: Funds permissions - Withdraw | Data - Query ledger entries. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            method: name of the funding method.
            start: after this time (exclusive).
            end: up to this time (inclusive).
            cursor: true, or next_cursor of the page before: the answer is then a page.
            limit: rows of a page.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """
        return self._caller.private("WithdrawStatus", _given(locals()))

    def withdraw_cancel(
        self,
        *,
        asset: str,
        refid: str,
    ) -> Answer[WithdrawCancelResult]:
        """Ask for a withdrawal to be cancelled.

        Permission: Funds permissions - Withdraw (none for a WalletTransfer). Costs 1 of the call counter.
        Priority CANCEL. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            refid: id of the withdrawal.
        """
        return self._caller.private("WithdrawCancel", _given(locals()))

    def wallet_transfer(
        self,
        *,
        asset: str,
        from_: str,
        to: str,
        amount: Number,
    ) -> Answer[WalletTransferResult]:
        """Move funds from the Spot wallet to the Futures wallet.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority PLACE. Superseded: kept
        as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            from_: source ("Spot Wallet", perhaps others).
            to: destination ("Futures Wallet", perhaps others).
            amount: in the asset.
        """
        return self._caller.private("WalletTransfer", _given(locals(), from_="from"))

    def create_subaccount(
        self,
        *,
        username: str,
        email: str,
    ) -> Answer[CreateSubaccountResult]:
        """Create a subaccount (institutional clients, master key).

        Permission: Funds permissions - Withdraw (master key). Costs 1 of the call counter. Priority PLACE.

        Args:
            username: name of the subaccount.
            email: address of the subaccount.
        """
        return self._caller.private("CreateSubaccount", _given(locals()))

    def account_transfer(
        self,
        *,
        asset: str,
        amount: Number,
        from_: str,
        to: str,
        asset_class: str | None = None,
    ) -> Answer[AccountTransferResult]:
        """Move funds between master account and subaccounts (institutional clients, master key).

        Permission: Funds permissions - Withdraw (master key). Costs 1 of the call counter. Priority PLACE.

        Args:
            asset: name of the asset, such as XBT.
            amount: in the asset.
            from_: account id or IIBAN.
            to: account id or IIBAN.
            asset_class: class of the asset ("currency", "tokenized_asset", perhaps others).
        """
        return self._caller.private("AccountTransfer", _given(locals(), from_="from"))

    def earn_strategies(
        self,
        *,
        ascending: bool | None = None,
        asset: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        lock_type: str | Sequence[Literal["flex", "bonded", "timed", "instant"]] | None = None,
    ) -> Answer[EarnStrategiesResult]:
        """List Earn strategies.

        Any key may. Costs 1 of the call counter. Priority READ.

        Args:
            ascending: oldest first.
            asset: only this asset.
            cursor: where to continue.
            limit: rows of a page.
            lock_type: only these kinds.
        """
        return self._caller.private("Earn/Strategies", _given(locals()))

    def earn_allocations(
        self,
        *,
        ascending: bool | None = None,
        converted_asset: str | None = None,
        hide_zero_allocations: bool | None = None,
    ) -> Answer[EarnAllocationsResult]:
        """List what is allocated to Earn strategies, and what it earned.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            ascending: oldest first.
            converted_asset: asset in which sums are given; default USD.
            hide_zero_allocations: leave out empty ones.
        """
        return self._caller.private("Earn/Allocations", _given(locals()))

    def earn_allocate(
        self,
        *,
        strategy_id: str,
        amount: Number,
    ) -> Answer[EarnAllocateResult]:
        """Allocate funds to an Earn strategy; poll Earn/AllocateStatus for the end.

        Permission: Earn Funds. Costs 1 of the call counter. Priority PLACE.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
            amount: in the asset.
        """
        return self._caller.private("Earn/Allocate", _given(locals()))

    def earn_deallocate(
        self,
        *,
        strategy_id: str,
        amount: Number,
    ) -> Answer[EarnDeallocateResult]:
        """Take funds back from an Earn strategy; poll Earn/DeallocateStatus for the end.

        Permission: Earn Funds. Costs 1 of the call counter. Priority PLACE.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
            amount: in the asset.
        """
        return self._caller.private("Earn/Deallocate", _given(locals()))

    def earn_allocate_status(self, *, strategy_id: str) -> Answer[EarnAllocateStatusResult]:
        """Read whether an allocation is still being processed.

        Permission: Earn Funds | Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
        """
        return self._caller.private("Earn/AllocateStatus", _given(locals()))

    def earn_deallocate_status(self, *, strategy_id: str) -> Answer[EarnDeallocateStatusResult]:
        """Read whether a deallocation is still being processed.

        Permission: Earn Funds | Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
        """
        return self._caller.private("Earn/DeallocateStatus", _given(locals()))
