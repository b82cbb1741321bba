"""The way from the gateway to an account's session, and back with the bytes that Kraken sent.

What the session's answer was, as it came, is needed beside its result: see `Answer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.session import KrakenSession


class Answer(NamedTuple):
    """What came of a call: the ``result``, and the ``body`` that Kraken sent it in (None: found out otherwise)."""

    result: Any
    body: bytes | None


async def private(
    session: KrakenSession, endpoint: str, fields: Mapping[str, Any], *, timeout: float, queue_timeout: float
) -> Answer:
    """Make a private call; see KrakenSession.private."""
    view = session.with_options(timeout=timeout, queue_timeout=queue_timeout)
    return Answer(await view.private(endpoint, fields), None)


async def public(
    session: KrakenSession, endpoint: str, fields: Mapping[str, Any], *, timeout: float
) -> Answer:
    """Make a public call; see KrakenSession.public."""
    return Answer(await session.with_options(timeout=timeout).public(endpoint, fields), None)
