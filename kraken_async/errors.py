"""Every failure, as one tree:

    KrakenError
    ├── KrakenAPIError             Kraken answered with an error: refused, unless `outcome` says otherwise
    │   ├── InvalidNonce
    │   ├── RateLimitExceeded      .retry_after (seconds), .until (unix seconds)
    │   ├── TemporaryLockout       .until (unix seconds)
    │   ├── AuthenticationError
    │   ├── PermissionDenied
    │   ├── InvalidArguments
    │   ├── OrderError
    │   │   └── InsufficientFunds
    │   ├── ServiceUnavailable     .until (unix seconds)
    │   └── UnrecognisedError      a string that is not in Kraken's catalogue
    ├── TransportError             no usable answer; .status, .retry_after
    │   └── RequestTimeout
    ├── OutcomeUnknown             it may have been done, and could not be settled; .finding, resolve()
    ├── OrderWithdrawn             not sent: taken back while it waited
    │   └── TradingHalted          (also a GuardRefused)
    ├── QueueTimeout               not sent: waited too long
    ├── QueueFull                  not sent
    ├── GuardRefused               not sent
    ├── NonceStoreError            not sent: the state of the key cannot be read or kept
    └── SessionClosed              not sent

What a caller needs first is in `outcome`, whatever the class: "refused" and "not sent" had no effect,
"unknown" may have had one. Kraken's strings are verbatim in `errors`; nobody has to parse a message.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Unpack


class Outcome(enum.StrEnum):
    """What a failed call did: nothing (refused, or never sent), or nobody knows."""

    REFUSED = "refused"
    NOT_SENT = "not sent"
    UNKNOWN = "unknown"


class _Common(TypedDict, total=False):
    endpoint: str | None
    outcome: Outcome | None
    retryable: bool | None
    errors: Sequence[str]


class KrakenError(Exception):
    """The base of every failure.

    `endpoint`: Kraken's name of the call, if it was about one. `outcome`: whether it may have had an effect.
    `retryable`: the same call may be sent again later, unchanged and without risk. `errors`: Kraken's own
    strings, verbatim.
    """

    outcome: Outcome = Outcome.UNKNOWN
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        endpoint: str | None = None,
        outcome: Outcome | None = None,
        retryable: bool | None = None,
        errors: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.errors = tuple(errors)
        if outcome is not None:
            self.outcome = outcome
        if retryable is not None:
            self.retryable = retryable

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from what it holds, so that every subclass crosses processes whatever its constructor asks for.
        return _rebuild, (type(self), self.args, self._state())

    def _state(self) -> dict[str, Any]:
        return dict(self.__dict__)


def _rebuild(cls: type[KrakenError], args: tuple[Any, ...], state: dict[str, Any]) -> KrakenError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class KrakenAPIError(KrakenError):
    """Kraken answered with an error. Refused, but for those that leave it open whether a write was done.

    `effect`: "none", "possible", or "earlier" (an earlier sending of the same call took effect).
    """

    outcome = Outcome.REFUSED
    effect: Effect = "none"


class InvalidNonce(KrakenAPIError):
    """The nonce was not above the highest one seen for this key. No effect."""


class RateLimitExceeded(KrakenAPIError):
    """One of Kraken's limits. No effect. `retry_after`: seconds to wait, `until`: unix seconds, if told."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        until: float | None = None,
        **common: Unpack[_Common],
    ) -> None:
        super().__init__(message, **common)
        self.retry_after = retry_after
        self.until = until


class TemporaryLockout(KrakenAPIError):
    """Kraken locked the key out; each further attempt prolongs it. `until`: unix seconds, if known."""

    def __init__(self, message: str, *, until: float | None = None, **common: Unpack[_Common]) -> None:
        super().__init__(message, **common)
        self.until = until


class AuthenticationError(KrakenAPIError):
    """Key, signature, token or account refused."""


class PermissionDenied(KrakenAPIError):
    """The key, or the account, may not do this."""


class InvalidArguments(KrakenAPIError):
    """A missing or wrong field, an unknown pair, asset or method."""


class OrderError(KrakenAPIError):
    """The order, or the change to one, was not accepted."""


class InsufficientFunds(OrderError):
    """The balance does not cover it."""


