"""How often a cancelled order is looked at, and when it is given up on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async import OrderError, OutcomeUnknown, TransportError
from kraken_async.calls.cancellation import Cancellation
from kraken_async.orders.reconciler import BEYOND
from tests.virtual_time import virtual

TXID = "OAAAAA-BBBBB-CCCCCC"
OPEN = {"status": "open", "vol": "1", "vol_exec": "0"}
CLOSED = {"status": "canceled", "vol": "1", "vol_exec": "0.4", "misc": "left out"}


class Exchange:
    """Answers cancels and look-ups: an order that shows as open so many times, then as closed."""

    def __init__(self, shown_open: int, *, cancels_fail: int = 0) -> None:
        self.clock = asyncio.get_running_loop().time
        self.shown_open, self.cancels_fail = shown_open, cancels_fail
        self.cancels: list[float] = []
        self.looks: list[float] = []

    async def ask(self, options: Any, name: str, params: dict[str, Any]) -> Any:
        assert (name, params) == ("CancelOrder", {"txid": TXID})
        self.cancels.append(self.clock())
        if self.cancels_fail:
            self.cancels_fail -= 1
            raise TransportError("no answer")
        raise OrderError("EOrder:Unknown order")

    async def ask_internal(self, name: str, params: dict[str, Any]) -> Any:
        assert name == "QueryOrders"
        self.looks.append(self.clock())
        self.shown_open -= 1
        return SimpleNamespace(result={TXID: OPEN if self.shown_open >= 0 else CLOSED})

    def cancellation(self, visibility: float = 120.0) -> Cancellation:
        asked: Any = self
        time: Any = SimpleNamespace(span=lambda: None)
        return Cancellation(asked, None, time, self.clock, visibility)  # type: ignore[arg-type]  # no order is reconciled


@virtual
async def test_looks_are_a_quarter_of_a_second_apart_at_first_and_five_at_most() -> None:
    exchange = Exchange(shown_open=12)
    found = await exchange.cancellation().ensure(txid=TXID)
    assert found == {"txid": TXID, "status": "canceled", "vol": "1", "vol_exec": "0.4"}
    pauses = [later - at for at, later in zip(exchange.looks, exchange.looks[1:], strict=False)]
    assert pauses == pytest.approx([min(0.25 * 1.6**n, 5.0) for n in range(12)])
    assert len(exchange.cancels) == 1 + 12  # and once more whenever it shows as open


@virtual
async def test_a_cancel_that_is_not_answered_is_repeated_and_proves_nothing() -> None:
    exchange = Exchange(shown_open=0, cancels_fail=3)
    await exchange.cancellation().ensure(txid=TXID)
    assert len(exchange.cancels) == len(exchange.looks) == 4


@virtual
async def test_what_stays_open_is_given_up_on_after_twice_the_visibility() -> None:
    exchange = Exchange(shown_open=10**6)
    began = exchange.clock()
    with pytest.raises(OutcomeUnknown) as raised:
        await exchange.cancellation(visibility=20.0).ensure(txid=TXID)
    assert 2 * 20.0 + BEYOND < exchange.clock() - began <= 2 * 20.0 + BEYOND + 5.0
    assert raised.value.finding == "not seen"
    assert raised.value.txid == TXID
