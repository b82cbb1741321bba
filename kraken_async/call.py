"""Call: one private call on its way through the session, from being asked for to its result.

A call's states. Only the ledger (calls/ledger.py) moves a call from one to the next:

    state         where the call is                                      what may follow
    NEW           checked, completed, put on record                      WAITING (or it is refused, and dropped)
    WAITING       in the queue, or its nonce is being fetched            SENT, ENDED
    SENT          on its way to Kraken, or its answer is being read      WAITING, BACKING_OFF, RECONCILING, ENDED
    BACKING_OFF   waits before it is repeated                            WAITING, ENDED
    RECONCILING   its answer was lost: the order is being looked up      ENDED
    ENDED         its caller has a result or an error, or has left       (nothing)
"""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from kraken_async.api.arguments import check_flag, check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from kraken_async.api.endpoints import Endpoint, Priority
    from kraken_async.api.kinds import Body
    from kraken_async.errors import KrakenError


class CallState(enum.Enum):
    """Where a call is; see the table at the head of this module."""

    NEW = "new"
    WAITING = "waiting"
    SENT = "sent"
    BACKING_OFF = "backing off"
    RECONCILING = "reconciling"
    ENDED = "ended"


#: The states of every call, bound once: to look a member up on its class costs as much as a dozen attributes.
NEW: Final = CallState.NEW
WAITING: Final = CallState.WAITING
SENT: Final = CallState.SENT
ENDED: Final = CallState.ENDED

#: The table above, as data.
MOVES: Final[Mapping[CallState, set[CallState]]] = {
    CallState.NEW: {CallState.WAITING},
    CallState.WAITING: {CallState.SENT, CallState.ENDED},
    CallState.SENT: {
        CallState.WAITING,
        CallState.BACKING_OFF,
        CallState.RECONCILING,
        CallState.ENDED,
    },
    CallState.BACKING_OFF: {CallState.WAITING, CallState.ENDED},
    CallState.RECONCILING: {CallState.ENDED},
    CallState.ENDED: set(),
}


class CallTrace:
    """Takes note of one call on its way, for a caller that hands Kraken's answer on as it came. One per call.

    ``sent``: the call has left, once at least.
    """

    __slots__ = ("_body", "_outcome", "sent")

    def __init__(self) -> None:
        self.sent: bool = False
        self._body = b""
        self._outcome: object = None

    def answered(self, body: bytes, outcome: object) -> None:
        """Note an answer's bytes, and the result or the error that was made of them."""
        self._body, self._outcome = body, outcome

    def body_of(self, outcome: object) -> bytes | None:
        """Return the bytes that ``outcome``, the call's result or error, was made of.

        None where it was made of something else, such as an order's look-up.
        """
        return self._body if self._body and self._outcome is outcome else None

    def ended(self, result: Any, error: KrakenError | None) -> None:
        """Hear of the call's result or error, before the journal strikes it off. What this raises is logged."""


class Sink(Protocol):
    """Takes a file that Kraken answers with, piece by piece, so that it is never in memory as a whole."""

    def begin(self) -> object:
        """Begin, or begin again: what came before belongs to an exchange that failed."""
        ...

    def write(self, piece: bytes, /) -> object:
        """Take the next piece. What it raises is the call's error."""
        ...


#: What ends a program. What else a caller's function raises is a fault; so is a CancelledError if it never waits.
ENDS_PROGRAM: Final = (KeyboardInterrupt, SystemExit)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """The options that ``with_options`` may set for the calls of one view of a session.

    ``timeout`` bounds one exchange and ``queue_timeout`` the wait before it, both in seconds. ``trace`` takes note of
    one call. ``amounts`` and ``times``: results are converted (api/amounts.py). ``body``: the form of the request, if
    not the endpoint's own. ``lenient``: what checks find is said, and sent all the same. ``account_id``: the wallet.
    ``sink``: takes the file that is answered; the result is then its first bytes. ``otp``: gives the one-time password
    of these calls alone, at signing, in place of the session's. ``heals``: False: a
    refused nonce is reported, with no repeat, no jump and no pause.
    """

    priority: Priority | None = None
    timeout: float | None = None
    queue_timeout: float | None = None
    burst_protection: bool = True
    ignore_breaker: bool = False
    trace: CallTrace | None = None
    amounts: bool = False
    times: bool = False
    body: Body | None = None
    lenient: bool = False
    account_id: str | None = None
    sink: Sink | None = None
    otp: Callable[[], str] | None = field(default=None, repr=False)
    heals: bool = True
    #: Whether results are converted, and so to be read digit by digit.
    converts: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "converts", self.amounts or self.times)  # asked twice for every call
        check_flag("burst_protection", self.burst_protection)
        check_flag("ignore_breaker", self.ignore_breaker)
        if self.timeout is not None:
            check_seconds("timeout", self.timeout)
        if self.queue_timeout is not None:
            check_seconds("queue_timeout", self.queue_timeout, least=0.0)


