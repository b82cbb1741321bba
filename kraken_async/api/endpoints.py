"""Kraken's Spot REST endpoints as data: path, body kind, cost, permission, and what a call may do.

Costs are the careful reading where Kraken's texts disagree (Kraken's own SDK charges 2 for `OpenOrders`,
`ClosedOrders`, `QueryTrades` and `QueryLedgers`). Source: docs.kraken.com/api-reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Any, Literal

Body = Literal["form", "json", "query"]
Engine = Literal["", "add", "add_batch", "amend", "edit", "cancel", "cancel_batch", "cancel_all"]


class Priority(IntEnum):
    """Who goes first in the queue; the lower number does."""

    CANCEL = 0
    AMEND = 1
    PLACE = 2
    READ = 3
    HISTORY = 4


class Tier(Enum):
    """An account's verification tier and the limits that Kraken grants it.

    `maximum` and `decay` (per second) rule the REST call counter of a key; `threshold` and `engine_decay`
    (per second) the matching engine's counter of an account's pair; `open_orders` is the cap per pair.
    """

    maximum: int
    decay: float
    threshold: int
    engine_decay: float
    open_orders: int

    STARTER = ("starter", 15, 0.33, 60, 1.0, 60)
    INTERMEDIATE = ("intermediate", 20, 0.5, 125, 2.34, 80)
    PRO = ("pro", 20, 1.0, 180, 3.75, 225)

    def __new__(
        cls, name: str, maximum: int, decay: float, threshold: int, engine_decay: float, open_orders: int
    ) -> Tier:
        tier = object.__new__(cls)
        tier._value_ = name
        tier.maximum, tier.decay = maximum, decay
        tier.threshold, tier.engine_decay, tier.open_orders = threshold, engine_decay, open_orders
        return tier

    @classmethod
    def of(cls, tier: str | Tier | None) -> Tier:
        """The tier by its name, in any case; None is the lowest. Raises ValueError naming the choices."""
        if tier is None:
            return cls.STARTER
        if isinstance(tier, Tier):
            return tier
        for each in cls:
            if str(tier).strip().lower() == each.value:
                return each
        choices = ", ".join(repr(each.value) for each in cls)
        msg = f"unknown tier {tier!r}: use one of {choices}"
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    `cost` is charged to the REST call counter, `engine` says how the matching engine charges the call.
    `repeatable`: sending it twice does no more than sending it once. `changes`: it is not a pure read.
    `funding`: it moves money out of the account, or between accounts or wallets. `binary`: the result is
    a file, not JSON. `known`: it is in the table below. `result`: what a read's result is, by Kraken's
    description; an answer without one stands for an empty one. "": neither, or not described.
    """

    name: str
    path: str
    private: bool
    body: Body
    cost: int = 0
    engine: Engine = ""
    permission: str | None = None
    repeatable: bool = True
    changes: bool = False
    funding: bool = False
    priority: Priority = Priority.READ
    known: bool = True
    binary: bool = False
    result: Literal["object", "list", ""] = "object"


# Permissions, in the words of Kraken's settings page.
_FUNDS = "Funds permissions - Query"
_DEPOSIT = f"{_FUNDS} & Funds permissions - Deposit"
_WITHDRAW = "Funds permissions - Withdraw"
_WITHDRAW_QUERY = f"{_FUNDS} & {_WITHDRAW}"
_OPEN = "Orders and trades - Query open orders & trades"
_CLOSED = "Orders and trades - Query closed orders & trades"
_ORDERS = f"{_OPEN} | {_CLOSED}"
_MODIFY = "Orders and trades - Create & modify orders"
_CANCEL = "Orders and trades - Cancel & close orders"
_LEDGER = "Data - Query ledger entries"
_EXPORT = "Data - Export data"
_EARN = "Earn Funds"

_PUBLIC = (
    *("Time", "SystemStatus", "MaintenanceSchedule", "Assets", "AssetPairs", "Ticker", "OHLC", "Depth"),
    *("GroupedBook", "Trades", "Spread", "PreTrade", "PostTrade"),
)

