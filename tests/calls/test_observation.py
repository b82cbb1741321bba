"""What a message of Kraken's WebSocket tells: the age of an order, and Kraken's own level of a pair's counter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.calls.observation import Observation
from kraken_async.limits.order_ages import Age
from kraken_async.stores.base import Shared
from tests.virtual_time import virtual


class Heard:
    """The parts that an observation tells."""

    def __init__(self, span: tuple[float, float] | None = None) -> None:
        self.clock = asyncio.get_running_loop().time
        self.span = span
        self.ages: list[Age] = []
        self.levels: list[tuple[str, float, float, float]] = []
        self.notes: list[Callable[[Shared], object]] = []
        self.seen: list[str] = []
        self.takes = True
        made: Any = SimpleNamespace
        self.observation = Observation(
            made(seen=lambda txid, order: self.seen.append(txid)),
            made(
                now=self.clock, engine=made(learn=self._learn, observed=self._observed, publish=self._publish)
            ),
            made(note=self.notes.append),
            made(span=lambda: self.span, now=time.time),
        )

    def _learn(self, told: list[Age], now: float) -> None:
        assert now == self.clock()
        self.ages += told

    def _observed(self, pair: str, level: float, now: float, *, least: float, most: float) -> bool:
        self.levels.append((pair, level, least, most))
        return self.takes

    def _publish(self, pair: str, shared: Shared) -> None:
        shared.engine[pair] = [1.0, 2.0]

    def take(self, ago: float | None = 0.0, **fields: Any) -> None:
        row = {
            "order_id": "OAAAAA-BBBBB-CCCCCC",
            "exec_type": "new",
            "order_status": "new",
            "symbol": "BTC/USD",
            **fields,
        }
        if ago is not None:
            at = datetime.fromtimestamp(time.time() - ago, UTC)
            row["timestamp"] = at.isoformat().replace("+00:00", "Z")
        self.observation.take({"channel": "executions", "type": "update", "data": [row]})


@virtual
@pytest.mark.parametrize(
    ("span", "ago", "since"),
    [
        (None, 5.0, 5.0),
        (None, 0.0, 0.0),
        (None, -3.0, 0.0),  # in the future, as clocks may show it
        (None, None, 0.0),
        ((-2.0, 4.0), 5.0, 3.0),  # Kraken's clock is between two seconds behind and four ahead
        ((-9.0, 4.0), 5.0, 0.0),
    ],
)
async def test_an_order_is_as_old_as_its_event_at_least(
    span: tuple[float, float] | None, ago: float | None, since: float
) -> None:
    heard = Heard()
    if span is not None:
        heard.span = time.time() + span[0], time.time() + span[1]
    heard.take(ago)
    ((names, pair, at),) = heard.ages
    assert (names, pair) == (("OAAAAA-BBBBB-CCCCCC",), "BTC/USD")
    assert heard.clock() - at == pytest.approx(since, abs=1e-3)
    assert heard.levels == []
    assert heard.seen == ["OAAAAA-BBBBB-CCCCCC"]


@virtual
async def test_an_event_that_makes_no_order_younger_tells_no_age() -> None:
    heard = Heard()
    heard.take(exec_type="trade")
    assert heard.ages == []
    heard.take(symbol=None)
    assert heard.ages == []
    assert len(heard.seen) == 2


@virtual
@pytest.mark.parametrize(
    ("span", "ago", "least", "most"),
    [
        (None, 5.0, 5.0, 5.0),
        ((-2.0, 4.0), 5.0, 3.0, 9.0),
        ((-2.0, 4.0), 1.0, 0.0, 5.0),
        ((-2.0, 4.0), -9.0, 0.0, 0.0),
        (None, None, 0.0, 0.0),
    ],
)
async def test_krakens_level_is_taken_over_with_how_long_ago_it_was(
    span: tuple[float, float] | None, ago: float | None, least: float, most: float
) -> None:
    heard = Heard()
    if span is not None:
        heard.span = time.time() + span[0], time.time() + span[1]
    heard.take(ago, ratecount=17)
    ((_, level, after, before),) = heard.levels
    assert level == 17
    assert after == pytest.approx(least, abs=1e-3)
    assert before == pytest.approx(most, abs=1e-3)
    (note,) = heard.notes
    shared = Shared()
    note(shared)
    assert list(shared.engine.values()) == [[1.0, 2.0]]


@virtual
async def test_a_level_that_is_not_taken_over_is_not_shared() -> None:
    heard = Heard()
    heard.takes = False
    heard.take(ratecount=17)
    assert heard.notes == []
