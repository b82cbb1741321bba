"""Intent: an order that is about to be sent, or was; what is needed to find out later what became of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One order (or batch, amend, edit) whose outcome may have to be looked up.

    Times are unix seconds in Kraken's time, as far as it was known. ``sent_at`` is that of the writing until
    ``sent``. ``due``: Kraken takes no order of this sending after it; None: no bound is known. ``deadline``:
    the seconds that were given to it from signing. ``generated``: its id was made here, so that nothing else
    can carry it. ``clocked``: Kraken's clock was known when it was sent. ``session``: whose it is. ``before``: ids of
    the orders that had been placed on the key in the seconds before it was sent; it is none of them. ``params`` hold
    no secrets.
    """

    id: str
    endpoint: str
    params: dict[str, Any] = field(repr=False)
    sent_at: float
    cl_ord_id: str | None = None
    userref: int | None = None
    deadline: float | None = None
    due: float | None = None
    sent: bool = False
    clocked: bool = False
    generated: bool = False
    session: str = ""
    before: tuple[str, ...] = ()


def new_cl_ord_id() -> str:
    """Return a new client order id: a UUID with dashes, which Kraken takes and nobody else has."""
    return str(uuid.uuid4())
