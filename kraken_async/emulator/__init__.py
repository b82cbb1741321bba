"""A local Kraken to test against, with signatures, nonces, counters, orders and faults.

>>> emulator = Emulator(seed=1)
>>> emulator.handle("GET", "/0/public/SystemStatus", {}, b"").status
200

The server is imported only when it is asked for, so that the rest needs nothing beyond the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .emulator import Emulator
from .faults import CATALOGUE, Fault, Faults
from .values import Arrival, ConnectionDropped, KeyPair, Reply

if TYPE_CHECKING:
    from .app import EmulatorServer, serve_in_thread

__all__ = [
    "CATALOGUE",
    "Arrival",
    "ConnectionDropped",
    "Emulator",
    "EmulatorServer",
    "Fault",
    "Faults",
    "KeyPair",
    "Reply",
    "serve_in_thread",
]


def __getattr__(name: str) -> Any:
    if name in ("EmulatorServer", "serve_in_thread"):
        from . import app

        return getattr(app, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
