"""Kraken's clock, learnt from answers and kept by a clock that is never set."""

from __future__ import annotations

import time

import pytest

from kraken_async import server_time
from kraken_async.server_time import LIFE, ServerTime


class Clock:
    """A loop's clock, set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kraken(clock: Clock) -> ServerTime:
    found = ServerTime(clock)
    found.observe(5_000_000, 999.9, 1000.0)
    return found


def test_while_nothing_is_known_this_machines_clock_is_taken(clock: Clock) -> None:
    assert not ServerTime(clock).known
    assert ServerTime(clock).now() == pytest.approx(time.time(), abs=1)


@pytest.mark.parametrize("step", [-7200.0, -30.0, 300.0, 7200.0])
def test_a_step_of_the_wall_clock_moves_nothing(
    kraken: ServerTime, clock: Clock, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, wall = kraken.now(), time.time
    monkeypatch.setattr(time, "time", lambda: wall() + step)
    assert kraken.now() == pytest.approx(before, abs=1e-3)
    clock.now += 2.5
    assert kraken.now() == pytest.approx(before + 2.5, abs=1e-3)
    assert kraken.stamp(5.0).startswith("1970-02-27T20:53:")


def test_answers_narrow_it_and_it_never_promises_too_much(kraken: ServerTime, clock: Clock) -> None:
    assert kraken.now() == pytest.approx(5_000_000.55, abs=1e-3)
    assert kraken.at_least() == pytest.approx(5_000_000.0, abs=1e-3)
    clock.now = 1000.7
    kraken.observe(5_000_001, 1000.69, 1000.7)  # the second has just begun, or nearly
    assert kraken.at_least() == pytest.approx(5_000_001.0, abs=1e-3)
    assert 5_000_001.0 < kraken.now() < 5_000_001.8


def test_a_contradiction_or_its_age_makes_it_start_afresh(kraken: ServerTime, clock: Clock) -> None:
    kraken.observe(6_000_000, 1000.0, 1000.0)
    assert kraken.now() == pytest.approx(6_000_000.5, abs=1e-3)
    clock.now += LIFE + 1
    kraken.observe(6_000_000 + int(LIFE) + 1, clock.now, clock.now)
    assert kraken.at_least() == pytest.approx(6_000_000 + int(LIFE) + 1, abs=1e-3)


def test_a_suspended_machine_does_not_fall_behind(
    kraken: ServerTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, asleep = kraken.now(), server_time._asleep
    monkeypatch.setattr(server_time, "_asleep", lambda: asleep() + 3600.0)
    assert kraken.now() == pytest.approx(before + 3600.0, abs=1e-3)


def test_a_date_that_is_none_teaches_nothing(clock: Clock) -> None:
    found = ServerTime(clock)
    for header in (None, "", "yesterday"):
        found.observe_date(header, 999.0, 1000.0)
    assert not found.known
    found.observe_date("Tue, 14 Nov 2023 22:13:20 GMT", 1000.0, 1000.0)
    assert found.at_least() == pytest.approx(1_700_000_000, abs=1e-3)