# Pure reads: cost, priority, permission.
_READS: dict[str, tuple[int, Priority, str | None]] = {
    "Balance": (1, Priority.READ, _FUNDS),
    "BalanceEx": (1, Priority.READ, _FUNDS),
    "CreditLines": (1, Priority.READ, _FUNDS),
    "TradeBalance": (1, Priority.READ, _OPEN),
    "OpenOrders": (2, Priority.READ, _OPEN),
    "ClosedOrders": (2, Priority.HISTORY, _CLOSED),
    "QueryOrders": (1, Priority.READ, _ORDERS),
    "OrderAmends": (1, Priority.READ, _ORDERS),
    "TradesHistory": (2, Priority.HISTORY, _CLOSED),
    "QueryTrades": (2, Priority.HISTORY, _CLOSED),
    "OpenPositions": (1, Priority.READ, _OPEN),
    "Ledgers": (2, Priority.HISTORY, _LEDGER),
    "QueryLedgers": (2, Priority.HISTORY, _LEDGER),
    "TradeVolume": (1, Priority.READ, _FUNDS),
    "Level3": (1, Priority.READ, _OPEN),
    "GetApiKeyInfo": (1, Priority.READ, None),
    "ListWalletAccounts": (1, Priority.READ, None),
    "ExportStatus": (1, Priority.HISTORY, _EXPORT),
    "RetrieveExport": (1, Priority.HISTORY, _EXPORT),
    "GetWebSocketsToken": (1, Priority.READ, "WebSocket interface - On"),
    "DepositMethods": (1, Priority.READ, _DEPOSIT),
    "DepositAddresses": (1, Priority.READ, _FUNDS),  # with `new=true` it creates one, see `has_effect`
    "DepositStatus": (1, Priority.READ, _FUNDS),
    "WithdrawMethods": (1, Priority.READ, _WITHDRAW_QUERY),
    "WithdrawAddresses": (1, Priority.READ, _WITHDRAW_QUERY),
    "WithdrawInfo": (1, Priority.READ, _WITHDRAW_QUERY),
    "WithdrawStatus": (1, Priority.READ, f"{_WITHDRAW} | {_LEDGER}"),
    "Earn/Strategies": (1, Priority.READ, None),
    "Earn/Allocations": (1, Priority.READ, _FUNDS),
    "Earn/AllocateStatus": (1, Priority.READ, f"{_EARN} | {_FUNDS}"),
    "Earn/DeallocateStatus": (1, Priority.READ, f"{_EARN} | {_FUNDS}"),
}

# Calls with an effect: cost, engine, repeatable, priority, permission. The engine's own limiter replaces
# the call counter for orders; CancelAll and CancelAllOrdersAfter are not listed as exempt and pay both.
_WRITES: dict[str, tuple[int, Engine, bool, Priority, str]] = {
    "AddOrder": (0, "add", False, Priority.PLACE, _MODIFY),
    "AddOrderBatch": (0, "add_batch", False, Priority.PLACE, f"{_MODIFY} & {_CANCEL}"),
    "AmendOrder": (0, "amend", False, Priority.AMEND, f"{_MODIFY} | {_CANCEL}"),
    "EditOrder": (0, "edit", False, Priority.AMEND, f"{_MODIFY} & {_CANCEL}"),
    "CancelOrder": (0, "cancel", True, Priority.CANCEL, f"{_MODIFY} | {_CANCEL}"),
    "CancelOrderBatch": (0, "cancel_batch", True, Priority.CANCEL, f"{_MODIFY} | {_CANCEL}"),
    "CancelAll": (1, "cancel_all", False, Priority.CANCEL, f"{_MODIFY} | {_CANCEL}"),
    "CancelAllOrdersAfter": (1, "cancel_all", True, Priority.CANCEL, f"{_MODIFY} | {_CANCEL}"),
    "AddExport": (1, "", False, Priority.HISTORY, _EXPORT),
    "RemoveExport": (1, "", True, Priority.HISTORY, _EXPORT),
    "Withdraw": (1, "", False, Priority.PLACE, _WITHDRAW),
    "WithdrawCancel": (1, "", True, Priority.CANCEL, f"{_WITHDRAW} (none for a WalletTransfer)"),
    "WalletTransfer": (1, "", False, Priority.PLACE, _FUNDS),
    "CreateSubaccount": (1, "", False, Priority.PLACE, f"{_WITHDRAW} (master key)"),
    "AccountTransfer": (1, "", False, Priority.PLACE, f"{_WITHDRAW} (master key)"),
    "Earn/Allocate": (1, "", False, Priority.PLACE, _EARN),
    "Earn/Deallocate": (1, "", False, Priority.PLACE, _EARN),
}

_JSON = frozenset({"AddOrderBatch", "CancelOrderBatch", "Level3"})
_FUNDING = frozenset({"Withdraw", "WalletTransfer", "AccountTransfer"})
_BINARY = frozenset({"RetrieveExport"})
_LISTS = frozenset(
    {"DepositMethods", "DepositAddresses", "DepositStatus", "WithdrawMethods", "WithdrawAddresses"}
    | {"WithdrawStatus", "ExportStatus"}
)
_NEITHER = _BINARY | {"CreditLines", "WithdrawCancel", "CreateSubaccount", "Earn/Allocate", "Earn/Deallocate"}

