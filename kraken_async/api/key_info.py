"""KeyInfo: what GetApiKeyInfo tells about a key, in whichever spelling Kraken sends.

The documentation shows ``nonceWindow`` and numbers; the live API answers ``nonce_window`` and text. Both are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key's settings at Kraken. A field is None where the answer holds it in no form that can be read.

    ``nonce``: the highest nonce that Kraken has seen. ``nonce_window``: in ticks of the nonce, 0 where there is none.
    ``query_from``, ``query_to``: unix seconds between which the key sees orders and trades, 0 where there is no bound.
    ``valid_until``: unix seconds until which it may call at all, 0 where there is no end.
    """

    nonce: int | None
    nonce_window: int | None
    query_from: float | None
    query_to: float | None
    valid_until: float | None
    permissions: frozenset[str]
    ip_allowlist: tuple[str, ...]

    @classmethod
    def of(cls, answer: object) -> KeyInfo:
        """Read Kraken's result. A field that is missing, null, 0 or "" sets no bound; one that is no number is None."""
        fields: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {}
        return cls(
            nonce=_integer(fields.get("nonce"), missing=None),
            nonce_window=_integer(_either(fields, "nonce_window", "nonceWindow"), missing=0),
            query_from=_seconds(_either(fields, "query_from", "queryFrom")),
            query_to=_seconds(_either(fields, "query_to", "queryTo")),
            valid_until=_seconds(_either(fields, "valid_until", "validUntil")),
            permissions=frozenset(_texts(fields.get("permissions"))),
            ip_allowlist=_texts(_either(fields, "ip_allowlist", "ipAllowlist")),
        )

    @property
    def sees_all(self) -> bool:
        """Whether no query window hides orders from the key, for all that the answer tells."""
        return self.query_from == 0 and self.query_to == 0


def _either(fields: Mapping[str, Any], snake: str, camel: str) -> Any:
    return fields[snake] if fields.get(snake) is not None else fields.get(camel)


def _integer(value: Any, *, missing: int | None) -> int | None:
    if value is None or value == "":
        return missing
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _seconds(value: Any) -> float | None:
    if value is None or value == "":
        return 0.0
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list, without empty ones: Kraken sends ``[""]`` for a list that is empty."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return ()
    return tuple(text for text in value if isinstance(text, str) and text.strip())