DEFAULTS: Final = CallOptions()
#: One for all calls: a hundred thousand may wait.
NO_IDS: Final[frozenset[str]] = frozenset()


class Caller(Protocol):
    """Makes calls: a session, a view of one, or a stand-in in a test."""

    def private(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        """Make one private call and return its result."""
        ...

    def public(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        """Make one public call and return its result."""
        ...

    def with_options(self, *, priority: Priority | None = None, timeout: float | None = None) -> Caller:
        """Return a view whose calls have this priority and this time for one exchange."""
        ...


class Call:
    """One private call: what was asked for, and how far it has come.

    ``seq`` is its place in order of arrival and never changes, so a repeated call keeps its place. Times are
    seconds of the loop's clock. ``resource`` names what it uses up at Kraken and so may have to wait for.
    ``lane`` is the queue's.
    """

    __slots__ = (
        "attempt",
        "counted",
        "deadline",
        "endpoint",
        "enqueued_at",
        "fields",
        "first_sent_at",
        "future",
        "internal",
        "lane",
        "level_before",
        "made_ids",
        "nonce",
        "nonce_refusals",
        "options",
        "order",
        "overtaken",
        "params",
        "priority",
        "resource",
        "sent_at",
        "sent_unix",
        "seq",
        "state",
        "timeout",
        "timer",
        "unknown_before",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        params: dict[str, Any],
        fields: bytes,
        priority: Priority,
        timeout: float,
        options: CallOptions,
        future: asyncio.Future[Any],
        deadline: float | None = None,
        made_ids: frozenset[str] = NO_IDS,
        internal: bool = False,
    ) -> None:
        self.endpoint: Endpoint = endpoint
        self.params: dict[str, Any] = params
        self.fields: bytes = fields
        self.priority: Priority = priority
        self.timeout: float = timeout
        self.options: CallOptions = options
        self.future: asyncio.Future[Any] = future
        self.resource: str = ""
        self.seq: int = 0
        self.state: CallState = NEW
        self.lane: Any = None
        self.attempt: int = 0
        self.counted: bool = not internal  # once it is in the queue, closing waits for it
        self.nonce: int = 0
        self.nonce_refusals: int = 0
        self.overtaken: int = 0
        self.enqueued_at: float = 0.0
        self.sent_at: float = 0.0
        self.first_sent_at: float = 0.0
        self.sent_unix: float = 0.0  # unix time of the last sending
        self.deadline: float | None = deadline  # seconds from signing, stamped as Kraken's `deadline`
        self.timer: asyncio.TimerHandle | None = None
        self.level_before: float = 0.0  # Kraken's call counter just before this call was charged
        self.unknown_before: bool = False  # an earlier attempt ended without an answer
        self.made_ids: frozenset[str] = made_ids  # ids made here for the orders that it places
        self.order: Any = None  # the PendingOrder that it is about, once on record
        self.internal: bool = internal  # asked for by the session itself, to look up an order

    def __repr__(self) -> str:
        return f"<Call {self.endpoint.name} {self.state.value} seq={self.seq} attempt={self.attempt}>"


class CallListener:
    """Hears of the end of each call, before its caller does.

    What :meth:`call_ended` raises is logged, and its caller has its result all the same.
    """

    #: Whether it hears of the ends of orders alone: of calls that are on record.
    orders_only: bool = False

    def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Take note of a call's result or error. ``call.future`` is done when its caller has left."""

    def call_cancelled_unsent(self, call: Call, error: KrakenError) -> None:
        """Take note that a call is taken back, unsent; its end follows."""

    def call_dropped(self, call: Call) -> None:
        """Take note that a call's caller left before it was sent. Nothing else follows."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A write that ended after its caller had left: what it was, and what came of it."""

    endpoint: str
    cl_ord_id: str | None
    nonce: int
    sent_at: float  # unix seconds; 0 if never sent
    result: Any = None
    error: KrakenError | None = None
    params: dict[str, Any] = field(default_factory=dict)
