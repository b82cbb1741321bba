"""The emulator's gate: signatures, nonces, lockout, permissions, and the order of its checks."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken_async.emulator import Emulator
from kraken_async.emulator.auth import NonceRule, Signature, read_nonce
from kraken_async.emulator.wire import parse_body
from tests.emulator.emulator_support import LIMIT, Desk, sign, signed

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
# The first is Kraken's published vector, the others were computed from its formula.
VECTORS = [
    (
        "/0/private/AddOrder",
        "1616492376594",
        b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
    ),
    (
        "/0/private/AddOrder",
        "1616492376594",
        b'{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":37500,"type":"buy","volume":1.25}',
        "BVT3EumzzXSJHlvrinSwICz5uKKlSZPXL9cJIuKqn7ZMhHSbbtXhGdvwoDBmRz6ALXI+GVxFD0ZlGuOmfi2bxA==",
    ),
    (
        "/0/private/Level3",
        "1695828490",
        b'{"nonce":1695828490,"pair":"BTC/USD","depth":10}',
        "XmXL5W2HQdjPqLf0Ka59Cewa0bEtSDZpVBH8Wdh8+aUv0KyX+dHAs7LiHV/GV6vNtft7liKX6GWNi44YIa7nFA==",
    ),
]


@pytest.mark.parametrize(("path", "nonce", "body", "signature"), VECTORS)
def test_signature_matches_the_vector_and_nothing_next_to_it(
    path: str, nonce: str, body: bytes, signature: str
) -> None:
    key = Signature(SECRET)
    assert key.matches(signature, path, nonce, body)
    assert sign(SECRET, path, nonce, body) == signature
    assert not key.matches(signature, path + "x", nonce, body)
    assert not key.matches(signature, path, nonce + "0", body)
    assert not key.matches(signature, path, nonce, body + b" ")
    assert not key.matches("not base64 at all", path, nonce, body)
    assert not key.matches("\udcff", path, nonce, body)
    assert not key.matches("", path, nonce, body)


@pytest.mark.parametrize("length", [1, 64, 127, 128, 129, 300])
def test_signature_is_an_hmac_for_secrets_of_any_length(length: int) -> None:
    secret = base64.b64encode(bytes(range(1, 256)) * 2)[: length // 3 * 4 or 4].decode()
    expected = sign(secret, "/0/private/Balance", "7", b"nonce=7")
    assert Signature(secret).matches(expected, "/0/private/Balance", "7", b"nonce=7")


@settings(derandomize=True)
@given(st.dictionaries(st.text(min_size=1).filter(lambda name: "[" not in name), st.text()))
def test_form_is_read_as_it_was_meant(fields: dict[str, str]) -> None:
    assert parse_body("application/x-www-form-urlencoded", urlencode(fields).encode()) == fields


@pytest.mark.parametrize(("path", "nonce", "body", "signature"), VECTORS[:2])
@pytest.mark.parametrize("name", ["API-Key", "api-key"])
def test_published_request_places_its_order(
    path: str, nonce: str, body: bytes, signature: str, name: str
) -> None:
    emulator = Emulator(keys=[("key", SECRET)])
    kind = "application/json" if body.startswith(b"{") else "application/x-www-form-urlencoded"
    reply = emulator.handle("POST", path, {name: "key", "API-Sign": signature, "Content-Type": kind}, body)
    assert json.loads(reply.body)["result"]["descr"] == {"order": "buy 1.25000000 XBTUSD @ limit 37500.0"}
    assert emulator.history[0].nonce == int(nonce)


def test_signature_covers_the_bytes_as_sent_whatever_their_encoding() -> None:
    desk = Desk()
    for fields in (
        {**LIMIT, "close[ordertype]": "limit", "close[price]": "38000"},
        {**LIMIT, "oflags": "fciq,nompp"},
    ):
        path, headers, body = desk.request("AddOrder", fields)
        assert b"%5B" in body or b"%2C" in body
        assert json.loads(desk.emulator.handle("POST", path, headers, body).body)["error"] == []
        path, headers, body = desk.request("AddOrder", fields)
        respelled = body.replace(b"%5B", b"[").replace(b"%5D", b"]").replace(b"%2C", b",")
        assert json.loads(desk.emulator.handle("POST", path, headers, respelled).body)["error"] == [
            "EAPI:Invalid signature"
        ]


# ------------------------------------------------------------------ nonces


def test_nonce_must_exceed_the_highest_seen() -> None:
    desk = Desk()
    desk.call("Balance", nonce=100)
    assert desk.refusal("Balance", nonce=100) == "EAPI:Invalid nonce"
    assert desk.refusal("Balance", nonce=99) == "EAPI:Invalid nonce"
    desk.call("Balance", nonce=101)
    assert desk.emulator.refused() == 2


def test_nonce_is_an_unsigned_64_bit_number() -> None:
    desk = Desk()
    for nonce in ("", "0", "-1", "1.5", "1e9", "abc", "٣", str(2**64), "9" * 30):
        assert desk.refusal("Balance", nonce=nonce) == "EAPI:Invalid nonce", nonce
    desk.call("Balance", nonce=2**64 - 1)
    assert desk.refusal("Balance", nonce=2**64 - 1) == "EAPI:Invalid nonce"


def test_nonce_may_be_a_json_string_or_integer() -> None:
    desk = Desk()
    desk.call("Balance", nonce="5", as_json=True)
    desk.call("Balance", nonce=6, as_json=True)
    assert desk.refusal("Balance", nonce=6, as_json=True) == "EAPI:Invalid nonce"


def test_each_key_has_its_own_nonce() -> None:
    desk = Desk()
    other = desk.emulator.add_key()
    desk.call("Balance", nonce=1000)
    desk.call("Balance", nonce=1, key=other)


def test_refusal_at_the_nonce_or_earlier_spends_no_nonce_and_a_later_one_does() -> None:
    desk = Desk()
    path, headers, body = desk.request("Balance", nonce=10)
    headers["API-Sign"] = "AAAA"
    assert b"Invalid signature" in desk.emulator.handle("POST", path, headers, body).body
    desk.call("Balance", nonce=10)
    assert desk.refusal("AddOrder", {"pair": "XBTUSD"}, nonce=11).startswith("EGeneral:Invalid arguments")
    assert desk.refusal("Balance", nonce=11) == "EAPI:Invalid nonce"


def test_nonce_window_tolerates_a_lower_nonce_once() -> None:
    desk = Desk(nonce_window=5)
    desk.call("Balance", nonce=100)
    desk.call("Balance", nonce=96)
    assert desk.refusal("Balance", nonce=96) == "EAPI:Invalid nonce"
    assert desk.refusal("Balance", nonce=100) == "EAPI:Invalid nonce"
    assert desk.refusal("Balance", nonce=95) == "EAPI:Invalid nonce"
    desk.call("Balance", nonce=200)
    assert desk.refusal("Balance", nonce=99) == "EAPI:Invalid nonce"
    assert desk.call("GetApiKeyInfo", nonce=198)["nonce"] == "200"


@settings(derandomize=True)
@given(st.lists(st.integers(-2, 60), max_size=60), st.integers(0, 20))
def test_nonce_rule_agrees_with_a_plain_reading_of_it(nonces: list[int], window: int) -> None:
    rule = NonceRule(window)
    accepted: list[int] = []
    for nonce in nonces:
        highest = max(accepted, default=0)
        allowed = nonce > highest or (nonce > 0 and nonce > highest - window and nonce not in accepted)
        assert rule.accept(read_nonce(str(nonce))) is allowed
        if allowed:
            accepted.append(nonce)


def test_nonce_rule_forgets_only_what_the_window_excludes() -> None:
    rule = NonceRule(window=100)
    for nonce in range(2, 60_000, 2):
        assert rule.accept(nonce)
        assert not rule.accept(max(nonce - 98, 2)), "used, within the window"
    assert rule.accept(59_997)
    assert not rule.accept(59_997)
    assert not rule.accept(59_897)


# ------------------------------------------------------------------ lockout and throttling


def test_lockout_after_the_threshold_lasts_and_every_attempt_renews_it() -> None:
    desk = Desk(enforce_lockout=True, lockout_threshold=3)
    desk.call("Balance", nonce=50)
    for _ in range(3):
        assert desk.refusal("Balance", nonce=1) == "EAPI:Invalid nonce"
    desk.clock.advance(899)
    assert desk.refusal("Balance", nonce=60) == "EGeneral:Temporary lockout"
    desk.clock.advance(899)
    assert desk.refusal("Balance", nonce=60) == "EGeneral:Temporary lockout"
    desk.clock.advance(900)
    desk.call("Balance", nonce=60)


def test_offences_spread_over_time_do_not_lock_out() -> None:
    desk = Desk(enforce_lockout=True, lockout_threshold=3, lockout_span=60)
    desk.call("Balance", nonce=50)
    for _ in range(10):
        assert desk.refusal("Balance", nonce=1) == "EAPI:Invalid nonce"
        desk.clock.advance(31)


def test_bad_signatures_lock_out_too_and_the_other_key_is_free() -> None:
    desk = Desk(enforce_lockout=True, lockout_threshold=2)
    other = desk.emulator.add_key()
    path, headers, body = desk.request("Balance")
    for _ in range(2):
        desk.emulator.handle("POST", path, {**headers, "API-Sign": "AAAA"}, body)
    assert desk.refusal("Balance") == "EGeneral:Temporary lockout"
    desk.call("Balance", key=other)


def test_without_enforcement_only_an_injected_lockout_shuts_out() -> None:
    desk = Desk()
    desk.call("Balance", nonce=50)
    for _ in range(100):
        assert desk.refusal("Balance", nonce=1) == "EAPI:Invalid nonce"
    desk.emulator.lock_out(desk.emulator.key.api_key, 30)
    assert desk.refusal("Balance", nonce=51) == "EGeneral:Temporary lockout"
    desk.clock.advance(30)
    desk.call("Balance", nonce=51)


def test_throttled_says_until_when() -> None:
    desk = Desk()
    desk.emulator.throttle(desk.emulator.key.api_key, 10.5)
    assert desk.refusal("Balance") == "EService: Throttled: 1700000011"
    desk.clock.advance(11)
    desk.call("Balance")


# ------------------------------------------------------------------ what a key may do


def test_permissions_by_endpoint() -> None:
    desk = Desk()
    may = {
        "query-funds": ("Balance", "BalanceEx", "TradeVolume"),
        "query-open-trades": ("OpenOrders", "TradeBalance", "OpenPositions", "QueryOrders"),
        "query-closed-trades": ("ClosedOrders", "TradesHistory", "QueryOrders"),
        "query-ledger": ("Ledgers", "WithdrawStatus"),
        "withdraw-funds": ("WithdrawStatus",),
        "modify-trades": ("AddOrder", "CancelAll", "CancelOrder"),
        "close-trades": ("CancelAll", "CancelOrder"),
        "create-ws-token": ("GetWebSocketsToken",),
        "export-data": ("ExportStatus",),
    }
    everything = {name for names in may.values() for name in names}
    for code, names in may.items():
        key = desk.emulator.add_key(permissions=[code])
        allowed = {
            name
            for name in everything
            if b"Permission denied" not in desk.send(name, {"txid": "x", "report": "trades"}, key=key).body
        }
        assert allowed == set(names), code
        desk.call("GetApiKeyInfo", key=key)


def test_permissions_that_must_come_together() -> None:
    desk = Desk()
    for codes in (["modify-trades"], ["close-trades"]):
        key = desk.emulator.add_key(permissions=codes)
        assert desk.refusal("AddOrderBatch", key=key) == "EGeneral:Permission denied"
    key = desk.emulator.add_key(permissions=["modify-trades", "close-trades"])
    assert desk.refusal("AddOrderBatch", key=key) == "EGeneral:Invalid arguments:orders"


def test_one_time_password_fixed_and_changing() -> None:
    desk = Desk()
    fixed = desk.emulator.add_key(otp="123456")
    codes = iter(["1", "2"])
    changing = desk.emulator.add_key(otp=lambda: next(codes))
    desk.call("Balance", {"otp": "123456"}, key=fixed)
    assert desk.refusal("Balance", key=fixed) == "EAPI:Invalid signature"
    desk.call("Balance", {"otp": "1"}, key=changing)
    assert desk.refusal("Balance", {"otp": "1"}, key=changing) == "EAPI:Invalid signature"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("CancelOrder", {"txid": "OAAAAA-AAAAA-AAAAAA"}),
        ("AmendOrder", {"txid": "OAAAAA-AAAAA-AAAAAA", "limit_price": "1"}),
        ("EditOrder", {"txid": "OAAAAA-AAAAA-AAAAAA", "pair": "XBTUSD"}),
        ("AddOrder", {"pair": "NOPE"}),
    ],
)
def test_permission_is_asked_for_before_the_order_is_looked_up(name: str, fields: dict[str, str]) -> None:
    """Evidence: python-kraken-sdk's tests, with a key of few rights, expect a refusal for want of permission."""
    desk = Desk()
    reader = desk.emulator.add_key(permissions=["query-funds"])
    assert desk.refusal(name, fields, key=reader) == "EGeneral:Permission denied"


