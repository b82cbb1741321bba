"""The emulator's view of each client of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kraken_async.emulator import Emulator, KeyPair

JITTER: Final = (0.0, 0.005)  # seconds on the path before the nonce is checked
BAD_NONCE: Final = "EAPI:Invalid nonce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The calls of one client by the emulator's count, and the place of its nonces."""

    client: str
    calls: int
    answered: int
    refused_for_nonce: int
    failed_otherwise: int
    most_in_flight: int
    seconds: float
    nonce_state: str

    @property
    def flawless(self) -> bool:
        """Whether every call was answered, one at a time."""
        return self.answered == self.calls and not self.refused_for_nonce and self.most_in_flight == 1


def judge(emulator: Emulator, key: KeyPair, client: str, calls: int, seconds: float, kept: str) -> Side:
    """Return what the emulator saw of a client."""
    seen = [arrival for arrival in emulator.history if arrival.api_key == key.api_key]
    refused = sum(1 for arrival in seen if any(e.startswith(BAD_NONCE) for e in arrival.errors))
    answered = sum(1 for arrival in seen if not arrival.errors and not arrival.fault)
    return Side(
        client=client,
        calls=calls,
        answered=answered,
        refused_for_nonce=refused,
        failed_otherwise=len(seen) - answered - refused,
        most_in_flight=emulator.max_in_flight[key.api_key],
        seconds=round(seconds, 3),
        nonce_state=kept,
    )
