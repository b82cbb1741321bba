"""Code written for the home-made nonce manager runs unchanged, and its nonces last."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kraken_async.adapters.legacy_nonce as global_kraken_nonce
from kraken_async import NonceStoreError
from kraken_async.adapters import legacy_nonce
from kraken_async.adapters.legacy_nonce import (
    GlobalKrakenNonceManager,
    KrakenNonce,
    UserNonceManager,
    get_global_kraken_nonce,
    get_global_nonce_manager,
    get_global_nonce_stats,
    get_kraken_api_lock,
    get_kraken_nonce,
    get_user_nonce_manager,
    jump_global_kraken_nonce_forward,
    sequences,
)
from tests import forked


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test is a program of its own, without burst protection unless it says otherwise."""
    monkeypatch.setattr(GlobalKrakenNonceManager, "_instance", None)
    get_global_nonce_manager().set_rate_limiting(False)
    yield
    legacy_nonce.close_all()


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        monkeypatch.setattr(GlobalKrakenNonceManager, "clock", lambda _: self.now)
        self.slept_by(monkeypatch, self.sleep)
        monkeypatch.setattr(GlobalKrakenNonceManager, "_instance", None)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @staticmethod
    def slept_by(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
        monkeypatch.setattr(GlobalKrakenNonceManager, "sleep", staticmethod(sleep))


def in_threads(count: int, work: Any) -> list[Any]:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_every_construction_gives_the_same_manager() -> None:
    assert GlobalKrakenNonceManager() is GlobalKrakenNonceManager() is get_global_nonce_manager()
    assert global_kraken_nonce.get_global_nonce_manager() is get_global_nonce_manager()


def test_ten_threads_with_a_hundred_nonces_each_get_a_thousand_different_ones() -> None:
    results = in_threads(10, lambda: [get_global_kraken_nonce() for _ in range(100)])
    nonces = [nonce for each in results for nonce in each]
    assert len(set(nonces)) == 1000
    assert all(each == sorted(each) for each in results)
    assert {len(str(nonce)) for nonce in nonces} == {19}


def test_an_alias_among_the_modules_serves_a_bot_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "global_kraken_nonce", legacy_nonce)
    scope: dict[str, Any] = {}
    exec("from global_kraken_nonce import get_global_kraken_nonce\nn = get_global_kraken_nonce()", scope)
    assert scope["n"] > 10**18


# ------------------------------------------------------------------ burst protection


def test_a_burst_in_the_first_seconds_is_spaced_by_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    manager = GlobalKrakenNonceManager()
    for _ in range(20):
        manager.get_nonce()
    assert clock.slept == []
    manager.get_nonce()
    assert clock.slept == [0.5]
    assert manager.get_stats()["in_startup_window"] is True


def test_threads_that_burst_together_are_half_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.slept_by(monkeypatch, clock.slept.append)  # nobody's time moves: all ask at once
    manager = GlobalKrakenNonceManager()
    for _ in range(24):
        manager.get_nonce()
    assert clock.slept == [0.5, 1.0, 1.5, 2.0]


def test_protection_ends_with_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    manager = GlobalKrakenNonceManager()
    clock.now += 10.0
    for _ in range(100):
        manager.get_nonce()
    assert clock.slept == []
    assert manager.get_stats()["in_startup_window"] is False
    assert manager.get_stats()["recent_burst_rate"] == 100.0


def test_nobody_sleeps_beyond_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.slept_by(monkeypatch, clock.slept.append)
    manager = GlobalKrakenNonceManager()
    for _ in range(60):
        manager.get_nonce()
    assert max(clock.slept) == 10.0


