"""A stub of Kraken that costs next to nothing: it checks nothing, and answers every request with canned bytes.

Run as ``python -m benchmarks.stub``: it prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
import time
from email.utils import formatdate
from functools import lru_cache
from itertools import count
from typing import Final


@lru_cache(maxsize=4)
def _answer(result: bytes, second: int) -> bytes:
    """Return an answer of this second: a ``Date`` that stood still would be looked at by each call, as none is."""
    body = b'{"error":[],"result":' + result + b"}"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (formatdate(second, usegmt=True).encode(), len(body)) + body


#: An account's balances, as Kraken's documentation shows them.
BALANCE: Final = (
    b'{"ZUSD":"171288.6158","ZEUR":"504861.8946","XXBT":"1011.1908877900","XETH":"818.5500000000",'
    b'"USDT":"500000.00000000","DAI":"9999.9999999999","DOT":"2.5000000000","ETH2.S":"198.3970800000",'
    b'"ETH2":"2.5885574330","USD.M":"1213029.2780"}'
)
ENVELOPE: Final = b'{"error":[],"result":' + BALANCE + b"}"
#: One order placed; its number is put in.
ORDER: Final = b'{"descr":{"order":"buy 1.25000000 XBTUSD @ limit 37500.0"},"txid":["O%05d-BBBBB-CCCCCC"]}'
AMENDED: Final = b'{"amend_id":"TAAAAA-BBBBB-CCCCCC"}'
CANCELLED: Final = b'{"count":1}'
_NUMBERS: Final = count()


def _result(head: bytes) -> bytes:
    """Return what a request, its head in lower case, is answered with."""
    if head.startswith(b"post /0/private/addorder "):
        return ORDER % (next(_NUMBERS) % 100_000)
    if head.startswith(b"post /0/private/cancelorder "):
        return CANCELLED
    return AMENDED if head.startswith(b"post /0/private/amendorder ") else BALANCE


class Stub(asyncio.Protocol):
    """One connection: finds the end of each request and writes the answer, whatever was asked."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        data = self._waiting + data
        while (end := data.find(b"\r\n\r\n") + 4) > 3:
            head = data[:end].lower()
            found = head.find(b"content-length:")
            if found >= 0:
                end += int(head[found + 15 : head.find(b"\r", found)])
            if len(data) < end:
                break
            data = data[end:]
            self._transport.write(_answer(_result(head), int(time.time())))
        self._waiting = data


async def main() -> None:
    """Serve on a free port of loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stub, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        # Whoever started it is gone, however it ended, once the pipe is closed.
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
