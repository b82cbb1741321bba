"""Each problem's code has a metric, an alert rule of its severity, and a paragraph that says what to do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from kraken_async import Statistics
from kraken_async.adapters.prometheus.families import FAMILIES, PREFIX
from kraken_async.limits.governor import BurstGovernor
from kraken_async.monitoring import statistics
from kraken_async.monitoring.metrics import Metrics
from kraken_async.problems import SEVERITIES

DOCS = Path(__file__).parents[2] / "docs"
RULE = re.compile(
    r"""      - alert: (\w+)
        expr: (.+)
        for: \d+[mh]
        labels:
          severity: (\w+)
        annotations:
          summary: "[^"]+"
          runbook: docs/monitoring\.md#(\S+)
"""
)


def rules() -> list[tuple[str, str, str, str]]:
    text = (DOCS / "prometheus" / "kraken_async.rules.yml").read_text()
    head, _, body = text.partition("    rules:\n")
    assert head.endswith("groups:\n  - name: kraken_async\n")
    assert RULE.sub("", body) == ""  # nothing but rules of this shape
    return RULE.findall(body)


def stats(**more: Any) -> Statistics:
    return replace(statistics.of_calls(Metrics(), BurstGovernor(), 1.0), **more)


def test_each_code_has_one_alert_of_its_severity() -> None:
    down, *others = rules()
    assert down[1] == f"{PREFIX}up == 0"
    assert [(rule[1], rule[2], rule[3]) for rule in others] == [
        (f'{PREFIX}problem{{code="{code}"}} > 0', severity, code) for code, severity in SEVERITIES.items()
    ]
    assert len({rule[0] for rule in rules()}) == len(SEVERITIES) + 1


def test_each_alert_has_a_paragraph_that_says_what_to_do() -> None:
    text = (DOCS / "monitoring.md").read_text()
    paragraphs = dict(re.findall(r"### `([\w-]+)`\n\n(.+?)(?=\n\n|\Z)", text, re.DOTALL))
    assert list(paragraphs) == [rule[3] for rule in rules()]
    for _, _, severity, code in rules():
        assert paragraphs[code].startswith(f"*{severity.capitalize()}.* ")
        assert len(paragraphs[code]) > 100


def test_problems_are_counted_by_code_and_those_that_are_well_are_zero() -> None:
    (family,) = (each for each in FAMILIES if each.name == "problem")
    assert family.labels == ("code", "severity")
    found = stats(problem_codes=(("halted", "warning"), ("journal", "warning"), ("journal", "warning")))
    samples = {labels: value for labels, value in family.samples(found) if value}
    assert samples == {("halted", "warning"): 1.0, ("journal", "warning"): 2.0}
    assert len(list(family.samples(stats()))) == len(SEVERITIES)


def test_a_wait_is_a_metric() -> None:
    (family,) = (each for each in FAMILIES if each.name == "calls_held")
    assert list(family.samples(stats(waiting_for=None))) == [((), 0.0)]
    assert list(family.samples(stats(waiting_for="5 calls wait"))) == [((), 1.0)]


def test_the_dashboard_shows_problems_by_code_and_severity_and_what_waits() -> None:
    dashboard = json.loads((DOCS / "grafana" / "kraken_async.json").read_text())
    panels = {panel["title"]: panel for panel in dashboard["panels"]}
    (target,) = panels["Problems by code"]["targets"]
    assert re.match(rf"sum by \(severity, code\) \({PREFIX}problem\{{", target["expr"])
    assert target["legendFormat"] == "{{severity}}: {{code}}"
    assert f"{PREFIX}calls_held" in panels["Sessions whose calls wait"]["targets"][0]["expr"]
