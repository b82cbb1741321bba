"""Status: the JSON behind the page. Each account's session at one moment, and how to go on where something is wrong.

No key and no token is in it, and of the parameters of calls nothing but what an order asks for.
"""

from __future__ import annotations

import re
import shlex
import time
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Tier
from kraken_async.gateway import words
from kraken_async.gateway.doubt import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kraken_async.gateway.account import Account
    from kraken_async.orders.intent import Intent

SHOWN_CALLS: Final = 12
#: A store that nothing but its own process sees.
MEMORY: Final = "memory:"
#: The answer of a look-up that was answered in full.
_SHOWN: Final = re.compile(r"(\d+) shown")


async def of_account(account: Account, *, config: Path, resolve_with: str) -> dict[str, Any]:
    """Return one account for the page.

    ``config``: the gateway's configuration, for the commands that halt and resume without the gateway.
    ``resolve_with``: the shell command that settles an order, with {id} in it.
    """
    sessions = await account.neighbours.look()
    stats = account.session.stats()
    data = stats.as_dict()
    tier = Tier.of(account.config.tier)
    budget = account.session.budget()
    resume = command("resume", account, config)
    problems = words.of_problems(data, resume)
    if account.neighbours.problem:
        said = {"code": "", "severity": "warning", "text": account.neighbours.problem}
        problems.append(said)
    return {
        "name": account.name,
        "tier": tier.value,
        "base_url": account.config.base_url,
        "since": time.time() - stats.uptime_seconds,
        "stats": data,
        "problems": problems,
        "waiting_for": words.plain(stats.waiting_for or ""),
        "engine_decay": tier.engine_decay,
        "counter_room": budget.room,
        "pair_room": budget.pair_room,
        "governor": account.config.governor,
        "waiting_by_token": account.gates.waiting(),
        "calls_by_token": dict(account.calls_by_token),
        "last_calls": [call._asdict() for call in list(account.last_calls)[-SHOWN_CALLS:]],
        "unresolved": [shown(account, intent, resolve_with) for intent in account.session.unresolved()],
        "unheard": account.writes.unheard.shown(),
        "absent": account.writes.absent.shown(),
        "sessions": sessions,
        "halt_with": command("halt", account, config),
        "resume_with": resume,
    }


def command(what: str, account: Account, config: Path) -> str:
    """Return the shell command that halts an account, or lets it go on, whether the gateway runs or not.

    "" where the state is in the gateway's memory, which no other process reaches.
    """
    if account.config.store == MEMORY:
        return ""
    return shlex.join(["kraken-async", "gateway", what, "--account", account.name, "--config", str(config)])


def shown(account: Account, intent: Intent, resolve_with: str) -> dict[str, Any]:
    """Return an order whose outcome is not known, with the command that goes on from here."""
    name = name_of(intent)
    params = intent.params
    return {
        "id": intent.id,
        "token": None if name is None else account.writes.asked_by(name),
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
        "search": searched(account, intent),
        "command": resolve_with.replace("{id}", str(name or intent.id)),
    }


def searched(account: Account, intent: Intent) -> dict[str, Any]:
    """Return what was done to find an order: rounds of look-ups, when the last was answered, and what it showed."""
    search = account.session.search(intent)
    failed = [f"{look.endpoint}: {look.answer}" for look in search.last if not _SHOWN.fullmatch(look.answer)]
    seen = sum(int(full[1]) for look in search.last if (full := _SHOWN.fullmatch(look.answer)))
    if failed:
        found = f"Kraken could not be asked: {failed[0]}"
    else:
        found = f"not found for certain among {seen} that were shown" if seen else "not found"
    return {
        "rounds": search.rounds,
        "last_at": search.last[-1].at if search.last else None,
        "found": found if search.last else "",
        "goes_on": search.goes_on,
    }


def total_waiting(accounts: Iterable[Account]) -> int:
    """Return how many calls wait, or are on their way, in all accounts."""
    return sum(sum(account.gates.waiting().values()) for account in accounts)