_INTEGER = re.compile(r"\s*[-+]?[0-9]{1,10}\s*")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
# An endpoint we have never heard of is taken to move money when its name sounds so.
_SOUNDS_LIKE_FUNDING = re.compile(r"withdraw|transfer|payout|^pay|^send|^funding", re.IGNORECASE)


def _public(name: str, *, known: bool = True) -> Endpoint:
    return Endpoint(
        name, f"/0/public/{name}", private=False, body="query", known=known, result="object" if known else ""
    )


def _private(name: str) -> Endpoint:
    path = f"/0/private/{name}"
    body: Body = "json" if name in _JSON else "form"
    if name in _READS:
        cost, priority, permission = _READS[name]
        binary = name in _BINARY
        return Endpoint(
            name,
            path,
            private=True,
            body=body,
            cost=cost,
            permission=permission,
            priority=priority,
            binary=binary,
            result=_result(name),
        )
    cost, engine, repeatable, priority, permission = _WRITES[name]
    return Endpoint(
        name,
        path,
        private=True,
        body=body,
        cost=cost,
        engine=engine,
        permission=permission,
        repeatable=repeatable,
        changes=True,
        funding=name in _FUNDING,
        priority=priority,
        result=_result(name),
    )


def _result(name: str) -> Literal["object", "list", ""]:
    return "" if name in _NEITHER else "list" if name in _LISTS else "object"


def _unknown(name: str) -> Endpoint:
    """A private endpoint newer than this table: a write, never repeated, at cost 1."""
    return Endpoint(
        name,
        f"/0/private/{name}",
        private=True,
        body="form",
        cost=1,
        repeatable=False,
        changes=True,
        funding=_SOUNDS_LIKE_FUNDING.search(name) is not None,
        priority=Priority.PLACE,
        known=False,
        result="",
    )


PUBLIC: dict[str, Endpoint] = {name: _public(name) for name in _PUBLIC}
PRIVATE: dict[str, Endpoint] = {name: _private(name) for name in (*_READS, *_WRITES)}


@lru_cache(maxsize=1024)
def find(name: str, *, private: bool) -> Endpoint:
    """The endpoint of that name. One that is not in the table is sent as it is: see `Endpoint.known`.

    Raises ValueError for what cannot be a name (a path, a query string, white space): `..` or `?` in a
    name could otherwise reach another endpoint than the one that the guard judged.
    """
    endpoint = (PRIVATE if private else PUBLIC).get(name)
    if endpoint is not None:
        return endpoint
    if type(name) is not str or _NAME.fullmatch(name) is None:
        msg = f"{name!r} is not an endpoint name: use Kraken's own, such as 'Balance' or 'Earn/Allocate'"
        raise ValueError(msg)
    return _unknown(name) if private else _public(name, known=False)


def has_effect(endpoint: Endpoint, params: Mapping[str, Any]) -> bool:
    """Whether this call is more than a read: DepositAddresses creates an address if it is told to."""
    return endpoint.changes or (endpoint.name == "DepositAddresses" and _is_true(params.get("new")))


def may_repeat(endpoint: Endpoint, params: Mapping[str, Any]) -> bool:
    """Whether sending this call twice does no more than sending it once.

    A cancel that names its order by `userref` may not be repeated: it would also cancel orders placed since.
    """
    if endpoint.engine in ("cancel", "cancel_batch"):
        named = [params.get("txid"), params.get("userref"), *_each(params.get("orders"))]
        return not any(_is_userref(name) for name in named)
    return endpoint.repeatable and (endpoint.changes or not has_effect(endpoint, params))


def _each(orders: object) -> list[object]:
    """The txids or userrefs in a CancelOrderBatch, bare or each in a mapping."""
    given = orders if isinstance(orders, (list, tuple)) else []
    return [
        order.get("txid", order.get("userref")) if isinstance(order, Mapping) else order for order in given
    ]


def _is_userref(name: object) -> bool:
    if isinstance(name, str):
        return any(_is_userref(int(part)) for part in name.split(",") if _INTEGER.fullmatch(part))
    return isinstance(name, int)


def _is_true(value: object) -> bool:
    return value is not None and str(value).lower() not in ("false", "0", "")


def nearest(name: str, *, private: bool) -> str | None:
    """The known endpoint that was probably meant, for a warning ("Addorder: AddOrder?"), or None."""
    table, other, scope = (PRIVATE, PUBLIC, "public") if private else (PUBLIC, PRIVATE, "private")
    if name in other:
        return f"{scope} {name}"
    lowered = {known.lower(): known for known in table}
    matches = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None
