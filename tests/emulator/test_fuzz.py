"""Whatever is sent, the emulator answers in Kraken's envelope: no request makes it fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken_async.emulator import public
from kraken_async.emulator.request_handler import PRIVATE
from kraken_async.emulator.rules import NEEDS
from tests.emulator.emulator_support import LIMIT, Desk

FIELDS = [
    "txid", "cl_ord_id", "cl_ord_ids", "orders", "pair", "type", "ordertype", "price", "price2",
    "volume", "userref", "oflags", "timeinforce", "expiretm", "starttm", "deadline", "validate",
    "leverage", "displayvol", "close", "timeout", "limit_price", "order_qty", "trigger_price",
    "display_qty", "post_only", "asset", "amount", "key", "refid", "report", "description", "format",
    "id", "start", "end", "ofs", "limit", "closetime", "trades", "without_count", "otp", "order_id",
    "interval", "since", "count", "cursor", "max_fee", "reduce_only", "stptype", "trigger", "consolidation", "docalcs",
    "with_cursor", "account_id", "depth", "grouping", "symbol", "from_ts", "to_ts", "info", "assetVersion", "ledgers",
    "method", "from", "to", "aclass", "strategy_id",
]  # fmt: skip
VALUES: list[Any] = [
    *LIMIT.values(), "market", "stop-loss-limit", "sell", "GTD", "+10", "+5%",
    "#1", "-1", "+0", "-99%", "trailing-stop-limit", "settle-position", "iceberg", "2:1",
    "viqc", "market,post", "0", "1", "1.5", "1e5", "NaN",
    "9" * 24, "9" * 400, "0.00000001", "", " ", "true", "XBT", "trades", "2023-11-14T22:13:25Z", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00", "é", "\x00", "a,b,c", None, True, 0, -5, 1.5, [], {}, [None], [{}], ["x"], [[1]],
    {"ordertype": "limit", "price": "1"}, {"ordertype": 5}, [{"ordertype": "market", "type": "buy", "volume": "1"}] * 2,
]  # fmt: skip
ANY_FIELDS = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES), max_size=8)


def check(body: bytes) -> None:
    answer = json.loads(body)
    assert set(answer) == ({"error"} if answer["error"] else {"error", "result"})
    assert all(isinstance(error, str) for error in answer["error"])


@given(st.sampled_from(sorted(PRIVATE)), ANY_FIELDS)
@settings(derandomize=True)
def test_private_calls_never_fail(name: str, fields: dict[str, Any]) -> None:
    desk = Desk(limits=True, tier="pro")
    order = {**LIMIT, "timeinforce": "GTD", "expiretm": "+60"}
    first = desk.place(**order)
    desk.place(userref="1", ordertype="stop-loss-limit", type="sell", price="50000", price2="49000")
    check(desk.send(name, fields, as_json=True).body)
    check(desk.send(name, {"txid": first, **order, **fields}, as_json=True).body)
    check(desk.send(name, {"txid": first, **order, **{k: str(v) for k, v in fields.items()}}).body)
    desk.clock.advance(100)
    check(desk.send("OpenOrders").body)


@given(st.sampled_from(sorted(public.ENDPOINTS)), ANY_FIELDS)
@settings(derandomize=True)
def test_public_calls_never_fail(name: str, fields: dict[str, Any]) -> None:
    query = "&".join(f"{field}={value}" for field, value in {"pair": "XBTUSD", **fields}.items())
    check(Desk().emulator.handle("GET", f"/0/public/{name}?{query}", {}, b"").body)


@settings(derandomize=True)
@given(st.binary(max_size=60), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_no_body_makes_it_fail(body: bytes, kind: str) -> None:
    desk = Desk()
    headers = {"API-Key": desk.emulator.key.api_key, "Content-Type": kind}
    check(desk.emulator.handle("POST", "/0/private/AddOrder", headers, body).body)


@pytest.mark.parametrize("name", sorted(PRIVATE))
def test_every_private_call_has_its_permission(name: str) -> None:
    assert NEEDS[name]