@pytest.mark.parametrize("how", ["per call", "switch", "forget"])
def test_protection_can_be_left_out(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    clock = Clock(monkeypatch)
    manager = GlobalKrakenNonceManager()
    if how == "switch":
        manager.set_rate_limiting(False)
    for _ in range(60):
        manager.get_nonce(apply_rate_limiting=how != "per call")
        if how == "forget":
            manager.reset_burst_tracking()
    assert clock.slept == []


def test_a_sleeping_burst_blocks_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    asleep, wake = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        asleep.set()
        assert wake.wait(30)

    clock.slept_by(monkeypatch, sleep)
    manager = GlobalKrakenNonceManager()
    for _ in range(20):
        manager.get_nonce()
    held: list[int] = []
    sleeper = threading.Thread(target=lambda: held.append(manager.get_nonce()))
    sleeper.start()
    assert asleep.wait(30)
    cancel = manager.get_nonce(apply_rate_limiting=False)  # would hang here if a lock were held
    manager.get_stats()
    wake.set()
    sleeper.join()
    assert held[0] > cancel  # and the nonce was taken after the sleep, not before


# ------------------------------------------------------------------ what lasts


def test_the_text_file_holds_one_decimal_nonce_not_below_the_last_minus_ten() -> None:
    for _ in range(20):
        last = get_global_kraken_nonce()
    path = Path(get_global_nonce_stats()["persistence_file"])
    text = path.read_text()
    assert text.strip().isdecimal()
    assert int(text) >= last - 10
    assert int(text) < last + 3_000_000_000
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_text_file_is_never_below_a_nonce_that_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "WINDOW_NS", 0)
    monkeypatch.setattr(sequences, "AHEAD_NS", 5)
    for _ in range(300):
        nonce = get_global_kraken_nonce()
        assert int(Path(GlobalKrakenNonceManager.NONCE_PERSISTENCE_FILE).read_text()) >= nonce


def test_a_path_of_the_bots_own_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "data" / "kraken_global_nonce.txt"
    monkeypatch.setattr(GlobalKrakenNonceManager, "NONCE_PERSISTENCE_FILE", str(path))
    nonce = get_global_kraken_nonce()
    assert get_global_nonce_stats()["persistence_file"] == str(path)
    assert int(path.read_text()) >= nonce


def test_a_nonce_saved_by_the_old_manager_is_not_issued_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, saved = tmp_path / "old.txt", time.time_ns() + 60_000_000_000
    path.write_text(str(saved))
    monkeypatch.setattr(GlobalKrakenNonceManager, "NONCE_PERSISTENCE_FILE", str(path))
    assert saved < get_global_kraken_nonce() < saved + 1_000_000_000


