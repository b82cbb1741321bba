"""Waiting for an order: by look-ups that grow rarer, until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

from kraken_async import OrderError
from kraken_async.trading.wait_for import wait_for
from tests.virtual_time import virtual

OPEN = {"status": "open", "opentm": 100.5, "vol_exec": "0.0", "price": "0", "fee": "0"}
DONE = {**OPEN, "status": "closed", "vol_exec": "1.0", "price": "30010.0", "cost": "30010.0", "fee": "48.0"}


class Orders:
    """Shows one order: nothing at first, then open, then closed."""

    def __init__(self, *, shows: int = 0, closes: int = 3) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.shows, self.closes = shows, closes
        self.older: dict[str, Any] = {}

    async def answer(self, name: str, fields: dict[str, Any]) -> Any:
        self.asked.append((name, fields))
        is_open = self.shows <= len(self.asked) - 1 < self.closes
        is_closed = len(self.asked) - 1 >= self.closes
        row = {**(OPEN if is_open else DONE), "cl_ord_id": "mine"}
        if name == "OpenOrders":
            return {"open": {"O1": row} if is_open else {}}
        if name == "ClosedOrders":
            return {"closed": {"O1": row, **self.older} if is_closed else {**self.older}, "count": 1}
        return {"O1": row} if is_open or is_closed else {}

    def private(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        return self.answer(endpoint, {**(params or {}), **fields})

    public = private

    def with_options(self, *, priority: Any = None, timeout: float | None = None) -> Orders:
        return self


@virtual
async def test_the_closed_order_comes_with_price_and_fee() -> None:
    orders = Orders()
    found = await wait_for(orders, txid="O1")
    assert (found["txid"], found["status"], found["price"], found["fee"]) == (
        "O1",
        "closed",
        "30010.0",
        "48.0",
    )


@virtual
async def test_look_ups_grow_rarer() -> None:
    loop = asyncio.get_running_loop()
    orders, began = Orders(closes=30), loop.time()
    await wait_for(orders, txid="O1")
    assert 200 < loop.time() - began < 450


@virtual
async def test_by_client_id_an_order_is_then_asked_for_by_its_own() -> None:
    orders = Orders()
    assert (await wait_for(orders, cl_ord_id="mine"))["txid"] == "O1"
    assert [name for name, _ in orders.asked] == ["OpenOrders", "QueryOrders", "QueryOrders", "QueryOrders"]


@virtual
async def test_an_id_used_again_means_the_newest_order() -> None:
    orders = Orders(closes=0)
    orders.older = {"O0": {**DONE, "opentm": 99.0, "cl_ord_id": "mine"}}
    assert (await wait_for(orders, cl_ord_id="mine"))["txid"] == "O1"


@virtual
async def test_an_order_that_shows_late_is_waited_for_and_one_that_never_does_is_said() -> None:
    assert (await wait_for(Orders(shows=5, closes=8), txid="O1"))["status"] == "closed"
    with pytest.raises(OrderError, match="120 s"):
        await wait_for(Orders(shows=1000, closes=1000), txid="O1")


@virtual
async def test_an_order_that_kraken_refuses_to_show_is_one_that_does_not_show_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = Orders(closes=0)
    answer, refusals = orders.answer, [OrderError("EOrder:Unknown order")] * 2

    async def refuse(name: str, fields: dict[str, Any]) -> Any:
        if refusals:
            raise refusals.pop()
        return await answer(name, fields)

    monkeypatch.setattr(orders, "answer", refuse)
    assert (await wait_for(orders, txid="O1"))["status"] == "closed"


@virtual
async def test_one_id_is_wanted() -> None:
    with pytest.raises(ValueError, match="either"):
        await wait_for(Orders())
    with pytest.raises(ValueError, match="either"):
        await wait_for(Orders(), txid="O1", cl_ord_id="mine")
