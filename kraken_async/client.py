"""Client: what a session and its views have in common, the calls.

More than 300 lines: most of it is the text and the types of two methods, which users read where they are.
"""

from __future__ import annotations

import abc
import dataclasses
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, Unpack, overload

from kraken_async.api.endpoints import Priority
from kraken_async.call import DEFAULTS, CallOptions, CallTrace
from kraken_async.order_fields import given
from kraken_async.trading.methods import TradingMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime
    from decimal import Decimal

    from kraken_async.api.kinds import Body
    from kraken_async.api.overloads import AnyCall, PrivateCall, PublicCall
    from kraken_async.api.spot import Spot
    from kraken_async.call import Sink
    from kraken_async.trading.markets_cache import MarketsCache
    from kraken_async.trading.paginate import Paginator

    class ViewOptions(TypedDict, total=False):
        """What a view's calls may differ in; see ``with_options``."""

        priority: Priority | None
        timeout: float | None
        queue_timeout: float | None
        burst_protection: bool | None
        ignore_breaker: bool | None
        trace: CallTrace | None
        account_id: str | None

    class ConversionOptions(ViewOptions, total=False):
        """These, and what amounts and times are converted to."""

        amounts: type[Decimal] | None
        times: type[datetime] | None


class Client(TradingMethods, abc.ABC):
    """Makes calls. Subclasses say how (``_ask``, ``_ask_public``)."""

    _options: CallOptions = DEFAULTS

    @abc.abstractmethod
    def _ask(self, options: CallOptions, name: str, fields: dict[str, Any]) -> Coroutine[Any, Any, Any]:
        """Make one private call."""

    @abc.abstractmethod
    def _ask_public(
        self, options: CallOptions, name: str, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        """Make one public call."""

    def _owner(self) -> Client:
        """Return the session that makes the calls."""
        return self

    if TYPE_CHECKING:  # the same calls, with the type of each endpoint's result

        @property
        def private(self) -> PrivateCall:
            """Make one private call, in turn: ``await client.private("Balance")``."""
            ...

        @property
        def public(self) -> PublicCall:
            """Make one public call: ``await client.public("Ticker", pair="XBTUSD")``."""
            ...

    else:

        def private(
            self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
        ) -> Coroutine[Any, Any, Any]:
            """Make one private call, in turn, and return Kraken's result as it was sent (RetrieveExport: bytes).

            Args:
                endpoint: Kraken's own name, such as "Balance" or "AddOrder".
                params: the call's fields; not changed.
                **fields: more of them, as keywords.

            Waits for the queue, the limits, the turn and the answer. Raises KrakenError (its ``outcome`` says
            "refused", "not sent" or "unknown"), or ValueError for a field that cannot be encoded. Cancelled while
            queued: never sent, nothing spent. Cancelled after sending: the exchange finishes by itself and what came
            of a write is reported to ``on_orphan``.
            """
            # Copied now: what is sent and recorded does not change with the caller's own lists while it waits.
            try:
                if fields or params is not None:
                    fields = given(params, fields)
                name = endpoint if type(endpoint) is str else _name(endpoint)
                return self._ask(self._options, name, fields)
            except ValueError as error:
                return _refuse(str(error))

        def public(
            self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
        ) -> Coroutine[Any, Any, Any]:
            """Make one public call and return Kraken's result. Concurrent, without a nonce, at the public pace.

            Raises KrakenError, or ValueError for a field that cannot be encoded.
            """
            try:
                return self._ask_public(self._options, _name(endpoint), given(params, fields, private=False))
            except ValueError as error:
                return _refuse(str(error))

    @property
    def spot(self) -> Spot:
        """The same calls as methods with a keyword for each field: ``await client.spot.add_order(pair=...)``."""
        return _spot_class()(self)

    @overload
    def with_options(
        self, *, amounts: None = None, times: None = None, **options: Unpack[ViewOptions]
    ) -> ClientView: ...
    @overload
    def with_options(self, **options: Unpack[ConversionOptions]) -> ConvertingView: ...
    def with_options(
        self,
        *,
        priority: Priority | None = None,
        timeout: float | None = None,
        queue_timeout: float | None = None,
        burst_protection: bool | None = None,
        ignore_breaker: bool | None = None,
        trace: CallTrace | None = None,
        amounts: type[Decimal] | None = None,
        times: type[datetime] | None = None,
        account_id: str | None = None,
    ) -> ClientView:
        """Return a view of the same session whose calls differ in what is given.

        Args:
            priority: goes before (CANCEL) or after (HISTORY) others; nothing else about the call changes.
            timeout: seconds for one exchange.
            queue_timeout: seconds a call may wait before it is sent; then QueueTimeout, and it is not sent.
            burst_protection: False: start-up protection does not hold these calls.
            ignore_breaker: True: a deliberate call during a lockout. Each one may prolong the lockout.
            trace: takes note of Kraken's answer as it came; one for each call.
            amounts: Decimal: every amount of a result that is described is a Decimal, with the digits that were sent.
            times: datetime: every time is an aware datetime in UTC; None where it stands for "not set".
            account_id: the wallet to read, as ListWalletAccounts names it. A call that Kraken has no ``account_id`` for
                is InvalidArguments, unsent; cancels go as they are.

        Raises ValueError for another type of amounts or times, and for any other option that cannot be.
        """
        if trace is not None and not isinstance(trace, CallTrace):
            msg = f"trace takes a CallTrace, not {type(trace).__name__}"
            raise ValueError(msg)
        given: dict[str, Any] = {
            "priority": None if priority is None else Priority.of(priority),
            "timeout": timeout,
            "queue_timeout": queue_timeout,
            "burst_protection": burst_protection,
            "ignore_breaker": ignore_breaker,
            "trace": trace,
            "account_id": account_id,
            **conversions(amounts, times),
        }
        changed = {name: value for name, value in given.items() if value is not None}
        return ClientView(self._owner(), dataclasses.replace(self._options, **changed))

    # -- results that are converted --------------------------------------------------------------------------------

    def _convert(self, endpoint: str, result: Any) -> Any:
        """Return a result with amounts and times as this view's options say."""
        return converted(result, endpoint, self._options) if self._options.converts else result

    def _as_sent(self) -> Client:
        """Return a view with the same options whose results are as Kraken sent them."""
        if not self._options.converts:
            return self
        return ClientView(self._owner(), dataclasses.replace(self._options, amounts=False, times=False))

    def _into(self, sink: Sink) -> Client:
        """Return a view whose calls write a file that is answered into ``sink``."""
        return ClientView(self._owner(), dataclasses.replace(self._options, sink=sink))

    def _times(self) -> type[datetime] | None:
        """Return datetime where this view's options ask for it."""
        if not self._options.times:
            return None
        from datetime import datetime

        return datetime

    # -- what trading methods ask for ------------------------------------------------------------------------------

    def _priority(self, default: Priority) -> Priority:
        return default if self._options.priority is None else self._options.priority


def _name(endpoint: object) -> str:
    if isinstance(endpoint, str):
        return endpoint
    msg = f"an endpoint's name is a text, not {type(endpoint).__name__}: use Kraken's own, such as 'Balance'"
    raise ValueError(msg)


async def _refuse(message: str) -> NoReturn:
    """Raise when the call is awaited, as for any other mistake, and without frames that show its fields."""
    raise ValueError(message)


class ClientView(Client):
    """A session seen through other options; it owns nothing and is not closed."""

    def __init__(self, session: Client, options: CallOptions) -> None:
        self._session = session
        self._options = options

    def __repr__(self) -> str:
        return f"<ClientView of {self._session!r} with {self._options!r}>"

    def _ask(self, options: CallOptions, name: str, fields: dict[str, Any]) -> Coroutine[Any, Any, Any]:
        return self._session._ask(options, name, fields)

    def _ask_public(
        self, options: CallOptions, name: str, fields: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        return self._session._ask_public(options, name, fields)

    def _owner(self) -> Client:
        return self._session

    def _markets_cache(self) -> MarketsCache:
        return self._session._markets_cache()


if TYPE_CHECKING:

    class ConvertingView(ClientView):
        """A view whose results are converted, so that their types are not those of Kraken's JSON."""

        @property
        def private(self) -> AnyCall:
            """Make one private call; its result is converted."""
            ...

        @property
        def public(self) -> AnyCall:
            """Make one public call; its result is converted."""
            ...

        @property
        def spot(self) -> Any:
            """The same calls as methods."""
            ...

        def paginate(self, name: str, *, position: str | None = None, **fields: Any) -> Paginator[Any]:
            """Return the rows of an answer in pages, converted."""
            ...

        def with_options(self, **options: Unpack[ConversionOptions]) -> ConvertingView:
            """Return a view whose calls differ in what is given."""
            ...


def in_body(client: Client, body: Body) -> ClientView:
    """Return a view whose private calls send their fields in a form or as JSON, whichever the endpoint's own is."""
    return ClientView(client._owner(), dataclasses.replace(client._options, body=body))


def lenient(client: Client) -> ClientView:
    """Return a view for another client's programs: what checks find is said, and sent all the same."""
    return ClientView(client._owner(), dataclasses.replace(client._options, lenient=True))


def with_password(client: Client, otp: Callable[[], str]) -> ClientView:
    """Return a view whose private calls are signed with this one-time password, asked for at each signature."""
    return ClientView(client._owner(), dataclasses.replace(client._options, otp=otp))


def unhealed(client: Client) -> ClientView:
    """Return a view whose private calls report a refused nonce and change nothing about it: no jump, no pause."""
    return ClientView(client._owner(), dataclasses.replace(client._options, heals=False))


def converted(result: Any, endpoint: str, options: CallOptions) -> Any:
    """Return a result with its amounts, its times or both as the options say."""
    from kraken_async.api.amounts import convert

    return convert(result, endpoint, amounts=options.amounts, times=options.times)


@cache
def _spot_class() -> type[Spot]:
    """Return the class of ``spot``, imported when it is first asked for."""
    from kraken_async.api.spot import Spot

    return Spot


def conversions(amounts: object, times: object) -> dict[str, bool]:
    """Return the options for results that are converted. Raises ValueError for types that they cannot have."""
    return {
        name: True
        for name, given, module, kind in (
            ("amounts", amounts, "decimal", "Decimal"),
            ("times", times, "datetime", "datetime"),
        )
        if given is not None and _is(name, given, module, kind)
    }


def _is(name: str, given: object, module: str, kind: str) -> bool:
    if given is getattr(sys.modules.get(module), kind, None):
        return True
    msg = f"{name} is None or {module}.{kind}, not {given!r}"
    raise ValueError(msg)
