"""Callers and their rights: keys, signatures over the exact bytes, nonces and the lockout."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .counters import Counter
from .rules import Tier
from .values import KeyPair

MAX_NONCE = 2**64 - 1
_BLOCK = 128  # bytes, of SHA-512


def read_nonce(text: str) -> int | None:
    """Return the unsigned 64-bit number that ``text`` spells in decimal, or None."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        return None
    nonce = int(text)
    return nonce if nonce <= MAX_NONCE else None


class Signature:
    """Checks ``API-Sign`` for one secret: HMAC-SHA512 over the path and SHA256(nonce text and body), in base64.

    The HMAC is spelt out (RFC 2104), so that both keyed halves are made once and only copied for each message.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, api_secret: str) -> None:
        secret = base64.b64decode(api_secret)
        block = (hashlib.sha512(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha512(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha512(bytes(byte ^ 0x5C for byte in block))

    def of(self, path: str, nonce: str, body: bytes) -> bytes:
        """Return the signature as it belongs into the header."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(path.encode() + hashlib.sha256(nonce.encode() + body).digest())
        outer.update(inner.digest())
        return binascii.b2a_base64(outer.digest(), newline=False)

    def matches(self, sign: str, path: str, nonce: str, body: bytes) -> bool:
        """Return whether ``sign`` is the signature of exactly these bytes."""
        return hmac.compare_digest(sign.encode(errors="surrogateescape"), self.of(path, nonce, body))


class NonceRule:
    """Strictly above the highest one seen; with a window, also a lower one in it that was not used yet.

    Whether Kraken takes a repeated nonce inside a window is not documented; here it is refused.
    """

    __slots__ = ("_used", "highest", "window")

    def __init__(self, window: int = 0) -> None:
        self.highest: int = 0
        self.window: int = window
        self._used: set[int] = set()

    def accept(self, nonce: int | None) -> bool:
        """Take ``nonce`` if the rule allows it."""
        if nonce is None:
            return False
        if nonce > self.highest:
            self.highest = nonce
        elif not self.window or nonce <= self.highest - self.window or nonce in self._used or nonce == 0:
            return False
        if self.window:
            self._remember(nonce)
        return True

    def _remember(self, nonce: int) -> None:
        self._used.add(nonce)
        if len(self._used) > 20_000:
            floor = self.highest - self.window
            self._used = {used for used in self._used if used > floor}


class Lockout:
    """Counts bad nonces and signatures; too many of them in ``span`` seconds shut the key out.

    Every further attempt renews the lockout. Kraken publishes neither the number nor the span; "a few
    minutes" in its guide and about 15 minutes in its support pages is what it says of the length.
    """

    length: float
    span: float
    threshold: int

    __slots__ = ("_bad", "length", "span", "threshold", "until")

    def __init__(self, threshold: int, span: float, length: float) -> None:
        self.threshold, self.span, self.length = threshold, span, length
        self.until: float = 0.0
        self._bad: deque[float] = deque()

    def shuts(self, t: float) -> bool:
        """Return whether an attempt at ``t`` is shut out, which renews the lockout."""
        if t >= self.until:
            return False
        self.until = t + self.length
        return True

    def lock(self, t: float, seconds: float) -> None:
        """Shut the key out for ``seconds`` from ``t``."""
        self.length = seconds
        self.until = t + seconds

    def offence(self, t: float) -> None:
        """Count one bad nonce or signature."""
        self._bad.append(t)
        while self._bad and self._bad[0] <= t - self.span:
            self._bad.popleft()
        if len(self._bad) >= self.threshold:
            self._bad.clear()
            self.lock(t, self.length)


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Settings of a key as its owner chose them; times in unix seconds, 0 for none."""

    account: str
    permissions: frozenset[str]
    tier: Tier
    nonce_window: int = 0
    otp: str | Callable[[], str] | None = None
    valid_until: float = 0.0
    query_from: float = 0.0
    query_to: float = 0.0
    ip_allowlist: tuple[str, ...] = ()


class Key:
    """One API key with everything Kraken keeps per key."""

    __slots__ = (
        "counter",
        "created",
        "last_used",
        "lockout",
        "nonce",
        "pair",
        "settings",
        "signature",
        "throttled_until",
    )

    def __init__(self, pair: KeyPair, settings: KeySettings, lockout: Lockout, created: float) -> None:
        self.pair: KeyPair = pair
        self.settings: KeySettings = settings
        self.lockout: Lockout = lockout
        self.created: float = created
        self.last_used: float | None = None
        self.throttled_until: float = 0.0
        self.signature: Signature = Signature(pair.api_secret)
        self.nonce: NonceRule = NonceRule(settings.nonce_window)
        self.counter: Counter = Counter(settings.tier.maximum, settings.tier.decay)

    def expired(self, t: float) -> bool:
        """Return whether the key is past its last day."""
        return 0 < self.settings.valid_until <= t

    def sees(self, t: float) -> bool:
        """Return whether the key may see what is dated ``t``."""
        first, last = self.settings.query_from, self.settings.query_to
        return first <= t and (not last or t <= last)

    def otp_matches(self, given: str) -> bool:
        """Return whether the one-time password is right, or none is asked for."""
        otp = self.settings.otp
        if otp is None:
            return True
        return given == (otp() if callable(otp) else otp)