def test_checks_come_in_krakens_order() -> None:
    """Each request is wrong in everything that comes later too."""
    desk = Desk(limits=True)
    key = desk.emulator.add_key(permissions=["query-ledger"], otp="1")
    desk.call("Ledgers", {"otp": "1"}, key=key, nonce=10)

    def error(name: str, nonce: int, api_key: str = "", wrong: str = "", **fields: str) -> str:
        path, headers, body = signed(key, name, nonce, fields)
        headers |= {"API-Key": api_key} if api_key else {}
        headers |= {"API-Sign": wrong} if wrong else {}
        return str(json.loads(desk.emulator.handle("POST", path, headers, body).body)["error"][0])

    desk.emulator.lock_out(key.api_key, 60)
    assert error("Nothing", 1, wrong="AAAA") == "EGeneral:Unknown method"
    assert error("Balance", 1, wrong="AAAA") == "EGeneral:Temporary lockout"
    desk.clock.advance(61)
    assert error("Balance", 1, api_key="other", wrong="AAAA") == "EAPI:Invalid key"
    assert error("Balance", 1, wrong="AAAA") == "EAPI:Invalid signature"
    assert error("Balance", 1) == "EAPI:Invalid nonce"
    for nonce in range(11, 26):
        assert error("Balance", nonce) == "EGeneral:Permission denied"
    assert error("Balance", 26) == "EAPI:Rate limit exceeded"
    desk.clock.advance(60)
    assert error("Balance", 27) == "EGeneral:Permission denied"
    assert error("QueryLedgers", 28) == "EAPI:Invalid signature"
    assert error("QueryLedgers", 29, otp="1") == "EGeneral:Invalid arguments:id"


