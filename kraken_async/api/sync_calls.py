# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""The types of `kraken_async.sync`: what ``private``, ``public`` and ``spot`` return there. For type checkers only.

Fields of ``private`` and ``public`` are not checked here, and an unknown name gives Any: both are sent as they are.
A method of ``Spot`` has the parameters of its namesake that is awaited, where they are explained.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from kraken_async.api import spot
from kraken_async.api.results import (
    AccountTransferResult,
    AddExportResult,
    AddOrderBatchResult,
    AddOrderResult,
    AmendOrderResult,
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
    LedgersResult,
    Level3Result,
    ListWalletAccountsResult,
    MaintenanceScheduleResult,
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
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _waits(
    method: Callable[Concatenate[Any, _P], Coroutine[Any, Any, _T]],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, _P], _T]]:
    """Give a method the parameters of one that is awaited, and what that gives in the end."""
    untyped: Any = method
    return lambda _: untyped  # only the type counts


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

    @_waits(spot.Spot.time)
    def time(self) -> None: ...

    @_waits(spot.Spot.system_status)
    def system_status(self) -> None: ...

    @_waits(spot.Spot.maintenance_schedule)
    def maintenance_schedule(self) -> None: ...

    @_waits(spot.Spot.assets)
    def assets(self) -> None: ...

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
    ) -> dict[str, AssetPair]:
        """List pairs with their names, decimals, minimum sizes, fees and status."""
        ...

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
    ) -> dict[str, AssetPairPart]:
        """List pairs with their names, decimals, minimum sizes, fees and status."""
        ...

    @_waits(spot.Spot.ticker)
    def ticker(self) -> None: ...

    @_waits(spot.Spot.ohlc)
    def ohlc(self) -> None: ...

    @_waits(spot.Spot.depth)
    def depth(self) -> None: ...

    @_waits(spot.Spot.grouped_book)
    def grouped_book(self) -> None: ...

    @_waits(spot.Spot.trades)
    def trades(self) -> None: ...

    @_waits(spot.Spot.spread)
    def spread(self) -> None: ...

    @_waits(spot.Spot.pre_trade)
    def pre_trade(self) -> None: ...

    @_waits(spot.Spot.post_trade)
    def post_trade(self) -> None: ...

    @_waits(spot.Spot.level3)
    def level3(self) -> None: ...

    @_waits(spot.Spot.balance)
    def balance(self) -> None: ...

    @_waits(spot.Spot.balance_ex)
    def balance_ex(self) -> None: ...

    @_waits(spot.Spot.credit_lines)
    def credit_lines(self) -> None: ...

    @_waits(spot.Spot.trade_balance)
    def trade_balance(self) -> None: ...

    @_waits(spot.Spot.open_orders)
    def open_orders(self) -> None: ...

    @_waits(spot.Spot.closed_orders)
    def closed_orders(self) -> None: ...

    @_waits(spot.Spot.query_orders)
    def query_orders(self) -> None: ...

    @_waits(spot.Spot.order_amends)
    def order_amends(self) -> None: ...

    @_waits(spot.Spot.trades_history)
    def trades_history(self) -> None: ...

    @_waits(spot.Spot.query_trades)
    def query_trades(self) -> None: ...

    @overload
    def open_positions(
        self,
        *,
        txid: str | Sequence[str] | None = None,
        docalcs: bool | None = None,
        consolidation: None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> dict[str, Position]:
        """Read open margin positions."""
        ...

    @overload
    def open_positions(
        self,
        *,
        consolidation: Literal["market"],
        txid: str | Sequence[str] | None = None,
        docalcs: bool | None = None,
        rebase_multiplier: RebaseMultiplier | None = None,
        account_id: str | None = None,
    ) -> list[ConsolidatedPosition]:
        """Read open margin positions."""
        ...

    @_waits(spot.Spot.ledgers)
    def ledgers(self) -> None: ...

    @_waits(spot.Spot.query_ledgers)
    def query_ledgers(self) -> None: ...

    @_waits(spot.Spot.trade_volume)
    def trade_volume(self) -> None: ...

    @_waits(spot.Spot.get_api_key_info)
    def get_api_key_info(self) -> None: ...

    @_waits(spot.Spot.list_wallet_accounts)
    def list_wallet_accounts(self) -> None: ...

    @_waits(spot.Spot.add_export)
    def add_export(self) -> None: ...

    @_waits(spot.Spot.export_status)
    def export_status(self) -> None: ...

    @_waits(spot.Spot.retrieve_export)
    def retrieve_export(self) -> None: ...

    @_waits(spot.Spot.remove_export)
    def remove_export(self) -> None: ...

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
    ) -> OrderPlaced:
        """Place one order."""
        ...

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
    ) -> AddOrderResult:
        """Place one order."""
        ...

    @_waits(spot.Spot.add_order_batch)
    def add_order_batch(self) -> None: ...

    @_waits(spot.Spot.amend_order)
    def amend_order(self) -> None: ...

    @_waits(spot.Spot.edit_order)
    def edit_order(self) -> None: ...

    @_waits(spot.Spot.cancel_order)
    def cancel_order(self) -> None: ...

    @_waits(spot.Spot.cancel_order_batch)
    def cancel_order_batch(self) -> None: ...

    @_waits(spot.Spot.cancel_all)
    def cancel_all(self) -> None: ...

    @_waits(spot.Spot.cancel_all_orders_after)
    def cancel_all_orders_after(self) -> None: ...

    @_waits(spot.Spot.get_websockets_token)
    def get_websockets_token(self) -> None: ...

    @_waits(spot.Spot.deposit_methods)
    def deposit_methods(self) -> None: ...

    @_waits(spot.Spot.deposit_addresses)
    def deposit_addresses(self) -> None: ...

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
    ) -> list[Deposit]:
        """List recent deposits."""
        ...

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
    ) -> DepositPage:
        """List recent deposits."""
        ...

    @_waits(spot.Spot.withdraw_methods)
    def withdraw_methods(self) -> None: ...

    @_waits(spot.Spot.withdraw_addresses)
    def withdraw_addresses(self) -> None: ...

    @_waits(spot.Spot.withdraw_info)
    def withdraw_info(self) -> None: ...

    @_waits(spot.Spot.withdraw)
    def withdraw(self) -> None: ...

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
    ) -> list[Withdrawal]:
        """List recent withdrawals."""
        ...

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
    ) -> WithdrawalPage:
        """List recent withdrawals."""
        ...

    @_waits(spot.Spot.withdraw_cancel)
    def withdraw_cancel(self) -> None: ...

    @_waits(spot.Spot.wallet_transfer)
    def wallet_transfer(self) -> None: ...

    @_waits(spot.Spot.create_subaccount)
    def create_subaccount(self) -> None: ...

    @_waits(spot.Spot.account_transfer)
    def account_transfer(self) -> None: ...

    @_waits(spot.Spot.earn_strategies)
    def earn_strategies(self) -> None: ...

    @_waits(spot.Spot.earn_allocations)
    def earn_allocations(self) -> None: ...

    @_waits(spot.Spot.earn_allocate)
    def earn_allocate(self) -> None: ...

    @_waits(spot.Spot.earn_deallocate)
    def earn_deallocate(self) -> None: ...

    @_waits(spot.Spot.earn_allocate_status)
    def earn_allocate_status(self) -> None: ...

    @_waits(spot.Spot.earn_deallocate_status)
    def earn_deallocate_status(self) -> None: ...
