"""SessionStatistics: what it reads, and when it leaves the shared state alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.calls.session_statistics import SessionStatistics
from kraken_async.monitoring.metrics import Metrics


class Key:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.read = 0

    def refresh(self) -> bool:
        self.read += 1
        return True


@pytest.mark.parametrize(
    ("lifting", "closing", "read"), [(False, False, 1), (True, False, 0), (False, True, 0), (True, True, 0)]
)
def test_what_others_wrote_is_read_unless_a_resume_is_not_written_yet_or_the_session_closes(
    lifting: bool, closing: bool, read: int
) -> None:
    key, nothing = Key(), SimpleNamespace()
    parts: dict[str, Any] = dict.fromkeys(
        ("gate", "queue", "worker", "tracker", "nonces", "board", "modes", "faults"), nothing
    )
    parts |= {
        "key": key,
        "halt": SimpleNamespace(lifting=lifting),
        "ledger": SimpleNamespace(closing=closing),
    }
    SessionStatistics(Metrics(), "ns", **parts).refresh()
    assert key.read == read
