# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""Types of Kraken's results, field by field, for type checkers and editors.

Nothing is converted: at run time a result is the JSON that Kraken sent, and fields that are not listed here stay in it.

Amounts and prices are texts where they are ``str``: give them to ``decimal.Decimal``. ``NotRequired`` fields may be
missing. The page of an endpoint says of each field what it is.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, TypeVar

_T = TypeVar("_T")

Answer: TypeAlias = Coroutine[Any, Any, _T]  # what a method gives: await it
Number: TypeAlias = Decimal | float | str  # int included; a text is sent as it is

Side: TypeAlias = Literal["buy", "sell"]
OrderType: TypeAlias = Literal[
    "market",
    "limit",
    "iceberg",
    "stop-loss",
    "take-profit",
    "stop-loss-limit",
    "take-profit-limit",
    "trailing-stop",
    "trailing-stop-limit",
    "settle-position",
]
CloseOrderType: TypeAlias = Literal[
    "limit",
    "stop-loss",
    "take-profit",
    "stop-loss-limit",
    "take-profit-limit",
    "trailing-stop",
    "trailing-stop-limit",
]
# market, limit, iceberg, stop-loss, take-profit, stop-loss-limit, take-profit-limit, trailing-stop, trailing-
# stop-limit, settle-position, liquidate-position; others may come
ShownOrderType: TypeAlias = str
OrderFlag: TypeAlias = Literal["post", "fcib", "fciq", "viqc", "nompp"]
TimeInForce: TypeAlias = Literal["GTC", "IOC", "GTD", "FOK"]
SelfTradePrevention: TypeAlias = Literal["cancel-newest", "cancel-oldest", "cancel-both"]
TriggerSignal: TypeAlias = Literal["last", "index"]
# currency, tokenized_asset; others may come
AssetClass: TypeAlias = str
# tokenized_asset, forex; others may come
PairClass: TypeAlias = str
TradeKind: TypeAlias = Literal["all", "any position", "closed position", "closing position", "no position"]
TradedPairClass: TypeAlias = Literal[
    "forex",
    "equity_pair",
    "futures_contract",
    "synthetic_pair",
    "external_pair",
]
LedgerKind: TypeAlias = Literal[
    "all",
    "trade",
    "deposit",
    "withdrawal",
    "transfer",
    "margin",
    "adjustment",
    "rollover",
    "credit",
    "settled",
    "staking",
    "dividend",
    "sale",
    "nft_rebate",
]
RebaseMultiplier: TypeAlias = Literal["rebased", "base"]
# spot_ws, spot_rest, spot_fix, spot_trading, futures_ws, futures_rest, futures_fix, futures_trading, all;
# others may come
Service: TypeAlias = str
# query-funds, add-funds, withdraw-funds, earn-funds, query-open-trades, query-closed-trades, modify-trades,
# close-trades, query-ledger, export-data, create-ws-token, add-withdraw-address, update-withdraw-address;
# others may come
Permission: TypeAlias = str


class AssetOfClass(TypedDict):
    asset: str
    aclass: str


class ConditionalClose(TypedDict):
    ordertype: CloseOrderType
    price: Number
    price2: NotRequired[Number]


class NewOrder(TypedDict):
    ordertype: OrderType
    type: Side
    volume: Number
    price: NotRequired[Number]
    price2: NotRequired[Number]
    cl_ord_id: NotRequired[str]
    userref: NotRequired[int]
    displayvol: NotRequired[Number]
    trigger: NotRequired[TriggerSignal]
    leverage: NotRequired[str | int]
    reduce_only: NotRequired[bool]
    stptype: NotRequired[SelfTradePrevention]
    oflags: NotRequired[str | Sequence[OrderFlag]]
    timeinforce: NotRequired[TimeInForce]
    starttm: NotRequired[int | str]
    expiretm: NotRequired[int | str]
    close: NotRequired[ConditionalClose]


