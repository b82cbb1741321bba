"""The control API: what a test in any language can set up and look at, and who may."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from kraken_async.emulator import CATALOGUE, Emulator, EmulatorServer
from kraken_async.emulator.control import ControlServer
from kraken_async.emulator.control_actions import GET, POST
from tests.emulator.emulator_support import LIMIT, signed


class Remote:
    """Somebody who knows the two addresses and the token, and no Python."""

    def __init__(self, emulator: Emulator, server: EmulatorServer, control: ControlServer) -> None:
        self.emulator = emulator
        self.control = control
        self._url = server.url
        self.http = aiohttp.ClientSession()
        self.nonce = 0

    async def post(self, name: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        return await self._ask("POST", name, status, headers, data=json.dumps(body or {}))

    async def get(self, name: str, *, status: int = 200, **query: str) -> Any:
        return await self._ask("GET", name, status, {}, params=query)

    async def _ask(self, method: str, name: str, status: int, headers: dict[str, str], **how: Any) -> Any:
        given = {"Authorization": f"Bearer {self.control.token}", **headers}
        url = f"{self.control.url}/emulator/{name}"
        async with self.http.request(method, url, headers=given, **how) as response:
            answer = await response.json()
            assert response.status == status, answer
            return answer

    async def call(self, name: str, **fields: Any) -> Any:
        self.nonce += 1
        path, headers, body = signed(self.emulator.key, name, self.nonce, fields)
        async with self.http.post(self._url + path, headers=headers, data=body) as response:
            return await response.json(content_type=None) if response.status == 200 else response.status

    async def close(self) -> None:
        await self.http.close()


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    emulator = Emulator(seed=1)
    async with EmulatorServer(emulator) as server, ControlServer(emulator) as control:
        somebody = Remote(emulator, server, control)
        yield somebody
        await somebody.close()


async def test_key_money_and_pair_are_set(remote: Remote) -> None:
    """Evidence: programs in other languages, such as npm's ccxt and kraken-api, could give no key, balance or
    pair.
    """
    fixed = {"api_key": "reader", "api_secret": "c2VjcmV0", "permissions": ["query-funds"], "tier": "pro"}
    assert await remote.post("keys", fixed) == {"api_key": "reader", "api_secret": "c2VjcmV0"}
    drawn = await remote.post("keys", {"account": "sub"})
    assert drawn["api_key"] != drawn["api_secret"]
    held = await remote.post("balances", {"balances": {"ZUSD": "12.5", "BTC": 1}, "replace": True})
    assert held == {"balances": {"ZUSD": "12.5", "XXBT": "1"}}
    assert (await remote.call("Balance"))["result"] == {"ZUSD": "12.5000", "XXBT": "1.0000000000"}
    await remote.post("balances", {"account": "sub", "ZEUR": "3"})
    await remote.post("balances", {"account": "sub", "asset": "ETH", "amount": "7"})
    balances = remote.emulator.accounts["sub"].balances
    assert (str(balances["ZEUR"]), str(balances["XETH"])) == ("3", "7")
    await remote.post("pairs", {"base": "FOO", "quote": "EUR", "price": "2"})
    assert str(remote.emulator.venue.markets.pair("FOO/EUR").last) == "2"
    await remote.post("pairs", {"asset": {"key": "AAPLx", "aclass": "tokenized_asset"}})
    await remote.post("pairs", {"name": "AAPLx/USD", "price": "230", "ordermin": "0.01", "leverage": []})
    await remote.post("balances", {"ZUSD": "1000"})
    bought = await remote.call("AddOrder", pair="AAPLx/USD", type="buy", ordertype="market", volume="1")
    assert bought["result"]["descr"] == {"order": "buy 1.00000000 AAPLxUSD @ market"}
    await remote.post("pairs", {"pair": "AAPLxUSD", "status": "cancel_only"})
    refused = await remote.call("AddOrder", pair="AAPLxUSD", type="sell", ordertype="market", volume="1")
    assert refused["error"] == ["EService:Market in cancel_only mode"]


async def test_price_moves_and_orders_fill(remote: Remote) -> None:
    """Evidence: npm's ccxt and kraken-api, which could neither move a price nor fill an order."""
    (txid,) = (await remote.call("AddOrder", **LIMIT))["result"]["txid"]
    filled = await remote.post("fills", {"txid": txid, "volume": "0.25"})
    assert (filled["order"]["vol_exec"], filled["order"]["status"]) == ("0.25000000", "open")
    assert await remote.post("prices", {"pair": "XBTUSD", "price": "37000"}) == {"open_orders": 0}
    await remote.post("prices", {"prices": {"ETHUSD": 2500, "XBTUSD": "36000.5"}})
    shown = (await remote.get("orders"))["orders"][txid]
    assert (shown["status"], shown["vol_exec"]) == ("closed", "1.25000000")
    assert str(remote.emulator.venue.markets.pair("XBTUSD").last) == "36000.5"


