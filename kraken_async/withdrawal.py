"""Orders taken back before they were sent: by a cancel that names them, by ``halt()``, by CancelAll.

What is taken back is noted in the shared state, so that it holds in every process on the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kraken_async.counters import named_orders
from kraken_async.endpoints import Priority

if TYPE_CHECKING:
    from kraken_async.calls import Call
    from kraken_async.stores.base import Shared

#: How long, and how many, cancelled client ids are remembered for other processes' queues.
REMEMBERED: Final = 600.0
MOST: Final = 256


def places(call: Call) -> bool:
    """Return whether the call places or changes something that a halt must stop."""
    return call.endpoint.priority in (Priority.AMEND, Priority.PLACE)


def note_cancel(call: Call, shared: Shared, now: float) -> None:
    """Note in the shared state what a cancel takes back, as it goes out."""
    if call.endpoint.engine == "cancel_all":
        shared.cancelled_all_at = now
        shared.touch()
        return
    names = [name for name in named_orders(call.params) if not _is_txid(name)]
    if names:
        kept = {name: at for name, at in shared.withdrawn.items() if now - at < REMEMBERED}
        kept.update(dict.fromkeys(names, now))
        shared.withdrawn = dict(list(kept.items())[-MOST:])
        shared.touch()


def taken_back(call: Call, shared: Shared) -> str | None:
    """Return why a waiting call must not be sent any more, None if it may."""
    if call.endpoint.engine not in ("add", "add_batch", "amend", "edit"):
        return None
    if shared.withdrawn:
        client_id = call.params.get("cl_ord_id")
        if client_id is not None and shared.withdrawn.get(str(client_id), -1.0) >= call.enqueued_at:
            return f"its cancel came (cl_ord_id={client_id})"
    if call.attempt and shared.cancelled_all_at is not None and shared.cancelled_all_at >= call.first_sent_at:
        return "CancelAll went out while it was being repeated"
    return None


def halt(shared: Shared) -> None:
    """Stop orders in every process on the key."""
    shared.halted = True
    shared.touch()


def resume(shared: Shared) -> None:
    """Let orders go again."""
    shared.halted = False
    shared.touch()


def _is_txid(name: str) -> bool:
    # Kraken's own order ids, OXXXXX-XXXXX-XXXXXX.
    return len(name) == 19 and name[6:7] == "-" and name[12:13] == "-" and name.isupper()