class MaintenanceEvent(TypedDict):
    event_id: int
    title: str
    expected_start_utc: str
    expected_end_utc: str
    time_to_start_s: NotRequired[int]
    phase: NotRequired[str]
    affected_services: NotRequired[list[Service]]
    order_submission: NotRequired[str]
    recommended_action: NotRequired[str]
    cancel_before_utc: NotRequired[str]
    source_url: NotRequired[str]


class EmergencyStep(TypedDict):
    applies_to: NotRequired[list[Service]]
    type: str
    expected_at_utc: NotRequired[str]


class Emergency(TypedDict):
    event_id: int
    title: str
    incident_status: str
    impact: NotRequired[str]
    affected_services: NotRequired[list[Service]]
    started_at_utc: str
    next_steps: NotRequired[list[EmergencyStep]]
    source_url: NotRequired[str]


class AssetInfo(TypedDict):
    aclass: AssetClass
    altname: str
    decimals: int
    display_decimals: int
    collateral_value: NotRequired[str | float]
    status: str
    margin_rate: NotRequired[str | float]


class AssetPair(TypedDict):
    altname: str
    wsname: NotRequired[str]
    aclass_base: str
    base: str
    aclass_quote: str
    quote: str
    execution_venue: NotRequired[str]
    lot: NotRequired[str]
    pair_decimals: int
    cost_decimals: int
    lot_decimals: int
    lot_multiplier: int
    leverage_buy: NotRequired[list[int]]
    leverage_sell: NotRequired[list[int]]
    fees: NotRequired[list[list[float]]]
    fees_maker: NotRequired[list[list[float]]]
    fee_volume_currency: NotRequired[str]
    margin_call: NotRequired[int]
    margin_stop: NotRequired[int]
    margin_level: NotRequired[int]
    ordermin: NotRequired[str]
    costmin: NotRequired[str]
    tick_size: NotRequired[str]
    status: NotRequired[str]
    long_position_limit: NotRequired[int]
    short_position_limit: NotRequired[int]


class PairTicker(TypedDict):
    a: list[str]
    b: list[str]
    c: list[str]
    v: list[str]
    p: list[str]
    t: list[int]
    l: list[str]
    h: list[str]
    o: str


class OrderBook(TypedDict):
    asks: list[list[str | int]]
    bids: list[list[str | int]]


class BookLevel(TypedDict):
    price: str
    qty: str


class PreTradeLevel(TypedDict):
    side: NotRequired[str]
    price: str
    qty: str
    count: NotRequired[int]
    submission_ts: NotRequired[str]
    publication_ts: NotRequired[str]


class PublishedTrade(TypedDict):
    trade_id: str
    price: str
    quantity: str
    symbol: str
    description: NotRequired[str]
    base_asset: NotRequired[str]
    base_dti_code: NotRequired[str]
    base_dti_short_name: NotRequired[str]
    base_notation: NotRequired[str]
    quote_asset: NotRequired[str]
    quote_dti_code: NotRequired[str]
    quote_dti_short_name: NotRequired[str]
    quote_notation: NotRequired[str]
    trade_venue: NotRequired[str]
    trade_ts: str
    publication_venue: NotRequired[str]
    publication_ts: NotRequired[str]


class Level3Order(TypedDict):
    price: str
    qty: str
    order_id: str
    timestamp: int


class ExtendedBalance(TypedDict):
    balance: str | float
    hold_trade: NotRequired[str | float]
    credit: NotRequired[str | float]
    credit_used: NotRequired[str | float]


class CreditLine(TypedDict):
    balance: NotRequired[str]
    hold_trade: NotRequired[str]
    collateral_value: NotRequired[str | float]
    credit_limit: NotRequired[str]
    credit: NotRequired[str]
    credit_used: NotRequired[str]
    available_credit: NotRequired[str]
    rollover_fees: NotRequired[str | float]
    reserve_fees: NotRequired[str | float]


class CreditLimits(TypedDict):
    total_credit_usd: NotRequired[str | None]
    total_credit_used_usd: NotRequired[str | None]
    total_collateral_value_usd: NotRequired[str | None]
    equity_usd: NotRequired[str | None]
    ongoing_balance: NotRequired[str | None]
    debt_to_equity: NotRequired[str | None]