class ServiceUnavailable(KrakenAPIError):
    """Kraken, or the market, cannot serve now. On a write the outcome is "unknown" unless it is a market mode."""

    def __init__(self, message: str, *, until: float | None = None, **common: Unpack[_Common]) -> None:
        super().__init__(message, **common)
        self.until = until


class UnrecognisedError(KrakenAPIError):
    """A string that is not in Kraken's catalogue; see `errors`."""


class TransportError(KrakenError):
    """No usable answer. "not sent" if no byte can have left, else "unknown" (for a read that is harmless).

    `status`: the HTTP status, if one came. `retry_after`: seconds, if the answer named them.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        **common: Unpack[_Common],
    ) -> None:
        super().__init__(message, **common)
        self.status = status
        self.retry_after = retry_after
        if common.get("retryable") is None:
            self.retryable = self.outcome is Outcome.NOT_SENT


class RequestTimeout(TransportError):
    """No answer in time."""


class NotSent(KrakenError):
    """The call did not leave: no effect."""

    outcome = Outcome.NOT_SENT


class OrderWithdrawn(NotSent):
    """Taken back while it waited in the queue: a cancel named it, or trading was halted."""


class QueueTimeout(NotSent):
    """Waited longer than its `queue_timeout`."""

    retryable = True


class QueueFull(NotSent):
    """As many calls wait as may."""

    retryable = True


class GuardRefused(NotSent):
    """The session's guard refused the call."""


class NonceStoreError(NotSent):
    """The state of the key cannot be read or kept; the message names the file and the cure."""


class SessionClosed(NotSent):
    """The session was closed before the call was sent."""


class TradingHalted(OrderWithdrawn, GuardRefused):
    """Trading is halted on this key until `resume()`."""


_SECRET: Final = frozenset({"otp", "token", "nonce", "api_key", "api_secret", "password"})


class OutcomeUnknown(KrakenError):
    """The call may have been done, and it could not be settled in time. Do not repeat it: `await resolve()`.

    `nonce`, `cl_ord_id`, `userref`, `txid`: what it can be found by. `sent`: its fields, secrets left out;
    `sent_at`: unix seconds. `finding`: "absent" (looked for past its deadline, and not there), "not seen"
    (not found, but it may yet appear), "unreachable" (could not look), or None (nothing to look for).
    """

    outcome = Outcome.UNKNOWN

    def __init__(
        self,
        message: str = "",
        *,
        nonce: int | None = None,
        cl_ord_id: str | None = None,
        userref: int | str | None = None,
        txid: str | None = None,
        sent: Mapping[str, Any] | None = None,
        sent_at: float | None = None,
        finding: Literal["absent", "not seen", "unreachable"] | None = None,
        **common: Unpack[_Common],
    ) -> None:
        ids = {"txid": txid, "cl_ord_id": cl_ord_id, "userref": userref, "nonce": nonce}
        headline = _headline(common.get("endpoint"), {k: v for k, v in ids.items() if v is not None}, finding)
        super().__init__(f"{headline}. {message}" if message else headline, **common)
        self.nonce = nonce
        self.cl_ord_id = cl_ord_id
        self.userref = userref
        self.txid = txid
        self.sent: dict[str, Any] = {k: "***" if k in _SECRET else v for k, v in (sent or {}).items()}
        self.sent_at = sent_at
        self.finding = finding
        self._resolver: Callable[[], Awaitable[Any]] | None = None

    @classmethod
    def of(
        cls,
        call: Any,
        error: KrakenError,
        *,
        finding: Literal["absent", "not seen", "unreachable"] | None = None,
    ) -> OutcomeUnknown:
        """The error for a call (`.endpoint`, `.params`, `.nonce`, `.sent_unix`) whose answer `error` leaves open."""
        params = call.params
        txid = params.get("txid")
        return cls(
            str(error),
            endpoint=call.endpoint.name,
            nonce=call.nonce,
            cl_ord_id=params.get("cl_ord_id"),
            userref=params.get("userref"),
            txid=None if txid is None else str(txid),
            sent=params,
            sent_at=call.sent_unix or None,
            finding=finding,
            errors=error.errors,
        )

    async def resolve(self) -> Any:
        """Look again, and return the call's result as if nothing had happened.

        Raises what Kraken refused it with, or OutcomeUnknown again while it cannot be told. Asks Kraken anew on
        each await; cancelling it leaves nothing behind. Raises KrakenError if this error belongs to no open
        session (it came from another process, or nothing can be looked up).
        """
        if self._resolver is None:
            msg = (
                "nothing here can look it up: use client.unresolved() and client.resolve(intent) of an open "
                "session, or compare OpenOrders, ClosedOrders and Ledgers by hand"
            )
            raise KrakenError(msg, endpoint=self.endpoint, outcome=Outcome.NOT_SENT)
        return await self._resolver()

    def _state(self) -> dict[str, Any]:
        return {**self.__dict__, "_resolver": None}  # bound to a session, which does not travel


