"""How much is measured: the whole, or a quick look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Numbers of everything.

    ``calls``: queued at a time -> (calls in a round, rounds in a generation of processes).
    """

    generations: int
    calls: dict[int, tuple[int, int]]
    repeats: int  # fresh processes for every other measurement
    waiting_repeats: int
    waiting: int  # calls that wait at once
    traced: int  # the same under tracemalloc, which is slow
    locked: int  # the same on an asyncio.Lock, whose cancelling is quadratic
    order_generations: int
    order_calls: int = 100  # timed at each level; half of them are placed before the first
    order_rounds: int = 4  # in which these are timed: few, for what has not run for a while is slow at first
    order_pairs: int = 30  # turns that a process with many orders takes with one that has just begun
    order_levels: tuple[int, ...] = (0, 1_000, 5_000)  # orders within 300 s before those that are timed
    order_all: bool = True  # clients that keep no orders are filled as well
    through_stub: bool  # also over HTTP, not in memory alone
    pieces: int
    nonces: float = 1.0
    cancel_seconds: float = 40.0  # for so long cancels are asked for
    cancel_sessions: int = 8  # in a process, each on a key of its own
    cancel_rate: float = 2.5  # cancels a second in each session
    dead_sessions: int = 1_000  # with an open order each
    known_orders: tuple[int, ...] = (100, 1_000, 5_000)
    schedules: int = 10_000  # random histories of orders
    refusal_calls: int = 300  # gathered
    gateway: tuple[int, int, int] = (5_000, 5, 2_000)  # calls in a round, rounds, clients that wait


FULL: Final = Plan(
    generations=4,
    calls={1: (600, 6), 10: (600, 6), 1_000: (1_000, 3), 10_000: (10_000, 1)},
    repeats=5,
    waiting_repeats=5,
    waiting=100_000,
    traced=100_000,
    locked=20_000,
    order_generations=3,
    through_stub=True,
    pieces=5_000,
)
QUICK: Final = Plan(
    generations=2,
    calls={1: (200, 5), 10: (200, 2), 1_000: (1_000, 1)},
    repeats=2,
    waiting_repeats=1,
    waiting=30_000,
    traced=20_000,
    locked=10_000,
    order_generations=1,
    order_levels=(0, 2_000),
    order_all=False,
    through_stub=False,
    pieces=1_000,
    nonces=0.5,
    cancel_seconds=6.0,
    cancel_sessions=4,
    schedules=40,
    refusal_calls=150,
    gateway=(2_000, 3, 2_000),
)
#: Only to see that everything works; its figures mean nothing.
TINY: Final = Plan(
    generations=1,
    calls={1: (5, 1), 10: (20, 1)},
    repeats=1,
    waiting_repeats=1,
    waiting=50,
    traced=50,
    locked=50,
    order_generations=1,
    order_calls=20,
    order_rounds=2,
    order_pairs=2,
    order_levels=(0, 100),
    through_stub=False,
    pieces=20,
    nonces=0.001,
    cancel_seconds=1.0,
    cancel_sessions=2,
    schedules=2,
    dead_sessions=20,
    known_orders=(10, 20),
    refusal_calls=20,
    gateway=(80, 1, 20),
)