class CreditLines(TypedDict):
    asset_details: dict[str, CreditLine]
    limits_monitor: CreditLimits


class OrderDescription(TypedDict):
    pair: str
    aclass: NotRequired[str]
    type: Side
    ordertype: ShownOrderType
    price: str
    price2: str
    leverage: str
    order: str
    close: NotRequired[str]


class Order(TypedDict):
    refid: NotRequired[str | None]
    userref: NotRequired[int | None]
    cl_ord_id: NotRequired[str | None]
    status: str
    reason: NotRequired[str | None]
    opentm: float
    closetm: NotRequired[float]
    starttm: NotRequired[float]
    expiretm: NotRequired[float]
    descr: OrderDescription
    time_in_force: NotRequired[str]
    vol: str
    vol_exec: str
    cost: str
    fee: str
    price: str
    stopprice: NotRequired[str]
    limitprice: NotRequired[str]
    trigger: NotRequired[TriggerSignal | str]
    margin: NotRequired[bool]
    misc: str
    sender_sub_id: NotRequired[str | None]
    oflags: str
    trades: NotRequired[list[str]]
    displayvol: NotRequired[str]
    displayvolremain: NotRequired[str]
    ext_ord_id: NotRequired[str]
    link_id: NotRequired[str]
    reduce_only: NotRequired[bool]


class Cursor(TypedDict):
    next: NotRequired[str | None]


class Amend(TypedDict):
    amend_id: str
    amend_type: str
    order_qty: str
    display_qty: NotRequired[str]
    remaining_qty: NotRequired[str]
    limit_price: NotRequired[str]
    trigger_price: NotRequired[str]
    reason: NotRequired[str]
    post_only: NotRequired[bool]
    timestamp: int


class Trade(TypedDict):
    ordertxid: str
    postxid: NotRequired[str]
    pair: str
    aclass: NotRequired[str]
    time: float
    type: Side
    ordertype: ShownOrderType
    price: str
    cost: str
    fee: str
    vol: str
    margin: NotRequired[str]
    leverage: NotRequired[str]
    misc: NotRequired[str]
    ledgers: NotRequired[list[str]]
    trade_id: NotRequired[int]
    maker: NotRequired[bool]
    tradeordertype: NotRequired[ShownOrderType]
    ext_exec_id: NotRequired[str]
    posstatus: NotRequired[str]
    cprice: NotRequired[str | float]
    ccost: NotRequired[str | float]
    cfee: NotRequired[str | float]
    cvol: NotRequired[str | float]
    cmargin: NotRequired[str | float]
    net: NotRequired[str | float]
    trades: NotRequired[list[str]]


Position = TypedDict(
    "Position",
    {
        "ordertxid": str,
        "class": NotRequired[str],
        "posstatus": str,
        "pair": str,
        "time": float,
        "type": Side,
        "ordertype": ShownOrderType,
        "cost": str,
        "fee": str,
        "vol": str,
        "vol_closed": str,
        "margin": str,
        "value": NotRequired[str],
        "net": NotRequired[str],
        "terms": NotRequired[str],
        "rollovertm": NotRequired[str],
        "misc": NotRequired[str],
        "oflags": NotRequired[str],
    },
)
ConsolidatedPosition = TypedDict(
    "ConsolidatedPosition",
    {
        "pair": str,
        "class": NotRequired[str],
        "positions": str | float,
        "type": Side,
        "leverage": str,
        "cost": str,
        "fee": str,
        "vol": str,
        "vol_closed": str,
        "margin": str,
        "value": NotRequired[str],
        "net": NotRequired[str],
    },
)


class LedgerEntry(TypedDict):
    refid: str
    time: float
    type: str
    subtype: NotRequired[str]
    aclass: str
    asset: str
    amount: str
    fee: str
    balance: str
    amount_token: NotRequired[str]


class VolumeInputs(TypedDict):
    domain_spot_volume_30d: NotRequired[str]
    domain_futures_volume_30d: NotRequired[str]
    domain_assets_on_platform: NotRequired[str]


