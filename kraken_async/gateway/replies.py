"""Replies: Kraken's bytes as they came, or an envelope of the gateway that says what was done. Pure.

    refused     Kraken refused it, as was found out later; or the gateway did: no effect
    not-sent    it did not leave: no effect
    unknown     it may have been done

Kraken's own strings are used where clients know what to do on them: those that mean "later" for what had no effect,
and a string that no client repeats for what may have had one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import (
    AuthenticationError,
    GuardRefused,
    InvalidArguments,
    InvalidNonce,
    KrakenError,
    Outcome,
    OutcomeUnknown,
    PermissionDenied,
    QueueFull,
    RateLimitExceeded,
    TemporaryLockout,
    TradingHalted,
)
from kraken_async.gateway.words import plain
from kraken_async.problems import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.gateway.spool import Spool
    from kraken_async.gateway.upstream import Answer

OUTCOME: Final = "X-Kraken-Outcome"
REASON: Final = "X-Kraken-Gateway"
CLIENT_ID: Final = "X-Kraken-Cl-Ord-Id"

REFUSED: Final = "refused"
NOT_SENT: Final = "not-sent"
UNKNOWN: Final = "unknown"

JSON_TYPE: Final = "application/json; charset=utf-8"
_WORDS: Final = {Outcome.REFUSED: REFUSED, Outcome.NOT_SENT: NOT_SENT, Outcome.UNKNOWN: UNKNOWN}
_LONGEST: Final = 400  # characters of a reason: a header's line has its bounds

#: What a call that was not sent is answered, by its error: strings that Kraken has, and clients know.
_NOT_SENT: Final[tuple[tuple[type[KrakenError], str], ...]] = (
    (TradingHalted, "EService:Market in cancel_only mode"),
    (GuardRefused, "EGeneral:Permission denied"),
    (QueueFull, "EGeneral:Too many requests"),
    (TemporaryLockout, "EGeneral:Temporary lockout"),
    (InvalidNonce, "EAPI:Invalid nonce"),
    (RateLimitExceeded, "EAPI:Rate limit exceeded"),
    (AuthenticationError, "EAPI:Invalid key"),
    (PermissionDenied, "EGeneral:Permission denied"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: the body, and what is said beside it. ``error`` is for the audit log and the page.

    ``by_kraken``: Kraken refused it, not the gateway. ``spool``: the body, where it is a file; to be closed. ``call``,
    ``account``: the number of a write on record and whose it is, until its client has heard of it.
    """

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    outcome: str = "answered"
    error: str | None = None
    by_kraken: bool = False
    call: str | None = None
    account: str | None = None
    spool: Spool | None = None

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {self.outcome}, {counted(len(self.body), 'byte')}>"


def refusal(error: str, reason: str = "", *, outcome: str = REFUSED, client_id: str | None = None) -> Reply:
    """Return Kraken's envelope with an error of the gateway's."""
    headers = {OUTCOME: outcome}
    if reason:
        headers[REASON] = one_line(reason)
    if client_id:
        headers[CLIENT_ID] = one_line(client_id)
    return Reply(body=envelope([error]), headers=headers, outcome=outcome, error=error)


def result(value: Any) -> Reply:
    """Encode a result that did not come as the answer to its own call; a file stays its bytes."""
    if isinstance(value, bytes):
        return Reply(body=value, content_type="application/zip")
    return Reply(body=json.dumps({"error": [], "result": value}, default=str, separators=(",", ":")).encode())


def of_answer(answer: Answer) -> Reply:
    """Return the bytes that Kraken sent, or its result where it did not come as the answer to its own call."""
    if answer.body is None:
        return result(answer.result)
    if answer.error is not None:
        return Reply(body=answer.body, outcome=REFUSED, error=answer.error.errors[0], by_kraken=True)
    if isinstance(answer.result, bytes):
        return Reply(body=answer.body, content_type="application/zip")
    return Reply(body=answer.body)


def of_error(error: KrakenError, *, changes: bool) -> Reply:
    """Return the envelope for a call that failed without an answer of Kraken's that could be passed on."""
    if isinstance(error, OutcomeUnknown) or (error.outcome is Outcome.UNKNOWN and changes):
        client_id = getattr(error, "cl_ord_id", None)
        said = f"EGeneral:Outcome unknown:{one_line(plain(str(error)))}"
        return refusal(
            said, "do not repeat it: see /api/orders/unresolved", outcome=UNKNOWN, client_id=client_id
        )
    outcome = _WORDS[error.outcome]
    if error.errors:
        reply = refusal(error.errors[0], str(error), outcome=outcome)
        return Reply(
            body=envelope(list(error.errors)),
            headers=reply.headers,
            outcome=outcome,
            error=reply.error,
            by_kraken=outcome == REFUSED,
        )
    if isinstance(error, InvalidArguments):
        return refusal(f"EGeneral:Invalid arguments:{one_line(plain(str(error)))}", outcome=outcome)
    # Read or not sent: it may be asked for again, and this is what clients do that on.
    said = next((said for kind, said in _NOT_SENT if isinstance(error, kind)), "EService:Unavailable")
    return refusal(said, plain(str(error)), outcome=outcome)


def faulty(fault: Exception, *, sent: bool) -> Reply:
    """Return what is answered when the gateway itself failed over a write."""
    if not sent:
        return refusal("EGeneral:Internal error", type(fault).__name__, outcome=NOT_SENT)
    said = "EGeneral:Outcome unknown:the gateway failed while it was in flight"
    return refusal(said, type(fault).__name__, outcome=UNKNOWN)


def duplicate(of: str, client_id: str | None) -> Reply:
    """Return the refusal of an order equal to one in doubt; ``of`` says which."""
    cure = "look it up, or give a cl_ord_id of its own to place another; see /api/orders/unresolved"
    return refusal(one_line(f"EGeneral:Duplicate of an order in doubt:{of}"), cure, client_id=client_id)


def invalid(reason: str) -> Reply:
    """Return the envelope for fields that cannot be sent."""
    return refusal(f"EGeneral:Invalid arguments:{one_line(reason)}")


def envelope(errors: list[str]) -> bytes:
    """Return Kraken's envelope with these errors."""
    return json.dumps({"error": errors}, separators=(",", ":")).encode()


def one_line(text: str) -> str:
    """Return text that fits a header and a log line: printable ASCII, and not too long."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in " ".join(text.split()))
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 3] + "..."
