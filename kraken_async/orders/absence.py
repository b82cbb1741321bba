"""When an order may be called absent: every condition by name. Pure.

All must hold, or "not seen" is the most that is said:

1. The order had a deadline, after which Kraken accepts it no more.
2. That deadline, the time an order may take to show, and a margin have passed since the send, by this machine's boot
   clock and by Kraken's.
3. Kraken's clock was not learnt afresh since: what was stamped by a clock that proved wrong proves nothing.
4. The look-ups began after that, carried higher nonces than the order, and were answered in full.
5. Nothing that came back could be the order.
6. The key sees all orders of that time, and has no nonce window in which an earlier request could still come.

What is said then is: not found, if orders show within the time that the policy allows for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kraken_async.api.key_info import KeyInfo

#: Seconds added to the deadline and to the time an order may take to show.
MARGIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where both clocks stand as a round of look-ups begins.

    ``elapsed``: the seconds since the send, at least, by this machine's boot clock. ``due``: the deadline in Kraken's
    time; None: there is none. ``life``: the seconds from the send to the deadline, at most. ``kraken``: the earliest
    that Kraken's clock can show; None: not known. ``afresh``: it was learnt afresh since the send.
    """

    elapsed: float
    life: float
    due: float | None
    kraken: float | None
    afresh: bool = False

    def remaining(self, visibility: float) -> float | None:
        """Return the seconds until absence can be told by both clocks; None: never, as far as is known."""
        if self.due is None or self.kraken is None or self.afresh:
            return None
        mine = self.life + visibility + MARGIN - self.elapsed
        return max(mine, self.due + visibility + MARGIN - self.kraken)

    def why_never(self) -> str | None:
        """Return why absence cannot be told whatever time passes."""
        if self.due is None:
            return "it has no deadline, so it may still be accepted"
        if self.afresh:
            return "Kraken's clock was learnt afresh since it was sent"
        return "Kraken's time is not known" if self.kraken is None else None


def why_key_cannot_tell(info: KeyInfo | None) -> str | None:
    """Return why an empty answer to this key proves nothing; None: it does.

    ``info`` None: GetApiKeyInfo was not answered.
    """
    if info is None:
        return "GetApiKeyInfo was not answered, so it is not known what the key may see"
    if not info.sees_all:
        return "the key has a query window: it may not see the order"
    if info.nonce_window != 0:
        return "the key has a nonce window: an earlier request may still come. Set it to 0"
    return None
