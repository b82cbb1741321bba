"""Orders: ids, deadlines, the journal, and what becomes of an order whose answer was lost.

`Kraken` below answers look-ups from a list of orders; the parts run on virtual time, without session or socket.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kraken_async.api.endpoints import find
from kraken_async.call import DEFAULTS, Call, Orphan
from kraken_async.calls.ledger import CallLedger
from kraken_async.calls.lost_orders import LostOrders
from kraken_async.calls.market_modes import MarketModes
from kraken_async.calls.replies import ReplyHandler
from kraken_async.calls.request_queue import RequestQueue
from kraken_async.calls.retry import RetryPolicy
from kraken_async.calls.tasks import Tasks
from kraken_async.errors import (
    InsufficientFunds,
    InvalidArguments,
    KrakenError,
    NonceStoreError,
    OutcomeUnknown,
    RequestTimeout,
    SessionClosed,
)
from kraken_async.monitoring.metrics import Metrics
from kraken_async.monitoring.reporter import Listeners, Reporter
from kraken_async.orders.journal import Intent, Journal
from kraken_async.orders.order_lookup import Answer
from kraken_async.orders.policy import OrderPolicy
from kraken_async.orders.reconciler import OrderReconciler
from kraken_async.orders.tracker import OrderTracker, new_cl_ord_id
from kraken_async.problems import ProblemBoard
from kraken_async.server_time import ServerTime
from kraken_async.wire.error_table import api_error
from tests.virtual_time import START, virtual

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1.25", "price": "27500"}
KEY = "0123456789abcdef"
LOST = RequestTimeout("no answer within 30 s")


class Kraken:
    """Look-ups answered from `orders` (txid -> order) and `amends`; `clock` is the loop's, `offset` Kraken's lead."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.visible: dict[str, float] = {}
        self.amends: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[float, str, dict[str, Any]]] = []
        self.failing: dict[str, KrakenError] = {}
        self.latency = 0.0
        self.loose = False  # shows more than it was asked for
        self.counted, self.page = True, 50  # of closed orders
        self.missing_amends = 0
        self.key_info: dict[str, Any] = {
            "nonce": "0",
            "nonce_window": "0",
            "permissions": ["query-open-trades"],
        }

    def place(self, params: dict[str, Any], *, txid: str = "OAAAAA-AAAAA-AAAAAA", **changes: Any) -> str:
        now = asyncio.get_running_loop().time() - 1000 + START
        order = {
            "status": "open",
            "opentm": now,
            "userref": params.get("userref", 0),
            "cl_ord_id": params.get("cl_ord_id"),
            "vol": f"{float(params['volume']):.8f}",
            "oflags": "fciq",
            "expiretm": 0,
            "descr": {
                "pair": "XBTUSD",
                "type": params["type"],
                "ordertype": params["ordertype"],
                "price": f"{float(params.get('price', 0)):.1f}",
                "price2": "0",
                "leverage": "none",
                "order": f"{params['type']} {params['volume']} XBTUSD @ {params['ordertype']}",
                "close": "close position @ limit 30000.0" if "close[ordertype]" in params else "",
            },
        }
        self.visible[txid] = changes.pop("visible", now)
        self.orders[txid] = {**order, **changes}
        return txid

    async def ask(self, name: str, params: dict[str, Any], *, timeout: float | None = None) -> Any:
        now = asyncio.get_running_loop().time() - 1000 + START
        self.asked.append((now - START, name, params))
        await asyncio.sleep(self.latency)
        if name in self.failing:
            raise self.failing[name]
        shown = {t: o for t, o in self.orders.items() if self.visible[t] <= now}
        if name == "GetApiKeyInfo":
            return self.key_info
        if name == "OrderAmends":
            rows = self.amends.get(params["order_id"], [])
            return {"amends": rows, "count": len(rows) + self.missing_amends}
        if name == "QueryOrders":
            return {t: o for t, o in shown.items() if t == params["txid"]}
        is_open = name == "OpenOrders"
        found = {
            t: o
            for t, o in shown.items()
            if (o["status"] == "open") == is_open
            and (self.loose or all(o[f] == params[f] for f in ("cl_ord_id", "userref") if f in params))
            and o["opentm"] > params.get("start", 0)
        }
        ofs = params.get("ofs", 0)
        page = dict(list(found.items())[ofs : ofs + self.page])
        if is_open:
            return {"open": found}
        return {"closed": page, "count": len(found)} if self.counted else {"closed": page}


class Names:
    """The list of names that the sessions of a key share."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def note_placed(self, names: Iterable[str]) -> None:
        self.all += names

    def placed(self, _since: float) -> tuple[str, ...]:
        return tuple(self.all)


class Bench:
    """The parts that deal with lost orders, with a fake Kraken, and what they told."""

    def __init__(
        self, policy: OrderPolicy | None = None, journal: Journal | None = None, *, trip: float = 0.0
    ) -> None:
        loop = asyncio.get_running_loop()
        policy = policy or OrderPolicy(journal=False)
        self.kraken = Kraken()
        self.nonce = 100  # of the look-ups
        self.orphans: list[Orphan] = []
        self.time = ServerTime(loop.time)
        self.time.observe(int(START + loop.time() - 1000), loop.time() - trip, loop.time())
        self.tasks, self.queue = Tasks(), RequestQueue()
        reporter = Reporter(Metrics(), Listeners(on_orphan=self.orphans.append), self.tasks.start, loop.time)
        self.names = Names()
        self.tracker = OrderTracker(policy, journal, self.time, self.names)
        self.ledger = CallLedger(self.queue, (self.tracker, reporter))
        reconciler = OrderReconciler(
            self.ask,
            self.tracker,
            server_time=self.time,
            clock=loop.time,
            visibility=policy.visibility,
        )
        none: Any = None  # no key, no limits: there is no worker here
        self.lost = LostOrders(
            policy,
            self.tracker,
            reconciler,
            self.ledger,
            reporter,
            self.tasks,
            none,
            self.time,
            loop.time,
        )
        self.replies = ReplyHandler(
            self.ledger,
            self.queue,
            none,
            none,
            RetryPolicy(),
            none,
            self.lost,
            reporter,
            MarketModes(ProblemBoard(), loop.time),
            self.tasks,
            self.time,
            loop.time,
        )

    async def ask(self, name: str, params: dict[str, Any]) -> Answer:
        if self.ledger.ended:
            raise SessionClosed("the session is closed", endpoint=name)
        self.nonce += 1
        return Answer(await self.kraken.ask(name, params), self.nonce)

    def complete(self, name: str, params: dict[str, Any]) -> tuple[dict[str, Any], float | None]:
        return self.tracker.complete(find(name, private=True), params)[:2]

    async def send(self, name: str, params: dict[str, Any]) -> Call:
        """Take a call through to its sending."""
        loop = asyncio.get_running_loop()
        endpoint = find(name, private=True)
        params, deadline, made = self.tracker.complete(endpoint, params)
        call = Call(endpoint, params, b"", endpoint.priority, 30.0, DEFAULTS, loop.create_future())
        call.deadline, call.made_ids = deadline, made
        await self.tracker.record(call)
        self.ledger.enqueue(call)
        self.ledger.send(call, 17, loop.time())
        self.tracker.claim(call)
        self.tracker.mark_sent(call)
        return call

    def fail(self, call: Call, error: KrakenError = LOST) -> bool:
        """What the session does with an answer that is none."""
        return self.lost.take(call, error)

    def end(self) -> None:
        """What the session does when its worker has ended."""
        self.replies.worker_ended(None)

    async def close(self) -> None:
        self.end()
        await self.tasks.__aexit__()
        self.tracker.close_journal()

    async def lose(self, name: str, params: dict[str, Any]) -> Call:
        """Send a call whose answer does not come."""
        call = await self.send(name, params)
        assert self.fail(call)
        return call


async def outcome(call: Call) -> tuple[Any, float]:
    """Return the call's result or error, and the seconds waited for it."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        result = await call.future
    except KrakenError as error:
        result = error
    return result, loop.time() - started


