"""The description holds together, and replies of every endpoint fit it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kraken_async.api.comparison import differences
from kraken_async.api.description import description, method_name, read, walk
from kraken_async.api.notation import ListOf, MapOf, Named, Object, Row, Scalar, Union, Values, fields, parse

KNOWN = description()
# Results of all kinds that Kraken's documentation and recorded replies show; every value is made up.
REPLIES: dict[str, list[Any]] = json.loads(
    (Path(__file__).parent / "replies.json").read_text(encoding="utf-8")
)


def kinds(name: str, result: object) -> list[str]:
    return [str(each) for each in differences(result, KNOWN.endpoints[name].result, KNOWN)]


@pytest.mark.parametrize("name", REPLIES)
def test_replies_of_every_shape_fit_the_description(name: str) -> None:
    for result in REPLIES[name]:
        assert kinds(name, result) == []


def test_the_description_of_an_installed_package_has_the_same_results_and_rules() -> None:
    path = Path(__file__).parents[2] / "kraken_async" / "api" / "spot.min.toml"
    small = read(path.read_text(encoding="utf-8"))
    assert set(small.endpoints) == {name for name, each in KNOWN.endpoints.items() if not each.beta}
    assert small.rules["order"] == KNOWN.rules["order"]
    for name, results in REPLIES.items():
        assert small.endpoints[name].public == KNOWN.endpoints[name].public
        for result in [*results, None, [], {}, {"x": [1]}, "text"]:
            here, there = small.endpoints[name].result, KNOWN.endpoints[name].result
            assert differences(result, here, small) == differences(result, there, KNOWN)


def test_there_are_replies_of_every_endpoint_that_answers_in_json() -> None:
    described = {name for name, each in KNOWN.endpoints.items() if not each.beta and not each.binary}
    assert described == set(REPLIES)


def test_funding_beta_is_described_and_marked() -> None:
    beta = [each for each in KNOWN.endpoints.values() if each.beta]
    assert len(beta) == 15
    assert all(each.path.startswith("/funding/") and not each.cost for each in beta)


def test_every_type_is_used_by_an_endpoint() -> None:
    used: set[str] = set()
    waiting = [
        type_
        for each in KNOWN.endpoints.values()
        for type_ in (each.result, Object(each.parameters), *(variant.result for variant in each.variants))
    ]
    while waiting:
        for each in walk(waiting.pop()):
            if isinstance(each, Named) and each.name not in used:
                used.add(each.name)
                waiting.append(KNOWN.types[each.name])
    assert set(KNOWN.types) - used == set()


def test_every_source_is_dated() -> None:
    assert all(source["what"] and source["seen"].year >= 2026 for source in KNOWN.sources.values())


@pytest.mark.parametrize(
    ("endpoint", "method"),
    [
        ("GetWebSocketsToken", "get_websockets_token"),
        ("BalanceEx", "balance_ex"),
        ("OHLC", "ohlc"),
        ("Level3", "level3"),
        ("GetApiKeyInfo", "get_api_key_info"),
        ("ListWalletAccounts", "list_wallet_accounts"),
        ("Earn/Strategies", "earn_strategies"),
        ("Earn/AllocateStatus", "earn_allocate_status"),
        ("AddOrder", "add_order"),
        ("CancelAllOrdersAfter", "cancel_all_orders_after"),
    ],
)
def test_methods_are_named_by_one_rule(endpoint: str, method: str) -> None:
    assert method_name(endpoint) == method


# ------------------------------------------------------------------ what does not fit is found


def changed(name: str, *path: str | int, to: object) -> object:
    """A fitting result with the value at ``path`` replaced; ``...`` removes it."""
    result = json.loads(json.dumps(REPLIES[name][0]))
    at = result
    for step in path[:-1]:
        at = at[step]
    if to is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return result


@pytest.mark.parametrize(
    ("name", "path", "to", "said"),
    [
        ("Balance", ["ZUSD"], 12.5, "*: is number, described is amount"),
        ("Balance", ["ZUSD"], "1,5", "*: is text (other), described is amount"),
        ("AddOrder", ["txids"], ["O"], "txids: not described; list"),
        ("AddOrder", ["descr"], ..., "descr: missing"),
        (
            "Time",
            ["unixtime"],
            1_700_000_000_000,
            "unixtime: is integer of 13 digits, described is whole_seconds",
        ),
        ("CancelOrder", ["count"], True, "count: is boolean, described is integer"),
        ("CancelOrder", ["count"], "1", "count: is text (digits), described is integer"),
        ("Ticker", ["XXBTZUSD", "c"], ["1.0"], "*.c: has 1 place, described are 2"),
        ("Depth", ["XXBTZUSD", "asks", 0, 0], 5.5, "*.asks[][0]: is number, described is amount"),
        ("SystemStatus", ["timestamp"], "yesterday", "timestamp: is text (other), described is iso_time"),
        ("Earn/Allocate", ["x"], ..., ""),
    ],
)
def test_what_does_not_fit_is_named_without_its_value(
    name: str, path: list[str | int], to: object, said: str
) -> None:
    if not said:
        assert kinds(name, {"surprise": 1}) != []
        return
    found = kinds(name, changed(name, *path, to=to))
    assert found == [said]


def test_an_open_list_of_values_takes_new_ones_and_a_closed_one_does_not() -> None:
    order = "OZQCZW-QFH2J-HW1DLZ"
    reply = json.loads(json.dumps(REPLIES["QueryOrders"][0]))
    txid = next(iter(reply))
    reply[order] = reply.pop(txid)
    reply[order]["descr"]["ordertype"] = "a-new-one"
    assert kinds("QueryOrders", reply) == []
    reply[order]["descr"]["type"] = "hold"
    assert kinds("QueryOrders", reply) == ["*.descr.type: has a value that is not in the list"]


@pytest.mark.parametrize(
    ("price", "fits"),
    [
        *(("25000.5", True), ("0", True), ("+50.0", True), ("-5", True), ("#10", True), ("+5.0000%", True)),
        *(
            ("5%", True),
            ("", False),
            ("%", False),
            ("+", False),
            ("five", False),
            ("1,5", False),
            ("+-5", False),
        ),
    ],
)
def test_the_price_an_order_was_asked_for_is_an_amount_or_a_distance(price: str, fits: bool) -> None:
    """Recorded trailing orders show ``+50.0000%`` in their ``descr``; so does the public order type's own text."""
    reply = json.loads(json.dumps(REPLIES["QueryOrders"][0]))
    order = next(iter(reply.values()))
    order["descr"]["price"] = order["descr"]["price2"] = price
    assert (kinds("QueryOrders", reply) == []) is fits


