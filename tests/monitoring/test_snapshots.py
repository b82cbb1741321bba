"""A snapshot of a session is made once: to make it anew costs as much as all that it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kraken_async import FileStore
from kraken_async.monitoring.metrics import Statistics
from kraken_async.wire.messages import Response, SignedRequest
from tests.exchange import session_through

SECRET = "c2VjcmV0" * 8


async def answered(_request: SignedRequest, _timeout: float) -> Response:
    """Answer anything."""
    return Response(200, {}, b'{"error":[],"result":{}}')


async def test_where_all_is_well_one_snapshot_is_made_and_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = Statistics.__init__

    def counted(self: Statistics, **fields: Any) -> None:
        made.append(1)
        real(self, **fields)

    async with session_through(answered, store=FileStore(tmp_path)) as session:
        await session.private("Balance")
        monkeypatch.setattr(Statistics, "__init__", counted)
        stats = session.stats()
        assert len(made) == 1
        assert stats.problems == ()
        assert stats.answered == 1
        assert stats.last_nonce > 0
        monkeypatch.undo()
        assert session.stats().counter_maximum == stats.counter_maximum
