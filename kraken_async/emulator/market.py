"""A market that moves by itself: a random walk with a seed, or trades replayed from a file.

A market is a sequence of moves, each after some seconds; who plays it decides whose seconds these are.

>>> walk = RandomWalk("XBTUSD", seed=1)
>>> move = next(walk.moves(Decimal(60000)))
>>> (move.after, move.price > 0)
(60.0, True)
"""

from __future__ import annotations

import asyncio
import csv
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol

from .emulator import Emulator
from .markets import Pair
from .values import Refusal

_YEAR = 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Move:
    """One price, ``after`` so many seconds, at which ``volume`` traded (None: any)."""

    after: float
    price: Decimal
    volume: Decimal | None = None


class Market(Protocol):
    """A source of prices for one pair."""

    @property
    def pair(self) -> str:
        """The pair's name."""

    @property
    def speed(self) -> float:
        """How many of its seconds pass in one."""

    def moves(self, start: Decimal) -> Iterator[Move]:
        """Yield the moves from the price ``start``."""


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """Prices that go up and down at random: a move every ``step`` seconds, ``volatility`` is that of a year.

    The same seed gives the same prices.
    """

    pair: str
    step: float = 60.0
    volatility: float = 0.6
    seed: int | None = None
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.step <= 0 or self.volatility < 0 or self.speed <= 0:
            raise ValueError("step and speed must be above 0, volatility not below it")

    def moves(self, start: Decimal) -> Iterator[Move]:
        """Yield moves without end."""
        rng, price = random.Random(self.seed), float(start)
        deviation = self.volatility * math.sqrt(self.step / _YEAR)
        while True:
            price *= math.exp(rng.gauss(-deviation * deviation / 2, deviation))
            yield Move(self.step, Decimal(repr(price)))


@dataclass(frozen=True, slots=True)
class Replay:
    """Trades of a file, in its order and at its distances in time, ``speed`` times as fast.

    The file is Kraken's: rows of time, price, volume; or candles: time, open, high, low, close and volume, perhaps with
    vwap before it and a count. Times are unix seconds. Of a candle the four prices follow each other over its
    interval: the low comes first when it closed above its opening. A header is passed over.
    """

    pair: str
    path: str
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError("speed must be above 0")
        if not Path(self.path).is_file():
            raise ValueError(f"no such file: {self.path}")

    def moves(self, start: Decimal) -> Iterator[Move]:
        """Yield the moves of the file. ValueError names a row that is neither a trade nor a candle."""
        previous: float | None = None
        for t, price, volume in self._trades():
            after = 0.0 if previous is None else max(0.0, t - previous)
            previous = t
            yield Move(after, price, volume)

    def _trades(self) -> Iterator[tuple[float, Decimal, Decimal]]:
        with Path(self.path).open(newline="", encoding="utf-8") as file:
            rows = enumerate(csv.reader(file), 1)
            interval, last = 0.0, None
            for number, row in rows:
                if not row or (number == 1 and not _is_number(row[0])):
                    continue
                try:
                    numbers = [Decimal(cell) for cell in row]
                except InvalidOperation:
                    raise ValueError(f"{self.path}, line {number}: not all numbers") from None
                if len(numbers) == 3:
                    yield float(numbers[0]), numbers[1], numbers[2]
                elif 6 <= len(numbers) <= 8:
                    t = float(numbers[0])
                    interval = interval if last is None else t - last
                    last = t
                    yield from _candle(t, interval, numbers)
                else:
                    raise ValueError(
                        f"{self.path}, line {number}: a trade has 3 columns, a candle 6 to 8, this line {len(row)}"
                    )


def _is_number(cell: str) -> bool:
    try:
        return Decimal(cell).is_finite()
    except InvalidOperation:
        return False


def _candle(t: float, interval: float, row: list[Decimal]) -> Iterator[tuple[float, Decimal, Decimal]]:
    opened, high, low, close = row[1:5]
    volume = row[6] if len(row) == 8 else row[5]
    path = (opened, low, high, close) if close >= opened else (opened, high, low, close)
    for n, price in enumerate(path):
        yield t + interval * n / 4, price, volume / 4


def market_of(given: Mapping[str, Any], *, seed: int | None = None) -> Market:
    """Return the market that a configuration describes: ``replay`` names a file, else it walks at random."""
    options = dict(given)
    if "replay" in options:
        options["path"] = options.pop("replay")
        return Replay(**options)
    return RandomWalk(**{"seed": seed, **options})


def pair_of(emulator: Emulator, market: Market) -> Pair:
    """Return the pair that a market moves; ValueError when there is none of its name."""
    try:
        return emulator.venue.markets.pair(market.pair)
    except Refusal:
        raise ValueError(f"no such pair: {market.pair}") from None


def play(emulator: Emulator, market: Market) -> Iterator[float]:
    """Move the price, step by step: yields the seconds to let pass before each move.

    >>> # for seconds in play(emulator, RandomWalk("XBTUSD", seed=1)): clock.advance(seconds)
    """
    pair = pair_of(emulator, market)
    for move in market.moves(pair.last):
        yield move.after / market.speed
        price = max(pair.tick, (move.price / pair.tick).to_integral_value() * pair.tick)
        emulator.move(pair.key, price, volume=move.volume)


async def run(emulator: Emulator, market: Market) -> None:
    """Move the price in real time until the market ends or the task is cancelled."""
    for seconds in play(emulator, market):
        await asyncio.sleep(seconds)
