# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""The types of `kraken_async.sync`: what ``private``, ``public`` and ``spot`` return there. For type checkers only.

Fields of ``private`` and ``public`` are not checked here, and an unknown name gives Any: both are sent as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, overload

from kraken_async.api.results import (
    AccountTransferResult,
    AddExportResult,
    AddOrderBatchResult,
    AddOrderResult,
    AmendOrderResult,
    AssetOfClass,
    AssetPair,
    AssetPairPart,
    AssetPairsResult,
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
    DepositStatusResult,
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
    OpenPositionsResult,
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
    WithdrawStatusResult,
)

Fields: TypeAlias = Mapping[str, Any]


class AnyCall(Protocol):
    """The type of ``private`` and ``public`` where results are converted, or not described."""

    def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Any: ...


class PrivateCall(Protocol):
    """The type of ``private``."""

    @overload
    def __call__(
        self,
        endpoint: Literal["Level3"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Level3Result: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Balance"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> BalanceResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["BalanceEx"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> BalanceExResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CreditLines"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> CreditLinesResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["TradeBalance"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> TradeBalanceResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenOrders"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> OpenOrdersResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["ClosedOrders"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> ClosedOrdersResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["QueryOrders"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> QueryOrdersResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OrderAmends"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> OrderAmendsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["TradesHistory"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> TradesHistoryResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["QueryTrades"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> QueryTradesResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenPositions"],
        params: Fields | None = None,
        /,
        *,
        consolidation: Literal["market"],
        **fields: Any,
    ) -> list[ConsolidatedPosition]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenPositions"],
        params: None = None,
        /,
        **fields: Any,
    ) -> dict[str, Position]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenPositions"],
        params: Fields,
        /,
        **fields: Any,
    ) -> OpenPositionsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Ledgers"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> LedgersResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["QueryLedgers"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> QueryLedgersResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["TradeVolume"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> TradeVolumeResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["GetApiKeyInfo"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> GetApiKeyInfoResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["ListWalletAccounts"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> ListWalletAccountsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddExport"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> AddExportResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["ExportStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> ExportStatusResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["RetrieveExport"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> RetrieveExportResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["RemoveExport"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> RemoveExportResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrder"],
        params: Fields | None = None,
        /,
        *,
        validate: bool,
        **fields: Any,
    ) -> AddOrderResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrder"],
        params: None = None,
        /,
        **fields: Any,
    ) -> OrderPlaced: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrder"],
        params: Fields,
        /,
        **fields: Any,
    ) -> AddOrderResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrderBatch"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> AddOrderBatchResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AmendOrder"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> AmendOrderResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["EditOrder"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> EditOrderResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelOrder"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> CancelOrderResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelOrderBatch"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> CancelOrderBatchResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelAll"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> CancelAllResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelAllOrdersAfter"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> CancelAllOrdersAfterResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["GetWebSocketsToken"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> GetWebSocketsTokenResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositMethods"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> DepositMethodsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositAddresses"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> DepositAddressesResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositStatus"],
        params: Fields | None = None,
        /,
        *,
        cursor: bool | str,
        **fields: Any,
    ) -> DepositPage: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositStatus"],
        params: None = None,
        /,
        **fields: Any,
    ) -> list[Deposit]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositStatus"],
        params: Fields,
        /,
        **fields: Any,
    ) -> DepositStatusResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawMethods"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> WithdrawMethodsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawAddresses"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> WithdrawAddressesResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawInfo"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> WithdrawInfoResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Withdraw"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> WithdrawResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawStatus"],
        params: Fields | None = None,
        /,
        *,
        cursor: bool | str,
        **fields: Any,
    ) -> WithdrawalPage: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawStatus"],
        params: None = None,
        /,
        **fields: Any,
    ) -> list[Withdrawal]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawStatus"],
        params: Fields,
        /,
        **fields: Any,
    ) -> WithdrawStatusResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawCancel"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> WithdrawCancelResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WalletTransfer"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> WalletTransferResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CreateSubaccount"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> CreateSubaccountResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AccountTransfer"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> AccountTransferResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Strategies"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> EarnStrategiesResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Allocations"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> EarnAllocationsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Allocate"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> EarnAllocateResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Deallocate"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> EarnDeallocateResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/AllocateStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> EarnAllocateStatusResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/DeallocateStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> EarnDeallocateStatusResult: ...
    @overload
    def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Any: ...


