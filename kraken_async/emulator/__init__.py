"""A local Kraken to test against, with signatures, nonces, counters, orders and faults.

>>> emulator = Emulator(seed=1)
>>> emulator.handle("GET", "/0/public/SystemStatus", {}, b"").status
200

Each name is imported when it is first asked for: pytest loads the plugin beside this file in every run, and
should pay for nothing; and only the server needs aiohttp.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import EmulatorServer, serve_in_thread
    from .behaviour import Behaviour
    from .control import ControlServer
    from .emulator import Emulator
    from .faults import CATALOGUE, LYING, Fault, Faults
    from .market import RandomWalk, Replay, play
    from .values import Arrival, ConnectionDropped, KeyPair, Reply

__all__ = [
    "CATALOGUE",
    "LYING",
    "Arrival",
    "Behaviour",
    "ConnectionDropped",
    "ControlServer",
    "Emulator",
    "EmulatorServer",
    "Fault",
    "Faults",
    "KeyPair",
    "RandomWalk",
    "Replay",
    "Reply",
    "play",
    "serve_in_thread",
]

_HOMES = {
    "app": ("EmulatorServer", "serve_in_thread"),
    "emulator": ("Emulator",),
    "behaviour": ("Behaviour",),
    "control": ("ControlServer",),
    "faults": ("CATALOGUE", "LYING", "Fault", "Faults"),
    "market": ("RandomWalk", "Replay", "play"),
    "values": ("Arrival", "ConnectionDropped", "KeyPair", "Reply"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
