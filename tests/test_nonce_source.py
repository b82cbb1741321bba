"""NonceSource: alone, from any thread, durable."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import warnings
from itertools import count, pairwise
from pathlib import Path

import pytest

from kraken_async import nonce_source as nonce_module
from kraken_async.errors import NonceStoreError
from kraken_async.nonce_source import FRESH, NonceSource
from kraken_async.stores.base import MAX_NONCE, KeyState, Reservation, Store
from kraken_async.stores.file import FileStore
from kraken_async.stores.file.inspection import inspect
from kraken_async.stores.memory import MemoryStore
from kraken_async.system.durable import Disk
from tests import forked
from tests.conftest import LeakCheck

HOUR = 3_600_000_000_000


class Noting(Store, Reservation):
    """A store for one source, on another one: it notes how far is reserved, and in which threads that was asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.limit = 0
        self.asked: list[threading.Thread] = []

    def key(self, name: str, unit: str) -> KeyState:
        return self._store.key(name, unit)

    def reserve(self, name: str, unit: str) -> Reservation:
        self._reservation = self._store.reserve(name, unit)
        return self

    def block(self, above: int, size: int) -> tuple[int, int]:
        start, stop = self._reservation.block(above, size)
        self.asked.append(threading.current_thread())
        self.limit = max(self.limit, stop)
        return start, stop

    def close(self, last: int) -> None:
        self._reservation.close(last)