def test_private_calls_are_posts_to_known_names() -> None:
    desk = Desk()
    path, headers, body = desk.request("Balance")
    assert json.loads(desk.emulator.handle("GET", path, headers, body).body)["error"] == ["EAPI:Bad request"]
    assert desk.refusal("addorder") == "EGeneral:Unknown method"
    assert desk.emulator.handle("GET", "/elsewhere", {}, b"").status == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b"nonce", b"close=1&close[a]=2", b'"text"'])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_body_that_cannot_be_read_is_refused_not_a_crash(body: bytes, kind: str) -> None:
    emulator = Emulator()
    headers = {"API-Key": emulator.key.api_key, "API-Sign": "AAAA", "Content-Type": kind}
    reply = emulator.handle("POST", "/0/private/Balance", headers, body)
    assert json.loads(reply.body) == {"error": ["EAPI:Invalid signature"]}


def test_misuse_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="starter, intermediate, pro"):
        Emulator(tier="gold")
    with pytest.raises(ValueError, match="inclusive"):
        Emulator(edge="sharp")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ValueError, match="query-everything"):
        Emulator().add_key(permissions=["query-everything"])


def test_seed_makes_keys_repeatable_and_reprs_keep_them() -> None:
    assert Emulator(seed=1).key == Emulator(seed=1).key != Emulator(seed=2).key
    key = Emulator(seed=1).key
    assert key.api_secret not in repr(key)
    assert key.api_key not in repr(key)
