"""Values that travel through the emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

JSON_TYPE = "application/json; charset=utf-8"
#: What an endpoint returns for an answer that has no ``result`` at all.
NO_RESULT: Final = object()


class KeyPair(NamedTuple):
    """An API key and its secret, as a client needs them."""

    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        return f"KeyPair(api_key={self.api_key[:4]}..., api_secret=...)"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. ``pace`` is the time in seconds over which the body leaves (0: at once)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    pace: float = 0.0


class Refusal(Exception):
    """Kraken's "no": the strings that go into ``error``."""

    def __init__(self, *errors: str) -> None:
        super().__init__(*errors)
        self.errors = errors


class ConnectionDropped(Exception):
    """The exchange ended without a complete answer.

    ``executed`` tells what the client cannot know: whether the request reached the rules (it may still have
    been refused there). ``reply`` is the part of an answer that left before the cut, with a full-length
    ``Content-Length`` header; None when not one byte left. ``abrupt`` is a reset, as opposed to an orderly end of file.
    """

    def __init__(self, *, executed: bool, reply: Reply | None = None, abrupt: bool = True) -> None:
        super().__init__("connection dropped by the emulator")
        self.executed = executed
        self.reply = reply
        self.abrupt = abrupt

    @property
    def sent_any_reply_bytes(self) -> bool:
        """Whether the client saw the beginning of an answer."""
        return self.reply is not None


@dataclass(slots=True)
class Arrival:
    """One request as the emulator saw it, for checkers.

    ``t`` is the emulator's clock in unix seconds, ``nonce`` None when there was none that could be read.
    ``executed`` says that the call was carried out, whatever the client was told: ``fault`` names what was
    done to it on the way. ``txids`` are the orders it placed, amended or cancelled.
    """

    t: float
    api_key: str
    endpoint: str
    nonce: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    executed: bool = False
    txids: tuple[str, ...] = ()
    fault: str = ""


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header whatever its case, or an empty text."""
    found = headers.get(name)
    if found is not None:
        return found
    lowered = name.lower()
    return next((value for key, value in headers.items() if key.lower() == lowered), "")
