"""``kraken-async conformance`` on the emulator: what is as described is confirmed, a planted difference is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kraken_async.cli.conformance import orders
from kraken_async.cli.conformance.facts import ASSUMED
from kraken_async.emulator import EmulatorServer, public, request_handler
from kraken_async.emulator.behaviour import Behaviour
from kraken_async.emulator.values import Refusal
from kraken_async.sync import KrakenSession
from tests.cli.cli_support import data, run
from tests.conftest import described_replies

Change = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def replies_fit_the_description() -> Iterator[None]:
    """Allow the differences that are planted here."""
    yield
    described_replies.take()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "VISIBLE", 0.05)
    monkeypatch.setattr(orders, "LOOK_EVERY", 0.01)


def trade() -> None:
    """Fill an account with orders and trades: one amended, two closed, with ids of their own."""
    order: dict[str, Any] = {"pair": "XBTUSD", "type": "buy", "volume": "0.1"}
    with KrakenSession.from_env(tier="pro") as client:
        for _ in range(2):
            client.private("AddOrder", {**order, "ordertype": "market"})
        placed = client.private("AddOrder", {**order, "ordertype": "limit", "price": "100"})
        client.private("AmendOrder", {"txid": placed["txid"][0], "limit_price": "101"})
        for price in (90, 91):
            gone = client.private("AddOrder", {**order, "ordertype": "limit", "price": price})
            client.private("CancelOrder", {"txid": gone["txid"][0]})


@pytest.fixture
def used(server: EmulatorServer) -> EmulatorServer:
    """An emulator whose account has orders and trades."""
    trade()
    return server


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Change], None]:
    """Change what the emulator answers at one endpoint."""

    def plant(endpoint: str, change: Change) -> None:
        if endpoint in request_handler.PRIVATE:
            original = request_handler.PRIVATE[endpoint]
            monkeypatch.setitem(
                request_handler.PRIVATE, endpoint, lambda call: change(json.loads(json.dumps(original(call))))
            )
            return
        answer = public.answer

        def changed(venue: Any, name: str, *args: Any) -> Any:
            result = answer(venue, name, *args)
            return change(json.loads(json.dumps(result))) if name == endpoint else result

        monkeypatch.setattr(public, "answer", changed)

    return plant


def findings(*words: str) -> dict[str, tuple[str, str]]:
    """The verdict of each fact, with what was said of it."""
    result = run("conformance", "--json", "--yes", *words)
    return {each["fact"]: (each["verdict"], each["what"]) for each in data(result)["findings"]}


def differing(*words: str) -> dict[str, str]:
    return {fact: what for fact, (verdict, what) in findings(*words).items() if verdict == "differs"}


# ------------------------------------------------------------------ as described


def test_an_exchange_as_it_is_described_is_confirmed(used: EmulatorServer) -> None:
    result = run("conformance", "--validate", "--place-order", "--json", "--yes")
    assert result.exit_code == 0, result.stdout
    found = {each["fact"]: each["verdict"] for each in data(result)["findings"]}
    assert [fact for facts in ASSUMED.values() for fact in facts if found[fact] != "confirmed"] == []
    assert (
        sum(fact.startswith("shape of ") for fact, verdict in found.items() if verdict == "confirmed") >= 28
    )
    assert set(data(result)["seconds"]) >= {"AddOrder", "shown in OpenOrders", "CancelOrder"}


def test_without_a_key_public_data_alone_is_asked(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY")
    monkeypatch.delenv("KRAKEN_API_SECRET")
    found = findings()
    assert found["shape of Ticker"][0] == "confirmed"
    assert found["amend times"] == ("cannot be told", "no API key")
    assert not [each for each in server.emulator.history if each.api_key]


def test_reads_alone_change_nothing(used: EmulatorServer) -> None:
    before = len(used.emulator.orders)
    findings()
    assert len(used.emulator.orders) == before
    changing = {"AddOrder", "AmendOrder", "CancelOrder", "EditOrder", "Withdraw", "AddExport"}
    asked = [each.endpoint for each in used.emulator.history[-60:]]
    assert asked.count("AddOrder") == sum(each.endpoint == "AddOrder" for each in used.emulator.history[-60:])
    findings()
    new = [each.endpoint for each in used.emulator.history][len(asked) :]
    assert not changing.intersection(new[-40:])


def test_validated_orders_are_not_placed(used: EmulatorServer) -> None:
    before = len(used.emulator.orders)
    findings("--validate")
    assert len(used.emulator.orders) == before


def test_the_one_order_is_cancelled_whatever_happens(
    used: EmulatorServer, plant: Callable[[str, Change], None]
) -> None:
    def fail(_: Any) -> Any:
        raise Refusal("EGeneral:Internal error")

    plant("QueryOrders", fail)
    found = findings("--place-order")
    assert found["amend"][0] == "cannot be told"
    assert [order.status for order in used.emulator.orders.values()][-1] in ("canceled", "closed")


def test_a_key_that_may_only_read_is_enough(server: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    key = server.emulator.add_key(permissions={"query-funds", "query-open-trades"})
    monkeypatch.setenv("KRAKEN_API_KEY", key.api_key)
    monkeypatch.setenv("KRAKEN_API_SECRET", key.api_secret)
    found = findings("--validate")
    assert found["shape of Balance"][0] == "confirmed"
    assert found["shape of Ledgers"] == ("cannot be told", "the key may not ask it")
    assert found["validate"][0] == "cannot be told"


def test_the_one_order_is_asked_about_first(used: EmulatorServer) -> None:
    result = run("conformance", "--place-order")
    assert result.exit_code == 2
    assert "--yes" in result.stderr


# ------------------------------------------------------------------ planted differences


def each_order(change: Callable[[dict[str, Any]], Any]) -> Change:
    """Change each open order."""

    def changed(result: Any) -> Any:
        for order in result["open"].values():
            change(order)
        return result

    return changed


def each_trade(change: Callable[[dict[str, Any]], Any]) -> Change:
    def changed(result: Any) -> Any:
        for trade in result["trades"].values():
            change(trade)
        return result

    return changed


@pytest.mark.proof
@pytest.mark.parametrize(
    ("endpoint", "change", "fact", "said"),
    [
        ("Balance", lambda r: dict.fromkeys(r, 1.5), "shape of Balance", "*: is number, described is amount"),
        ("OpenOrders", each_order(lambda o: o.pop("vol")), "shape of OpenOrders", "open.*.vol: missing"),
        ("OpenOrders", each_order(lambda o: o.update(new_one=5)), "shape of OpenOrders", "new_one: not described"),
        ("TradesHistory", each_trade(lambda t: t.update(time=t["time"] * 1000)), "shape of TradesHistory", "time"),
        ("TradesHistory", each_trade(lambda t: t.update(type="b")), "shape of TradesHistory", "not in the list"),
        ("TradeBalance", lambda r: [r], "shape of TradeBalance", "is list, described is object"),
        ("Ticker", lambda r: {k: {**v, "o": [v["o"]]} for k, v in r.items()}, "shape of Ticker", "is list"),
        ("Time", lambda r: {**r, "unixtime": str(r["unixtime"])}, "shape of Time", "unixtime: is text"),
        ("Time", lambda r: {**r, "unixtime": r["unixtime"] - 60}, "server clock", "behind this clock"),
        ("Time", lambda r: {**r, "unixtime": r["unixtime"] + 60}, "server clock", "ahead of this clock"),
        ("Depth", lambda r: {k: {"asks": [], "bids": [["1"]]} for k in r}, "shape of Depth", "has 1 place"),
        ("AssetPairs", lambda r: {k: {**v, "base": None} for k, v in r.items()}, "shape of AssetPairs", "is null"),
        ("Trades", lambda r: {k: v[::-1] if isinstance(v, list) else v for k, v in r.items()},
         "public trades oldest first", ""),
        ("ClosedOrders", lambda r: {**r, "closed": dict(list(r["closed"].items())[::-1])}, "closed newest first", ""),
        ("OpenOrders", lambda r: {"open": r["open"]}, "cursor", ""),
        ("QueryOrders", lambda r: {}, "query by cl_ord_id", ""),
    ],
)  # fmt: skip
def test_a_planted_difference_of_a_read_is_found(
    used: EmulatorServer,
    plant: Callable[[str, Change], None],
    endpoint: str,
    change: Change,
    fact: str,
    said: str,
) -> None:
    plant(endpoint, change)
    found = differing()
    assert said in found[fact]
    assert len(found) <= 2, found


@pytest.mark.parametrize(
    ("behaviour", "fact"),
    [
        (Behaviour(key_info="camelCase"), "key info names"),
        (Behaviour(amend_times="ns"), "amend times"),
        (Behaviour(no_userref="zero"), "no userref"),
        (Behaviour(volumes="round"), "odd volume"),
        (Behaviour(volumes="refuse"), "odd volume"),
        (Behaviour(prices="cut"), "odd price"),
    ],
)
def test_a_behaviour_that_is_not_assumed_is_found(
    server: EmulatorServer, behaviour: Behaviour, fact: str
) -> None:
    server.emulator.behaviour = behaviour
    trade()
    assert list(differing("--validate")) == [fact]


def refuse(when: Callable[[Any], bool], words: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Refuse orders with certain fields."""

    def planted(monkeypatch: pytest.MonkeyPatch) -> None:
        original = request_handler.PRIVATE["AddOrder"]

        def add_order(call: Any) -> Any:
            if when(call.params):
                raise Refusal(words)
            return original(call)

        monkeypatch.setitem(request_handler.PRIVATE, "AddOrder", add_order)

    return planted


