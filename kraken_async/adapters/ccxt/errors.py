"""Kraken's refusals, and what a session raises, as ccxt's exceptions.

Bots decide by ccxt's split: what is below OperationFailed (NetworkError, RequestTimeout, ...) they repeat, what is
below ExchangeError they do not. So here:

1. A refusal becomes what ccxt itself makes of Kraken's strings.
2. A call that was not sent, or a read without an answer, may be repeated: NetworkError.
3. A write that may have been done must not be repeated: KrakenOutcomeUnknown, an ExchangeError.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import ccxt

from kraken_async import (
    GuardRefused,
    InvalidNonce,
    KrakenAPIError,
    KrakenError,
    NonceStoreError,
    OrderWithdrawn,
    Outcome,
    OutcomeUnknown,
    QueueFull,
    QueueTimeout,
    RequestTimeout,
    SessionClosed,
    TemporaryLockout,
    TradingHalted,
)
from kraken_async.api.endpoints import find

if TYPE_CHECKING:
    _ExchangeError = Exception  # which it is a kind of; ccxt has no types
else:
    _ExchangeError = ccxt.ExchangeError


class KrakenOutcomeUnknown(_ExchangeError):
    """The call may have been done: look it up, do not repeat it.

    ``error`` is the session's own: its ``cl_ord_id``, ``finding`` and ``resolve()`` say more.
    """

    def __init__(self, message: str, error: KrakenError | None = None) -> None:
        super().__init__(message)
        self.error = error


#: Of ccxt 4.5.60 and later.
ExchangeClosedByUser: Final[type[Exception]] = getattr(ccxt, "ExchangeClosedByUser", ccxt.ExchangeError)

#: Of ccxt 4.3 and later.
InvalidProxySettings: Final[type[Exception]] = getattr(ccxt, "InvalidProxySettings", ccxt.ExchangeError)

# The first that fits; all of these were not sent.
_NOT_SENT: Final[tuple[tuple[type[KrakenError], type[Exception]], ...]] = (
    (TemporaryLockout, ccxt.DDoSProtection),
    (InvalidNonce, ccxt.InvalidNonce),
    (QueueTimeout, ccxt.RequestTimeout),
    (QueueFull, ccxt.RateLimitExceeded),
    (TradingHalted, ccxt.OperationRejected),
    (OrderWithdrawn, ccxt.InvalidOrder),
    (GuardRefused, ccxt.PermissionDenied),
    (SessionClosed, ExchangeClosedByUser),
    (NonceStoreError, ccxt.ExchangeError),
    (KrakenAPIError, ccxt.AuthenticationError),  # no key given
)


def answered(exchange: Any, path: str, envelope: dict[str, Any]) -> Any:
    """Return an envelope as ccxt would have read it from the wire; raise what ccxt makes of its errors."""
    if isinstance(envelope.get("result"), bytes):  # an export: ccxt has no reader for it
        return envelope
    text = json.dumps(envelope, separators=(",", ":"))  # as it came over the wire
    response = exchange.parse_json(text)
    # ccxt's own code looks at these right after a call.
    if getattr(exchange, "enableLastHttpResponse", True):
        exchange.last_http_response = text
    if getattr(exchange, "enableLastJsonResponse", False):
        exchange.last_json_response = response
    exchange.handle_errors(200, "OK", path, "POST", {}, text, response, {}, None)
    return response


def refused(exchange: Any, path: str, error: Exception, *, private: bool) -> Any:
    """Raise ccxt's exception for one that a session raised."""
    if isinstance(error, KrakenAPIError) and error.outcome is Outcome.REFUSED and error.errors:
        return answered(exchange, path, {"error": list(error.errors)})  # ccxt reads Kraken's strings itself
    exchange.last_http_response = ""  # what an earlier call left there is not this one's answer
    raise _translated(error, f"{exchange.id} {path} {error}", path, private=private) from error


def _translated(error: Exception, message: str, path: str, *, private: bool) -> Exception:
    if not isinstance(error, KrakenError):  # ValueError: a field that cannot be sent
        return ccxt.BadRequest(message) if isinstance(error, ValueError) else error
    if error.outcome is Outcome.NOT_SENT:
        kinds = (ours for theirs, ours in _NOT_SENT if isinstance(error, theirs))
        return next(kinds, ccxt.ExchangeNotAvailable)(message)
    if isinstance(error, OutcomeUnknown) or find(path, private=private).changes:
        return KrakenOutcomeUnknown(message, error)
    kind = ccxt.RequestTimeout if isinstance(error, RequestTimeout) else ccxt.ExchangeNotAvailable
    return kind(message)  # type: ignore[no-any-return]  # untyped where it comes from
