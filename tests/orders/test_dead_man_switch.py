"""The dead man's switch: armed, refreshed, disarmed on a clean exit only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from kraken_async.api.endpoints import Priority
from kraken_async.errors import KrakenError, TransportError
from kraken_async.orders.dead_man_switch import DeadManSwitch
from tests.virtual_time import virtual


class FakeClient:
    """Notes when what was asked for; fails while ``broken``."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []
        self.options: dict[str, Any] = {}
        self.broken: KrakenError | None = None
        self.slow = 0.0

    def with_options(self, *, priority: Priority | None = None, timeout: float | None = None) -> FakeClient:
        self.options = {"priority": priority, "timeout": timeout}
        return self

    async def public(self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any) -> Any:
        raise AssertionError

    async def private(self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any) -> Any:
        assert endpoint == "CancelAllOrdersAfter"
        assert params is not None
        self.asked.append((asyncio.get_running_loop().time() - 1000.0, params["timeout"]))
        await asyncio.sleep(self.slow)
        if self.broken is not None:
            raise self.broken
        return {}


@virtual
async def test_it_is_armed_refreshed_and_disarmed() -> None:
    client = FakeClient()
    async with DeadManSwitch(client, 60, every=15):
        await asyncio.sleep(40)
    assert client.asked == [(0, 60), (15, 60), (30, 60), (40, 0)]
    await asyncio.sleep(100)
    assert len(client.asked) == 4


@virtual
async def test_it_goes_before_everything_but_cancels() -> None:
    client = FakeClient()
    DeadManSwitch(client, 60, every=15)
    assert client.options["priority"] is Priority.AMEND


@virtual
async def test_an_exception_leaves_it_armed(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient()
    with pytest.raises(RuntimeError):
        async with DeadManSwitch(client, 60, every=15):
            raise RuntimeError("the strategy failed")
    assert client.asked == [(0, 60)]
    assert "stays armed" in caplog.text
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_a_refresh_that_fails_is_tried_again_at_the_next_beat(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient()
    async with DeadManSwitch(client, 60, every=15):
        client.broken = TransportError("reset")
        await asyncio.sleep(20)
        client.broken = None
        await asyncio.sleep(15)
    assert client.asked == [(0, 60), (15, 60), (30, 60), (35, 0)]
    assert "45 s left" in caplog.text
    assert "must have fired" not in caplog.text


@virtual
async def test_a_switch_that_must_have_fired_is_an_error_once(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient()
    async with DeadManSwitch(client, 60, every=15) as switch:
        client.broken = TransportError("reset")
        await asyncio.sleep(59)
        assert "must have fired" not in caplog.text
        await asyncio.sleep(60)
        errors = [record for record in caplog.records if record.levelname == "ERROR"]
        assert [record.getMessage()[:50] for record in errors] == [errors[0].getMessage()[:50]]
        assert "must have fired" in errors[0].getMessage()
        assert "fired" in repr(switch)
        client.broken = None
        await asyncio.sleep(15)
        assert "armed again" in caplog.text


@virtual
async def test_kraken_counts_from_the_asking_not_from_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient()
    client.slow = 10.0
    async with DeadManSwitch(client, 30, every=15):
        client.broken = TransportError("reset")
        await asyncio.sleep(26)
        client.broken = None
    assert "must have fired" in caplog.text


@virtual
async def test_beats_do_not_pile_up_behind_a_slow_one() -> None:
    client = FakeClient()
    async with DeadManSwitch(client, 60, every=15):
        client.slow = 40.0
        await asyncio.sleep(60)
        client.slow = 0.0
    assert client.asked == [(0, 60), (15, 60), (55, 60), (60, 0)]


@virtual
async def test_a_switch_that_cannot_be_armed_raises() -> None:
    client = FakeClient()
    client.broken = TransportError("reset")
    with pytest.raises(TransportError):
        async with DeadManSwitch(client, 60, every=15):
            pytest.fail("entered")
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_a_switch_that_cannot_be_disarmed_raises_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient()
    with pytest.raises(TransportError):
        async with DeadManSwitch(client, 60, every=15):
            client.broken = TransportError("reset")
    assert "still armed" in caplog.text


@pytest.mark.parametrize(
    ("seconds", "every"), [(60, 0), (60, -1), (60, 60), (15, 60), (86_400, 15), (0, 0), (float("nan"), 15)]
)
def test_figures_that_cannot_work_are_refused(seconds: float, every: float) -> None:
    with pytest.raises(ValueError, match="0 < every < seconds < 86400"):
        DeadManSwitch(FakeClient(), seconds, every)
