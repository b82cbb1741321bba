"""Signatures: Kraken's vector first; the bytes signed are the bytes sent; no secret shows."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
import traceback
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kraken_async.api.endpoints import find
from kraken_async.errors import AuthenticationError, Outcome
from kraken_async.wire.messages import SignedRequest
from kraken_async.wire.signer import Signer

KEY = "5tqaF8jYAH0yQVzLUV0bZ4WmZgL1Ykr2kAd4eSCuTkDb7C5Xo3Yf0jYg"
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
ADD_ORDER = find("AddOrder", private=True)
BALANCE = find("Balance", private=True)
BATCH = find("AddOrderBatch", private=True)
LEVEL3 = find("Level3", private=True)
ORDER = {"ordertype": "limit", "pair": "XBTUSD", "price": 37500, "type": "buy", "volume": 1.25}
NONCE = 1616492376594


def sign(endpoint: Any, params: dict[str, Any], *, otp: Any = None, **extra: str) -> SignedRequest:
    signer = Signer(KEY, SECRET, otp)
    return signer.sign(endpoint, signer.encode(endpoint, params), NONCE, **extra)


def expected(path: str, nonce: int, body: bytes, secret: bytes | None = None) -> str:
    """The documented formula, as it is written."""
    digest = hashlib.sha256(str(nonce).encode() + body).digest()
    key = base64.b64decode(SECRET) if secret is None else secret
    return base64.b64encode(hmac.new(key, path.encode() + digest, hashlib.sha512).digest()).decode()


# ------------------------------------------------------------------ vectors


def test_published_vector() -> None:
    request = sign(ADD_ORDER, ORDER)
    assert request.body == b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    assert request.headers.pop("API-Sign") == (
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    )
    assert request.headers == {"API-Key": KEY, "Content-Type": "application/x-www-form-urlencoded"}
    assert (request.method, request.path, request.nonce) == ("POST", "/0/private/AddOrder", NONCE)


def test_json_vector_with_the_nonce_as_text() -> None:
    body = (
        b'{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD",'
        b'"price":37500,"type":"buy","volume":1.25}'
    )
    signer = Signer(KEY, SECRET)
    fields = signer.encode(BATCH, ORDER)
    assert signer.sign(BATCH, fields, NONCE).body == body
    assert signer.signature("/0/private/AddOrder", b"1616492376594", body) == (
        "BVT3EumzzXSJHlvrinSwICz5uKKlSZPXL9cJIuKqn7ZMhHSbbtXhGdvwoDBmRz6ALXI+GVxFD0ZlGuOmfi2bxA=="
    )


def test_json_vector_with_the_nonce_as_number() -> None:
    body = b'{"nonce":1695828490,"pair":"BTC/USD","depth":10}'
    assert Signer(KEY, SECRET).signature("/0/private/Level3", b"1695828490", body) == (
        "XmXL5W2HQdjPqLf0Ka59Cewa0bEtSDZpVBH8Wdh8+aUv0KyX+dHAs7LiHV/GV6vNtft7liKX6GWNi44YIa7nFA=="
    )


@example(b"longer than a block of the hash" * 5, 1, b"nonce=1")
@given(st.binary(min_size=1, max_size=300), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_prepared_key_signs_as_the_formula_does(secret: bytes, nonce: int, body: bytes) -> None:
    signer = Signer(KEY, base64.b64encode(secret).decode())
    for _ in range(2):  # a copy of the prepared key leaves it as it was
        signature = signer.signature("/0/private/Balance", b"%d" % nonce, body)
        assert signature == expected("/0/private/Balance", nonce, body, secret)


# ------------------------------------------------------------------ bodies


def test_call_without_fields_has_only_a_nonce() -> None:
    request = sign(BALANCE, {})
    assert request.body == b"nonce=1616492376594"
    assert request.headers["API-Sign"] == expected(request.path, NONCE, request.body)


def test_json_call_without_fields_has_only_a_nonce() -> None:
    assert sign(LEVEL3, {}).body == b'{"nonce":"1616492376594"}'


def test_json_call_says_so() -> None:
    request = sign(LEVEL3, {"pair": "BTC/USD", "depth": 10})
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == b'{"nonce":"1616492376594","pair":"BTC/USD","depth":10}'
    assert request.headers["API-Sign"] == expected(request.path, NONCE, request.body)


def test_batch_travels_as_json() -> None:
    orders = [
        {"ordertype": "limit", "price": Decimal("1E+2"), "close": {"price": 1e-8}},
        {"ordertype": "market"},
    ]
    body = sign(BATCH, {"orders": orders, "pair": "XBTUSD", "validate": True}).body
    assert b'"price":100,"close":{"price":0.00000001}' in body
    assert json.loads(body)["orders"][1] == {"ordertype": "market"}
    assert json.loads(body)["validate"] is True


def test_conditional_close_travels_in_a_form() -> None:
    body = sign(ADD_ORDER, {"pair": "XBTUSD", "close": {"ordertype": "limit", "price": "38000"}}).body
    assert body == b"nonce=1616492376594&pair=XBTUSD&close%5Bordertype%5D=limit&close%5Bprice%5D=38000"


@pytest.mark.parametrize("endpoint", [ADD_ORDER, BATCH], ids=["form", "json"])
def test_fields_known_only_at_signing_are_signed_too(endpoint: Any) -> None:
    request = sign(endpoint, {"pair": "XBTUSD"}, deadline="2026-11-24T20:10:05.5Z")
    assert request.headers["API-Sign"] == expected(request.path, NONCE, request.body)
    if endpoint.body == "json":
        deadline = json.loads(request.body)["deadline"]
        assert deadline == "2026-11-24T20:10:05.5Z"
    else:
        assert b"&deadline=2026-11-24T20%3A10%3A05.5Z&pair=XBTUSD" in request.body


def test_kraken_fields_that_read_like_options_are_fields() -> None:
    after = find("CancelAllOrdersAfter", private=True)
    assert sign(after, {"timeout": 60}).body.endswith(b"&timeout=60")
    assert sign(ADD_ORDER, {"type": "buy", "expiretm": 0}).body.endswith(b"&type=buy&expiretm=0")


# ------------------------------------------------------------------ one-time password


@pytest.mark.parametrize("endpoint", [BALANCE, LEVEL3], ids=["form", "json"])
def test_password_is_in_the_signed_body(endpoint: Any) -> None:
    request = sign(endpoint, {}, otp="a b")
    wanted = (
        b'{"nonce":"1616492376594","otp":"a b"}'
        if endpoint.body == "json"
        else b"nonce=1616492376594&otp=a+b"
    )
    assert request.body == wanted
    assert request.headers["API-Sign"] == expected(request.path, NONCE, request.body)


def test_password_function_is_asked_afresh_for_each_signature() -> None:
    codes = iter(["111111", "222222"])
    signer = Signer(KEY, SECRET, lambda: next(codes))
    assert signer.sign(BALANCE, b"", 1).body == b"nonce=1&otp=111111"
    assert signer.sign(BALANCE, b"", 2).body == b"nonce=2&otp=222222"


@pytest.mark.parametrize("endpoint", [BALANCE, LEVEL3], ids=["form", "json"])
@pytest.mark.parametrize("own", [None, "111111"])
def test_password_of_one_call_goes_before_the_key_s_own_and_is_of_that_call_alone(
    endpoint: Any, own: str | None
) -> None:
    signer = Signer(KEY, SECRET, own)
    assert b"222222" in signer.sign(endpoint, b"", 1, lambda: "222222").body
    assert b"111111" not in signer.sign(endpoint, b"", 1, lambda: "222222").body
    assert b"222222" not in signer.sign(endpoint, b"", 2).body


@pytest.mark.parametrize(
    ("otp", "says"),
    [
        (lambda: 1 // 0, "ZeroDivisionError"),
        (lambda: None, "not NoneType"),
        (lambda: "", "a text, not an empty one"),
        (lambda: "\ud800", "not Unicode"),
    ],
)
def test_password_that_cannot_be_had_means_not_sent(otp: Any, says: str) -> None:
    with pytest.raises(AuthenticationError, match=says) as caught:
        sign(BALANCE, {}, otp=otp)
    assert caught.value.outcome is Outcome.NOT_SENT


# ------------------------------------------------------------------ bad input, and secrets


@pytest.mark.parametrize("key", ["", "  ", "a b", "a\nb", "schlüssel", None])
def test_a_key_that_cannot_be_one_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match="api_key is empty or not an API key: copy"):
        Signer(key, SECRET)


@pytest.mark.parametrize(
    "secret", ["", "not base64!", SECRET[:-1], SECRET + "=", "ä", None, b"kQH5"], ids=range(7)
)
def test_a_secret_that_is_not_base64_is_refused(secret: Any) -> None:
    with pytest.raises(ValueError, match="api_secret is not base64: copy"):
        Signer(KEY, secret)


@pytest.mark.parametrize("otp", ["", 123456, b"1"])
def test_a_password_that_cannot_be_one_is_refused(otp: Any) -> None:
    with pytest.raises(ValueError, match="otp is neither a text nor a function"):
        Signer(KEY, SECRET, otp)


def test_white_space_around_key_and_secret_is_no_matter() -> None:
    pasted = Signer(f" {KEY}\n", f" {SECRET[:40]}\n {SECRET[40:]}\n")
    assert pasted.sign(BALANCE, b"", 5).headers == Signer(KEY, SECRET).sign(BALANCE, b"", 5).headers


def test_key_id_names_the_key_without_telling_it() -> None:
    assert Signer(KEY, SECRET).key_id == hashlib.sha256(KEY.encode()).hexdigest()[:16]


def test_repr_tells_no_secret() -> None:
    shown = repr(Signer(KEY, SECRET, "123456")) + repr(sign(BALANCE, {}, otp="123456"))
    assert not any(secret in shown for secret in (KEY, SECRET, "123456"))


@pytest.mark.parametrize(
    ("key", "secret"), [(KEY, "x" + SECRET), ("bad " + KEY, SECRET)], ids=["secret", "key"]
)
def test_traceback_with_locals_tells_no_secret_of_ours(key: str, secret: str) -> None:
    with pytest.raises(ValueError, match="copy") as caught:
        Signer(key, secret)
    frames = caught.value.__traceback__
    assert frames is not None
    shown = "".join(
        traceback.TracebackException(ValueError, caught.value, frames.tb_next, capture_locals=True).format()
    )
    assert "signer.py" in shown
    assert KEY not in shown
    assert SECRET not in shown
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_signer_cannot_be_carried_off(carry: Any) -> None:
    with pytest.raises(TypeError):
        carry(Signer(KEY, SECRET))


@pytest.mark.parametrize("endpoint", [BALANCE, ADD_ORDER, BATCH, LEVEL3], ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize("password", ["canary\ud800", 424242424242, "canary-password"])
def test_whatever_fails_at_signing_a_password_is_in_no_frames_locals(
    endpoint: Any, password: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_data: bytes) -> Any:
        raise MemoryError

    signer = Signer(KEY, SECRET, lambda: password)
    monkeypatch.setattr(hashlib, "sha256", fail)
    with pytest.raises((AuthenticationError, MemoryError)) as caught:
        signer.sign(endpoint, b"", 1, deadline="2026-11-24T20:00:00Z")
    summary = traceback.StackSummary.extract(traceback.walk_tb(caught.tb), capture_locals=True)
    ours = [frame.locals for frame in summary if "/kraken_async/" in frame.filename]
    assert ours
    for secret in ("canary", "424242424242", KEY):
        assert secret not in repr(ours)
