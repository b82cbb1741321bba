# Made from spot.toml by `python -m kraken_async.api.generate`; changes belong there.
"""Where amounts and times stand in each result, for ``amounts``. Endpoints without any are left out.

A plan is the name of a scalar, a mapping of fields (``*``: all others), a list with the plan of its items, a tuple
with a plan or None for each place, or ``("|", ...)`` with a plan for each thing that may come.
"""

from __future__ import annotations

from typing import Any, Final

_MAINTENANCE_EVENT = {
    "expected_start_utc": "iso_time",
    "expected_end_utc": "iso_time",
    "cancel_before_utc": "iso_time",
}
_EMERGENCY_STEP = {"expected_at_utc": "iso_time"}
_EMERGENCY = {"started_at_utc": "iso_time", "next_steps": [_EMERGENCY_STEP]}
_ASSET_INFO = {"collateral_value": "amount", "margin_rate": "amount"}
_ASSET_PAIR = {
    "fees": [("amount", "amount")],
    "fees_maker": [("amount", "amount")],
    "ordermin": "amount",
    "costmin": "amount",
    "tick_size": "amount",
}
_ASSET_PAIR_PART = {"fees": [("amount", "amount")], "fees_maker": [("amount", "amount")]}
_PAIR_TICKER = {
    "a": ("amount", "amount", "amount"),
    "b": ("amount", "amount", "amount"),
    "c": ("amount", "amount"),
    "v": ("amount", "amount"),
    "p": ("amount", "amount"),
    "l": ("amount", "amount"),
    "h": ("amount", "amount"),
    "o": "amount",
}
_ORDER_BOOK = {"asks": [("amount", "amount", "seconds")], "bids": [("amount", "amount", "seconds")]}
_BOOK_LEVEL = {"price": "amount", "qty": "amount"}
_PRE_TRADE_LEVEL = {
    "price": "amount",
    "qty": "amount",
    "submission_ts": "iso_time",
    "publication_ts": "iso_time",
}
_PUBLISHED_TRADE = {
    "price": "amount",
    "quantity": "amount",
    "trade_ts": "iso_time",
    "publication_ts": "iso_time",
}
_LEVEL3_ORDER = {"price": "amount", "qty": "amount", "timestamp": "nanoseconds"}
_EXTENDED_BALANCE = {
    "balance": "amount",
    "hold_trade": "amount",
    "credit": "amount",
    "credit_used": "amount",
}
_CREDIT_LINE = {
    "balance": "amount",
    "hold_trade": "amount",
    "collateral_value": "amount",
    "credit_limit": "amount",
    "credit": "amount",
    "credit_used": "amount",
    "available_credit": "amount",
    "rollover_fees": "amount",
    "reserve_fees": "amount",
}
_CREDIT_LIMITS = {
    "total_credit_usd": "amount",
    "total_credit_used_usd": "amount",
    "total_collateral_value_usd": "amount",
    "equity_usd": "amount",
    "ongoing_balance": "amount",
    "debt_to_equity": "amount",
}
_CREDIT_LINES = {"asset_details": {"*": _CREDIT_LINE}, "limits_monitor": _CREDIT_LIMITS}
_ORDER_DESCRIPTION = {"price": "price", "price2": "price"}
_ORDER = {
    "opentm": "seconds",
    "closetm": "seconds",
    "starttm": "seconds",
    "expiretm": "seconds",
    "descr": _ORDER_DESCRIPTION,
    "vol": "amount",
    "vol_exec": "amount",
    "cost": "amount",
    "fee": "amount",
    "price": "amount",
    "stopprice": "amount",
    "limitprice": "amount",
    "displayvol": "amount",
    "displayvolremain": "amount",
}
_AMEND = {
    "order_qty": "amount",
    "display_qty": "amount",
    "remaining_qty": "amount",
    "limit_price": "amount",
    "trigger_price": "amount",
    "timestamp": "milliseconds",
}
_TRADE = {
    "time": "seconds",
    "price": "amount",
    "cost": "amount",
    "fee": "amount",
    "vol": "amount",
    "margin": "amount",
    "leverage": "amount",
    "cprice": "amount",
    "ccost": "amount",
    "cfee": "amount",
    "cvol": "amount",
    "cmargin": "amount",
    "net": "amount",
}
_POSITION = {
    "time": "seconds",
    "cost": "amount",
    "fee": "amount",
    "vol": "amount",
    "vol_closed": "amount",
    "margin": "amount",
    "value": "amount",
    "net": "amount",
    "rollovertm": "seconds",
}
_CONSOLIDATED_POSITION = {
    "positions": "amount",
    "cost": "amount",
    "fee": "amount",
    "vol": "amount",
    "vol_closed": "amount",
    "margin": "amount",
    "value": "amount",
    "net": "amount",
}
_LEDGER_ENTRY = {
    "time": "seconds",
    "amount": "amount",
    "fee": "amount",
    "balance": "amount",
    "amount_token": "amount",
}
_VOLUME_INPUTS = {
    "domain_spot_volume_30d": "amount",
    "domain_futures_volume_30d": "amount",
    "domain_assets_on_platform": "amount",
}
_FEE_TIER = {
    "fee": "amount",
    "minfee": "amount",
    "maxfee": "amount",
    "nextfee": "amount",
    "tiervolume": "amount",
    "nextvolume": "amount",
    "tierfuturesvolume": "amount",
    "nextfuturesvolume": "amount",
    "volumeoffset": "amount",
}
_SUBACCOUNT_VOLUME = {"volume": "amount"}
_FEE_SCHEDULE_TIER = {
    "maker_fee": "amount",
    "taker_fee": "amount",
    "min_spot_volume": "amount",
    "min_futures_volume": "amount",
    "min_assets_on_platform": "amount",
}
_FEE_SCHEDULE = {"tiers": [_FEE_SCHEDULE_TIER]}
_EXPORT_REPORT = {
    "createdtm": "seconds",
    "expiretm": "seconds",
    "starttm": "seconds",
    "completedtm": "seconds",
    "datastarttm": "seconds",
    "dataendtm": "seconds",
    "endtm": "seconds",
}
_DEPOSIT_METHOD = {
    "limit": "amount",
    "fee": "amount",
    "fee-percentage": "amount",
    "address-setup-fee": "amount",
    "minimum": "amount",
}
_DEPOSIT_ADDRESS = {"expiretm": "seconds"}
_DEPOSIT = {"amount": "amount", "fee": "amount", "time": "seconds"}
_DEPOSIT_PAGE = {"deposits": [_DEPOSIT], "deposit": [_DEPOSIT]}
_WITHDRAW_FEE = {"fee": "amount", "fee_percentage": "amount"}
_WITHDRAW_LIMIT_AMOUNTS = {"maximum": "amount", "remaining": "amount", "used": "amount"}
_WITHDRAW_LIMIT = {"limits": {"*": _WITHDRAW_LIMIT_AMOUNTS}}
_WITHDRAW_METHOD = {"minimum": "amount", "fee": _WITHDRAW_FEE, "limits": [_WITHDRAW_LIMIT]}
_WITHDRAWAL = {"amount": "amount", "fee": "amount", "time": "seconds"}
_WITHDRAWAL_PAGE = {"withdrawals": [_WITHDRAWAL]}
_EARN_APR_ESTIMATE = {"low": "amount", "high": "amount"}
_EARN_STRATEGY = {
    "apr_estimate": _EARN_APR_ESTIMATE,
    "allocation_fee": "amount",
    "deallocation_fee": "amount",
    "user_cap": "amount",
    "user_min_allocation": "amount",
}
_EARN_BUCKET_ALLOCATION = {
    "native": "amount",
    "converted": "amount",
    "created_at": "iso_time",
    "expires": "iso_time",
}
_EARN_BUCKET = {"native": "amount", "converted": "amount", "allocations": [_EARN_BUCKET_ALLOCATION]}
_EARN_AMOUNT = {"native": "amount", "converted": "amount"}
_EARN_ALLOCATED = {
    "bonding": _EARN_BUCKET,
    "exit_queue": _EARN_BUCKET,
    "pending": _EARN_AMOUNT,
    "unbonding": _EARN_BUCKET,
    "total": _EARN_AMOUNT,
}
_EARN_PAYOUT = {
    "period_start": "iso_time",
    "period_end": "iso_time",
    "accumulated_reward": _EARN_AMOUNT,
    "estimated_reward": _EARN_AMOUNT,
}
_EARN_ALLOCATION = {
    "amount_allocated": _EARN_ALLOCATED,
    "total_rewarded": _EARN_AMOUNT,
    "payout": _EARN_PAYOUT,
}

