"""Runtime: the parts of one open session, built once, in order of dependence.

Nothing is set on a part after it was made, and no part writes another's attributes. :meth:`KeyRuntime.open` builds what
belongs to an API key, :meth:`Runtime.open` what public calls need. Closing is the exit stack's order, last first.

More than 300 lines: it is one list, read in the order in which its parts depend on each other.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from kraken_async.calls import closing, log_messages
from kraken_async.calls.cancel_overtaking import CancelOvertaking
from kraken_async.calls.cancellation import Cancellation
from kraken_async.calls.choice import CallChoice
from kraken_async.calls.faults import Faults
from kraken_async.calls.halt import Halt
from kraken_async.calls.ledger import CallLedger
from kraken_async.calls.lost_orders import LostOrders
from kraken_async.calls.market_modes import MarketModes
from kraken_async.calls.nonce_recovery import NonceRecovery
from kraken_async.calls.observation import Observation
from kraken_async.calls.public_calls import PublicCalls
from kraken_async.calls.replies import ReplyHandler
from kraken_async.calls.request_queue import RequestQueue
from kraken_async.calls.session_statistics import SessionStatistics
from kraken_async.calls.submission import READ_TIMEOUT, Submission
from kraken_async.calls.tasks import Tasks
from kraken_async.calls.time_sync import TimeSync
from kraken_async.calls.unclosed import Unclosed
from kraken_async.calls.worker import CallWorker
from kraken_async.monitoring import statistics
from kraken_async.monitoring.metrics import Metrics
from kraken_async.monitoring.problem_watch import ProblemWatch
from kraken_async.monitoring.reporter import Reporter
from kraken_async.monitoring.status_file import showing_status
from kraken_async.orders.journal import open_journal
from kraken_async.orders.outcome_log import OutcomeLog
from kraken_async.orders.reconciler import OrderReconciler
from kraken_async.orders.tracker import OrderTracker
from kraken_async.problems import ProblemBoard
from kraken_async.server_time import ServerTime
from kraken_async.system.clocks import clock_of
from kraken_async.wire.transport import Transport, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken_async.call import CallOptions
    from kraken_async.monitoring.metrics import Statistics
    from kraken_async.settings import Config
    from kraken_async.stores.base import Store
    from kraken_async.wire.signer import Signer
    from kraken_async.wire.transport import Send

    Clock = Callable[[], float]


class Runtime:
    """One open session, of one event loop. ``key``: the parts that belong to its API key; None without one."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        metrics: Metrics,
        public: PublicCalls,
        key: KeyRuntime | None,
        stack: AsyncExitStack,
    ) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.key = key
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._public = public
        self._stack = stack

    @classmethod
    async def open(cls, config: Config, store: Store) -> Self:
        """Build and start the parts. Whatever fails, or is cancelled, what was opened is closed again."""
        async with AsyncExitStack() as stack:
            clock = clock_of(asyncio.get_running_loop())
            metrics = Metrics(clock())
            transport = Transport(config.base_url, http=config.http, plain_http=config.plain_http)
            stack.push_async_callback(transport.close)
            send = transport.send if config.transport is None else whole(config.transport)
            server_time, faults = ServerTime(clock), Faults()
            public = PublicCalls(config.base_url, send, config.governor, config.retry, server_time, faults)
            key = None
            if config.signer is not None:
                key = await KeyRuntime.open(
                    config, config.signer, store, stack, send, public, server_time, faults, metrics, clock
                )
            await transport.open()
            return cls(config, clock, metrics, public, key, stack.pop_all())

    def __repr__(self) -> str:
        return "<Runtime without a key>" if self.key is None else f"<Runtime {self.key!r}>"

    @property
    def ended(self) -> bool:
        """Whether the worker has ended, so that no call can be made any more."""
        return self.key is not None and self.key.ledger.ended

    async def ask_public(self, name: str, params: Mapping[str, Any], options: CallOptions) -> Any:
        """Check and make one public call. See Client.public."""
        checks = self._config.checks
        if checks is not None:
            (checks.lenient if options.lenient else checks).check(name, params)
        timeout = options.timeout or self._config.timeout or READ_TIMEOUT
        return await self._public.ask(name, params, timeout, exactly=options.converts, trace=options.trace)

    def statistics(self) -> Statistics:
        """Return one frozen snapshot, all taken at one moment. Never waits."""
        now, key = self._clock(), self.key
        if key is None:
            return statistics.of_calls(self._metrics, self._config.governor, now)
        return key.stats.at(now)

    async def close(self, grace: float) -> None:
        """Send waiting cancels, fail the rest, wait up to ``grace`` seconds for what is in flight, release all."""
        try:
            if self.key is not None:
                await self.key.finish(grace)
        finally:
            await self._stack.aclose()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyRuntime:
    """The parts of one open session that belong to its API key, as far as the session asks them for something."""

    unclosed: Unclosed
    queue: RequestQueue
    ledger: CallLedger
    tracker: OrderTracker
    submission: Submission
    lost_orders: LostOrders
    cancellation: Cancellation
    observation: Observation
    halt: Halt
    board: ProblemBoard
    stats: SessionStatistics

    def __repr__(self) -> str:
        return f"<KeyRuntime {self.queue!r}>"

    @classmethod
    async def open(
        cls,
        config: Config,
        signer: Signer,
        store: Store,
        stack: AsyncExitStack,
        send: Send,
        public: PublicCalls,
        server_time: ServerTime,
        faults: Faults,
        metrics: Metrics,
        clock: Clock,
    ) -> Self:
        """Build and start the parts, each to be closed by ``stack``."""
        state = store.key(signer.key_id, config.unit)
        await state.open(clock)
        stack.push_async_callback(state.close)
        tasks = Tasks()
        queue = RequestQueue(config.max_queued)
        gate = config.governor.admission(
            config.tier, config.account, clock, queue.wake, tier_unset=config.tier_unset
        )
        stack.callback(gate.close)
        reporter = Reporter(metrics, config.listeners, tasks.start, clock)
        board = ProblemBoard()
        modes = MarketModes(board, clock)
        journal = open_journal(config.orders, store.journal_directory(config.state_dir), signer.key_id)
        if journal is not None:
            await journal.look(server_time.now())
        tracker = OrderTracker(config.orders, journal, server_time, state)
        stack.callback(tracker.close_journal)
        outcomes = OutcomeLog(config.orders.outcome_log)
        # Every call ends here, once.
        ledger = CallLedger(queue, listeners=(tracker, outcomes, reporter, modes))
        halt = Halt(state, ledger, tasks)
        stack.push_async_callback(halt.close)
        submission = Submission(
            signer,
            config.guard,
            config.timeout,
            config.checks,
            key=state,
            gate=gate,
            ledger=ledger,
            tracker=tracker,
            reporter=reporter,
            halt=halt,
            time_sync=TimeSync(public, server_time, tasks, clock),
            clock=clock,
            hold_pairs=config.orders.hold_pair_while_unknown,
            warn_one_way=state.is_new and config.unit == "ns",
        )
        reconciler = OrderReconciler(
            submission.ask_internal,
            tracker,
            server_time=server_time,
            clock=clock,
            visibility=config.orders.visibility,
        )
        cancellation = Cancellation(submission, reconciler, server_time, clock, config.orders.visibility)
        lost_orders = LostOrders(
            config.orders,
            tracker,
            reconciler,
            ledger,
            reporter,
            tasks,
            cancellation,
            server_time,
            clock,
            outcomes,
        )
        nonces = NonceRecovery(state, config.unit, submission.ask_internal, clock)
        replies = ReplyHandler(
            ledger,
            queue,
            state,
            gate,
            config.retry,
            nonces,
            lost_orders,
            reporter,
            modes,
            tasks,
            server_time,
            clock,
        )
        choice = CallChoice(queue, gate, ledger, tracker, halt, faults, clock)
        worker = CallWorker(
            state,
            queue,
            choice,
            gate,
            signer,
            send,
            ledger=ledger,
            tracker=tracker,
            replies=replies,
            reporter=reporter,
            faults=faults,
            server_time=server_time,
            patience=config.cancel_patience,
            clock=clock,
        )
        overtaking = CancelOvertaking(state, queue, worker, tasks, config.cancel_patience, clock)
        unclosed = Unclosed(state.drop, tracker.close_journal)
        stats = SessionStatistics(
            metrics,
            config.unit,
            key=state,
            gate=gate,
            queue=queue,
            worker=worker,
            tracker=tracker,
            nonces=nonces,
            board=board,
            modes=modes,
            ledger=ledger,
            halt=halt,
            faults=faults,
        )
        runtime = cls(
            unclosed=unclosed,
            queue=queue,
            ledger=ledger,
            tracker=tracker,
            submission=submission,
            lost_orders=lost_orders,
            cancellation=cancellation,
            observation=Observation(lost_orders, gate, state, server_time),
            halt=halt,
            board=board,
            stats=stats,
        )
        log_messages.opened(state, tier_unset=config.tier_unset and config.governor.enabled)
        await stack.enter_async_context(tasks)  # they end before anything that they use is closed
        tasks.start(unclosed.run(), name="kraken_async end")
        tasks.start(faults.keep_going("the flush", state.maintain), name="kraken_async flush")
        tasks.start(faults.keep_going("overtaking", overtaking.run), name="kraken_async overtaking")
        if config.listeners.on_problem is not None:
            watch = ProblemWatch(lambda: stats.problems(clock()), reporter.problem_changed, board)
            tasks.start(faults.keep_going("the problems", watch.run), name="kraken_async problems")
        tasks.start(worker.run(), name="kraken_async worker", on_end=replies.worker_ended)  # no one hangs
        told = (lambda: stats.at(clock())), metrics.last_calls
        await stack.enter_async_context(showing_status(state, store.status_directory(), signer.key_id, *told))
        return runtime

    async def finish(self, grace: float) -> None:
        """Send waiting cancels, fail the rest with SessionClosed, and wait up to ``grace`` seconds for the others."""
        self.unclosed.close()
        await closing.finish(self.ledger, grace)
