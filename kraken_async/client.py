"""Client: what a session and its views have in common, the calls."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any

from kraken_async.call import DEFAULTS, Caller, CallOptions
from kraken_async.order_fields import whole
from kraken_async.trading.methods import TradingMethods

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from datetime import datetime

    from kraken_async.api.endpoints import Priority
    from kraken_async.call import CallTrace
    from kraken_async.trading.markets_cache import MarketsCache


class Client(Caller, TradingMethods):
    """Makes calls. Subclasses say how (``_ask``, ``_ask_public``)."""

    _options: CallOptions = DEFAULTS

    @abc.abstractmethod
    def _ask(
        self, options: CallOptions, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        """Make one private call."""

    @abc.abstractmethod
    def _ask_public(
        self, options: CallOptions, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        """Make one public call."""

    def _owner(self) -> Client:
        """Return the session that makes the calls."""
        return self

    def private(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        """Make one private call, in turn, and return Kraken's result as it was sent (RetrieveExport: bytes).

        Args:
            endpoint: Kraken's own name, such as "Balance" or "AddOrder".
            params: the call's fields; ``fields`` are added to them. Neither is changed.

        Waits for the queue, the limits, the turn and the answer. Raises KrakenError (its ``outcome`` says "refused",
        "not sent" or "unknown"), or ValueError for a field that cannot be encoded. Cancelled while queued: never
        sent, nothing spent. Cancelled after sending: the exchange finishes by itself and what came of a write is
        reported to ``on_orphan``.
        """
        # Copied whole now: what is sent and recorded does not change with the caller's own lists while it waits.
        return self._ask(self._options, endpoint, None, whole({**params, **fields} if params else fields))

    def public(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        """Make one public call and return Kraken's result. Concurrent, without a nonce, at the public pace.

        Raises KrakenError, or ValueError for a field that cannot be encoded.
        """
        return self._ask_public(self._options, endpoint, params, fields)

    def with_options(
        self,
        *,
        priority: Priority | None = None,
        timeout: float | None = None,
        queue_timeout: float | None = None,
        burst_protection: bool | None = None,
        ignore_breaker: bool | None = None,
        trace: CallTrace | None = None,
    ) -> ClientView:
        """Return a view of the same session whose calls differ in what is given.

        Args:
            priority: goes before (CANCEL) or after (HISTORY) others; nothing else about the call changes.
            timeout: seconds for one exchange.
            queue_timeout: seconds a call may wait before it is sent; then QueueTimeout, and it is not sent.
            burst_protection: False: start-up protection does not hold these calls.
            ignore_breaker: True: a deliberate call during a lockout. Each one may prolong the lockout.
            trace: takes note of Kraken's answer as it came; one for each call.
        """
        given: dict[str, Any] = {
            "priority": priority,
            "timeout": timeout,
            "queue_timeout": queue_timeout,
            "burst_protection": burst_protection,
            "ignore_breaker": ignore_breaker,
            "trace": trace,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        return ClientView(self._owner(), dataclasses.replace(self._options, **changed))

    # -- what trading methods ask for ------------------------------------------------------------------------------

    def _as_sent(self) -> Caller:
        return self

    def _convert(self, endpoint: str, result: Any) -> Any:
        return result

    def _times(self) -> type[datetime] | None:
        return None

    def _priority(self, default: Priority) -> Priority:
        return default if self._options.priority is None else self._options.priority


class ClientView(Client):
    """A session seen through other options; it owns nothing and is not closed."""

    def __init__(self, session: Client, options: CallOptions) -> None:
        self._session = session
        self._options = options

    def __repr__(self) -> str:
        return f"<ClientView of {self._session!r} with {self._options!r}>"

    def _ask(
        self, options: CallOptions, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        return self._session._ask(options, name, params, fields)

    def _ask_public(
        self, options: CallOptions, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        return self._session._ask_public(options, name, params, fields)

    def _owner(self) -> Client:
        return self._session

    def _markets_cache(self) -> MarketsCache:
        return self._session._markets_cache()
