"""Kraken's clock, learnt from answers and kept by a clock that is never set."""

from __future__ import annotations

import math
import sys
import time
from email.utils import formatdate
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken_async import server_time
from kraken_async.server_time import ServerTime


class Clock:
    """A loop's clock, set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def awake() -> float:
    """Of a machine that was never suspended."""
    return 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kraken(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ServerTime:
    monkeypatch.setattr(time, "time", lambda: 5_000_000.0 + clock.now - 1000)
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
    assert kraken.now() == pytest.approx(before + 2.5, abs=1e-2)
    assert kraken.stamp(5.0).startswith("1970-02-27T20:53:")


def test_answers_narrow_it_and_it_never_promises_too_much(kraken: ServerTime, clock: Clock) -> None:
    assert kraken.now() == pytest.approx(5_000_000.55, abs=1e-3)
    assert kraken.at_least() == pytest.approx(5_000_000.0, abs=1e-3)
    clock.now = 1000.7
    kraken.observe(5_000_001, 1000.69, 1000.7)  # the second has just begun, or nearly
    assert kraken.at_least() == pytest.approx(5_000_001.0, abs=1e-3)
    assert 5_000_001.0 < kraken.now() < 5_000_001.8


def learn(kraken: ServerTime, server: float, at: float, trip: float = 0.1, headers: Any = ()) -> None:
    """Give it a Date, as the answer of a request that was answered at `at`."""
    kraken.learn(200, {"Date": formatdate(server, usegmt=True), **dict(headers)}, at - trip, at)


def test_a_contradiction_alone_changes_nothing(kraken: ServerTime, clock: Clock) -> None:
    before = kraken.span()
    for _ in range(3):
        kraken.observe(6_000_000, 1000.0, 1000.0)
    assert kraken.span() == pytest.approx(before, abs=1e-3)
    assert kraken.epoch == 0


@pytest.mark.parametrize(("seconds", "afresh"), [(4.9, False), (5.2, True), (300.0, True)])
def test_a_second_request_five_seconds_later_starts_afresh(
    kraken: ServerTime, clock: Clock, seconds: float, afresh: bool
) -> None:
    kraken.observe(6_000_000, 1000.0, 1000.0)
    clock.now += seconds
    kraken.observe(6_000_000 + round(seconds), clock.now, clock.now)
    assert (kraken.epoch == 1) is afresh
    assert (kraken.now() > 5_999_999) is afresh


@pytest.mark.parametrize(("later", "afresh"), [(4.5, False), (5.0, True), (5.5, True)])
def test_what_confirms_a_contradiction_was_asked_for_five_seconds_after_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, later: float, *, afresh: bool
) -> None:
    monkeypatch.setattr(time, "time", lambda: 5_000_000.0)
    kraken = ServerTime(clock, asleep=awake)  # else it trembles, and 5 s are not exactly that
    kraken.observe(5_000_000, 1000.0, 1000.0)
    kraken.observe(6_000_000, 1000.0, 1000.0)
    kraken.observe(6_000_000 + math.floor(later), 1000.0 + later, 1006.0)
    assert (kraken.epoch == 1) is afresh


@pytest.mark.parametrize(("server", "low", "high"), [(5_000_001, 1, 1), (4_999_999, 0, 0), (5_000_000, 0, 1)])
def test_answers_that_just_agree_contradict_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, server: int, low: int, high: int
) -> None:
    """A second that ends as the other begins is the moment between them."""
    monkeypatch.setattr(time, "time", lambda: 5_000_000.0)
    found = ServerTime(clock, asleep=awake)
    for each in (5_000_000, server):
        found.observe(each, 1000.0, 1000.0)
    assert found.span() == (5_000_000.0 + low, 5_000_000.0 + high)


def test_a_reading_is_the_middle_of_what_is_known_and_half_its_width(
    kraken: ServerTime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kraken.reading(kraken.boot_clock()) == pytest.approx((5_000_000.55, 0.55))
    assert kraken.reading(kraken.boot_clock() + 10) == pytest.approx((5_000_010.55, 0.56))
    assert ServerTime(clock).reading(0.0) == (5_000_000.0, None)
    assert kraken.at_least() == pytest.approx(5_000_000.0)
    assert ServerTime(clock).at_least() == 5_000_000.0


def test_a_stamp_is_in_kraken_s_time_to_the_millisecond(kraken: ServerTime) -> None:
    # The middle of what is known ends on .55, which a float of the boot clock may miss by less than a millisecond.
    assert kraken.stamp(5.0) in ("1970-02-27T20:53:25.549Z", "1970-02-27T20:53:25.550Z")


def test_two_contradictions_that_differ_start_nothing(kraken: ServerTime, clock: Clock) -> None:
    kraken.observe(6_000_000, 1000.0, 1000.0)
    clock.now += 10
    kraken.observe(7_000_000, clock.now, clock.now)
    assert kraken.epoch == 0
    clock.now += 4
    kraken.observe(7_000_004, clock.now, clock.now)
    assert kraken.epoch == 0
    clock.now += 4
    kraken.observe(7_000_008, clock.now, clock.now)
    assert kraken.epoch == 1


def test_a_lie_between_true_answers_is_forgotten(kraken: ServerTime, clock: Clock) -> None:
    for _ in range(5):
        kraken.observe(6_000_000 + int(clock.now - 1000), clock.now, clock.now)
        kraken.observe(5_000_000 + int(clock.now - 1000), clock.now, clock.now)
        clock.now += 10
    assert kraken.epoch == 0
    assert kraken.now() == pytest.approx(5_000_050.5, abs=0.1)


def test_a_first_answer_years_off_needs_a_second(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ServerTime(clock)
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    found.observe(1_500_000_000, 1000.0, 1000.0)
    assert not found.known
    clock.now += 6
    found.observe(1_500_000_006, clock.now, clock.now)
    assert found.known
    assert found.epoch == 1  # what was stamped by the wall clock proves nothing


@pytest.mark.parametrize(("seconds", "taken"), [(0, True), (1, False), (-1, False)])
def test_a_first_answer_a_year_off_or_more_is_not_taken_by_itself(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: int, *, taken: bool
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    found = ServerTime(clock)
    found.observe(1_700_000_000 + seconds * 365 * 86_400, 1000.0, 1000.0)
    assert found.known is taken


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (502, {}),
        (503, {}),
        (404, {}),
        (204, {}),
        (200, {"Age": "7"}),
        (200, {"age": "1"}),
        (200, {"Age": "x"}),
    ],
)
def test_a_page_and_a_cache_teach_no_clock(clock: Clock, status: int, headers: dict[str, str]) -> None:
    found = ServerTime(clock)
    found.learn(status, {"Date": formatdate(time.time() + 300, usegmt=True), **headers}, 999.9, 1000.0)
    found.learn_unixtime(status, headers, time.time() + 300, 999.9, 1000.0)
    assert not found.known


@pytest.mark.parametrize("headers", [{}, {"Age": "0"}])
def test_kraken_s_own_answer_teaches(clock: Clock, headers: dict[str, str]) -> None:
    found = ServerTime(clock)
    learn(found, time.time(), 1000.0, headers=headers)
    assert found.known
    again = ServerTime(clock)
    again.learn_unixtime(200, headers, str(int(time.time())), 999.9, 1000.0)
    assert again.known


@pytest.mark.parametrize(
    ("wrong", "taught"),
    [(0, True), (1.9, True), (-1.9, True), (2, True), (-2, True), (2.5, False), (-2.5, False)],
)
def test_dates_teach_where_they_are_that_of_kraken_s_own_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, wrong: float, *, taught: bool
) -> None:
    """Both are cut to the second, on machines that agree within one."""
    monkeypatch.setattr(time, "time", lambda: 5_000_000.0)
    found = ServerTime(clock)
    date = formatdate(5_000_000, usegmt=True)
    found.learn_unixtime(200, {"Date": date}, str(5_000_000 + wrong), 999.9, 1000.0)
    before = found.span(1000.0)
    clock.now = 1000.9
    found.learn(200, {"Date": formatdate(5_000_000 + int(wrong), usegmt=True)}, clock.now, clock.now)
    assert (found.span(1000.0) != before) is taught


def test_where_dates_are_rewritten_none_teaches(clock: Clock) -> None:
    found, truth = ServerTime(clock), int(time.time())
    for _ in range(4):
        wrong = {"Date": formatdate(truth + 90 + clock.now - 1000, usegmt=True)}
        found.learn_unixtime(200, wrong, truth + int(clock.now - 1000), clock.now - 0.1, clock.now)
        found.learn(200, wrong, clock.now - 0.1, clock.now)
        clock.now += 6
    assert found.epoch == 0
    assert found.now() == pytest.approx(truth + 24, abs=2)


@pytest.mark.parametrize("unixtime", [None, "soon", float("nan"), float("inf"), [], {}])
def test_a_unixtime_that_is_none_teaches_nothing(clock: Clock, unixtime: Any) -> None:
    found = ServerTime(clock)
    found.learn_unixtime(200, {}, unixtime, 999.9, 1000.0)
    assert not found.known


def test_a_past_moment_is_told_by_what_was_learnt_since(kraken: ServerTime, clock: Clock) -> None:
    sent = kraken.boot_clock()
    clock.now += 10.3
    kraken.observe(5_000_010, clock.now - 0.01, clock.now)
    span = kraken.span(sent)
    assert span is not None
    low, high = span
    assert low <= 5_000_000.0 + 0.7 <= high
    assert high - low < 0.8


def test_a_wide_interval_is_narrowed_by_many_answers_a_narrow_one_kept_by_one_a_second(clock: Clock) -> None:
    found, truth = ServerTime(clock), time.time() // 1
    found.observe(truth, 1000.0, 1000.0)
    assert found.due_at == pytest.approx(1000.025)
    learn(found, truth, 1000.99, trip=0.0)
    assert found.due_at == pytest.approx(1001.99)


@pytest.mark.parametrize(("trip", "pause"), [(0.02, 0.025), (0.4, 0.025), (0.6, 1.0), (2.0, 1.0)])
def test_an_interval_as_narrow_as_its_answers_are_slow_is_read_once_a_second(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, trip: float, pause: float
) -> None:
    monkeypatch.setattr(time, "time", lambda: 5_000_000.0)
    found = ServerTime(clock)
    found.observe(5_000_000, 1000.0, 1000.0)  # known to a second
    clock.now = 1000.1
    learn(found, 5_000_000, 1000.1, trip=trip)
    assert found.due_at == pytest.approx(1000.1 + pause)


@given(
    st.floats(-1e6, 1e6),
    st.floats(-0.0004, 0.0004),
    st.lists(st.tuples(st.floats(0.01, 900), st.floats(0, 3), st.floats(0, 1)), min_size=1, max_size=12),
)
def test_the_interval_always_holds_the_true_offset(
    offset: float, drift: float, answers: list[tuple[float, float, float]]
) -> None:
    """Kraken's clock is off by any amount and runs faster or slower; requests take any time, either way."""
    clock = Clock()

    def true(moment: float) -> float:
        return wall + offset + moment * (1 + drift)

    wall = time.time()
    found = ServerTime(clock)
    asleep = found.boot_clock() - clock.now
    for pause, trip, share in answers:
        sent = clock.now = clock.now + pause
        clock.now += trip
        found.observe(math.floor(true(sent + trip * share)), sent, clock.now)
        for moment in (clock.now, sent, 1000.0):
            span = found.span(moment + asleep)
            assert span is not None
            assert span[0] - 1e-5 <= true(moment) <= span[1] + 1e-5
        assert found.at_least() <= true(clock.now) + 1e-5
    assert found.epoch == 0


