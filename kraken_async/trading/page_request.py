"""PageRequest: one page, asked for until Kraken gives it. A refusal by a limit is waited out."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import RateLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.call import Caller

log: logging.Logger = logging.getLogger("kraken_async")

#: Seconds for which a limit that refuses one page over and over is waited out; a lockout may take 15 minutes.
PATIENCE: Final = 900.0
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 30.0


class PageRequest:
    """Asks for pages of one endpoint."""

    def __init__(self, caller: Caller, name: str, *, private: bool) -> None:
        self._ask = caller.private if private else caller.public
        self.name = name

    async def ask(self, fields: Mapping[str, Any]) -> Any:
        """Return the result. Raises KrakenError; RateLimitExceeded only after `PATIENCE` seconds of refusals."""
        loop = asyncio.get_running_loop()
        wait, until = _FIRST_WAIT, loop.time() + PATIENCE
        while True:
            try:
                return await self._ask(self.name, fields)
            except RateLimitExceeded as error:
                wait = max(wait, error.retry_after or 0.0)
                if loop.time() + wait > until:
                    raise
                log.warning("%s: %s; the page is asked for again in %.0f s", self.name, error, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
