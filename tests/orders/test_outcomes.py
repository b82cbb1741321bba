"""What is told of an order whose answer was lost: small inputs, each of which stands for a kind of fault.

"Lost" means that the request was carried out (or not, where it says so) and its answer did not come.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from kraken_async import BurstGovernor, KrakenSession, OrderPolicy, Priority
from kraken_async.emulator import Behaviour, Fault, trading
from kraken_async.errors import OrderWithdrawn, Outcome, OutcomeUnknown, QueueFull
from kraken_async.wire.messages import Response, SignedRequest
from tests.orders.fault_support import LIMIT, Told, World, told
from tests.virtual_time import virtual

ORDER = {**LIMIT, "volume": "1.25"}
LOST, NEVER = Fault.reset("after"), Fault.reset("before")
LONG = 300.0


async def lose(world: World, client: KrakenSession, fault: Fault = LOST, /, **fields: Any) -> Told:
    """Place an order whose answer does not come, and wait for what its caller is told."""
    world.emulator.faults.next("AddOrder", fault)
    return await told(client.private("AddOrder", {**ORDER, **fields}))


def deadline(seconds: float = 20.0) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def last_word(answer: Told) -> Told:
    """Look again when all that can be known is known."""
    assert isinstance(answer.error, OutcomeUnknown)
    await asyncio.sleep(LONG)
    return await told(answer.error.resolve())


def only(world: World) -> str:
    (txid,) = world.emulator.orders
    return txid


# -- what the order was sent with --------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("volumes", ["cut", "round"])
@pytest.mark.parametrize("volume", [100 / 3, "33.33333333333", "66.66666666666"])
async def test_a_volume_that_kraken_cuts_or_rounds_is_found(
    volumes: Any, volume: Any, tmp_path: Path
) -> None:
    world = World(tmp_path, behaviour=Behaviour(volumes=volumes))
    client = await world.session()
    answer = await lose(world, client, volume=volume, userref=7)
    assert answer.result["txid"] == [only(world)]
    await client.aclose()


@virtual
async def test_a_live_order_that_does_not_look_as_it_was_sent_is_never_absent(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    answer = await lose(world, client, price="-2%", userref=7)  # resolved by Kraken, so it may be another one
    assert isinstance(answer.error, OutcomeUnknown)
    assert answer.error.finding == "not seen"
    final = await last_word(answer)
    assert isinstance(final.error, OutcomeUnknown)
    assert final.error.finding == "not seen"
    assert [intent.userref for intent in client.unresolved()] == [7]
    await client.aclose()


@virtual
async def test_a_pair_that_kraken_renames_is_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    answer = await lose(world, client, pair="USDTZUSD", price="0.9", volume="10", userref=7)
    assert answer.result["txid"] == [only(world)]
    await client.aclose()


@virtual
async def test_an_id_made_here_is_found_beside_relative_prices(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    close = {"close[ordertype]": "limit", "close[price]": "-10%"}
    answer = await lose(world, client, price="-2%", **close)
    assert answer.result["txid"] == [only(world)]
    await client.aclose()


@virtual
@pytest.mark.parametrize("none", ["null", "zero", "missing"])
async def test_a_userref_of_zero_is_found_however_kraken_shows_it(none: Any, tmp_path: Path) -> None:
    world = World(tmp_path, behaviour=Behaviour(no_userref=none))
    client = await world.session()
    answer = await lose(world, client, userref=0)
    assert answer.result["txid"] == [only(world)]
    await client.aclose()


@virtual
@pytest.mark.parametrize("none", ["null", "word", "missing"])
@pytest.mark.parametrize(
    "fields",
    [
        {"userref": 7},
        {"userref": 0},
        {"close[ordertype]": "limit", "close[price]": "21000"},
        {"cl_ord_id": "bot-1"},
    ],
    ids=["userref", "zero", "close", "cl_ord_id"],
)
async def test_an_order_that_no_other_has_made_is_found_however_kraken_shows_that(
    none: Any, fields: dict[str, Any], tmp_path: Path
) -> None:
    world = World(tmp_path, behaviour=Behaviour(no_refid=none))
    client = await world.session()
    answer = await lose(world, client, **fields)
    assert answer.result["txid"] == [only(world)]
    await client.aclose()


@virtual
@pytest.mark.parametrize("spelt", ["lower", "sent", "dashed"])
@pytest.mark.parametrize(
    "client_id", ["6C9B3F0E-7D61-4F2C-9A55-0D2F8F0F7A11", "6c9b3f0e7d614f2c9a550d2f8f0f7a11"]
)
async def test_an_id_is_found_however_kraken_spells_it(spelt: Any, client_id: str, tmp_path: Path) -> None:
    world = World(tmp_path, behaviour=Behaviour(client_ids=spelt))
    client = await world.session()
    answer = await lose(world, client, cl_ord_id=client_id)
    assert answer.result["txid"] == [only(world)]
    await client.aclose()


# -- clocks that lie ---------------------------------------------------------------------------------------


@virtual
async def test_the_page_of_a_gateway_teaches_no_clock(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    await client.private("Balance")
    await asyncio.sleep(2)
    started = time.time()
    answer = await lose(world, client, Fault.http(502, "after").with_(date=300.0, visibility=1.5))
    assert answer.result["txid"] == [only(world)]
    assert time.time() - started < 10
    await client.aclose()


@virtual
async def test_a_look_up_answered_by_a_page_teaches_no_clock(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    await client.private("Balance")
    world.emulator.faults.next("OpenOrders", Fault.http(503).with_(date=90.0))
    answer = await lose(world, client, Fault.late(3.0, "before").with_(what="hang"))
    assert not answer.absent
    await client.aclose()


@virtual
@pytest.mark.parametrize("seconds", [90.0, 300.0, -300.0])
async def test_dates_that_are_rewritten_make_nothing_absent_too_early(seconds: float, tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    world.emulator.faults.plan = lambda _n, name: Fault.dated(seconds) if name != "AddOrder" else None
    answer = await lose(world, client, LOST.with_(visibility=100.0))
    assert not answer.absent
    world.emulator.faults.plan = None
    assert (await last_word(answer)).result["txid"] == [only(world)]
    await client.aclose()


# -- ids used again ----------------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("own_deadline", [True, False], ids=["own deadline", "policy without one"])
@pytest.mark.parametrize("time_fails", [True, False], ids=["Time fails", "Time answers"])
async def test_an_id_used_again_is_not_taken_for_its_older_order(
    own_deadline: bool, time_fails: bool, tmp_path: Path
) -> None:
    world = World(tmp_path, policy=OrderPolicy(deadline=None))
    old = world.emulator.place(**{**ORDER, "cl_ord_id": "bot-1"})
    world.emulator.cancel(old)
    await asyncio.sleep(86_400)
    client = await world.session()
    if time_fails:
        world.emulator.faults.next("Time", *[Fault.http(503)] * 5)
    more = {"deadline": deadline()} if own_deadline else {}
    answer = await lose(world, client, NEVER, cl_ord_id="bot-1", **more)
    assert answer.unknown
    await asyncio.sleep(LONG)
    for orphan in world.orphans:
        assert orphan.result is None
    await client.aclose()


@virtual
async def test_an_id_used_again_is_found_as_the_new_order(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.emulator.cancel(world.emulator.place(**{**ORDER, "cl_ord_id": "bot-1"}))
    await asyncio.sleep(60)
    client = await world.session()
    answer = await lose(world, client, cl_ord_id="bot-1")
    new = list(world.emulator.orders)[1]
    assert answer.result["txid"] == [new]
    await client.aclose()


@virtual
async def test_an_order_placed_just_before_by_the_same_bot_is_not_taken(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    (first,) = (await client.private("AddOrder", {**ORDER, "cl_ord_id": "bot-1"}))["txid"]
    world.emulator.fill(first)
    answer = await lose(world, client, NEVER, cl_ord_id="bot-1")
    assert answer.unknown
    await client.aclose()


# -- one order, one caller ---------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("own", [{"userref": 7}, {"cl_ord_id": "bot-1"}], ids=["userref", "cl_ord_id"])
@pytest.mark.parametrize("lost_too", [True, False])
async def test_one_order_is_not_told_to_two_sessions(own: Any, lost_too: bool, tmp_path: Path) -> None:
    world = World(tmp_path)
    one, other = await world.session(), await world.session()
    await one.private("Balance")
    await other.private("Balance")
    lost = asyncio.ensure_future(lose(world, other, NEVER, **own))
    await asyncio.sleep(0.1)
    if lost_too:
        world.emulator.faults.next("AddOrder", LOST)
    answers = [await told(one.private("AddOrder", {**ORDER, **own})), await lost]
    txids = [txid for answer in answers if answer.result for txid in answer.result["txid"]]
    assert len(txids) == len(set(txids))
    assert answers[1].unknown
    if not lost_too:
        assert txids == [only(world)]
    await one.aclose()
    await other.aclose()


@virtual
@pytest.mark.parametrize("own", [{"userref": 7}, {"cl_ord_id": "bot-1"}], ids=["userref", "cl_ord_id"])
async def test_an_order_that_goes_out_during_a_look_up_is_its_own_callers(own: Any, tmp_path: Path) -> None:
    """The first question waits for its turn, behind another call and behind the order that its answer then shows."""
    world = World(tmp_path)
    one, other, third = await world.session(), await world.session(), await world.session()
    for each in (one, other, third):
        await each.private("Balance")
    lost = asyncio.ensure_future(lose(world, other, NEVER.with_(jitter=1.0), **own))
    await asyncio.sleep(0.1)
    world.emulator.faults.next("Balance", Fault.delayed(1.0))
    reading = asyncio.ensure_future(third.private("Balance"))
    await asyncio.sleep(0.1)
    placed = await told(one.private("AddOrder", {**ORDER, **own}))
    assert placed.result["txid"] == [only(world)]
    assert (await lost).unknown
    await reading
    for each in (one, other, third):
        await each.aclose()


@virtual
async def test_two_orders_of_one_session_get_their_own_flags(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    world.emulator.faults.next("AddOrder", Fault.hang("before"), Fault.hang("before"))
    calls = [asyncio.ensure_future(told(client.private("AddOrder", ORDER))) for _ in range(2)]
    await asyncio.sleep(120)
    intents = client.unresolved()
    assert [intent.generated for intent in intents] == [True, True]
    await asyncio.gather(*calls)
    await client.aclose()


# -- what the key may see ----------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("spelling", ["snake_case", "camelCase"])
@pytest.mark.parametrize("placed", [True, False])
async def test_a_key_that_may_not_see_finds_nothing_absent(
    placed: bool, spelling: Any, tmp_path: Path
) -> None:
    world = World(tmp_path, behaviour=Behaviour(key_info=spelling))
    world.key = world.emulator.add_key(query_to=time.time() - 3600)
    client = await world.session()
    answer = await lose(world, client, LOST if placed else NEVER)
    final = await last_word(answer)
    assert isinstance(final.error, OutcomeUnknown)
    assert final.error.finding == "not seen"
    assert "query window" in str(final.error)
    await client.aclose()


@virtual
@pytest.mark.parametrize("answered", [True, False])
async def test_a_nonce_window_or_no_word_of_it_makes_nothing_absent(answered: bool, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.key = world.emulator.add_key(nonce_window=10_000 if answered else 0)
    client = await world.session()
    if not answered:
        world.emulator.faults.plan = lambda _n, name: Fault.http(503) if name == "GetApiKeyInfo" else None
    final = await last_word(await lose(world, client, NEVER))
    assert isinstance(final.error, OutcomeUnknown)
    assert final.error.finding == "not seen"
    await client.aclose()


@virtual
async def test_absent_is_said_once_all_conditions_hold(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    answer = await lose(world, client, NEVER)
    assert isinstance(answer.error, OutcomeUnknown)
    assert answer.error.finding == "not seen"
    assert answer.error.decidable_at == pytest.approx(time.time() + 5 + 120 + 1 - 15, abs=2)
    await asyncio.sleep(100)
    assert world.orphans == []
    await asyncio.sleep(30)
    (orphan,) = world.orphans
    assert isinstance(orphan.error, OutcomeUnknown)
    assert orphan.error.finding == "absent"
    assert client.unresolved() == []
    await client.aclose()


@virtual
@pytest.mark.parametrize("fault", [Fault.without("open", "closed"), Fault.no_result("after")], ids=str)
async def test_a_look_up_without_its_field_proves_nothing(fault: Fault, tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    looks = ("OpenOrders", "ClosedOrders")
    world.emulator.faults.plan = lambda _n, name: fault if name in looks else None
    answer = await lose(world, client)
    assert isinstance(answer.error, OutcomeUnknown)
    assert answer.error.finding == "unreachable"
    await asyncio.sleep(LONG)
    assert all(not Told(error=orphan.error).absent for orphan in world.orphans)
    world.emulator.faults.plan = None
    assert (await last_word(answer)).result["txid"] == [only(world)]
    await client.aclose()


# -- answers without a result ------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("fault", [Fault.warning(), Fault.no_result("after")], ids=str)
async def test_a_write_without_a_result_is_looked_up_or_unknown(fault: Fault, tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    answer = await lose(world, client, fault)
    assert answer.result["txid"] == [only(world)]
    world.emulator.faults.next("Withdraw", fault)
    withdrawal = await told(client.private("Withdraw", asset="XBT", key="cold", amount="1"))
    assert isinstance(withdrawal.error, OutcomeUnknown)
    assert withdrawal.error.exposure is None
    world.emulator.faults.next("CancelOrder", fault)
    assert await client.private("CancelOrder", txid=only(world)) == {"count": 0}
    await client.aclose()


@virtual
@pytest.mark.parametrize("empty", ["absent", "object"])
async def test_a_balance_without_activity_is_an_empty_one(empty: Any, tmp_path: Path) -> None:
    world = World(tmp_path, behaviour=Behaviour(empty_balance=empty))
    world.key = world.emulator.add_key(account="new")
    world.emulator.accounts["new"].balances.clear()
    client = await world.session()
    assert await client.private("Balance") == {}
    assert len([each for each in world.emulator.history if each.endpoint == "Balance"]) == 1
    await client.aclose()


@virtual
async def test_an_order_that_is_not_to_be_validated_is_placed(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    assert (await client.private("AddOrder", {**ORDER, "validate": False}))["txid"] == [only(world)]
    assert "txid" not in await client.private("AddOrder", {**ORDER, "validate": True})
    await client.aclose()


@virtual
async def test_a_validate_that_is_false_is_left_out(tmp_path: Path) -> None:
    """A Kraken that takes the field's presence for a yes would place nothing, and name no order."""
    world = World(tmp_path)

    async def present_is_yes(request: SignedRequest, timeout: float) -> Response:
        if b"validate" in request.body:
            body = {"error": [], "result": {"descr": {"order": "buy 1.25 XBTUSD @ limit 20000.0"}}}
            return Response(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
        return await world.send(request, timeout)

    client = await world.session(transport=present_is_yes)
    for no in (False, 0, "false"):
        result = await client.private("AddOrder", {**ORDER, "validate": no})
        assert result["txid"] == [next(reversed(world.emulator.orders))]
    await client.aclose()


@virtual
async def test_a_result_that_names_no_order_is_not_believed(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def without_txid(request: SignedRequest, timeout: float) -> Response:
        response = await world.send(request, timeout)
        if request.path.endswith("AddOrder"):
            body = json.loads(response.body)
            del body["result"]["txid"]
            return Response(response.status, response.headers, json.dumps(body).encode())
        return response

    client = await world.session(transport=without_txid)
    assert (await client.private("AddOrder", ORDER))["txid"] == [only(world)]
    await client.aclose()


NAMELESS: dict[str, list[Any]] = {
    "AddOrder": [
        {},
        True,
        "ok",
        [],
        {"txid": []},
        {"txid": ""},
        {"txid": [""]},
        {"txid": [None]},
        {"txid": None},
    ],
    "AddOrderBatch": [
        {},
        True,
        {"orders": []},
        {"orders": [{}, {}]},
        {"orders": [{"txid": "OA"}]},
        {"orders": {}},
    ],
    "AmendOrder": [{}, True, {"amend_id": ""}, {"amend_id": None}],
    "EditOrder": [{}, True, {"status": "ok"}, {"status": "ok", "txid": ""}],
}


@virtual
@pytest.mark.parametrize(
    ("endpoint", "result"), [(name, result) for name, results in NAMELESS.items() for result in results]
)
@pytest.mark.parametrize("when", ["after", "before"])
async def test_a_result_that_does_not_name_what_was_done_is_looked_up(
    endpoint: str, result: Any, when: Any, tmp_path: Path
) -> None:
    """Both when it was done and when it was not."""
    world = World(tmp_path, behaviour=Behaviour())

    async def nameless(request: SignedRequest, timeout: float) -> Response:
        if not request.path.endswith(f"/{endpoint}"):
            return await world.send(request, timeout)
        if when == "after":
            await world.send(request, timeout)
        body = json.dumps({"error": [], "result": result}).encode()
        return Response(200, {"Content-Type": "application/json"}, body)

    placing = await world.session()
    (txid,) = (await placing.private("AddOrder", ORDER))["txid"]
    client = await world.session(transport=nameless)
    row = {name: value for name, value in ORDER.items() if name != "pair"}
    fields: dict[str, dict[str, Any]] = {
        "AddOrder": ORDER,
        "AddOrderBatch": {"pair": ORDER["pair"], "orders": [row, {**row, "price": "20001"}]},
        "AmendOrder": {"txid": txid, "limit_price": "20010"},
        "EditOrder": {"txid": txid, "pair": ORDER["pair"], "price": "20010"},
    }
    answer = await told(client.private(endpoint, fields[endpoint]))
    names = list(world.emulator.orders)
    if when == "before":
        assert isinstance(answer.error, OutcomeUnknown)
    elif endpoint == "AddOrder":
        assert answer.result["txid"] == names[1:]
    elif endpoint == "AddOrderBatch":
        assert [each["txid"] for each in answer.result["orders"]] == names[1:]
    elif endpoint == "AmendOrder":
        assert answer.result["amend_id"] == world.emulator.orders[txid].amends[-1]["amend_id"]
    else:
        assert answer.result["txid"] == names[-1]
    await client.aclose()
    await placing.aclose()


# -- amends, batches, queues -------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
async def test_a_lost_amend_is_found_in_every_unit_of_time(unit: Any, tmp_path: Path) -> None:
    world = World(tmp_path, behaviour=Behaviour(amend_times=unit))
    client = await world.session()
    (txid,) = (await client.private("AddOrder", ORDER))["txid"]
    world.emulator.faults.next("AmendOrder", LOST)
    result = await client.private("AmendOrder", txid=txid, limit_price="20010")
    assert result == {"amend_id": world.emulator.orders[txid].amends[-1]["amend_id"]}
    await client.aclose()


@virtual
async def test_rows_are_copied_whole_when_they_are_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    row: dict[str, Any] = {
        "type": "buy",
        "ordertype": "limit",
        "price": "20000",
        "volume": "1.5",
        "cl_ord_id": "a",
    }
    rows = [row, {**row, "cl_ord_id": "b"}]
    world.emulator.faults.next("AddOrderBatch", NEVER)
    call = asyncio.ensure_future(told(client.private("AddOrderBatch", pair="XBTUSD", orders=rows)))
    later = client.private("AddOrderBatch", pair="XBTUSD", orders=rows)
    for _ in range(3):
        row["volume"] = "9"
        rows.append(row)
        await asyncio.sleep(0)
    await later
    assert {str(order.volume.normalize()) for order in world.emulator.orders.values()} == {"1.5"}
    await call
    (intent,) = client.unresolved()
    assert [each["volume"] for each in intent.params["orders"]] == ["1.5", "1.5"]
    await client.aclose()


@virtual
async def test_a_batch_is_told_row_by_row_and_a_row_in_doubt_is_not_told_absent(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session()
    row: dict[str, Any] = {"type": "buy", "ordertype": "limit", "price": "20000", "volume": "1.5"}
    world.emulator.faults.next("AddOrderBatch", LOST)
    rows = [row, {**row, "price": "-10%", "userref": 7}]
    answer = await told(client.private("AddOrderBatch", pair="XBTUSD", orders=rows))
    assert isinstance(answer.error, OutcomeUnknown)
    final = await last_word(answer)
    assert isinstance(final.error, OutcomeUnknown)
    assert final.error.finding == "not seen"
    assert "row 0 is placed" in str(final.error)
    await client.aclose()


@virtual
async def test_the_sessions_own_calls_are_never_turned_away(tmp_path: Path) -> None:
    world = World(tmp_path)
    client = await world.session(max_queued=2)
    await client.private("Balance")
    world.emulator.jitter = (0.5, 0.5)

    async def read_on() -> None:
        while not lost.done():
            await told(client.private("Balance"))
            await asyncio.sleep(0.001)

    lost = asyncio.ensure_future(lose(world, client))
    await asyncio.sleep(0.1)
    readers = [asyncio.ensure_future(read_on()) for _ in range(6)]
    assert (await lost).result["txid"] == [only(world)]
    await asyncio.gather(*readers)
    async with client.dead_man_switch(60):
        pass
    await client.aclose()


@virtual
async def test_the_sessions_own_calls_go_out_while_waiting_reads_fill_the_queue(tmp_path: Path) -> None:
    """Reads that wait for the call counter leave no place free for a moment."""
    world = World(tmp_path)
    client = await world.session(max_queued=2, governor=BurstGovernor("starter", startup_window=0))
    over = asyncio.Event()

    async def read_on() -> None:
        while not over.is_set():
            await told(client.private("Ledgers"))
            await asyncio.sleep(0.001)

    readers = [asyncio.ensure_future(read_on())]
    try:
        await asyncio.sleep(60)  # the counter is full
        world.emulator.faults.next("AddOrder", Fault.hang("after"))
        lost = asyncio.ensure_future(told(client.with_options(timeout=0.5).private("AddOrder", ORDER)))
        await asyncio.sleep(0.01)
        readers.append(asyncio.ensure_future(read_on()))
        await asyncio.sleep(0.01)
        assert isinstance((await told(client.private("Balance"))).error, QueueFull)
        assert (await lost).result == {"descr": ANY, "txid": [only(world)]}
        assert isinstance((await told(client.private("Balance"))).error, QueueFull)
        async with client.dead_man_switch(60):
            pass
    finally:
        over.set()
    await asyncio.gather(*readers)
    await client.aclose()


@virtual
@pytest.mark.parametrize(
    "given", [None, 5, b"x", {}, ["x"], object()], ids=lambda given: type(given).__name__
)
async def test_what_is_no_intent_is_named(given: Any, tmp_path: Path) -> None:
    client = await World(tmp_path).session()
    for method in (client.resolve, client.dismiss):
        with pytest.raises(ValueError, match="takes one of unresolved"):
            await method(given)
    with pytest.raises(ValueError, match="takes one of unresolved"):
        client.search(given)
    with pytest.raises(KeyError, match="is not open"):
        await client.dismiss("an id")  # type: ignore[arg-type]  # wrong on purpose
    await client.aclose()


@virtual
async def test_an_intent_without_a_deadline_can_be_dismissed(tmp_path: Path) -> None:
    world = World(tmp_path, policy=OrderPolicy(deadline=None))
    client = await world.session()
    answer = await lose(world, client, NEVER)
    assert isinstance(answer.error, OutcomeUnknown)
    await asyncio.sleep(2 * LONG)
    (intent,) = client.unresolved()
    await client.dismiss(intent)
    assert client.unresolved() == []
    with pytest.raises(KeyError):
        await client.dismiss(intent)
    with pytest.raises(KeyError):
        await client.dismiss(answer.error)
    await client.aclose()
    assert list(tmp_path.iterdir()) == []


@virtual
async def test_a_dead_sessions_intent_can_be_dismissed(tmp_path: Path) -> None:
    world = World(tmp_path, policy=OrderPolicy(deadline=None))
    first = await world.session()
    world.emulator.faults.next("AddOrder", Fault.hang("before"))
    call = asyncio.ensure_future(told(first.private("AddOrder", ORDER)))
    await asyncio.sleep(1)
    await world.kill(first)
    await call
    client = await world.session()
    (intent,) = client.unresolved()
    await client.dismiss(intent)
    assert client.unresolved() == []
    await client.aclose()
    assert list(tmp_path.iterdir()) == []


# -- cancels -----------------------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("window", [0, 10**13])
async def test_an_order_overtaken_by_its_cancel_is_looked_up(window: int, tmp_path: Path) -> None:
    """With a nonce window the order may be executed after its cancel: it is not told to be without effect."""
    world = World(tmp_path)
    world.key = world.emulator.add_key(nonce_window=window)
    client = await world.session()
    await client.private("Balance")
    world.emulator.faults.next("AddOrder", Fault.late(4.0, "before"))
    call = asyncio.ensure_future(told(client.private("AddOrder", {**ORDER, "cl_ord_id": "bot-1"})))
    await asyncio.sleep(0.5)
    cancel = await told(client.private("CancelOrder", cl_ord_id="bot-1"))
    assert not cancel.unknown
    answer = await call
    assert bool(world.emulator.orders) is bool(window)
    if window:
        assert answer.result["txid"] == [only(world)]
    else:
        assert isinstance(answer.error, OrderWithdrawn)
        assert answer.error.outcome is Outcome.NOT_SENT
    await client.aclose()


@virtual
@pytest.mark.parametrize("window", [0, 10**13])
async def test_an_overtaken_order_that_comes_after_all_is_not_told_absent(
    window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs on its way, past its deadline, at a Kraken that does not hold it to that."""
    monkeypatch.setattr(trading, "check_deadline", lambda *_: None)
    world = World(tmp_path)
    world.key = world.emulator.add_key(nonce_window=window)
    client = await world.session()
    await client.private("Balance")
    world.emulator.faults.next("AddOrder", Fault.late(250.0, "before"))
    call = asyncio.ensure_future(told(client.private("AddOrder", {**ORDER, "cl_ord_id": "bot-1"})))
    await asyncio.sleep(0.5)
    assert not (await told(client.private("CancelOrder", cl_ord_id="bot-1"))).unknown
    answer = await call
    assert isinstance(answer.error, OutcomeUnknown)
    await asyncio.sleep(170)  # its deadline and the time that an order may take to show have passed
    later = await told(answer.error.resolve())
    assert later.absent is (window == 0)
    await asyncio.sleep(100)
    assert bool(world.emulator.orders) is bool(window)
    await client.aclose()


@virtual
@pytest.mark.parametrize("priority", [Priority.CANCEL, Priority.PLACE], ids=str)
async def test_after_its_cancel_an_order_does_not_go_out_in_any_session(
    priority: Priority, tmp_path: Path
) -> None:
    """Whatever its priority, and however its id is spelt."""
    world = World(tmp_path)
    one, other = await world.session(cancel_patience=0.5), await world.session(cancel_patience=3.0)
    await one.private("Balance")
    await other.private("Balance")
    world.emulator.faults.next("Balance", Fault.hang())  # holds the turn meanwhile
    blocking = asyncio.ensure_future(told(one.private("Balance")))
    await asyncio.sleep(0.1)
    client_id = "6C9B3F0E-7D61-4F2C-9A55-0D2F8F0F7A11"
    placing = other.with_options(priority=priority).private("AddOrder", {**ORDER, "cl_ord_id": client_id})
    order = asyncio.ensure_future(told(placing))
    await asyncio.sleep(0.1)
    cancel = await told(one.private("CancelOrder", cl_ord_id=client_id.lower()))
    assert not cancel.unknown
    assert isinstance((await order).error, OrderWithdrawn)
    assert world.emulator.orders == {}
    await blocking
    await one.aclose()
    await other.aclose()
