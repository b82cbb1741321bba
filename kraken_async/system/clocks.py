"""Clocks: the one by which a loop counts its seconds."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return the loop's clock; asyncio's own is the monotonic clock, read without the detour through a method."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
