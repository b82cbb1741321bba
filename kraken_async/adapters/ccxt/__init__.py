"""ccxt's Kraken, its private calls on a KrakenSession: the same bot, its calls in order and never placed twice.

    exchange = attach(ccxt.async_support.kraken(), session)  # the one line; no key or secret in ccxt
    await exchange.create_order("BTC/USD", "limit", "buy", 0.001, 20_000)

For ``ccxt.async_support.kraken`` and ``ccxt.pro.kraken`` (whose token for private streams comes this way too), and by
`attach_sync` for ``ccxt.kraken``, which freqtrade places its orders through.

- Nonce, queue, limits, time-outs and repeats are the session's; ccxt's own throttle and ``maxRetriesOnFailure`` do not
  touch private calls. Public calls stay ccxt's, unless ``public=True``.
- The bot sees ccxt's exceptions. A write that may have been done is KrakenOutcomeUnknown, an ExchangeError and never
  a NetworkError, as bots repeat those.
- ``exchange.close()`` leaves the session to its owner.
- Withdrawals are refused by the session's guard: KrakenSession(guard=guards.allow_all) permits them.
- The session goes through the proxy that HTTPS_PROXY names, or that of its ``http=``. Proxy options of ccxt's own do
  not reach it, so that they are refused, unless ``proxied=True`` says that the session has a proxy of its own.

The hook is ``fetch2``, which every REST call of ccxt goes through.
"""

from __future__ import annotations

import asyncio
import inspect
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kraken_async.adapters.background import BackgroundSession
from kraken_async.adapters.ccxt.errors import ExchangeClosedByUser, KrakenOutcomeUnknown, answered, refused
from kraken_async.adapters.ccxt.proxies import check_proxies
from kraken_async.client import lenient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async import KrakenSession

__all__ = ["BackgroundSession", "KrakenOutcomeUnknown", "attach", "attach_sync"]

E = TypeVar("E")

#: ccxt's own, not Kraken's.
_NOT_FIELDS: Final = frozenset({"nonce", "maxRetriesOnFailure", "maxRetriesOnFailureDelay"})


def attach(
    exchange: E, session: KrakenSession | BackgroundSession, *, public: bool = False, proxied: bool = False
) -> E:
    """Let an asynchronous ccxt Kraken make its private calls through ``session``, public ones too if asked.

    The session belongs to the loop in which the exchange is used; a BackgroundSession may have another one.
    ``proxied``: the session has a proxy of its own, and ccxt's proxy options are for ccxt's own calls.

    Returns the exchange. Raises TypeError for another exchange, or for ccxt's synchronous one; ccxt's
    InvalidProxySettings, here and in each call, for a proxy that the session would pass by.
    """
    hooked: Any = _checked(exchange, asynchronous=True)
    check_proxies(hooked, proxied)
    original = hooked.fetch2

    async def fetch2(
        path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
    ) -> Any:
        kind = _kind(api)
        if kind != "private" and not (public and kind == "public"):
            return await original(path, api, method, params or {}, config or {})
        check_proxies(hooked, proxied)
        call = _prepare(hooked, kind, path, params)
        try:
            if isinstance(session, BackgroundSession):
                result = await asyncio.wrap_future(session.submit(call))
            else:
                result = await call(session)
        except Exception as error:
            return refused(hooked, path, error, private=kind == "private")
        return answered(hooked, path, {"error": [], "result": result})

    hooked.fetch2 = fetch2
    return exchange


def attach_sync(exchange: E, session: BackgroundSession, *, public: bool = False, proxied: bool = False) -> E:
    """Let ccxt's synchronous Kraken make its private calls through ``session``, from any number of threads.

    ``proxied`` as for `attach`. Returns the exchange. Raises TypeError for another exchange, or for an asynchronous
    one; ccxt's InvalidProxySettings, here and in each call, for a proxy that the session would pass by.
    """
    hooked: Any = _checked(exchange, asynchronous=False)
    check_proxies(hooked, proxied)
    original = hooked.fetch2

    def fetch2(
        path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
    ) -> Any:
        kind = _kind(api)
        if kind != "private" and not (public and kind == "public"):
            return original(path, api, method, params or {}, config or {})
        check_proxies(hooked, proxied)
        try:
            result = session.run(_prepare(hooked, kind, path, params))
        except Exception as error:
            return refused(hooked, path, error, private=kind == "private")
        return answered(hooked, path, {"error": [], "result": result})

    hooked.fetch2 = fetch2
    return exchange


def _prepare(
    exchange: Any, kind: str, path: str, params: Mapping[str, Any] | None
) -> Callable[[KrakenSession], Awaitable[Any]]:
    """Return the call to be made on a session, with Kraken's fields only."""
    if getattr(exchange, "closed_by_user", False):
        raise ExchangeClosedByUser(f"{exchange.id} instance was closed by the user")
    exchange.lastRestRequestTimestamp = exchange.milliseconds()
    fields = {name: _sent(value) for name, value in (params or {}).items() if name not in _NOT_FIELDS}
    fields = {name: value for name, value in fields.items() if value is not None}
    # What a bot logs of its last request is this one, without what signs it.
    exchange.last_request_url = f"{exchange.urls['api'][kind]}/0/{kind}/{path}"
    exchange.last_request_headers, exchange.last_response_headers = {}, {}
    exchange.last_request_body = exchange.urlencode_nested(fields) if kind == "private" else None

    def call(session: KrakenSession) -> Awaitable[Any]:
        client = lenient(session)  # a bot of ccxt's knows fields that Kraken ignores
        return (client.private if kind == "private" else client.public)(path, fields)

    return call


def _sent(value: Any) -> Any:
    """Return a field as plain ccxt sends it: no None at any depth, and the integers of numpy as integers."""
    if isinstance(value, Mapping):
        return {name: _sent(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_sent(item) for item in value if item is not None]
    if hasattr(value, "__index__") and not isinstance(value, int):
        return operator.index(value)
    return value


def _checked(exchange: Any, *, asynchronous: bool) -> Any:
    if getattr(exchange, "id", None) != "kraken":
        raise TypeError(f"only ccxt's kraken can be attached, not {getattr(exchange, 'id', exchange)!r}")
    if inspect.iscoroutinefunction(exchange.fetch2) is not asynchronous:
        right = "attach_sync" if asynchronous else "attach"
        raise TypeError(f"this is ccxt's {'' if asynchronous else 'a'}synchronous exchange: use {right}")
    # ccxt asks for a key and a secret before it calls; they are the session's, and ccxt never sees them.
    exchange.requiredCredentials = {**exchange.requiredCredentials, "apiKey": False, "secret": False}
    return exchange


def _kind(api: Any) -> str:
    return api if isinstance(api, str) else str(api[0])
