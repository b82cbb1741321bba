"""Other people's clients, unchanged but for the address and the key."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ccxt
import krakenex
import pytest

from kraken_async.emulator import Emulator, Fault
from tests.gateway.conftest import ORDER, Running, started

NODE = shutil.which("node")
CURL = shutil.which("curl")
HERE = Path(__file__).parent


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    """A gateway that serves from a thread, for clients that block."""
    opened: list[Running] = []
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with started(tmp_path, Emulator(seed=1)) as running:
            opened.append(running)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield opened[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def lose_the_next_order(gateway: Running) -> None:
    gateway.emulator.faults.next("AddOrder", Fault.http(502, "after"))
    gateway.emulator.faults.plan = lambda _, name: (
        Fault.http(503) if name in ("OpenOrders", "ClosedOrders", "QueryOrders") else None
    )


# ------------------------------------------------------------------ krakenex


@pytest.fixture
def kraken(gateway: Running) -> Iterator[krakenex.API]:
    token = gateway.client().token
    api = krakenex.API(key=token, secret=token)
    api.uri = gateway.gateway.url
    yield api
    api.close()


def test_krakenex_reads_places_and_cancels(kraken: krakenex.API) -> None:
    assert kraken.query_public("Ticker", {"pair": "XBTUSD"})["result"]
    assert kraken.query_private("Balance")["error"] == []
    placed = kraken.query_private("AddOrder", dict(ORDER))
    (txid,) = placed["result"]["txid"]
    assert txid in kraken.query_private("OpenOrders")["result"]["open"]
    assert kraken.query_private("CancelOrder", {"txid": txid})["result"]["count"] == 1


def test_krakenex_is_told_once_that_an_order_s_outcome_is_not_known(
    kraken: krakenex.API, gateway: Running
) -> None:
    lose_the_next_order(gateway)
    answer = kraken.query_private("AddOrder", dict(ORDER))
    assert answer["error"][0].startswith("EGeneral:Outcome unknown:")
    assert gateway.arrived("AddOrder") == 1


# ------------------------------------------------------------------ ccxt


@pytest.fixture
def exchange(gateway: Running) -> ccxt.kraken:
    token = gateway.client().token
    urls = {"public": gateway.gateway.url, "private": gateway.gateway.url}
    made = ccxt.kraken({"apiKey": token, "secret": token, "urls": {"api": urls}, "enableRateLimit": False})
    made.logger.setLevel(logging.WARNING)  # at DEBUG it logs its signatures, of the token here
    return made


def test_ccxt_reads_places_and_cancels(exchange: ccxt.kraken) -> None:
    exchange.load_markets()
    assert exchange.fetch_balance()["total"]["USD"] > 0
    order = exchange.create_order("BTC/USD", "limit", "buy", 0.01, 30_000)
    assert [each["id"] for each in exchange.fetch_open_orders("BTC/USD")] == [order["id"]]
    exchange.cancel_order(order["id"], "BTC/USD")
    assert exchange.fetch_open_orders("BTC/USD") == []


def test_ccxt_places_a_batch_and_a_trailing_stop_as_json(exchange: ccxt.kraken) -> None:
    exchange.load_markets()
    row = {"symbol": "BTC/USD", "type": "limit", "side": "buy", "amount": 0.01}
    made = exchange.create_orders([{**row, "price": 20_000}, {**row, "price": 20_001}])
    assert len({each["id"] for each in made}) == 2
    exchange.create_order("BTC/USD", "trailing-stop", "sell", 0.01, None, {"trailingPercent": 5})


def raised(work: Callable[[], Any]) -> ccxt.BaseError:
    with pytest.raises(ccxt.BaseError) as found:
        work()
    error: ccxt.BaseError = found.value
    return error


def test_ccxt_does_not_repeat_an_order_whose_outcome_is_not_known(
    exchange: ccxt.kraken, gateway: Running
) -> None:
    exchange.options["maxRetriesOnFailure"] = 3
    exchange.load_markets()
    lose_the_next_order(gateway)
    error = raised(lambda: exchange.create_order("BTC/USD", "limit", "buy", 0.01, 30_000))
    assert "Outcome unknown" in str(error)
    assert not isinstance(error, ccxt.OperationFailed), "ccxt's users repeat what failed so"
    assert gateway.arrived("AddOrder") == 1
    again = raised(lambda: exchange.create_order("BTC/USD", "limit", "buy", 0.01, 30_000))
    assert "Duplicate" in str(again)
    assert gateway.arrived("AddOrder") == 1


def test_ccxt_raises_its_own_classes_for_the_gateway_s_refusals(
    exchange: ccxt.kraken, gateway: Running
) -> None:
    exchange.load_markets()
    reader = gateway.client("read").token
    exchange.apiKey = exchange.secret = reader
    denied = raised(lambda: exchange.create_order("BTC/USD", "limit", "buy", 0.01, 30_000))
    assert isinstance(denied, ccxt.PermissionDenied)
    exchange.apiKey = "nobody"
    assert isinstance(raised(exchange.fetch_balance), ccxt.AuthenticationError)


# ------------------------------------------------------------------ curl, and JavaScript


async def output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
async def test_curl_needs_nothing_but_a_header(running: Running) -> None:
    bot = running.client()
    fields = [word for name, value in ORDER.items() for word in ("-d", f"{name}={value}")]
    url = f"{running.gateway.url}/0/private/AddOrder"
    answer = json.loads(await output("curl", "-sS", url, "-H", f"API-Key: {bot.token}", *fields))
    assert answer["result"]["txid"] == list(running.emulator.orders)


@pytest.mark.skipif(NODE is None, reason="node is not installed")
async def test_a_client_in_javascript_signs_as_it_always_does(running: Running) -> None:
    bot = running.client()
    script = str(HERE / "node_client.mjs")
    answers = json.loads(await output("node", script, running.gateway.url, bot.token))
    assert [answer["error"] for answer in answers] == [[]] * 4
    assert running.emulator.refused() == 0
