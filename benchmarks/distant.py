"""A stub of Kraken that is a round trip away: it answers late, minds nonces, and keeps when each cancel arrived.

Run as ``python -m benchmarks.distant LEAST MOST`` (seconds): it prints its port. For each line on its standard input
it prints what has arrived so far, as JSON; it ends when its standard input does.

Times are those of ``time.monotonic``, which all processes of a machine share on Linux and macOS. A request counts as
arrived when its last byte was read from the socket; the whole round trip passes after that.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import parse_qs

from benchmarks.stub import BALANCE

_HEAD: Final = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {}\r\nContent-Length: {}\r\n\r\n"
_REFUSED: Final = b'{"error":["EAPI:Invalid nonce"]}'
#: Results of what a client asks on its own account; everything else is answered with balances.
_RESULTS: Final = {
    "CancelOrder": b'{"count":1}',
    "GetApiKeyInfo": b'{"nonce_window":"0","query_from":"0","query_to":"0","valid_until":"0"}',
}


class Arrivals:
    """What has arrived: txid of a cancel -> when, and whether its nonce was accepted."""

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most
        self.cancels: dict[str, tuple[float, bool]] = {}
        self._nonces: dict[str, int] = {}

    def take(self, name: str, key: str, fields: dict[str, list[str]], at: float) -> bytes:
        """Note a request and return the body of its answer."""
        nonce = int(fields.get("nonce", ["0"])[0])
        accepted = not key or nonce > self._nonces.get(key, 0)
        if accepted:
            self._nonces[key] = nonce
        if name == "CancelOrder":
            txid = fields["txid"][0]
            before = self.cancels.get(txid)  # a cancel that was refused for its nonce may come again
            self.cancels[txid] = (before[0] if before else at, accepted or bool(before and before[1]))
        if not accepted:
            return _REFUSED
        if name == "Time":
            result = b'{"unixtime":%d,"rfc1123":"%b"}' % (time.time(), formatdate(usegmt=True).encode())
        else:
            result = _RESULTS.get(name, BALANCE)
        return b'{"error":[],"result":' + result + b"}"


class Distant(asyncio.Protocol):
    """One connection."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Note every request that is complete, and answer it a round trip later."""
        at = time.monotonic()
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n") + 4) > 3:
            lines = self._waiting[:end].decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
            }
            whole = end + int(headers.get("content-length", "0"))
            if len(self._waiting) < whole:
                return
            fields = parse_qs(self._waiting[end:whole].decode())
            self._waiting = self._waiting[whole:]
            name = lines[0].split(" ")[1].partition("?")[0].rpartition("/")[2]
            body = self._arrivals.take(name, headers.get("api-key", ""), fields, at)
            delay = random.uniform(self._arrivals.least, self._arrivals.most)
            asyncio.get_running_loop().call_later(delay, self._answer, body)

    def _answer(self, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(_HEAD.format(formatdate(usegmt=True), len(body)).encode() + body)


async def main(least: float, most: float) -> None:
    """Serve on a free port of loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    arrivals = Arrivals(least, most)
    server = await loop.create_server(lambda: Distant(arrivals), "127.0.0.1", 0, backlog=4096)

    def say(value: Any) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()

    say(server.sockets[0].getsockname()[1])
    async with server:
        while await loop.run_in_executor(None, sys.stdin.readline):
            say({"now": time.monotonic(), "cancels": arrivals.cancels})


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
