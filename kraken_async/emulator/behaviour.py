"""How the emulator shows and treats what clients send, where Kraken was seen to differ from its documentation.

Each default is what clients have recorded of Kraken. Where several forms were recorded, or none, every form
can be chosen, so that a test can take them all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from .given import flag

#: Least and most seconds.
Span = tuple[float, float]

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "volumes": ("cut", "round", "refuse"),
    "prices": ("refuse", "round", "cut"),
    "no_userref": ("null", "zero", "missing"),
    "no_refid": ("null", "word", "missing"),
    "client_ids": ("lower", "sent", "dashed"),
    "amend_times": ("ms", "us", "ns"),
    "key_info": ("snake_case", "camelCase"),
    "empty_balance": ("absent", "object"),
    "closing": ("nowhere", "still open"),
    "unknown_ids": ("missing", "refuse"),
    "disarmed": ("zero", "now"),
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Switches of the emulator.

    Args:
        volumes: digits beyond the lot size are cut, rounded (half to even), or the order is refused.
        prices: digits beyond the tick size are refused with Kraken's words, rounded (half to even) or cut.
        no_userref: an order without one shows ``null``, ``0``, or no such field.
        no_refid: an order that no other has made shows ``null``, the word ``"None"``, or no such field.
        client_ids: a ``cl_ord_id`` that is a UUID is shown in lower case, as it was sent, or in lower case with dashes.
        amend_times: unit of ``timestamp`` in OrderAmends. Kraken documents nanoseconds and sends milliseconds.
        key_info: spelling of the fields of GetApiKeyInfo. Kraken documents camelCase and sends snake_case, in which
            the nonce window is a text.
        blank_ip_list: a key without a list of addresses shows ``[""]`` instead of ``[]`` (snake_case only).
        empty_balance: Balance of an account that never held anything: no ``result`` at all, or ``{}``.
        open_delay: seconds before queries show a new order, drawn for each order from (least, most).
        closed_delay: seconds before queries show that an order was closed, and its trades, drawn likewise.
        closing: where an order is shown meanwhile.
        unknown_ids: what QueryOrders, QueryTrades, QueryLedgers and OpenPositions do with an id that they do not know.
        disarmed: ``triggerTime`` of CancelAllOrdersAfter(0): ``"0"``, or ``currentTime`` once more.
    """

    volumes: Literal["cut", "round", "refuse"] = "cut"
    prices: Literal["refuse", "round", "cut"] = "refuse"
    no_userref: Literal["null", "zero", "missing"] = "null"
    no_refid: Literal["null", "word", "missing"] = "null"
    client_ids: Literal["lower", "sent", "dashed"] = "lower"
    amend_times: Literal["ms", "us", "ns"] = "ms"
    key_info: Literal["snake_case", "camelCase"] = "snake_case"
    blank_ip_list: bool = True
    empty_balance: Literal["absent", "object"] = "absent"
    open_delay: Span = (0.0, 0.0)
    closed_delay: Span = (0.0, 0.0)
    closing: Literal["nowhere", "still open"] = "nowhere"
    unknown_ids: Literal["missing", "refuse"] = "missing"
    disarmed: Literal["zero", "now"] = "zero"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            given: Any = getattr(self, name)
            if given not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {given!r}")
        flag(self.blank_ip_list, "blank_ip_list")
        for name in ("open_delay", "closed_delay"):
            least, most = getattr(self, name)
            if not 0 <= least <= most:
                raise ValueError(f"{name} must be (least, most) in seconds, not {(least, most)!r}")

    @classmethod
    def documented(cls) -> Behaviour:
        """Return what Kraken's documentation says, where clients have recorded something else."""
        return cls(no_userref="zero", no_refid="word", client_ids="sent", amend_times="ns", key_info="camelCase",
                   blank_ip_list=False, empty_balance="object")  # fmt: skip

    def delayed(self, seconds: float) -> Behaviour:
        """Return these switches, with new orders shown after so many seconds; 0: as they are."""
        return replace(self, open_delay=(seconds, seconds)) if seconds else self

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all switches."""
        return tuple(field.name for field in fields(cls))
