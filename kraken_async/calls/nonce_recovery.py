"""NonceRecovery: handle ``EAPI:Invalid nonce`` by a short ladder, then a diagnosis and a pause.

The refusal proves that the call had no effect, so the same call may go again with a fresh nonce:

1. It was overtaken by a call of ours that took a higher nonce meanwhile: again, and no step of the ladder is used.
2. First refusal: again, with a fresh nonce.
3. Second: one jump of 60 s, at most one an hour per key (kept in the shared state), and again.
4. Third: InvalidNonce with a diagnosis, and a pause. Two parties that jump over each other end in Kraken's lockout;
   larger jumps are made by hand.

A cancel goes again, five times at most, also when the shared state cannot be had.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.endpoints import Priority
from kraken_async.api.key_info import KeyInfo
from kraken_async.errors import KrakenError, NonceStoreError
from kraken_async.limits import circuit_breaker
from kraken_async.stores.base import UNITS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kraken_async.call import Call
    from kraken_async.errors import InvalidNonce
    from kraken_async.stores.base import KeyState, Shared

log: logging.Logger = logging.getLogger("kraken_async.calls")

#: The jump, in nanoseconds, and how often it may be made, in seconds.
JUMP: Final = 60_000_000_000
JUMP_EVERY: Final = 3600.0
#: A call may be overtaken this often before it counts as refused.
OVERTAKEN: Final = 5


class NonceRecovery:
    """Heals refused nonces of one session. ``ask`` makes a read of the session's own; ``clock`` is the loop's."""

    def __init__(
        self,
        key: KeyState,
        unit: str,
        ask: Callable[[str, dict[str, Any]], Awaitable[Any]],
        clock: Callable[[], float],
    ) -> None:
        self._key = key
        self._unit = unit
        self._ask = ask
        self._clock = clock
        self._finding: str | None = None

    @property
    def finding(self) -> str | None:
        """Return what Kraken showed of another writer after a jump, None when nothing unusual."""
        return self._finding

    async def heal(self, call: Call, error: InvalidNonce) -> bool:
        """Take the next step of the ladder; return whether the call may go again.

        When it may not, the text of ``error`` becomes the diagnosis.
        """
        try:
            return await self._heal(call, error, self._clock())
        except NonceStoreError as unreachable:
            # Cancels of two sessions that went past the nonce lock may arrive the wrong way round.
            if call.priority == Priority.CANCEL and call.overtaken < OVERTAKEN:
                call.overtaken += 1
                return True
            log.warning("the nonce cannot be healed: %s", unreachable)
            return False

    async def _heal(self, call: Call, error: InvalidNonce, now: float) -> bool:
        step = await self._key.update(lambda shared: next_step(shared, call, now))
        if step == "overtaken":
            call.overtaken += 1
        else:
            call.nonce_refusals += 1
        if step == "jump":
            new = await self._key.jump(ticks(self._unit))
            log.warning("nonce refused twice: jumped 60 s ahead, to %d", new, extra={"nonce": new})
        elif step == "stop":
            jumped = call.nonce_refusals > 2
            seconds = await self._key.update(lambda shared: circuit_breaker.pause(shared, now))
            why = diagnosis(call.nonce, self._unit, jumped=jumped)
            error.args = (f"{why}. Private calls pause {seconds:.0f} s",)
            log.error("%s", error, extra={"endpoint": call.endpoint.name, "nonce": call.nonce})
        return step != "stop"

    async def inspect(self) -> None:
        """Ask Kraken who else moves the key's nonce, once a jump has healed it."""
        try:
            info = (await self._ask("GetApiKeyInfo", {})).result
        except KrakenError as error:
            log.warning("the nonce was healed by a jump; asking Kraken why failed: %s", error)
            return
        self._finding = diagnose(info, self._key.seen.last, self._unit)
        log.warning("the nonce was healed by a jump: %s", self._finding or "no other writer is seen")


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
