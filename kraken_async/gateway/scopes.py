"""Scopes: the words of ``--allow``, and which of them an endpoint asks for. Pure.

    read      looks at the account: balances, orders, history, exports
    trade     places, changes and cancels orders, moves funds within Earn
    cancel    cancels orders and arms the dead man's switch, nothing else
    halt      stops all trading on the key, from the page or by ``POST /api/halt``

A withdrawal or a transfer is allowed by no word, and neither is an endpoint that is not known here: it might move
money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Priority, has_effect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.api.endpoints import Endpoint

SCOPES: Final = ("read", "trade", "cancel", "halt")

#: Data for download: reading is enough to make and remove it.
_EXPORTS: Final = frozenset({"AddExport", "RemoveExport"})
#: A WebSocket token may place orders on the WebSocket, so reading is not enough for it.
_AS_GOOD_AS_TRADING: Final = frozenset({"GetWebSocketsToken"})
#: The account's own make-up.
_FOR_NONE: Final = frozenset({"CreateSubaccount"})


def needed(endpoint: Endpoint, params: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of which a token must have one; empty where no token may."""
    if endpoint.funding or not endpoint.known or endpoint.name in _FOR_NONE:
        return frozenset()
    if endpoint.name in _AS_GOOD_AS_TRADING:
        return frozenset({"trade"})
    if endpoint.name in _EXPORTS or not has_effect(endpoint, params):
        return frozenset({"read"})
    if is_cancel(endpoint):
        return frozenset({"trade", "cancel"})
    return frozenset({"trade"})


def is_cancel(endpoint: Endpoint) -> bool:
    """Return whether the endpoint takes orders back."""
    return endpoint.priority == Priority.CANCEL and endpoint.engine.startswith("cancel")


def checked(words: str) -> tuple[str, ...]:
    """Return the words of ``--allow``, in their order above. Raises ValueError naming the choices."""
    given = {word.strip().lower() for word in words.split(",") if word.strip()}
    wrong = sorted(given - set(SCOPES))
    if wrong or not given:
        what = f"{wrong[0]!r} is not one of them" if wrong else "none is given"
        msg = f"a token is allowed {', '.join(SCOPES)}, with commas between: {what}. None allows withdrawals"
        raise ValueError(msg)
    return tuple(word for word in SCOPES if word in given)
