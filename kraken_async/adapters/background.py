"""A session on an event loop in a thread of its own, for programs that have no loop.

    with BackgroundSession(KrakenSession.from_env) as kraken:
        balance = kraken.private("Balance")

Rules:

1. The session is made, opened, used and closed in its own loop; other threads only hand work over and wait.
2. The thread never keeps the owner alive: one that is dropped, or forgotten at the end of the program, is closed.
3. A forked child has no such thread: it must make a BackgroundSession of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from kraken_async import KrakenSession, SessionClosed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kraken_async import Statistics

T = TypeVar("T")

#: Seconds that closing waits for the call in flight, and beyond that for the thread.
GRACE: Final = 10.0
_LEEWAY: Final = 5.0


class _Host:
    """What the thread runs. It knows nothing of the BackgroundSession that owns it."""

    def __init__(self, make: Callable[[], KrakenSession]) -> None:
        self.make = make
        self.ready: Future[tuple[asyncio.AbstractEventLoop, KrakenSession]] = Future()
        self.pid = os.getpid()
        self.grace = GRACE
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.thread = threading.Thread(target=self._serve, name="kraken_async-session", daemon=True)

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except RuntimeError as error:
            # Python 3.12.0 and 3.12.1 start no thread while the program ends. What is then not given back is
            # skipped by the next start, as after a crash.
            if "interpreter shutdown" not in str(error):
                raise

    async def _run(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        make = self.make
        del self.make  # it may hold the owner
        try:
            session = make()
            del make
            await session.open()
        except BaseException as error:
            self.ready.set_exception(error)
            return
        self.ready.set_result((loop, session))
        try:
            await stop.wait()
        finally:
            await session.aclose(self.grace)

    def end(self) -> None:
        """Close the session and wait for the thread. Idempotent; from any thread."""
        loop, stop = self._loop, self._stop
        if self.pid != os.getpid() or loop is None or stop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)
        if self.thread is not threading.current_thread():  # a collection may run there
            self.thread.join(self.grace + _LEEWAY)


class BackgroundSession:
    """A KrakenSession that any thread may use. ``make`` is called in the session's own thread.

    Raises what ``make`` or opening raises: ValueError, NonceStoreError.
    """

    def __init__(self, make: Callable[[], KrakenSession] = KrakenSession.from_env) -> None:
        self._host = host = _Host(make)
        host.thread.start()
        self._loop, self._session = host.ready.result()
        self._lock = threading.Lock()
        self._closed = False
        # When it is collected, and at the end of the program, after the threads that may still use it.
        self._finalizer = weakref.finalize(self, host.end)

    def __repr__(self) -> str:
        return f"<BackgroundSession {self._session!r}>"

    def submit(self, work: Callable[[KrakenSession], Awaitable[T]]) -> Future[T]:
        """Begin ``await work(session)`` in the session's loop; return its future. Cancelling it cancels the work.

        Raises SessionClosed after `close` and in a forked child.
        """
        if self._host.pid != os.getpid():
            raise SessionClosed(
                "this BackgroundSession stayed behind in the parent process: make another one"
            )

        async def run() -> T:
            return await work(self._session)

        with self._lock:  # what was handed over before closing is done, or told, before the loop ends
            if self._closed:
                raise SessionClosed("this BackgroundSession is closed")
            return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def run(self, work: Callable[[KrakenSession], Awaitable[T]]) -> T:
        """Do ``await work(session)`` and wait for it. Interrupted (Ctrl-C): the work is cancelled.

        Raises what the work raises; RuntimeError in the session's own thread, where waiting would never end.
        """
        if threading.current_thread() is self._host.thread:
            raise RuntimeError("this is the session's own thread: await the session's methods instead")
        future = self.submit(work)
        try:
            return future.result()
        except CancelledError:
            raise SessionClosed("the session was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise

    def private(self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any) -> Any:
        """Make one private call and wait for its result; see KrakenSession.private."""
        return self.run(lambda session: session.private(endpoint, params, **fields))

    def public(self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any) -> Any:
        """Make one public call and wait for its result; see KrakenSession.public."""
        return self.run(lambda session: session.public(endpoint, params, **fields))

    def stats(self) -> Statistics:
        """Return the session's statistics."""

        async def stats(session: KrakenSession) -> Statistics:
            return session.stats()

        return self.run(stats)

    def close(self, grace: float = GRACE) -> None:
        """Close the session: waiting cancels go out, other waiting calls fail, the one in flight has ``grace`` s."""
        with self._lock:
            self._closed = True
        self._host.grace = grace
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
