"""A session on an event loop in a thread of its own, for programs that have no loop.

    with BackgroundSession(KrakenSession.from_env) as kraken:
        balance = kraken.private("Balance")

What the adapters stand on: `run` and `submit` do anything with the asynchronous session. For a program of your own
`kraken_async.sync.KrakenSession` has every method without await. A forked child must make another BackgroundSession.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from kraken_async import KrakenSession
from kraken_async.sync.session_thread import SessionThread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken_async import Statistics


class BackgroundSession(SessionThread):
    """A KrakenSession that any thread may use. ``make`` is called in the session's own thread.

    Raises what ``make`` or opening raises: ValueError, NonceStoreError.
    """

    def __init__(self, make: Callable[[], KrakenSession] = KrakenSession.from_env) -> None:
        super().__init__(make)

    def __repr__(self) -> str:
        return f"<BackgroundSession {self._session!r}>"

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
