"""The signing gateway: one process holds the keys, programs in any language call Kraken's own paths through it.

    client in any language ── token ──▶ server ──▶ account ──▶ upstream ──▶ KrakenSession ──▶ Kraken
                                        │          │
                                        │          └ gates (fair between tokens), writes (doubt, repeats, audit)
                                        └ access, tokens, scopes, fields, replies; operators, status and the page

Rules kept here:

1. Kraken's key and secret never leave this process, and no token allows a withdrawal.
2. What Kraken answered is passed on byte for byte. What is said here is Kraken's envelope too, as clients raise on
   anything else, and carries ``X-Kraken-Outcome``.
3. Nothing is repeated here but by the session, and an order whose outcome a client does not know is not placed again.
4. Every wait is bounded, every queue too. Cancels and the halt have room of their own.
5. It listens on loopback or a unix socket and nowhere else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kraken_async.gateway.config import GatewayConfig as GatewayConfig
    from kraken_async.gateway.server import Gateway as Gateway
    from kraken_async.gateway.tokens import TokenFile as TokenFile

__all__ = ["Gateway", "GatewayConfig", "TokenFile"]

_HOMES = {"Gateway": "server", "GatewayConfig": "config", "TokenFile": "tokens"}


def __getattr__(name: str) -> Any:
    # Imported when first used: the command line lists tokens without a server.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