def _headline(endpoint: str | None, ids: dict[str, Any], finding: str | None) -> str:
    """What matters, first."""
    what = ", ".join(f"{name}={value}" for name, value in ids.items() if name != "nonce")
    what = what or ", ".join(f"{name}={value}" for name, value in ids.items()) or "no id"
    if endpoint in (None, "AddOrder"):
        claim = "Order may be live"
    elif endpoint == "AddOrderBatch":
        claim = "Orders may be live"
    elif endpoint.startswith("Cancel"):
        claim = f"Order may still be live, {endpoint} may or may not have been done"
    else:
        claim = f"{endpoint} may have been done"
    return f"{claim}: {what}" + (f" ({finding})" if finding else "")


# ---------------------------------------------------------------------------------------------------------------
# Kraken's catalogue

Retry = Literal["no", "nonce", "backoff", "reads", "until"]
Effect = Literal["none", "possible", "earlier"]


@dataclass(frozen=True, slots=True)
class Row:
    """What one of Kraken's strings means.

    `retry`: "no" (something must change first), "nonce" (at once, with a fresh nonce), "backoff" (any call, after
    a pause), "reads" (as "backoff", but not what has an effect), "until" (after the time that it names).
    `effect`: whether a write so answered was done: "none", "possible", or "earlier" (an earlier sending of it was).
    `wait`: seconds to wait at least before a repeat.
    """

    cls: type[KrakenAPIError]
    retry: Retry = "no"
    effect: Effect = "none"
    wait: float = 0.0


_AUTH = Row(AuthenticationError)
_DENIED = Row(PermissionDenied)
_ARGS = Row(InvalidArguments)
_ORDER = Row(OrderError)
_LIMIT = Row(RateLimitExceeded, "backoff")
_FAULT = Row(ServiceUnavailable, "reads", "possible")
_MODE = Row(ServiceUnavailable)
_OTHER = Row(KrakenAPIError)

