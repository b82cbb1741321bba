"""Lifetime: a session is opened once, belongs to the event loop that opened it, and is closed once, whatever happens.

Its options are there from the beginning, its parts (runtime.py) from opening on. Opening and closing may overlap, and
either may be cancelled: what was opened is closed in any case.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Self

from kraken_async.api.arguments import check_seconds
from kraken_async.calls import log_messages

if TYPE_CHECKING:
    from types import TracebackType

    from kraken_async.runtime import Runtime
    from kraken_async.settings import Config
    from kraken_async.stores.base import Store


class Lifetime:
    """Opens and closes a session's parts."""

    # There before __init__ is done: a session that could not be made is shown in tracebacks all the same.
    _runtime: Runtime | None = None  # there from open() on
    _closed: bool = False

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._store = store
        self._closer: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> Self:
        """Open the state and start the worker, in the running loop. ``async with`` does it; a first call does too.

        Raises NonceStoreError naming the file and the cure; SessionClosed if it was closed before.
        """
        async with self._opening:
            if self._runtime is None and not self._closed:
                from kraken_async.runtime import Runtime  # what only an open session needs, aiohttp among it

                self._runtime = await Runtime.open(self._config, self._store)
                if self._closed:  # closed while opening; the closer may be gone
                    await asyncio.shield(self._begin_closing(self._runtime, 0.0))
        self._check_open()
        return self

    async def _opened(self) -> Runtime:
        """Return the open session's parts; opens it if this is its first use."""
        if self._runtime is None:
            await self.open()
        self._check_open()
        assert self._runtime is not None
        return self._runtime

    async def aclose(self, grace: float = 10.0) -> None:
        """Send waiting cancels, fail the rest with SessionClosed, wait up to ``grace`` seconds for the call in flight.

        Then all resources are released. Idempotent. Cancelled: it closes at once, without the grace, and raises
        CancelledError. Raises ValueError for a grace that is no time; the session stays open then.
        """
        check_seconds("grace", grace, least=0.0)
        if self._closer is None:
            self._closed = True
            async with self._opening:  # what is being opened is opened, and then closed
                pass
            if self._runtime is None:
                return
            closer = self._begin_closing(self._runtime, grace)
        else:
            closer = self._closer
        try:
            # Shielded: half a closing would leave locks and handles behind.
            await asyncio.shield(closer)
        except asyncio.CancelledError:
            closer.cancel()
            await asyncio.wait([closer])
            raise

    close = aclose

    def _begin_closing(self, runtime: Runtime, grace: float) -> asyncio.Task[None]:
        if self._closer is None:
            # Not by create_task(): a loop may start the task in there, and an observer that closes too find no closer.
            self._closer = asyncio.Task(runtime.close(grace), loop=asyncio.get_running_loop())
        return self._closer

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_runtime", None) is not None and not self._closed:
            warnings.warn(
                f"{self!r} was not closed: use async with", ResourceWarning, source=self, stacklevel=2
            )

    def _check_open(self) -> None:
        runtime = self._runtime
        if self._closed or (runtime is not None and runtime.ended):
            raise log_messages.closed(with_its_loop=runtime is not None and runtime.loop.is_closed())
        if runtime is not None and asyncio.get_running_loop() is not runtime.loop:
            msg = "a session belongs to the event loop that opened it; open another one, it shares the key's state"
            raise RuntimeError(msg)
