"""The pace of public calls: Kraken limits them by address, and Trades and OHLC by address and pair."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Calls that may go at once; after that one per second.
BURST: Final = 10

# An AsyncLimiter belongs to one event loop, so the sessions of a loop share one set.
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], AsyncLimiter]] = (
    WeakKeyDictionary()
)


async def admit(host: str, endpoint: str, params: Mapping[str, object]) -> None:
    """Wait until a public call to ``host`` may go. Cancelled: nothing is spent."""
    limiters = _loops.setdefault(asyncio.get_running_loop(), {})
    lane = f"{endpoint} {params.get('pair')}" if endpoint in ("Trades", "OHLC") else ""
    limiter = limiters.get((host, lane))
    if limiter is None:
        limiter = limiters[host, lane] = AsyncLimiter(BURST, BURST)
    await limiter.acquire()
