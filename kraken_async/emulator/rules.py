"""Kraken's rules as data: tiers, costs, permissions.

Written down here a second time on purpose: the emulator shares nothing with the client, so that the two
cannot be wrong together. Source: Kraken's guides on rate limits and API keys. Where the documentation leaves
a cost open the dearer reading is charged, ``documented=True`` gives the other.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Tier(NamedTuple):
    """One verification tier: call counter, engine counter of a pair, open orders per pair."""

    name: str
    maximum: float
    decay: float
    threshold: float
    engine_decay: float
    open_orders: int


TIERS: Final = {
    tier.name: tier
    for tier in (
        Tier("starter", 15, 0.33, 60, 1.0, 60),
        Tier("intermediate", 20, 0.5, 125, 2.34, 80),
        Tier("pro", 20, 1.0, 180, 3.75, 225),
    )
}

#: Upper age in seconds and extra cost, by what is done to the order; past the last row it costs nothing.
AGE_COST: Final[dict[str, tuple[tuple[float, int], ...]]] = {
    "amend": ((5, 3), (10, 2), (15, 1)),
    "edit": ((5, 6), (10, 5), (15, 4), (45, 2), (90, 1)),
    "cancel": ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1)),
}


def age_cost(transaction: str, age: float) -> int:
    """Return the part of the engine's cost that depends on the order's ``age`` in seconds."""
    for limit, cost in AGE_COST[transaction]:
        if age < limit:
            return cost
    return 0


#: Calls that the call counter does not see: they are the matching engine's.
TRADING: Final = frozenset(
    {"AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder", "CancelOrder", "CancelOrderBatch"}
)
_TWO: Final = frozenset({"Ledgers", "TradesHistory"})
_TWO_PERHAPS: Final = frozenset({"QueryLedgers", "QueryTrades", "OpenOrders", "ClosedOrders"})


def call_cost(endpoint: str, *, documented: bool = False) -> int:
    """Return what a private call adds to the call counter of its key."""
    if endpoint in TRADING:
        return 0
    if endpoint in _TWO or (endpoint in _TWO_PERHAPS and not documented):
        return 2
    return 1


#: Reads that may name the account they are about.
BY_ACCOUNT: Final = frozenset(
    {
        "Balance", "BalanceEx", "TradeBalance", "CreditLines", "OpenOrders", "ClosedOrders", "QueryOrders",
        "OrderAmends", "TradesHistory", "QueryTrades", "OpenPositions", "Ledgers", "QueryLedgers",
    }
)  # fmt: skip

PERMISSIONS: Final = (
    "query-funds",
    "add-funds",
    "withdraw-funds",
    "earn-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "export-data",
    "create-ws-token",
    "add-withdraw-address",
    "update-withdraw-address",
)

_OPEN = "query-open-trades"
_CLOSED = "query-closed-trades"

#: What a key must be allowed to do: any one of the alternatives ("|"), each of which may name several codes ("&").
_NEEDS: Final = {
    "query-funds": "Balance BalanceEx CreditLines TradeVolume WalletTransfer "
    "DepositAddresses DepositStatus Earn/Allocations",
    "query-funds & add-funds": "DepositMethods",
    "query-funds & withdraw-funds": "WithdrawMethods WithdrawAddresses WithdrawInfo",
    "withdraw-funds": "Withdraw WithdrawCancel CreateSubaccount AccountTransfer",
    "withdraw-funds | query-ledger": "WithdrawStatus",
    "earn-funds": "Earn/Allocate Earn/Deallocate",
    "earn-funds | query-funds": "Earn/AllocateStatus Earn/DeallocateStatus",
    _OPEN: "TradeBalance OpenOrders OpenPositions Level3",
    _CLOSED: "ClosedOrders TradesHistory QueryTrades",
    f"{_OPEN} | {_CLOSED}": "QueryOrders OrderAmends",
    "query-ledger": "Ledgers QueryLedgers",
    "export-data": "AddExport ExportStatus RetrieveExport RemoveExport",
    "create-ws-token": "GetWebSocketsToken",
    "modify-trades": "AddOrder",
    "modify-trades & close-trades": "AddOrderBatch EditOrder",
    "modify-trades | close-trades": "AmendOrder CancelOrder CancelOrderBatch CancelAll CancelAllOrdersAfter",
    "": "GetApiKeyInfo ListWalletAccounts Earn/Strategies",
}


def _alternatives(text: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(part.replace("&", " ").split()) for part in text.split("|"))


NEEDS: Final[dict[str, tuple[frozenset[str], ...]]] = {
    name: _alternatives(text) for text, names in _NEEDS.items() for name in names.split()
}
