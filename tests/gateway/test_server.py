"""The gateway as its clients meet it, against the emulator: who comes in, what is answered, what is on record."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kraken_async.call import Orphan
from kraken_async.emulator import Emulator, EmulatorServer, Fault
from kraken_async.errors import OutcomeUnknown
from kraken_async.gateway import Gateway, GatewayConfig
from kraken_async.gateway.gates import WIDTH
from kraken_async.gateway.replies import CLIENT_ID, OUTCOME
from kraken_async.orders.intent import Intent
from kraken_async.orders.journal import Journal
from tests.conftest import LeakCheck
from tests.gateway.conftest import ORDER, Client, Running, eventually, started, write_config

KEY = {"error": ["EAPI:Invalid key"]}
DENIED = {"error": ["EGeneral:Permission denied"]}


# ------------------------------------------------------------------ calls


async def test_a_call_is_answered_as_kraken_answers_it(running: Running) -> None:
    answer, headers = await running.client().call("Balance")
    assert answer["error"] == []
    assert "ZUSD" in answer["result"]
    assert OUTCOME not in headers


async def test_the_client_s_nonce_and_signature_are_dropped(running: Running) -> None:
    bot = running.client()
    answer, _ = await bot.call("Balance", {"nonce": "9" * 30}, API_Sign="wrong")
    assert answer["error"] == []
    arrival = running.emulator.history[-1]
    assert arrival.api_key == running.emulator.key.api_key
    assert arrival.nonce is not None
    assert arrival.nonce < 2**64


async def test_json_bodies_are_taken_as_forms_are(running: Running) -> None:
    fields = {"nonce": 7, **ORDER, "price": 30000.5}
    _, _, body = await running.client().raw("/0/private/AddOrder", json=fields)
    assert json.loads(body)["result"]["descr"]["order"] == "buy 0.01000000 XBTUSD @ limit 30000.5"


async def test_a_batch_in_a_form_is_placed(running: Running) -> None:
    row = {"type": "buy", "ordertype": "limit", "volume": "0.01"}
    fields = {"pair": "XBTUSD"} | {
        f"orders[{at}][{name}]": value
        for at in (0, 1)
        for name, value in {**row, "price": f"2000{at}"}.items()
    }
    answer, _ = await running.client().call("AddOrderBatch", fields)
    assert [order["descr"]["order"][-7:] for order in answer["result"]["orders"]] == ["20000.0", "20001.0"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_public_calls_need_no_token(running: Running, method: str) -> None:
    bot = running.client()
    bot.token = ""
    _, _, body = await bot.raw("/0/public/Ticker?pair=XBTUSD", method=method)
    assert "XXBTZUSD" in json.loads(body)["result"]


async def test_kraken_s_own_refusal_is_passed_on(running: Running) -> None:
    answer, _ = await running.client().call("AddOrder", {**ORDER, "volume": "1000000"})
    assert answer == {"error": ["EOrder:Insufficient funds"]}


async def test_a_field_that_cannot_be_sent_is_refused_in_kraken_s_envelope(running: Running) -> None:
    status, headers, body = await running.client().raw("/0/private/AddOrder", data=b"pair=A&pair=B")
    assert (status, headers[OUTCOME]) == (200, "refused")
    assert json.loads(body)["error"][0].startswith("EGeneral:Invalid arguments:pair")


# ------------------------------------------------------------------ who, and what for


@pytest.mark.parametrize("token", ["", "wrong", "kgwt" + "a" * 44])
async def test_an_unknown_token_is_refused_as_an_unknown_key_is(running: Running, token: str) -> None:
    bot = running.client()
    bot.token = token
    answer, headers = await bot.call("Balance")
    assert (answer, headers[OUTCOME]) == (KEY, "refused")


MAY = [
    ("read", "Balance", True),
    ("read", "AddOrder", False),
    ("read", "CancelAll", False),
    ("read", "GetWebSocketsToken", False),
    ("trade", "AddOrder", True),
    ("trade", "CancelAll", True),
    ("trade", "Balance", False),
    ("cancel", "CancelAll", True),
    ("cancel", "AddOrder", False),
    ("halt", "Balance", False),
    ("halt", "CancelAll", False),
    ("read,trade,cancel,halt", "Withdraw", False),
    ("read,trade,cancel,halt", "WalletTransfer", False),
    ("read,trade,cancel,halt", "AccountTransfer", False),
    ("read,trade,cancel,halt", "SomethingNew", False),
]


async def test_a_token_may_what_it_is_allowed_and_nothing_else(running: Running) -> None:
    for allow, endpoint, good in MAY:
        before = running.arrived(endpoint)
        fields = ORDER if endpoint == "AddOrder" else None
        answer, headers = await running.client(allow).call(endpoint, fields)
        if good:
            assert answer["error"] == [], (allow, endpoint)
        else:
            assert (answer, headers[OUTCOME]) == (DENIED, "refused"), (allow, endpoint)
            assert running.arrived(endpoint) == before


async def test_a_token_for_several_accounts_makes_no_calls(running: Running) -> None:
    answer, _ = await running.client("read,trade", accounts=("main", "other")).call("Balance")
    assert answer == DENIED


async def test_a_removed_token_is_out_at_once(running: Running) -> None:
    bot = running.client(name="bot")
    assert (await bot.call("Balance"))[0]["error"] == []
    running.tokens.remove("bot")
    assert (await bot.call("Balance"))[0] == KEY


NO_NAMES = ["/0/private/..%2fpublic%2fTime", "/0/private/Balance%3Fa=1", "/0/private/", "/0/private/a b"]


async def test_a_name_that_is_none_leads_nowhere(running: Running) -> None:
    bot = running.client()
    for path in NO_NAMES:
        _, headers, body = await bot.raw(path, data={"nonce": "1"})
        found = (json.loads(body)["error"], headers[OUTCOME])
        assert found == (["EGeneral:Unknown method"], "refused"), path


async def test_other_people_s_pages_are_kept_out(running: Running) -> None:
    bot = running.client()
    for header in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        for path in ("/", "/api/status", "/0/private/Balance", "/0/public/Time"):
            status, headers, _ = await bot.raw(path, headers=header)
            assert status == 403, (header, path)
            assert not [name for name in headers if name.startswith("Access-Control")]


async def test_a_body_that_is_too_large_is_refused_while_it_is_read(running: Running) -> None:
    _, _, body = await running.client().raw("/0/private/AddOrder", data=b"a=" + b"x" * 300_000)
    assert "more than" in json.loads(body)["error"][0]


async def test_a_small_body_cannot_become_a_large_one(running: Running) -> None:
    import gzip

    packed = gzip.compress(b"a=" + b"x" * 5_000_000)
    _, _, body = await running.client().raw(
        "/0/private/AddOrder", data=packed, headers={"Content-Encoding": "gzip"}
    )
    assert "Unicode" in json.loads(body)["error"][0]


# ------------------------------------------------------------------ orders and their outcomes


async def test_a_lost_answer_is_found_and_encoded_anew(long_look_ups: None, running: Running) -> None:
    running.emulator.faults.next("AddOrder", Fault.reset("after"))
    answer, headers = await running.client().call("AddOrder", ORDER)
    assert answer["error"] == []
    assert answer["result"]["txid"][0] in running.emulator.orders
    assert OUTCOME not in headers


async def unknown(
    running: Running, bot: Client, fields: dict[str, str] = ORDER
) -> tuple[dict[str, Any], dict[str, str]]:
    """Let an order's answer be lost, and its look-ups fail."""
    running.emulator.faults.next("AddOrder", Fault.http(502, "after"))
    running.emulator.faults.plan = lambda _, name: (
        Fault.http(503) if name in ("OpenOrders", "ClosedOrders", "QueryOrders") else None
    )
    answer, headers = await bot.call("AddOrder", fields)
    assert headers[OUTCOME] == "unknown", answer
    return answer, headers