def test_milliseconds_and_nanoseconds_are_told_by_their_size() -> None:
    reply = json.loads(json.dumps(REPLIES["OrderAmends"][0]))
    for stamp, fits in ((1_771_234_567_123, True), (1_771_234_567_123_456_789, True), (1_771_234_567, False)):
        reply["amends"] = [{**reply["amends"][0], "timestamp": stamp}]
        assert (kinds("OrderAmends", reply) == []) is fits


# ------------------------------------------------------------------ the notation


def test_types_are_read_as_they_are_written() -> None:
    assert parse("amount") == Scalar("amount")
    assert parse("[Order]") == ListOf(Named("Order"))
    assert parse("{order txid: Order}") == MapOf("order txid", Named("Order"))
    assert parse('(amount, "b" | "s", integer?)') == Row(
        (Scalar("amount"), Values(("b", "s"), open=False), Scalar("integer")), short=True
    )
    assert parse('"a" | 5 | ... | null') == Union((Scalar("null"), Values(("a", 5), open=True)))


def test_a_line_holds_name_type_note_source_and_deprecation() -> None:
    [line] = fields("ofs?: integer  # deprecated 2026-09-30, use a cursor; the first row @docs")
    assert (line.name, line.optional, line.note, line.source) == ("ofs", True, "the first row", "docs")
    assert line.deprecated == "2026-09-30, use a cursor"
    assert fields("*pair: [text]")[0].others


@pytest.mark.parametrize(
    "text", ["", "[amount", "amount |", "(text", "nothing", "{a b}", "text text", "text;"]
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a type"):
        parse(text)


HEAD = "[sources]\ndocs = { what = 'x', seen = 2026-01-01 }\n[types]\n[rules]\n[type_rules]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("about='x'\ndoc='a/b'\nsources=['docs']\nresult='Order'", "nothing is called 'Order'"),
        ("about='x'\ndoc='a/b'\nsources=['hearsay']\nresult='text'", "nothing is called 'hearsay'"),
        ("about='x'\ndoc='a/b'\nsources=['docs']\nresult='text'\nrules='none'", "nothing is called 'none'"),
        ("about='x'\ndoc='a/b'\nsources=['docs']\nresult='text'\nprice=3", "unknown price"),
    ],
)
def test_a_name_that_nothing_defines_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(f"{HEAD}[endpoints.Thing]\n{text}\n")
