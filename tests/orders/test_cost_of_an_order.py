"""What an order writes: little, and no more after many orders than after few."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from statistics import median

import pytest

from kraken_async import FileStore
from kraken_async.system.durable import Disk
from kraken_async.wire.messages import Response, SignedRequest
from tests.exchange import session_through

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "1", "volume": "1"}
#: Bytes for the journal's lines, the state's header and slow fields, and the names of the order.
MOST = 2048


async def test_an_order_writes_two_kibibytes_at_most_however_many_went_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    written = 0

    async def answers(request: SignedRequest, _: float) -> Response:
        result = {"txid": [f"O{next(numbers):05}-BBBBB-CCCCCC"], "unixtime": time.time()}
        return Response(200, {}, json.dumps({"error": [], "result": result}).encode())

    def pwrite(fd: int, data: bytes, at: int) -> int:
        nonlocal written
        written += len(data)
        return os.pwrite(fd, data, at)

    write = os.write

    def counted(fd: int, data: bytes) -> int:
        nonlocal written
        written += len(data)
        return write(fd, data)

    monkeypatch.setattr(Disk, "pwrite", staticmethod(pwrite))
    monkeypatch.setattr(os, "write", counted)
    sizes = []
    async with session_through(answers, store=FileStore(tmp_path)) as client:
        for _ in range(400):
            before = written
            await client.private("AddOrder", ORDER)
            sizes.append(written - before)
    assert 0 < median(sizes[350:]) <= MOST
    assert median(sizes[350:]) <= 1.1 * median(sizes[10:60])