class FeeTier(TypedDict):
    fee: str
    minfee: NotRequired[str]
    maxfee: NotRequired[str]
    nextfee: NotRequired[str | None]
    tiervolume: NotRequired[str]
    nextvolume: NotRequired[str | None]
    tierfuturesvolume: NotRequired[str | None]
    nextfuturesvolume: NotRequired[str | None]
    volumeoffset: NotRequired[str | None]


class SubaccountVolume(TypedDict):
    iiban: str
    volume: str


class FeeScheduleTier(TypedDict):
    maker_fee: str
    taker_fee: str
    min_spot_volume: NotRequired[str | None]
    min_futures_volume: NotRequired[str | None]
    min_assets_on_platform: NotRequired[str | None]
    active: NotRequired[bool | None]


FeeSchedule = TypedDict(
    "FeeSchedule",
    {
        "class": str,
        "pair": str,
        "tiers": list[FeeScheduleTier],
    },
)


class WalletAccountFlags(TypedDict):
    user_defined: bool
    active: bool


class WalletAccount(TypedDict):
    account_id: str
    flags: NotRequired[WalletAccountFlags]
    status: str
    type: str
    name: NotRequired[str | None]


class ExportReport(TypedDict):
    id: str
    descr: str
    format: Literal["CSV", "TSV"]
    report: Literal["trades", "ledgers"]
    subtype: NotRequired[str]
    status: str
    error: NotRequired[str]
    flags: NotRequired[str]
    fields: str
    createdtm: str
    expiretm: NotRequired[str]
    starttm: NotRequired[str]
    completedtm: NotRequired[str]
    datastarttm: str
    dataendtm: str
    aclass: NotRequired[str]
    asset: NotRequired[str]
    assets: NotRequired[str]
    asset_classes: NotRequired[list[str]]
    endtm: NotRequired[str]
    delete: NotRequired[bool]


class OrderText(TypedDict):
    order: str
    close: NotRequired[str]


class BatchOrder(TypedDict):
    txid: NotRequired[str]
    descr: NotRequired[OrderText]
    close: NotRequired[str]
    error: NotRequired[str]


DepositMethod = TypedDict(
    "DepositMethod",
    {
        "method": str,
        "limit": str | bool,
        "fee": NotRequired[str],
        "fee-percentage": NotRequired[str],
        "address-setup-fee": NotRequired[str],
        "gen-address": NotRequired[bool],
        "minimum": NotRequired[str],
    },
)


class DepositAddress(TypedDict):
    address: str
    expiretm: str
    new: NotRequired[bool]
    tag: NotRequired[str]
    memo: NotRequired[str]


Deposit = TypedDict(
    "Deposit",
    {
        "method": str,
        "aclass": str,
        "asset": str,
        "refid": str,
        "txid": str | None,
        "info": NotRequired[str],
        "amount": str,
        "fee": NotRequired[str],
        "time": int,
        "status": str,
        "status-prop": NotRequired[str],
        "originators": NotRequired[list[str]],
    },
)


class DepositPage(TypedDict):
    deposits: NotRequired[list[Deposit]]
    deposit: NotRequired[list[Deposit]]
    next_cursor: NotRequired[str | None]


class WithdrawFee(TypedDict):
    aclass: str
    asset: str
    fee: str
    fee_percentage: NotRequired[str]


class WithdrawLimitAmounts(TypedDict):
    maximum: str
    remaining: str
    used: str


class WithdrawLimit(TypedDict):
    description: NotRequired[str]
    limit_type: str
    limits: dict[str, WithdrawLimitAmounts]


class WithdrawMethod(TypedDict):
    asset: str
    method: str
    method_id: NotRequired[str]
    network: NotRequired[str]
    network_id: NotRequired[str]
    minimum: str
    fee: NotRequired[WithdrawFee]
    limits: NotRequired[list[WithdrawLimit]]


class WithdrawAddress(TypedDict):
    address: str
    asset: str
    method: str
    key: str
    tag: NotRequired[str]
    memo: NotRequired[str]
    network: NotRequired[str]
    verified: bool