async def test_an_order_whose_outcome_is_not_known_says_so_in_words_no_client_repeats(
    running: Running,
) -> None:
    answer, headers = await unknown(running, running.client())
    (said,) = answer["error"]
    assert said.startswith("EGeneral:Outcome unknown:")
    (intent,) = running.account.session.unresolved()
    assert headers[CLIENT_ID] == intent.cl_ord_id
    assert intent.cl_ord_id in said


async def test_an_order_equal_to_one_in_doubt_is_refused_with_the_first_one_s_id(running: Running) -> None:
    bot, other = running.client(), running.client()
    _, told = await unknown(running, bot)
    for repeat in (ORDER, {**ORDER, "nonce": "77"}):
        answer, headers = await bot.call("AddOrder", repeat)
        assert answer["error"][0].startswith("EGeneral:Duplicate of an order in doubt:")
        assert (headers[OUTCOME], headers[CLIENT_ID]) == ("refused", told[CLIENT_ID])
    as_json = {"nonce": 3, **ORDER, "price": 30000, "volume": 0.01}
    _, _, body = await bot.raw("/0/private/AddOrder", json=as_json)
    assert "Duplicate" in json.loads(body)["error"][0]
    assert running.arrived("AddOrder") == 1
    assert (await bot.call("AddOrder", {**ORDER, "price": "30001"}))[0]["error"] == []
    assert (await bot.call("AddOrder", {**ORDER, "cl_ord_id": "my-own-id"}))[0]["error"] == []
    assert (await other.call("AddOrder", ORDER))[0]["error"] == []


