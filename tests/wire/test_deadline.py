"""Deadlines, by a clock that only the test puts forward."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from kraken_async.wire.deadline import READING, Deadline


class Timer:
    """One timer, or one turn of the loop."""

    def __init__(self, at: float, call: Callable[[], object]) -> None:
        self.at = at
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop whose turns take no time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call: Callable[[], object]) -> Timer:
        self.timers.append(timer := Timer(at, call))
        return timer

    def call_soon(self, call: Callable[..., object], *args: Any) -> Timer:
        return self.call_at(self.now, lambda: call(*args))

    def run_until(self, moment: float) -> None:
        """Put the clock forward, ringing what is due on the way."""
        self.now = moment
        for _ in range(1000):
            due = [timer for timer in self.timers if timer.at <= self.now and not timer.cancelled]
            if not due:
                return
            self.timers.remove(due[0])
            due[0].call()
        raise AssertionError("it rings without end")


class Scene:
    """A deadline, when it gave up, and what came meanwhile."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.given_up: list[float] = []
        self.came: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.deadline = Deadline(
            cast("asyncio.AbstractEventLoop", self.loop),
            lambda: self.given_up.append(self.loop.now),
            lambda: self.came(),
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_it_gives_up_when_its_time_is_over(scene: Scene) -> None:
    scene.deadline.set(10.0)
    scene.loop.run_until(9.9)
    assert not scene.given_up
    scene.loop.run_until(10.1)
    assert scene.given_up == [10.1]


def test_a_time_that_is_set_later_holds_alone(scene: Scene) -> None:
    scene.deadline.set(10.0)
    scene.deadline.set(20.0)
    scene.loop.run_until(19.9)
    assert not scene.given_up
    scene.loop.run_until(20.0)
    assert scene.given_up == [20.0]


def test_a_time_that_is_set_sooner_holds_alone(scene: Scene) -> None:
    scene.deadline.set(20.0)
    scene.deadline.set(10.0)
    scene.loop.run_until(10.0)
    assert scene.given_up == [10.0]


@pytest.mark.parametrize("ended", ["cancelled", "given up"])
def test_it_may_be_set_again_once_it_has_ended(ended: str, scene: Scene) -> None:
    scene.deadline.set(10.0)
    if ended == "cancelled":
        scene.deadline.cancel()
    scene.loop.run_until(11.0)
    assert scene.given_up == ([] if ended == "cancelled" else [11.0])
    scene.given_up.clear()
    scene.deadline.set(20.0)
    scene.loop.run_until(20.0)
    assert scene.given_up == [20.0]


def test_bytes_that_do_not_end_are_read_for_so_long(scene: Scene) -> None:
    counts = iter(range(10_000))

    def more() -> tuple[int, int]:
        scene.loop.now += READING / 10  # each look takes a while
        return next(counts), 0

    scene.came = more
    scene.deadline.set(1.0)
    for moment in range(2, 5):
        scene.loop.run_until(float(moment))
    assert len(scene.given_up) == 1
    assert 8 <= next(counts) <= 15


def test_what_was_seen_of_one_answer_does_not_count_for_the_next(scene: Scene) -> None:
    scene.came = lambda: (7, 0)
    scene.deadline.set(1.0)
    scene.loop.run_until(2.0)
    assert scene.given_up == [2.0]
    looks: list[float] = []

    def same() -> tuple[int, int]:
        looks.append(scene.loop.now)
        return 7, 0

    scene.came = same
    scene.deadline.set(10.0)
    scene.loop.run_until(10.0)
    assert len(looks) == 2, "it gives up at the second look, which finds that nothing more came"
