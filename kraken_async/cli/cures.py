"""Cures: what helps against a client's error, by Kraken's string and by the class of the failure."""

from __future__ import annotations

from typing import Final

from kraken_async import (
    AuthenticationError,
    GuardRefused,
    InsufficientFunds,
    InvalidNonce,
    KrakenError,
    NonceStoreError,
    OutcomeUnknown,
    PermissionDenied,
    RateLimitExceeded,
    RequestTimeout,
    ServiceUnavailable,
    TemporaryLockout,
    TransportError,
)
from kraken_async.credentials import variable
from kraken_async.errors import TradingHalted

#: What helps, by the class of the failure; the first that fits counts.
_CURES: Final[tuple[tuple[type[KrakenError], str], ...]] = (
    (InvalidNonce, "see `kraken-async doctor`; another program may use this API key"),
    (TemporaryLockout, "wait; every attempt prolongs it"),
    (RateLimitExceeded, "wait, or set KRAKEN_API_TIER to your tier; see `kraken-async budget`"),
    (
        AuthenticationError,
        "check KRAKEN_API_KEY and KRAKEN_API_SECRET: one pair, from Kraken's Settings > API",
    ),
    (PermissionDenied, "add the permission to the key in Kraken's Settings > API"),
    (InsufficientFunds, "see `kraken-async call BalanceEx`"),
    (TradingHalted, "`kraken-async resume` lets orders go again"),
    (GuardRefused, "--allow-funding lets withdrawals and transfers through"),
    (ServiceUnavailable, "see `kraken-async call SystemStatus`"),
    (OutcomeUnknown, "do not repeat it; see `kraken-async orders unresolved`"),
    (NonceStoreError, "see `kraken-async doctor --offline`"),
    (RequestTimeout, "check the network, and KRAKEN_API_URL if it is set"),
    (TransportError, "check the network, and KRAKEN_API_URL if it is set"),
)


_RULES_OF_PAIR: Final = (
    "`kraken-async call AssetPairs pair={pair}` ({names}); "
    "in a program (await client.markets())[{pair!r}].check(price, volume)"
)
#: Before the cures of classes: what helps, by the beginning of Kraken's string. ``pair``, ``endpoint``: the call's.
_CURES_OF_TEXTS: Final = {
    "EAPI:Invalid signature": (
        "correct KRAKEN_API_SECRET: it is not this key's; a key with a one-time password takes --otp"
    ),
    "EOrder:Order minimum not met": _RULES_OF_PAIR.replace("{names}", "ordermin"),
    "EOrder:Cost minimum not met": _RULES_OF_PAIR.replace("{names}", "costmin"),
    "EOrder:Tick size check failed": _RULES_OF_PAIR.replace("{names}", "tick_size"),
    "EOrder:Invalid price": _RULES_OF_PAIR.replace("{names}", "tick_size, pair_decimals"),
    "EOrder:Unknown order": "`kraken-async call ClosedOrders`: it may be closed",
    "EOrder:Invalid order": "`kraken-async call OpenOrders` lists the open ones; it may be closed",
    "EQuery:Unknown asset pair": "`kraken-async call AssetPairs` lists the pairs",
    "EQuery:Unknown asset": "`kraken-async call Assets` lists the assets",
    "EGeneral:Unknown method": "`kraken-async endpoints` lists the endpoints",
    "EGeneral:Invalid arguments": "`kraken-async endpoints {endpoint}` lists its fields",
}


def cure_of(error: KrakenError, pair: str = "PAIR") -> str:
    """Return what helps against a client's error, "" when nothing in general does. ``pair``: the call's, if known."""
    for entry in error.errors:
        plain = entry.replace(": ", ":")
        for text, cure in _CURES_OF_TEXTS.items():
            if plain.startswith(text):
                return cure.format(pair=pair, endpoint=error.endpoint or "NAME")
    cure = next((cure for kind, cure in _CURES if isinstance(error, kind)), "")
    if isinstance(error, AuthenticationError) and variable(None, "KRAKEN_API_URL") is not None:
        cure += "; an emulator that was started again has another key, unless it was given --seed"
    return cure
