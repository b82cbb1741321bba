"""Every failure, as one tree.

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
"unknown" may have had one. Kraken's strings are verbatim in `errors`; no one has to parse a message.

More than 300 lines: the classes are one tree, and each is read beside what it is not.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from kraken_async.order_fields import number, redacted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Unpack


Effect = Literal["none", "possible", "earlier"]
Finding = Literal["absent", "not seen", "unreachable"]


class Outcome(enum.StrEnum):
    """The effect of a failed call: none (refused, or never sent), or unknown."""

    REFUSED = "refused"
    NOT_SENT = "not sent"
    UNKNOWN = "unknown"


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters: they are escaped, and forge no line of a log."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else char.encode("unicode_escape").decode() for char in text])


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
        super().__init__(one_line(message))  # it may hold what a server sent, and ends in logs
        self.endpoint = endpoint
        self.errors: tuple[str, ...] = tuple(errors)
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
    """Kraken cannot serve now; on a write the outcome may be "unknown". Or the market's mode forbids it."""

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
            self.retryable: bool = self.outcome is Outcome.NOT_SENT


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


class Looked(NamedTuple):
    """One look-up that was made: when (unix seconds, Kraken's time), what was asked, and the answer in words."""

    at: float
    endpoint: str
    answer: str


class OutcomeUnknown(KrakenError):
    """The call may have been done, and it could not be settled in time. Do not repeat it: `await resolve()`.

    `nonce`, `cl_ord_id`, `userref`, `txid`: what it can be found by. `sent`: its fields, secrets left out;
    `sent_at`: unix seconds. `finding`: "absent" (not found, past its deadline and the time an order may take to show),
    "not seen" (not found, but it may yet appear), "unreachable" (could not look), or None (nothing to look for).
    `pair`, `side`, `volume`: what was asked for, None where its orders differ. `exposure`: the most that may be in
    the market, in the pair's base currency. `cause`: what happened to the answer. `looks`: the look-ups made.
    `decidable_at`: unix seconds from which it can be told whether it is absent; None: not known, or never.
    `intent_id`: the id of its line in the journal. `command`: the shell command that goes on from here.
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
        finding: Finding | None = None,
        cause: str = "",
        looks: Sequence[Looked] = (),
        decidable_at: float | None = None,
        intent_id: str | None = None,
        **common: Unpack[_Common],
    ) -> None:
        ids = {"txid": txid, "cl_ord_id": cl_ord_id, "userref": userref, "nonce": nonce}
        headline = _headline(common.get("endpoint"), {k: v for k, v in ids.items() if v is not None}, finding)
        super().__init__(f"{headline}. {message}" if message else headline, **common)
        self.nonce = nonce
        self.cl_ord_id = cl_ord_id
        self.userref = userref
        self.txid = txid
        self.sent: dict[str, Any] = redacted(sent or {})
        self.sent_at = sent_at
        self.finding = finding
        self.cause = cause
        self.looks: tuple[Looked, ...] = tuple(looks)
        self.decidable_at = decidable_at
        self.intent_id = intent_id
        self._intent: Any = None  # all that was recorded of the order, so that any session can look it up
        self._resolver: Callable[[], Awaitable[Any]] | None = None
        self._canceller: Callable[[], Awaitable[Any]] | None = None

    @classmethod
    def of(
        cls,
        call: Any,
        error: KrakenError,
        *,
        finding: Finding | None = None,
    ) -> OutcomeUnknown:
        """Return the error for a call whose answer, `error`, leaves it open.

        `call` has `.endpoint`, `.params`, `.nonce` and `.sent_unix`.
        """
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
            cause=cause_of(error),
            errors=error.errors,
        )

    @property
    def pair(self) -> str | None:
        """The pair that was asked for."""
        return self._same("pair")

    @property
    def side(self) -> str | None:
        """The direction, "buy" or "sell"."""
        return self._same("type")

    @property
    def volume(self) -> str | None:
        """The volume that was asked for, as it was sent."""
        return self._same("volume") or self._same("order_qty")

    @property
    def exposure(self) -> Decimal | None:
        """The most that may be in the market: the volumes of all its orders together. None: not known."""
        rows = self._rows()
        volumes = [number(row.get("volume", row.get("order_qty"))) for row in rows]
        return None if not volumes or None in volumes else sum((v for v in volumes if v), Decimal(0))

    @property
    def command(self) -> str:
        """The shell command that looks again."""
        return f"kraken-async orders resolve {self.intent_id or self.cl_ord_id or ''}".rstrip()

    def _rows(self) -> list[Mapping[str, Any]]:
        rows = self.sent.get("orders")
        if not isinstance(rows, (list, tuple)):
            return [self.sent]
        return [{"pair": self.sent.get("pair"), **row} for row in rows if isinstance(row, dict)]

    def _same(self, name: str) -> str | None:
        found = {str(row[name]) for row in self._rows() if row.get(name) is not None}
        return found.pop() if len(found) == 1 else None

    async def resolve(self) -> Any:
        """Look again, and return the call's result as if nothing had happened.

        Raises what Kraken refused it with, or OutcomeUnknown again while it cannot be told. Asks Kraken
        again on each await; cancelling it leaves nothing behind. Raises KrakenError if this error belongs to
        no open session (it came from another process, or nothing can be looked up).
        """
        if self._resolver is None:
            raise self._unbound("look it up", "client.unresolved() and client.resolve(intent)")
        return await self._resolver()

    async def ensure_cancelled(self) -> dict[str, Any]:
        """Cancel the order by its id and look until it is proven closed; return what was executed.

        Returns the order as Kraken shows it, with its ``txid``: ``status``, ``vol_exec``, ``cost``, ``fee``. An order
        that is absent has the status "absent" and a ``vol_exec`` of "0"; of a batch, ``{"orders": [...]}``. Raises
        OutcomeUnknown while it is not proven, what refuses the cancel, and KrakenError if this error belongs to no
        open session. Takes up to the time an order may take to show. Cancelled: what was sent stays sent.
        """
        if self._canceller is None:
            raise self._unbound("cancel it", "client.ensure_cancelled(cl_ord_id=...) or (txid=...)")
        found: dict[str, Any] = await self._canceller()
        return found

    def _unbound(self, what: str, instead: str) -> KrakenError:
        msg = (
            f"nothing here can {what}: use {instead} of an open session, or compare OpenOrders, ClosedOrders and "
            "Ledgers by hand"
        )
        return KrakenError(msg, endpoint=self.endpoint, outcome=Outcome.NOT_SENT)

    def _state(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            # Bound to a session, which does not travel.
            "_resolver": None,
            "_canceller": None,
        }


def cause_of(error: KrakenError | None) -> str:
    """Return what happened to an answer, in a few words: "timeout", "HTTP 502", Kraken's own string, or the message."""
    if error is None:
        return ""
    if error.errors:
        return error.errors[0]
    if isinstance(error, RequestTimeout):
        return "timeout"
    status = error.status if isinstance(error, TransportError) else None
    return str(error) if status is None or status == 200 else f"HTTP {status}"


def _headline(endpoint: str | None, ids: dict[str, Any], finding: str | None) -> str:
    """Return what matters, first."""
    what = ", ".join(f"{name}={value}" for name, value in ids.items() if name != "nonce")
    what = what or ", ".join(f"{name}={value}" for name, value in ids.items()) or "no id"
    if endpoint in (None, "AddOrder") and finding == "absent":
        return (
            f"Order is not to be found, past its deadline and the time it may take to show: {what} (absent)"
        )
    if endpoint in (None, "AddOrder"):
        claim = "Order may be live"
    elif endpoint == "AddOrderBatch":
        claim = "Orders may be live"
    elif endpoint.startswith("Cancel"):
        claim = f"Order may still be live, {endpoint} may or may not have been done"
    else:
        claim = f"{endpoint} may have been done"
    return f"{claim}: {what}" + (f" ({finding})" if finding else "")