PLANS: Final[dict[str, Any]] = {
    "Time": {"unixtime": "seconds"},
    "SystemStatus": {
        "timestamp": "iso_time",
        "upcoming_maintenance": [_MAINTENANCE_EVENT],
        "emergency": [_EMERGENCY],
    },
    "MaintenanceSchedule": {"events": [_MAINTENANCE_EVENT]},
    "Assets": {"*": _ASSET_INFO},
    "AssetPairs": {"*": ("|", _ASSET_PAIR, _ASSET_PAIR_PART)},
    "Ticker": {"*": _PAIR_TICKER},
    "OHLC": {"*": [("seconds", "amount", "amount", "amount", "amount", "amount", "amount", None)]},
    "Depth": {"*": _ORDER_BOOK},
    "GroupedBook": {"bids": [_BOOK_LEVEL], "asks": [_BOOK_LEVEL]},
    "Trades": {"*": [("amount", "amount", "seconds", None, None, None, None)]},
    "Spread": {"*": [("seconds", "amount", "amount")]},
    "PreTrade": {"bids": [_PRE_TRADE_LEVEL], "asks": [_PRE_TRADE_LEVEL]},
    "PostTrade": {"last_ts": "iso_time", "trades": [_PUBLISHED_TRADE]},
    "Level3": {"bids": [_LEVEL3_ORDER], "asks": [_LEVEL3_ORDER]},
    "Balance": {"*": "amount"},
    "BalanceEx": {"*": _EXTENDED_BALANCE},
    "CreditLines": _CREDIT_LINES,
    "TradeBalance": {
        "eb": "amount",
        "tb": "amount",
        "m": "amount",
        "n": "amount",
        "c": "amount",
        "v": "amount",
        "e": "amount",
        "mf": "amount",
        "mfo": "amount",
        "ml": "amount",
        "uv": "amount",
    },
    "OpenOrders": {"open": {"*": _ORDER}},
    "ClosedOrders": {"closed": {"*": _ORDER}},
    "QueryOrders": {"*": _ORDER},
    "OrderAmends": {"amends": [_AMEND]},
    "TradesHistory": {"trades": {"*": _TRADE}},
    "QueryTrades": {"*": _TRADE},
    "OpenPositions": ("|", {"*": _POSITION}, [_CONSOLIDATED_POSITION]),
    "Ledgers": {"ledger": {"*": _LEDGER_ENTRY}},
    "QueryLedgers": {"*": _LEDGER_ENTRY},
    "TradeVolume": {
        "volume": "amount",
        "inputs": _VOLUME_INPUTS,
        "fees": {"*": _FEE_TIER},
        "fees_maker": {"*": _FEE_TIER},
        "volume_subaccounts": [_SUBACCOUNT_VOLUME],
        "schedules": [_FEE_SCHEDULE],
    },
    "GetApiKeyInfo": {
        "valid_until": "seconds",
        "query_from": "seconds",
        "query_to": "seconds",
        "created_time": "seconds",
        "modified_time": "seconds",
        "last_used": "seconds",
        "validUntil": "seconds",
        "queryFrom": "seconds",
        "queryTo": "seconds",
        "createdTime": "seconds",
        "modifiedTime": "seconds",
        "lastUsed": "seconds",
    },
    "ExportStatus": [_EXPORT_REPORT],
    "EditOrder": {"volume": "amount", "price": "price", "price2": "price"},
    "CancelAllOrdersAfter": {"currentTime": "iso_time", "triggerTime": "iso_time"},
    "DepositMethods": [_DEPOSIT_METHOD],
    "DepositAddresses": [_DEPOSIT_ADDRESS],
    "DepositStatus": ("|", [_DEPOSIT], _DEPOSIT_PAGE),
    "WithdrawMethods": [_WITHDRAW_METHOD],
    "WithdrawInfo": {"limit": "amount", "amount": "amount", "fee": "amount"},
    "WithdrawStatus": ("|", [_WITHDRAWAL], _WITHDRAWAL_PAGE),
    "Earn/Strategies": {"items": [_EARN_STRATEGY]},
    "Earn/Allocations": {
        "total_allocated": "amount",
        "total_rewarded": "amount",
        "items": [_EARN_ALLOCATION],
    },
}
