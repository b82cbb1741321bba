"""Prices and volumes as requests spell them: relative ones, ticks and lots."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from .behaviour import Behaviour
from .markets import Pair
from .values import Refusal
from .wire import bad, plain

_RELATIVE = re.compile(r"([+\-#])(\d{1,12}(?:\.\d{1,10})?)(%?)")
_ROUNDING = {"cut": ROUND_DOWN, "round": ROUND_HALF_EVEN}


@dataclass(frozen=True, slots=True)
class Relative:
    """A price relative to another: ``+5%``, ``-10``, ``#1%``."""

    sign: str
    amount: Decimal
    percent: bool

    @classmethod
    def read(cls, value: str) -> Relative | None:
        """Return what ``value`` spells, None when it is no relative price."""
        found = _RELATIVE.fullmatch(value)
        return None if found is None else cls(found[1], Decimal(found[2]), bool(found[3]))

    def text(self, pair: Pair) -> str:
        """Return it as Kraken writes it: ``+5.0000%``, ``-10.0``."""
        return (
            f"{self.sign}{self.amount:.4f}%" if self.percent else f"{self.sign}{pair.price_text(self.amount)}"
        )

    def step(self, base: Decimal) -> Decimal:
        """Return the distance from ``base``."""
        return base * self.amount / 100 if self.percent else self.amount

    def of(self, base: Decimal, pair: Pair, *, upward: bool) -> Decimal:
        """Return the price on the tick that lies so far above or below ``base``."""
        step = self.step(base)
        return to_tick(base + step if upward else base - step, pair)

    def from_last(self, pair: Pair, side: str) -> Decimal:
        """Return the price relative to the last one; ``#`` leads away from the market for an order of ``side``."""
        return self.of(pair.last, pair, upward=self.sign == "+" or (self.sign == "#" and side == "sell"))


def to_tick(price: Decimal, pair: Pair, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Return ``price`` on the tick."""
    tick = pair.tick
    return (price / tick).to_integral_value(rounding) * tick


def on_tick(price: Decimal, pair: Pair, behaviour: Behaviour) -> Decimal:
    """Return a price on the tick: refused, rounded or cut when it is not."""
    if behaviour.prices != "refuse":
        return to_tick(price, pair, _ROUNDING[behaviour.prices])
    if price % pair.price_unit:
        raise Refusal(
            f"EOrder:Invalid price:{pair.key} price can only be specified up to {pair.pair_decimals} decimals."
        )
    if price % pair.tick:
        raise Refusal("EOrder:Tick size check failed")
    return price


def read_price(value: str, pair: Pair, side: str, name: str, behaviour: Behaviour) -> Decimal:
    """Return an absolute price on the tick; ``+5%``, ``-10`` and ``#1%`` are relative to the last one."""
    relative = Relative.read(value)
    price = (
        on_tick(plain(value, name), pair, behaviour) if relative is None else relative.from_last(pair, side)
    )
    if price <= 0:
        raise Refusal("EOrder:Invalid price")
    return price


def read_volume(volume: Decimal, pair: Pair, name: str, behaviour: Behaviour) -> Decimal:
    """Return a volume in whole lots; digits beyond them are cut, rounded or refused."""
    if behaviour.volumes != "refuse":
        return volume.quantize(pair.lot, _ROUNDING[behaviour.volumes])
    if volume % pair.lot:
        raise bad(name)
    return volume
