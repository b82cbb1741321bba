"""The sentinels of a deployment, asked by one connection at a time. Imported with redis-py alone."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio.sentinel import Sentinel


class OrderlySentinel(Sentinel):
    """Finds the primary for one caller after the other.

    redis-py moves the sentinel that answered to the front of its list. Two that do so at once can put one sentinel
    in the place of another: that one is never asked again, and its connection never closed. And it begins with the
    same sentinel each time until one has answered: one that stands still would use up the time of every command.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]  # redis-py has no types here
        self._finding = asyncio.Lock()

    async def discover_master(self, service_name: str) -> Any:
        """Return host and port of the primary. Raises as redis-py does."""
        async with self._finding:
            try:
                return await super().discover_master(service_name)
            except asyncio.CancelledError:
                # Time was up before any of them had answered: the next caller begins with another one.
                self.sentinels.append(self.sentinels.pop(0))
                raise
