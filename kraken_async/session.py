"""KrakenSession: owns the parts, spells the exchange, opens and closes."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from kraken_async import breaker, public_limit, withdrawal
from kraken_async.calls import DEFAULTS, Call, Options
from kraken_async.decode import decode
from kraken_async.endpoints import Endpoint, Priority, Tier, find, nearest
from kraken_async.errors import (
    AuthenticationError,
    KrakenError,
    Outcome,
    OutcomeUnknown,
    QueueTimeout,
    SessionClosed,
    TradingHalted,
    TransportError,
)
from kraken_async.governor import BurstGovernor
from kraken_async.guards import no_funding
from kraken_async.messages import Request, SignedRequest
from kraken_async.metrics import Metrics
from kraken_async.outcomes import Outcomes, withdrawn
from kraken_async.request_queue import RequestQueue
from kraken_async.retry import RetryPolicy
from kraken_async.server_time import ServerTime
from kraken_async.settings import PRODUCTION, Settings
from kraken_async.signer import Signer, query
from kraken_async.stores.base import UNITS
from kraken_async.stores.file import FileStore
from kraken_async.transport import Transport
from kraken_async.views import Caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from os import PathLike
    from types import TracebackType

    import aiohttp

    from kraken_async.governor import Admission
    from kraken_async.guards import Guard
    from kraken_async.messages import Response
    from kraken_async.metrics import Observer
    from kraken_async.outcomes import Orphan
    from kraken_async.stores.base import KeyState, Shared, Store

log = logging.getLogger("kraken_async")

READ_TIMEOUT: Final = 10.0
WRITE_TIMEOUT: Final = 30.0


class KrakenSession(Caller):
    """One API key's calls to Kraken, in order, from any number of tasks; other threads and processes share its state.

    Args:
        api_key, api_secret: the key pair; None for public calls only.
        base_url: scheme and host; plain http to loopback only, or to a host named in ``plain_http``.
        tier: Kraken's verification tier ("starter", "intermediate", "pro"); None: starter, said once.
        state_dir: where nonces and counters are kept; None: the user's state directory / "kraken-async".
        store: None for a FileStore in ``state_dir``; else a FileStore, MemoryStore or RedisStore.
        governor: None for a BurstGovernor of the tier.
        timeout: seconds for one exchange; None: 10 for reads, 30 for what changes something.
        nonce_unit: "ns"; "us" or "ms" for a key that must stay usable by clients of that unit.
        otp: the key's one-time password, or a function that gives the current one.
        http: the caller's aiohttp session (proxy, CA); it is not closed here.
        guard: sees every private call before it is queued; None refuses withdrawals and transfers.
        orders: what is done so that an order is placed at most once (OrderPolicy).
        retry: what may be repeated, and for how long (RetryPolicy).
        max_queued: how many calls may wait; None for any number.
        on_orphan: called with an Orphan when a write ends whose caller has left.
        observers: called with a CallRecord when a private call has finished.
        account: sessions of one account share the matching engine's counters.
        cancel_patience: seconds after which a cancel overtakes a stalled call on a second connection.

    Raises ValueError for arguments that cannot work, before anything is sent; NonceStoreError when it is opened.

    >>> async def main():
    ...     async with KrakenSession(api_key, api_secret) as client:
    ...         return await client.private("Balance")
    """

    def __init__(
        self,
        api_key: str | None = None,
        api_secret: str | None = None,
        *,
        base_url: str = PRODUCTION,
        tier: Tier | str | None = None,
        state_dir: str | PathLike[str] | None = None,
        store: Store | None = None,
        governor: BurstGovernor | None = None,
        timeout: float | None = None,
        nonce_unit: str = "ns",
        otp: str | Callable[[], str] | None = None,
        http: aiohttp.ClientSession | None = None,
        guard: Guard | None = None,
        orders: OrderPolicy | None = None,
        retry: RetryPolicy | None = None,
        max_queued: int | None = None,
        on_orphan: Callable[[Orphan], Any] | None = None,
        observers: Iterable[Observer] = (),
        account: str = "main",
        cancel_patience: float = 1.0,
        plain_http: Iterable[str] = (),
        transport: Callable[[SignedRequest, float], Awaitable[Response]] | None = None,
    ) -> None:
        if nonce_unit not in UNITS:
            msg = f"nonce_unit is one of {', '.join(UNITS)}, not {nonce_unit!r}"
            raise ValueError(msg)
        if timeout is not None and not timeout > 0:
            msg = f"timeout is seconds above 0, not {timeout!r}"
            raise ValueError(msg)
        if (api_key is None) != (api_secret is None):
            msg = "api_key and api_secret go together: give both, or neither for public calls only"
            raise ValueError(msg)
        self._session = self
        self._options = DEFAULTS
        self._signer = (
            Signer(api_key, api_secret, otp) if api_key is not None and api_secret is not None else None
        )
        self._tier = None if tier is None else Tier.of(tier)
        self._say_tier = tier is None and governor is None
        self.governor = governor if governor is not None else BurstGovernor(self._tier)
        self._transport = Transport(base_url, http=http, plain_http=plain_http)
        self._send = transport or self._transport.send
        self._host = base_url
        self._unit = nonce_unit
        self._store = store if store is not None else FileStore(state_dir)
        self._timeout = timeout
        self._guard = guard if guard is not None else no_funding
        self._queue = RequestQueue(max_queued)
        self._retry = retry if retry is not None else RetryPolicy()
        self._account = account
        self._patience = cancel_patience
        self._kraken_time = ServerTime()
        self._metrics = Metrics(time.monotonic())
        self._outcomes = Outcomes(
            queue=self._queue,
            retry=self._retry,
            metrics=self._metrics,
            observers=observers,
            on_orphan=on_orphan,
            unit=nonce_unit,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._wait: float | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._warned: set[str] = set()
        self._key: KeyState
        self._admission: Admission

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Return a session with the environment's key, tier, address and state directory; ``options`` go before.

        Reads KRAKEN_API_KEY, KRAKEN_API_SECRET (or ``*_FILE``), KRAKEN_API_TIER, KRAKEN_API_URL, KRAKEN_STATE_DIR
        and KRAKEN_GOVERNOR ("off": holds nothing back). Raises ValueError as the constructor does.
        """
        env = Settings.from_env()
        given: dict[str, Any] = {
            "api_key": env.api_key,
            "api_secret": env.api_secret,
            "tier": env.tier,
            "base_url": env.base_url,
            "state_dir": env.state_dir,
            "governor": None if env.governor else BurstGovernor.off(),
        }
        return cls(**{**given, **options})

    def __repr__(self) -> str:
        state = "closed" if self._closed else "new" if self._loop is None else "open"
        return f"<KrakenSession {self._transport!r} {state}, {len(self._queue)} waiting>"

    # -- the exchange ---------------------------------------------------------------------------------------------

    async def _exchange(
        self, admit: Callable[[Shared], Call | None], *, overtake: bool = False
    ) -> Call | None:
        """Admit, nonce, sign, send, decode: one call's way to Kraken and back, with the turn in hand.

        The nonce comes after every wait, the signature after the nonce, and the bytes signed are the bytes sent.
        """
        call, nonce = await self._key.step(admit, overtake=overtake)
        if call is None or not await self._take(call, nonce):
            return call
        try:
            request = self._sign(call, nonce)
            response = await self._send(request, call.timeout)
            result = decode(response, call.endpoint)
        except KrakenError as error:
            await self._outcomes.failed(call, error)
        else:
            self._hear(call, response)
            await self._outcomes.answered(call, result)
        return call

    async def _work(self) -> None:
        """Take the turn while calls wait; sleep until something may go when none may."""
        while True:
            if not len(self._queue):
                await self._queue.sleep(None)
                continue
            await self._key.acquire_turn()
            try:
                call = await self._exchange(self._admit)
            finally:
                await self._key.release_turn()
            if call is None:
                await self._queue.sleep(self._wait)

    def _admit(self, shared: Shared) -> Call | None:
        """Choose the most urgent call that may go now, and charge it. What must not go at all is refused here."""
        now = self._clock()
        if shared.lockout_until or shared.pause_until or shared.halted:
            self._refuse(shared, now)
        while True:
            call, self._wait = self._queue.choose(partial(self._admission.wait, shared=shared, now=now), now)
            if call is None or not self._taken_back(call, shared):
                break
        if call is not None:
            self._charge(call, shared, now)
        return call

    def _charge(self, call: Call, shared: Shared, now: float) -> Call:
        self._admission.charge(call, shared, now)
        if call.endpoint.engine in ("cancel", "cancel_batch", "cancel_all"):
            withdrawal.note_cancel(call, shared, now)
        return call

    async def _take(self, call: Call, nonce: int) -> bool:
        """The call goes out now. False: its caller left while the nonce was fetched, and nothing is sent."""
        self._queue.remove(call)
        if call.future.done():
            call.state = "dropped"
            self._outcomes.abandon(call)
            return False
        now = self._clock()
        metrics = self._metrics
        if not call.attempt:
            call.first_sent_at = now
            metrics.waits.append(now - call.enqueued_at)
        call.attempt += 1
        call.nonce = nonce
        call.sent_at = now
        call.state = "sent"
        metrics.sent += 1
        metrics.sent_at.append(now)
        if self._admission.starting:
            await self._admission.started(call, now)
        return True

    def _taken_back(self, call: Call, shared: Shared) -> bool:
        why = withdrawal.taken_back(call, shared)
        if why is not None:
            self._outcomes.withdraw(call, withdrawn(call, why))
        return why is not None

    def _refuse(self, shared: Shared, now: float) -> None:
        """Fail the waiting calls that an open breaker or a halt stops: they must not wait for it."""
        for call in self._outcomes.waiting():
            error = None if call.options.ignore_breaker else breaker.refusal(shared, now, call.endpoint.name)
            if error is None and shared.halted and withdrawal.places(call):
                error = _halted(call)
            if error is not None:
                self._outcomes.withdraw(call, error)

    def _sign(self, call: Call, nonce: int) -> SignedRequest:
        if call.deadline is None:
            return self._signer.sign(call.endpoint, call.fields, nonce)
        stamp = self._kraken_time.stamp(call.deadline)
        return self._signer.sign(call.endpoint, call.fields, nonce, deadline=stamp)

    def _hear(self, call: Call, response: Response) -> None:
        now = self._clock()
        if self._kraken_time.due(now):
            self._kraken_time.observe_date(response.headers.get("Date"), call.sent_at, now)

    # -- a cancel never waits for a stalled call -----------------------------------------------------------------

    def _watch(self, call: Call, seconds: float | None = None) -> None:
        """Look after a waiting cancel: once nothing has moved for ``cancel_patience``, it overtakes."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._patience if seconds is None else seconds, self._overtake, call)

    def _overtake(self, call: Call) -> None:
        if call.state != "queued" or call.future.done() or self._closed:
            return
        now = self._clock()
        stalled = now - self._moved_at
        if stalled < self._patience:
            self._watch(call, self._patience - stalled + 0.001)
            return
        self._moved_at = now  # the next one waits for this one, but no longer than its patience
        log.warning("%s overtakes a stalled call", call.endpoint.name, extra={"endpoint": call.endpoint.name})
        self._spawn(self._overtaking())

    async def _overtaking(self) -> None:
        """Send the waiting cancels one after the other, on a second connection, with higher nonces, without the turn.

        What they overtake was executed already, or is refused as Invalid nonce without effect and sent again.
        """
        stalled = self._in_flight
        while self._in_flight is stalled:
            if await self._exchange(self._admit_cancel, overtake=True) is None:
                return

    def _admit_cancel(self, shared: Shared) -> Call | None:
        now = self._clock()
        self._refuse(shared, now)
        call, _ = self._queue.choose(lambda call: 0.0 if call.priority == Priority.CANCEL else 1.0, now)
        return None if call is None else self._charge(call, shared, now)

    # -- asking ---------------------------------------------------------------------------------------------------

    async def _ask(
        self, options: Options, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Any:
        if self._loop is None:
            await self.open()
        call = self._prepare(options, name, {**params, **fields} if params else fields)
        await self._desk.open(call)
        self._submit(call)
        try:
            return await call.future
        except asyncio.CancelledError:
            self._outcomes.abandon(call)
            raise

    def _prepare(
        self, options: Options, name: str, params: dict[str, Any], *, internal: bool = False
    ) -> Call:
        """Turn what was asked for into a call; bad input fails here, before anything is queued."""
        loop = self._check_open()
        if self._signer is None:
            msg = f"{name} is a private call: give the session api_key and api_secret"
            raise AuthenticationError(msg, endpoint=name, outcome=Outcome.NOT_SENT)
        endpoint = find(name, private=True)
        if not endpoint.known:
            self._warn_unknown(name)
        deadline: float | None = None
        if not internal:
            if endpoint.changes or self._guard is not no_funding:
                request = self._guard(Request(endpoint.name, params, endpoint.changes))
                if request.endpoint != endpoint.name:
                    endpoint = find(request.endpoint, private=True)
                params = dict(request.params)
            params, deadline = self._desk.complete(endpoint, params)
        encoded = self._signer.encode(endpoint, params) if params else b""
        priority = endpoint.priority if options.priority is None else Priority(options.priority)
        timeout = options.timeout or self._timeout or (WRITE_TIMEOUT if endpoint.changes else READ_TIMEOUT)
        call = Call(endpoint, params, encoded, priority, timeout, options, loop.create_future())
        call.deadline, call.internal = deadline, internal
        call.resource = self._admission.resource(call)
        return call

    def _submit(self, call: Call) -> None:
        """Queue a call. Raises what makes it pointless to wait: an open breaker, a halt, a full queue, a closed session."""
        self._check_open()
        now = self._clock()
        seen = self._key.seen
        if not call.options.ignore_breaker and (error := breaker.refusal(seen, now, call.endpoint.name)):
            raise error
        if (seen.halted or self._halted) and withdrawal.places(call):
            raise _halted(call)
        if self._key.is_new and not self._metrics.sent:
            self._say_new()
        self._queue.push(call, now)
        self._outcomes.pending += 1
        if call.options.queue_timeout is not None:
            call.timer = asyncio.get_running_loop().call_later(call.options.queue_timeout, self._expire, call)

    def _expire(self, call: Call) -> None:
        if call.state in ("queued", "resting") and not call.attempt:
            seconds = call.options.queue_timeout
            msg = f"{call.endpoint.name} waited {seconds:g} s (queue_timeout) and was not sent"
            self._outcomes.withdraw(call, QueueTimeout(msg, endpoint=call.endpoint.name))

    async def _ask_public(
        self, options: Options, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Any:
        if self._loop is None:
            await self.open()
        loop = self._check_open()
        endpoint = find(name, private=False)
        merged = {**params, **fields} if params else fields
        path = endpoint.path + query(merged)
        request = SignedRequest("GET", path, {}, b"", 0)
        attempt, started = 0, loop.time()
        while True:
            if self.governor.enabled:
                await public_limit.admit(self._host, name, merged)
            attempt += 1
            sent = loop.time()
            try:
                response = await self._send(request, options.timeout or self._timeout or READ_TIMEOUT)
                result = decode(response, endpoint)
            except KrakenError as error:
                error.endpoint = name
                delay = self._retry.delay(error, endpoint, attempt, loop.time() - started)
                if delay is None:
                    raise
                await asyncio.sleep(delay)
            else:
                self._kraken_time.observe_date(response.headers.get("Date"), sent, loop.time())
                return result

    # -- stopping and going on -----------------------------------------------------------------------------------

    async def halt(self) -> Any:
        """Stop trading: waiting orders and changes fail unsent, CancelAll goes out, new ones are refused.

        Holds in every process on the key, and over restarts, until :meth:`resume`. Returns CancelAll's result; raises
        KrakenError if it could not be done, with the halt in force all the same. Cancelled: the halt stays in force.
        """
        if self._loop is None:
            await self.open()
        self._check_open()
        self._halted = True
        for call in self._outcomes.waiting():
            if withdrawal.places(call):
                self._outcomes.withdraw(call, _halted(call))
        await self._key.update(withdrawal.halt)
        log.warning("trading is halted on this key until resume()")
        return await self.private("CancelAll")

    def resume(self) -> None:
        """Let orders go again, on this session at once, in every other process on the key within a moment."""
        self._check_open()
        self._halted = False
        self._key.seen.halted = False
        self._spawn(self._key.update(withdrawal.resume))
