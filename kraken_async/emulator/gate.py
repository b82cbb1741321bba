"""The gate that every private call passes, before its endpoint looks at the arguments.

Its order is Kraken's, as far as that is known: lockout, key, signature, nonce, call counter, permission,
one-time password. What a refused call spends follows from it: one that fails at its nonce or earlier spends
nothing, a later one has spent its nonce and its place on the counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .auth import Key, read_nonce
from .faults import Fault
from .given import flag
from .rules import NEEDS, call_cost
from .values import Arrival, Refusal, header
from .wire import parse_body, text

#: Injected refusals that come before the nonce is taken; all others find it spent.
_BEFORE_NONCE = ("EAPI:Invalid", "EGeneral:Temporary lockout")


class Gate:
    """Checks identity and allowance; the keys are in ``keys``."""

    def __init__(
        self, *, limits: bool, exclusive: bool, prolonged: bool, documented_costs: bool, enforce_lockout: bool
    ) -> None:
        self.keys: dict[str, Key] = {}
        self._limits = flag(limits, "limits")
        self._exclusive = exclusive
        self._prolonged = flag(prolonged, "prolonged")
        self._documented_costs = flag(documented_costs, "documented_costs")
        self._enforce_lockout = flag(enforce_lockout, "enforce_lockout")

    def admit(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        arrival: Arrival,
        fault: Fault,
        now: float,
    ) -> Key:
        """Return the key that the call is made with, or refuse it; ``arrival`` learns its fields."""
        arrival.params = params = parse_body(header(headers, "Content-Type"), body)
        given = params.get("nonce", "")
        spelled = given if isinstance(given, str) else ""
        arrival.nonce = nonce = read_nonce(spelled)
        key = self.keys.get(arrival.api_key)
        if key is not None and key.lockout.shuts(now):
            raise Refusal("EGeneral:Temporary lockout")
        inject(fault, before_nonce=True)
        if key is None or key.expired(now):
            raise Refusal("EAPI:Invalid key")
        if not key.signature.matches(header(headers, "API-Sign"), path, spelled, body):
            self._offence(key, now)
            raise Refusal("EAPI:Invalid signature")
        if nonce is None or not key.nonce.accept(nonce):
            self._offence(key, now)
            raise Refusal("EAPI:Invalid nonce")
        self._allow(key, arrival.endpoint, params, now)
        inject(fault, before_nonce=False)
        return key

    def _offence(self, key: Key, now: float) -> None:
        if self._enforce_lockout:
            key.lockout.offence(now)

    def _allow(self, key: Key, endpoint: str, params: Mapping[str, Any], now: float) -> None:
        if key.throttled_until > now:
            raise Refusal(f"EService: Throttled: {-int(-key.throttled_until // 1)}")
        if self._limits:
            cost = call_cost(endpoint, documented=self._documented_costs)
            if cost and not key.counter.admit(
                cost, now, exclusive=self._exclusive, prolonged=self._prolonged
            ):
                raise Refusal("EAPI:Rate limit exceeded")
        if not any(needed <= key.settings.permissions for needed in NEEDS[endpoint]):
            raise Refusal("EGeneral:Permission denied")
        if key.settings.otp is not None and not key.otp_matches(text(params, "otp", "")):
            # Kraken does not document the words for a wrong one-time password.
            raise Refusal("EAPI:Invalid signature")


def inject(fault: Fault, *, before_nonce: bool) -> None:
    """Refuse the call here if ``fault`` says so."""
    if (
        fault.what == "error"
        and fault.when == "before"
        and fault.error.startswith(_BEFORE_NONCE) == before_nonce
    ):
        raise Refusal(fault.error)
