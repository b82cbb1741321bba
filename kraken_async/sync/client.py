"""Client: what a synchronous session and its views have in common, the calls.

Each method does what the one of the same name that is awaited does. A test holds names and parameters together.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack, overload

from kraken_async import client as asynchronous
from kraken_async.sync.paginator import Paginator

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from os import PathLike
    from pathlib import Path

    from kraken_async.api.results import (
        Deposit,
        EarnAllocation,
        EarnStrategy,
        LedgerEntry,
        Order,
        Trade,
        Withdrawal,
    )
    from kraken_async.api.sync_calls import AnyCall, PrivateCall, PublicCall, Spot
    from kraken_async.client import ConversionOptions, ViewOptions
    from kraken_async.trading.candles import Candle
    from kraken_async.trading.export import ExportProgress
    from kraken_async.trading.markets import Markets
    from kraken_async.trading.numbers import Moment

P = ParamSpec("P")
T = TypeVar("T")


def waited(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Make a method that waits for what ``method``, of the asynchronous client, would be awaited for."""
    name = method.__name__

    def wait(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = self._run(lambda client: getattr(client, name)(*args, **kwargs))
        return result

    return like(method, wait)


def like(method: Callable[..., Any], made: Callable[P, T]) -> Callable[P, T]:
    """Give ``made`` the name, text and signature of the awaited ``method``."""
    functools.update_wrapper(made, method)
    del made.__dict__["__wrapped__"]  # that one is awaited; its signature is what they share
    made.__dict__["__signature__"] = inspect.signature(method)
    return made


class Client:
    """Makes calls and waits for them. Subclasses say how (``_run``)."""

    def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do ``await work(client)`` in the session's loop and wait for it; ``client`` is the asynchronous one."""
        raise NotImplementedError

    def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        return self._run(lambda _: work())

    def _view(self, options: dict[str, Any]) -> ClientView:
        raise NotImplementedError

    if TYPE_CHECKING:

        @property
        def private(self) -> PrivateCall:
            """Make one private call, in turn, and return Kraken's result as it was sent."""

        @property
        def public(self) -> PublicCall:
            """Make one public call and return Kraken's result."""

        @property
        def spot(self) -> Spot:
            """Every endpoint as a method with typed keywords and results."""

    else:
        private = waited(asynchronous.Client.private)
        public = waited(asynchronous.Client.public)

        @property
        def spot(self):
            """The same calls as methods with a keyword for each field: ``client.spot.add_order(pair=...)``."""
            from kraken_async.api.spot import Spot

            return Spot(self)

    @overload
    def with_options(
        self, *, amounts: None = None, times: None = None, **options: Unpack[ViewOptions]
    ) -> ClientView: ...
    @overload
    def with_options(self, **options: Unpack[ConversionOptions]) -> ConvertingView: ...
    def with_options(self, **options: Any) -> ClientView:
        """Return a view of the same session whose calls differ in what is given; see the asynchronous one."""
        return self._view({name: value for name, value in options.items() if value is not None})

    @overload
    def paginate(
        self, name: Literal["TradesHistory"], *, position: str | None = None, **fields: Any
    ) -> Paginator[tuple[str, Trade]]: ...
    @overload
    def paginate(
        self, name: Literal["ClosedOrders", "OpenOrders"], *, position: str | None = None, **fields: Any
    ) -> Paginator[tuple[str, Order]]: ...
    @overload
    def paginate(
        self, name: Literal["Ledgers"], *, position: str | None = None, **fields: Any
    ) -> Paginator[tuple[str, LedgerEntry]]: ...
    @overload
    def paginate(
        self, name: Literal["DepositStatus"], *, position: str | None = None, **fields: Any
    ) -> Paginator[Deposit]: ...
    @overload
    def paginate(
        self, name: Literal["WithdrawStatus"], *, position: str | None = None, **fields: Any
    ) -> Paginator[Withdrawal]: ...
    @overload
    def paginate(
        self, name: Literal["Earn/Strategies"], *, position: str | None = None, **fields: Any
    ) -> Paginator[EarnStrategy]: ...
    @overload
    def paginate(
        self, name: Literal["Earn/Allocations"], *, position: str | None = None, **fields: Any
    ) -> Paginator[EarnAllocation]: ...
    @overload
    def paginate(self, name: str, *, position: str | None = None, **fields: Any) -> Paginator[Any]: ...
    def paginate(self, name: str, *, position: str | None = None, **fields: Any) -> Paginator[Any]:
        """Iterate over all rows of an endpoint that answers in pages; see the asynchronous one.

        A plain iterator: ``for txid, trade in client.paginate("TradesHistory"): ...``
        """

        async def begin(client: asynchronous.Client) -> Any:
            return client.paginate(name, position=position, **fields)

        return Paginator(self._run(begin), self._do)

    def markets(self, *, refresh: bool = False) -> Markets:
        """Return Kraken's pairs and assets: names both ways, rounding, minima; see the asynchronous one."""
        found: Markets = self._run(lambda client: client.markets(refresh=refresh))
        return found

    def candles(
        self, pair: str, *, minutes: int = 1, start: Moment, end: Moment | None = None
    ) -> list[Candle]:
        """Return candles made from Kraken's trades, oldest first; see the asynchronous one."""
        return self._run(lambda client: client.candles(pair, minutes=minutes, start=start, end=end))

    def export(
        self,
        report: Literal["trades", "ledgers"],
        path: str | PathLike[str],
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        format: Literal["CSV", "TSV"] = "CSV",  # noqa: A002 - Kraken's own word
        progress: Callable[[ExportProgress], Any] | None = None,
    ) -> Path:
        """Make a report, wait for it and put it at ``path``: Kraken's zip, complete; see the asynchronous one."""
        written: Path = self._run(
            lambda client: client.export(report, path, start=start, end=end, format=format, progress=progress)
        )
        return written

    def wait_for(self, *, txid: str | None = None, cl_ord_id: str | None = None) -> Any:
        """Wait until an order is closed, cancelled or expired, and return it; see the asynchronous one."""
        return self._run(lambda client: client.wait_for(txid=txid, cl_ord_id=cl_ord_id))


class ClientView(Client):
    """A session seen through other options; it owns nothing and is not closed."""

    def __init__(self, session: Client, options: dict[str, Any]) -> None:
        self._session = session
        self._options = options

    def __repr__(self) -> str:
        return f"<ClientView of {self._session!r} with {self._options!r}>"

    def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        return self._session._run(lambda client: work(client.with_options(**self._options)))

    def _view(self, options: dict[str, Any]) -> ClientView:
        return self._session._view({**self._options, **options})


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


# The keywords are those of the asynchronous method, which checks their values.
Client.with_options.__dict__["__signature__"] = inspect.signature(asynchronous.Client.with_options)