async def unknown(call: Call) -> OutcomeUnknown:
    with pytest.raises(OutcomeUnknown) as caught:
        await call.future
    return caught.value


def refused(text: str, endpoint: str = "AddOrder", *, changes: bool = True) -> KrakenError:
    return api_error([text], endpoint, changes=changes)


# -- what is added to an order ---------------------------------------------------------------------------------


@virtual
async def test_an_order_without_an_id_gets_a_uuid_and_its_dict_is_left_alone() -> None:
    params = dict(LIMIT)
    done, deadline = Bench().complete("AddOrder", params)
    assert params == LIMIT
    assert str(uuid.UUID(done["cl_ord_id"])) == done["cl_ord_id"]
    assert {name: done[name] for name in LIMIT} == LIMIT
    assert deadline == 5.0


@virtual
@pytest.mark.parametrize("own", [{"cl_ord_id": "mine-1"}, {"userref": 7}])
async def test_an_id_of_the_callers_own_is_kept(own: dict[str, Any]) -> None:
    done, _ = Bench().complete("AddOrder", {**LIMIT, **own})
    assert done == {**LIMIT, **own}


@virtual
@pytest.mark.parametrize(
    "close", [{"close": {"ordertype": "limit", "price": "3"}}, {"close[ordertype]": "limit"}]
)
async def test_a_conditional_close_gets_a_random_userref_instead(close: dict[str, Any]) -> None:
    bench = Bench()
    refs = {bench.complete("AddOrder", {**LIMIT, **close})[0]["userref"] for _ in range(20)}
    assert len(refs) == 20
    assert all(0 < ref < 2**31 for ref in refs)
    assert "cl_ord_id" not in bench.complete("AddOrder", {**LIMIT, **close})[0]


@virtual
async def test_rows_of_a_batch_get_ids_where_they_have_none() -> None:
    rows: list[dict[str, Any]] = [
        {"volume": "1"},
        {"volume": "2", "cl_ord_id": "mine"},
        {"volume": "3", "userref": 5},
    ]
    params = {"pair": "XBTUSD", "orders": rows}
    done, deadline = Bench().complete("AddOrderBatch", params)
    assert "cl_ord_id" in done["orders"][0]
    assert done["orders"][1:] == rows[1:]
    assert "cl_ord_id" not in rows[0]
    assert deadline == 5.0


@virtual
async def test_a_deadline_of_the_callers_own_is_kept() -> None:
    params = {**LIMIT, "deadline": "2027-01-15T08:00:05Z"}
    done, deadline = Bench().complete("AddOrder", params)
    assert done["deadline"] == params["deadline"]
    assert deadline is None


@virtual
@pytest.mark.parametrize("name", ["Balance", "CancelOrder", "CancelAll", "Withdraw", "NeverHeardOf"])
async def test_nothing_is_added_to_other_calls(name: str) -> None:
    params = {"txid": "X"}
    bench = Bench()
    done, deadline = bench.complete(name, params)
    assert done is params
    assert deadline is None
    call = await bench.send(name, params)
    assert call.order is None
    assert bench.fail(call) is False