async def test_faults_are_queued_by_name_or_by_their_fields(remote: Remote) -> None:
    """Evidence: the same clients could inject no fault."""
    told = await remote.post("faults", {"endpoint": "AddOrder", "fault": "status 502 after"})
    assert told["catalogue"] == list(CATALOGUE)
    assert await remote.call("AddOrder", **LIMIT) == 502
    busy = {"what": "error", "when": "before", "error": "EService:Busy"}
    await remote.post("faults", {"fault": busy, "times": 2})
    for _ in range(2):
        assert (await remote.call("Balance"))["error"] == ["EService:Busy"]
    await remote.post("faults", {"endpoint": "Balance", "fault": "http", "status": 503, "when": "before"})
    assert await remote.call("Balance") == 503
    await remote.post("faults", {"endpoint": "Balance", "status": 504, "when": "after"})
    assert await remote.call("Balance") == 504
    await remote.post("faults", {"error": "EService:Unavailable"})
    assert (await remote.call("Balance"))["error"] == ["EService:Unavailable"]
    await remote.post("faults", {"fault": "status 502 before", "date": 300, "ending": "closed"})
    assert await remote.call("Balance") == 502
    await remote.post("faults", {"fault": busy, "times": 5})
    await remote.post("faults", {"clear": True})
    assert (await remote.call("Balance"))["error"] == []
    history = (await remote.get("history", endpoint="AddOrder"))["history"]
    assert [(row["endpoint"], row["fault"], row["executed"]) for row in history] == [
        ("AddOrder", "status 502 after", True)
    ]


async def test_time_passes_and_the_shown_clock_is_put_off(remote: Remote) -> None:
    (txid,) = (await remote.call("AddOrder", **{**LIMIT, "expiretm": "+60"}))["result"]["txid"]
    before = (await remote.post("clock"))["time"]
    after = (await remote.post("clock", {"advance": 61}))["time"]
    assert 61 <= after - before < 90
    assert (await remote.get("orders"))["orders"][txid]["status"] == "expired"
    assert (await remote.post("clock", {"skew": -30}))["time"] < after


async def test_behaviour_is_switched(remote: Remote) -> None:
    assert (await remote.post("behaviour", {"volumes": "refuse", "open_delay": [0, 5]}))[
        "volumes"
    ] == "refuse"
    refused = await remote.call("AddOrder", **{**LIMIT, "volume": "0.123456789"})
    assert refused["error"] == ["EGeneral:Invalid arguments:volume"]


async def test_reset_begins_again_with_the_same_keys(remote: Remote) -> None:
    await remote.call("AddOrder", **LIMIT)
    await remote.post("keys", {"api_key": "other"})
    await remote.post("prices", {"XBTUSD": "1000"})
    await remote.post("clock", {"advance": 1000})
    await remote.post("faults", {"fault": "reset before"})
    await remote.post("reset")
    assert await remote.get("history") == {"history": [], "refused": 0, "max_in_flight": {}}
    assert (await remote.get("orders"))["orders"] == {}
    remote.nonce = 0  # the floor of the nonces, too, is as it was at the start
    assert (await remote.call("Balance"))["error"] == []
    assert str(remote.emulator.venue.markets.pair("XBTUSD").last) == "60000.0"