@given(st.lists(st.tuples(st.floats(0.1, 30), st.sampled_from([0.0, 90.0, -300.0, 5e8])), min_size=1))
def test_lies_among_true_answers_never_win(answers: list[tuple[float, float]]) -> None:
    """As long as no lie comes twice in a row, five seconds apart: the one thing that cannot be told from the truth."""
    clock, wall = Clock(), 1_700_000_000.0
    found = ServerTime(clock)
    found.observe(wall + clock.now // 1, clock.now, clock.now)
    if not found.known:  # years from this machine's clock: it takes two
        clock.now += 6
        found.observe(wall + clock.now // 1, clock.now, clock.now)
    epoch, before = found.epoch, 0.0
    for pause, lie in answers:
        clock.now += pause
        if not lie or lie != before:
            found.observe(wall + lie + clock.now // 1, clock.now, clock.now)
            before = lie
        span = found.span()
        assert span is not None
        assert span[0] - 1e-3 <= wall + clock.now <= span[1] + 1e-3
    assert found.epoch == epoch


def test_a_suspended_machine_does_not_fall_behind(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 5_000_000.0)
    suspended = 0.0
    kraken = ServerTime(clock, asleep=lambda: server_time.machine_asleep() + suspended)
    kraken.observe(5_000_000, 999.9, 1000.0)
    before = kraken.now()
    suspended = 3600.0
    assert kraken.now() == pytest.approx(before + 3600.0, abs=1e-3)
    assert before + 3590 < kraken.at_least() < before + 3600


def test_what_was_learnt_is_of_the_clock_that_counts_suspension(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long this machine has been suspended since its boot."""
    spans = []
    for asleep in (0.0, 5000.0):
        monkeypatch.setattr(time, "time", lambda: 5_000_000.0)
        found = ServerTime(clock, asleep=partial(float, asleep))
        found.observe(5_000_000, 999.6, 1000.0)
        spans.append(found.span())
    assert spans[0] == pytest.approx((5_000_000.0, 5_000_001.4))
    assert spans[1] == pytest.approx(spans[0])


def test_a_date_that_is_none_teaches_nothing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    found = ServerTime(clock)
    for header in (None, "", "yesterday"):
        found.observe_date(header, 999.0, 1000.0)
    assert not found.known
    found.observe_date("Tue, 14 Nov 2023 22:13:20 GMT", 1000.0, 1000.0)
    assert found.at_least() == pytest.approx(1_700_000_000, abs=1e-3)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long it was suspended")
@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells of a suspension")
def test_a_process_that_is_kept_from_running_between_two_clocks_takes_it_for_no_suspension(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, late = 0, 0.0

    def look(which: int) -> float:
        nonlocal looks, late
        looks += 1
        if looks % 30 in (1, 2, 4, 5):  # half a second passes before the next look, some of the time
            late += 0.5
        slept = 3600.0 if which == time.CLOCK_BOOTTIME else 0.0
        return 1000.0 + slept + late

    monkeypatch.setattr(time, "clock_gettime", look)
    for _ in range(50):
        assert server_time.machine_asleep() == pytest.approx(3600.0, abs=0.001)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells of a suspension")
def test_answers_read_on_a_busy_machine_contradict_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, late = 0, 0.0

    def look(_which: int) -> float:
        nonlocal looks, late
        looks += 1
        late += 0.7 if looks % 7 == 1 else 0.0  # kept from running before the next look
        return 1000.0 + late

    monkeypatch.setattr(time, "clock_gettime", look)
    monkeypatch.setattr(time, "time", lambda: 5_000_000.0 + clock.now - 1000)
    kraken = ServerTime(clock)
    for _ in range(200):
        clock.now += 3.1
        kraken.observe(math.floor(time.time()), clock.now - 0.01, clock.now)
        low, high = kraken.span(clock.now) or (0.0, 0.0)
        assert low <= time.time() <= high
    assert kraken.epoch == 0


def test_the_boot_clock_counts_suspension() -> None:
    found = ServerTime(time.monotonic).boot_clock()
    assert found == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=0.5)


@pytest.mark.parametrize(
    ("age", "kept"), [("0", False), ("0.0", False), ("1", True), ("", True), ("-1", False)]
)
def test_an_age_says_whether_a_cache_has_kept_it(clock: Clock, age: str, kept: bool) -> None:
    found = ServerTime(clock)
    found.learn(200, {"date": formatdate(time.time(), usegmt=True), "age": age}, 999.9, 1000.0)
    assert found.known is not kept


def test_a_drifting_clock_widens_the_interval_either_way(kraken: ServerTime, clock: Clock) -> None:
    now = kraken.boot_clock()
    for moment in (now - 1000, now + 1000):
        span = kraken.span(moment)
        assert span is not None
        assert span[1] - span[0] == pytest.approx(1.1 + 2 * 1000 * server_time.DRIFT, abs=1e-3)
