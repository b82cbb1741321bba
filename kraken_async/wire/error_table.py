"""Kraken's error strings as data: what class each becomes, and whether the call acted or may be repeated.

Grammar: `<E|W><Category>:<text>[:<detail>]`, with or without a space after a colon, perhaps with a full stop.
Several entries may come at once; W entries are warnings and may accompany a result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kraken_async.errors import (
    AuthenticationError,
    InsufficientFunds,
    InvalidArguments,
    InvalidNonce,
    KrakenAPIError,
    OrderError,
    Outcome,
    PermissionDenied,
    RateLimitExceeded,
    ServiceUnavailable,
    TemporaryLockout,
    UnrecognisedError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kraken_async.errors import Effect

Retry = Literal["no", "nonce", "backoff", "reads", "until"]


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """The meaning of one of Kraken's strings.

    `retry`: "no" (something must change first), "nonce" (at once, with a fresh nonce), "backoff" (after a
    pause), "reads" (as "backoff", but never a write by itself), "until" (after the time that it names).
    `effect`: whether a write so answered was done: "none", "possible", or "earlier" (an earlier one was).
    `wait`: seconds to wait at least before a repeat.
    """

    cls: type[KrakenAPIError]
    retry: Retry = "no"
    effect: Effect = "none"
    wait: float = 0.0


_AUTH = ErrorRule(AuthenticationError)
_DENIED = ErrorRule(PermissionDenied)
_ARGS = ErrorRule(InvalidArguments)
_ORDER = ErrorRule(OrderError)
_LIMIT = ErrorRule(RateLimitExceeded, "backoff")
_FAULT = ErrorRule(ServiceUnavailable, "reads", "possible")
_MODE = ErrorRule(ServiceUnavailable)
_OTHER = ErrorRule(KrakenAPIError)

# Source: docs.kraken.com/exchange/guides/general/errors, with what was seen in the field and in Kraken's SDK.
# Compared by prefix, the longest first, since Kraken appends details.
ERROR_TABLE: Final[dict[str, ErrorRule]] = {
    "EAPI:Invalid key": _AUTH,
    "EAPI:Invalid signature": _AUTH,
    "EAPI:Invalid nonce": ErrorRule(InvalidNonce, "nonce"),
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
    "EAuth:Rate limit exceeded": ErrorRule(RateLimitExceeded, "backoff", wait=60.0),
    "EAuth:Too many requests": ErrorRule(RateLimitExceeded, "backoff", wait=60.0),
    "EGeneral:Temporary lockout": ErrorRule(TemporaryLockout),
    "EGeneral:Permission denied": _DENIED,
    "EGeneral:Invalid arguments": _ARGS,
    "EGeneral:Invalid arguments:Index unavailable": _ARGS,
    "EGeneral:Invalid arguments:cl_ord_id": _ARGS,
    # An open order carries this id already: after a lost answer it proves that the first one lives.
    "EGeneral:Invalid arguments:cl_ord_id not unique": ErrorRule(InvalidArguments, "no", "earlier"),
    "EGeneral:Invalid arguments:Invalid strategy ID": _ARGS,
    "EGeneral:Unknown method": _ARGS,
    "EGeneral:Too many requests": _LIMIT,
    "EGeneral:Internal error": _FAULT,
    "EDatabase:Internal error": _FAULT,
    "EService:Unavailable": ErrorRule(ServiceUnavailable, "reads", "possible", wait=1.0),
    "EService:Busy": _FAULT,
    "EService:Timeout": _FAULT,
    "EService:Throttled": ErrorRule(RateLimitExceeded, "until"),
    "EService:Market in cancel_only mode": _MODE,
    "EService:Market in post_only mode": _MODE,
    "EService:Market in limit_only mode": _MODE,
    "EService:Market in reduce_only mode": _MODE,
    "EService:Deadline elapsed": ErrorRule(ServiceUnavailable, "no", "possible"),
    "EQuery:Unknown asset pair": _ARGS,
    "EQuery:Invalid asset pair": _ARGS,
    "EQuery:Unknown asset": _ARGS,
    "EOrder:Insufficient funds": ErrorRule(InsufficientFunds),
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
    "EOrder:Rate limit exceeded": ErrorRule(RateLimitExceeded, "reads"),
    "EOrder:Domain rate limit exceeded": _LIMIT,
    "EOrder:Orders limit exceeded": _ORDER,
    "EOrder:Scheduled orders limit exceeded": _ORDER,
    "EOrder:Positions limit exceeded": _ORDER,
    "EOrder:Reduce only:Non-PC": _ORDER,
    "EOrder:Reduce only:No position exists": _ORDER,
    # Filled in part, the rest cancelled.
    "EOrder:Reduce only:Position is closed": ErrorRule(OrderError, "no", "possible"),
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
    "EEarnings:Busy:Another": ErrorRule(ServiceUnavailable, "no", "earlier"),
    "EEarnings:Busy": ErrorRule(ServiceUnavailable, "reads", "possible", wait=60.0),
    "EEarnings:Permission denied": _DENIED,
    "EEarnings:Insufficient funds": ErrorRule(InsufficientFunds),
    "EEarnings:Above max": _ARGS,
    "EExport:Internal error": _OTHER,
    "EExport:Unexpected error": _OTHER,
    "EExport:Canceled": _OTHER,
    "EExport:Deleted": _OTHER,
    "EExport:Exported size too big": _OTHER,
    "EBM:limit exceeded:CAL": _DENIED,
    "Invalid timeout argument": _ARGS,
}

# A string we do not know: from a part of Kraken that only ever refuses it had no effect, from any other it
# may have had one.
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
_UNKNOWN: Final = ErrorRule(UnrecognisedError)
_UNKNOWN_POSSIBLE: Final = ErrorRule(UnrecognisedError, "no", "possible")
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
#: Sharper than the cure of the class.
_CURES_OF_TEXTS: Final = {
    "eapi:invalid signature": "wrong secret for this key, or a one-time password that is wrong or missing",
}

_WARNING: Final = re.compile(r"W[A-Z][A-Za-z]*:")
_COLON: Final = re.compile(r"\s*:\s*")
_THROTTLED: Final = re.compile(r"throttled:(\d+(?:\.\d+)?)")


def _plain(text: str) -> str:
    return _COLON.sub(":", text.strip()).casefold()


_PREFIXES: Final = sorted(
    ((_plain(key), row) for key, row in ERROR_TABLE.items()), key=lambda it: -len(it[0])
)


def is_warning(entry: str) -> bool:
    """Whether an entry of Kraken's `error` list is a warning, which may accompany a result."""
    return _WARNING.match(entry) is not None


def look_up(entry: str) -> ErrorRule:
    """Return the row of the catalogue for one of Kraken's strings; never fails."""
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
    """Return the error for Kraken's `error` list, to be raised.

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
    cure = _CURES_OF_TEXTS.get(_plain(entry), _CURES.get(row.cls))
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
