"""KrakenSession without await: the asynchronous one in a thread of its own, opened when it is first used."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Self, TypeVar

from kraken_async import session as asynchronous
from kraken_async.api.arguments import check_seconds
from kraken_async.errors import OutcomeUnknown, SessionClosed
from kraken_async.sync.client import Client, ClientView, like
from kraken_async.sync.errors import make_waiting
from kraken_async.sync.session_thread import GRACE, SessionThread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Unpack

    from kraken_async.limits.budget import Budget
    from kraken_async.limits.governor import BurstGovernor
    from kraken_async.monitoring.metrics import Statistics
    from kraken_async.orders.dead_man_switch import DeadManSwitch as AsyncDeadManSwitch
    from kraken_async.orders.intent import Intent
    from kraken_async.orders.pending_order import Search
    from kraken_async.settings import AllSessionOptions

P = ParamSpec("P")
T = TypeVar("T")


def _parameters_of(
    method: Callable[Concatenate[Any, P], Any],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """Give a constructor the parameters and the documentation of another one."""
    return lambda made: like(method, made)


class _Recipe:
    """How a session is made, again in each forked process. Shows nothing of what it holds."""

    __slots__ = ("_args", "_make", "_options")

    def __init__(self, make: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._make, self._args, self._options = make, args, options

    def make(self) -> asynchronous.KrakenSession:
        session: asynchronous.KrakenSession = self._make(*self._args, **self._options)
        return session


class KrakenSession(Client):
    """One API key's calls to Kraken, in order, without await, from any number of threads.

    Parameters and methods are those of the asynchronous KrakenSession. It is opened by ``with``, by `open` or by its
    first call, and closed by ``with``, by `close`, when it is dropped, or at the end of the program. In a forked
    process it is a session of that process's own, opened by its first call there.

    Raises ValueError for arguments that cannot work, before anything is sent; NonceStoreError when it is opened.

    >>> def main():
    ...     with KrakenSession(api_key, api_secret) as client:
    ...         return client.private("Balance")
    """

    @_parameters_of(asynchronous.KrakenSession.__init__)
    def __init__(self, *args: Any, **options: Any) -> None:
        recipe = _Recipe(asynchronous.KrakenSession, args, options)
        del args, options  # a traceback with locals shows no secret
        self._begin(recipe)

    def _begin(self, recipe: _Recipe) -> None:
        self._recipe = recipe
        self._session = recipe.make()
        self._thread: SessionThread | None = None
        self._closed = False
        self._pid = os.getpid()
        self._lock = threading.Lock()
        _sessions.add(self)

    @classmethod
    def from_env(cls, **options: Unpack[AllSessionOptions]) -> Self:
        """Return a session with the environment's key, tier, address and state; see the asynchronous one."""
        session = cls.__new__(cls)
        recipe = _Recipe(asynchronous.KrakenSession.from_env, (), {**options})
        del options
        session._begin(recipe)
        return session

    @classmethod
    def from_profile(
        cls,
        name: str = "main",
        *,
        path: str | os.PathLike[str] | None = None,
        **options: Unpack[AllSessionOptions],
    ) -> Self:
        """Return a session with what a profile says of an account; see the asynchronous one."""
        session = cls.__new__(cls)
        recipe = _Recipe(asynchronous.KrakenSession.from_profile, (name,), {"path": path, **options})
        del options
        session._begin(recipe)
        return session

    def __repr__(self) -> str:
        state = "closed" if self._closed else "new" if self._thread is None else "open"
        return f"<kraken_async.sync.KrakenSession {state}>"

    @property
    def governor(self) -> BurstGovernor:
        """The governor, which holds bursts back; ``governor.enabled`` may be switched at any time."""
        return self._session.governor

    # -- opening and closing ---------------------------------------------------------------------------------------

    def open(self) -> Self:
        """Open the session in its thread. ``with`` does it; a first call does too.

        Raises NonceStoreError naming the file and the cure; SessionClosed if it was closed before.
        """
        self._opened()
        return self

    def _opened(self) -> SessionThread:
        with self._lock:
            if self._closed:
                raise SessionClosed("the session is closed")
            if self._thread is None:
                session = self._session
                self._thread = SessionThread(lambda: session)
            return self._thread

    def _forked(self) -> None:
        """Begin again in a child process: the thread, the loop and the lock stayed with the parent."""
        self._lock = threading.Lock()
        self._thread = None
        if not self._closed:
            self._session = self._recipe.make()

    def close(self, grace: float = GRACE) -> None:
        """Close the session: waiting cancels go out, other waiting calls fail, the one in flight has ``grace`` s."""
        check_seconds("grace", grace, least=0.0)
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            thread.close(grace)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        thread = self._opened()
        try:
            return thread.run(work)
        except OutcomeUnknown as error:
            make_waiting(error, self._do)
            raise

    def _tell(self, work: Callable[[asynchronous.KrakenSession], T]) -> T:
        """Do ``work(session)``, which never waits, in the session's own thread."""

        async def told(session: asynchronous.KrakenSession) -> T:
            return work(session)

        return self._run(told)

    def _view(self, options: dict[str, Any]) -> ClientView:
        self._session.with_options(**options)  # checks them
        return ClientView(self, options)

    # -- what the asynchronous session has -------------------------------------------------------------------------

    def drain(self) -> None:
        """Wait until every call that waits has been sent and answered."""
        self._run(lambda session: session.drain())

    def halt(self, *, cancel: bool = True) -> Any:
        """Stop trading on this key: CancelAll goes out, new orders are refused; see the asynchronous one."""
        return self._run(lambda session: session.halt(cancel=cancel))

    def resume(self) -> None:
        """Let orders go again. Raises SessionClosed where there is no key."""
        self._tell(lambda session: session.resume())

    def resolve(self, intent: Intent | OutcomeUnknown) -> Any:
        """Look one of `unresolved` up: return the order's result, or raise; see the asynchronous one."""
        return self._run(lambda session: session.resolve(intent))

    def dismiss(self, intent: Intent | OutcomeUnknown) -> None:
        """Strike one of `unresolved` off the record. Raises KeyError if it is not open."""
        self._run(lambda session: session.dismiss(intent))

    def ensure_cancelled(
        self,
        *,
        cl_ord_id: str | None = None,
        txid: str | None = None,
        intent: Intent | OutcomeUnknown | None = None,
    ) -> dict[str, Any]:
        """Cancel an order and look until it is proven closed; return it. See the asynchronous one."""
        return self._run(
            lambda session: session.ensure_cancelled(cl_ord_id=cl_ord_id, txid=txid, intent=intent)
        )

    def observe(self, execution: Mapping[str, Any] | str | bytes) -> None:
        """Learn from a message of Kraken's WebSocket v2, channel ``executions``; see the asynchronous one."""
        self._tell(lambda session: session.observe(execution))

    def budget(self) -> Budget:
        """Return how much of Kraken's counters is left. Raises SessionClosed where there is no key."""
        return self._tell(lambda session: session.budget())

    def search(self, intent: Intent | OutcomeUnknown) -> Search:
        """Return what was done so far to find out about one of `unresolved`; see the asynchronous one."""
        return self._tell(lambda session: session.search(intent))

    def stats(self) -> Statistics:
        """Return one frozen snapshot of the session. Zeros before it is opened; never opens it."""
        thread = self._thread
        if thread is None or self._closed:
            return self._session.stats()

        async def stats(session: asynchronous.KrakenSession) -> Statistics:
            return session.stats()

        return thread.run(stats)

    def unresolved(self, *, from_key: str | None = None) -> list[Intent]:
        """Return the orders whose outcome is not known; see the asynchronous one. Empty before it is opened."""
        thread = self._thread
        if thread is None or self._closed:
            return self._session.unresolved(from_key=from_key)

        async def unresolved(session: asynchronous.KrakenSession) -> list[Intent]:
            return session.unresolved(from_key=from_key)

        return thread.run(unresolved)

    def dead_man_switch(self, seconds: float, *, every: float = 15.0) -> DeadManSwitch:
        """Return a ``with`` in which all orders of the *account* are cancelled if this program falls silent.

        Kraken's CancelAllOrdersAfter, set to ``seconds`` and refreshed ``every`` so many by the session's thread;
        disarmed on a clean exit.
        """
        return DeadManSwitch(self, self._session.dead_man_switch(seconds, every=every))


class DeadManSwitch:
    """The dead man's switch as a plain ``with``. It watches the process: its thread refreshes while it runs."""

    def __init__(self, session: KrakenSession, switch: AsyncDeadManSwitch) -> None:
        self._session = session
        self._switch = switch

    def __repr__(self) -> str:
        return repr(self._switch)

    def __enter__(self) -> Self:
        self._session._do(self._switch.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session._do(lambda: self._switch.__aexit__(kind, error, trace))


_sessions: Final[weakref.WeakSet[KrakenSession]] = weakref.WeakSet()


def _begin_again_in_child() -> None:
    for session in list(_sessions):
        session._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again_in_child)
