"""Intent: an order that is about to be sent, or was; what is needed to find out its outcome later."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One order (or batch, amend, edit) whose outcome may have to be looked up.

    Times are unix seconds in Kraken's time, as far as it was known. ``sent_at`` is that of the writing until
    ``sent``. ``clock_error``: by how much Kraken's time was not known then, in seconds either way; None: not at all.
    ``due``: Kraken takes no order of this sending after it; None: no bound is known. ``deadline``: the seconds that
    were given to it from signing. ``boot`` and ``boot_clock``: this machine's boot, and the seconds since, at the
    sending. ``nonce``: that of the sending. ``generated``: all of its ids were made here, so that nothing else can
    carry them; ``made``: those that were. ``session``: whose it is. ``params`` hold no secrets.
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
    clock_error: float | None = None
    boot: str = ""
    boot_clock: float | None = None
    nonce: int = 0
    generated: bool = False
    made: tuple[str, ...] = ()
    session: str = ""

    def at_sending(
        self,
        *,
        sent_at: float,
        due: float | None,
        clock_error: float | None,
        boot_clock: float | None,
        nonce: int,
    ) -> Intent:
        """Return the intent marked as sent, with its times: by name, which takes half the time of ``replace``."""
        return Intent(
            id=self.id,
            endpoint=self.endpoint,
            params=self.params,
            sent_at=sent_at,
            cl_ord_id=self.cl_ord_id,
            userref=self.userref,
            deadline=self.deadline,
            due=due,
            sent=True,
            clock_error=clock_error,
            boot=self.boot,
            boot_clock=boot_clock,
            nonce=nonce,
            generated=self.generated,
            made=self.made,
            session=self.session,
        )


def new_cl_ord_id() -> str:
    """Return a new client order id: a UUID with dashes, which Kraken takes and no one else has."""
    # As uuid.uuid4() makes it, without its object.
    bits = os.urandom(16)
    digits = bits.hex()
    variant = "89ab"[bits[8] >> 6]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
