"""The dead man's switch: armed, refreshed, disarmed on a clean exit only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from kraken_async import KrakenSession, MemoryStore, Response, SignedRequest
from kraken_async.api.endpoints import Priority
from kraken_async.errors import KrakenError, TransportError
from kraken_async.orders.dead_man_switch import DeadManSwitch
from kraken_async.problems import ProblemBoard
from tests.conftest import key_state
from tests.virtual_time import START, virtual


class FakeClient:
    """Notes when what was asked for; fails while ``broken``."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []
        self.options: dict[str, Any] = {}
        self.broken: KrakenError | None = None
        self.slow = 0.0
        self.public_calls: list[str] = []
        self.dumb = False
        self.status = "online"
        self.maintenance: list[Any] = []

    def with_options(self, *, priority: Priority | None = None, timeout: float | None = None) -> FakeClient:
        self.options = {"priority": priority, "timeout": timeout}
        return self

    async def public(self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any) -> Any:
        self.public_calls.append(endpoint)
        if self.dumb:
            raise TransportError("reset")
        if endpoint == "SystemStatus":
            return {"status": self.status, "timestamp": "", "upcoming_maintenance": self.maintenance[:1]}
        assert endpoint == "MaintenanceSchedule"
        return {"events": self.maintenance}

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


def said(caplog: pytest.LogCaptureFixture, level: str, text: str) -> int:
    return sum(
        text in each.getMessage()
        for each in caplog.records
        if each.name == "kraken_async.dead_man" and each.levelname == level
    )


def codes(board: ProblemBoard) -> list[str]:
    return sorted(problem.code for problem in board)


