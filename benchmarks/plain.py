"""What a call by hand needs: a key, a nonce, a signature as Kraken's own example computes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Final

API_KEY: Final = base64.b64encode(b"an API key for the benchmarks only, nobody's").decode()
SECRET: Final = base64.b64encode(bytes(range(64))).decode()
PATH: Final = "/0/private/Balance"
FORM: Final = "application/x-www-form-urlencoded"


def plain_signature(nonce: str, body: str, path: str = PATH) -> str:
    """Return API-Sign as Kraken's own example computes it."""
    message = path.encode() + hashlib.sha256((nonce + body).encode()).digest()
    mac = hmac.new(base64.b64decode(SECRET), message, hashlib.sha512)
    return base64.b64encode(mac.digest()).decode()


class Increasing:
    """The clock in nanoseconds, or one above the last: what a hand-written client does for a nonce."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self) -> int:
        self.last = max(time.time_ns(), self.last + 1)
        return self.last