@pytest.mark.parametrize("text", ["", "not a number", str(2**64 - 2), "milliseconds"])
def test_a_damaged_or_coarser_text_file_moves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "old.txt"
    path.write_text(str(time.time_ns() // 10**6) if text == "milliseconds" else text)
    monkeypatch.setattr(GlobalKrakenNonceManager, "NONCE_PERSISTENCE_FILE", str(path))
    assert abs(get_global_kraken_nonce() - time.time_ns()) < 2_000_000_000


def test_nonces_rise_over_a_restart_with_a_clock_that_stepped_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = get_global_kraken_nonce()
    legacy_nonce.close_all()
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() - 3600 * 10**9)
    assert get_global_kraken_nonce() > before


def test_nonces_rise_over_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "from kraken_async.adapters.legacy_nonce import get_global_kraken_nonce as n\n"
        "n(); print(n(), flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = forked.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert killed.returncode == -9
    assert get_global_kraken_nonce() > int(killed.stdout)


def test_a_second_process_is_refused_instead_of_colliding() -> None:
    get_global_kraken_nonce()
    script = "from kraken_async.adapters.legacy_nonce import *; get_global_kraken_nonce()"
    second = forked.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert second.returncode == 1
    assert "NonceStoreError" in second.stderr


def test_a_disk_that_fails_stops_no_nonce(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: Any
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(GlobalKrakenNonceManager, "NONCE_PERSISTENCE_FILE", str(tmp_path / "file" / "n.txt"))
    monkeypatch.setattr(sequences, "WINDOW_NS", 0)
    first = get_global_kraken_nonce()
    assert get_global_kraken_nonce() > first
    assert [r.message for r in caplog.records if "cannot be written" in r.message].__len__() == 1


# ------------------------------------------------------------------ the other names


def test_jumping_counts_nanoseconds_here_and_milliseconds_there() -> None:
    first = get_kraken_nonce()
    jumped = get_global_nonce_manager().jump_forward(60_000_000_000)
    assert jumped >= first + 60_000_000_000
    further = jump_global_kraken_nonce_forward(60_000)
    assert further == jumped + 60_000_000_000
    assert get_kraken_nonce() == further + 1
    with pytest.raises(ValueError, match="can be raised"):
        jump_global_kraken_nonce_forward(-1)


def test_stats_have_the_old_fields() -> None:
    nonce = get_global_kraken_nonce()
    stats = get_global_nonce_stats()
    assert set(stats) == {
        "total_nonces_issued",
        "last_nonce",
        "uptime_seconds",
        "nonces_per_second",
        "recent_burst_rate",
        "in_startup_window",
        "persistence_file",
        "rate_limit_config",
    }
    assert stats["total_nonces_issued"] == 1
    assert stats["last_nonce"] == nonce
    assert stats["rate_limit_config"] == {
        "startup_rate_limit_seconds": 0.5,
        "max_burst_rate": 20,
        "startup_window_seconds": 10.0,
    }


def test_the_api_lock_is_re_entrant_and_lets_one_call_at_a_time_through() -> None:
    lock = get_kraken_api_lock()
    assert lock is get_kraken_api_lock()
    inside: list[int] = []
    most: list[int] = []

    def call() -> None:
        with lock, get_kraken_api_lock():
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    in_threads(10, call)
    assert set(most) == {1}
    assert get_kraken_api_lock("a") is not lock
    assert get_kraken_api_lock("a") is get_kraken_api_lock("a")


def test_accounts_may_have_a_sequence_each() -> None:
    manager = get_global_nonce_manager()
    jumped = manager.jump_forward(600_000_000_000, api_key="key of one account")
    assert manager.get_nonce(api_key="key of one account") == jumped + 1
    assert manager.get_nonce(api_key="key of another") < jumped
    names = " ".join(path.name for path in sequences.directory().iterdir())
    assert "account" not in names  # a key shows in no path


def test_kraken_nonce_rises_and_goes_on_above_a_saved_value() -> None:
    first = KrakenNonce()
    a, b = first.next(), first.next()
    assert a < b == first.last
    second = KrakenNonce()
    second.set_initial_value(b)
    assert second.next() > b
    second.set_initial_value(time.time_ns() + 10**9)
    assert second.next() > time.time_ns() + 5 * 10**8
    jumped = second.jump_forward(60_000)
    assert jumped > b + 60_000 * 1_000_000
    assert second.next() == jumped + 1
    nonce = second.next()
    second.set_initial_value(1_700_000_000_000)  # milliseconds: lower, so it changes nothing
    assert second.next() > nonce


def test_users_have_a_durable_sequence_each() -> None:
    manager = UserNonceManager()
    a = manager.get_nonce("USER:../a b")
    legacy_nonce.close_all()
    assert get_user_nonce_manager().get_nonce("USER:../a b") > a
    assert get_user_nonce_manager() is get_user_nonce_manager()
    stats = manager.get_stats("USER:../a b")
    assert stats["last_nonce"] > a
    assert int(Path(stats["nonce_file"]).read_text()) >= stats["last_nonce"]
    assert Path(stats["nonce_file"]).parent == sequences.directory()


def test_the_second_refusal_in_a_row_jumps_once_an_hour() -> None:
    now = [0.0]
    manager = UserNonceManager(clock=lambda: now[0])
    first = manager.get_nonce("u")
    assert manager.record_nonce_error("u") is False
    manager.record_success("u", first)
    assert manager.record_nonce_error("u") is False
    assert manager.record_nonce_error("u") is True
    healed = manager.get_nonce("u")
    assert healed >= first + 60_000_000_000
    assert [manager.record_nonce_error("u") for _ in range(10)] == [False] * 10
    assert manager.get_stats("u")["has_errors"] is True
    now[0] = 3601.0
    assert manager.record_nonce_error("u") is True
    manager.record_success("u", healed)
    assert manager.get_stats("u")["error_count"] == 0
    assert manager.get_stats("u")["last_success"] == healed
    manager.reset_user("u")
    assert manager.get_stats("u")["last_success"] == 0
    assert manager.get_nonce("u") > healed


@pytest.mark.skipif(not hasattr(sys, "getrefcount") or sys.platform == "win32", reason="fork")
def test_a_forked_child_is_told_who_has_the_nonces() -> None:
    script = (
        "import os, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from kraken_async import NonceStoreError\n"
        "from kraken_async.adapters.legacy_nonce import get_global_kraken_nonce as n\n"
        "n()\n"
        "if os.fork() == 0:\n"
        "    try:\n"
        "        n()\n"
        "    except NonceStoreError:\n"
        "        os._exit(7)\n"
        "    os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]), n() > 10**18)\n"
    )
    done = forked.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.stdout == "7 True\n", done.stderr
    assert issubclass(NonceStoreError, Exception)