# Source: docs.kraken.com/exchange/guides/general/errors; what comes from the field or from Kraken's SDK is the same
# to us. Compared by prefix, the longest first, since Kraken appends details.
ERROR_TABLE: Final[dict[str, Row]] = {
    "EAPI:Invalid key": _AUTH,
    "EAPI:Invalid signature": _AUTH,
    "EAPI:Invalid nonce": Row(InvalidNonce, "nonce"),
    "EAPI:Rate limit exceeded": _LIMIT,
    "EAPI:Bad request": _ARGS,
    "EAPI:Feature disabled": _MODE,
    "EAPI:Invalid token": _AUTH,
    "ESession:Invalid session": _AUTH,
    "EAPI:Invalid arguments": _ARGS,
    "EAPI:Permission denied": _DENIED,
    "EAuth:Account temporary disabled": _AUTH,
    "EAuth:Account unconfirmed": _AUTH,
    "EAuth:Failed": _AUTH,
    "EAuth:Rate limit exceeded": Row(RateLimitExceeded, "backoff", wait=60.0),
    "EAuth:Too many requests": Row(RateLimitExceeded, "backoff", wait=60.0),
    "EGeneral:Temporary lockout": Row(TemporaryLockout),
    "EGeneral:Permission denied": _DENIED,
    "EGeneral:Invalid arguments": _ARGS,
    "EGeneral:Invalid arguments:Index unavailable": _ARGS,
    "EGeneral:Invalid arguments:cl_ord_id": _ARGS,
    # An open order carries this id already: after a lost answer it proves that the first one lives.
    "EGeneral:Invalid arguments:cl_ord_id not unique": Row(InvalidArguments, "no", "earlier"),
    "EGeneral:Invalid arguments:Invalid strategy ID": _ARGS,
    "EGeneral:Unknown method": _ARGS,
    "EGeneral:Too many requests": _LIMIT,
    "EGeneral:Internal error": _FAULT,
    "EDatabase:Internal error": _FAULT,
    "EService:Unavailable": Row(ServiceUnavailable, "reads", "possible", wait=1.0),
    "EService:Busy": _FAULT,
    "EService:Timeout": _FAULT,
    "EService:Throttled": Row(RateLimitExceeded, "until"),
    "EService:Market in cancel_only mode": _MODE,
    "EService:Market in post_only mode": _MODE,
    "EService:Market in limit_only mode": _MODE,
    "EService:Market in reduce_only mode": _MODE,
    "EService:Deadline elapsed": Row(ServiceUnavailable, "no", "possible"),
    "EQuery:Unknown asset pair": _ARGS,
    "EQuery:Invalid asset pair": _ARGS,
    "EQuery:Unknown asset": _ARGS,
    "EOrder:Insufficient funds": Row(InsufficientFunds),
    "EOrder:Insufficient margin": _ORDER,
    "EOrder:Margin allowance exceeded": _ORDER,
    "EOrder:Margin level too low": _ORDER,
    "EOrder:Margin position size exceeded": _ORDER,
    "EOrder:Cannot open position": _ORDER,
    "EOrder:Cannot open opposing position": _ORDER,
    "EOrder:Order minimum not met": _ORDER,
    "EOrder:Cost minimum not met": _ORDER,
    "EOrder:Tick size check failed": _ORDER,
    "EOrder:Invalid price": _ORDER,
    "EOrder:Invalid order": _ORDER,
    "EOrder:Unknown order": _ORDER,
    "EOrder:Unknown position": _ORDER,
    "EOrder:No amendable parameters": _ORDER,
    "EOrder:Post only order": _ORDER,
    "EOrder:Rate limit exceeded": Row(RateLimitExceeded, "reads"),  # after a pause too, but never by itself
    "EOrder:Domain rate limit exceeded": Row(RateLimitExceeded, "reads"),
    "EOrder:Orders limit exceeded": _ORDER,
    "EOrder:Scheduled orders limit exceeded": _ORDER,
    "EOrder:Positions limit exceeded": _ORDER,
    "EOrder:Reduce only:Non-PC": _ORDER,
    "EOrder:Reduce only:No position exists": _ORDER,
    "EOrder:Reduce only:Position is closed": Row(
        OrderError, "no", "possible"
    ),  # filled in part, the rest cancelled
    "EOrder:Trading agreement required": _ORDER,
    "EOrder:Limit": _ORDER,
    "EOrder:Order type not supported": _ORDER,
    "EOrder:Unknown order action": _ORDER,
    "ETrade:Invalid request": _ORDER,
    "ETrade:Locked": _DENIED,
    "EAccount:Invalid permissions": _DENIED,
    "EFunding:Max fee exceeded": _ARGS,
    "EFunding:No funding method": _ARGS,
    "EFunding:Unknown asset": _ARGS,
    "EFunding:Invalid amount": _ARGS,
    "EFunding:Unknown withdraw key": _ARGS,
    "EFunding:Invalid reference id": _ARGS,
    "EFunding:Unknown reference id": _ARGS,
    "EFunding:Too many addresses": _ARGS,
    "EFunding:Invalid staking method": _ARGS,
    "Invalid withdrawal address": _ARGS,
    "TooManyDepositAddresses": _ARGS,
    "EEarnings:Below min": _ARGS,
    "EEarnings:Busy:Another": Row(ServiceUnavailable, "no", "earlier"),
    "EEarnings:Busy": Row(ServiceUnavailable, "reads", "possible", wait=60.0),
    "EEarnings:Permission denied": _DENIED,
    "EEarnings:Insufficient funds": Row(InsufficientFunds),
    "EEarnings:Above max": _ARGS,
    "EExport:Internal error": _OTHER,
    "EExport:Unexpected error": _OTHER,
    "EExport:Canceled": _OTHER,
    "EExport:Deleted": _OTHER,
    "EExport:Exported size too big": _OTHER,
    "EBM:limit exceeded:CAL": _DENIED,
    "Invalid timeout argument": _ARGS,
}

