# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""Types of Kraken's results, field by field, for type checkers and editors.

Nothing is converted: at run time a result is the JSON that Kraken sent, and fields that are not listed here stay in it.

Amounts and prices are texts unless noted: give them to ``decimal.Decimal``. ``NotRequired`` fields may be missing.
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
    aclass: str  # such as currency, tokenized_asset, forex


class ConditionalClose(TypedDict):
    ordertype: CloseOrderType
    price: Number  # limit or trigger price, absolute or relative
    price2: NotRequired[Number]  # limit price of the types that end in -limit


class NewOrder(TypedDict):
    ordertype: OrderType
    type: Side
    volume: Number  # in the base asset
    price: NotRequired[Number]  # as in AddOrder
    price2: NotRequired[Number]  # as in AddOrder
    cl_ord_id: NotRequired[str]
    userref: NotRequired[int]
    displayvol: NotRequired[Number]  # iceberg orders
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
    # "announced", "reminder_24h", "approaching_30m", "imminent_5m", "final_warning_30s", perhaps others
    phase: NotRequired[str]
    affected_services: NotRequired[list[Service]]
    order_submission: NotRequired[str]  # "allowed", "discouraged", "blocked", perhaps others
    # "continue", "reduce_activity", "cancel_open_orders", "stop_new_orders", perhaps others
    recommended_action: NotRequired[str]
    cancel_before_utc: NotRequired[str]
    source_url: NotRequired[str]


class EmergencyStep(TypedDict):
    applies_to: NotRequired[list[Service]]
    # "expected_restart", "expected_cancel_only", "expected_post_only", "expected_online", perhaps others
    type: str
    expected_at_utc: NotRequired[str]


class Emergency(TypedDict):
    event_id: int
    title: str
    incident_status: str  # "investigating", "identified", "monitoring", perhaps others
    impact: NotRequired[str]  # "none", "minor", "major", "critical", perhaps others
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
    # "enabled", "deposit_only", "withdrawal_only", "funding_temporarily_disabled", perhaps others
    status: str
    margin_rate: NotRequired[str | float]


class AssetPair(TypedDict):
    altname: str  # such as XBTUSD
    wsname: NotRequired[str]  # such as XBT/USD
    aclass_base: str
    base: str  # code of the asset
    aclass_quote: str
    quote: str  # code of the asset
    execution_venue: NotRequired[str]  # "international", "bitnomial_exchange", perhaps others
    lot: NotRequired[str]
    pair_decimals: int  # of prices
    cost_decimals: int  # of costs
    lot_decimals: int  # of volumes
    lot_multiplier: int
    leverage_buy: NotRequired[list[int]]
    leverage_sell: NotRequired[list[int]]
    fees: NotRequired[list[list[float]]]  # for takers: volume in USD, fee in percent
    fees_maker: NotRequired[list[list[float]]]  # for makers: volume in USD, fee in percent
    fee_volume_currency: NotRequired[str]
    margin_call: NotRequired[int]
    margin_stop: NotRequired[int]
    margin_level: NotRequired[int]
    ordermin: NotRequired[str]  # least volume
    costmin: NotRequired[str]  # least cost
    tick_size: NotRequired[str]  # step of prices
    # "online", "cancel_only", "post_only", "limit_only", "reduce_only", perhaps others
    status: NotRequired[str]
    long_position_limit: NotRequired[int]
    short_position_limit: NotRequired[int]


class PairTicker(TypedDict):
    a: list[str]  # ask: price, volume in whole lots, volume in lots
    b: list[str]  # bid: as the ask
    c: list[str]  # last trade: price, volume
    v: list[str]  # volume: today, last 24 hours
    p: list[str]  # average price weighted by volume: today, last 24 hours
    t: list[int]  # number of trades: today, last 24 hours
    l: list[str]  # lowest: today, last 24 hours
    h: list[str]  # highest: today, last 24 hours
    o: str  # opening price of today


class OrderBook(TypedDict):
    asks: list[list[str | int]]  # price, volume, unix seconds
    bids: list[list[str | int]]  # price, volume, unix seconds


class BookLevel(TypedDict):
    price: str
    qty: str


class PreTradeLevel(TypedDict):
    side: NotRequired[str]  # "BUY", "SELL", perhaps others
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
    hold_trade: NotRequired[str | float]  # held by open orders
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
    pair: str  # altname
    aclass: NotRequired[str]
    type: Side
    ordertype: ShownOrderType
    price: str  # as it was asked for: a trailing order's is a distance
    price2: str
    leverage: str  # none, or such as 2:1
    order: str  # in one sentence
    close: NotRequired[str]  # the conditional close, in one sentence


class Order(TypedDict):
    refid: NotRequired[str | None]  # order that made this one
    userref: NotRequired[int | None]
    cl_ord_id: NotRequired[str | None]
    status: str  # "pending", "open", "closed", "canceled", "expired", perhaps others
    reason: NotRequired[str | None]  # why it was closed
    opentm: float  # when it was placed
    closetm: NotRequired[float]  # when it was closed
    starttm: NotRequired[float]  # 0: at once
    expiretm: NotRequired[float]  # 0: never
    descr: OrderDescription
    time_in_force: NotRequired[str]  # "gtc", "ioc", "gtd", "fok", perhaps others
    vol: str  # in the base asset
    vol_exec: str  # executed so far
    cost: str  # in the quote asset
    fee: str  # in the quote asset, unless flagged otherwise
    price: str  # average price of what was executed
    stopprice: NotRequired[str]  # of trailing orders
    limitprice: NotRequired[str]  # once triggered
    trigger: NotRequired[TriggerSignal | str]
    margin: NotRequired[bool]
    misc: str  # stopped, touched, liquidated, partial, amended; comma-joined
    sender_sub_id: NotRequired[str | None]
    oflags: str  # comma-joined
    trades: NotRequired[list[str]]  # ids, if asked for
    displayvol: NotRequired[str]  # iceberg orders
    displayvolremain: NotRequired[str]
    ext_ord_id: NotRequired[str]
    link_id: NotRequired[str]
    reduce_only: NotRequired[bool]


