# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""Results of ``private`` and ``public`` by the name of the endpoint, for type checkers only.

Fields are not checked here, and an unknown name gives Any: both are sent as they are. The methods of ``client.spot``
are for checked fields. Where a field decides what comes, it is seen as a keyword, not inside a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias, overload

from kraken_async.api.results import (
    AccountTransferResult,
    AddExportResult,
    AddOrderBatchResult,
    AddOrderResult,
    AmendOrderResult,
    Answer,
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
    OHLCResult,
    OpenOrdersResult,
    OpenPositionsResult,
    OrderAmendsResult,
    OrderPlaced,
    Position,
    PostTradeResult,
    PreTradeResult,
    QueryLedgersResult,
    QueryOrdersResult,
    QueryTradesResult,
    RemoveExportResult,
    RetrieveExportResult,
    SpreadResult,
    SystemStatusResult,
    TickerResult,
    TimeResult,
    TradeBalanceResult,
    TradesHistoryResult,
    TradesResult,
    TradeVolumeResult,
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


class Caller(Protocol):
    """Where calls are made: a session, or a view of it."""

    @property
    def private(self) -> PrivateCall: ...
    @property
    def public(self) -> PublicCall: ...


class AnyCall(Protocol):
    """The type of ``private`` and ``public`` where results are converted, or not described."""

    def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Answer[Any]: ...


class PrivateCall(Protocol):
    """The type of ``private``."""

    @overload
    def __call__(
        self,
        endpoint: Literal["Level3"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[Level3Result]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Balance"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[BalanceResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["BalanceEx"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[BalanceExResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CreditLines"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[CreditLinesResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["TradeBalance"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[TradeBalanceResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenOrders"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[OpenOrdersResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["ClosedOrders"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[ClosedOrdersResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["QueryOrders"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[QueryOrdersResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OrderAmends"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[OrderAmendsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["TradesHistory"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[TradesHistoryResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["QueryTrades"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[QueryTradesResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenPositions"],
        params: Fields | None = None,
        /,
        *,
        consolidation: Literal["market"],
        **fields: Any,
    ) -> Answer[list[ConsolidatedPosition]]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenPositions"],
        params: None = None,
        /,
        **fields: Any,
    ) -> Answer[dict[str, Position]]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OpenPositions"],
        params: Fields,
        /,
        **fields: Any,
    ) -> Answer[OpenPositionsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Ledgers"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[LedgersResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["QueryLedgers"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[QueryLedgersResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["TradeVolume"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[TradeVolumeResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["GetApiKeyInfo"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[GetApiKeyInfoResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["ListWalletAccounts"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[ListWalletAccountsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddExport"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[AddExportResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["ExportStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[ExportStatusResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["RetrieveExport"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[RetrieveExportResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["RemoveExport"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[RemoveExportResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrder"],
        params: Fields | None = None,
        /,
        *,
        validate: bool,
        **fields: Any,
    ) -> Answer[AddOrderResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrder"],
        params: None = None,
        /,
        **fields: Any,
    ) -> Answer[OrderPlaced]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrder"],
        params: Fields,
        /,
        **fields: Any,
    ) -> Answer[AddOrderResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AddOrderBatch"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[AddOrderBatchResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AmendOrder"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[AmendOrderResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["EditOrder"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[EditOrderResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelOrder"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[CancelOrderResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelOrderBatch"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[CancelOrderBatchResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelAll"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[CancelAllResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CancelAllOrdersAfter"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[CancelAllOrdersAfterResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["GetWebSocketsToken"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[GetWebSocketsTokenResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositMethods"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[DepositMethodsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositAddresses"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[DepositAddressesResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositStatus"],
        params: Fields | None = None,
        /,
        *,
        cursor: bool | str,
        **fields: Any,
    ) -> Answer[DepositPage]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositStatus"],
        params: None = None,
        /,
        **fields: Any,
    ) -> Answer[list[Deposit]]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["DepositStatus"],
        params: Fields,
        /,
        **fields: Any,
    ) -> Answer[DepositStatusResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawMethods"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[WithdrawMethodsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawAddresses"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[WithdrawAddressesResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawInfo"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[WithdrawInfoResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Withdraw"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[WithdrawResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawStatus"],
        params: Fields | None = None,
        /,
        *,
        cursor: bool | str,
        **fields: Any,
    ) -> Answer[WithdrawalPage]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawStatus"],
        params: None = None,
        /,
        **fields: Any,
    ) -> Answer[list[Withdrawal]]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawStatus"],
        params: Fields,
        /,
        **fields: Any,
    ) -> Answer[WithdrawStatusResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WithdrawCancel"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[WithdrawCancelResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["WalletTransfer"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[WalletTransferResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["CreateSubaccount"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[CreateSubaccountResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AccountTransfer"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[AccountTransferResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Strategies"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[EarnStrategiesResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Allocations"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[EarnAllocationsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Allocate"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[EarnAllocateResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/Deallocate"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[EarnDeallocateResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/AllocateStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[EarnAllocateStatusResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Earn/DeallocateStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[EarnDeallocateStatusResult]: ...
    @overload
    def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Answer[Any]: ...


class PublicCall(Protocol):
    """The type of ``public``."""

    @overload
    def __call__(
        self,
        endpoint: Literal["Time"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[TimeResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["SystemStatus"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[SystemStatusResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["MaintenanceSchedule"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[MaintenanceScheduleResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Assets"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[AssetsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AssetPairs"],
        params: Fields | None = None,
        /,
        *,
        info: Literal["info", "leverage", "fees", "margin"],
        **fields: Any,
    ) -> Answer[dict[str, AssetPairPart]]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AssetPairs"],
        params: None = None,
        /,
        **fields: Any,
    ) -> Answer[dict[str, AssetPair]]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["AssetPairs"],
        params: Fields,
        /,
        **fields: Any,
    ) -> Answer[AssetPairsResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Ticker"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[TickerResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["OHLC"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[OHLCResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Depth"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[DepthResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["GroupedBook"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[GroupedBookResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Trades"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[TradesResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["Spread"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[SpreadResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["PreTrade"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[PreTradeResult]: ...
    @overload
    def __call__(
        self,
        endpoint: Literal["PostTrade"],
        params: Fields | None = None,
        /,
        **fields: Any,
    ) -> Answer[PostTradeResult]: ...
    @overload
    def __call__(self, endpoint: str, params: Fields | None = None, /, **fields: Any) -> Answer[Any]: ...