# A string we do not know: from a part of Kraken that only ever refuses it had no effect, from any other it may have.
_REFUSES: Final = (
    "eapi:",
    "eauth:",
    "esession:",
    "equery:",
    "eorder:",
    "etrade:",
    "eaccount:",
    "efunding:",
    "ebm:",
)
_UNKNOWN: Final = Row(UnrecognisedError)
_UNKNOWN_POSSIBLE: Final = Row(UnrecognisedError, "no", "possible")
# Said in the middle of a longer text.
_FRAGMENTS: Final = {"no amendable parameters": _ORDER}

# With several entries the most serious one decides the class; of equals, the first.
_SERIOUS: Final[tuple[type[KrakenAPIError], ...]] = (
    TemporaryLockout,
    InvalidNonce,
    AuthenticationError,
    PermissionDenied,
    RateLimitExceeded,
    ServiceUnavailable,
    UnrecognisedError,
    InsufficientFunds,
    OrderError,
    InvalidArguments,
    KrakenAPIError,
)

_CURES: Final[dict[type[KrakenAPIError], str]] = {
    AuthenticationError: "check the API key, its secret, its allowed addresses and its one-time password",
    PermissionDenied: "check what the API key and the account may do, in Kraken's settings",
    TemporaryLockout: "wait 15 minutes: every further attempt prolongs it",
}

_WARNING: Final = re.compile(r"W[A-Z][A-Za-z]*:")
_COLON: Final = re.compile(r"\s*:\s*")
_THROTTLED: Final = re.compile(r"throttled:(\d+(?:\.\d+)?)")


def _plain(text: str) -> str:
    return _COLON.sub(":", text.strip()).rstrip(".").casefold()


_PREFIXES: Final = sorted(
    ((_plain(key), row) for key, row in ERROR_TABLE.items()), key=lambda it: -len(it[0])
)


def is_warning(entry: str) -> bool:
    """Whether an entry of Kraken's `error` list is a warning, which may accompany a result."""
    return _WARNING.match(entry) is not None


def look_up(entry: str) -> Row:
    """The row of the catalogue for one of Kraken's strings; never fails."""
    plain = _plain(entry)
    for prefix, row in _PREFIXES:
        # A prefix ends where a word does: "EQuery:Unknown assets" is not "EQuery:Unknown asset".
        if plain.startswith(prefix) and not plain[len(prefix) : len(prefix) + 1].isalnum():
            return row
    for fragment, row in _FRAGMENTS.items():
        if fragment in plain:
            return row
    return _UNKNOWN if plain.startswith(_REFUSES) else _UNKNOWN_POSSIBLE


def api_error(entries: Sequence[str], endpoint: str | None, *, changes: bool) -> KrakenAPIError:
    """The error for Kraken's `error` list, to be raised.

    `changes`: the call was a write, so that an answer such as `EService:Busy` leaves its outcome unknown.
    Warnings beside an error are kept in `.errors` but decide nothing.
    """
    rows = [(look_up(entry), entry) for entry in entries if not is_warning(entry)]
    if not rows:
        rows = [(_UNKNOWN_POSSIBLE, "")]
    row, entry = min(rows, key=lambda it: _SERIOUS.index(it[0].cls))
    effects = {each.effect for each, _ in rows}
    open_ended = changes and "possible" in effects
    text = ", ".join(each[:200] for each in entries) or "an error without text"
    cure = _CURES.get(row.cls)
    error = row.cls(
        (f"{endpoint}: {text}" if endpoint else text) + (f" ({cure})" if cure else ""),
        endpoint=endpoint,
        outcome=Outcome.UNKNOWN if open_ended else Outcome.REFUSED,
        retryable=row.retry != "no" and not (changes and (open_ended or row.retry == "reads")),
        errors=entries,
    )
    error.effect = "possible" if "possible" in effects else "earlier" if "earlier" in effects else "none"
    if isinstance(error, RateLimitExceeded):
        error.until = _until(entry)
        error.retry_after = row.wait or None
    return error


def _until(entry: str) -> float | None:
    match = _THROTTLED.search(_plain(entry))
    return float(match[1]) if match else None
