"""Signing: fields and a nonce become a request whose signed bytes are the bytes sent. Pure.

    API-Sign = base64(HMAC-SHA512(secret, path || SHA256(nonce || body)))

Source: docs.kraken.com/exchange/guides/rest/authentication.
"""

from __future__ import annotations

import hashlib
import re
from binascii import Error, a2b_base64, b2a_base64
from typing import TYPE_CHECKING, Any, Final, NoReturn

from kraken_async.errors import AuthenticationError, Outcome
from kraken_async.wire.encoding import form, json_members, json_string, query, quote
from kraken_async.wire.messages import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken_async.api.endpoints import Endpoint

__all__ = ["Signer", "query"]

_BLOCK: Final = hashlib.sha512().block_size
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_SURROGATE: Final = re.compile("[\ud800-\udfff]").search


class Signer:
    """Signs the private calls of one API key.

    `otp`: the key's one-time password, or a function that gives the current one; it is asked afresh for each
    signature, since such a password can be used only once or within its 30 seconds.
    `key_id`: names the key without telling it, for files and logs.

    Raises ValueError for a key or a secret that cannot be one.
    """

    __slots__ = ("_api_key", "_inner", "_otp", "_outer", "key_id")

    def __init__(self, api_key: str, api_secret: str, otp: str | Callable[[], str] | None = None) -> None:
        key = str(api_key or "").strip()
        secret = _decode(api_secret)
        del api_key, api_secret  # what is raised below shows no secret among its locals
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            del key, secret
            msg = "api_key is empty or not an API key: copy it from Kraken's settings, under API"
            raise ValueError(msg)
        if not secret:
            del key, secret
            msg = "api_secret is not base64: copy the private key from Kraken's settings whole, with its ="
            raise ValueError(msg)
        if otp is not None and not callable(otp) and not (type(otp) is str and otp):
            del key, secret, otp
            msg = (
                "otp is neither a text nor a function that gives one: leave it out if the key has no password"
            )
            raise ValueError(msg)
        self._api_key = key
        self._otp = otp
        self.key_id: str = hashlib.sha256(key.encode()).hexdigest()[:16]
        # HMAC with its two keyed halves made once: to copy them costs a third of keying them for each call.
        padded = (hashlib.sha512(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha512(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha512(bytes(byte ^ 0x5C for byte in padded))

    def __repr__(self) -> str:
        return f"<Signer {getattr(self, 'key_id', 'without a key')}>"

    def __reduce__(self) -> NoReturn:
        msg = "a Signer holds a secret: make another from the key instead of copying or pickling it"
        raise TypeError(msg)

    def encode(self, endpoint: Endpoint, params: Mapping[str, Any]) -> bytes:
        """Return the fields as `sign` takes them, so that a call signed again is not encoded again.

        Raises ValueError naming the field that cannot be encoded, and for "nonce" and "otp".
        """
        return json_members(params) if endpoint.body == "json" else form(params)

    def sign(
        self,
        endpoint: Endpoint,
        fields: bytes,
        nonce: int,
        otp: Callable[[], str] | None = None,
        /,
        **extra: str,
    ) -> SignedRequest:
        """Return the request, ready to leave. ``extra``: fields known only now, such as ``deadline``.

        ``otp`` gives the one-time password of this call alone, in place of the key's own.
        Raises AuthenticationError ("not sent") if the one-time password cannot be had.
        """
        stamp, content_type, path = b"%d" % nonce, _FORM, endpoint.path
        body: bytes | memoryview
        # A view, as a traceback that shows locals shows nothing of what is in it.
        if endpoint.body == "json":
            content_type, body = _JSON, memoryview(self._json_body(stamp, fields, extra, otp))
        elif extra or self._otp is not None or otp is not None:
            body = memoryview(self._form_body(stamp, fields, extra, otp))
        else:
            body = b"nonce=%b&%b" % (stamp, fields) if fields else b"nonce=" + stamp
        return SignedRequest(
            "POST",
            path,
            {
                "API-Key": self._api_key,
                "API-Sign": self.signature(path, stamp, body),
                "Content-Type": content_type,
            },
            bytes(body),
            nonce,
        )

    def signature(self, path: str, nonce: bytes, body: bytes | memoryview) -> str:
        """Return the value of API-Sign; `nonce` in decimal, `body` exactly as it will be sent."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(path.encode() + hashlib.sha256(nonce + body).digest())
        outer.update(inner.digest())
        return b2a_base64(outer.digest(), newline=False).decode()

    # One expression each: no local of these frames holds a password, whatever fails.

    def _form_body(
        self, stamp: bytes, fields: bytes, extra: dict[str, str], otp: Callable[[], str] | None
    ) -> bytes:
        return b"&".join(
            [
                b"nonce=" + stamp,
                *[f"{name}={quote(name, value)}".encode() for name, value in self._late(extra, otp)],
                *((fields,) if fields else ()),
            ]
        )

    def _json_body(
        self, stamp: bytes, fields: bytes, extra: dict[str, str], otp: Callable[[], str] | None
    ) -> bytes:
        return b"{%b}" % b",".join(
            [
                b'"nonce":"%b"' % stamp,
                *[f'"{name}":{json_string(name, value)}'.encode() for name, value in self._late(extra, otp)],
                *((fields,) if fields else ()),
            ]
        )

    def _late(self, extra: dict[str, str], otp: Callable[[], str] | None) -> list[tuple[str, str]]:
        """Return the fields that are known only at signing."""
        if self._otp is None and otp is None:
            return list(extra.items())
        return [*extra.items(), ("otp", self._password(otp))]

    def _password(self, otp: Callable[[], str] | None) -> str:
        try:
            password = otp() if otp is not None else self._otp() if callable(self._otp) else self._otp
        except Exception as exc:
            if isinstance(exc, AuthenticationError) and exc.outcome is Outcome.NOT_SENT:
                raise  # it says itself what is wrong, as that of a password's file does
            msg = f"the call was not sent: the otp function raised {type(exc).__name__}"
            raise AuthenticationError(msg, outcome=Outcome.NOT_SENT) from exc
        if isinstance(password, str) and password and not _SURROGATE(password):
            return password
        found = _kind(password)
        del password
        msg = f"the call was not sent: the otp function must give a text, not {found}"
        raise AuthenticationError(msg, outcome=Outcome.NOT_SENT)


def _kind(password: object) -> str:
    """Return what was found in place of a password, without telling any of it."""
    if not isinstance(password, str):
        return type(password).__name__
    return "text that is not Unicode" if password else "an empty one"


def _decode(secret: str) -> bytes:
    """Return the bytes of a base64 secret, whatever white space it was pasted with; none if it is not one."""
    try:
        return a2b_base64("".join(secret.split()), strict_mode=True)
    except (AttributeError, TypeError, Error, ValueError):
        return b""
