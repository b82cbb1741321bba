"""Orders whose outcome a client does not know: one that is equal in all fields is not placed beside it.

A client that was told "unknown", or that hung up before its answer came, may ask for the same order again, by itself
or at its owner's hand. Rules kept here:

1. In doubt is an order that was told "unknown", and one whose client left before the answer. It stays so until it is
   found that it had no effect, until its own token has asked what it did, or until `UNHEARD` seconds after it was found
   to be placed: its program may not know.
2. An order equal in all fields, asked for by the same token, is refused with the first one's id. One with a
   ``cl_ord_id`` of its own is equal to nothing but a repeat of itself, and passes.
3. What a gateway that died has left in doubt counts for every token of its account: the journal does not name tokens.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kraken_async.orders.intent import Intent

#: Seconds for which an order that ended unheard is remembered: longer than any client waits before it repeats.
UNHEARD: Final = 120.0
#: Seconds for which a write that cannot be looked up stays in doubt.
UNSETTLED: Final = 600.0
#: Seconds between two looks at what died sessions left behind.
AGAIN: Final = 2.0
_MOST: Final = 4096


@dataclass(slots=True)
class Doubt:
    """One call in doubt. ``until``: seconds of the loop's clock, None while it is not over."""

    endpoint: str
    client_id: str | None = None
    txid: str | None = None
    told: bool = False
    until: float | None = None

    def __str__(self) -> str:
        what = ", ".join(
            f"{name}={value}" for name, value in (("txid", self.txid), ("id", self.client_id)) if value
        )
        state = "its outcome is not known yet" if self.told or not self.txid else "it was placed"
        return f"{self.endpoint} {what or 'without an id'}: {state}"


class Doubts:
    """The orders in doubt on one account. ``unresolved`` lists the session's intents; ``clock`` gives seconds."""

    def __init__(
        self, unresolved: Callable[[], Iterable[Intent]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._unresolved = unresolved
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], Doubt] = OrderedDict()
        self._left: dict[str, Doubt] = {}
        self._looked_at: float | None = None

    def find(self, token: str, fingerprint: str) -> Doubt | None:
        """Return what makes an order of this token and fingerprint a possible repeat; None when nothing does."""
        doubt = self._known.get((token, fingerprint))
        if doubt is not None and self._over(doubt):
            del self._known[token, fingerprint]
            doubt = None
        if doubt is not None:
            return doubt
        self._look()
        return self._left.get(fingerprint)

    def add(self, token: str, fingerprint: str, doubt: Doubt) -> None:
        """Remember a call whose outcome its client does not know."""
        self._known[token, fingerprint] = doubt
        self._known.move_to_end((token, fingerprint))
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def told_under(self, client_id: str) -> list[tuple[str, str, Doubt]]:
        """Return the calls told as unknown that carry an id: token, fingerprint and doubt of each."""
        return [
            (token, fingerprint, doubt)
            for (token, fingerprint), doubt in self._known.items()
            if doubt.told and doubt.client_id == client_id
        ]

    def drop(self, token: str, fingerprint: str) -> None:
        """Forget it: it had no effect."""
        self._known.pop((token, fingerprint), None)

    def ended(self, doubt: Doubt, seconds: float = UNHEARD) -> None:
        """Remember for ``seconds`` from now that it is over, or cannot be looked up."""
        doubt.until = self._clock() + seconds

    def _over(self, doubt: Doubt) -> bool:
        if doubt.until is not None:
            return self._clock() >= doubt.until
        if not doubt.told:
            return False
        return doubt.client_id is not None and doubt.client_id not in _ids(self._unresolved())

    def _look(self) -> None:
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < AGAIN:
            return
        self._looked_at = now
        told = {doubt.client_id for doubt in self._known.values()}
        self._left = {
            fingerprint_of(intent): Doubt(intent.endpoint, name_of(intent), told=True)
            for intent in self._unresolved()
            if name_of(intent) not in told
        }


def name_of(intent: Intent) -> str | None:
    """Return the id that an intent's order can be found by."""
    if intent.cl_ord_id is not None:
        return intent.cl_ord_id
    return None if intent.userref is None else str(intent.userref)


def _ids(intents: Iterable[Intent]) -> set[str | None]:
    return {name_of(intent) for intent in intents}


def fingerprint(endpoint: str, fields: Mapping[str, Any]) -> str:
    """Return what is equal for two calls that ask for the same, in whatever form they came."""
    data = json.dumps([endpoint, _plain(fields)], sort_keys=True)
    return hashlib.sha256(data.encode()).hexdigest()


def fingerprint_of(intent: Intent) -> str:
    """Return the fingerprint of the call that an intent was made for, without the ids that were made for it."""
    return fingerprint(intent.endpoint, _without_ids(intent.params) if intent.generated else intent.params)


def _without_ids(fields: Mapping[str, Any]) -> dict[str, Any]:
    made = "userref" if "cl_ord_id" not in fields else "cl_ord_id"
    kept = {name: value for name, value in fields.items() if name != made}
    if isinstance(kept.get("orders"), list):
        kept["orders"] = [_without_ids(row) if isinstance(row, dict) else row for row in kept["orders"]]
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value)
