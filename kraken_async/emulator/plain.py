"""A Kraken client as people write it: stamp, sign, send. For comparison with the real one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp

from .values import KeyPair


class PlainClient:
    """Stamps each call with the clock in nanoseconds, signs it and sends it at once, as its caller asks for it.

    ``tries``: how often a call is sent when no answer comes within ``timeout`` seconds or the connection
    breaks; each time with a fresh nonce, as most retrying clients do, orders included.
    """

    def __init__(self, url: str, key: KeyPair, *, timeout: float = 30.0, tries: int = 1) -> None:
        self._url = url
        self._key = key
        self._tries = tries
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def private(self, name: str, **fields: Any) -> dict[str, Any]:
        """Return Kraken's whole answer, ``error`` and ``result``. Raises as aiohttp, after the last try."""
        for attempt in range(self._tries):
            try:
                return await self._send(name, fields)
            except (TimeoutError, aiohttp.ClientError):
                if attempt == self._tries - 1:
                    raise
        raise AssertionError("not reached: tries is at least 1")

    async def _send(self, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        path = f"/0/private/{name}"
        nonce = str(time.time_ns())
        body = urlencode({"nonce": nonce, **fields})
        digest = hashlib.sha256((nonce + body).encode()).digest()
        sign = hmac.new(
            base64.b64decode(self._key.api_secret), path.encode() + digest, hashlib.sha512
        ).digest()
        headers = {
            "API-Key": self._key.api_key,
            "API-Sign": base64.b64encode(sign).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with self._http.post(self._url + path, data=body, headers=headers) as response:
            response.raise_for_status()
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer
