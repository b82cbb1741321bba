"""The ladder after a refused nonce: overtaken, again, one jump an hour, then a pause and a diagnosis."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async import InvalidNonce, KrakenError, MemoryStore, NonceStoreError
from kraken_async.api.endpoints import Priority, find
from kraken_async.call import DEFAULTS, Call
from kraken_async.calls.nonce_recovery import (
    JUMP_EVERY,
    OVERTAKEN,
    NonceRecovery,
    diagnose,
    diagnosis,
    next_step,
    ticks,
)
from kraken_async.stores.base import Shared

NOW = 10_000.0


def refused(**changes: Any) -> Call:
    endpoint = find("Balance", private=True)
    call = Call(
        endpoint, {}, b"", endpoint.priority, 10.0, DEFAULTS, asyncio.get_running_loop().create_future()
    )
    call.nonce = 100
    for field, value in changes.items():
        setattr(call, field, value)
    return call


async def test_a_nonce_below_the_last_was_overtaken_five_times_at_most() -> None:
    assert OVERTAKEN == 5
    assert next_step(Shared(last=101), refused(overtaken=4), NOW) == "overtaken"
    assert next_step(Shared(last=101), refused(overtaken=5), NOW) == "again"
    assert next_step(Shared(last=100), refused(), NOW) == "again"  # the highest there is


@pytest.mark.parametrize(
    ("jumped", "step"),
    [(None, "jump"), (NOW - JUMP_EVERY, "jump"), (NOW - JUMP_EVERY + 0.1, "stop"), (NOW, "stop")],
)
async def test_a_jump_is_made_once_an_hour(jumped: float | None, step: str) -> None:
    assert JUMP_EVERY == 3600.0
    shared = Shared(last=100, jumped_at=jumped)
    assert next_step(shared, refused(nonce_refusals=1), NOW) == step
    assert shared.jumped_at == (NOW if step == "jump" else jumped)
    assert shared.changed is (step == "jump")
    assert next_step(Shared(last=100), refused(nonce_refusals=2), NOW) == "stop"


@pytest.mark.parametrize(("unit", "jump"), [("ns", 60_000_000_000), ("us", 60_000_000), ("ms", 60_000)])
def test_the_jump_is_a_minute_in_any_unit(unit: str, jump: int) -> None:
    assert ticks(unit) == jump


async def test_each_refusal_is_one_step_and_the_last_one_pauses_the_key() -> None:
    store = MemoryStore()
    key = store.key("k", "ns")
    clock = asyncio.get_running_loop().time
    await key.open(clock)
    recovery = NonceRecovery(key, "ns", None, clock)  # type: ignore[arg-type]  # nothing is asked here
    _, nonce = await key.step(lambda shared: True)
    call, error = refused(nonce=nonce), InvalidNonce("EAPI:Invalid nonce")
    assert await recovery.heal(call, error)
    assert (call.overtaken, call.nonce_refusals) == (0, 1)
    before = key.seen.last
    assert await recovery.heal(call, error)
    assert key.seen.last >= before + ticks("ns")
    call.nonce = key.seen.last
    assert not await recovery.heal(call, error)
    assert "also after a jump of 60 s" in str(error)
    assert "Private calls pause 60 s" in str(error)
    await key.close()


def without_the_shared_state() -> NonceRecovery:
    class OutOfReach:
        async def update(self, change: Any) -> Any:
            raise NonceStoreError("a stopped process keeps the nonce lock")

    key: Any = OutOfReach()
    return NonceRecovery(key, "ns", None, time.monotonic)  # type: ignore[arg-type]  # nothing is asked here


async def test_without_the_shared_state_nothing_is_healed_and_nothing_counted() -> None:
    recovery, call = without_the_shared_state(), refused()
    assert await recovery.heal(call, InvalidNonce("EAPI:Invalid nonce")) is False
    assert (call.overtaken, call.nonce_refusals) == (0, 0)


async def test_a_cancel_goes_again_without_the_shared_state_five_times_at_most() -> None:
    """Two sessions' cancels that went past a lock of a stopped process may arrive the wrong way round."""
    recovery = without_the_shared_state()
    cancel = refused(priority=Priority.CANCEL)
    for overtaken in range(1, OVERTAKEN + 1):
        assert await recovery.heal(cancel, InvalidNonce("EAPI:Invalid nonce")) is True
        assert (cancel.overtaken, cancel.nonce_refusals) == (overtaken, 0)
    assert await recovery.heal(cancel, InvalidNonce("EAPI:Invalid nonce")) is False


def test_a_diagnosis_tells_the_likely_cause() -> None:
    now = time.time_ns()
    assert "clock is behind" in diagnosis(now - 3_600_000_000_000, "ns", jumped=True)
    assert "another writer" in diagnosis(now, "ns", jumped=True)
    assert "finer unit than ms" in diagnosis(now // 1_000_000, "ms", jumped=False)
    assert "made already" in diagnosis(now, "ns", jumped=False)


@pytest.mark.parametrize(
    ("server", "window", "said"),
    [
        ("1000", "0", None),
        ("1001", "0", "another writer uses this key: Kraken last saw nonce 1001, we sent 1000"),
        ("99999", "0", "another writer uses this key: "),
        ("100000", "0", "another writer uses this key with a finer unit"),
        ("1000", "999999999", "less than a second"),
        ("1000", "1000000000", None),
        ("1000", "1", "less than a second"),
    ],
)
def test_what_kraken_shows_of_a_key_is_read(server: str, window: str, said: str | None) -> None:
    found = diagnose({"nonce": server, "nonce_window": window}, 1000, "ns")
    assert (found is None) if said is None else said in (found or "")


@pytest.mark.parametrize(
    ("behind", "said"), [(2.0, "clock is behind"), (0.5, "another writer"), (-3600.0, "another writer")]
)
def test_a_clock_that_is_a_second_behind_is_the_likely_cause(
    behind: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert said in diagnosis(10**18 - round(behind * 1e9), "ns", jumped=True)


class Shown:
    """A key whose last nonce is 1000."""

    seen = Shared(last=1000)


@pytest.mark.parametrize(
    ("server", "finding", "said"),
    [
        ("1000", None, "no other writer is seen"),
        ("1001", "another writer uses this key", "another writer uses this key"),
    ],
)
async def test_after_a_jump_it_is_known_and_said_who_else_writes(
    server: str, finding: str | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(name: str, params: dict[str, Any]) -> Any:
        assert (name, params) == ("GetApiKeyInfo", {})
        return SimpleNamespace(result={"nonce": server, "nonce_window": "0"})

    key: Any = Shown()
    recovery = NonceRecovery(key, "ns", ask, time.monotonic)
    assert recovery.finding is None
    await recovery.inspect()
    found = recovery.finding
    assert (found is None) if finding is None else (found is not None and finding in found)
    assert f"healed by a jump: {said}" in caplog.text


async def test_when_kraken_cannot_be_asked_why_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def ask(name: str, params: dict[str, Any]) -> Any:
        raise KrakenError("EGeneral:Permission denied")

    key: Any = Shown()
    recovery = NonceRecovery(key, "ns", ask, time.monotonic)
    await recovery.inspect()
    assert recovery.finding is None
    assert "asking Kraken why failed: EGeneral:Permission denied" in caplog.text


@pytest.mark.parametrize("info", [{"nonce_window": "5"}, {}])
def test_half_an_answer_about_a_key_tells_nothing(info: dict[str, Any]) -> None:
    assert diagnose(info, 1, "ns") is None


def test_a_window_of_less_than_a_second_is_told_in_the_ticks_of_its_unit() -> None:
    for unit, second in (("ns", 10**9), ("us", 10**6), ("ms", 1000)):
        told = diagnose({"nonce": "1", "nonce_window": str(second - 1)}, 1, unit)
        assert told is not None
        assert f"in ticks of {unit}" in told
        assert diagnose({"nonce": "1", "nonce_window": str(second)}, 1, unit) is None


def test_a_nonce_a_hundred_times_ours_is_of_a_finer_unit_also_where_we_have_sent_none() -> None:
    for last, server, finer in ((0, 100, True), (0, 99, False), (7, 700, True), (7, 699, False)):
        told = diagnose({"nonce": str(server), "nonce_window": "0"}, last, "ns")
        assert told is not None
        assert ("finer unit" in told) is finer
