"""A market's mode is said once per change, by Kraken's own answers, and not once per try."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from kraken_async import KrakenError, OrderPolicy, ProblemChange
from kraken_async.api.endpoints import find
from kraken_async.call import DEFAULTS, Call
from kraken_async.calls.market_modes import FORGET, MarketModes
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.problems import ProblemBoard
from kraken_async.wire.error_table import api_error
from tests.exchange import session

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}
TAKEN = {"txid": ["OAAAAA-BBBBB-CCCCCC"]}


class Heard:
    """Modes, with a clock and a board that a test reads."""

    def __init__(self) -> None:
        self.now = 0.0
        self.board = ProblemBoard()
        self.modes = MarketModes(self.board, lambda: self.now)

    def end(self, name: str, params: dict[str, Any], outcome: str | dict[str, Any] | list[Any]) -> None:
        endpoint = find(name, private=True)
        future = asyncio.get_running_loop().create_future()
        call = Call(endpoint, params, b"", endpoint.priority, 10.0, DEFAULTS, future)
        if not isinstance(outcome, str):
            self.modes.call_ended(call, outcome, None)
        else:
            self.modes.call_ended(call, None, api_error([outcome], name, changes=endpoint.changes))

    @property
    def problems(self) -> dict[str, str]:
        return {problem.subject: str(problem) for problem in self.board if problem.code == "market-mode"}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if hasattr(each, "mode")]


async def test_one_event_per_change_not_one_per_try(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    heard = Heard()
    for _ in range(5):
        heard.end("AddOrder", LIMIT, "EService:Market in cancel_only mode")
        heard.now += 60
    assert heard.problems == {"XBTUSD": "XBTUSD is in cancel_only mode, as Kraken answers"}
    # The same pair.
    heard.end("AddOrder", {**LIMIT, "pair": "XXBTZUSD"}, "EService:Market in cancel_only mode")
    heard.end("AddOrder", LIMIT, "EService:Market in post_only mode")
    heard.end("AddOrder", LIMIT, "EService: Market in post_only mode.")
    heard.end("AddOrder", LIMIT, TAKEN)
    heard.end("AddOrder", LIMIT, TAKEN)
    assert said(caplog) == [
        "XBTUSD is in cancel_only mode, as Kraken answers",
        "XBTUSD is in post_only mode, as Kraken answers",
        "XBTUSD is no longer in post_only mode",
    ]
    assert heard.problems == {}


async def test_a_pair_s_name_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    heard = Heard()
    order = {**LIMIT, "pair": "X\nERROR all is lost\x1b[2J"}
    heard.end("AddOrder", order, "EService:Market in cancel_only mode")
    heard.end("AddOrder", order, TAKEN)
    assert len(said(caplog)) == 2
    assert all(line.isprintable() for line in said(caplog))


@pytest.mark.parametrize(
    ("mode", "allowed", "forbidden"),
    [
        ("cancel_only", [], LIMIT),
        ("post_only", [{**LIMIT, "oflags": "post"}], LIMIT),
        ("limit_only", [LIMIT], {**LIMIT, "ordertype": "market"}),
        ("reduce_only", [{**LIMIT, "reduce_only": True}], LIMIT),
        ("some_new", [], LIMIT),
    ],
)
async def test_a_mode_is_over_when_an_order_that_it_forbids_is_taken(
    mode: str, allowed: list[dict[str, Any]], forbidden: dict[str, Any]
) -> None:
    heard = Heard()
    heard.end("AddOrder", forbidden, f"EService:Market in {mode} mode")
    for params in [*allowed, {**forbidden, "validate": True}, {**forbidden, "pair": "ETHUSD"}]:
        heard.end("AddOrder", params, TAKEN)
    heard.end("CancelOrder", {"txid": "OAAAAA-BBBBB-CCCCCC"}, {"count": 1})
    heard.end("Balance", {}, {})
    assert list(heard.problems) == ["XBTUSD"]
    heard.end("AddOrder", forbidden, TAKEN)
    assert heard.problems == {}


async def test_orders_of_a_batch_that_are_refused_tell_of_their_market() -> None:
    heard = Heard()
    batch = {"pair": "XBTUSD", "orders": [LIMIT, LIMIT]}
    refused = {"orders": [{"error": "EService:Market in cancel_only mode"}] * 2}
    heard.end("AddOrderBatch", batch, refused)
    heard.end("AddOrderBatch", batch, refused)
    assert list(heard.problems) == ["XBTUSD"]
    heard.end("AddOrderBatch", batch, {"orders": [{"txid": "OAAAAA-BBBBB-CCCCCC"}] * 2})
    assert heard.problems == {}


async def test_kraken_as_a_whole_is_down_until_something_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    heard = Heard()
    for _ in range(3):
        heard.end("CancelAll", {}, "EService:Unavailable")
        heard.end("Balance", {}, "EService:Unavailable")
    assert heard.problems == {"": "Kraken is down, as Kraken answers"}
    heard.end("Balance", {}, {})
    assert heard.problems == {}
    assert said(caplog) == ["Kraken is down, as Kraken answers", "Kraken is no longer down"]


@pytest.mark.parametrize(
    "text", ["EOrder:Insufficient funds", "EService:Busy", "EAPI:Rate limit exceeded", ""]
)
async def test_other_refusals_tell_nothing_of_a_market(text: str) -> None:
    heard = Heard()
    heard.end("AddOrder", LIMIT, text)
    assert heard.problems == {}


async def test_a_read_tells_of_no_market_whatever_its_result_looks_like() -> None:
    heard = Heard()
    refused = {"orders": [{"error": "EService:Market in cancel_only mode"}]}
    heard.end("Balance", {}, refused)
    heard.end("AddOrder", {**LIMIT, "pair": "ETHUSD"}, "EService:Market in cancel_only mode")
    heard.end("OpenOrders", {}, refused)
    assert list(heard.problems) == ["ETHUSD"]


async def test_an_order_without_a_pair_and_a_cancel_speak_for_kraken_as_a_whole() -> None:
    heard = Heard()
    heard.end("AddOrder", {"volume": "1"}, "EService:Unavailable")
    heard.end("CancelOrder", {"pair": "XBTUSD"}, "EService:Unavailable")
    assert list(heard.problems) == [""]
    heard.end("AddOrder", LIMIT, "EService:Market in post_only mode")
    assert list(heard.problems) == ["", "XBTUSD"]
    heard.end("AddOrder", {"volume": "1"}, TAKEN)
    assert list(heard.problems) == ["XBTUSD"]


@pytest.mark.parametrize(
    ("mode", "rows", "over"),
    [
        ("post_only", [{"oflags": "post"}, {"oflags": "post,fciq"}], False),
        ("post_only", [{"oflags": "post"}, {}], True),
        ("limit_only", [{"ordertype": "limit"}, {"ordertype": "stop-loss"}], False),
        ("limit_only", [{"ordertype": "limit"}, {"ordertype": "market"}], True),
        ("reduce_only", [{"reduce_only": "TRUE"}, {"reduce_only": "1"}], False),
        ("reduce_only", [{"reduce_only": "true"}, {"reduce_only": False}], True),
        ("cancel_only", [{}], True),
    ],
)
async def test_a_batch_ends_a_mode_that_one_of_its_orders_would_break(
    mode: str, rows: list[dict[str, Any]], over: bool
) -> None:
    heard = Heard()
    heard.end("AddOrder", LIMIT, f"EService:Market in {mode} mode")
    taken = {"orders": [{"txid": "OAAAAA-BBBBB-CCCCCC"}] * len(rows)}
    heard.end("AddOrderBatch", {"pair": "XBTUSD", "orders": rows}, taken)
    assert (heard.problems == {}) is over


async def test_a_batch_of_which_one_order_was_refused_ends_no_mode() -> None:
    heard = Heard()
    heard.end("AddOrder", LIMIT, "EService:Market in post_only mode")
    result = {"orders": [{"txid": "OAAAAA-BBBBB-CCCCCC"}, {"error": "EOrder:Insufficient funds"}]}
    heard.end("AddOrderBatch", {"pair": "XBTUSD", "orders": [LIMIT, LIMIT]}, result)
    assert list(heard.problems) == ["XBTUSD"]


@pytest.mark.parametrize("validate", [True, "true", "1", 1], ids=repr)
async def test_an_order_that_was_only_validated_ends_no_mode(validate: Any) -> None:
    heard = Heard()
    heard.end("AddOrder", LIMIT, "EService:Market in cancel_only mode")
    heard.end("AddOrder", {**LIMIT, "validate": validate}, TAKEN)
    assert list(heard.problems) == ["XBTUSD"]


@pytest.mark.parametrize(
    "result", [{"orders": 5}, {"orders": [None, {"error": None}]}, {"orders": {}}, [], [{"error": "x"}]]
)
async def test_a_batch_result_in_another_shape_raises_nothing(result: Any) -> None:
    Heard().end("AddOrderBatch", {"pair": "XBTUSD", "orders": "?"}, result)


async def test_what_no_answer_confirms_is_forgotten_and_then_an_event_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = Heard()
    heard.end("AddOrder", LIMIT, "EService:Market in cancel_only mode")
    heard.now += FORGET - 1
    heard.modes.expire()
    assert list(heard.problems) == ["XBTUSD"]
    heard.now += 1
    heard.modes.expire()
    assert heard.problems == {}
    heard.end("AddOrder", LIMIT, "EService:Market in cancel_only mode")
    assert len(said(caplog)) == 2


async def test_a_mode_is_an_event_again_once_nothing_has_confirmed_it_for_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = Heard()
    for wait in (FORGET - 0.1, FORGET - 0.1, FORGET):
        heard.end("AddOrder", LIMIT, "EService:Market in cancel_only mode")
        assert len(said(caplog)) == 1
        heard.now += wait
    heard.end("AddOrder", LIMIT, "EService:Market in cancel_only mode")
    assert len(said(caplog)) == 2


async def test_a_session_tells_of_a_mode_at_once_and_of_its_end(
    kraken_emulator: RunningEmulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told: list[ProblemChange] = []
    policy = OrderPolicy(settle_timeout=1.0)
    async with session(kraken_emulator, state_dir=tmp_path, on_problem=told.append, orders=policy) as client:
        kraken_emulator.emulator.venue.status = "cancel_only"
        for _ in range(3):
            with pytest.raises(KrakenError, match="cancel_only"):
                await client.private("AddOrder", {**LIMIT, "price": "30000"})
        assert ("market-mode", "warning") in client.stats().problem_codes
        kraken_emulator.emulator.venue.status = "online"
        await client.private("AddOrder", {**LIMIT, "price": "30000"})
        assert "market-mode" not in dict(client.stats().problem_codes)
        await asyncio.sleep(0)
    assert [each.levelname for each in caplog.records if hasattr(each, "mode")] == ["WARNING", "INFO"]
    assert [each.came for each in told if each.code == "market-mode"] == [True, False]