@pytest.mark.parametrize(
    ("planted", "fact"),
    [
        (refuse(lambda p: "x_conformance" in p, "EGeneral:Invalid arguments:x_conformance"), "unknown field"),
        (
            refuse(lambda p: "_" in str(p.get("cl_ord_id")), "EGeneral:Invalid arguments:cl_ord_id"),
            "free cl_ord_id",
        ),
    ],
)
def test_a_planted_refusal_of_an_order_is_found(
    used: EmulatorServer,
    monkeypatch: pytest.MonkeyPatch,
    planted: Callable[[pytest.MonkeyPatch], None],
    fact: str,
) -> None:
    planted(monkeypatch)
    found = differing("--validate")
    assert list(found) == [fact]
    assert found[fact] == "EGeneral:Invalid arguments"


@pytest.mark.parametrize(
    ("endpoint", "change", "fact"),
    [
        ("AddOrder", lambda r: {**r, "txid": "".join(r.get("txid", ["O"]))}, "txid"),
        ("ClosedOrders", lambda r: {"closed": {}, "count": 0}, "shown closed"),
        ("CancelOrder", lambda r: {"count": 0}, "cancel by cl_ord_id"),
        ("OrderAmends", lambda r: {"count": 0, "amends": []}, "amend"),
    ],
)
def test_a_planted_difference_of_the_one_order_is_found(
    used: EmulatorServer, plant: Callable[[str, Change], None], endpoint: str, change: Change, fact: str
) -> None:
    plant(endpoint, change)
    assert fact in differing("--place-order")