class PublicCall(Protocol):
    """The type of ``public``."""

    @overload
    def __call__(
        self,
        endpoint: Literal["Time"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> TimeResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["SystemStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> SystemStatusResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["MaintenanceSchedule"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> MaintenanceScheduleResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Assets"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> AssetsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AssetPairs"],
        params: Fields | None = None,
        /,
        *,
        info: Literal["info", "leverage", "fees", "margin"],
        **fields: Any,
    ) -> dict[str, AssetPairPart]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AssetPairs"],
        params: None = None,
        /,
        **fields: Any,
    ) -> dict[str, AssetPair]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AssetPairs"],
        params: Fields,
        /,
        **fields: Any,
    ) -> AssetPairsResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Ticker"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> TickerResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OHLC"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> OHLCResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Depth"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> DepthResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["GroupedBook"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> GroupedBookResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Trades"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> TradesResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Spread"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> SpreadResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["PreTrade"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> PreTradeResult: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["PostTrade"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> PostTradeResult: ...
    @overload
    def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Any: ...


class Spot(Protocol):
    """Every endpoint of Kraken's Spot REST API as a method that returns the result: ``client.spot.balance()``."""

    def time(self) -> TimeResult:
        """Read the server's clock.

        A public call: no key, no nonce, at the public pace.
        """

    def system_status(self) -> SystemStatusResult:
        """Read the state of the exchange, with announced maintenance and incidents.

        A public call: no key, no nonce, at the public pace.
        """

    def maintenance_schedule(self) -> MaintenanceScheduleResult:
        """List the maintenance that is planned for the next seven days.

        A public call: no key, no nonce, at the public pace.
        """

    def assets(
        self,
        *,
        asset: str | Sequence[str] | None = None,
        aclass: str | None = None,
        assetVersion: int | None = None,
    ) -> AssetsResult:
        """List assets with their names, decimals and status.

        A public call: no key, no nonce, at the public pace.

        Args:
            asset: assets to list; default all.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """

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
    ) -> dict[str, AssetPair]: ...
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
    ) -> dict[str, AssetPairPart]: ...

    def ticker(
        self,
        *,
        pair: str | Sequence[str] | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> TickerResult:
        """Read the ticker of one, several or all pairs.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: pairs to show; default all.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """

    def ohlc(
        self,
        *,
        pair: str,
        interval: Literal[1, 5, 15, 30, 60, 240, 1440, 10080, 21600] | None = None,
        since: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> OHLCResult:
        """Read the newest candles of a pair, at most 720.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            interval: minutes of a candle; default 1.
            since: unix seconds, or `last` of the answer before; reaches back 720 rows at most.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """

    def depth(
        self,
        *,
        pair: str,
        count: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> DepthResult:
        """Read the order book of a pair, by price level.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            count: levels of each side, 1 to 500; default 100.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """

    def grouped_book(
        self,
        *,
        pair: str,
        depth: Literal[10, 25, 100, 250, 1000] | None = None,
        grouping: Literal[1, 5, 10, 25, 50, 100, 250, 500, 1000] | None = None,
    ) -> GroupedBookResult:
        """Read the order book of a pair, grouped by multiples of the tick.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            depth: levels of each side.
            grouping: ticks of a level.
        """

    def trades(
        self,
        *,
        pair: str,
        since: str | int | None = None,
        count: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> TradesResult:
        """Read public trades of a pair, oldest first.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            since: unix nanoseconds, or `last` of the answer before.
            count: rows, 1 to 1000; default 1000.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """

    def spread(
        self,
        *,
        pair: str,
        since: int | None = None,
        asset_class: str | None = None,
        assetVersion: int | None = None,
    ) -> SpreadResult:
        """Read the newest spreads of a pair, about 200.

        A public call: no key, no nonce, at the public pace.

        Args:
            pair: name of the pair, such as XBTUSD or BTC/USD.
            since: unix seconds, or `last` of the answer before.
            asset_class: "tokenized_asset" for pairs of xStocks ("tokenized_asset", "forex", perhaps others).
            assetVersion: 1: keys are display names such as BTC/USD instead of XXBTZUSD.
        """

    def pre_trade(self, *, symbol: str) -> PreTradeResult:
        """Read the price levels of a pair as pre-trade transparency asks for.

        A public call: no key, no nonce, at the public pace.

        Args:
            symbol: the pair as BASE/QUOTE.
        """

    def post_trade(
        self,
        *,
        symbol: str | None = None,
        from_ts: str | None = None,
        to_ts: str | None = None,
        count: int | None = None,
    ) -> PostTradeResult:
        """Read the trades of a pair as post-trade transparency asks for.

        A public call: no key, no nonce, at the public pace.

        Args:
            symbol: the pair as BASE/QUOTE.
            from_ts: exclusive.
            to_ts: inclusive.
            count: rows, at most 1000.
        """

    def level3(
        self,
        *,
        pair: str,
        depth: Literal[0, 10, 25, 100, 250, 1000] | None = None,
    ) -> Level3Result:
        """Read the order book of a pair, order by order.

        Permission: Orders and trades - Query open orders & trades. Costs 1 of the call counter. Priority
        READ.

        Args:
            pair: the pair as BASE/QUOTE.
            depth: orders of each side; 0: all; default 100.
        """

    def balance(
        self,
        *,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> BalanceResult:
        """Read the amount of each asset, less pending withdrawals.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """

    def balance_ex(
        self,
        *,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> BalanceExResult:
        """Read the amount of each asset, with what orders hold and what credit allows.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """

    def credit_lines(
        self,
        *,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> CreditLinesResult:
        """Read credit lines by asset, and their limits in USD.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """

    def trade_balance(
        self,
        *,
        asset: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> TradeBalanceResult:
        """Read the margin summary: equity, free margin, margin level.

        Permission: Orders and trades - Query open orders & trades. Costs 1 of the call counter. Priority
        READ.

        Args:
            asset: asset in which sums are given; default ZUSD.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """

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
    ) -> OpenOrdersResult:
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
    ) -> ClosedOrdersResult:
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
    ) -> QueryOrdersResult:
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

    def order_amends(
        self,
        *,
        order_id: str,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> OrderAmendsResult:
        """Read what one order was amended to, oldest first.

        Permission: Orders and trades - Query open orders & trades | Orders and trades - Query closed orders &
        trades. Costs 1 of the call counter. Priority READ.

        Args:
            order_id: txid of the order.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """

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
    ) -> TradesHistoryResult:
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

    def query_trades(
        self,
        *,
        txid: str | Sequence[str],
        trades: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
        ledgers: bool | None = None,
    ) -> QueryTradesResult:
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

    @overload
    def open_positions(
        self,
        *,
        txid: str | Sequence[str] | None = None,
        docalcs: bool | None = None,
        consolidation: None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> dict[str, Position]: ...
    @overload
    def open_positions(
        self,
        *,
        consolidation: Literal["market"],
        txid: str | Sequence[str] | None = None,
        docalcs: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> list[ConsolidatedPosition]: ...

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
    ) -> LedgersResult:
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

    def query_ledgers(
        self,
        *,
        id: str | Sequence[str],
        trades: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> QueryLedgersResult:
        """Read ledger entries by their ids, at most 20.

        Permission: Data - Query ledger entries. Costs 2 of the call counter. Priority HISTORY.

        Args:
            id: at most 20 ids.
            trades: deprecated, 2026-09-30, not to be relied on; add the ids of the trades.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
            account_id: id of a wallet, see ListWalletAccounts; default: the main wallet.
        """

    def trade_volume(
        self,
        *,
        pair: str | Sequence[str] | Sequence[AssetOfClass] | None = None,
        fee_info: bool | None = None,
        fee_schedule: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> TradeVolumeResult:
        """Read the 30-day volume in USD and the fees that follow from it.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            pair: pairs whose fees are asked for; a list of objects goes in a JSON body.
            fee_info: deprecated, no longer to be used; deprecated, pair alone asks for them; show the fees.
            fee_schedule: add the schedules of fees.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """

    def get_api_key_info(self) -> GetApiKeyInfoResult:
        """Read the permissions, nonce and limits of the API key in use.

        Any key may. Costs 1 of the call counter. Priority READ.
        """

    def list_wallet_accounts(self) -> ListWalletAccountsResult:
        """List the wallets of the account.

        Any key may. Costs 1 of the call counter. Priority READ.
        """

    def add_export(
        self,
        *,
        report: Literal["trades", "ledgers"],
        description: str,
        format: Literal["CSV", "TSV"] | None = None,
        fields: str | Sequence[str] | None = None,
        starttm: int | None = None,
        endtm: int | None = None,
    ) -> AddExportResult:
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

    def export_status(self, *, report: Literal["trades", "ledgers"]) -> ExportStatusResult:
        """List requested reports and their state.

        Permission: Data - Export data. Costs 1 of the call counter. Priority HISTORY.

        Args:
            report: kind of report.
        """

    def retrieve_export(self, *, id: str) -> RetrieveExportResult:
        """Download a processed report, a zip file.

        Permission: Data - Export data. Costs 1 of the call counter. Priority HISTORY.

        Args:
            id: id of the report.
        """

    def remove_export(
        self,
        *,
        id: str,
        type: Literal["cancel", "delete"],
    ) -> RemoveExportResult:
        """Delete a processed report, or cancel a waiting one.

        Permission: Data - Export data. Costs 1 of the call counter. Priority HISTORY.

        Args:
            id: id of the report.
            type: cancel: not yet processed; delete: processed.
        """

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
    ) -> OrderPlaced: ...
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
    ) -> AddOrderResult: ...

    def add_order_batch(
        self,
        *,
        pair: str,
        orders: Sequence[NewOrder],
        asset_class: str | None = None,
        deadline: str | None = None,
        validate: bool | None = None,
        broker: str | None = None,
    ) -> AddOrderBatchResult:
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
    ) -> AmendOrderResult:
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
    ) -> EditOrderResult:
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

    def cancel_order(
        self,
        *,
        txid: str | int | None = None,
        cl_ord_id: str | None = None,
    ) -> CancelOrderResult:
        """Cancel an open order by its id, or all that carry a userref.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs nothing of the call counter; charged to the matching engine's counter of the pair. Priority
        CANCEL.

        Args:
            txid: id of the order; a userref cancels all that carry it.
            cl_ord_id: the caller's own id of the order.
        """

    def cancel_order_batch(
        self,
        *,
        orders: str | Sequence[str | int] | None = None,
        cl_ord_ids: str | Sequence[str] | None = None,
    ) -> CancelOrderBatchResult:
        """Cancel at most 50 open orders by their ids.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs nothing of the call counter; charged to the matching engine's counter of the pair. Priority
        CANCEL.

        Args:
            orders: ids or userrefs; at most 50 with cl_ord_ids.
            cl_ord_ids: the caller's own ids.
        """

    def cancel_all(self) -> CancelAllResult:
        """Cancel all open orders of the account.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs 1 of the call counter; charged to the matching engine's counter of the pair. Priority CANCEL.
        """

    def cancel_all_orders_after(self, *, timeout: int) -> CancelAllOrdersAfterResult:
        """Set or disarm the timer that cancels all open orders of the account.

        Permission: Orders and trades - Create & modify orders | Orders and trades - Cancel & close orders.
        Costs 1 of the call counter; charged to the matching engine's counter of the pair. Priority CANCEL.

        Args:
            timeout: seconds, below 86400; 0 disarms.
        """

    def get_websockets_token(self) -> GetWebSocketsTokenResult:
        """Get a token for the private WebSocket channels; use it within 15 minutes.

        Permission: WebSocket interface - On. Costs 1 of the call counter. Priority READ.
        """

    def deposit_methods(
        self,
        *,
        asset: str,
        aclass: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> DepositMethodsResult:
        """List the ways to deposit an asset.

        Permission: Funds permissions - Query & Funds permissions - Deposit. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """

    def deposit_addresses(
        self,
        *,
        asset: str,
        method: str,
        new: bool | None = None,
        aclass: str | None = None,
        amount: Number | None = None,
    ) -> DepositAddressesResult:
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
    ) -> list[Deposit]: ...
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
    ) -> DepositPage: ...

    def withdraw_methods(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        network: str | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
    ) -> WithdrawMethodsResult:
        """List the ways to withdraw, with minimum, fee and limits.

        Permission: Funds permissions - Query & Funds permissions - Withdraw. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            aclass: class of the asset, default currency ("currency", "tokenized_asset", perhaps others).
            network: name of the network.
            rebase_multiplier: which amounts of tokenized assets are shown; without effect on others.
        """

    def withdraw_addresses(
        self,
        *,
        asset: str | None = None,
        aclass: str | None = None,
        method: str | None = None,
        key: str | None = None,
        verified: bool | None = None,
    ) -> WithdrawAddressesResult:
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

    def withdraw_info(
        self,
        *,
        asset: str,
        key: str,
        amount: Number,
    ) -> WithdrawInfoResult:
        """Read fee and limit of a withdrawal before it is made.

        Permission: Funds permissions - Query & Funds permissions - Withdraw. Costs 1 of the call counter.
        Priority READ. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            key: name of the saved address.
            amount: in the asset.
        """

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
    ) -> WithdrawResult:
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
    ) -> list[Withdrawal]: ...
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
    ) -> WithdrawalPage: ...

    def withdraw_cancel(
        self,
        *,
        asset: str,
        refid: str,
    ) -> WithdrawCancelResult:
        """Ask for a withdrawal to be cancelled.

        Permission: Funds permissions - Withdraw (none for a WalletTransfer). Costs 1 of the call counter.
        Priority CANCEL. Superseded: kept as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            refid: id of the withdrawal.
        """

    def wallet_transfer(
        self,
        *,
        asset: str,
        from_: str,
        to: str,
        amount: Number,
    ) -> WalletTransferResult:
        """Move funds from the Spot wallet to the Futures wallet.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority PLACE. Superseded: kept
        as it is; Kraken recommends Funding (Beta).

        Args:
            asset: name of the asset, such as XBT.
            from_: source ("Spot Wallet", perhaps others).
            to: destination ("Futures Wallet", perhaps others).
            amount: in the asset.
        """

    def create_subaccount(
        self,
        *,
        username: str,
        email: str,
    ) -> CreateSubaccountResult:
        """Create a subaccount (institutional clients, master key).

        Permission: Funds permissions - Withdraw (master key). Costs 1 of the call counter. Priority PLACE.

        Args:
            username: name of the subaccount.
            email: address of the subaccount.
        """

    def account_transfer(
        self,
        *,
        asset: str,
        amount: Number,
        from_: str,
        to: str,
        asset_class: str | None = None,
    ) -> AccountTransferResult:
        """Move funds between master account and subaccounts (institutional clients, master key).

        Permission: Funds permissions - Withdraw (master key). Costs 1 of the call counter. Priority PLACE.

        Args:
            asset: name of the asset, such as XBT.
            amount: in the asset.
            from_: account id or IIBAN.
            to: account id or IIBAN.
            asset_class: class of the asset ("currency", "tokenized_asset", perhaps others).
        """

    def earn_strategies(
        self,
        *,
        ascending: bool | None = None,
        asset: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        lock_type: str | Sequence[Literal["flex", "bonded", "timed", "instant"]] | None = None,
    ) -> EarnStrategiesResult:
        """List Earn strategies.

        Any key may. Costs 1 of the call counter. Priority READ.

        Args:
            ascending: oldest first.
            asset: only this asset.
            cursor: where to continue.
            limit: rows of a page.
            lock_type: only these kinds.
        """

    def earn_allocations(
        self,
        *,
        ascending: bool | None = None,
        converted_asset: str | None = None,
        hide_zero_allocations: bool | None = None,
    ) -> EarnAllocationsResult:
        """List what is allocated to Earn strategies, and what it earned.

        Permission: Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            ascending: oldest first.
            converted_asset: asset in which sums are given; default USD.
            hide_zero_allocations: leave out empty ones.
        """

    def earn_allocate(
        self,
        *,
        strategy_id: str,
        amount: Number,
    ) -> EarnAllocateResult:
        """Allocate funds to an Earn strategy; poll Earn/AllocateStatus for the end.

        Permission: Earn Funds. Costs 1 of the call counter. Priority PLACE.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
            amount: in the asset.
        """

    def earn_deallocate(
        self,
        *,
        strategy_id: str,
        amount: Number,
    ) -> EarnDeallocateResult:
        """Take funds back from an Earn strategy; poll Earn/DeallocateStatus for the end.

        Permission: Earn Funds. Costs 1 of the call counter. Priority PLACE.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
            amount: in the asset.
        """

    def earn_allocate_status(self, *, strategy_id: str) -> EarnAllocateStatusResult:
        """Read whether an allocation is still being processed.

        Permission: Earn Funds | Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
        """

    def earn_deallocate_status(self, *, strategy_id: str) -> EarnDeallocateStatusResult:
        """Read whether a deallocation is still being processed.

        Permission: Earn Funds | Funds permissions - Query. Costs 1 of the call counter. Priority READ.

        Args:
            strategy_id: id of the strategy, see Earn/Strategies.
        """
