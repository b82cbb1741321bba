"""Orders taken back before they were sent: by a cancel that names them, by ``halt()``, by CancelAll.

What is taken back is noted in the shared state, so that it holds in every process on the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kraken_async.api.endpoints import Priority
from kraken_async.order_fields import cancelled_ids, canonical_id, client_ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken_async.call import Call
    from kraken_async.stores.base import Shared

#: Seconds for which an order may be prepared before it is among those that wait.
PREPARED: Final = 60.0


def places(call: Call) -> bool:
    """Return whether the call places or changes something that a halt must stop."""
    return call.endpoint.priority in (Priority.AMEND, Priority.PLACE)


def note_cancel(call: Call, shared: Shared, now: float) -> None:
    """Note in the shared state what a cancel takes back, as it goes out."""
    if call.endpoint.engine == "cancel_all":
        if call.endpoint.name == "CancelAll":  # not the dead man's switch, which takes back nothing yet
            shared.cancelled_all_at = now
            shared.mark_changed()
        return
    for name in cancelled_ids(call.params) if call.endpoint.cancels else ():
        shared.recalled.note(canonical_id(name), call.enqueued_at)  # an order asked for later is another one


def forget(shared: Shared, unsent: Iterable[Call], now: float) -> None:
    """Forget the cancelled client ids that can name none of a session's ``unsent`` orders, nor one in preparation."""
    oldest = min((call.enqueued_at for call in unsent), default=now)
    shared.recalled.forget(min(oldest, now - PREPARED))


def placed_ids(call: Call) -> list[str]:
    """Return the client ids of the order that a call places or changes, or of the rows of its batch."""
    return client_ids(call.params, batch=call.endpoint.engine == "add_batch")


def recalled(call: Call, shared: Shared) -> str | None:
    """Return why a waiting call must not be sent any more, None if it may.

    A cancel that names one row of a batch takes the whole batch back: its caller learns that nothing of it was sent.
    """
    if not call.endpoint.places_orders:
        return None
    recalled = shared.recalled
    lost = recalled.lost_at >= call.enqueued_at
    if recalled or lost:
        for client_id in placed_ids(call):
            if recalled.names(canonical_id(client_id), call.enqueued_at):
                return f"its cancel came (cl_ord_id={client_id})"
            if lost:
                return f"this process stood still, and a cancel may have come (cl_ord_id={client_id})"
    if call.attempt and shared.cancelled_all_at is not None and shared.cancelled_all_at >= call.first_sent_at:
        return "CancelAll went out while it was being repeated"
    return None


def halt(shared: Shared) -> None:
    """Stop orders in every process on the key."""
    shared.halted = True
    shared.mark_changed()


def resume(shared: Shared) -> None:
    """Let orders go again."""
    shared.halted = False
    shared.mark_changed()
