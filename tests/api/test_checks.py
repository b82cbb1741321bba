"""What can only be a mistake is refused before it is sent; what is not known is sent, and said once."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from kraken_async.api.checks import Checks
from kraken_async.api.description import description
from kraken_async.errors import InvalidArguments, Outcome

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "25000"}
MARKET = {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "1"}
STOP = {**LIMIT, "ordertype": "stop-loss"}
BATCH = {"pair": "XBTUSD", "orders": [LIMIT | {"pair": None}, LIMIT | {"pair": None}]}
ROW = {name: value for name, value in LIMIT.items() if name != "pair"}


@pytest.fixture
def checks() -> Checks:
    return Checks(logging.getLogger("kraken_async.test"))


def refused(checks: Checks, endpoint: str, params: dict[str, Any]) -> str:
    with pytest.raises(InvalidArguments) as caught:
        checks.check(endpoint, params)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.endpoint == endpoint
    return str(caught.value)


def without(params: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in params.items() if each != name}


# ------------------------------------------------------------------ slips


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (LIMIT | {"oflag": "post"}, '"oflags" is meant'),
        (LIMIT | {"ordertpye": "limit"}, '"ordertype" is meant'),
        (LIMIT | {"time_in_force": "IOC"}, '"timeinforce" is meant'),
        (LIMIT | {"OFLAGS": "post"}, '"oflags" is meant'),
        (LIMIT | {"type": "by"}, '"buy" is meant'),
        (LIMIT | {"ordertype": "limt"}, '"limit" is meant'),
        (LIMIT | {"oflags": "pots"}, '"post" is meant'),
        (LIMIT | {"oflags": "fcib,pots"}, '"post" is meant'),
        (LIMIT | {"oflags": ["fcib", "pots"]}, '"post" is meant'),
        (LIMIT | {"validate": "ture"}, '"true" is meant'),
        (LIMIT | {"close": {"ordertpye": "limit", "price": "1"}}, '"ordertype" is meant'),
        (LIMIT | {"close": {"ordertype": "limt", "price": "1"}}, '"limit" is meant'),
        (LIMIT | {"close[ordertpye]": "limit"}, '"ordertype" is meant'),
        (LIMIT | {"close[ordertype]": "limt"}, '"limit" is meant'),
    ],
)
def test_a_slip_is_refused_and_the_word_that_is_meant_is_named(
    checks: Checks, params: dict[str, Any], said: str
) -> None:
    assert said in refused(checks, "AddOrder", params)


def test_a_slip_in_a_row_of_a_batch_names_the_row(checks: Checks) -> None:
    said = refused(checks, "AddOrderBatch", {"pair": "XBTUSD", "orders": [ROW, ROW | {"type": "by"}]})
    assert "orders[1]" in said


def test_a_stray_field_in_a_row_of_a_batch_names_the_row(
    checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    stray = {**ROW, "oflag": "post"}
    with pytest.raises(InvalidArguments, match=r'no field "orders\[1\]\[oflag\]": "oflags" is meant'):
        checks.check("AddOrderBatch", {"pair": "XBTUSD", "orders": [ROW, stray]})
    with pytest.raises(InvalidArguments, match=r'no field "close\[pric\]": "price" is meant'):
        checks.check("AddOrder", {**LIMIT, "pair": "XBTUSD", "close": {"ordertype": "limit", "pric": "1"}})
    new = {**ROW, "novelty": "1"}
    checks.check("AddOrderBatch", {"pair": "XBTUSD", "orders": [ROW, new, new]})
    (said,) = [message for message in caplog.messages if "novelty" in message]
    assert '"orders[1][novelty]" is not a field of AddOrderBatch' in said


@pytest.mark.parametrize(
    ("theirs", "ours"), [("side", "type"), ("symbol", "pair"), ("amount", "volume"), ("size", "volume")]
)
def test_a_field_by_the_name_it_has_elsewhere_is_missing_by_krakens(
    theirs: str, ours: str, checks: Checks
) -> None:
    order = {theirs if name == ours else name: value for name, value in LIMIT.items()}
    assert f'"{ours}" is missing: it is Kraken\'s name for "{theirs}"' in refused(checks, "AddOrder", order)


def test_slips_of_reads_and_public_calls_are_refused_too(checks: Checks) -> None:
    assert '"txid" is meant' in refused(checks, "QueryOrders", {"txids": "O"})
    assert '"interval" is meant' in refused(checks, "OHLC", {"pair": "XBTUSD", "inteval": 5})


# ------------------------------------------------------------------ what is missing


@pytest.mark.parametrize("name", ["pair", "type", "ordertype", "volume"])
def test_a_required_field_that_is_missing_is_refused(checks: Checks, name: str) -> None:
    assert f'"{name}" is missing' in refused(checks, "AddOrder", without(LIMIT, name))


@pytest.mark.parametrize("endpoint", [each for each in description().endpoints.values() if not each.beta])
def test_what_the_description_requires_is_required_and_nothing_else(checks: Checks, endpoint: Any) -> None:
    if endpoint.priority == "CANCEL":
        checks.check(endpoint.name, {})
    elif any(not field.optional for field in endpoint.parameters):
        assert "is missing" in refused(checks, endpoint.name, {})
    elif endpoint.rules:
        refused(checks, endpoint.name, {})
    else:
        checks.check(endpoint.name, {})


# ------------------------------------------------------------------ combinations


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (without(LIMIT, "price"), "needs price"),
        (LIMIT | {"price": ""}, "needs price"),
        (without(STOP, "price"), "needs price"),
        (LIMIT | {"ordertype": "stop-loss-limit"}, "needs price2"),
        (without(LIMIT | {"ordertype": "iceberg"}, "price"), "needs price"),
        (MARKET | {"ordertype": "settle-position"}, "needs leverage"),
        (MARKET | {"oflags": "post"}, "does not go with oflags post"),
        (MARKET | {"oflags": ["fciq", "post"]}, "does not go with oflags post"),
        (MARKET | {"timeinforce": "FOK"}, "does not go with timeinforce FOK"),
        (LIMIT | {"timeinforce": "GTD"}, "needs expiretm"),
        (LIMIT | {"reduce_only": True}, "needs leverage"),
        (LIMIT | {"reduce_only": "true"}, "needs leverage"),
        (LIMIT | {"oflags": "viqc"}, "goes with ordertype market alone"),
        (MARKET | {"oflags": "viqc"}, "goes with type buy alone"),
        (LIMIT | {"oflags": "fcib,fciq"}, "does not go with oflags fciq"),
        (LIMIT | {"cl_ord_id": "a", "userref": 1}, "do not go together"),
        (LIMIT | {"cl_ord_id": "a", "close": {"ordertype": "limit", "price": "1"}}, "do not go together"),
        (LIMIT | {"cl_ord_id": "a", "close[ordertype]": "limit", "close[price]": "1"}, "do not go together"),
        (LIMIT | {"close": {"ordertype": "limit"}}, '"close[price]" is missing'),
        (LIMIT | {"close": "limit"}, "not a mapping"),
    ],
)
def test_a_combination_that_is_documented_as_impossible_is_refused_with_the_cure(
    checks: Checks, params: dict[str, Any], said: str
) -> None:
    assert said in refused(checks, "AddOrder", params)


@pytest.mark.parametrize(
    "params",
    [
        LIMIT | {"oflags": "post"},
        LIMIT | {"oflags": "post,fciq", "timeinforce": "GTC"},
        LIMIT | {"oflags": ["post", "fcib"]},
        LIMIT | {"timeinforce": "GTD", "expiretm": "+60"},
        LIMIT | {"reduce_only": True, "leverage": 2},
        LIMIT | {"reduce_only": False, "validate": True},
        LIMIT | {"price": "+2%", "close": {"ordertype": "stop-loss", "price": "-5%"}},
        LIMIT | {"close[ordertype]": "stop-loss", "close[price]": "-5%", "userref": 0},
        LIMIT | {"ordertype": "stop-loss-limit", "price2": "#0.5%"},
        MARKET,
        MARKET | {"type": "buy", "oflags": "viqc"},
        MARKET | {"ordertype": "settle-position", "leverage": "5:1", "volume": 0},
    ],
)
def test_orders_as_kraken_takes_them_pass_in_silence(
    checks: Checks, params: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    checks.check("AddOrder", params)
    row = {name: value for name, value in params.items() if name not in ("pair", "validate")}
    if not any("[" in name for name in row):
        checks.check("AddOrderBatch", {"pair": "XBTUSD", "orders": [row, row]})
    assert caplog.messages == []


def test_a_batch_has_2_to_15_orders_and_they_are_mappings(checks: Checks) -> None:
    for orders, said in (
        ([ROW], "2 at least"),
        ([ROW] * 16, "15 at most"),
        (5, "not a list"),
        ("[]", "not a list"),
        ([5, ROW], "orders[0]"),
        ([ROW, without(ROW, "price")], "needs price"),
    ):
        assert said in refused(checks, "AddOrderBatch", {"pair": "XBTUSD", "orders": orders})


def test_ids_are_counted_however_they_are_given(checks: Checks) -> None:
    for txid in (",".join(["O"] * 51), ["O"] * 51):
        assert "50 at most" in refused(checks, "QueryOrders", {"txid": txid})
    checks.check("QueryOrders", {"txid": ["O"] * 50})


# ------------------------------------------------------------------ what is not known, and what is never checked


def test_an_unknown_field_or_value_is_sent_and_said_once(
    checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    order = LIMIT | {"post_only": True, "timeinforce": "GTX", "ordertype": "moon", "price3": 1, "type": "Buy"}
    checks.check("AddOrder", order)
    checks.check("AddOrder", order)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 5
    assert len(set(caplog.messages)) == 5
    assert any('"post_only" is not a field of AddOrder' in message for message in caplog.messages)
    caplog.clear()
    checks.check("EditOrder", {"txid": "O", "pair": "XBTUSD", "post_only": True})
    assert len(caplog.messages) == 1, "it is said for each endpoint"


def test_made_up_names_do_not_fill_the_memory_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    said: set[tuple[str, str]] = set()
    checks = Checks(logging.getLogger("kraken_async.test"), said=said)
    for number in range(1100):
        checks.check("Balance", {f"field number {number}": 1})
    assert len(caplog.messages) == 1000
    assert len(said) == 1000


def test_a_name_from_outside_cannot_forge_a_log_line(
    checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    checks.check("Balance", {"x\n2026-01-01 ERROR forged": 1})
    assert "\n" not in caplog.messages[0]


@pytest.mark.parametrize(
    "endpoint",
    ["CancelOrder", "CancelOrderBatch", "CancelAll", "CancelAllOrdersAfter", "WithdrawCancel"],
)
def test_cancels_are_never_checked(checks: Checks, endpoint: str, caplog: pytest.LogCaptureFixture) -> None:
    for params in ({}, {"txdi": "O"}, {"txid": "", "nonsense": 1}):
        checks.check(endpoint, params)
    assert caplog.messages == []


def test_an_endpoint_that_is_not_described_is_not_checked(checks: Checks) -> None:
    checks.check("AddOrderFromTheFuture", {"oflag": "post"})


@pytest.mark.parametrize(
    "cl_ord_id",
    [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "0F8FAD5BD9CB469FA16570867728950E",
        "my_order",
        "dash-1",
        "Ünï",
        "a" * 40,
        "1",
        7,
    ],
)
def test_cl_ord_id_is_never_judged_by_its_letters(
    checks: Checks, cl_ord_id: object, caplog: pytest.LogCaptureFixture
) -> None:
    checks.check("AddOrder", LIMIT | {"cl_ord_id": cl_ord_id})
    assert caplog.messages == []


def test_fields_that_the_session_sets_are_left_to_the_encoder(checks: Checks) -> None:
    checks.check("Balance", {"nonce": 1, "otp": "123456", 5: "x", None: "y"})


def test_where_mistakes_are_only_said_the_call_passes(caplog: pytest.LogCaptureFixture) -> None:
    checks = Checks(logging.getLogger("kraken_async.test"), refuse=False)
    checks.check("AddOrder", without(LIMIT, "price") | {"oflag": "post", "type": "by"})
    checks.check("AddOrder", without(LIMIT, "price") | {"oflag": "post", "type": "by"})
    assert len(caplog.messages) == 3
    assert all("sent as it is" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "value", [None, float("nan"), b"x", object(), {"a": 1}, [None], [[["post"]]], {"x": {"y": []}}, 10**400]
)
def test_no_value_breaks_a_check(checks: Checks, value: object) -> None:
    for name in ("oflags", "type", "close", "validate", "price", "userref", "close[price]", "new"):
        try:
            checks.check("AddOrder", LIMIT | {name: value})
        except InvalidArguments:
            pass
    try:
        checks.check("AddOrderBatch", {"pair": value, "orders": [value, {"oflags": value}]})
    except InvalidArguments:
        pass
