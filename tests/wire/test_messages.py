"""What travels: frozen, and silent about secrets."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from kraken_async.guards import Request
from kraken_async.wire.messages import Response, SignedRequest

SIGNED = SignedRequest("POST", "/0/private/Balance", {"API-Key": "KEY", "API-Sign": "SIGN"}, b"otp=123456", 7)


def test_repr_of_a_signed_request_shows_method_and_path_only() -> None:
    assert repr(SIGNED) == "<SignedRequest POST /0/private/Balance>"


def test_repr_of_a_response_shows_no_content() -> None:
    assert repr(Response(200, {"Set-Cookie": "secret"}, b"token")) == "<Response 200, 5 bytes>"


def test_repr_of_a_request_shows_names_not_values() -> None:
    assert repr(Request("AddOrder", {"pair": "XBTUSD", "volume": "1"})) == "<Request AddOrder pair volume>"
    assert repr(Request("Balance", {})) == "<Request Balance>"


@pytest.mark.parametrize("value", [SIGNED, Response(200, {}, b""), Request("Balance", {})])
def test_what_travels_cannot_be_changed(value: SignedRequest | Response | Request) -> None:
    for name in inspect.signature(type(value)).parameters:
        with pytest.raises(AttributeError):  # a FrozenInstanceError is one
            setattr(value, name, "other")


def test_a_request_is_changed_by_replacing_it() -> None:
    request = Request("AddOrder", {"pair": "XBTUSD"}, True)
    assert dataclasses.replace(request, params={"validate": True}).endpoint == "AddOrder"
