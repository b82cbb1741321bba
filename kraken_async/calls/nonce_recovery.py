"""What is done about ``EAPI:Invalid nonce``: a short ladder, then a diagnosis and a pause.

The refusal proves that the call had no effect, so the same call may go again with a fresh nonce:

1. It was overtaken by a call of ours that took a higher nonce meanwhile: again, and no step of the ladder is used.
2. First refusal: again, with a fresh nonce.
3. Second: one jump of 60 s, at most one an hour per key (kept in the shared state), and again.
4. Third: InvalidNonce with a diagnosis, and a pause. Two parties that jump over each other end in Kraken's lockout;
   larger jumps are made by hand.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.key_info import KeyInfo
from kraken_async.stores.base import UNITS

if TYPE_CHECKING:
    from kraken_async.call import Call
    from kraken_async.stores.base import Shared

#: The jump, in nanoseconds, and how often it may be made, in seconds.
JUMP: Final = 60_000_000_000
JUMP_EVERY: Final = 3600.0
#: A call may be overtaken this often before it counts as refused.
OVERTAKEN: Final = 5


def next_step(shared: Shared, call: Call, now: float) -> str:
    """Return "overtaken", "again", "jump" or "stop" for a call refused for its nonce; a jump is noted as made.

    The call itself is not touched: on a remote store this may run more than once.
    """
    if shared.last > call.nonce and call.overtaken < OVERTAKEN:
        return "overtaken"
    if call.nonce_refusals == 0:
        return "again"
    if call.nonce_refusals == 1 and (shared.jumped_at is None or now - shared.jumped_at >= JUMP_EVERY):
        shared.jumped_at = now
        shared.mark_changed()
        return "jump"
    return "stop"


def ticks(unit: str) -> int:
    """Return the jump in ticks of a nonce unit."""
    return JUMP // UNITS[unit]


def diagnosis(nonce: int, unit: str, *, jumped: bool) -> str:
    """Return what the refusals tell when nothing could be asked of Kraken, and the cure."""
    lead = nonce * UNITS[unit] / 1e9 - time.time()
    told = "also after a jump of 60 s" if jumped else "and the one jump an hour was made already"
    if unit != "ns":
        cause = f"the key has been used with a finer unit than {unit}: nonce_unit='ns' is above every other"
    elif lead < -1:
        cause = "this machine's clock is behind and no state was kept: correct the clock"
    else:
        cause = "another writer uses this key, with a clock or a stored nonce ahead of ours: give each its own key"
    return (
        f"Kraken refused nonce {nonce} ({lead:+.1f} s on this clock) {told}. Probably {cause}. "
        "`kraken-async doctor` tells more; `kraken-async nonce jump` raises the nonce by hand"
    )


def diagnose(info: dict[str, Any], last: int, unit: str) -> str | None:
    """Return what GetApiKeyInfo's answer says about this key's nonces, None when it shows nothing unusual."""
    found = KeyInfo.of(info)
    server, window = found.nonce, found.nonce_window
    if server is None or window is None:
        return None
    if server > last:
        ratio = server / max(last, 1)
        if ratio >= 100:
            return f"another writer uses this key with a finer unit (its nonce is {server}, ours {last})"
        return f"another writer uses this key: Kraken last saw nonce {server}, we sent {last}; give each its own key"
    if 0 < window < 1_000_000_000 // UNITS[unit]:
        return f"the key's nonce window of {window} is in ticks of {unit}, so it is less than a second; 0 is enough"
    return None