Withdrawal = TypedDict(
    "Withdrawal",
    {
        "method": str,
        "network": NotRequired[str],
        "aclass": str,
        "asset": str,
        "refid": str,
        "txid": str | None,
        "info": NotRequired[str],
        "amount": str,
        "fee": str,
        "time": int,
        "status": str,
        "status-prop": NotRequired[str],
        "key": NotRequired[str],
    },
)


class WithdrawalPage(TypedDict):
    withdrawals: list[Withdrawal]
    next_cursor: NotRequired[str | None]


class EarnLockType(TypedDict):
    type: str
    payout_frequency: NotRequired[int]
    bonding_period: NotRequired[int]
    bonding_period_variable: NotRequired[bool]
    bonding_rewards: NotRequired[bool]
    exit_queue_period: NotRequired[int]
    unbonding_period: NotRequired[int]
    unbonding_period_variable: NotRequired[bool]
    unbonding_rewards: NotRequired[bool]


class EarnAprEstimate(TypedDict):
    low: str
    high: str


class EarnAutoCompound(TypedDict):
    type: str
    default: NotRequired[bool]


class EarnYieldSource(TypedDict):
    type: str


class EarnStrategy(TypedDict):
    id: str
    asset: str
    asset_class: NotRequired[str]
    lock_type: EarnLockType
    apr_estimate: NotRequired[EarnAprEstimate | None]
    auto_compound: NotRequired[EarnAutoCompound]
    yield_source: NotRequired[EarnYieldSource]
    can_allocate: bool
    can_deallocate: bool
    allocation_fee: NotRequired[str | float]
    deallocation_fee: NotRequired[str | float]
    allocation_restriction_info: NotRequired[list[str]]
    user_cap: NotRequired[str | None]
    user_min_allocation: NotRequired[str | None]


class EarnBucketAllocation(TypedDict):
    native: str
    converted: str
    created_at: str
    expires: NotRequired[str]


class EarnBucket(TypedDict):
    native: str
    converted: str
    allocation_count: NotRequired[int]
    allocations: NotRequired[list[EarnBucketAllocation]]


class EarnAmount(TypedDict):
    native: str
    converted: str


class EarnAllocated(TypedDict):
    bonding: NotRequired[EarnBucket | None]
    exit_queue: NotRequired[EarnBucket | None]
    pending: NotRequired[EarnAmount | None]
    unbonding: NotRequired[EarnBucket | None]
    total: EarnAmount


class EarnPayout(TypedDict):
    period_start: str
    period_end: str
    accumulated_reward: EarnAmount
    estimated_reward: EarnAmount


class EarnAllocation(TypedDict):
    strategy_id: str
    native_asset: str
    asset_class: NotRequired[str]
    is_utilized: NotRequired[bool]
    amount_allocated: EarnAllocated
    total_rewarded: EarnAmount
    payout: NotRequired[EarnPayout | None]


class OrderPlaced(TypedDict):
    descr: OrderText
    txid: list[str]


class AssetPairPart(TypedDict):
    altname: NotRequired[str]
    wsname: NotRequired[str]
    leverage_buy: NotRequired[list[int]]
    leverage_sell: NotRequired[list[int]]
    fees: NotRequired[list[list[float]]]
    fees_maker: NotRequired[list[list[float]]]
    fee_volume_currency: NotRequired[str]
    margin_call: NotRequired[int]
    margin_stop: NotRequired[int]
    margin_level: NotRequired[int]


class TimeResult(TypedDict):
    """Result of Time."""

    unixtime: int
    rfc1123: str


class SystemStatusResult(TypedDict):
    """Result of SystemStatus."""

    status: str
    timestamp: str
    upcoming_maintenance: NotRequired[list[MaintenanceEvent]]
    emergency: NotRequired[list[Emergency]]


class MaintenanceScheduleResult(TypedDict):
    """Result of MaintenanceSchedule."""

    events: NotRequired[list[MaintenanceEvent]]


AssetsResult: TypeAlias = dict[str, AssetInfo]
AssetPairsResult: TypeAlias = dict[str, AssetPair | AssetPairPart]
TickerResult: TypeAlias = dict[str, PairTicker]
OHLCResult: TypeAlias = dict[str, Any]  # keys besides those named in spot.toml are pairs
DepthResult: TypeAlias = dict[str, OrderBook]


