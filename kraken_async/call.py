"""Call: one private call on its way through the session, from being asked for to being answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Mapping

    from kraken_async.api.endpoints import Endpoint, Priority
    from kraken_async.errors import KrakenError


class Caller(Protocol):
    """Makes calls: a session, a view of one, or a stand-in in a test. What trading helpers ask for."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What ``with_options`` may set for the calls of one view of a session.

    ``timeout`` bounds one exchange and ``queue_timeout`` the wait before it, both in seconds.
    """

    priority: Priority | None = None
    timeout: float | None = None
    queue_timeout: float | None = None
    burst_protection: bool = True
    ignore_breaker: bool = False


DEFAULTS = CallOptions()


class Call:
    """One private call: what was asked for, and how far it has come.

    ``seq`` is its place in order of arrival and never changes, so a repeated call keeps its place. Times are
    seconds of the loop's clock. ``resource`` names what it uses up at Kraken and so may have to wait for.
    """

    __slots__ = (
        "attempt",
        "deadline",
        "endpoint",
        "enqueued_at",
        "fields",
        "first_sent_at",
        "future",
        "intent",
        "internal",
        "level_before",
        "nonce",
        "nonce_refusals",
        "options",
        "overtaken",
        "params",
        "priority",
        "resource",
        "sent_at",
        "sent_unix",
        "seq",
        "short",
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
    ) -> None:
        self.endpoint = endpoint
        self.params = params
        self.fields = fields
        self.priority = priority
        self.timeout = timeout
        self.options = options
        self.future = future
        self.resource = ""
        self.seq = 0
        self.short = True  # what it waits for is its resource, not only the pace at start-up
        self.state = "new"
        self.attempt = 0
        self.nonce = 0
        self.nonce_refusals = 0
        self.overtaken = 0
        self.enqueued_at = 0.0
        self.sent_at = 0.0
        self.first_sent_at = 0.0
        self.sent_unix = 0.0  # unix time of the last sending
        self.deadline: float | None = None  # seconds from signing, stamped as Kraken's `deadline`
        self.timer: asyncio.TimerHandle | None = None
        self.level_before = 0.0  # Kraken's call counter just before this call was charged
        self.unknown_before = False  # an earlier attempt ended without an answer
        self.intent: Any = None  # its line in the journal
        self.internal = False  # asked for by the session itself, to settle an order

    def __repr__(self) -> str:
        return f"<Call {self.endpoint.name} {self.state} seq={self.seq} attempt={self.attempt}>"


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