@virtual
async def test_the_switch_for_ids_leaves_orders_without() -> None:
    bench = Bench(OrderPolicy(cl_ord_id=False, deadline=None, journal=False))
    done, deadline = bench.complete("AddOrder", dict(LIMIT))
    assert (done, deadline) == (LIMIT, None)
    batch = {"pair": "XBTUSD", "orders": [dict(LIMIT)]}
    assert bench.complete("AddOrderBatch", batch) == (batch, None)
    call = await bench.send("AddOrder", dict(LIMIT))
    assert bench.fail(call) is False, "there is nothing to look for"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"deadline": 1}, "2 to 60"),
        ({"deadline": 61}, "2 to 60"),
        ({"deadline": float("nan")}, "2 to 60"),
        ({"settle_timeout": -1}, "settle_timeout"),
        ({"visibility": float("inf")}, "visibility"),
        ({"journal": "sync"}, "synced"),
        ({"journal": 1}, "synced"),
        ({"resend": True}, "nothing is sent again"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        OrderPolicy(**given)


@pytest.mark.parametrize(
    "given", [{"deadline": 2}, {"deadline": 60}, {"settle_timeout": 0}, {"visibility": 0}]
)
def test_a_policy_at_its_bounds_is_taken(given: dict[str, Any]) -> None:
    OrderPolicy(**given)


@pytest.mark.parametrize("drawn", [0, 2**31 - 2])
async def test_a_userref_made_here_is_one_that_kraken_takes(
    drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 stands for none; the field has 32 bits with their sign."""
    monkeypatch.setattr("secrets.randbelow", lambda bound: {0: 0, 2**31 - 2: bound - 1}[drawn])
    fields, _ = Bench().complete("AddOrder", {**LIMIT, "close[ordertype]": "limit", "close[price]": "30000"})
    assert fields["userref"] == drawn + 1


def test_new_cl_ord_ids_are_uuids_and_differ() -> None:
    ids = {new_cl_ord_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(str(uuid.UUID(each)) == each for each in ids)


# -- found -----------------------------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("status", ["open", "closed", "canceled", "expired"])
async def test_a_lost_answer_gives_the_orders_result_whatever_became_of_it(status: str) -> None:
    bench = Bench()
    call = await bench.send("AddOrder", LIMIT)
    bench.kraken.place(call.params, status=status)
    assert bench.fail(call)
    result, seconds = await outcome(call)
    assert result == {"descr": {"order": "buy 1.25 XBTUSD @ limit"}, "txid": ["OAAAAA-AAAAA-AAAAAA"]}
    assert seconds == 0
    assert bench.tracker.unresolved() == []
    assert bench.orphans == []


@virtual
async def test_an_order_is_looked_for_open_then_closed_with_growing_pauses() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    bench.kraken.place(call.params, visible=START + 9)
    result, _ = await outcome(call)
    assert result["txid"] == ["OAAAAA-AAAAA-AAAAAA"]
    names = [name for _, name, _ in bench.kraken.asked]
    assert names[:4] == ["OpenOrders", "ClosedOrders"] * 2
    assert names[-1] == "OpenOrders"
    at = sorted({when for when, _, _ in bench.kraken.asked})
    pauses = [round(b - a, 3) for a, b in pairwise(at)]
    assert pauses[:6] == [0.25, 0.4, 0.64, 1.024, 1.638, 2.0]
    assert pauses == sorted(pauses)
    assert max(pauses) == 2.0


@virtual
async def test_an_order_with_a_conditional_close_is_found_by_the_userref_made_for_it() -> None:
    bench = Bench()
    params = {**LIMIT, "close[ordertype]": "limit", "close[price]": "30000"}
    call = await bench.send("AddOrder", params)
    bench.kraken.place(call.params)
    bench.fail(call)
    result, _ = await outcome(call)
    assert result["descr"]["close"] == "close position @ limit 30000.0"


@virtual
async def test_a_caller_who_left_is_told_through_on_orphan() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    call.future.cancel()
    bench.kraken.place(call.params, visible=START + 1)
    await asyncio.sleep(5)
    assert [o.result["txid"] for o in bench.orphans] == [["OAAAAA-AAAAA-AAAAAA"]]


# -- not found -------------------------------------------------------------------------------------------------


@virtual
async def test_an_order_that_does_not_show_in_time_may_be_live() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    error, seconds = await outcome(call)
    assert isinstance(error, OutcomeUnknown)
    assert seconds == pytest.approx(15)
    assert error.finding == "not seen"
    assert str(error).startswith(f"Order may be live: cl_ord_id={call.params['cl_ord_id']}")
    assert error.sent == call.params
    assert (error.nonce, error.endpoint) == (17, "AddOrder")
    assert error.sent_at == pytest.approx(START, abs=1)
    assert error.__cause__ is LOST
    assert [intent.cl_ord_id for intent in bench.tracker.unresolved()] == [error.cl_ord_id]
    await bench.close()


@virtual
async def test_the_search_goes_on_after_the_caller_was_told_and_reports() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    bench.kraken.place(call.params, visible=START + 30)
    await unknown(call)
    await asyncio.sleep(40)
    (orphan,) = bench.orphans
    assert orphan.result["txid"] == ["OAAAAA-AAAAA-AAAAAA"]
    assert (orphan.cl_ord_id, orphan.endpoint, orphan.nonce) == (call.params["cl_ord_id"], "AddOrder", 17)
    assert bench.tracker.unresolved() == []
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_after_the_caller_was_told_it_is_looked_for_every_ten_seconds_until_it_can_be_called_absent() -> (
    None
):
    bench = Bench()
    await unknown(await bench.lose("AddOrder", LIMIT))
    bench.kraken.asked.clear()
    await asyncio.sleep(200)
    asked = [at for at, name, _ in bench.kraken.asked if name == "OpenOrders"]
    pauses = [after - before for before, after in pairwise(asked)]
    assert max(pauses) == pytest.approx(10, abs=0.1)
    assert 120 < asked[-1] < 130, "absence can be told then, and nothing is asked any more"


@virtual
async def test_an_order_that_can_never_be_called_absent_is_looked_for_five_minutes_long() -> None:
    bench = Bench(OrderPolicy(deadline=None, journal=False))
    await unknown(await bench.lose("AddOrder", LIMIT))
    await asyncio.sleep(400)
    assert 290 < bench.kraken.asked[-1][0] < 312


@virtual
async def test_look_ups_that_fail_go_on_for_a_minute_past_the_time_for_absence() -> None:
    bench = Bench()
    bench.kraken.failing["OpenOrders"] = LOST
    await unknown(await bench.lose("AddOrder", LIMIT))
    await asyncio.sleep(400)
    assert 126 + 58 < bench.kraken.asked[-1][0] < 126 + 72


@virtual
async def test_absence_is_told_only_past_deadline_and_visibility() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    await unknown(call)
    await asyncio.sleep(109)
    assert bench.orphans == [], "124 s after sending it may still show"
    await asyncio.sleep(10)
    (orphan,) = bench.orphans
    assert isinstance(orphan.error, OutcomeUnknown)
    assert orphan.error.finding == "absent"
    assert bench.tracker.unresolved() == []
    last = bench.kraken.asked[-3:]
    assert [name for _, name, _ in last] == ["OpenOrders", "ClosedOrders", "GetApiKeyInfo"]
    assert last[0][0] > 125
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_with_a_short_visibility_the_caller_learns_of_absence_in_time() -> None:
    bench = Bench(OrderPolicy(visibility=3, journal=False))
    error, seconds = await outcome(await bench.lose("AddOrder", LIMIT))
    assert isinstance(error, OutcomeUnknown)
    assert error.finding == "absent"
    assert 9 < seconds < 11


@virtual
async def test_an_empty_answer_begun_too_early_proves_nothing() -> None:
    bench = Bench(OrderPolicy(visibility=0, deadline=2, journal=False))
    call = await bench.send("AddOrder", LIMIT)
    bench.kraken.latency = 2.5
    bench.fail(call)
    bench.kraken.place(call.params, visible=START + 2.9)
    result, _ = await outcome(call)
    assert not isinstance(result, KrakenError), result


@virtual
async def test_a_deadline_of_the_callers_own_bounds_the_look_up() -> None:
    bench = Bench(OrderPolicy(visibility=3, journal=False))
    deadline = datetime.fromtimestamp(START + 8, UTC).isoformat().replace("+00:00", "Z")
    error, seconds = await outcome(await bench.lose("AddOrder", {**LIMIT, "deadline": deadline}))
    assert isinstance(error, OutcomeUnknown)
    assert error.finding == "absent"
    assert 11 < seconds < 13


@virtual
async def test_without_a_deadline_absence_is_never_told() -> None:
    bench = Bench(OrderPolicy(deadline=None, visibility=0, settle_timeout=400, journal=False))
    error, seconds = await outcome(await bench.lose("AddOrder", LIMIT))
    assert isinstance(error, OutcomeUnknown)
    assert error.finding == "not seen"
    assert 300 < seconds < 305


@virtual
async def test_look_ups_that_fail_leave_it_unreachable() -> None:
    bench = Bench()
    bench.kraken.failing = {"OpenOrders": refused("EService:Unavailable", "OpenOrders", changes=False)}
    call = await bench.lose("AddOrder", LIMIT)
    error = await unknown(call)
    assert error.finding == "unreachable"
    await asyncio.sleep(300)
    (orphan,) = bench.orphans
    assert isinstance(orphan.error, OutcomeUnknown)
    assert orphan.error.finding == "unreachable"
    assert len(bench.tracker.unresolved()) == 1
    assert len(asyncio.all_tasks()) == 1


@virtual
@pytest.mark.parametrize("answer", [None, [], "open", {}, {"open": []}, {"open": None}, {"closed": {}}])
async def test_an_answer_in_another_shape_answers_nothing(answer: Any) -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.lose("AddOrder", LIMIT)
    ask = bench.kraken.ask

    async def ask_oddly(name: str, params: dict[str, Any], **how: Any) -> Any:
        return answer if name == "OpenOrders" else await ask(name, params, **how)

    bench.kraken.ask = ask_oddly  # type: ignore[method-assign]  # a Kraken that answers so
    error = await unknown(call)
    assert error.finding == "unreachable"
    assert "an answer without 'open'" in {look.answer for look in error.looks}
    await bench.close()


@virtual
async def test_an_error_tells_what_each_look_met() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.failing = {
        "OpenOrders": LOST,
        "ClosedOrders": refused("EService:Busy", "ClosedOrders", changes=False),
    }
    error = await unknown(await bench.lose("AddOrder", LIMIT))
    assert {(look.endpoint, look.answer) for look in error.looks} == {
        ("OpenOrders", str(LOST)),
        ("ClosedOrders", "EService:Busy"),
    }
    await bench.close()


@virtual
@pytest.mark.parametrize(("trip", "seconds"), [(0.0, 6.5), (4.0, 8.5)])
async def test_absence_waits_for_the_slowest_that_kraken_s_clock_can_be(trip: float, seconds: float) -> None:
    """The deadline, a second, and what is not known of Kraken's clock."""
    bench = Bench(OrderPolicy(visibility=0, journal=False), trip=trip)
    error, waited = await outcome(await bench.lose("AddOrder", LIMIT))
    assert error.finding == "absent"
    assert seconds - 0.1 < waited < seconds + 0.1


@virtual
async def test_half_an_answer_proves_no_absence() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.failing = {"ClosedOrders": LOST}
    error = await unknown(await bench.lose("AddOrder", LIMIT))
    assert error.finding == "unreachable"
    await bench.close()


@virtual
async def test_a_key_that_may_not_look_is_told_so_at_once() -> None:
    bench = Bench()
    denied = refused("EGeneral:Permission denied", "OpenOrders", changes=False)
    bench.kraken.failing = {"OpenOrders": denied, "ClosedOrders": denied}
    error, seconds = await outcome(await bench.lose("AddOrder", LIMIT))
    assert isinstance(error, OutcomeUnknown)
    assert seconds == 0
    assert error.finding == "unreachable"
    assert "OpenOrders: the API key may not look (EGeneral:Permission denied)" in str(error)


@virtual
async def test_a_key_that_may_not_look_for_a_batch_s_rows_is_told_so_at_once() -> None:
    bench = Bench()
    denied = refused("EGeneral:Permission denied", "OpenOrders", changes=False)
    bench.kraken.failing = {"OpenOrders": denied, "ClosedOrders": denied}
    rows = [{**LIMIT, "cl_ord_id": "a"}, {**LIMIT, "cl_ord_id": "b"}]
    error, seconds = await outcome(await bench.lose("AddOrderBatch", {"pair": "XBTUSD", "orders": rows}))
    assert (seconds, error.finding) == (0, "unreachable")


@virtual
async def test_the_lowest_nonce_of_a_round_is_what_counts() -> None:
    """Of a batch, each row is asked for by itself: a question that Kraken saw before the order proves nothing."""
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    rows = [{**LIMIT, "cl_ord_id": "a"}, {**LIMIT, "cl_ord_id": "b"}]
    call = await bench.lose("AddOrderBatch", {"pair": "XBTUSD", "orders": rows})

    ask = bench.kraken.ask

    async def ask_out_of_turn(name: str, params: dict[str, Any], **how: Any) -> Any:
        bench.nonce = 16 if params.get("cl_ord_id") == "b" else 1000  # the order's is 17
        return await ask(name, params, **how)

    bench.kraken.ask = ask_out_of_turn  # type: ignore[method-assign]  # a Kraken that answers so
    assert (await unknown(call)).finding == "not seen"
    await bench.close()


@virtual
async def test_a_key_that_may_only_see_closed_orders_finds_a_filled_one() -> None:
    bench = Bench()
    bench.kraken.failing = {"OpenOrders": refused("EGeneral:Permission denied", "OpenOrders", changes=False)}
    call = await bench.lose("AddOrder", LIMIT)
    bench.kraken.place(call.params, status="closed", visible=START + 3)
    result, _ = await outcome(call)
    assert result["txid"] == ["OAAAAA-AAAAA-AAAAAA"]
    assert [name for _, name, _ in bench.kraken.asked].count("OpenOrders") == 1, "it is refused for good"


# -- what proves what ------------------------------------------------------------------------------------------


@virtual
async def test_a_userref_of_the_callers_own_with_one_new_order_that_agrees_is_found() -> None:
    bench = Bench()
    bench.kraken.place({**LIMIT, "userref": 7}, txid="OLD", opentm=START - 100)
    bench.kraken.place({**LIMIT, "userref": 8}, txid="OTHER")
    call = await bench.send("AddOrder", {**LIMIT, "userref": 7})
    bench.kraken.place(call.params, txid="NEW")
    bench.fail(call)
    result, _ = await outcome(call)
    assert result["txid"] == ["NEW"]


@virtual
@pytest.mark.parametrize(
    "changes",
    [
        {"pair": "ETHUSD"},
        {"type": "sell"},
        {"ordertype": "market"},
        {"volume": "1.26"},
        {"price": "27500.1"},
        {"price2": "5"},
        {"leverage": "2:1"},
        {"oflags": "post"},
        {"expiretm": "1900000000"},
        {"close[ordertype]": "limit"},
    ],
)
async def test_a_userref_proves_nothing_when_one_field_differs(changes: dict[str, Any]) -> None:
    bench = Bench()
    call = await bench.send("AddOrder", {**LIMIT, **changes, "userref": 7})
    bench.kraken.place({**LIMIT, "userref": 7})
    bench.fail(call)
    error = await unknown(call)
    assert error.userref == 7
    assert "userref of your own" in str(error)
    await bench.close()


@virtual
async def test_two_orders_that_agree_with_a_userref_are_neither_found_nor_absent() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.send("AddOrder", {**LIMIT, "userref": 7})
    for txid in ("ONE", "TWO"):
        bench.kraken.place(call.params, txid=txid)
    bench.fail(call)
    error = await unknown(call)
    assert error.finding != "absent"
    await bench.close()


@virtual
async def test_another_calls_order_is_not_taken_for_this_one() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    lost = await bench.lose("AddOrder", {**LIMIT, "userref": 7})
    await asyncio.sleep(0.1)
    other = await bench.send("AddOrder", {**LIMIT, "userref": 7})
    bench.kraken.place(other.params, txid="OTHERS")
    await asyncio.sleep(2)
    bench.ledger.finish(other, result={"txid": ["OTHERS"], "descr": {}})
    error = await unknown(lost)
    assert error.finding == "absent"


@virtual
async def test_a_reused_cl_ord_id_of_the_callers_own_finds_the_new_order_only() -> None:
    bench = Bench()
    first = await bench.send("AddOrder", {**LIMIT, "cl_ord_id": "mine"})
    bench.kraken.place(first.params, txid="FIRST", status="closed")
    bench.ledger.finish(first, result={"txid": ["FIRST"], "descr": {}})
    second = await bench.lose("AddOrder", {**LIMIT, "cl_ord_id": "mine"})
    await asyncio.sleep(3)
    assert not second.future.done()
    bench.kraken.place(second.params, txid="SECOND")
    result, _ = await outcome(second)
    assert result["txid"] == ["SECOND"]


@virtual
async def test_not_unique_for_an_id_made_here_proves_that_the_order_lives() -> None:
    bench = Bench()
    call = await bench.send("AddOrder", LIMIT)
    bench.kraken.place(call.params)
    assert bench.fail(call, refused("EGeneral:Invalid arguments:cl_ord_id not unique"))
    result, _ = await outcome(call)
    assert result["txid"] == ["OAAAAA-AAAAA-AAAAAA"]


@virtual
async def test_not_unique_for_a_first_send_with_the_callers_own_id_is_a_refusal() -> None:
    bench = Bench()
    call = await bench.send("AddOrder", {**LIMIT, "cl_ord_id": "mine"})
    assert not bench.fail(call, refused("EGeneral:Invalid arguments:cl_ord_id not unique"))


@virtual
async def test_not_unique_after_a_lost_answer_is_looked_up() -> None:
    bench = Bench()
    call = await bench.send("AddOrder", {**LIMIT, "cl_ord_id": "mine"})
    bench.kraken.place(call.params)
    call.unknown_before = True
    assert bench.fail(call, refused("EGeneral:Invalid arguments:cl_ord_id not unique"))
    result, _ = await outcome(call)
    assert result["txid"] == ["OAAAAA-AAAAA-AAAAAA"]


@virtual
@pytest.mark.parametrize(
    "text",
    ["EService:Deadline elapsed", "EService:Busy", "EGeneral:Internal error:5", "EService:Unavailable"],
)
async def test_an_answer_that_leaves_it_open_is_looked_up_not_believed(text: str) -> None:
    bench = Bench()
    call = await bench.send("AddOrder", LIMIT)
    bench.kraken.place(call.params)
    assert bench.fail(call, refused(text))
    result, _ = await outcome(call)
    assert result["txid"] == ["OAAAAA-AAAAA-AAAAAA"]


@virtual
@pytest.mark.parametrize(
    "text", ["EOrder:Insufficient funds", "EAPI:Invalid nonce", "EAPI:Rate limit exceeded"]
)
async def test_a_definite_refusal_is_not_looked_up(text: str) -> None:
    bench = Bench()
    assert not bench.fail(await bench.send("AddOrder", LIMIT), refused(text))
    assert bench.kraken.asked == []


@virtual
async def test_an_order_that_was_only_validated_is_neither_recorded_nor_settled(tmp_path: Path) -> None:
    bench = Bench(OrderPolicy(), Journal(tmp_path, KEY))
    call = await bench.send("AddOrder", {**LIMIT, "validate": True})
    assert call.order is None
    assert not bench.fail(call)
    assert list(tmp_path.iterdir()) == []


# -- batches ---------------------------------------------------------------------------------------------------


def batch(count: int = 3) -> dict[str, Any]:
    row = {name: value for name, value in LIMIT.items() if name != "pair"}
    return {"pair": "XBTUSD", "orders": [{**row, "price": str(27000 + i)} for i in range(count)]}


@virtual
async def test_a_batchs_rows_are_found_in_their_places() -> None:
    bench = Bench()
    call = await bench.send("AddOrderBatch", batch())
    for place in (2, 0, 1):
        bench.kraken.place(
            call.params["orders"][place], txid=f"T{place}", status=("open", "closed")[place == 1]
        )
    bench.fail(call)
    result, _ = await outcome(call)
    assert [row["txid"] for row in result["orders"]] == ["T0", "T1", "T2"]
    assert result["orders"][0]["descr"] == {"order": "buy 1.25 XBTUSD @ limit"}


@virtual
async def test_a_batch_found_in_part_is_unknown_and_says_what_is_there() -> None:
    bench = Bench()
    call = await bench.send("AddOrderBatch", batch())
    bench.kraken.place(call.params["orders"][1], txid="T1")
    bench.fail(call)
    error = await unknown(call)
    assert "row 1 is placed, T1" in str(error)
    assert str(error).startswith("Orders may be live")
    await asyncio.sleep(120)
    (orphan,) = bench.orphans
    first, second, third = orphan.result["orders"]
    assert second["txid"] == "T1"
    assert "not found" in first["error"]
    assert "not found" in third["error"]


@virtual
async def test_rows_of_the_caller_s_own_userrefs_are_found_each_by_its_own() -> None:
    bench = Bench()
    rows = [{**LIMIT, "userref": 1}, {**LIMIT, "userref": 2}]
    call = await bench.lose("AddOrderBatch", {"pair": "XBTUSD", "orders": rows})
    for number, one in enumerate(rows):
        bench.kraken.place(one, txid=f"O{number}")
    result, _ = await outcome(call)
    assert [one["txid"] for one in result["orders"]] == ["O0", "O1"]


@virtual
async def test_what_was_found_of_a_batch_is_not_asked_for_again() -> None:
    bench = Bench()
    call = await bench.lose("AddOrderBatch", {"pair": "XBTUSD", "orders": [LIMIT, {**LIMIT, "userref": 2}]})
    made, own = call.params["orders"]
    bench.kraken.place(made, txid="O0")
    bench.kraken.place(own, txid="O1", visible=START + 5)
    result, _ = await outcome(call)
    assert [one["txid"] for one in result["orders"]] == ["O0", "O1"]
    asked = [(name, tuple(params)) for _, name, params in bench.kraken.asked]
    assert asked.count(("OpenOrders", ())) == 1
    assert {each for each in asked if each != ("OpenOrders", ())} == {
        ("OpenOrders", ("userref",)),
        ("ClosedOrders", ("userref", "start", "closetime")),
    }


@virtual
@pytest.mark.parametrize("endpoint", ["OpenOrders", "ClosedOrders"])
async def test_a_batch_is_absent_only_if_every_row_was_looked_for_in_full(endpoint: str) -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.lose("AddOrderBatch", {"pair": "XBTUSD", "orders": [LIMIT, {**LIMIT, "userref": 2}]})
    ask = bench.kraken.ask

    async def ask_in_part(name: str, params: dict[str, Any], **how: Any) -> Any:
        if name == endpoint and "userref" in params:
            raise LOST
        return await ask(name, params, **how)

    bench.kraken.ask = ask_in_part  # type: ignore[method-assign]  # a Kraken that answers so
    assert (await unknown(call)).finding == "unreachable"
    await bench.close()


@virtual
@pytest.mark.parametrize("own", [{"userref": 7}, {"cl_ord_id": "mine"}])
async def test_an_id_of_the_caller_s_own_is_found_only_once_closed_orders_are_in(own: dict[str, Any]) -> None:
    """Of two that carry it, one was filled at once."""
    bench = Bench()
    call = await bench.lose("AddOrder", {**LIMIT, **own})
    bench.kraken.place({**LIMIT, **own}, txid="OPEN")
    bench.kraken.place({**LIMIT, **own}, txid="FILLED", status="closed")
    assert (await unknown(call)).finding == "not seen"
    await bench.close()


@virtual
@pytest.mark.parametrize(
    ("own", "asked"),
    [
        ({"cl_ord_id": "mine"}, {"cl_ord_id": "mine"}),
        ({"userref": 7}, {"userref": 7, "start": int(START) - 2, "closetime": "open"}),
        ({"userref": 0}, {"start": int(START) - 2, "closetime": "open"}),
    ],
)
async def test_closed_orders_of_an_id_are_asked_for_whatever_their_age(
    own: dict[str, Any], asked: dict[str, Any]
) -> None:
    """One that was closed as this one was sent makes it doubtful whose it is; a userref has too many of them."""
    bench = Bench()
    call = await bench.lose("AddOrder", {**LIMIT, **own})
    await asyncio.sleep(0.1)
    assert next(params for _, name, params in bench.kraken.asked if name == "ClosedOrders") == asked
    await bench.close()
    await unknown(call)


@virtual
async def test_rows_of_one_userref_cannot_be_told_apart() -> None:
    bench = Bench()
    call = await bench.lose("AddOrderBatch", {"pair": "XBTUSD", "orders": [{**LIMIT, "userref": 1}] * 2})
    bench.kraken.place({**LIMIT, "userref": 1})
    error = await unknown(call)
    assert error.finding == "not seen"
    assert "is placed" not in str(error)
    await bench.close()


@virtual
async def test_a_batch_s_rows_are_asked_for_no_more_once_the_session_is_closed() -> None:
    bench = Bench()
    rows = [{**LIMIT, "userref": number} for number in range(1, 6)]
    bench.kraken.latency = 0.5
    call = await bench.lose("AddOrderBatch", {"pair": "XBTUSD", "orders": rows})
    await asyncio.sleep(0.7)
    bench.end()
    asked = len(bench.kraken.asked)
    await unknown(call)
    await asyncio.sleep(400)
    assert len(bench.kraken.asked) == asked


@virtual
async def test_a_batch_of_which_nothing_shows_is_absent() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    error = await unknown(await bench.lose("AddOrderBatch", batch()))
    assert error.finding == "absent"


@virtual
async def test_orders_of_others_are_not_taken_for_a_batchs() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.send("AddOrderBatch", batch())
    for place, row in enumerate(call.params["orders"]):
        bench.kraken.place({**row, "cl_ord_id": None}, txid=f"T{place}")
    bench.fail(call)
    error = await unknown(call)
    assert error.finding == "absent"


@virtual
async def test_closed_orders_are_read_to_the_last_page() -> None:
    bench = Bench()
    call = await bench.send("AddOrderBatch", batch(2))
    for other in range(120):
        bench.kraken.place(LIMIT, txid=f"X{other}", status="closed")
    for place, row in enumerate(call.params["orders"]):
        bench.kraken.place(row, txid=f"T{place}", status="closed")
    bench.fail(call)
    result, _ = await outcome(call)
    assert [row["txid"] for row in result["orders"]] == ["T0", "T1"]


# -- changes to an order ---------------------------------------------------------------------------------------


def amend_row(amend_id: str, at: float, kind: str = "user", **changes: Any) -> dict[str, Any]:
    row = {"order_qty": "1.25000000", "limit_price": "27500.0", "amend_id": amend_id, "amend_type": kind}
    return {**row, "timestamp": int((START + at) * 1e9), **changes}


@virtual
@pytest.mark.parametrize(
    ("others", "finding"), [(49, "absent"), (50, "absent"), (499, "absent"), (500, "unreachable")]
)
async def test_without_a_count_a_page_that_is_not_full_is_the_last(others: int, finding: str) -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.counted = False
    call = await bench.lose("AddOrder", {**LIMIT, "userref": 5})
    for number in range(others):
        bench.kraken.place({**LIMIT, "userref": 5}, txid=f"X{number}", status="closed", opentm=START - 1)
    error = await unknown(call)
    assert error.finding == finding
    if finding == "absent":
        pages = [params.get("ofs", 0) for _, name, params in bench.kraken.asked if name == "ClosedOrders"]
        assert pages[-1] == others // 50 * 50
    await bench.close()


@virtual
async def test_pages_are_turned_until_as_many_are_shown_as_there_are() -> None:
    """However few a page holds."""
    bench = Bench()
    bench.kraken.page = 20
    call = await bench.lose("AddOrder", LIMIT)
    for number in range(70):
        bench.kraken.place(
            {**call.params, "cl_ord_id": call.params["cl_ord_id"]}, txid=f"X{number}", status="x"
        )
    bench.kraken.orders = {
        txid: {
            **order,
            "status": "closed",
            "cl_ord_id": call.params["cl_ord_id"] if txid == "X69" else "other",
        }
        for txid, order in bench.kraken.orders.items()
    }
    bench.kraken.loose = True
    result, _ = await outcome(call)
    assert result["txid"] == ["X69"]
    assert [params.get("ofs", 0) for _, name, params in bench.kraken.asked if name == "ClosedOrders"] == [
        0,
        20,
        40,
        60,
    ]


@virtual
@pytest.mark.parametrize("by", ["txid", "cl_ord_id"])
async def test_a_lost_amend_gives_its_amend_id(by: str) -> None:
    bench = Bench()
    bench.kraken.place({**LIMIT, "cl_ord_id": "mine"}, txid="TXID")
    name = {"txid": "TXID", "cl_ord_id": "mine"}[by]
    call = await bench.lose("AmendOrder", {by: name, "limit_price": "27510"})
    bench.kraken.amends["TXID"] = [
        amend_row("A0", 0, "original", limit_price="27510.0"),
        amend_row("A1", -60, limit_price="27510.0"),
        amend_row("A3", 0, limit_price="27510.0"),
    ]
    result, _ = await outcome(call)
    assert result == {"amend_id": "A3"}


@virtual
@pytest.mark.parametrize("spelt", ["mine", None])
async def test_a_lost_amend_by_cl_ord_id_is_of_the_order_that_was_open_then(spelt: str | None) -> None:
    """Whatever else the answer holds: older orders of that id, closed ones, orders of other ids, ids not shown."""
    bench = Bench()
    bench.kraken.loose = True
    bench.kraken.place(LIMIT, txid="OLD", cl_ord_id="mine", status="closed", closetm=START - 30)
    bench.kraken.place(LIMIT, txid="OTHER", cl_ord_id="another")
    bench.kraken.place(LIMIT, txid="TXID", cl_ord_id=spelt)
    call = await bench.lose("AmendOrder", {"cl_ord_id": "mine", "limit_price": "27510"})
    for txid in ("OLD", "OTHER", "TXID"):
        bench.kraken.amends[txid] = [amend_row(f"of {txid}", 0, limit_price="27510.0")]
    result, _ = await outcome(call)
    assert result == {"amend_id": "of TXID"}


@virtual
async def test_a_lost_amend_of_one_of_two_orders_of_an_id_is_not_told() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    for txid in ("ONE", "TWO"):
        bench.kraken.place(LIMIT, txid=txid, cl_ord_id="mine")
        bench.kraken.amends[txid] = [amend_row(f"of {txid}", 0, limit_price="27510.0")]
    error = await unknown(await bench.lose("AmendOrder", {"cl_ord_id": "mine", "limit_price": "27510"}))
    assert error.finding == "not seen"
    await bench.close()


@virtual
async def test_an_amend_of_an_order_that_does_not_show_is_never_absent() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    error = await unknown(await bench.lose("AmendOrder", {"cl_ord_id": "mine", "limit_price": "27510"}))
    assert error.finding == "unreachable"
    await bench.close()


@virtual
async def test_an_order_that_was_closed_as_the_amend_was_sent_may_be_the_one_that_it_is_about() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.place(LIMIT, txid="ONE", cl_ord_id="mine", status="closed", closetm=START - 0.05)
    bench.kraken.place(LIMIT, txid="TWO", cl_ord_id="mine")
    bench.kraken.amends["TWO"] = [amend_row("A1", 0, limit_price="27510.0")]
    error = await unknown(await bench.lose("AmendOrder", {"cl_ord_id": "mine", "limit_price": "27510"}))
    assert error.finding == "not seen"
    await bench.close()


@virtual
async def test_an_edit_that_one_of_two_orders_may_be_is_never_absent() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.place(LIMIT, txid="OLD", opentm=START - 50)
    call = await bench.lose("EditOrder", {"txid": "OLD", "pair": "XBTUSD", "price": "27600"})
    bench.kraken.orders["OLD"]["status"] = "canceled"
    for txid in ("ONE", "TWO"):
        bench.kraken.place({**LIMIT, "price": "27600"}, txid=txid)
    assert (await unknown(call)).finding == "not seen"
    await bench.close()


@virtual
async def test_an_amend_that_is_not_there_is_absent_only_in_time() -> None:
    bench = Bench(OrderPolicy(visibility=3, journal=False))
    bench.kraken.amends["TXID"] = [amend_row("A0", -9, "original")]
    error, seconds = await outcome(await bench.lose("AmendOrder", {"txid": "TXID", "limit_price": "27510"}))
    assert isinstance(error, OutcomeUnknown)
    assert error.finding == "absent"
    assert seconds > 8
    assert str(error).startswith("AmendOrder may have been done: txid=TXID")


@virtual
@pytest.mark.parametrize("rows", [1, 2])
async def test_a_relative_amend_is_doubt_as_kraken_resolves_it(rows: int) -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.amends["TXID"] = [amend_row(f"A{n}", 0) for n in range(rows)]
    error = await unknown(await bench.lose("AmendOrder", {"txid": "TXID", "limit_price": "+10"}))
    assert error.finding == "not seen"
    await bench.close()


@virtual
async def test_a_lost_edit_gives_the_order_that_took_the_old_ones_place() -> None:
    bench = Bench()
    bench.kraken.place(LIMIT, txid="OLD", opentm=START - 50)
    call = await bench.lose("EditOrder", {"txid": "OLD", "pair": "XBTUSD", "price": "27600"})
    await asyncio.sleep(1)
    assert not call.future.done(), "the old one is open still"
    bench.kraken.orders["OLD"]["status"] = "canceled"
    bench.kraken.place({**LIMIT, "price": "27601", "cl_ord_id": "x"}, txid="NOT")
    bench.kraken.place({**LIMIT, "price": "27600"}, txid="NEW")
    result, _ = await outcome(call)
    assert (result["status"], result["txid"], result["originaltxid"]) == ("ok", "NEW", "OLD")
    assert (result["price"], result["orders_cancelled"]) == ("27600.0", 1)


@virtual
async def test_an_absent_order_is_never_sent_again() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.lose("AddOrder", LIMIT)
    await unknown(call)
    assert call.attempt == 1
    assert len(bench.queue) == 0


# -- the journal, and later ------------------------------------------------------------------------------------


@virtual
async def test_an_order_is_on_record_before_it_is_queued_and_off_it_once_known(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    bench = Bench(OrderPolicy(), journal)
    call = await bench.send("AddOrder", LIMIT)
    (path,) = tmp_path.iterdir()
    assert call.params["cl_ord_id"] in path.read_text()
    bench.ledger.finish(call, error=InsufficientFunds("EOrder:Insufficient funds"))
    with pytest.raises(InsufficientFunds):
        await call.future
    await bench.close()
    assert list(tmp_path.iterdir()) == []


@virtual
async def test_orders_are_refused_and_cancels_pass_when_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    bench = Bench(OrderPolicy(), Journal(tmp_path / "state", KEY))
    with pytest.raises(NonceStoreError, match="state_dir") as caught:
        await bench.send("AddOrder", LIMIT)
    assert caught.value.endpoint == "AddOrder"
    await bench.send("CancelOrder", {"txid": "X"})


@virtual
async def test_what_a_living_session_has_in_flight_is_not_unresolved(tmp_path: Path) -> None:
    bench = Bench(OrderPolicy(), Journal(tmp_path, KEY))
    await bench.send("AddOrder", LIMIT)
    assert bench.tracker.unresolved() == []
    assert Bench(OrderPolicy(), Journal(tmp_path, KEY)).tracker.unresolved() == []
    await bench.close()


async def left_by_a_dead_session(directory: Path, params: dict[str, Any]) -> tuple[Bench, Intent]:
    """Return a new session's desk and the one intent that a session which died has left."""
    dead = Bench(OrderPolicy(), Journal(directory, KEY))
    await dead.send("AddOrder", params)
    await dead.close()
    bench = Bench(OrderPolicy(visibility=3), Journal(directory, KEY))
    (intent,) = bench.tracker.unresolved()
    assert bench.tracker.open_count == 1
    return bench, intent


@virtual
async def test_a_dead_sessions_order_is_resolved_to_its_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench, intent = await left_by_a_dead_session(tmp_path, LIMIT)
    assert "client.unresolved()" in caplog.text
    assert intent.endpoint == "AddOrder"
    assert intent.sent_at == pytest.approx(START, abs=1)
    bench.kraken.place(intent.params, txid="TXID")
    assert (await bench.lost.resolve(intent))["txid"] == ["TXID"]
    assert bench.tracker.unresolved() == []
    assert bench.tracker.open_count == 0
    assert list(tmp_path.iterdir()) == []


@virtual
async def test_a_dead_sessions_absent_order_is_told_and_closed(tmp_path: Path) -> None:
    bench, intent = await left_by_a_dead_session(tmp_path, LIMIT)
    with pytest.raises(OutcomeUnknown) as caught:
        await bench.lost.resolve(intent)
    assert caught.value.finding == "absent"
    assert bench.tracker.unresolved() == []


@virtual
async def test_an_order_that_a_dead_session_left_may_be_the_one_that_shows(tmp_path: Path) -> None:
    """Both carry a userref of the caller's own: one new order cannot be told to be this session's."""
    bench, intent = await left_by_a_dead_session(tmp_path, {**LIMIT, "userref": 7})
    call = await bench.lose("AddOrder", {**LIMIT, "userref": 7})
    bench.kraken.place(call.params)
    assert (await unknown(call)).finding == "not seen"
    await bench.lost.dismiss(intent)
    assert (await bench.lost.resolve(bench.tracker.unresolved()[0]))["txid"] == ["OAAAAA-AAAAA-AAAAAA"]
    await bench.close()


@virtual
async def test_resolving_an_intent_of_ones_own_ends_the_search_for_it() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    await unknown(call)
    bench.kraken.place(call.params)
    (intent,) = bench.tracker.unresolved()
    assert (await bench.lost.resolve(intent))["txid"] == ["OAAAAA-AAAAA-AAAAAA"]
    asked = len(bench.kraken.asked)
    await asyncio.sleep(200)
    assert len(bench.kraken.asked) == asked
    assert bench.orphans == [], "who asked has been told"


@virtual
async def test_a_dead_sessions_order_that_cannot_be_looked_up_stays_open(tmp_path: Path) -> None:
    bench, intent = await left_by_a_dead_session(tmp_path, LIMIT)
    bench.kraken.failing = {"OpenOrders": LOST, "ClosedOrders": LOST}
    with pytest.raises(OutcomeUnknown) as caught:
        await bench.lost.resolve(intent)
    assert caught.value.finding == "unreachable"
    assert bench.tracker.unresolved() == [intent]
    bench.kraken.failing = {}
    bench.kraken.place(intent.params)
    assert await caught.value.resolve()
    assert bench.tracker.unresolved() == []


@virtual
async def test_an_error_resolves_itself_once_kraken_is_back() -> None:
    bench = Bench()
    bench.kraken.failing = {"OpenOrders": LOST, "ClosedOrders": LOST}
    call = await bench.lose("AddOrder", LIMIT)
    error = await unknown(call)
    bench.kraken.failing = {}
    bench.kraken.place(call.params)
    assert (await bench.lost.resolve(error))["txid"] == ["OAAAAA-AAAAA-AAAAAA"]
    assert bench.tracker.unresolved() == []
    await asyncio.sleep(200)
    assert bench.orphans == [], "who asked has been told"
    assert len(asyncio.all_tasks()) == 1


@virtual
@pytest.mark.parametrize("own", [{"cl_ord_id": "mine"}, {"userref": 7}, {}])
@pytest.mark.parametrize("pickled", [False, True])
async def test_an_order_that_was_found_is_found_again_however_often_it_is_resolved(
    own: dict[str, Any], *, pickled: bool
) -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", {**LIMIT, **own})
    bench.kraken.place(call.params, visible=START + 30)
    error = await unknown(call)
    await asyncio.sleep(10)
    if pickled:
        error = pickle.loads(pickle.dumps(error))
        await bench.close()
        bench, kraken = Bench(), bench.kraken
        bench.kraken.orders, bench.kraken.visible = kraken.orders, kraken.visible
    await asyncio.sleep(190)  # a living session's search has found and reported it by now
    for _ in range(2):
        assert (await bench.lost.resolve(error))["txid"] == ["OAAAAA-AAAAA-AAAAAA"]


@virtual
async def test_an_error_that_has_travelled_is_still_its_own_sessions() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", {**LIMIT, "cl_ord_id": "mine"})
    bench.kraken.place(call.params, visible=START + 30)
    error = await unknown(call)
    await asyncio.sleep(200)  # the search has found and reported it by now
    assert bench.orphans
    for _ in range(2):
        travelled = pickle.loads(pickle.dumps(error))
        assert (await bench.lost.resolve(travelled))["txid"] == ["OAAAAA-AAAAA-AAAAAA"]


@virtual
async def test_what_was_found_stays_found_when_look_ups_fail() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", {**LIMIT, "cl_ord_id": "mine"})
    bench.kraken.place(call.params, visible=START + 30)
    error = await unknown(call)
    await asyncio.sleep(200)  # the search has found and reported it by now
    bench.kraken.failing |= dict.fromkeys(("OpenOrders", "ClosedOrders"), LOST)
    assert (await error.resolve())["txid"] == ["OAAAAA-AAAAA-AAAAAA"]


@virtual
async def test_what_shows_just_before_its_caller_is_told_is_found() -> None:
    """Look-ups have grown rare by then: one is made just before the end."""
    for after in (11.5, 12.5, 13.0, 13.5, 13.9):
        bench, visible = Bench(), asyncio.get_running_loop().time() - 1000 + after
        bench.kraken.latency = 0.4
        call = await bench.lose("AddOrder", dict(LIMIT))
        bench.kraken.place(call.params, visible=START + visible)
        assert (await call.future)["txid"] == ["OAAAAA-AAAAA-AAAAAA"]
        await bench.close()


@virtual
async def test_an_amend_that_was_found_is_found_again() -> None:
    bench = Bench()
    call = await bench.lose("AmendOrder", {"txid": "TXID", "limit_price": "27510"})
    error = await unknown(call)
    bench.kraken.amends["TXID"] = [amend_row("A1", 0, limit_price="27510.0")]
    for _ in range(2):
        assert await bench.lost.resolve(error) == {"amend_id": "A1"}
    await bench.close()


@virtual
async def test_an_error_of_another_process_can_be_resolved() -> None:
    first = Bench()
    call = await first.lose("AddOrder", LIMIT)
    error = pickle.loads(pickle.dumps(await unknown(call)))
    await first.close()
    bench = Bench()
    bench.kraken.place(call.params, opentm=START)
    assert (await bench.lost.resolve(error))["txid"] == ["OAAAAA-AAAAA-AAAAAA"]


@virtual
async def test_a_withdrawal_cannot_be_resolved() -> None:
    error = OutcomeUnknown(endpoint="Withdraw", nonce=3)
    with pytest.raises(OutcomeUnknown) as caught:
        await Bench().lost.resolve(error)
    assert caught.value.finding is None


@virtual
async def test_resolving_on_a_closed_session_says_so() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    error = await unknown(call)
    await bench.close()
    with pytest.raises(SessionClosed):
        await error.resolve()


@virtual
async def test_once_stopped_nothing_is_asked_and_nobody_waits() -> None:
    bench = Bench()
    call = await bench.lose("AddOrder", LIMIT)
    await asyncio.sleep(1)
    asked = len(bench.kraken.asked)
    bench.end()
    error, seconds = await outcome(call)
    assert isinstance(error, OutcomeUnknown)
    assert seconds < 2
    with pytest.raises(SessionClosed):
        await error.resolve()
    assert len(bench.kraken.asked) == asked


@virtual
async def test_closing_tells_who_waits_and_leaves_the_order_on_record(tmp_path: Path) -> None:
    bench = Bench(OrderPolicy(), Journal(tmp_path, KEY))
    call = await bench.lose("AddOrder", LIMIT)
    await asyncio.sleep(1)
    await bench.close()
    await bench.close()
    error = await unknown(call)
    assert error.finding == "not seen"
    assert len(asyncio.all_tasks()) == 1
    assert not bench.fail(call), "nothing is taken over any more"
    assert [i.cl_ord_id for i in Journal(tmp_path, KEY).left(START)] == [call.params["cl_ord_id"]]


@virtual
async def test_a_fault_in_settling_still_ends_the_call(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    async def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    bench.kraken.ask = broken  # type: ignore[method-assign]  # the test stands in for it
    call = await bench.lose("AddOrder", LIMIT)
    error, seconds = await outcome(call)
    assert isinstance(error, OutcomeUnknown)
    assert seconds == 0
    assert "fault of its own" in caplog.text


@virtual
async def test_no_log_line_shows_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    await unknown(await bench.lose("AddOrder", {**LIMIT, "otp": "123456"}))
    await asyncio.sleep(100)
    assert "123456" not in caplog.text
    assert "123456" not in repr((bench.tracker, bench.lost, bench.ledger))


def test_a_refusal_of_ones_own_arguments_is_no_unknown() -> None:
    assert isinstance(refused("EGeneral:Invalid arguments:volume"), InvalidArguments)


# -- answers in full -------------------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("missing", [0, 1], ids=["all rows", "a row too few"])
async def test_amends_prove_absence_only_when_all_of_them_are_shown(missing: int) -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.amends["TXID"] = [amend_row("A0", -9, "original")]
    bench.kraken.missing_amends = missing
    error = await unknown(await bench.lose("AmendOrder", {"txid": "TXID", "limit_price": "27510"}))
    assert error.finding == ("unreachable" if missing else "absent")
    await bench.close()


@virtual
@pytest.mark.parametrize(("others", "finding"), [(999, "absent"), (1000, "unreachable")])
async def test_as_many_open_orders_as_kraken_shows_at_once_prove_nothing(others: int, finding: str) -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.send("AddOrderBatch", batch(2))
    for other in range(others):
        bench.kraken.place({**LIMIT, "cl_ord_id": f"x{other}"}, txid=f"X{other}")
    bench.fail(call)
    assert (await unknown(call)).finding == finding
    await bench.close()


@virtual
@pytest.mark.parametrize(("others", "finding"), [(500, "absent"), (501, "unreachable")])
async def test_more_pages_than_are_turned_prove_nothing(others: int, finding: str) -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.send("AddOrderBatch", batch(2))
    for other in range(others):
        bench.kraken.place({**LIMIT, "cl_ord_id": f"x{other}"}, txid=f"X{other}", status="closed")
    bench.fail(call)
    assert (await unknown(call)).finding == finding
    await bench.close()


@virtual
async def test_a_key_s_settings_are_asked_once_and_an_empty_answer_tells_nothing_of_them() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.kraken.key_info = {}
    assert (await unknown(await bench.lose("AddOrder", LIMIT))).finding == "not seen"
    bench.kraken.key_info = {"permissions": ["query-open-trades"]}
    for _ in range(3):
        assert (await unknown(await bench.lose("AddOrder", LIMIT))).finding == "absent"
    bench.kraken.key_info = {"permissions": ["query-open-trades"], "query_to": 5}
    assert (await unknown(await bench.lose("AddOrder", LIMIT))).finding == "absent"
    await bench.close()


@virtual
async def test_look_ups_of_lower_nonces_prove_nothing() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    bench.nonce = -1000
    error = await unknown(await bench.lose("AddOrder", LIMIT))
    assert error.finding == "not seen"
    await bench.close()


@virtual
async def test_a_clock_learnt_afresh_makes_no_earlier_order_absent() -> None:
    bench = Bench(OrderPolicy(visibility=0, journal=False))
    call = await bench.lose("AddOrder", LIMIT)
    loop = asyncio.get_running_loop()
    for _ in range(2):
        bench.time.observe(int(START) + 5000 + int(loop.time() - 1000), loop.time(), loop.time())
        await asyncio.sleep(5.5)
    assert bench.time.epoch == 1
    assert (await unknown(call)).finding == "not seen"
    await bench.close()