@pytest.fixture(params=["none", "memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store | None:
    return {"none": None, "memory": MemoryStore(), "file": FileStore(tmp_path)}[request.param]


def test_nonces_have_19_digits_and_follow_the_clock(store: Store | None) -> None:
    with NonceSource(store) as source:
        before = time.time_ns()
        first = source.next()
        assert before - 1_000_000 <= first <= time.time_ns()
        assert len(str(first)) == 19
        drawn = [source.next() for _ in range(1000)]
        assert [first, *drawn] == sorted({first, *drawn})
        assert source.last == drawn[-1]


def test_after_idleness_the_clock_is_taken_up_again(
    store: Store | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with NonceSource(store) as source:
        source.next()
        real, monotonic = time.time_ns, time.monotonic
        monkeypatch.setattr(time, "time_ns", lambda: real() + HOUR)
        monkeypatch.setattr(nonce_module, "monotonic", lambda: monotonic() + FRESH)
        assert source.next() >= real() + HOUR - 10_000_000_000


def test_a_clock_that_steps_back_or_stands_still_never_lowers_a_nonce(
    store: Store | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with NonceSource(store) as source:
        last = source.next()
        stuck = last - HOUR
        monkeypatch.setattr(time, "time_ns", lambda: stuck)
        # Two looks at the clock are further apart than a stretch is good, one is not: every second draw renews it.
        ticks, start = count(), time.monotonic()
        monkeypatch.setattr(nonce_module, "monotonic", lambda: start + 0.6 * FRESH * next(ticks))
        drawn = [last, *(source.next() for _ in range(4000))]
        assert all(a < b for a, b in pairwise(drawn))
        assert next(ticks) >= 1.5 * 4000  # more than one look a draw


def test_a_clock_that_leaps_at_every_look_keeps_no_caller_waiting(
    store: Store | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with NonceSource(store) as source:
        last = source.next()
        ticks, start = count(), time.monotonic()
        monkeypatch.setattr(nonce_module, "monotonic", lambda: start + next(ticks))
        drawn = [last, *(source.next() for _ in range(100))]
        assert all(a < b for a, b in pairwise(drawn))


def test_last_is_what_was_handed_out_and_reading_it_spends_nothing(store: Store | None) -> None:
    with NonceSource(store) as source:
        drawn = source.next()
        assert [source.last for _ in range(5)] == [drawn] * 5
        assert source.next() > drawn
        assert str(source.last) in repr(source)


def test_jump_counts_from_the_clock_or_the_last_nonce(store: Store | None) -> None:
    with NonceSource(store) as source:
        source.next()
        far = source.jump_forward(HOUR)
        assert time.time_ns() + HOUR - 10_000_000_000 < far <= time.time_ns() + HOUR
        assert source.last == far
        assert source.jump_forward(7) == far + 7
        assert source.next() == far + 8
        for wrong in (-1, MAX_NONCE):
            with pytest.raises(ValueError, match="can be raised by"):
                source.jump_forward(wrong)
        assert source.next() == far + 9


def test_a_jump_before_the_first_nonce_is_kept(store: Store | None) -> None:
    with NonceSource(store) as source:
        far = source.jump_forward(HOUR)
        assert source.last == far
        assert source.next() == far + 1


@pytest.mark.parametrize(("unit", "digits"), [("us", 16), ("ms", 13)])
def test_coarser_units_count_on_when_they_have_fewer_ticks_than_calls(
    unit: str, digits: int, tmp_path: Path
) -> None:
    with NonceSource(FileStore(tmp_path), unit=unit) as source:
        drawn = [source.next() for _ in range(5000)]
        assert drawn == sorted(set(drawn))
        assert len(str(drawn[0])) == digits
        assert source.jump_forward(1) == source.last  # rounded up to one tick
        assert source.last > drawn[-1]


def test_an_unknown_unit_is_misuse() -> None:
    with pytest.raises(ValueError, match="ns, us, ms"):
        NonceSource(unit="s")


def run_threads(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()


def test_eight_threads_never_get_the_same_nonce_and_each_sees_its_own_rise(store: Store | None) -> None:
    with NonceSource(store) as source:
        drawn: list[list[int]] = [[] for _ in range(8)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            run_threads(
                [
                    threading.Thread(
                        target=lambda mine=mine: mine.extend(source.next() for _ in range(20_000))
                    )
                    for mine in drawn
                ]
            )
        finally:
            sys.setswitchinterval(interval)
        for mine in drawn:
            assert mine == sorted(mine)
        assert len(set().union(*drawn)) == 160_000
        assert source.last == max(mine[-1] for mine in drawn)


def test_nothing_lower_is_returned_after_a_jump_has_returned(store: Store | None) -> None:
    """The drawing threads note each nonce together with the highest jump known to have returned before they ask."""
    with NonceSource(store) as source:
        known = 0
        stop = False
        failures: list[tuple[int, int]] = []

        def draw() -> None:
            while not stop:
                floor = known
                nonce = source.next()
                if nonce <= floor:
                    failures.append((nonce, floor))

        threads = [threading.Thread(target=draw) for _ in range(4)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            for _ in range(300):
                known = source.jump_forward(10_000_000)
        finally:
            stop = True
            for thread in threads:
                thread.join()
            sys.setswitchinterval(interval)
        assert not failures


def test_a_number_drawn_from_a_stretch_that_was_taken_away_is_not_returned(
    store: Store | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a thread meets that is interrupted between drawing and returning, played in one thread."""
    with NonceSource(store) as source:
        moment = time.monotonic()
        monkeypatch.setattr(nonce_module, "monotonic", lambda: moment)
        drawn = source.next()
        jumped = 0

        def interrupted() -> float:
            nonlocal jumped
            if not jumped:
                jumped = source.jump_forward(HOUR)  # another thread jumps now
            return moment  # at which the stretch is still good

        monkeypatch.setattr(nonce_module, "monotonic", interrupted)
        assert source.next() > jumped > drawn


# ---------------------------------------------------------------------------------------------- durability


def test_after_a_clean_close_the_next_source_goes_on_right_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with NonceSource(FileStore(tmp_path)) as source:
        last = source.next()
    monkeypatch.setattr(time, "time_ns", lambda: last - HOUR)
    with NonceSource(FileStore(tmp_path)) as source:
        assert source.last == last
        assert source.next() == last + 1


def test_after_a_kill_the_next_source_starts_above_everything(tmp_path: Path) -> None:
    code = """if 1:
        import os, sys
        from kraken_async.nonce_source import NonceSource
        from kraken_async.stores.file import FileStore
        source = NonceSource(FileStore(sys.argv[1]))
        for _ in range(100_000):
            nonce = source.next()
        os.write(1, b"%d" % nonce)
        os.kill(os.getpid(), 9)
        """
    command = [sys.executable, "-c", code, str(tmp_path)]
    child = forked.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == -9, child.stderr
    last = int(child.stdout)
    with NonceSource(FileStore(tmp_path)) as source:
        first = source.next()
        assert first > last
        assert first - time.time_ns() < 2_100_000_000


def test_a_second_source_and_a_session_are_refused_with_the_file_named(tmp_path: Path) -> None:
    with NonceSource(FileStore(tmp_path), "k"):
        with pytest.raises(NonceStoreError, match=r"k\.state is in use") as caught:
            NonceSource(FileStore(tmp_path), "k")
        assert str(os.getpid()) in str(caught.value)
        NonceSource(FileStore(tmp_path), "other").close()
    NonceSource(FileStore(tmp_path), "k").close()


def test_what_is_handed_out_stays_below_the_durable_ceiling_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    with NonceSource(store) as source:
        source.next()
        real = time.time_ns
        for back in (0, HOUR, 2 * HOUR):
            monkeypatch.setattr(time, "time_ns", lambda back=back: real() - back)
            for _ in range(3):
                source._extend_ahead()
                drawn = source.jump_forward(400_000)
                durable = inspect(tmp_path / "default.state").ceiling
                assert drawn <= durable
                assert source._limit <= durable + 1


def test_in_flow_the_limit_is_moved_ahead_of_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With time passing at the caller's wish: a quarter of a second per nonce, and the disk is never waited for."""
    store = Noting(FileStore(tmp_path))
    with NonceSource(store) as source:
        now, moments = time.time_ns(), count(time.monotonic(), FRESH)  # each stretch is over at the next look
        monkeypatch.setattr(time, "time_ns", lambda: now)
        monkeypatch.setattr(nonce_module, "monotonic", lambda: next(moments))
        source.next()
        begun = len(store.asked)
        for _ in range(40):
            now += 250_000_000
            source.next()
            while store.limit <= now + 1_000_000_000:  # the thread's work; each pass gives it the GIL
                time.sleep(0)
        assert len(store.asked) > begun
        assert threading.current_thread() not in store.asked[begun:]


def ahead(source: NonceSource, monkeypatch: pytest.MonkeyPatch) -> threading.Thread:
    """Let so much time pass that the limit is moved ahead of need; return the thread that moves it."""
    before = set(threading.enumerate())
    source.next()
    time_ns, monotonic = time.time_ns, time.monotonic
    with monkeypatch.context() as later:
        later.setattr(time, "time_ns", lambda: time_ns() + 1_500_000_000)
        later.setattr(nonce_module, "monotonic", lambda: monotonic() + 2 * FRESH)
        source.next()
    (thread,) = set(threading.enumerate()) - before
    return thread


def test_a_closed_source_says_so(store: Store | None) -> None:
    source = NonceSource(store)
    last = source.next()
    source.close()
    source.close()
    assert source.last == last
    for use in (source.next, lambda: source.jump_forward(1)):
        with pytest.raises(NonceStoreError, match="closed"):
            use()


def test_closing_leaves_nothing_behind(
    tmp_path: Path, no_leaks: LeakCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_leaks:
        with NonceSource(FileStore(tmp_path)) as source:
            assert ahead(source, monkeypatch).is_alive()
        del source


def test_a_forgotten_source_is_warned_of_and_its_thread_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = NonceSource(FileStore(tmp_path))
    thread = ahead(source, monkeypatch)
    said: list[warnings.WarningMessage] = []
    while thread.is_alive():  # while it works it holds on to the source
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            source = None  # type: ignore[assignment]  # wrong on purpose
            gc.collect()
            thread.join(0.01)
            said += caught
    assert ["unclosed NonceSource" in str(warning.message) for warning in said] == [True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_is_refused_and_takes_nothing_from_the_parent(
    store: Store | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on, monotonic = threading.Event(), threading.Event(), time.monotonic

    def look() -> float:
        if threading.current_thread() is other:
            inside.set()
            go_on.wait(30)
        return monotonic() + 2 * FRESH

    with NonceSource(store) as source:
        assert (
            source.next() == source.last
        )  # which ends the stretch: the next look at the clock is under the lock
        monkeypatch.setattr(nonce_module, "monotonic", look)
        other = threading.Thread(target=source.next)
        other.start()
        assert inside.wait(30)
        child = os.fork()
        if child == 0:
            refused = 0
            for use in (source.next, lambda: source.jump_forward(1)):
                try:
                    use()
                except NonceStoreError as error:
                    refused += "parent process" in str(error)
            source.close()
            os._exit(refused)
        go_on.set()
        other.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        assert source.next() < source.next()
        if isinstance(store, FileStore):
            with pytest.raises(NonceStoreError, match="in use"):
                NonceSource(store)


def test_a_failing_disk_does_not_stop_nonces_unless_strict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monotonic = time.monotonic
    for strict in (False, True):
        disk = Disk()
        with NonceSource(FileStore(tmp_path / str(strict), strict, disk=disk)) as source:
            last = source.next()
            monkeypatch.setattr(disk, "sync", broken)
            now = time.time_ns() + HOUR
            monkeypatch.setattr(time, "time_ns", lambda now=now: now)
            monkeypatch.setattr(nonce_module, "monotonic", lambda: monotonic() + 2 * FRESH)
            if strict:
                with pytest.raises(NonceStoreError, match="No space left"):
                    source.next()
            else:
                assert source.next() == now
                assert [r.message for r in caplog.records if "No space left" in r.message]
            monkeypatch.undo()
            assert source.next() > last


def test_five_million_a_second_is_within_reach(tmp_path: Path) -> None:
    """A fifth of the promised rate, so that a crowded machine does not fail it.

    `bench` has the figure itself.
    """
    with NonceSource(FileStore(tmp_path)) as source:
        draw = source.next
        best = 9.0
        for _ in range(5):
            begun = time.thread_time()
            for _ in range(20_000):
                draw()
            best = min(best, time.thread_time() - begun)
    assert best / 20_000 < 1e-6


def test_a_reservation_that_was_closed_gives_no_more_nonces(tmp_path: Path) -> None:
    reservation = FileStore(tmp_path).reserve("k", "ns")
    start, stop = reservation.block(0, 10)
    assert stop - start >= 10
    reservation.close(start)
    with pytest.raises(NonceStoreError, match="it is closed"):
        reservation.block(start, 10)
    reservation.close(start)