def test_an_order_that_does_not_show_is_found_and_cancelled(used: EmulatorServer) -> None:
    used.emulator.behaviour = Behaviour(open_delay=(0.3, 0.3))
    assert "shown open" in differing("--place-order")
    assert [order.status for order in used.emulator.orders.values()][-1] == "canceled"


# ------------------------------------------------------------------ the report


def test_the_report_names_nothing_of_the_account(used: EmulatorServer, tmp_path: Path, plant: Any) -> None:
    secret = "OSECRT-ABCDE-FGHIJK"
    plant("TradeBalance", lambda r: {**r, secret: "1", "alice@example.com": {"iban": "AA00"}})
    plant("Balance", lambda r: {**r, "XXBT": "not a number 4711"})
    path = tmp_path / "report.json"
    result = run("conformance", "--validate", "--place-order", "--yes", "--report", str(path))
    assert result.exit_code == 1
    text = path.read_text(encoding="utf-8") + result.stdout
    orders_and_trades = [*used.emulator.orders, *(order.cl_ord_id for order in used.emulator.orders.values())]
    for word in (secret, "alice", "AA00", "4711", used.emulator.key.api_key, *map(str, orders_and_trades)):
        assert word not in text
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["findings"]
    assert "not described" in text


def test_the_size_of_the_order_is_the_least_that_the_pair_takes() -> None:
    row = {"pair_decimals": 1, "lot_decimals": 8, "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1"}
    market = orders.Market("XBTUSD", row, Decimal("60000.05"))
    assert market.price == Decimal("36000.0")
    assert market.volume == Decimal("0.0001")
    dear = orders.Market("XBTUSD", {**row, "costmin": "10"}, Decimal("60000"))
    assert dear.volume * dear.price >= 10
    assert dear.volume == Decimal("0.00027778")


def test_the_page_about_orders_lists_what_is_assumed_and_asked() -> None:
    page = (Path(__file__).parents[2] / "docs" / "orders.md").read_text(encoding="utf-8")
    rows = [
        f"| {fact} | {text} | {tier} |" for tier, facts in ASSUMED.items() for fact, text in facts.items()
    ]
    assert "\n".join(rows) in page
