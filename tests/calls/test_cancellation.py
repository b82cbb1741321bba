"""How often a cancelled order is looked at, and when it is given up on."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async import OrderError, OutcomeUnknown, TransportError
from kraken_async.calls.cancellation import Cancellation
from kraken_async.orders.absence import MARGIN
from kraken_async.orders.reconciler import BEYOND, WITHOUT_PROOF, Verdict
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


# ------------------------------------------------------------------ by an id that may be used again


class Books:
    """Shows what a test has put there, by the clock; its own clock is that of the machine, within the span given."""

    def __init__(self, *, span: float | None = 0.0) -> None:
        self.clock = asyncio.get_running_loop().time
        self.began = self.clock()
        self.span = span
        self.open: dict[str, Any] = {}
        self.closed: dict[str, Any] = {}
        self.broken: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.cancels: list[dict[str, Any]] = []

    def now(self) -> float:
        return time.time()

    async def ask(self, options: Any, name: str, params: dict[str, Any]) -> Any:
        self.cancels.append(params)
        return {"count": 1}

    async def ask_internal(self, name: str, params: dict[str, Any]) -> Any:
        self.asked.append((name, params["cl_ord_id"]))
        if name in self.broken:
            raise TransportError("no answer")
        field = "open" if name == "OpenOrders" else "closed"
        return SimpleNamespace(result={field: dict(getattr(self, field))})

    async def ensure(self, visibility: float = 20.0) -> dict[str, Any]:
        asked: Any = self
        span = None if self.span is None else (self.now() - self.span, self.now() + self.span)
        time_: Any = SimpleNamespace(span=lambda: span)
        none: Any = None
        return await Cancellation(asked, none, time_, self.clock, visibility).ensure(cl_ord_id="mine")

    @property
    def took(self) -> float:
        return self.clock() - self.began


def shown(opened: float, closed: float = 0.0, **fields: Any) -> dict[str, Any]:
    """An order that was opened, and closed, so many seconds from now."""
    times = {"opentm": time.time() + opened, **({"closetm": time.time() + closed} if closed else {})}
    return {
        "status": "canceled" if closed else "open",
        "cl_ord_id": "mine",
        "vol_exec": "0",
        **times,
        **fields,
    }


@virtual
async def test_an_order_that_was_closed_after_the_cancel_is_the_one_that_is_meant() -> None:
    books = Books()
    books.closed = {"OLD": shown(-90.0, -80.0), "NEW": shown(-9.0, 0.1)}
    found = await books.ensure()
    assert (found["txid"], books.took) == ("NEW", 0.0)
    assert books.asked == [("OpenOrders", "mine"), ("ClosedOrders", "mine")]


@virtual
@pytest.mark.parametrize(("closed", "at_once"), [(-0.05, True), (-0.15, False)])
async def test_what_was_closed_within_a_tenth_of_a_second_before_the_cancel_may_be_its_work(
    closed: float, at_once: bool
) -> None:
    books = Books()
    books.closed = {"MINE": shown(-9.0, closed)}
    assert (await books.ensure())["txid"] == "MINE"
    assert (books.took == 0.0) is at_once


@virtual
@pytest.mark.parametrize("span", [0.0, None])
async def test_an_older_one_is_told_once_a_newer_one_would_have_shown(span: float | None) -> None:
    books = Books(span=span)
    books.closed = {"OLDER": shown(-900.0, -800.0), "OLD": shown(-90.0, -80.0)}
    found = await books.ensure(visibility=20.0)
    assert found["txid"] == "OLD"  # of those that are closed, the one opened last
    assert 20.0 + MARGIN <= books.took <= 20.0 + MARGIN + 5.0


@virtual
async def test_one_that_was_seen_open_is_told_as_soon_as_it_is_closed() -> None:
    books = Books(span=None)  # Kraken's clock is not known
    books.open = {"MINE": shown(-90.0)}
    books.closed = {"OLD": shown(-900.0, -800.0)}
    ensuring = asyncio.create_task(books.ensure())
    await asyncio.sleep(0.1)
    books.closed["MINE"] = {**books.open.pop("MINE"), "status": "canceled"}
    assert (await ensuring)["txid"] == "MINE"
    assert books.took == pytest.approx(0.25)
    assert books.cancels == [{"cl_ord_id": "mine"}, {"txid": "MINE"}]


@virtual
async def test_an_id_that_nothing_has_is_absent_once_it_would_have_shown() -> None:
    books = Books()
    found = await books.ensure(visibility=20.0)
    assert found == {"txid": None, "status": "absent", "vol_exec": "0"}
    assert 20.0 + MARGIN <= books.took <= 20.0 + MARGIN + 5.0


@virtual
@pytest.mark.parametrize("broken", ["OpenOrders", "ClosedOrders"])
async def test_what_was_not_answered_in_full_proves_nothing(broken: str) -> None:
    books = Books()
    books.broken = {broken}
    books.closed = {"NEW": shown(-9.0, 0.1)}
    with pytest.raises(OutcomeUnknown):
        await books.ensure(visibility=5.0)
    assert books.took > 2 * 5.0 + BEYOND


@virtual
async def test_an_order_of_another_id_is_none_and_one_without_an_id_is() -> None:
    books = Books()
    books.closed = {"OTHER": shown(-5.0, 0.2, cl_ord_id="other"), "MINE": shown(-9.0, 0.1, cl_ord_id=None)}
    books.open = {"OPEN": shown(-5.0, cl_ord_id="other")}
    assert (await books.ensure())["txid"] == "MINE"  # asked for by its id, so it is of that id
    assert books.cancels == [{"cl_ord_id": "mine"}]


# ------------------------------------------------------------------ an order whose outcome is not known


class Desk(Exchange):
    """Looks an order up once, with the verdict that a test wants; every order by a txid shows as closed."""

    def __init__(self, verdict: Verdict, remaining: float | None) -> None:
        super().__init__(shown_open=0)
        self.verdict, self.left = verdict, remaining
        self.limits: list[float] = []
        self.named: list[dict[str, Any]] = []

    async def ask(self, options: Any, name: str, params: dict[str, Any]) -> Any:
        self.named.append(params)
        return {"count": 1}

    async def ask_internal(self, name: str, params: dict[str, Any]) -> Any:
        return SimpleNamespace(result={params["txid"]: CLOSED})

    def remaining(self, order: Any) -> float | None:
        return self.left

    async def run(self, order: Any, limit: float) -> Verdict:
        self.limits.append(limit - self.clock())
        return self.verdict

    async def ensure(self, endpoint: str, params: dict[str, Any], *client_ids: str | None) -> Any:
        order: Any = SimpleNamespace(
            intent=SimpleNamespace(endpoint=endpoint, params=params),
            rows=[SimpleNamespace(cl_ord_id=each) for each in client_ids],
        )
        me: Any = self
        time_: Any = SimpleNamespace(span=lambda: None)
        return await Cancellation(me, me, time_, self.clock, 20.0).ensure_order(order)


ABSENT = {"txid": None, "status": "absent", "vol_exec": "0"}
OTHER = "OBBBBB-BBBBB-CCCCCC"


@virtual
@pytest.mark.parametrize(
    ("remaining", "limit"), [(5.0, 5.0 + BEYOND), (0.0, BEYOND), (-9.0, BEYOND), (None, WITHOUT_PROOF)]
)
async def test_an_order_that_was_not_placed_is_cancelled_by_its_id_and_looked_for_as_long_as_it_may_show(
    remaining: float | None, limit: float
) -> None:
    desk = Desk(Verdict(None, "absent"), remaining)
    assert await desk.ensure("AddOrder", {"cl_ord_id": "mine"}, "mine") == ABSENT
    assert desk.named == [{"cl_ord_id": "mine"}]
    assert desk.limits == [pytest.approx(limit)]


@virtual
async def test_what_is_not_proven_is_given_back_as_it_is_known() -> None:
    verdict = Verdict(None, "not seen")
    assert not verdict.final
    desk = Desk(verdict, 5.0)
    assert await desk.ensure("AddOrder", {}, None) is verdict
    assert desk.named == []  # it has no id by which it could be cancelled


@virtual
async def test_what_was_placed_is_cancelled_for_certain() -> None:
    desk = Desk(Verdict({"txid": [TXID]}), 5.0)
    found = await desk.ensure("AddOrder", {"cl_ord_id": "mine"}, "mine")
    assert (found["txid"], found["vol_exec"]) == (TXID, "0.4")
    assert desk.named == [{"cl_ord_id": "mine"}, {"txid": TXID}]


@virtual
@pytest.mark.parametrize(("result", "meant"), [(None, TXID), ({"txid": OTHER}, OTHER)])
async def test_of_a_lost_edit_the_order_that_stands_is_cancelled(result: Any, meant: str) -> None:
    desk = Desk(Verdict(result, None if result else "absent"), 5.0)
    found = await desk.ensure("EditOrder", {"txid": TXID})
    assert found["txid"] == meant
    assert desk.named == [{"txid": TXID}, {"txid": meant}]  # the old one at once, whatever became of it


@virtual
async def test_of_a_lost_amend_the_order_that_it_names_is_cancelled() -> None:
    desk = Desk(Verdict(None), 5.0)
    assert (await desk.ensure("AmendOrder", {"txid": TXID}))["txid"] == TXID
    assert desk.limits == []  # nothing has to be looked up for that


@virtual
async def test_of_a_batch_all_orders_are_told() -> None:
    result = {"orders": [{"txid": TXID}, {"txid": OTHER}]}
    found = await Desk(Verdict(result), 5.0).ensure("AddOrderBatch", {"pair": "XBTUSD"}, "a", "b")
    assert [each["txid"] for each in found["orders"]] == [TXID, OTHER]
    none = await Desk(Verdict(None, "absent"), 5.0).ensure("AddOrderBatch", {"pair": "XBTUSD"}, "a", "b")
    assert none == {"orders": []}
