# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""Fields, values and combinations that each endpoint takes, for ``checks``.

Cancels are not in it: they are not checked. A name with ``!`` is required. Values are listed where Kraken lists them.
"""

from __future__ import annotations

from typing import Final

from kraken_async.api.rules import TEXTS, Fields, OneOf, Rule, fields

CLOSE_ORDER_TYPE = OneOf(
    "limit",
    "stop-loss",
    "take-profit",
    "stop-loss-limit",
    "take-profit-limit",
    "trailing-stop",
    "trailing-stop-limit",
)
ORDER_TYPE = OneOf(
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
)
SIDE = OneOf("buy", "sell")
TRIGGER_SIGNAL = OneOf("last", "index")
BOOLEAN = OneOf("true", "false")
SELF_TRADE_PREVENTION = OneOf("cancel-newest", "cancel-oldest", "cancel-both")
ORDER_FLAG = OneOf("post", "fcib", "fciq", "viqc", "nompp")
TIME_IN_FORCE = OneOf("GTC", "IOC", "GTD", "FOK")
ASSET_CLASS = OneOf("currency", "tokenized_asset")
ASSET_PAIRS_INFO = OneOf("info", "leverage", "fees", "margin")
ASSET_PAIRS_EXECUTION_VENUE = OneOf("international", "bitnomial_exchange")
PAIR_CLASS = OneOf("tokenized_asset", "forex")
REBASE_MULTIPLIER = OneOf("rebased", "base")
CLOSED_ORDERS_CLOSETIME = OneOf("open", "close", "both")
TRADE_KIND = OneOf("all", "any position", "closed position", "closing position", "no position")
TRADED_PAIR_CLASS = OneOf("forex", "equity_pair", "futures_contract", "synthetic_pair", "external_pair")
OPEN_POSITIONS_CONSOLIDATION = OneOf("market")
LEDGER_KIND = OneOf(
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
)
ADD_EXPORT_REPORT = OneOf("trades", "ledgers")
ADD_EXPORT_FORMAT = OneOf("CSV", "TSV")
REMOVE_EXPORT_TYPE = OneOf("cancel", "delete")
WALLET_TRANSFER_FROM = OneOf("Spot Wallet")
WALLET_TRANSFER_TO = OneOf("Futures Wallet")
EARN_STRATEGIES_LOCK_TYPE = OneOf("flex", "bonded", "timed", "instant")

ORDER = (
    Rule(when={"ordertype": "limit iceberg stop-loss-limit take-profit-limit"}, needs="price"),
    Rule(
        when={"ordertype": "stop-loss take-profit trailing-stop trailing-stop-limit"},
        needs="price",
        because="it is the trigger price",
    ),
    Rule(
        when={"ordertype": "stop-loss-limit take-profit-limit trailing-stop-limit"},
        needs="price2",
        because="it is the limit price",
    ),
    Rule(when={"ordertype": "settle-position"}, needs="leverage"),
    Rule(
        when={"ordertype": "market settle-position stop-loss take-profit trailing-stop"},
        refuses={"oflags": "post", "timeinforce": "FOK"},
        because="it needs a limit price",
    ),
    Rule(when={"timeinforce": "GTD"}, needs="expiretm"),
    Rule(when={"reduce_only": "true"}, needs="leverage", because="it is for margin orders"),
    Rule(when={"oflags": "viqc"}, only={"ordertype": "market", "type": "buy"}),
    Rule(when={"oflags": "fcib"}, refuses={"oflags": "fciq"}, because="the fee is in one asset"),
    Rule(together="cl_ord_id userref", because="an order has one or the other"),
    Rule(together="cl_ord_id close", because="the order that follows would have the same id"),
)
ORDER_BATCH = (
    Rule(least={"orders": 2}),
    Rule(most={"orders": 15}),
)
AMEND = (Rule(any_of="txid cl_ord_id"),)
QUERY_ORDERS = (
    Rule(any_of="txid cl_ord_id userref"),
    Rule(most={"txid": 50}),
)
IDS_20 = (Rule(most={"txid": 20}),)
ENTRIES_20 = (Rule(most={"id": 20}),)

ConditionalClose: Final[Fields] = fields(
    "ordertype! price! price2",
    ("ordertype", CLOSE_ORDER_TYPE),
)
NewOrder: Final[Fields] = fields(
    "ordertype! type! volume! price price2 cl_ord_id userref displayvol trigger leverage reduce_only",
    "stptype oflags timeinforce starttm expiretm close",
    ("ordertype", ORDER_TYPE),
    ("type", SIDE),
    ("trigger", TRIGGER_SIGNAL),
    ("reduce_only", BOOLEAN),
    ("stptype", SELF_TRADE_PREVENTION),
    ("oflags", ORDER_FLAG.many),
    ("timeinforce", TIME_IN_FORCE),
    ("close", ConditionalClose),
    rules=ORDER,
)

PARAMETERS: Final[dict[str, Fields]] = {
    "Time": fields(),
    "SystemStatus": fields(),
    "MaintenanceSchedule": fields(),
    "Assets": fields(
        "asset aclass assetVersion",
        ("asset", TEXTS),
        ("aclass", ASSET_CLASS),
    ),
    "AssetPairs": fields(
        "pair aclass_base info country_code execution_venue assetVersion",
        ("pair", TEXTS),
        ("aclass_base", ASSET_CLASS),
        ("info", ASSET_PAIRS_INFO),
        ("execution_venue", ASSET_PAIRS_EXECUTION_VENUE),
    ),
    "Ticker": fields(
        "pair asset_class assetVersion",
        ("pair", TEXTS),
        ("asset_class", PAIR_CLASS),
    ),
    "OHLC": fields(
        "pair! interval since asset_class assetVersion",
        ("asset_class", PAIR_CLASS),
    ),
    "Depth": fields(
        "pair! count asset_class assetVersion",
        ("asset_class", PAIR_CLASS),
    ),
    "GroupedBook": fields(
        "pair! depth grouping",
    ),
    "Trades": fields(
        "pair! since count asset_class assetVersion",
        ("asset_class", PAIR_CLASS),
    ),
    "Spread": fields(
        "pair! since asset_class assetVersion",
        ("asset_class", PAIR_CLASS),
    ),
    "PreTrade": fields(
        "symbol!",
    ),
    "PostTrade": fields(
        "symbol from_ts to_ts count",
    ),
    "Level3": fields(
        "pair! depth",
    ),
    "Balance": fields(
        "rebase_multiplier account_id",
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "BalanceEx": fields(
        "rebase_multiplier account_id",
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "CreditLines": fields(
        "rebase_multiplier account_id",
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "TradeBalance": fields(
        "asset rebase_multiplier account_id",
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "OpenOrders": fields(
        "trades userref cl_ord_id rebase_multiplier account_id consolidate_taker with_cursor cursor limit",
        ("trades", BOOLEAN),
        ("rebase_multiplier", REBASE_MULTIPLIER),
        ("consolidate_taker", BOOLEAN),
        ("with_cursor", BOOLEAN),
    ),
    "ClosedOrders": fields(
        "trades userref cl_ord_id start end ofs closetime consolidate_taker without_count rebase_multiplier",
        "account_id with_cursor cursor",
        ("trades", BOOLEAN),
        ("closetime", CLOSED_ORDERS_CLOSETIME),
        ("consolidate_taker", BOOLEAN),
        ("without_count", BOOLEAN),
        ("rebase_multiplier", REBASE_MULTIPLIER),
        ("with_cursor", BOOLEAN),
    ),
    "QueryOrders": fields(
        "txid trades userref consolidate_taker cl_ord_id rebase_multiplier account_id",
        ("txid", TEXTS),
        ("trades", BOOLEAN),
        ("consolidate_taker", BOOLEAN),
        ("rebase_multiplier", REBASE_MULTIPLIER),
        rules=QUERY_ORDERS,
    ),
    "OrderAmends": fields(
        "order_id! rebase_multiplier account_id",
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "TradesHistory": fields(
        "type trades start end ofs limit without_count consolidate_taker ledgers pair aclass",
        "rebase_multiplier account_id with_cursor cursor",
        ("type", TRADE_KIND),
        ("trades", BOOLEAN),
        ("without_count", BOOLEAN),
        ("consolidate_taker", BOOLEAN),
        ("ledgers", BOOLEAN),
        ("aclass", TRADED_PAIR_CLASS),
        ("rebase_multiplier", REBASE_MULTIPLIER),
        ("with_cursor", BOOLEAN),
    ),
    "QueryTrades": fields(
        "txid! trades rebase_multiplier account_id ledgers",
        ("txid", TEXTS),
        ("trades", BOOLEAN),
        ("rebase_multiplier", REBASE_MULTIPLIER),
        ("ledgers", BOOLEAN),
        rules=IDS_20,
    ),
    "OpenPositions": fields(
        "txid docalcs consolidation rebase_multiplier account_id",
        ("txid", TEXTS),
        ("docalcs", BOOLEAN),
        ("consolidation", OPEN_POSITIONS_CONSOLIDATION),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "Ledgers": fields(
        "asset aclass type start end ofs without_count rebase_multiplier account_id",
        ("type", LEDGER_KIND),
        ("without_count", BOOLEAN),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "QueryLedgers": fields(
        "id! trades rebase_multiplier account_id",
        ("id", TEXTS),
        ("trades", BOOLEAN),
        ("rebase_multiplier", REBASE_MULTIPLIER),
        rules=ENTRIES_20,
    ),
    "TradeVolume": fields(
        "pair fee-info fee_schedule rebase_multiplier",
        ("fee-info", BOOLEAN),
        ("fee_schedule", BOOLEAN),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "GetApiKeyInfo": fields(),
    "ListWalletAccounts": fields(),
    "AddExport": fields(
        "report! description! format fields starttm endtm",
        ("report", ADD_EXPORT_REPORT),
        ("format", ADD_EXPORT_FORMAT),
        ("fields", TEXTS),
    ),
    "ExportStatus": fields(
        "report!",
        ("report", ADD_EXPORT_REPORT),
    ),
    "RetrieveExport": fields(
        "id!",
    ),
    "RemoveExport": fields(
        "id! type!",
        ("type", REMOVE_EXPORT_TYPE),
    ),
    "AddOrder": fields(
        "pair! type! ordertype! volume! price price2 userref cl_ord_id asset_class displayvol trigger",
        "leverage reduce_only stptype oflags timeinforce starttm expiretm close deadline validate broker",
        ("type", SIDE),
        ("ordertype", ORDER_TYPE),
        ("asset_class", PAIR_CLASS),
        ("trigger", TRIGGER_SIGNAL),
        ("reduce_only", BOOLEAN),
        ("stptype", SELF_TRADE_PREVENTION),
        ("oflags", ORDER_FLAG.many),
        ("timeinforce", TIME_IN_FORCE),
        ("close", ConditionalClose),
        ("validate", BOOLEAN),
        rules=ORDER,
    ),
    "AddOrderBatch": fields(
        "pair! orders! asset_class deadline validate broker",
        ("orders", NewOrder.many),
        ("asset_class", PAIR_CLASS),
        ("validate", BOOLEAN),
        rules=ORDER_BATCH,
    ),
    "AmendOrder": fields(
        "txid cl_ord_id order_qty display_qty limit_price trigger_price pair post_only deadline",
        ("post_only", BOOLEAN),
        rules=AMEND,
    ),
    "EditOrder": fields(
        "txid! pair! userref volume displayvol asset_class price price2 oflags deadline cancel_response",
        "validate",
        ("asset_class", PAIR_CLASS),
        ("oflags", ORDER_FLAG.many),
        ("cancel_response", BOOLEAN),
        ("validate", BOOLEAN),
    ),
    "GetWebSocketsToken": fields(),
    "DepositMethods": fields(
        "asset! aclass rebase_multiplier",
        ("aclass", ASSET_CLASS),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "DepositAddresses": fields(
        "asset! method! new aclass amount",
        ("new", BOOLEAN),
        ("aclass", ASSET_CLASS),
    ),
    "DepositStatus": fields(
        "asset aclass method start end cursor limit rebase_multiplier",
        ("aclass", ASSET_CLASS),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "WithdrawMethods": fields(
        "asset aclass network rebase_multiplier",
        ("aclass", ASSET_CLASS),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "WithdrawAddresses": fields(
        "asset aclass method key verified",
        ("aclass", ASSET_CLASS),
        ("verified", BOOLEAN),
    ),
    "WithdrawInfo": fields(
        "asset! key! amount!",
    ),
    "Withdraw": fields(
        "asset! key! amount! aclass address max_fee rebase_multiplier",
        ("aclass", ASSET_CLASS),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "WithdrawStatus": fields(
        "asset aclass method start end cursor limit rebase_multiplier",
        ("aclass", ASSET_CLASS),
        ("rebase_multiplier", REBASE_MULTIPLIER),
    ),
    "WalletTransfer": fields(
        "asset! from! to! amount!",
        ("from", WALLET_TRANSFER_FROM),
        ("to", WALLET_TRANSFER_TO),
    ),
    "CreateSubaccount": fields(
        "username! email!",
    ),
    "AccountTransfer": fields(
        "asset! amount! from! to! asset_class",
        ("asset_class", ASSET_CLASS),
    ),
    "Earn/Strategies": fields(
        "ascending asset cursor limit lock_type",
        ("ascending", BOOLEAN),
        ("lock_type", EARN_STRATEGIES_LOCK_TYPE.many),
    ),
    "Earn/Allocations": fields(
        "ascending converted_asset hide_zero_allocations",
        ("ascending", BOOLEAN),
        ("hide_zero_allocations", BOOLEAN),
    ),
    "Earn/Allocate": fields(
        "strategy_id! amount!",
    ),
    "Earn/Deallocate": fields(
        "strategy_id! amount!",
    ),
    "Earn/AllocateStatus": fields(
        "strategy_id!",
    ),
    "Earn/DeallocateStatus": fields(
        "strategy_id!",
    ),
}