async def test_it_passes_again_once_its_outcome_is_known(running: Running) -> None:
    bot = running.client()
    _, told = await unknown(running, bot)
    running.emulator.faults.clear()
    status, found = await bot.api("/api/orders/resolve", method="POST", json={"id": told[CLIENT_ID]})
    assert status == 200
    assert found["result"]["txid"][0] in running.emulator.orders
    assert (await bot.call("AddOrder", ORDER))[0]["error"] == []


async def test_an_order_found_to_be_placed_later_is_not_placed_again_by_a_program_that_does_not_know(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kraken_async.orders.reconciler.BACKGROUND_PAUSE", 0.05)
    bot, other = running.client(), running.client("read,halt", name="page")
    _, told = await unknown(running, bot)
    running.emulator.faults.clear()
    await eventually(lambda: any(line["op"] == "found" for line in running.audit()), 30.0)
    (txid,) = running.emulator.orders
    assert not running.account.session.unresolved()
    answer, headers = await bot.call("AddOrder", ORDER)
    assert answer["error"][0].startswith("EGeneral:Duplicate")
    assert txid in answer["error"][0]
    assert headers[CLIENT_ID] == told[CLIENT_ID]
    (unheard,) = (await other.api("/api/orders/unresolved"))[1]["unheard"]
    assert unheard["ids"] == [txid]
    assert running.arrived("AddOrder") == 1


async def test_an_unresolved_order_is_listed_with_what_goes_on_from_here(running: Running) -> None:
    bot = running.client()
    _, told = await unknown(running, bot)
    status, found = await bot.api("/api/orders/unresolved")
    (order,) = found["orders"]
    assert status == 200
    assert (order["account"], order["cl_ord_id"], order["pair"], order["volume"]) == (
        "main",
        told[CLIENT_ID],
        "XBTUSD",
        "0.01",
    )
    assert order["token"] == "read-trade-0"
    assert told[CLIENT_ID] in order["command"]
    assert order["command"].startswith("curl ")
    assert bot.token not in order["command"]


async def test_what_a_gateway_that_died_left_in_doubt_counts_for_the_next(tmp_path: Path) -> None:
    emulator = Emulator(seed=1)
    params = {**ORDER, "cl_ord_id": "0a0b0c0d-0000-4000-8000-000000000000"}
    intent = Intent(
        id="x",
        endpoint="AddOrder",
        params=params,
        sent_at=time.time(),
        cl_ord_id=params["cl_ord_id"],
        generated=True,
        sent=True,
    )
    dead = Journal(tmp_path / "state", hashlib.sha256(emulator.key.api_key.encode()).hexdigest()[:16])
    await dead.record(intent)
    dead.sent(intent)
    dead.left_behind()  # as it is for a process that dies
    async with started(tmp_path, emulator) as running:
        answer, headers = await running.client().call("AddOrder", ORDER)
        assert "Duplicate" in answer["error"][0]
        assert headers[CLIENT_ID] == intent.cl_ord_id


async def test_an_order_that_is_still_under_way_when_its_client_leaves_is_finished_and_not_placed_twice(
    running: Running,
) -> None:
    bot = running.client()
    answered = running.hold_answers("AddOrder")
    leaving = asyncio.create_task(bot.raw("/0/private/AddOrder", data=ORDER))
    await eventually(lambda: running.emulator.orders)
    leaving.cancel()
    await eventually(lambda: not any(job.heard for job in running.account.writes.jobs))
    answer, _ = await bot.call("AddOrder", ORDER)  # the client repeats what it does not know of
    answered.set()
    assert answer["error"][0].startswith("EGeneral:Duplicate")
    await eventually(lambda: any(line["op"] == "ended" for line in running.audit()))
    (ended,) = [line for line in running.audit() if line["op"] == "ended"]
    (txid,) = running.emulator.orders
    assert (ended["outcome"], ended["ids"]) == ("answered", [txid])
    (unheard,) = (await bot.api("/api/orders/unresolved"))[1]["unheard"]
    assert (unheard["token"], unheard["endpoint"], unheard["ids"]) == ("read-trade-0", "AddOrder", [txid])
    answer, _ = await bot.call("AddOrder", ORDER)
    assert txid in answer["error"][0]


async def test_a_client_that_leaves_while_its_order_waits_takes_it_back(running: Running) -> None:
    bot, loud = running.client(), running.client()
    answered = running.hold_answers("AddOrder")
    flood = [
        asyncio.create_task(bot.call("AddOrder", {**ORDER, "price": f"{30000 + at}"})) for at in range(WIDTH)
    ]
    await eventually(lambda: running.waiting() == WIDTH)
    leaving = asyncio.create_task(bot.raw("/0/private/AddOrder", data={**ORDER, "price": "1"}))
    await eventually(lambda: running.waiting() == WIDTH + 1)
    leaving.cancel()
    await eventually(lambda: running.waiting() == WIDTH)
    answered.set()
    assert [answer["error"] for answer, _ in await asyncio.gather(*flood)] == [[]] * WIDTH
    assert running.arrived("AddOrder") == WIDTH
    assert (await loud.call("Balance"))[0]["error"] == []


async def test_a_pair_may_be_held_while_the_outcome_of_an_order_on_it_is_unknown(tmp_path: Path) -> None:
    emulator = Emulator(seed=1)
    async with started(tmp_path, emulator, account="hold_pair_while_unknown = true\n") as running:
        bot = running.client()
        await unknown(running, bot)
        answer, headers = await bot.call("AddOrder", {**ORDER, "price": "30001"})
        assert (answer["error"], headers[OUTCOME]) == (["EGeneral:Permission denied"], "not-sent")
        assert (await bot.call("AddOrder", {**ORDER, "pair": "ETHUSD", "price": "2000"}))[0]["error"] == []


async def test_each_account_has_a_key_of_its_own(tmp_path: Path) -> None:
    emulator = Emulator(seed=1)
    other = emulator.add_key()
    more = f'\n[accounts.hedge]\nkey = "{other.api_key}"\nsecret = "{other.api_secret}"\ngovernor = "off"\n'
    async with EmulatorServer(emulator) as server:
        path = write_config(tmp_path, emulator, server.url)
        hedge = more + f'tier = "pro"\nbase_url = "{server.url}"\nstore = "memory:"\n'
        path.write_text(path.read_text() + hedge)
        async with Gateway(GatewayConfig.load(path)) as gateway, aiohttp.ClientSession() as http:
            running = Running(gateway, emulator, http)
            for account, key in (("main", emulator.key.api_key), ("hedge", other.api_key)):
                bot = running.client(accounts=(account,))
                assert (await bot.call("Balance"))[0]["error"] == []
                assert emulator.history[-1].api_key == key
            page = running.client("read,halt", accounts=("main", "hedge"))
            status, told = await page.api("/api/halt", method="POST", json={"account": "hedge"})
            assert (status, told["account"]) == (200, "hedge")
            assert (await page.api("/api/halt", method="POST"))[0] == 400
            shown = (await page.api("/api/status"))[1]["accounts"]
            assert [(each["name"], each["stats"]["halted"]) for each in shown] == [
                ("main", False),
                ("hedge", True),
            ]


async def test_a_cancel_is_never_held_back_as_a_repeat(running: Running) -> None:
    bot = running.client()
    for _ in range(2):
        running.emulator.faults.next("CancelAll", Fault.http(502, "after"))
        _, headers = await bot.call("CancelAll")
        assert headers[OUTCOME] == "unknown"
    assert running.arrived("CancelAll") == 2


async def test_a_fault_of_its_own_is_an_envelope_that_says_what_may_have_been_done(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bot = running.client()
    seen: list[bool] = []

    async def broken(*_: object, trace: Any = None, **__: object) -> None:
        if trace is not None:
            trace.sent = bool(seen)
            seen.append(True)
        raise RuntimeError("a fault")

    monkeypatch.setattr("kraken_async.gateway.upstream.private", broken)
    monkeypatch.setattr("kraken_async.gateway.upstream.Reads.make", broken)
    told = []
    for endpoint in ("AddOrder", "AddOrder", "Balance"):
        answer, headers = await bot.call(endpoint, ORDER if endpoint == "AddOrder" else None)
        told.append((answer["error"][0].partition(":the")[0], headers[OUTCOME]))
    assert told == [
        ("EGeneral:Internal error", "not-sent"),
        ("EGeneral:Outcome unknown", "unknown"),
        ("EGeneral:Internal error", "unknown"),
    ]
    assert "a fault" in caplog.text


# ------------------------------------------------------------------ Idempotency-Key


async def test_a_repeat_under_one_key_gets_the_first_answer_and_places_nothing(running: Running) -> None:
    bot = running.client()
    answers = [(await bot.call("AddOrder", ORDER, Idempotency_Key="k1"))[0] for _ in range(3)]
    assert answers[0]["error"] == []
    assert answers[1] == answers[2] == answers[0]
    assert running.arrived("AddOrder") == 1


async def test_repeats_under_one_key_at_the_same_time_are_one_order(running: Running) -> None:
    bot = running.client()
    answers = await asyncio.gather(*(bot.call("AddOrder", ORDER, Idempotency_Key="k1") for _ in range(8)))
    assert len({json.dumps(answer) for answer, _ in answers}) == 1
    assert len(running.emulator.orders) == 1


async def test_a_repeat_that_waits_keeps_an_order_whose_first_client_leaves(running: Running) -> None:
    bot = running.client()
    answered = running.hold_answers("AddOrder")
    flood = [
        asyncio.create_task(bot.call("AddOrder", {**ORDER, "price": f"{30000 + at}"})) for at in range(WIDTH)
    ]
    await eventually(lambda: running.waiting() == WIDTH)
    first = asyncio.create_task(bot.call("AddOrder", {**ORDER, "price": "1000"}, Idempotency_Key="k1"))
    await eventually(lambda: running.waiting() == WIDTH + 1)
    second = asyncio.create_task(bot.call("AddOrder", {**ORDER, "price": "1000"}, Idempotency_Key="k1"))
    await eventually(lambda: any(job.heard == 2 for job in running.account.writes.jobs))
    first.cancel()
    await eventually(lambda: not any(job.heard == 2 for job in running.account.writes.jobs))
    answered.set()
    answer, _ = await second
    assert answer["error"] == []
    assert running.arrived("AddOrder") == WIDTH + 1
    await asyncio.gather(*flood)


async def test_a_key_used_for_another_request_is_refused(running: Running) -> None:
    bot, other = running.client(), running.client()
    await bot.call("AddOrder", ORDER, Idempotency_Key="k1")
    answer, _ = await bot.call("AddOrder", {**ORDER, "volume": "0.02"}, Idempotency_Key="k1")
    assert "another request" in answer["error"][0]
    assert (await other.call("AddOrder", ORDER, Idempotency_Key="k1"))[0]["error"] == []
    assert (await bot.call("AddOrder", ORDER, Idempotency_Key="k2"))[0]["error"] == []


async def test_an_order_under_a_key_carries_an_id_made_from_it(running: Running) -> None:
    from kraken_async.gateway.repeats import client_id

    bot = running.client(name="bot")
    answer, _ = await bot.call("AddOrder", ORDER, Idempotency_Key="k1")
    (txid,) = answer["result"]["txid"]
    shown = (await bot.call("OpenOrders"))[0]["result"]["open"][txid]
    assert shown["cl_ord_id"] == client_id("bot", "k1")


async def test_what_was_not_sent_may_be_asked_for_again_under_its_key(running: Running) -> None:
    bot, page = running.client(), running.client("halt")
    await page.api("/api/halt", method="POST")
    _, headers = await bot.call("AddOrder", ORDER, Idempotency_Key="k1")
    assert headers[OUTCOME] == "not-sent"
    running.account.session.resume()
    assert (await bot.call("AddOrder", ORDER, Idempotency_Key="k1"))[0]["error"] == []


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_is_none_is_refused(running: Running, key: str) -> None:
    answer, _ = await running.client().call("AddOrder", ORDER, Idempotency_Key=key)
    assert "Idempotency-Key" in answer["error"][0]


# ------------------------------------------------------------------ the gateway's own paths


async def test_its_own_paths_ask_for_a_bearer_token(running: Running) -> None:
    bot = running.client()
    bot.token = "wrong"
    for method, path in (("GET", "/api/status"), ("POST", "/api/halt"), ("GET", "/api/orders/unresolved")):
        status, found = await bot.api(path, method=method)
        assert (status, found) == (401, KEY)


async def test_the_status_has_no_key_no_secret_and_no_token(running: Running) -> None:
    page, bot = running.client("read,halt"), running.client()
    await bot.call("AddOrder", ORDER)
    status, found = await page.api("/api/status")
    assert status == 200
    shown = json.dumps(found)
    for secret in (*running.emulator.key, page.token, bot.token):
        assert secret not in shown
    (account,) = found["accounts"]
    assert account["last_calls"][-1]["endpoint"] == "AddOrder"
    assert account["stats"]["total_nonces_issued"] > 0


async def test_the_last_calls_tell_what_was_asked_for_and_who_refused_it(running: Running) -> None:
    page, bot = running.client("read,halt"), running.client()
    await bot.call("AddOrder", ORDER)
    await bot.call("Balance")
    running.emulator.faults.next("AddOrder", Fault.refuse("EOrder:Insufficient funds"))
    await bot.call("AddOrder", {**ORDER, "volume": "0.02"})
    await bot.call("Withdraw", {"asset": "XBT", "key": "k", "amount": "1"})
    _, found = await page.api("/api/status")
    told = [
        (each["endpoint"], each["order"].get("volume"), each["changes"], each["outcome"], each["by_kraken"])
        for each in found["accounts"][0]["last_calls"]
    ]
    assert told == [
        ("AddOrder", "0.01", True, "answered", False),
        ("Balance", None, False, "answered", False),
        ("AddOrder", "0.02", True, "refused", True),
        ("Withdraw", None, True, "refused", False),
    ]


async def test_the_status_tells_of_the_search_for_an_order_and_of_one_that_was_not_placed(
    running: Running,
) -> None:
    page, bot = running.client("read,halt"), running.client()
    running.emulator.faults.next("AddOrder", Fault.http(502, "after").with_(visibility=600.0))
    _, told = await bot.call("AddOrder", ORDER)
    session = running.account.session
    await eventually(lambda: session.search(session.unresolved()[0]).rounds)
    (order,) = (await page.api("/api/status"))[1]["accounts"][0]["unresolved"]
    assert order["search"]["rounds"] >= 1
    assert (order["search"]["found"], order["search"]["goes_on"]) == ("not found", True)
    error = OutcomeUnknown("not found", endpoint="AddOrder", finding="absent")
    orphan = Orphan(
        endpoint="AddOrder",
        cl_ord_id=told[CLIENT_ID],
        nonce=1,
        sent_at=1.0,
        error=error,
        params=dict(ORDER),
    )
    running.account.writes.found_out(orphan)
    account = (await page.api("/api/status"))[1]["accounts"][0]
    (absent,) = account["absent"]
    assert (absent["token"], absent["endpoint"], absent["fields"]["volume"], absent["ids"]) == (
        "read-trade-1",
        "AddOrder",
        "0.01",
        [],
    )
    assert account["unheard"] == []
    assert [line["outcome"] for line in running.audit() if line["op"] == "found"] == ["absent"]


async def test_trading_alone_does_not_show_the_account(running: Running) -> None:
    assert (await running.client("trade").api("/api/status"))[0] == 403
    assert (await running.client("halt").api("/api/status"))[0] == 200


async def test_a_halt_cancels_all_and_holds_new_orders(running: Running) -> None:
    bot, page = running.client(), running.client("halt", name="page")
    await bot.call("AddOrder", ORDER)
    status, told = await page.api("/api/halt", method="POST")
    assert (status, told["account"], told["halted"], told["cancelled"]) == (200, "main", True, {"count": 1})
    answer, headers = await bot.call("AddOrder", ORDER)
    assert (answer["error"][0], headers[OUTCOME]) == ("EService:Market in cancel_only mode", "not-sent")
    assert (await bot.call("CancelAll"))[0]["error"] == []
    assert [line["token"] for line in running.audit() if line["op"] == "halt"] == ["page"]
    assert (await page.api("/api/status"))[1]["accounts"][0]["stats"]["halted"]


async def test_a_halt_is_not_for_every_token_nor_for_other_accounts(running: Running) -> None:
    assert (await running.client("read,trade,cancel").api("/api/halt", method="POST"))[0] == 403
    page = running.client("halt")
    assert (await page.api("/api/halt", method="POST", json={"account": "other"}))[0] == 403
    assert (await page.api("/api/halt", method="POST", data=b"{"))[0] == 400
    assert not running.account.session.stats().halted


async def test_the_halt_gets_through_a_full_gateway(tmp_path: Path) -> None:
    async with started(tmp_path, Emulator(seed=1), more="max_waiting = 8\n") as running:
        bot, page = running.client(), running.client("halt")
        answered = running.hold_answers("Balance")
        flood = [asyncio.create_task(bot.call("Balance")) for _ in range(12)]
        await eventually(lambda: sum(each.done() for each in flood) == 4)  # those that are turned away
        status, told = await page.api("/api/halt", method="POST")
        assert (status, told["halted"]) == (200, True)
        answered.set()
        answers = await asyncio.gather(*flood)
        turned_away = [headers[OUTCOME] for answer, headers in answers if answer["error"]]
        assert turned_away == ["not-sent"] * 4


# ------------------------------------------------------------------ on record


async def test_every_write_is_on_record_before_and_after_and_no_secret_is(running: Running) -> None:
    bot = running.client(name="bot")
    await bot.call("AddOrder", ORDER)
    await bot.call("Balance")
    await bot.call("Withdraw", {"asset": "XBT", "key": "cold-wallet", "amount": "1"})
    asked, ended, refused = (
        next(line for line in running.audit() if line["op"] == op) for op in ("asked", "ended", "refused")
    )
    assert (asked["token"], asked["endpoint"], asked["fields"]["pair"]) == ("bot", "AddOrder", "XBTUSD")
    assert (ended["call"], ended["outcome"], ended["ids"]) == (
        asked["call"],
        "answered",
        list(running.emulator.orders),
    )
    assert (refused["endpoint"], refused["error"]) == ("Withdraw", "EGeneral:Permission denied")
    text = running.gateway.audit.path.read_text()
    assert stat.S_IMODE(running.gateway.audit.path.stat().st_mode) == 0o600
    assert "Balance" not in text
    for secret in (*running.emulator.key, bot.token, "cold-wallet"):
        assert secret not in text


async def test_a_log_that_cannot_be_written_stops_nothing_and_is_said(running: Running) -> None:
    running.gateway.audit.path.unlink()
    running.gateway.audit.path.mkdir()
    bot = running.client("read,trade")
    assert (await bot.call("AddOrder", ORDER))[0]["error"] == []
    assert (await bot.call("CancelAll"))[0]["error"] == []
    (problem,) = (await bot.api("/api/status"))[1]["problems"]
    assert "cannot be written" in problem


# ------------------------------------------------------------------ opening and closing


async def test_nothing_is_left_when_it_is_closed(tmp_path: Path, no_leaks: LeakCheck) -> None:
    async with no_leaks, started(tmp_path, Emulator(seed=1)) as running:
        await running.client().call("Balance")


async def test_closing_lets_an_order_that_is_under_way_end(running: Running) -> None:
    bot = running.client()
    answered = running.hold_answers("AddOrder")
    order = asyncio.create_task(bot.call("AddOrder", ORDER))
    await eventually(lambda: running.emulator.orders)
    closing = asyncio.create_task(running.gateway.close())
    await eventually(lambda: running.gateway.closing)
    answered.set()
    await closing
    answer, _ = await order
    assert answer["result"]["txid"] == list(running.emulator.orders)
    assert [line["op"] for line in running.audit()][-2:] == ["ended", "closed"]


async def test_a_socket_is_this_user_s_alone_and_gone_afterwards(tmp_path: Path) -> None:
    emulator = Emulator(seed=1)
    async with EmulatorServer(emulator) as server:
        path = tmp_path / "run" / "gateway.sock"
        config = GatewayConfig.load(write_config(tmp_path, emulator, server.url, listen=f"unix:{path}"))
        async with Gateway(config) as gateway:
            assert gateway.url == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            token = gateway.tokens.add("bot", ["main"], ["read"])
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
                http.post("http://gateway/0/private/Balance", headers={"API-Key": token}) as response,
            ):
                assert (await response.json())["error"] == []
        assert not path.exists()
        path.touch()  # a file that is no socket is not removed
        with pytest.raises(OSError, match=r"gateway\.sock"):
            await Gateway(config).open()
        path.unlink()


async def test_a_socket_left_by_a_killed_gateway_is_taken_over_and_a_living_one_s_is_not(
    tmp_path: Path,
) -> None:
    import socket

    emulator = Emulator(seed=1)
    async with EmulatorServer(emulator) as server:
        path = tmp_path / "run" / "gateway.sock"
        path.parent.mkdir(mode=0o700)
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(path))
        left.close()
        config = GatewayConfig.load(write_config(tmp_path, emulator, server.url, listen=f"unix:{path}"))
        async with Gateway(config):
            with pytest.raises(OSError, match="in use"):
                await Gateway(config).open()
            assert path.exists()


async def test_a_directory_in_which_others_may_replace_it_holds_no_socket(tmp_path: Path) -> None:
    emulator = Emulator(seed=1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    async with EmulatorServer(emulator) as server:
        config = GatewayConfig.load(
            write_config(tmp_path, emulator, server.url, listen=f"unix:{tmp_path}/run/gateway.sock")
        )
        with pytest.raises(ValueError, match="chmod 700"):
            await Gateway(config).open()


async def test_the_page_has_a_strict_policy_and_no_text_of_its_own_makes_markup(running: Running) -> None:
    bot = running.client()
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        status, headers, body = await bot.raw(path, method="GET")
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        for word in (
            b"innerHTML",
            b"outerHTML",
            b"insertAdjacentHTML",
            b"document.write",
            b"eval(",
            b"localStorage",
        ):
            assert word not in body
        assert b"https://" not in body.replace(b"https://api.kraken.com", b"")
