"""Waiting and bounds on time that hold on a machine that is busy with something else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

#: How often something may take longer before it counts as too long.
TRIES = 5


async def ended(server: asyncio.Server) -> None:
    """Close a server, and wait for the end of its connections: one that is left is a warning in a later test."""
    server.close()
    async with asyncio.timeout(20):
        await server.wait_closed()
        while getattr(server, "_active_count", 0):  # which Python 3.11 does not wait for
            await asyncio.sleep(0.001)


async def once_within(seconds: float, attempt: Callable[[], Awaitable[object]]) -> None:
    """Await ``attempt()`` until one of a few ends within ``seconds``; fail when none does.

    A wait that is built in lengthens all of them. A machine that is busy lengthens one or another.
    """
    took = []
    for _ in range(TRIES):
        began = time.monotonic()
        await attempt()
        took.append(time.monotonic() - began)
        if took[-1] < seconds:
            return
    raise AssertionError(f"each of {TRIES} took {seconds:g} s or more: {took}")
