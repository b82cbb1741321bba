"""OutcomeUnknown as a synchronous session raises it: its methods wait instead of being awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from kraken_async import errors


class Run(Protocol):
    """Does what it is given in the session's loop, and waits for it."""

    def __call__(self, work: Callable[[], Awaitable[Any]], /) -> Any:
        """Return what the work returns; raise what it raises."""
        ...


class OutcomeUnknown(errors.OutcomeUnknown):
    """The call may have been done, and could not be looked up in time. Do not repeat it: ``error.resolve()``."""

    _run: Run | None = None

    def resolve(self) -> Any:
        """Look again, and return the call's result as if nothing had happened. Raises as the awaited one does."""
        return self._wait(super().resolve)

    def ensure_cancelled(self) -> Any:
        """Cancel the order by its id and look until it is proven closed; return what was executed."""
        return self._wait(super().ensure_cancelled)

    def _wait(self, work: Callable[[], Awaitable[Any]]) -> Any:
        if self._run is None:
            msg = "this error has left its session: use client.unresolved() and client.resolve(intent)"
            raise errors.KrakenError(msg, endpoint=self.endpoint, outcome=errors.Outcome.NOT_SENT)
        return self._run(work)

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "_run": None}  # it belongs to a session, which does not travel


def make_waiting(error: errors.OutcomeUnknown, run: Run) -> None:
    """Make the error's methods wait: it stays the same error, traceback and all."""
    if type(error) is errors.OutcomeUnknown:
        error.__class__ = OutcomeUnknown
    if isinstance(error, OutcomeUnknown):
        error._run = run