@virtual
async def test_a_refresh_that_only_waits_is_said_to_be_late_and_then_to_have_fired(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The refresh of the first beat waits for 70 s, as behind a frozen neighbour that has the turn."""
    client, board = FakeClient(), ProblemBoard()
    async with DeadManSwitch(client, 60, every=15, board=lambda: board) as switch:
        client.slow = 70.0
        await asyncio.sleep(30)
        assert codes(board) == []
        await asyncio.sleep(2)
        assert codes(board) == ["switch-late"]
        assert said(caplog, "WARNING", "29 s left: the refresh waits for its turn or its answer") == 1
        await asyncio.sleep(27.5)
        assert "armed" in repr(switch)
        await asyncio.sleep(1)
        assert codes(board) == ["switch-fired"]
        assert said(caplog, "ERROR", "must have fired") == 1
        assert "fired" in repr(switch)
        client.slow = 0.0
        await asyncio.sleep(25)  # the answer came at 85 s
        assert codes(board) == []
        assert said(caplog, "WARNING", "armed again") == 1
        await asyncio.sleep(100)
    assert said(caplog, "ERROR", "must have fired") == 1
    assert codes(board) == []


@virtual
async def test_a_late_refresh_that_comes_in_time_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client, board = FakeClient(), ProblemBoard()
    async with DeadManSwitch(client, 60, every=15, board=lambda: board):
        client.slow = 30.0
        await asyncio.sleep(40)
        assert codes(board) == ["switch-late"]
        client.slow = 0.0
        await asyncio.sleep(10)
        assert codes(board) == []
    assert said(caplog, "INFO", "refreshed again") == 1
    assert said(caplog, "ERROR", "") == 0


@virtual
async def test_a_switch_that_fires_while_its_disarming_waits_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, board = FakeClient(), ProblemBoard()
    async with DeadManSwitch(client, 30, every=20, board=lambda: board):
        client.slow = 60.0
    assert said(caplog, "ERROR", "must have fired") == 1
    assert codes(board) == []


@virtual
async def test_whatever_a_refresh_raises_the_next_one_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient()
    client_error: Any = MemoryError("no room")
    async with DeadManSwitch(client, 60, every=15):
        client.broken = client_error
        await asyncio.sleep(20)
        client.broken = None
        await asyncio.sleep(15)
        assert client.asked[-1] == (30, 60)
    assert said(caplog, "WARNING", "no room") == 1


def announced(start: float, **more: Any) -> dict[str, Any]:
    times = [
        datetime.fromtimestamp(START + each, UTC).isoformat().replace("+00:00", "Z")
        for each in (start, start + 3600)
    ]
    return {
        "event_id": 7,
        "title": "engine upgrade",
        "expected_start_utc": times[0],
        "expected_end_utc": times[1],
        "affected_services": ["spot_rest", "spot_trading"],
        **more,
    }


@virtual
async def test_an_announced_maintenance_is_warned_of_once_and_once_more_before_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, board = FakeClient(), ProblemBoard()
    client.maintenance = [announced(7200), announced(7200, event_id=8, affected_services=["futures_rest"])]
    async with DeadManSwitch(client, 60, every=15, board=lambda: board):
        await asyncio.sleep(1)
        (problem,) = board
        assert (problem.code, problem.subject) == ("maintenance", "7")
        assert "engine upgrade" in problem
        assert "disarm it before" in problem
        await asyncio.sleep(7200 - 1800 - 5)
        assert said(caplog, "WARNING", "engine upgrade") == 1
        await asyncio.sleep(10)
        assert said(caplog, "WARNING", "engine upgrade") == 2
        await asyncio.sleep(1200)
        assert codes(board) == ["maintenance"]
        await asyncio.sleep(5000)  # it is over
        assert codes(board) == []
    assert said(caplog, "WARNING", "engine upgrade") == 2
    assert set(client.public_calls) == {"MaintenanceSchedule", "SystemStatus"}
    assert len(client.public_calls) < 2 * 30


@virtual
async def test_an_announcement_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = "x\nERROR all is lost\x1b[2J"
    client, board = FakeClient(), ProblemBoard()
    fields = ("title", "event_id", "expected_start_utc", "expected_end_utc", "cancel_before_utc")
    client.maintenance = [{**announced(7200), name: forged} for name in fields]
    client.status = forged
    async with DeadManSwitch(client, 60, every=15, board=lambda: board):
        await asyncio.sleep(1)
        assert len(codes(board)) >= 2
        assert all(str(problem).isprintable() for problem in board)
    assert said(caplog, "WARNING", "all is lost") >= 2
    lines = [each.getMessage() for each in caplog.records if each.name == "kraken_async.dead_man"]
    assert all(line.isprintable() for line in lines)


@virtual
async def test_a_maintenance_that_is_moved_is_said_again_and_one_called_off_is_a_problem_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, board = FakeClient(), ProblemBoard()
    client.maintenance = [announced(90_000)]
    async with DeadManSwitch(client, 60, every=15, board=lambda: board):
        await asyncio.sleep(1)
        client.maintenance = [announced(80_000)]
        await asyncio.sleep(600)
        assert said(caplog, "WARNING", "engine upgrade") == 2
        client.dumb = True  # what is known stays when Kraken cannot be asked
        await asyncio.sleep(1200)
        assert codes(board) == ["maintenance"]
        client.dumb, client.maintenance = False, []
        await asyncio.sleep(600)
        assert codes(board) == []
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_a_status_other_than_online_is_said_once_per_change(caplog: pytest.LogCaptureFixture) -> None:
    client, board = FakeClient(), ProblemBoard()
    client.status = "maintenance"
    async with DeadManSwitch(client, 60, every=15, board=lambda: board):
        await asyncio.sleep(1900)
        assert said(caplog, "WARNING", "status is 'maintenance'") == 1
        assert codes(board) == ["maintenance"]
        client.status = "online"
        await asyncio.sleep(600)
        assert codes(board) == []


@pytest.mark.parametrize(
    "event",
    [None, 5, {}, {"affected_services": "spot_rest"}, {"expected_start_utc": "soon"}],
)
@virtual
async def test_an_announcement_in_another_shape_ends_nothing(event: Any) -> None:
    client, board = FakeClient(), ProblemBoard()
    client.maintenance = [event, announced(7200)]
    async with DeadManSwitch(client, 60, every=15, board=lambda: board):
        await asyncio.sleep(700)
        assert "7" in {problem.subject for problem in board}


async def answer(request: SignedRequest, timeout: float) -> Response:
    return Response(200, {}, b'{"error":[],"result":{}}')


@virtual
async def test_a_session_says_it_while_its_refresh_waits_for_a_frozen_neighbour() -> None:
    store = MemoryStore()
    told: list[tuple[str, bool]] = []
    session = KrakenSession(
        "key",
        "c2VjcmV0",
        store=store,
        transport=answer,
        on_problem=lambda change: told.append((change.code, change.came)),
    )
    async with session, key_state(store, "key") as neighbour, session.dead_man_switch(20, every=5):
        await asyncio.sleep(1)
        await neighbour.acquire_turn()
        await asyncio.sleep(11.5)
        assert ("switch-late", "warning") in session.stats().problem_codes
        await asyncio.sleep(9)
        assert ("switch-fired", "critical") in session.stats().problem_codes
        await neighbour.release_turn()
        await asyncio.sleep(1)
        assert not {"switch-late", "switch-fired"} & dict(session.stats().problem_codes).keys()
    assert [each for each in told if each[0].startswith("switch")] == [
        ("switch-late", True),
        ("switch-late", False),
        ("switch-fired", True),
        ("switch-fired", False),
    ]


@pytest.mark.parametrize(
    ("seconds", "every"), [(60, 0), (60, -1), (60, 60), (15, 60), (86_400, 15), (0, 0), (float("nan"), 15)]
)
def test_figures_that_cannot_work_are_refused(seconds: float, every: float) -> None:
    with pytest.raises(ValueError, match="0 < every < seconds < 86400"):
        DeadManSwitch(FakeClient(), seconds, every)
