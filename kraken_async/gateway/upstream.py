"""The way from the gateway to an account's session, and back with the bytes that Kraken sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.call import CallOptions, CallTrace
from kraken_async.client import ClientView
from kraken_async.errors import KrakenAPIError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.session import KrakenSession


#: Views that wait for a read.
_MOST_FREE: Final = 64


class Answer(NamedTuple):
    """The end of a call: its result or Kraken's refusal, and the bytes it came in.

    ``body`` None: it did not come as the answer to this call, an order's look-up brought it.
    """

    result: Any
    error: KrakenAPIError | None
    body: bytes | None


async def private(
    session: KrakenSession,
    endpoint: str,
    fields: Mapping[str, Any],
    *,
    timeout: float,
    queue_timeout: float,
    trace: CallTrace | None = None,
) -> Answer:
    """Make a private call.

    Raises KrakenError for what has no answer of Kraken's own, and ValueError as the session does.
    """
    trace = CallTrace() if trace is None else trace
    # As with_options makes it, without looking at every option: each call of each client passes here.
    view = ClientView(session, CallOptions(timeout=timeout, queue_timeout=queue_timeout, trace=trace))
    try:
        result = await view.private(endpoint, fields)
    except KrakenAPIError as error:
        return Answer(None, error, _body(trace, error))
    return Answer(result, None, trace.body_of(result))


class Reads:
    """Reads of one session, with the same times for all. A view that a read has done with serves the next one."""

    def __init__(self, session: KrakenSession, *, timeout: float, queue_timeout: float) -> None:
        self._session = session
        self._timeout = timeout
        self._queue_timeout = queue_timeout
        self._free: list[tuple[CallTrace, ClientView]] = []

    async def make(self, endpoint: str, fields: Mapping[str, Any], queue_timeout: float) -> Answer:
        """Make a read that may wait for ``queue_timeout``; as :func:`private`."""
        if queue_timeout != self._queue_timeout:  # it has waited before
            return await private(
                self._session, endpoint, fields, timeout=self._timeout, queue_timeout=queue_timeout
            )
        trace, view = self._free.pop() if self._free else self._made()
        try:
            result = await view.private(endpoint, fields)
        except KrakenAPIError as error:
            return Answer(None, error, _body(trace, error))
        answer = Answer(result, None, trace.body_of(result))
        if len(self._free) < _MOST_FREE:  # one whose call failed, or was left, is not used again
            trace.answered(b"", None)
            trace.sent = False
            self._free.append((trace, view))
        return answer

    def _made(self) -> tuple[CallTrace, ClientView]:
        trace = CallTrace()
        options = CallOptions(timeout=self._timeout, queue_timeout=self._queue_timeout, trace=trace)
        return trace, ClientView(self._session, options)


async def public(
    session: KrakenSession, endpoint: str, fields: Mapping[str, Any], *, timeout: float
) -> Answer:
    """Make a public call; as :func:`private`."""
    trace = CallTrace()
    try:
        result = await session.with_options(timeout=timeout, trace=trace).public(endpoint, fields)
    except KrakenAPIError as error:
        return Answer(None, error, _body(trace, error))
    return Answer(result, None, trace.body_of(result))


def _body(trace: CallTrace, error: KrakenAPIError) -> bytes:
    """Return the bytes of Kraken's refusal; raise it when it did not come as the answer to this call."""
    body = trace.body_of(error)
    if body is None:
        raise error
    return body
