"""Log lines and errors that several parts of a session share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kraken_async.api.endpoints import nearest
from kraken_async.errors import GuardRefused, OrderWithdrawn, SessionClosed, TradingHalted

if TYPE_CHECKING:
    from kraken_async.call import Call
    from kraken_async.stores.base import KeyState

log: logging.Logger = logging.getLogger("kraken_async")

TIER: Final = "tier not set: starter, one read per 3 s; give tier='intermediate' or 'pro' if yours is higher"
ONE_WAY: Final = (
    "this key has no state yet: after its first call with a 19-digit nonce, clients that count in milliseconds (ccxt, "
    "krakenex) are refused on it for good; nonce_unit='ms' keeps it usable by them"
)


def opened(key: KeyState, *, tier_unset: bool) -> None:
    """Say what is worth knowing about the place, the halt and the tier, as the session opens."""
    if not key.says_problems:
        for problem in key.problems():
            log.warning("%s", problem)
    if key.seen.halted:
        log.warning("trading on this key was halted and not resumed: orders are refused until resume()")
    if tier_unset:
        log.warning(TIER)


def unknown_endpoint(name: str) -> None:
    """Say that a name is not known, and the nearest one that is."""
    near = nearest(name, private=True)
    log.warning("%s: %s", name, f"{near}?" if near else "not a known endpoint; sent as a write, not repeated")


def no_request(name: str, given: object) -> GuardRefused:
    """Return the error for a call whose guard returned something else than a request."""
    msg = f"{name} was not sent: the guard returned {type(given).__name__}, and must return the Request, or raise"
    return GuardRefused(msg, endpoint=name)


def recalled(call: Call, why: str) -> OrderWithdrawn:
    """Return the error for an order that was taken back before it was sent."""
    msg = f"{call.endpoint.name} was withdrawn before it was sent: {why}"
    return OrderWithdrawn(msg, endpoint=call.endpoint.name)


def halted(call: Call) -> TradingHalted:
    """Return the error for an order during a halt."""
    msg = f"{call.endpoint.name} was not sent: trading is halted on this key until client.resume()"
    return TradingHalted(msg, endpoint=call.endpoint.name)


def not_open(name: str) -> SessionClosed:
    """Return the error for what only an open session with an API key can do."""
    return SessionClosed(
        f"{name}: the session is not open, or has no API key: use async with, or await its open()"
    )


def closed(
    name: str = "The call", cause: BaseException | None = None, *, with_its_loop: bool = False
) -> SessionClosed:
    """Return the error for a call that the end of the session caught before it was sent."""
    why = "the session is closed"
    if cause is not None:
        why = f"the session's worker failed ({cause.__class__.__name__})"
    elif with_its_loop:
        why = (
            "the session belongs to another event loop, which has ended. Open one in each asyncio.run(); "
            "kraken_async.sync needs no loop"
        )
    return SessionClosed(f"{name} was not sent: {why}", endpoint=None if name == "The call" else name)
