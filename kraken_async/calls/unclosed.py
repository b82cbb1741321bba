"""Unclosed: the end of a session that is never closed: its loop ends, and cancels its tasks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Unclosed:
    """Drops what a session holds when its tasks are cancelled before it was closed.

    Its open orders then stay on record, as a dead session's.
    """

    def __init__(self, *drops: Callable[[], object]) -> None:
        self._drops = drops
        self._closing = False

    def close(self) -> None:
        """Leave it to the closing, which gives all of it back."""
        self._closing = True

    async def run(self) -> None:
        """Wait for the end."""
        try:
            await asyncio.Event().wait()
        finally:
            if not self._closing:
                for drop in self._drops:
                    drop()