class GroupedBookResult(TypedDict):
    """Result of GroupedBook."""

    pair: str
    grouping: int
    bids: list[BookLevel]
    asks: list[BookLevel]


TradesResult: TypeAlias = dict[str, Any]  # keys besides those named in spot.toml are pairs
SpreadResult: TypeAlias = dict[str, Any]  # keys besides those named in spot.toml are pairs


class PreTradeResult(TypedDict):
    """Result of PreTrade."""

    symbol: str
    description: str
    base_asset: str
    base_dti_code: NotRequired[str]
    base_dti_short_name: NotRequired[str]
    base_notation: str
    quote_asset: str
    quote_dti_code: NotRequired[str]
    quote_dti_short_name: NotRequired[str]
    quote_notation: str
    venue: str
    system: str
    bids: list[PreTradeLevel]
    asks: list[PreTradeLevel]


class PostTradeResult(TypedDict):
    """Result of PostTrade."""

    last_ts: str
    count: int
    trades: list[PublishedTrade]


class Level3Result(TypedDict):
    """Result of Level3."""

    pair: str
    bids: list[Level3Order]
    asks: list[Level3Order]


BalanceResult: TypeAlias = dict[str, str]
BalanceExResult: TypeAlias = dict[str, ExtendedBalance]
CreditLinesResult: TypeAlias = CreditLines | None


class TradeBalanceResult(TypedDict):
    """Result of TradeBalance."""

    eb: str
    tb: str
    m: str
    n: str
    c: str
    v: str
    e: str
    mf: str
    mfo: NotRequired[str]
    ml: NotRequired[str]
    uv: NotRequired[str]


class OpenOrdersResult(TypedDict):
    """Result of OpenOrders."""

    open: dict[str, Order]
    cursor: NotRequired[Cursor]


class ClosedOrdersResult(TypedDict):
    """Result of ClosedOrders."""

    closed: dict[str, Order]
    count: NotRequired[int]
    cursor: NotRequired[Cursor]


QueryOrdersResult: TypeAlias = dict[str, Order]


class OrderAmendsResult(TypedDict):
    """Result of OrderAmends."""

    count: int
    amends: list[Amend]


class TradesHistoryResult(TypedDict):
    """Result of TradesHistory."""

    trades: dict[str, Trade]
    count: NotRequired[int]
    cursor: NotRequired[Cursor]


QueryTradesResult: TypeAlias = dict[str, Trade]
OpenPositionsResult: TypeAlias = dict[str, Position] | list[ConsolidatedPosition]


class LedgersResult(TypedDict):
    """Result of Ledgers."""

    ledger: dict[str, LedgerEntry]
    count: NotRequired[int]


QueryLedgersResult: TypeAlias = dict[str, LedgerEntry]


class TradeVolumeResult(TypedDict):
    """Result of TradeVolume."""

    currency: str
    asset_class: NotRequired[str | None]
    volume: str
    inputs: NotRequired[VolumeInputs]
    fees: NotRequired[dict[str, FeeTier] | None]
    fees_maker: NotRequired[dict[str, FeeTier] | None]
    volume_subaccounts: NotRequired[list[SubaccountVolume]]
    schedules: NotRequired[list[FeeSchedule] | None]


class GetApiKeyInfoResult(TypedDict):
    """Result of GetApiKeyInfo."""

    api_key_name: NotRequired[str]
    api_key: NotRequired[str]
    nonce: str
    nonce_window: NotRequired[str | int]
    permissions: list[Permission]
    iban: NotRequired[str]
    valid_until: NotRequired[str]
    query_from: NotRequired[str]
    query_to: NotRequired[str]
    created_time: NotRequired[str]
    modified_time: NotRequired[str]
    ip_allowlist: NotRequired[list[str]]
    last_used: NotRequired[str | None]
    apiKeyName: NotRequired[str]
    apiKey: NotRequired[str]
    nonceWindow: NotRequired[int | str]
    validUntil: NotRequired[str]
    queryFrom: NotRequired[str]
    queryTo: NotRequired[str]
    createdTime: NotRequired[str]
    modifiedTime: NotRequired[str]
    ipAllowlist: NotRequired[list[str]]
    lastUsed: NotRequired[str | None]


