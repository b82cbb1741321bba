"""Status: the JSON behind the page. Each account's session at one moment, and how to go on where something is wrong.

No parameter of a call, no key and no token is in it, but for the fields of orders whose outcome is not known.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Tier
from kraken_async.gateway.doubt import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken_async.gateway.account import Account
    from kraken_async.orders.intent import Intent

#: A session that has not written for so long is gone, or its loop is blocked.
SILENT: Final = 15.0
SHOWN_CALLS: Final = 12
#: Bytes of another session's status file that are read at most.
_LARGEST: Final = 256 * 1024


def of_account(account: Account, *, resolve_with: str) -> dict[str, Any]:
    """Return one account for the page. ``resolve_with``: the shell command that settles an order, with {id} in it."""
    stats = account.session.stats()
    tier = Tier.of(account.config.tier)
    intents = account.session.unresolved()
    return {
        "name": account.name,
        "tier": tier.value,
        "base_url": account.config.base_url,
        "stats": stats.as_dict(),
        "engine_decay": tier.engine_decay,
        "governor": account.config.governor,
        "waiting_by_token": account.gates.waiting(),
        "calls_by_token": dict(account.calls_by_token),
        "last_calls": [call._asdict() for call in list(account.last_calls)[-SHOWN_CALLS:]],
        "unresolved": [shown(intent, resolve_with) for intent in intents],
        "unheard": account.writes.unheard.shown(),
        "sessions": neighbours(account),
    }


def shown(intent: Intent, resolve_with: str) -> dict[str, Any]:
    """Return an order whose outcome is not known, with the command that goes on from here."""
    name = name_of(intent)
    params = intent.params
    return {
        "id": intent.id,
        "cl_ord_id": intent.cl_ord_id,
        "userref": intent.userref,
        "endpoint": intent.endpoint,
        "sent_at": intent.sent_at,
        "pair": params.get("pair"),
        "type": params.get("type"),
        "ordertype": params.get("ordertype"),
        "volume": params.get("volume"),
        "price": params.get("price"),
        "params": params,
        "command": resolve_with.replace("{id}", str(name or intent.id)),
    }


def neighbours(account: Account) -> list[dict[str, Any]]:
    """Return the other sessions on this account's key that write beside the same state: other processes' and ours.

    Reads a small file for each. A store without a directory has none.
    """
    store = account.session.stats().persistence_file
    return [] if not store else _written(store)


def _written(place: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = _path(place)
    if path is None:
        return found
    for file in sorted(path.parent.glob(f"{path.name.partition('.')[0]}.status.*.json")):
        try:
            with file.open("rb") as opened:
                status = json.loads(opened.read(_LARGEST))
            silent = max(0.0, time.time() - float(status["written_at"]))
            stats = status["stats"]
            found.append(
                {
                    "pid": int(status["pid"]),
                    "host": status.get("host"),
                    "here": int(status["pid"]) == os.getpid(),
                    "silent": round(silent, 1),
                    "gone": silent > SILENT,
                    "sent": int(stats["total_nonces_issued"]),
                    "waiting": sum(map(int, stats["queue_depth"].values())),
                    "problems": list(map(str, stats["problems"])),
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # removed meanwhile, or not a session's
    return found


def _path(place: str) -> Path | None:
    path = Path(place)
    return path if path.is_absolute() and path.parent.is_dir() else None


def total_waiting(accounts: Iterable[Account]) -> int:
    """Return how many calls wait, or are on their way, in all accounts."""
    return sum(sum(account.gates.waiting().values()) for account in accounts)
