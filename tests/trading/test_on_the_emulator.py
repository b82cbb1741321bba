"""The trading methods of a session, on an emulator that answers as Kraken does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    CallRecord,
    InvalidArguments,
    KrakenSession,
    Priority,
    RateLimitExceeded,
    Response,
    SignedRequest,
    read_export,
)
from kraken_async.emulator import Fault
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.trading.page_kinds import KINDS
from tests.exchange import session

MARKET: dict[str, Any] = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001"}


@pytest.fixture
async def client(kraken_emulator: RunningEmulator, tmp_path: Path) -> AsyncIterator[KrakenSession]:
    async with session(kraken_emulator, state_dir=tmp_path / "state", tier="pro") as opened:
        yield opened


@pytest.mark.parametrize("name", KINDS)
async def test_every_endpoint_that_answers_in_pages_is_paged(client: KrakenSession, name: str) -> None:
    await asyncio.gather(*(client.private("AddOrder", MARKET) for _ in range(3)))
    await client.private("AddOrder", {**MARKET, "ordertype": "limit", "price": "1000"})
    fields = {"pair": "XBTUSD"} if name in ("Trades", "OHLC", "Spread") else {}
    for view in (client, client.with_options(amounts=Decimal, times=datetime)):
        rows = [row async for row in view.paginate(name, **fields)]
        if name in ("TradesHistory", "ClosedOrders", "OpenOrders"):
            assert len(rows) == (1 if name == "OpenOrders" else 3)
        if name in ("Ledgers", "Trades", "OHLC", "Spread"):
            assert len(rows) >= 3
        marks = [row[0] if isinstance(row, tuple) else str(row) for row in rows]
        assert len(set(marks)) == len(marks)


async def test_rows_and_pages_are_converted_and_positions_are_not(client: KrakenSession) -> None:
    for _ in range(3):
        await client.private("AddOrder", MARKET)
    exact = client.with_options(amounts=Decimal, times=datetime)
    rows = exact.paginate("TradesHistory")
    _, trade = await anext(rows)
    assert isinstance(trade["price"], Decimal)
    assert trade["time"].tzinfo is UTC
    rest = [row async for _, row in client.paginate("TradesHistory", position=rows.position)]
    assert [type(row["price"]) for row in rest] == [str, str]
    (page,) = [page async for page in exact.paginate("Ledgers").pages()]
    assert all(isinstance(row["amount"], Decimal) for row in page["ledger"].values())


async def test_the_session_takes_a_refusing_limit_for_no_end(
    client: KrakenSession, kraken_emulator: RunningEmulator
) -> None:
    for _ in range(60):
        await client.private("AddOrder", MARKET)
    rows = client.paginate("TradesHistory")
    found = [(await anext(rows))[0] for _ in range(50)]
    kraken_emulator.emulator.faults.next("TradesHistory", Fault.refuse("EAPI:Rate limit exceeded"))
    found += [txid async for txid, _ in rows]
    assert len(set(found)) == len(found) == 60


async def test_pages_go_at_priority_history_unless_the_view_says_otherwise(
    kraken_emulator: RunningEmulator,
) -> None:
    seen: list[CallRecord] = []
    async with session(kraken_emulator, observers=[seen.append]) as client:
        for asker in (client, client.with_options(priority=Priority.READ)):
            async for _ in asker.paginate("TradesHistory"):
                pass
    assert [record.priority for record in seen if record.endpoint == "TradesHistory"] == ["HISTORY", "READ"]


async def test_markets_are_asked_for_once_and_shared_by_sessions_of_one_address(
    client: KrakenSession, kraken_emulator: RunningEmulator
) -> None:
    async with KrakenSession(base_url=kraken_emulator.url) as other:
        found = await asyncio.gather(*(each.markets() for each in (client, other) for _ in range(10)))
        assert len({id(markets) for markets in found}) == 1
        asked = [arrival.endpoint for arrival in kraken_emulator.emulator.history]
        assert (asked.count("AssetPairs"), asked.count("Assets")) == (1, 1)
        await other.markets(refresh=True)
    pair = found[0]["BTC/USD"]
    price, volume = pair.price("30010.07"), pair.volume(Decimal(1) / 3)
    pair.check(price, volume)
    await client.private("AddOrder", pair=pair.key, type="buy", ordertype="limit", price=price, volume=volume)
    with pytest.raises(InvalidArguments):
        pair.check("30010.07")


async def test_a_transport_of_ones_own_has_markets_of_its_own(kraken_emulator: RunningEmulator) -> None:
    async def send(request: SignedRequest, _timeout: float) -> Response:
        rows = b'{"error":[],"result":{}}'
        return Response(200, {}, rows)

    async with KrakenSession(base_url=kraken_emulator.url) as plain, KrakenSession(transport=send) as own:
        assert len(await plain.markets()) > 0
        assert len(await own.markets()) == 0


async def test_candles_are_made_of_what_was_traded(client: KrakenSession) -> None:
    for _ in range(4):
        await client.private("AddOrder", MARKET)
    start = time.time() // 60 * 60 - 60
    found = await client.candles("XBTUSD", minutes=1, start=start)
    assert sum(candle.volume for candle in found) >= Decimal("0.004")
    dated = await client.with_options(times=datetime).candles("XBTUSD", minutes=1, start=start)
    assert all(isinstance(candle.time, datetime) for candle in dated)


async def test_an_export_holds_every_trade(client: KrakenSession, tmp_path: Path) -> None:
    for _ in range(5):
        await client.private("AddOrder", MARKET)
    path = await client.export("trades", str(tmp_path / "t.zip"), format="TSV")
    trades = [txid async for txid, _ in client.paginate("TradesHistory")]
    assert sorted(row["txid"] for row in read_export(path)) == sorted(trades)


async def test_waiting_ends_when_the_order_is_filled(
    client: KrakenSession, kraken_emulator: RunningEmulator
) -> None:
    placed = await client.private(
        "AddOrder", {**MARKET, "ordertype": "limit", "price": "30000"}, cl_ord_id="w1"
    )
    waiting = [
        asyncio.create_task(client.wait_for(txid=placed["txid"][0])),
        asyncio.create_task(client.with_options(amounts=Decimal).wait_for(cl_ord_id="w1")),
    ]
    await asyncio.sleep(0)
    kraken_emulator.emulator.fill(placed["txid"][0])
    plain, exact = await asyncio.gather(*waiting)
    assert (plain["txid"], plain["status"], plain["price"]) == (placed["txid"][0], "closed", "30000.0")
    assert exact["fee"] == Decimal(plain["fee"])


async def test_a_refusal_that_does_not_end_is_raised(
    client: KrakenSession, kraken_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kraken_async.trading.page_request.PATIENCE", 0.0)
    kraken_emulator.emulator.faults.next("Ledgers", *[Fault.refuse("EAPI:Rate limit exceeded")] * 9)
    with pytest.raises(RateLimitExceeded):
        await anext(client.paginate("Ledgers"))