async def test_history_tells_what_arrived_from_a_number_on(remote: Remote) -> None:
    """Evidence: the same clients could not read what had arrived."""
    await remote.call("Balance", otp="123456")
    await remote.call("AddOrder", **LIMIT)
    first, second = (await remote.get("history"))["history"]
    assert (first["number"], first["endpoint"], first["nonce"], "otp" in first["params"]) == (
        0,
        "Balance",
        1,
        False,
    )
    assert second["txids"] == list(remote.emulator.orders)
    assert (await remote.get("history", since="1"))["history"] == [second]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("keys", {"tier": "gold"}, "tier"),
        ("keys", {"permissions": ["fly"]}, "fly"),
        ("keys", {"colour": "red"}, "no such field: colour"),
        ("balances", {"NOPE": "1"}, "EQuery:Unknown asset"),
        ("balances", {"ZUSD": "much"}, "must be a number"),
        ("balances", {"balances": 5}, "must be an object"),
        ("prices", {"XBTUSD": "-1"}, "above 0"),
        ("prices", {"pair": "XBTUSD"}, "price is missing"),
        ("prices", {}, "missing"),
        ("prices", {"pair": "NOPE", "price": "1"}, "EQuery:Unknown asset pair"),
        ("pairs", {"name": "AB", "price": "1"}, "slash"),
        ("pairs", {"base": "A", "price": "1"}, "no such field: base"),
        ("fills", {"txid": "OAAAAA-BBBBB-CCCCCC"}, "no open order"),
        ("fills", {}, "txid is missing"),
        ("faults", {"fault": "rain"}, "no such fault"),
        ("faults", {}, "fault is missing"),
        ("faults", {"fault": "http"}, "status"),
        ("faults", {"fault": "reset before", "times": 0}, "times"),
        ("faults", {"fault": "reset before", "colour": 1}, "no such field: colour"),
        ("clock", {"advance": -1}, "negative"),
        ("clock", {"advance": "NaN"}, "must be a number"),
        ("behaviour", {"volumes": "trim"}, "volumes must be one of"),
        ("faults", {"clear": "no"}, "clear must be true or false"),
        ("balances", {"balances": {"ZUSD": "1"}, "replace": "no"}, "replace must be true or false"),
        ("behaviour", {"blank_ip_list": "no"}, "blank_ip_list must be true or false"),
        ("reset", {"now": True}, "no such field"),
    ],
)
async def test_what_is_wrong_is_said(remote: Remote, name: str, body: Any, said: str) -> None:
    assert said in (await remote.post(name, body, status=400))["error"]


async def test_bodies_that_are_no_objects_are_refused(remote: Remote) -> None:
    assert "object" in (await remote.post("keys", [1], status=400))["error"]
    headers = {"Authorization": f"Bearer {remote.control.token}"}
    async with remote.http.post(
        f"{remote.control.url}/emulator/keys", headers=headers, data=b"\xff"
    ) as response:
        assert response.status == 400
    async with remote.http.post(
        f"{remote.control.url}/emulator/keys", headers=headers, data=io.BytesIO(b" " * 1_100_000)
    ) as response:
        assert (response.status, "larger" in await response.text()) == (400, True)


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic x", "Bearer é"])
async def test_nothing_is_done_without_the_token(remote: Remote, header: str) -> None:
    for name in POST:
        assert "token" in (await remote.post(name, {}, status=401, Authorization=header))["error"]
    assert remote.emulator.history == []


async def test_unknown_paths_and_methods_name_the_known_ones(remote: Remote) -> None:
    assert "history" in (await remote.get("nothing", status=404))["error"]
    assert "POST /emulator/" in (await remote.get("keys", status=405))["error"]
    assert set(POST) >= {"keys", "balances", "pairs", "prices", "fills", "faults", "clock", "reset"}
    assert set(GET) >= {"history"}


def test_control_api_stays_on_loopback() -> None:
    with pytest.raises(ValueError, match="loopback only"):
        ControlServer(Emulator(), host="0.0.0.0")
    assert ControlServer(Emulator()).token != ControlServer(Emulator()).token
