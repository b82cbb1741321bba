"""Public calls: concurrent, without a nonce, at the pace that Kraken allows an address."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter

from kraken_async.api.endpoints import find
from kraken_async.errors import KrakenError
from kraken_async.limits.counters import decayed
from kraken_async.wire.messages import SignedRequest
from kraken_async.wire.response_decoder import decode, decode_traced
from kraken_async.wire.signer import query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kraken_async.call import CallTrace
    from kraken_async.calls.faults import Faults
    from kraken_async.calls.retry import RetryPolicy
    from kraken_async.limits.governor import BurstGovernor
    from kraken_async.server_time import ServerTime
    from kraken_async.wire.messages import Response

#: Calls that may go at once; after that one per second. Trades and OHLC are counted by pair.
BURST: Final = 10


class _Allowance:
    """The pace at which all event loops of this process together ask one address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._level, self._at = 0.0, 0.0

    def take(self, now: float) -> float:
        """Take a place and return 0; or return the seconds until there may be one."""
        with self._lock:
            level = decayed(self._level, self._at, 1.0, now)
            if level > BURST - 1:
                return level - (BURST - 1)
            self._level, self._at = level + 1, now
            return 0.0


# An AsyncLimiter belongs to one event loop, and the lock keeps its callers in order. The allowance is for all loops.
_Lane = tuple[AsyncLimiter, asyncio.Lock]
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], _Lane]] = WeakKeyDictionary()
_allowances: dict[tuple[str, str], _Allowance] = {}


async def admit(host: str, endpoint: str, params: Mapping[str, object]) -> None:
    """Wait until a public call to ``host`` may go. Cancelled: at most one place is spent for nothing."""
    loop = asyncio.get_running_loop()
    limiters = _loops.setdefault(loop, {})
    lane = host, f"{endpoint} {params.get('pair')}" if endpoint in ("Trades", "OHLC") else ""
    found = limiters.get(lane)
    if found is None:
        found = limiters[lane] = AsyncLimiter(BURST, BURST), asyncio.Lock()
    limiter, in_order = found
    async with in_order:
        await limiter.acquire()
        allowance = _allowances.setdefault(lane, _Allowance())
        while seconds := allowance.take(loop.time()):  # noqa: ASYNC110 - time alone gives places back, and no event
            await asyncio.sleep(seconds)


class PublicCalls:
    """Makes a session's public calls, each in its caller's own task."""

    def __init__(
        self,
        host: str,
        send: Callable[[SignedRequest, float], Awaitable[Response]],
        governor: BurstGovernor,
        retry: RetryPolicy,
        server_time: ServerTime,
        faults: Faults,
    ) -> None:
        self._host = host
        self._send = send
        self._governor = governor
        self._retry = retry
        self._server_time = server_time
        self._faults = faults

    async def ask(
        self,
        name: str,
        params: Mapping[str, Any],
        timeout: float,  # of one exchange
        *,
        attempts: int | None = None,
        exactly: bool = False,
        trace: CallTrace | None = None,
    ) -> Any:
        """Make one public call, repeated as the retry policy (or ``attempts``) allows; see Client.public.

        ``exactly``: numbers with a fraction are Decimals, digit by digit.
        """
        loop = asyncio.get_running_loop()
        endpoint = find(name, private=False)
        request = SignedRequest("GET", endpoint.path + query(params), {}, b"", 0)
        attempt, started = 0, loop.time()
        while True:
            if self._governor.enabled:
                await admit(self._host, name, params)
            attempt += 1
            sent = loop.time()
            try:
                response = await self._send(request, timeout)
                result = (
                    decode(response, endpoint, exactly=exactly)
                    if trace is None
                    else decode_traced(response, endpoint, trace)
                )
            except KrakenError as error:
                error.endpoint = name
                delay = self._retry.delay(
                    error, endpoint, attempt, loop.time() - started, now=self._server_time.at_least()
                )
                if delay is None or attempt == attempts:
                    raise
                await asyncio.sleep(delay)
            except Exception as fault:
                raise self._faults.error(name, fault) from None
            else:
                self._learn_server_time(name, response, result, sent, loop.time())
                return result

    def _learn_server_time(self, name: str, response: Response, result: Any, sent: float, now: float) -> None:
        if name == "Time" and isinstance(result, dict):
            unixtime = result.get("unixtime")
            self._server_time.learn_unixtime(response.status, response.headers, unixtime, sent, now)
        elif now >= self._server_time.due_at:
            self._server_time.learn(response.status, response.headers, sent, now)
