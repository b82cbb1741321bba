"""SessionThread: a session on an event loop in a thread of its own.

Rules:

1. The session is opened, used and closed in its own loop; other threads only hand work over and wait.
2. The thread never keeps its owner alive: one that is dropped, or forgotten at the end of the program, is closed.
3. A forked child has no such thread: it must start one of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import weakref
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Final, TypeVar

from kraken_async.api.arguments import check_seconds
from kraken_async.errors import SessionClosed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.session import KrakenSession

T = TypeVar("T")

#: Seconds that closing waits for the call in flight, and beyond that for the thread.
GRACE: Final = 10.0
_LEEWAY: Final = 5.0


class _Host:
    """The work of the thread. It knows nothing of the SessionThread that owns it."""

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
        except BaseException as error:
            if not self.ready.done():  # no loop could be made: no descriptor is left, say
                self.ready.set_exception(error)
            # Python 3.12.0 and 3.12.1 start no thread while the program ends. What is then not given back is
            # skipped by the next start, as after a crash.
            elif not (isinstance(error, RuntimeError) and "interpreter shutdown" in str(error)):
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


class SessionThread:
    """A session that any thread may use. ``make`` is called in the session's own thread.

    Raises what ``make`` or opening raises, and RuntimeError or OSError if no thread or no loop can be had.
    """

    def __init__(self, make: Callable[[], KrakenSession]) -> None:
        gevent = sys.modules.get("gevent.monkey")
        if gevent is not None and gevent.is_module_patched("threading"):
            msg = (
                "gevent has replaced this process's threads, and a loop would stop all its greenlets: "
                "use patch_all(thread=False), gunicorn's gthread workers, or the gateway"
            )
            raise RuntimeError(msg)
        self._host = host = _Host(make)
        host.thread.start()
        self._loop, self._session = host.ready.result()
        self._lock = threading.Lock()
        self._closed = False
        # When it is collected, and at the end of the program, after the threads that may still use it.
        self._finalizer = weakref.finalize(self, host.end)

    @property
    def here(self) -> bool:
        """Whether it was started in this process, not in the parent that this one was forked from."""
        return self._host.pid == os.getpid()

    def submit(self, work: Callable[[KrakenSession], Awaitable[T]]) -> Future[T]:
        """Begin ``await work(session)`` in the session's loop; return its future. Cancelling it cancels the work.

        Raises SessionClosed after `close` and in a forked child.
        """
        if not self.here:
            raise SessionClosed(
                f"this {type(self).__name__} stayed behind in the parent process: make another one"
            )

        async def run() -> T:
            return await work(self._session)

        with self._lock:  # what was handed over before closing is done, or told, before the loop ends
            if self._closed:
                raise SessionClosed(f"this {type(self).__name__} is closed")
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

    def close(self, grace: float = GRACE) -> None:
        """Close the session: waiting cancels go out, other waiting calls fail, the one in flight has ``grace`` s."""
        check_seconds("grace", grace, least=0.0)
        with self._lock:
            self._closed = True
        self._host.grace = grace
        self._finalizer()