class Cursor(TypedDict):
    next: NotRequired[str | None]  # to be given as cursor; null or missing on the last page


class Amend(TypedDict):
    amend_id: str
    amend_type: str  # "original", "user", "restated", perhaps others
    order_qty: str
    display_qty: NotRequired[str]
    remaining_qty: NotRequired[str]
    limit_price: NotRequired[str]
    trigger_price: NotRequired[str]
    reason: NotRequired[str]
    post_only: NotRequired[bool]
    timestamp: int  # unix milliseconds; nanoseconds in the documentation, so tell them apart by their size


class Trade(TypedDict):
    ordertxid: str  # id of the order
    postxid: NotRequired[str]
    pair: str
    aclass: NotRequired[str]
    time: float  # when it was executed
    type: Side
    ordertype: ShownOrderType
    price: str
    cost: str  # in the quote asset
    fee: str  # in the quote asset
    vol: str  # in the base asset
    margin: NotRequired[str]
    leverage: NotRequired[str]
    misc: NotRequired[str]
    ledgers: NotRequired[list[str]]  # ids, if asked for
    trade_id: NotRequired[int]
    maker: NotRequired[bool]  # whether the order was the maker
    tradeordertype: NotRequired[ShownOrderType]
    ext_exec_id: NotRequired[str]
    # trades that opened a position, as are the fields from cprice on; "open", "closed", perhaps others
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
    refid: str  # id of the trade, deposit, ...
    time: float
    # "none", "trade", "deposit", "withdrawal", "transfer", "margin", "adjustment", "rollover", "spend",
    # "receive", "settled", "credit", "staking", "reward", "dividend", "sale", "conversion", "earn",
    # "nfttrade", "nftcreatorfee", "nftrebate", "custodytransfer", perhaps others
    type: str
    subtype: NotRequired[str]
    aclass: str
    asset: str
    amount: str  # change of the balance, before the fee
    fee: str
    balance: str  # after this entry
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
    status: str  # "active", "disabled", "closed", "unknown", perhaps others
    type: str  # "main", "spot", "pay", "prop_paper", "prop_real", "unknown", perhaps others
    name: NotRequired[str | None]


class ExportReport(TypedDict):
    id: str
    descr: str
    format: Literal["CSV", "TSV"]
    report: Literal["trades", "ledgers"]
    subtype: NotRequired[str]
    status: str  # "Queued", "Processing", "Processed", perhaps others
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
    order: str  # the order in one sentence
    close: NotRequired[str]  # the conditional close in one sentence


class BatchOrder(TypedDict):
    txid: NotRequired[str]  # missing with validate=true, and where the row was refused
    descr: NotRequired[OrderText]
    close: NotRequired[str]
    error: NotRequired[str]  # why the row was refused


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
    deposits: NotRequired[list[Deposit]]  # in the schema and in clients
    deposit: NotRequired[list[Deposit]]  # in the sample of the documentation
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
    type: str  # "flex", "bonded", "timed", "instant", perhaps others
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
    type: str  # "disabled", "enabled", "optional", perhaps others
    default: NotRequired[bool]


class EarnYieldSource(TypedDict):
    type: str  # "staking", "off_chain", "opt_in_rewards", perhaps others


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
    txid: list[str]  # one id


class AssetPairPart(TypedDict):
    altname: NotRequired[str]  # such as XBTUSD
    wsname: NotRequired[str]  # such as XBT/USD
    leverage_buy: NotRequired[list[int]]
    leverage_sell: NotRequired[list[int]]
    fees: NotRequired[list[list[float]]]  # for takers: volume in USD, fee in percent
    fees_maker: NotRequired[list[list[float]]]  # for makers: volume in USD, fee in percent
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

    status: str  # "online", "maintenance", "cancel_only", "post_only", perhaps others
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
    base_notation: str  # "UNIT", "NOML", perhaps others
    quote_asset: str
    quote_dti_code: NotRequired[str]
    quote_dti_short_name: NotRequired[str]
    quote_notation: str  # "MONE", perhaps others
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

    eb: str  # sum of all balances
    tb: str  # sum of the balances that back margin
    m: str  # initial margin of open positions
    n: str  # profit of open positions, not realised
    c: str  # cost of open positions
    v: str  # value of open positions
    e: str  # equity: tb + n
    mf: str  # free margin: e - m
    mfo: NotRequired[str]  # free margin after open orders
    ml: NotRequired[str]  # margin level in percent: e / m * 100
    uv: NotRequired[str]  # value of orders not executed


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

    # names with underscores are what the live API sends, the others are what the documentation shows
    api_key_name: NotRequired[str]
    api_key: NotRequired[str]
    nonce: str  # highest nonce seen, this call's
    nonce_window: NotRequired[str | int]
    permissions: list[Permission]
    iban: NotRequired[str]
    valid_until: NotRequired[str]  # "0": no end
    query_from: NotRequired[str]  # orders and trades of this time and later may be seen; "0": no limit
    query_to: NotRequired[str]
    created_time: NotRequired[str]
    modified_time: NotRequired[str]
    ip_allowlist: NotRequired[list[str]]  # may be [""] where there is no list
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

    status: str  # "ok", "err", "Ok", "Err", perhaps others
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
    status: str  # "pending", "complete", perhaps others


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
