"""Checks, typed methods and conversions in a session, against the emulator."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    BurstGovernor,
    InvalidArguments,
    KrakenSession,
    MemoryStore,
    OrderPolicy,
    Outcome,
    Request,
    Response,
    SignedRequest,
    guards,
    sync,
)
from kraken_async.api.spot import Spot
from kraken_async.client import in_body, lenient
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.settings import AllSessionOptions, SessionOptions
from tests.exchange import Exchange, exchange, session_through

LIMIT: dict[str, Any] = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "100"}


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Exchange]:
    async with exchange(tmp_path, seed=1) as kraken:
        yield kraken


# ------------------------------------------------------------------ checks


@pytest.mark.parametrize(
    "fields",
    [
        {**LIMIT, "oflag": "post"},
        {**LIMIT, "ordertpye": "limit"},
        {**LIMIT, "type": "by"},
        {name: value for name, value in LIMIT.items() if name != "pair"},
        {name: value for name, value in LIMIT.items() if name != "price"},
    ],
)
async def test_a_mistake_is_refused_before_anything_is_sent(market: Exchange, fields: dict[str, Any]) -> None:
    seen: list[Any] = []
    async with market.session(observers=[seen.append]) as client:
        with pytest.raises(InvalidArguments) as caught:
            await client.private("AddOrder", fields)
        assert caught.value.outcome is Outcome.NOT_SENT
        assert client.unresolved() == []
        assert client.stats().last_nonce in (None, 0) or "AddOrder" not in market.asked
    assert "AddOrder" not in market.asked
    assert [(record.endpoint, str(record.outcome)) for record in seen] == [("AddOrder", "not sent")]


async def test_public_calls_are_checked_too(market: Exchange) -> None:
    async with market.session() as client:
        with pytest.raises(InvalidArguments, match='"interval" is meant'):
            await client.public("OHLC", pair="XBTUSD", interva=5)
    assert market.asked == []


async def test_what_is_not_known_is_sent_and_said_once_in_a_session(
    market: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    async with market.session() as client:
        for _ in range(3):
            await client.private("AddOrder", {**LIMIT, "post_only": "true", "volume": "0.1"})
    assert market.asked.count("AddOrder") == 3
    assert len([each for each in caplog.messages if "post_only" in each]) == 1


async def test_checks_can_be_turned_off(market: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    async with market.session(checks=False) as client:
        await client.private("AddOrder", {**LIMIT, "oflag": "post"})
    assert market.asked.count("AddOrder") == 1
    assert not [each for each in caplog.messages if "oflag" in each]


async def test_checks_that_warn_refuse_nothing(market: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    async with market.session(checks="warn") as client:
        await client.private("AddOrder", {**LIMIT, "oflag": "post"})
    assert market.asked.count("AddOrder") == 1
    assert len([each for each in caplog.messages if '"oflags" is meant' in each]) == 1


async def test_cancels_go_out_whatever_their_fields(market: Exchange) -> None:
    async with market.session() as client:
        placed = await client.private("AddOrder", LIMIT)
        await client.private("CancelOrder", {"txid": placed["txid"][0], "txdi": "?", "type": "by"})
    assert market.asked.count("CancelOrder") == 1


async def test_what_a_guard_makes_of_a_call_is_checked(market: Exchange) -> None:
    def misspell(request: Request) -> Request:
        return Request(request.endpoint, {**request.params, "oflag": "post"}, request.changes)

    async with market.session(guard=misspell) as client:
        with pytest.raises(InvalidArguments):
            await client.private("AddOrder", LIMIT)


@pytest.mark.parametrize("checks", [None, "no", 1, "refuse"])
def test_other_values_of_checks_are_refused(checks: object) -> None:
    with pytest.raises(ValueError, match="checks is True, False or"):
        KrakenSession(store=MemoryStore(), checks=checks)  # type: ignore[arg-type]  # on purpose


# ------------------------------------------------------------------ how fields travel


class Wire:
    """A transport that keeps what is sent and answers an order as Kraken does."""

    def __init__(self) -> None:
        self.sent: list[SignedRequest] = []

    async def __call__(self, request: SignedRequest, timeout: float) -> Response:
        self.sent.append(request)
        if request.path.endswith("/Time"):
            return Response(200, {}, b'{"error":[],"result":{"unixtime":1771234567,"rfc1123":""}}')
        return Response(200, {}, b'{"error":[],"result":{"descr":{"order":""},"txid":["O"]}}')

    @property
    def order(self) -> tuple[str, str]:
        request = self.sent[-1]
        return request.headers["Content-Type"], request.body.decode()


@pytest.fixture
async def wire() -> AsyncIterator[tuple[KrakenSession, Wire]]:
    wire = Wire()
    orders = OrderPolicy(cl_ord_id=False, deadline=None, journal=False)
    async with session_through(wire, orders=orders) as client:
        yield client, wire


async def test_validate_that_is_false_is_left_out(wire: tuple[KrakenSession, Wire]) -> None:
    client, sent = wire
    for validate in (False, "false"):
        await client.private("AddOrder", {**LIMIT, "validate": validate})
        assert "validate" not in sent.order[1]
    await client.private("AddOrder", {**LIMIT, "validate": True})
    assert "validate=true" in sent.order[1]


async def test_a_relative_price_in_percent_goes_as_json(wire: tuple[KrakenSession, Wire]) -> None:
    client, sent = wire
    await client.private("AddOrder", LIMIT)
    assert "x-www-form-urlencoded" in sent.order[0]
    await client.private(
        "AddOrder",
        {**LIMIT, "price": "-2%", "userref": 7, "close[ordertype]": "limit", "close[price]": "+5%"},
    )
    kind, body = sent.order
    assert "json" in kind
    fields = json.loads(body)
    assert (fields["price"], fields["userref"]) == ("-2%", 7)
    assert fields["close"] == {"ordertype": "limit", "price": "+5%"}
    await client.private("AddOrder", {**LIMIT, "close": {"ordertype": "limit", "price": "5%"}, "userref": 7})
    assert json.loads(sent.order[1])["close"] == {"ordertype": "limit", "price": "5%"}


async def test_a_list_of_objects_goes_as_json(wire: tuple[KrakenSession, Wire]) -> None:
    client, sent = wire
    await client.private("Ledgers", {"asset": [{"asset": "XBT", "aclass": "currency"}]})
    kind, body = sent.order
    assert "json" in kind
    assert json.loads(body)["asset"] == [{"asset": "XBT", "aclass": "currency"}]
    await client.private("Ledgers", {"asset": ["XBT", "ETH"]})
    assert "json" not in sent.order[0]


async def test_a_view_can_ask_for_either_body(wire: tuple[KrakenSession, Wire]) -> None:
    client, sent = wire
    await in_body(client, "json").private("AddOrder", LIMIT)
    assert json.loads(sent.order[1])["volume"] == "1"
    await in_body(client, "form").private("AddOrder", {**LIMIT, "price": "-2%"})
    assert "price=-2%25" in sent.order[1]


async def test_names_that_contradict_each_other_are_refused(wire: tuple[KrakenSession, Wire]) -> None:
    client, _ = wire
    for fields in (
        {"close": {"ordertype": "limit", "price": "5%"}, "close[price]": "6%"},
        {"close": "limit", "close[price]": "6%"},
    ):
        with pytest.raises((ValueError, InvalidArguments)):
            await client.private("AddOrder", {**LIMIT, "userref": 1, **fields})


# ------------------------------------------------------------------ methods


async def test_methods_are_the_same_calls_also_on_a_view(market: Exchange) -> None:
    async with market.session() as client:
        placed = await client.spot.add_order(
            pair="XBTUSD", type="buy", ordertype="limit", volume=Decimal("0.5"), price=100
        )
        assert list(await client.spot.query_orders(txid=placed["txid"])) == placed["txid"]
        assert await client.with_options(timeout=5.0).spot.balance() == await client.private("Balance")
        assert (await client.spot.time())["unixtime"] > 0
        assert (await client.spot.cancel_order(txid=placed["txid"][0]))["count"] == 1
    assert isinstance(client.spot, Spot)


async def test_a_method_makes_its_call_only_when_it_is_awaited(market: Exchange) -> None:
    async with market.session() as client:
        call = client.spot.balance()
        assert asyncio.iscoroutine(call)
        assert market.asked == []
        await call


# ------------------------------------------------------------------ amounts and times


async def test_amounts_and_times_are_converted_where_a_view_asks_for_it(market: Exchange) -> None:
    async with market.session() as client:
        placed = await client.private("AddOrder", LIMIT)
        exact = client.with_options(amounts=Decimal, times=datetime)
        balance = await exact.private("Balance")
        assert balance
        assert all(type(amount) is Decimal for amount in balance.values())
        assert balance == {name: Decimal(text) for name, text in (await client.private("Balance")).items()}
        order = (await exact.spot.open_orders())["open"][placed["txid"][0]]
        assert order["vol"] == Decimal(1)
        assert order["descr"]["price"] == Decimal(100)
        assert abs(order["opentm"] - datetime.now(UTC)).total_seconds() < 60
        assert order["expiretm"] is None
        sent = (await client.private("OpenOrders"))["open"][placed["txid"][0]]
        assert order["opentm"] == datetime.fromtimestamp(sent["opentm"], UTC).replace(
            microsecond=order["opentm"].microsecond
        )
        book = await exact.public("Depth", pair="XBTUSD")
        assert all(type(level[0]) is Decimal for side in book.values() for level in side["asks"])
        assert type((await client.with_options(times=datetime).public("Time"))["unixtime"]) is datetime
        assert type((await client.private("Balance")).popitem()[1]) is str


async def test_options_of_a_view_are_kept_by_its_views(market: Exchange) -> None:
    async with market.session() as client:
        view = client.with_options(amounts=Decimal).with_options(timeout=5.0).with_options(times=datetime)
        row = next(iter((await view.public("AssetPairs", pair="XBTUSD")).values()))
        assert type(row["tick_size"]) is Decimal
        assert type((await view.public("Time"))["unixtime"]) is datetime


async def test_numbers_are_converted_with_the_digits_that_were_sent() -> None:
    async def answer(request: SignedRequest, timeout: float) -> Response:
        return Response(200, {}, b'{"error":[],"result":{"XXBT":{"balance":0.10000000000000000001}}}')

    async with session_through(answer) as client:
        found = await client.with_options(amounts=Decimal).private("BalanceEx")
        assert found["XXBT"]["balance"] == Decimal("0.10000000000000000001")
        assert (await client.with_options(amounts=Decimal).private("FromTheFuture"))["XXBT"]["balance"] == 0.1
        assert (await client.private("BalanceEx"))["XXBT"]["balance"] == 0.1


@pytest.mark.parametrize(
    "given", [{"amounts": float}, {"times": str}, {"amounts": "Decimal"}, {"times": Decimal}]
)
def test_other_types_of_amounts_and_times_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is None or"):
        KrakenSession(store=MemoryStore()).with_options(**given)


# ------------------------------------------------------------------ options


def test_the_options_that_functions_pass_on_are_those_of_the_session() -> None:
    of_the_key = set(inspect.signature(KrakenSession).parameters) - {"options"}
    assert get_type_hints_of(AllSessionOptions) == of_the_key | get_type_hints_of(SessionOptions)
    assert "checks" in get_type_hints_of(SessionOptions)


def get_type_hints_of(options: Any) -> set[str]:
    return set(options.__required_keys__ | options.__optional_keys__)


async def test_a_dry_run_is_checked_and_validated(market: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with market.session(guard=guards.dry_run) as client:
        answer = await client.private("AddOrder", LIMIT)
    assert "txid" not in answer
    assert not [each for each in caplog.messages if "described" in each]


# ------------------------------------------------------------------ the adapters, and the session without await


async def test_a_bot_of_another_client_is_warned_and_its_call_is_sent(
    market: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    async with market.session() as client:
        await lenient(client).private("AddOrder", {**LIMIT, "oflag": "post"})
        await lenient(client).public("Ticker", pairs="XBTUSD")
        with pytest.raises(InvalidArguments):
            await client.private("AddOrder", {**LIMIT, "oflag": "post"})
    assert market.asked.count("AddOrder") == 1
    assert len([each for each in caplog.messages if '"oflags" is meant' in each]) == 1


def test_the_session_without_await_has_the_same_options(
    kraken_emulator: RunningEmulator, tmp_path: Path
) -> None:
    key = kraken_emulator.api_key, kraken_emulator.api_secret
    options: dict[str, Any] = {"base_url": kraken_emulator.url, "state_dir": tmp_path}
    with sync.KrakenSession(*key, governor=BurstGovernor.off(), **options) as client:
        balance = client.with_options(amounts=Decimal).private("Balance")
        assert all(type(amount) is Decimal for amount in balance.values())
        assert type(client.with_options(times=datetime).spot.time()["unixtime"]) is datetime
        with pytest.raises(ValueError, match="is None or"):
            client.with_options(amounts=float)  # type: ignore[arg-type]  # on purpose
        with pytest.raises(InvalidArguments):
            client.private("AddOrder", {**LIMIT, "oflag": "post"})
