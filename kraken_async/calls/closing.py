"""Closing: end the calls of a session that takes no new ones."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from kraken_async.api.endpoints import Priority
from kraken_async.calls import log_messages

if TYPE_CHECKING:
    from kraken_async.call import Call
    from kraken_async.calls.ledger import CallLedger
    from kraken_async.errors import KrakenError


async def finish(ledger: CallLedger, grace: float) -> None:
    """Send waiting cancels, fail the rest with SessionClosed, and wait up to ``grace`` seconds for the others."""
    ledger.close(_closed)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace):
            await ledger.idle()


def _closed(call: Call) -> KrakenError | None:
    stays = call.priority == Priority.CANCEL or call.internal
    return None if stays else log_messages.closed(call.endpoint.name)
