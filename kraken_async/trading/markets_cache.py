"""MarketsCache: one AssetPairs and one Assets request for all who wait, kept for an hour."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from kraken_async.errors import SessionClosed, one_line
from kraken_async.trading.markets import Markets

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Caller

log: logging.Logger = logging.getLogger("kraken_async")

#: Seconds that markets are kept.
LIFETIME: Final = 3600.0


class _Loading:
    """A request under way in one event loop, and how many wait for it."""

    def __init__(self, caller: Caller, task: asyncio.Task[Markets]) -> None:
        self.caller = caller
        self.task = task
        self.waiting = 0


class MarketsCache:
    """The markets at one address, for every session, event loop and thread of this process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: tuple[float, Markets] | None = None
        self._loading: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loading] = WeakKeyDictionary()

    async def get(self, caller: Caller, *, refresh: bool = False) -> Markets:
        """Return the markets, asked for through ``caller`` if they are not known, or ``refresh`` says so.

        Raises what the requests raise; nothing of a failure is kept. Cancelled: the others go on waiting.
        """
        kept = self._kept
        if kept is not None and not refresh and self._clock() - kept[0] < LIFETIME:
            return kept[1]
        loop = asyncio.get_running_loop()
        while True:
            loading = self._loading.get(loop)
            if loading is None or loading.task.done():
                loading = self._loading[loop] = _Loading(caller, loop.create_task(self._load(caller)))
                loading.task.add_done_callback(self._drop)
            try:
                return await self._wait(loading)
            except SessionClosed:
                if loading.caller is caller:
                    raise
                # What another session had asked for ended with it: ask through this one.
            except asyncio.CancelledError:
                this = asyncio.current_task()
                if not loading.task.cancelled() or (this is not None and this.cancelling()):
                    raise
                # The last of those who waited left just before this one came.

    def _drop(self, task: asyncio.Task[Markets]) -> None:
        """Forget a request that has ended; its failure was for those who waited."""
        loop = task.get_loop()
        if (loading := self._loading.get(loop)) is not None and loading.task is task:
            del self._loading[loop]
        if not task.cancelled():
            task.exception()

    async def _wait(self, loading: _Loading) -> Markets:
        loading.waiting += 1
        try:
            return await asyncio.shield(loading.task)
        finally:
            loading.waiting -= 1
            if not loading.waiting and not loading.task.done():
                loading.task.cancel()

    async def _load(self, caller: Caller) -> Markets:
        asked = self._clock()
        pairs = await caller.public("AssetPairs")
        markets = Markets(pairs, await caller.public("Assets"))
        if self._kept is not None:
            for change in markets.since(self._kept[1]):
                log.warning("market changed: %s", one_line(change))
        self._kept = asked, markets
        return markets


_caches: dict[str, MarketsCache] = {}


def cache_of(base_url: str) -> MarketsCache:
    """Return the cache of an address."""
    return _caches.setdefault(base_url, MarketsCache())
