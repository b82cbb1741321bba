"""krakenex, on a KrakenSession: the same script, its calls in order and within the limits.

    import kraken_async.adapters.krakenex as krakenex

    kraken = krakenex.API()
    kraken.load_key("kraken.key")
    print(kraken.query_private("Balance"))

Answers and refusals come in Kraken's envelope, ``{"error": [...], "result": ...}``, as krakenex gives them. What
differs:

- Raised, where krakenex raised exceptions of requests, are those of kraken_async. No answer: TransportError or
  RequestTimeout. Not sent: QueueFull, GuardRefused, NonceStoreError, TemporaryLockout while the key is locked out.
- OutcomeUnknown is raised for an order that may or may not have been placed; it is never shown as data.
- Any number of threads may share one API. Ctrl-C cancels the call that is waited for.
- RetrieveExport raises JSONDecodeError and leaves the file in ``response.content``, as with krakenex.
- The data's ``nonce`` is ignored and nothing is written into the data; None values are left out.
- An ``otp`` in the data is of that call alone; ``API(..., otp=...)`` holds for all, look-ups of orders among them.
- Withdrawals and transfers are refused unless ``API(..., guard=guards.allow_all)`` permits them.

From the environment: KRAKEN_STATE_DIR, KRAKEN_API_TIER, KRAKEN_GOVERNOR and KRAKEN_API_URL (the default of ``uri``).
"""

from __future__ import annotations

import os
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from kraken_async.adapters.background import BackgroundSession
from kraken_async.adapters.krakenex.envelope import Asked, Settings, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async import KrakenSession

__all__ = ["API", "AsyncAPI"]

api: ModuleType = sys.modules[__name__]  # krakenex.api.API is another name for krakenex.API


class API(Settings):
    """krakenex's API: synchronous, for any number of threads. ``options`` are KrakenSession's, as keywords.

    A call opens what is needed, in a thread of its own; `close` ends it, as does the end of the program. A key,
    secret or ``uri`` set later holds from the next call on.
    """

    def __init__(self, key: str = "", secret: str = "", **options: Any) -> None:
        super().__init__(key, secret, **options)
        self._lock = threading.Lock()
        self._open: tuple[tuple[Any, ...], BackgroundSession] | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._lock = threading.Lock()

    def query_public(
        self, method: str, data: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Any:
        """Make a public call; return the envelope. ``timeout``: seconds for one exchange."""
        asked = self.asked("public", method, data, timeout)
        return self._query(asked)

    def query_private(
        self, method: str, data: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Any:
        """Make a private call, in turn; return the envelope. ``timeout``: seconds for one exchange."""
        self.check_key(method)
        asked = self.asked("private", method, data, timeout)
        del data  # a traceback with locals shows no one-time password
        return self._query(asked)

    def _query(self, asked: Asked) -> Any:
        envelope = self._background().run(lambda session: ask(session, asked))
        return self.answer(envelope, asked)

    def _background(self) -> BackgroundSession:
        wanted = (*self.identity(), os.getpid())  # a forked child has no thread of its parent's
        with self._lock:
            if self._open is None or self._open[0] != wanted:
                if self._open is not None:
                    self._open[1].close()
                self._open = None
                self._open = wanted, BackgroundSession(self.make)
            return self._open[1]

    def close(self) -> None:
        """Close the session. A later call opens another one."""
        with self._lock:
            opened, self._open = self._open, None
            if opened is not None:
                opened[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncAPI(Settings):
    """The same with awaitable methods, in the event loop that makes the first call."""

    def __init__(self, key: str = "", secret: str = "", **options: Any) -> None:
        super().__init__(key, secret, **options)
        self._open: tuple[tuple[Any, ...], KrakenSession] | None = None

    async def query_public(
        self, method: str, data: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Any:
        """Make a public call; return the envelope. ``timeout``: seconds for one exchange."""
        asked = self.asked("public", method, data, timeout)
        return await self._query(asked)

    async def query_private(
        self, method: str, data: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Any:
        """Make a private call, in turn; return the envelope. ``timeout``: seconds for one exchange."""
        self.check_key(method)
        asked = self.asked("private", method, data, timeout)
        del data
        return await self._query(asked)

    async def _query(self, asked: Asked) -> Any:
        if self._open is None or self._open[0] != self.identity():
            await self.close()
            self._open = self.identity(), self.make()
        return self.answer(await ask(self._open[1], asked), asked)

    async def close(self) -> None:
        """Close the session. A later call opens another one."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened[1].aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
