"""An asyncio client for the Kraken exchange: private calls in order, within its limits, and no order placed twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken_async import guards
from kraken_async.calls import Orphan
from kraken_async.endpoints import Priority, Tier
from kraken_async.errors import (
    AuthenticationError,
    GuardRefused,
    InsufficientFunds,
    InvalidArguments,
    InvalidNonce,
    KrakenAPIError,
    KrakenError,
    NonceStoreError,
    OrderError,
    OrderWithdrawn,
    Outcome,
    OutcomeUnknown,
    PermissionDenied,
    QueueFull,
    QueueTimeout,
    RateLimitExceeded,
    RequestTimeout,
    ServiceUnavailable,
    SessionClosed,
    TemporaryLockout,
    TradingHalted,
    TransportError,
    UnrecognisedError,
)
from kraken_async.governor import BurstGovernor
from kraken_async.messages import Request
from kraken_async.metrics import CallRecord, Observer, Statistics
from kraken_async.nonce import NonceSource
from kraken_async.orders import OrderPolicy, new_cl_ord_id
from kraken_async.retry import RetryPolicy
from kraken_async.session import KrakenSession
from kraken_async.stores.file import FileStore
from kraken_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from kraken_async.stores.redis import RedisStore

__version__ = "0.1.0"

__all__ = [
    "AuthenticationError",
    "BurstGovernor",
    "CallRecord",
    "FileStore",
    "GuardRefused",
    "InsufficientFunds",
    "InvalidArguments",
    "InvalidNonce",
    "KrakenAPIError",
    "KrakenError",
    "KrakenSession",
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
    "PermissionDenied",
    "Priority",
    "QueueFull",
    "QueueTimeout",
    "RateLimitExceeded",
    "RedisStore",
    "Request",
    "RequestTimeout",
    "RetryPolicy",
    "ServiceUnavailable",
    "SessionClosed",
    "Statistics",
    "TemporaryLockout",
    "Tier",
    "TradingHalted",
    "TransportError",
    "UnrecognisedError",
    "__version__",
    "guards",
    "new_cl_ord_id",
]


def __getattr__(name: str) -> Any:
    if name == "RedisStore":  # redis is an extra, imported only when used
        from kraken_async.stores.redis import RedisStore

        return RedisStore
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