class ListWalletAccountsResult(TypedDict):
    """Result of ListWalletAccounts."""

    accounts: list[WalletAccount]
    cursor: NotRequired[Cursor]


class AddExportResult(TypedDict):
    """Result of AddExport."""

    id: str


ExportStatusResult: TypeAlias = list[ExportReport]
RetrieveExportResult: TypeAlias = bytes


class RemoveExportResult(TypedDict):
    """Result of RemoveExport."""

    delete: NotRequired[bool]
    cancel: NotRequired[bool]


class AddOrderResult(TypedDict):
    """Result of AddOrder."""

    descr: OrderText
    txid: NotRequired[list[str]]


class AddOrderBatchResult(TypedDict):
    """Result of AddOrderBatch."""

    orders: list[BatchOrder]


class AmendOrderResult(TypedDict):
    """Result of AmendOrder."""

    amend_id: str


class EditOrderResult(TypedDict):
    """Result of EditOrder."""

    status: str
    txid: NotRequired[str]
    originaltxid: NotRequired[str]
    volume: NotRequired[str]
    price: NotRequired[str]
    price2: NotRequired[str]
    orders_cancelled: NotRequired[int]
    newuserref: NotRequired[str]
    olduserref: NotRequired[str]
    descr: NotRequired[OrderText]
    error_message: NotRequired[str]


class CancelOrderResult(TypedDict):
    """Result of CancelOrder."""

    count: int
    pending: NotRequired[bool]


class CancelOrderBatchResult(TypedDict):
    """Result of CancelOrderBatch."""

    count: int


class CancelAllResult(TypedDict):
    """Result of CancelAll."""

    count: int
    pending: NotRequired[bool]


class CancelAllOrdersAfterResult(TypedDict):
    """Result of CancelAllOrdersAfter."""

    currentTime: str
    triggerTime: str


class GetWebSocketsTokenResult(TypedDict):
    """Result of GetWebSocketsToken."""

    token: str
    expires: int


DepositMethodsResult: TypeAlias = list[DepositMethod]
DepositAddressesResult: TypeAlias = list[DepositAddress]
DepositStatusResult: TypeAlias = list[Deposit] | DepositPage
WithdrawMethodsResult: TypeAlias = list[WithdrawMethod]
WithdrawAddressesResult: TypeAlias = list[WithdrawAddress]


class WithdrawInfoResult(TypedDict):
    """Result of WithdrawInfo."""

    method: str
    limit: str
    amount: str
    fee: str


class WithdrawResult(TypedDict):
    """Result of Withdraw."""

    refid: str


WithdrawStatusResult: TypeAlias = list[Withdrawal] | WithdrawalPage
WithdrawCancelResult: TypeAlias = bool


class WalletTransferResult(TypedDict):
    """Result of WalletTransfer."""

    refid: str


CreateSubaccountResult: TypeAlias = bool


class AccountTransferResult(TypedDict):
    """Result of AccountTransfer."""

    transfer_id: str
    status: str


class EarnStrategiesResult(TypedDict):
    """Result of Earn/Strategies."""

    items: list[EarnStrategy]
    next_cursor: NotRequired[str | None]


class EarnAllocationsResult(TypedDict):
    """Result of Earn/Allocations."""

    converted_asset: str
    converted_asset_class: NotRequired[str]
    total_allocated: str
    total_rewarded: str
    next_cursor: NotRequired[str | None]
    items: list[EarnAllocation]


EarnAllocateResult: TypeAlias = bool | None
EarnDeallocateResult: TypeAlias = bool | None


class EarnAllocateStatusResult(TypedDict):
    """Result of Earn/AllocateStatus."""

    pending: bool


class EarnDeallocateStatusResult(TypedDict):
    """Result of Earn/DeallocateStatus."""

    pending: bool
