"""The benchmark of what a call through the gateway costs: that it measures, not what."""

from __future__ import annotations

import pytest

from benchmarks.plan import TINY
from benchmarks.progress import Progress
from benchmarks.promises import promises
from benchmarks.report import report
from benchmarks.sections import gateway


@pytest.mark.proof
def test_the_cost_of_a_call_is_measured_beside_a_session_and_a_bare_server() -> None:
    found = gateway(TINY, Progress(quiet=True))
    assert set(found["cpu_us"]) == {"session", "aiohttp.web", "gateway"}
    assert all(each["median"] > 0 for each in found["cpu_us"].values())
    (row,) = promises({"gateway": found})
    assert row[:2] == ("gateway: CPU a call, ratio to a session's own", "≤ 2.5")
    run = {"date": "", "quick": True, "python": "", "system": "", "cpus": 2, "cpu": "", "load_before": 0}
    assert "Through the gateway" in report({"run": run | {"packages": {}}, "gateway": found})
