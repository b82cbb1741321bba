"""An asyncio client for the Kraken exchange: private calls in order, within its limits, no order placed twice.

The names below are the public ones, imported when first used, so that a part costs nothing to those who do not use it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kraken_async import guards as guards
    from kraken_async.api.endpoints import Priority as Priority
    from kraken_async.api.endpoints import Tier as Tier
    from kraken_async.call import Orphan as Orphan
    from kraken_async.calls.retry import RetryPolicy as RetryPolicy
    from kraken_async.errors import AuthenticationError as AuthenticationError
    from kraken_async.errors import GuardRefused as GuardRefused
    from kraken_async.errors import InsufficientFunds as InsufficientFunds
    from kraken_async.errors import InvalidArguments as InvalidArguments
    from kraken_async.errors import InvalidNonce as InvalidNonce
    from kraken_async.errors import KrakenAPIError as KrakenAPIError
    from kraken_async.errors import KrakenError as KrakenError
    from kraken_async.errors import NonceStoreError as NonceStoreError
    from kraken_async.errors import OrderError as OrderError
    from kraken_async.errors import OrderWithdrawn as OrderWithdrawn
    from kraken_async.errors import Outcome as Outcome
    from kraken_async.errors import OutcomeUnknown as OutcomeUnknown
    from kraken_async.errors import PermissionDenied as PermissionDenied
    from kraken_async.errors import QueueFull as QueueFull
    from kraken_async.errors import QueueTimeout as QueueTimeout
    from kraken_async.errors import RateLimitExceeded as RateLimitExceeded
    from kraken_async.errors import RequestTimeout as RequestTimeout
    from kraken_async.errors import ServiceUnavailable as ServiceUnavailable
    from kraken_async.errors import SessionClosed as SessionClosed
    from kraken_async.errors import TemporaryLockout as TemporaryLockout
    from kraken_async.errors import TradingHalted as TradingHalted
    from kraken_async.errors import TransportError as TransportError
    from kraken_async.errors import UnrecognisedError as UnrecognisedError
    from kraken_async.guards import Request as Request
    from kraken_async.limits.budget import Budget as Budget
    from kraken_async.limits.governor import BurstGovernor as BurstGovernor
    from kraken_async.monitoring.metrics import CallRecord as CallRecord
    from kraken_async.monitoring.metrics import Observer as Observer
    from kraken_async.monitoring.metrics import Statistics as Statistics
    from kraken_async.nonce_source import NonceSource as NonceSource
    from kraken_async.orders.intent import Intent as Intent
    from kraken_async.orders.tracker import OrderPolicy as OrderPolicy
    from kraken_async.orders.tracker import new_cl_ord_id as new_cl_ord_id
    from kraken_async.problems import ProblemChange as ProblemChange
    from kraken_async.session import KrakenSession as KrakenSession
    from kraken_async.stores.file import FileStore as FileStore
    from kraken_async.stores.memory import MemoryStore as MemoryStore
    from kraken_async.stores.redis import RedisStore as RedisStore
    from kraken_async.trading.candles import Candle as Candle
    from kraken_async.trading.export import ExportProgress as ExportProgress
    from kraken_async.trading.export import read_export as read_export
    from kraken_async.trading.markets import Markets as Markets
    from kraken_async.trading.paginate import Paginator as Paginator
    from kraken_async.trading.pair import Asset as Asset
    from kraken_async.trading.pair import Pair as Pair
    from kraken_async.wire.messages import Response as Response
    from kraken_async.wire.messages import SignedRequest as SignedRequest

__version__ = "0.2.0"

_HOME = {
    "kraken_async.limits.budget": ("Budget",),
    "kraken_async.call": ("Orphan",),
    "kraken_async.api.endpoints": (
        "Priority",
        "Tier",
    ),
    "kraken_async.errors": (
        "AuthenticationError",
        "GuardRefused",
        "InsufficientFunds",
        "InvalidArguments",
        "InvalidNonce",
        "KrakenAPIError",
        "KrakenError",
        "NonceStoreError",
        "OrderError",
        "OrderWithdrawn",
        "Outcome",
        "OutcomeUnknown",
        "PermissionDenied",
        "QueueFull",
        "QueueTimeout",
        "RateLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SessionClosed",
        "TemporaryLockout",
        "TradingHalted",
        "TransportError",
        "UnrecognisedError",
    ),
    "kraken_async.limits.governor": ("BurstGovernor",),
    "kraken_async.orders.intent": ("Intent",),
    "kraken_async.guards": ("Request",),
    "kraken_async.monitoring.metrics": (
        "CallRecord",
        "Observer",
        "Statistics",
    ),
    "kraken_async.nonce_source": ("NonceSource",),
    "kraken_async.problems": ("ProblemChange",),
    "kraken_async.orders.tracker": (
        "OrderPolicy",
        "new_cl_ord_id",
    ),
    "kraken_async.calls.retry": ("RetryPolicy",),
    "kraken_async.session": ("KrakenSession",),
    "kraken_async.stores.file": ("FileStore",),
    "kraken_async.stores.memory": ("MemoryStore",),
    "kraken_async.stores.redis": ("RedisStore",),
    "kraken_async.trading.candles": ("Candle",),
    "kraken_async.trading.export": (
        "ExportProgress",
        "read_export",
    ),
    "kraken_async.trading.markets": ("Markets",),
    "kraken_async.trading.pair": (
        "Asset",
        "Pair",
    ),
    "kraken_async.trading.paginate": ("Paginator",),
    "kraken_async.wire.messages": ("Response", "SignedRequest"),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Asset",
    "AuthenticationError",
    "Budget",
    "BurstGovernor",
    "CallRecord",
    "Candle",
    "ExportProgress",
    "FileStore",
    "GuardRefused",
    "InsufficientFunds",
    "Intent",
    "InvalidArguments",
    "InvalidNonce",
    "KrakenAPIError",
    "KrakenError",
    "KrakenSession",
    "Markets",
    "MemoryStore",
    "NonceSource",
    "NonceStoreError",
    "Observer",
    "OrderError",
    "OrderPolicy",
    "OrderWithdrawn",
    "Orphan",
    "Outcome",
    "OutcomeUnknown",
    "Paginator",
    "Pair",
    "PermissionDenied",
    "Priority",
    "ProblemChange",
    "QueueFull",
    "QueueTimeout",
    "RateLimitExceeded",
    "RedisStore",
    "Request",
    "RequestTimeout",
    "Response",
    "RetryPolicy",
    "ServiceUnavailable",
    "SessionClosed",
    "SignedRequest",
    "Statistics",
    "TemporaryLockout",
    "Tier",
    "TradingHalted",
    "TransportError",
    "UnrecognisedError",
    "__version__",
    "guards",
    "new_cl_ord_id",
    "read_export",
]


def __getattr__(name: str) -> Any:
    if name == "guards":
        value: Any = import_module("kraken_async.guards")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
