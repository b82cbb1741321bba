"""KrakenSession: owns the parts, spells the exchange, opens and closes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import warnings
from typing import TYPE_CHECKING, Any, Final, Self

from kraken_async.api.endpoints import Priority, Tier
from kraken_async.call import DEFAULTS, CallOptions
from kraken_async.calls import log_messages, nonce_recovery
from kraken_async.calls.cancel_overtaking import CancelOvertaking
from kraken_async.calls.ledger import Outcomes
from kraken_async.calls.public_calls import PublicCalls
from kraken_async.calls.request_queue import RequestQueue
from kraken_async.calls.retry import RetryPolicy
from kraken_async.calls.submission import READ_TIMEOUT, Submission
from kraken_async.calls.tasks import Tasks
from kraken_async.calls.worker import Exchange
from kraken_async.client import Caller
from kraken_async.errors import (
    AuthenticationError,
    KrakenError,
    NonceStoreError,
    Outcome,
    OutcomeUnknown,
    TransportError,
)
from kraken_async.limits.budget import Budget
from kraken_async.limits.governor import BurstGovernor
from kraken_async.monitoring.metrics import Metrics
from kraken_async.monitoring.reporter import Reporter
from kraken_async.monitoring.statistics import snapshot
from kraken_async.monitoring.status_file import StatusFile
from kraken_async.orders import recall
from kraken_async.orders.dead_man_switch import DeadManSwitch
from kraken_async.orders.journal import open_journal
from kraken_async.orders.tracker import OrderDesk, OrderPolicy
from kraken_async.server_time import ServerTime
from kraken_async.settings import PRODUCTION, Settings
from kraken_async.stores.base import UNITS
from kraken_async.stores.file import FileStore
from kraken_async.wire.signer import Signer
from kraken_async.wire.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from os import PathLike
    from types import TracebackType

    import aiohttp

    from kraken_async.call import Orphan
    from kraken_async.guards import Guard
    from kraken_async.limits.governor import Admission
    from kraken_async.monitoring.metrics import Observer, Statistics
    from kraken_async.orders.journal import Intent
    from kraken_async.stores.base import KeyState, Store
    from kraken_async.wire.messages import Response, SignedRequest

log = logging.getLogger("kraken_async")

HALT_TRIES: Final = 3
TIME_TIMEOUT: Final = 2.0


class KrakenSession(Exchange, Caller):
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
        self._session, self._options = self, DEFAULTS
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._queue = RequestQueue(max_queued)
        one_alone = (api_key is None) != (api_secret is None)
        try:
            self._signer = None if api_key is None or api_secret is None else Signer(api_key, api_secret, otp)
        except ValueError as error:
            raise error.with_traceback(None) from None
        finally:
            del api_key, api_secret, otp  # a traceback with locals shows none of them, whatever else is wrong
        if one_alone:
            msg = "api_key and api_secret go together: give both, or neither for public calls only"
            raise ValueError(msg)
        if nonce_unit not in UNITS:
            msg = f"nonce_unit is one of {', '.join(UNITS)}, not {nonce_unit!r}"
            raise ValueError(msg)
        if (timeout is not None and not timeout > 0) or not cancel_patience > 0:
            msg = f"timeout and cancel_patience are seconds above 0, not {timeout!r} and {cancel_patience!r}"
            raise ValueError(msg)
        observers = tuple(observers)
        for name, given in (
            ("guard", guard),
            ("on_orphan", on_orphan),
            *(("observers", o) for o in observers),
        ):
            if given is not None and not callable(given):
                msg = f"{name} takes a function, not {given!r}"
                raise ValueError(msg)
        self._tier = None if tier is None else Tier.of(tier)
        self._tier_unset = tier is None and governor is None
        self.governor = governor if governor is not None else BurstGovernor(self._tier)
        self._unit, self._account, self._timeout = nonce_unit, account, timeout
        self._state_dir = state_dir
        self._store = store if store is not None else FileStore(state_dir)
        self._transport = Transport(base_url, http=http, plain_http=plain_http)
        self._send = transport if transport is not None else self._transport.send
        self._policy = orders if orders is not None else OrderPolicy()
        retry = retry if retry is not None else RetryPolicy()
        self._metrics = Metrics()
        self._server_time = ServerTime()
        self._background = Tasks()
        self._reporter = Reporter(self._metrics, observers, on_orphan, self._background.spawn)
        self._outcomes = Outcomes(
            queue=self._queue,
            retry=retry,
            metrics=self._metrics,
            reporter=self._reporter,
            unit=nonce_unit,
        )
        self._intake = Submission(self._signer, self._queue, self._outcomes, guard, timeout)
        self._public = PublicCalls(base_url, self._send, self.governor, retry, self._server_time)
        self._overtaker = CancelOvertaking(
            cancel_patience, clock=self._now, send=self._exchange_cancel, spawn=self._background.spawn
        )
        self._clock: Callable[[], float] = time.monotonic
        self._opening = asyncio.Lock()
        self._flush_due = asyncio.Event()
        self._closer: asyncio.Task[None] | None = None
        self._wait: float | None = None  # how long none of the waiting calls may go
        self._chosen = {}
        self._resumed = self._resumes = 0
        self._nonce_finding: str | None = None
        self._learning: asyncio.Task[None] | None = None
        self._status: StatusFile | None = None
        self._key: KeyState
        self._admission: Admission
        self._desk: OrderDesk
        self._worker: asyncio.Task[None]

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Return a session with the environment's key, tier, address and state directory; ``options`` go before.

        Reads KRAKEN_API_KEY, KRAKEN_API_SECRET (or ``*_FILE``), KRAKEN_API_TIER, KRAKEN_API_URL, KRAKEN_STATE_DIR
        and KRAKEN_GOVERNOR ("off": holds nothing back). Raises ValueError as the constructor does.
        """
        env = Settings.from_env()
        options.setdefault("api_key", env.api_key)
        options.setdefault("api_secret", env.api_secret)
        options.setdefault("tier", env.tier)
        options.setdefault("base_url", env.base_url)
        options.setdefault("state_dir", env.state_dir)
        options.setdefault("governor", None if env.governor else BurstGovernor.off())
        try:
            return cls(**options)
        except BaseException:
            options.clear()  # as in the constructor: nothing for a traceback that shows locals
            raise

    def __repr__(self) -> str:
        state = "closed" if self._closed else "new" if self._loop is None else "open"
        return f"<KrakenSession {state}, {self._queue!r}>"

    # -- asking ---------------------------------------------------------------------------------------------------

    async def _ask(
        self, options: CallOptions, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Any:
        if self._loop is None:
            await self.open()
        self._check_open()
        if not self._metrics.sent:
            self._say_one_way()
        call = await self._intake.enter(options, name, {**params, **fields} if params else fields)
        try:
            return await call.future
        except asyncio.CancelledError:
            self._outcomes.abandon(call)
            raise

    def _say_one_way(self) -> None:
        if self._signer is not None and self._key.is_new and self._unit == "ns":
            self._key.is_new = False
            log.warning(log_messages.ONE_WAY)

    async def _ask_public(
        self, options: CallOptions, name: str, params: Mapping[str, Any] | None, fields: dict[str, Any]
    ) -> Any:
        if self._loop is None:
            await self.open()
        self._check_open()
        timeout = options.timeout or self._timeout or READ_TIMEOUT
        return await self._public.ask(name, {**params, **fields} if params else fields, timeout)

    async def halt(self) -> Any:
        """Stop trading: waiting orders and changes fail unsent, CancelAll goes out, new ones are refused.

        Holds in every process on the key, and over restarts, until :meth:`resume`. Returns CancelAll's result; raises
        KrakenError if it could not be done, with the halt in force all the same. Cancelled: the halt stays in force.
        """
        if self._signer is None:
            msg = "halt() is about an API key: give the session api_key and api_secret"
            raise AuthenticationError(msg, outcome=Outcome.NOT_SENT)
        if self._loop is None:
            await self.open()
        self._check_open()
        self._intake.halted, self._resumed = True, 0
        for call in self._outcomes.waiting():
            if recall.places(call):
                self._outcomes.withdraw(call, log_messages.halted(call))
        try:
            await self._key.update(recall.halt)
            self._intake.halted = False  # the shared state says it now, and says when it ends
        except NonceStoreError as error:
            log.error("the halt holds in this session only, other processes cannot be told: %s", error)
        log.warning("trading is halted on this key until resume()")
        for _ in range(HALT_TRIES - 1):
            try:
                return await self.private("CancelAll")
            except (OutcomeUnknown, TransportError):
                continue  # no order can slip in between, so CancelAll may simply be repeated
        return await self.private("CancelAll")

    def resume(self) -> None:
        """Let orders go again: here at once, in the other processes on the key within a moment.

        Raises SessionClosed before the session is opened, and without a key.
        """
        self._check_open()
        if self._loop is None or self._signer is None:
            raise log_messages.closed("resume()")
        self._intake.halted = self._key.seen.halted = False
        self._resumes += 1
        self._resumed = self._resumes
        self._background.spawn(self._spread_resume(self._resumed))

    async def _spread_resume(self, number: int) -> None:
        """Write a resume() down, unless a halt() or another one came meanwhile."""
        await self._key.update(lambda shared: recall.resume(shared) if self._resumed == number else None)
        if self._resumed == number:
            self._resumed = 0

    # -- opening and closing --------------------------------------------------------------------------------------

    async def open(self) -> Self:
        """Open the state and start the worker, in the running loop. ``async with`` does it; a first call does too.

        Raises NonceStoreError naming the file and the cure; SessionClosed if it was closed before.
        """
        async with self._opening:
            if self._loop is None and not self._closed:
                await self._start(asyncio.get_running_loop())
                if self._closed:  # meanwhile; whoever closed it may have stopped waiting
                    await asyncio.shield(self._begin_closing(0.0))
        self._check_open()
        return self

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = self._server_time.clock = clock = _clock_of(loop)
        self._metrics.started_at = loop.time()
        if self._signer is not None:
            key = self._store.key(self._signer.key_id, self._unit)
            await key.open(clock)
            self._key = key
            self._admission = self.governor.admission(self._tier, self._account, clock, self._queue.wake)
            self._desk = OrderDesk(
                self._policy,
                ask=self._intake.ask_internal,
                finish=self._outcomes.finish,
                report=self._reporter.report,
                server_time=self._server_time,
                clock=clock,
                journal=open_journal(self._policy, self._store, self._signer.key_id, self._state_dir),
            )
            self._intake.key, self._intake.desk, self._intake.admission = key, self._desk, self._admission
            self._intake.time_known = lambda: self._server_time.known or self._learning_over()
            self._intake.learn_time = self._learn_time
            self._reporter.clock = clock
            self._outcomes.bind(key, self._admission, clock)
            self._desk.resend = self._outcomes.repeat
            self._desk.placed = key.placed
            self._outcomes.lost, self._outcomes.ended = self._desk.lost, self._desk.ended
            self._outcomes.server_now = self._server_time.now
            self._outcomes.server_at_least = self._server_time.at_least
            self._outcomes.inspect = lambda: self._background.spawn(self._ask_about_key())
            self._queue.on_cancel = self._overtaker.watch
            key.on_flush_due = self._flush_due.set
            log_messages.opened(key, tier_unset=self._tier_unset and self.governor.enabled)
            self._background.spawn(self._flush(), name="kraken_async flush")
            if isinstance(self._store, FileStore):
                self._status = StatusFile(
                    self._store.directory, self._signer.key_id, self.stats, self._metrics.last_calls
                )
                self._status.start()
            self._worker = loop.create_task(self._work(), name="kraken_async worker")
            self._worker.add_done_callback(self._worker_ended)
        await self._transport.open()
        self._loop = loop

    async def _learn_time(self, patience: float | None) -> None:
        """Ask Kraken for its time, once, before the first order's deadline is stamped in it.

        Shared by the orders that wait for it, in their order, each for at most ``patience`` seconds. Without an answer
        this machine's clock is used.
        """
        if self._learning is None:
            self._learning = asyncio.get_running_loop().create_task(self._ask_time())
        await asyncio.wait(
            [self._learning], timeout=patience
        )  # whoever leaves does not take it from the others

    def _learning_over(self) -> bool:
        return self._learning is not None and self._learning.done()

    async def _ask_time(self) -> None:
        sent = self._clock()
        try:
            async with asyncio.timeout(TIME_TIMEOUT):  # the wait for the public limit included
                answer = await self._public.ask("Time", {}, TIME_TIMEOUT, attempts=1)
            self._server_time.observe(float(answer["unixtime"]), sent, self._clock())
        except (KrakenError, KeyError, TimeoutError, TypeError, ValueError) as error:
            why = str(error) or f"no answer within {TIME_TIMEOUT:g} s"
            log.warning("Kraken's time could not be asked (%s): deadlines are stamped by this clock", why)

    async def _flush(self) -> None:
        """Raise the durable ceiling ahead of need, so that a flow of calls never waits for the disk."""
        while True:
            await self._flush_due.wait()
            self._flush_due.clear()
            await self._key.flush()

    async def _ask_about_key(self) -> None:
        """A jump healed the nonce: ask Kraken who else moves it."""
        try:
            info = await self._intake.ask_internal("GetApiKeyInfo", {})
        except KrakenError as error:
            log.warning("the nonce was healed by a jump; asking Kraken why failed: %s", error)
            return
        self._nonce_finding = nonce_recovery.diagnose(info, self._key.seen.last, self._unit)
        log.warning("the nonce was healed by a jump: %s", self._nonce_finding or "no other writer is seen")

    def _worker_ended(self, task: asyncio.Task[None]) -> None:
        """However the worker ends, nobody who waits is left hanging."""
        cause = None if task.cancelled() else task.exception()
        self._closed = self._outcomes.closing = True
        if cause is not None:
            log.error("the worker ended by a fault of its own", exc_info=cause)
        self._desk.stop()  # before its look-ups are ended: it must not ask anew
        self._outcomes.end_all(lambda name: log_messages.closed(name, cause))

    async def drain(self) -> None:
        """Wait until every call that waits has been sent and answered. Cancelled: nothing changes."""
        await self._outcomes.idle()

    async def aclose(self, grace: float = 10.0) -> None:
        """Send waiting cancels, fail the rest with SessionClosed, give the call in flight ``grace`` seconds, let go.

        Idempotent. Cancelled: it closes at once, without the grace, and raises CancelledError.
        """
        if self._closer is None:
            self._closed = True
            async with self._opening:  # what is being opened is opened, and then closed
                pass
            if self._loop is None:
                return
        closer = self._begin_closing(grace)
        try:
            # Shielded: half a closing would leave locks and handles behind.
            await asyncio.shield(closer)
        except asyncio.CancelledError:
            closer.cancel()
            await asyncio.wait([closer])
            raise

    close = aclose

    def _begin_closing(self, grace: float) -> asyncio.Task[None]:
        if self._closer is None:
            self._closer = asyncio.get_running_loop().create_task(self._close(grace))
        return self._closer

    async def _close(self, grace: float) -> None:
        self._outcomes.closing = True
        try:
            for call in self._outcomes.waiting():
                if call.priority != Priority.CANCEL and not call.internal:
                    self._outcomes.withdraw(call, log_messages.closed(call.endpoint.name))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._outcomes.idle()
        finally:
            try:
                if self._signer is not None:
                    await self._let_go()
            finally:
                await self._transport.close()

    async def _let_go(self) -> None:
        if self._learning is not None:
            self._learning.cancel()
        self._worker.cancel()
        await asyncio.wait([self._worker])
        if self._status is not None:
            await self._status.stop()
        await self._desk.close()
        if self._resumed:
            with contextlib.suppress(
                NonceStoreError
            ):  # a halt that cannot be lifted stays, and shows at the next start
                await self._spread_resume(self._resumed)
        await self._background.close()
        self._outcomes.end_all(log_messages.closed)
        await self._key.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_loop", None) is not None and not self._closed:
            warnings.warn(
                f"{self!r} was not closed: use async with", ResourceWarning, source=self, stacklevel=2
            )

    def _check_open(self) -> None:
        if self._closed:
            raise log_messages.closed()
        if self._loop is not None and asyncio.get_running_loop() is not self._loop:
            msg = "a session belongs to the event loop that opened it; open another one, it shares the key's state"
            raise RuntimeError(msg)

    def _now(self) -> float:
        return self._clock()

    # -- what is known ---------------------------------------------------------------------------------------------

    def stats(self) -> Statistics:
        """Return one frozen snapshot of the session, its ``problems`` in plain sentences. Never waits."""
        return snapshot(self)

    def budget(self) -> Budget:
        """Return how much of Kraken's counters is left, and when how much more may go. Never waits.

        Raises SessionClosed before the session is opened.
        """
        if self._loop is None or self._signer is None:
            raise log_messages.closed("budget()")
        self._look()
        return Budget.of(self._admission, self._key.seen, self._clock())

    def _look(self) -> None:
        """See what other sessions on the key have written, for statistics, without waiting."""
        if not self._resumed and not self._closed:
            self._key.refresh()

    def unresolved(self) -> list[Intent]:
        """Return the orders whose outcome is not known: of sessions that died, and of this one those given up on.

        Each has ``cl_ord_id``, ``endpoint`` and ``sent_at`` (unix seconds). What a living session has in flight is
        not among them. Empty before the session is opened.
        """
        return self._desk.unresolved() if self._loop is not None and self._signer is not None else []

    async def resolve(self, intent: Intent | OutcomeUnknown) -> Any:
        """Settle one of :meth:`unresolved`: return the order's result as Kraken would have given it.

        Raises what the order was refused with, or OutcomeUnknown with its ``finding``. Cancelled: nothing changes.
        """
        if self._loop is None:
            await self.open()
        self._check_open()
        return await self._desk.resolve(intent)

    def dead_man_switch(self, seconds: float, *, every: float = 15.0) -> DeadManSwitch:
        """Return an ``async with`` in which all orders of the *account* are cancelled if this program falls silent.

        Kraken's CancelAllOrdersAfter, set to ``seconds`` and refreshed ``every`` so many; disarmed on a clean exit.
        """
        return DeadManSwitch(self, seconds, every)


def _clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return the loop's clock; asyncio's own is the monotonic clock, read without the detour through a method."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
