"""``Idempotency-Key``: a write that is asked for again under the same key is answered with what came of the first.

Kept in memory: by token, bounded, for `KEPT` seconds. Where the gateway dies in between, an order's ``cl_ord_id`` is
made from the key, so that the repeat carries the same one: Kraken refuses it while the first is open, and the journal
names it while its outcome is unknown.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from kraken_async.gateway.replies import Reply

KEPT: Final = 86_400.0
#: Keys of one token that are remembered, the last ones used.
MOST: Final = 4096
LONGEST: Final = 255

_SPACE: Final = uuid.UUID("7d5a3f0e-6c52-4a5f-9f0c-6b0f0a8f4f11")


class HasTask(Protocol):
    """A job: its ``task`` brings the reply."""

    task: asyncio.Task[Reply]


J = TypeVar("J", bound=HasTask)


@dataclass(slots=True)
class Repeat(Generic[J]):
    """The first call under a key: its fingerprint, and its job."""

    fingerprint: str
    job: J
    at: float


class Repeats(Generic[J]):
    """The keys of all tokens of an account. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_token: dict[str, OrderedDict[str, Repeat[J]]] = {}

    def find(self, token: str, key: str) -> Repeat[J] | None:
        """Return the first call under the key; None when there was none, or it had no effect at all."""
        kept = self._by_token.get(token)
        found = None if kept is None else kept.get(key)
        if found is None or kept is None:
            return None
        if self._clock() - found.at >= KEPT or _without_effect(found.job.task):
            del kept[key]
            return None
        return found

    def keep(self, token: str, key: str, fingerprint: str, job: J) -> None:
        """Remember a call as the first under its key."""
        kept = self._by_token.setdefault(token, OrderedDict())
        kept[key] = Repeat(fingerprint, job, self._clock())
        while len(kept) > MOST:
            kept.popitem(last=False)


def _without_effect(task: asyncio.Task[Reply]) -> bool:
    """Whether the call is over and never left: then it may be asked for again, under the same key too."""
    if not task.done():
        return False
    return task.cancelled() or task.exception() is not None or task.result().outcome == "not-sent"


def client_id(token: str, key: str) -> str:
    """Return the ``cl_ord_id`` of a token's key: always the same, and no other token's."""
    return str(uuid.uuid5(_SPACE, f"{token}\n{key}"))


def named(endpoint: str, fields: Mapping[str, Any], token: str, key: str) -> dict[str, Any]:
    """Return an AddOrder's fields with the key's ``cl_ord_id``, unless they name it themselves."""
    has_own = any(name in ("cl_ord_id", "userref") or name.startswith("close") for name in fields)
    if endpoint != "AddOrder" or has_own:
        return dict(fields)
    return {**fields, "cl_ord_id": client_id(token, key)}
