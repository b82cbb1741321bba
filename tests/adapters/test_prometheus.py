"""What Prometheus gets is well formed, true, and all that the dashboard asks for."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from kraken_async import BurstGovernor, CallRecord, KrakenAPIError, KrakenSession, MemoryStore, guards
from kraken_async.adapters import prometheus
from kraken_async.adapters.background import BackgroundSession
from kraken_async.adapters.prometheus import KrakenCollector
from kraken_async.emulator.plugin import RunningEmulator
from tests import exchange

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "kraken_async.json"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def session(emulator: RunningEmulator, **more: Any) -> KrakenSession:
    # Sessions of one account share its counters, those of other tests too.
    given = {"governor": BurstGovernor("pro", startup_window=0), "tier": "pro", "account": emulator.url}
    return exchange.session(emulator, **{**given, **more})


def read(registry: CollectorRegistry) -> Samples:
    """Everything that is exposed, as the official parser reads it."""
    text = generate_latest(registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def trade(client: KrakenSession) -> None:
    """A bit of everything, so that every metric has a sample."""
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000", "volume": "0.001"}
    await client.private("Balance")
    await client.private("AddOrder", order)
    with pytest.raises(KrakenAPIError):
        await client.private("AddOrder", {**order, "volume": "1000000000"})


async def test_the_numbers_are_those_of_the_session(kraken_emulator: RunningEmulator) -> None:
    registry, collector = CollectorRegistry(), KrakenCollector()
    registry.register(collector)
    async with session(kraken_emulator, observers=[collector.observer(key="main")]) as client:
        collector.add(client, key="main")
        await trade(client)
        samples, stats = read(registry), client.stats()
    assert value(samples, "kraken_async_up", key="main") == 1
    assert value(samples, "kraken_async_nonces_issued_total", key="main") == stats.total_nonces_issued == 3
    assert value(samples, "kraken_async_calls_total", key="main", outcome="answered") == 2
    assert value(samples, "kraken_async_calls_total", key="main", outcome="refused") == 1
    (code,) = stats.errors
    assert value(samples, "kraken_async_errors_total", key="main", error=code) == 1
    assert value(samples, "kraken_async_call_counter_maximum", key="main") == 20
    assert value(samples, "kraken_async_uptime_seconds", key="main") > 0
    labels = {"key": "main", "endpoint": "AddOrder"}
    assert value(samples, "kraken_async_call_wait_seconds_count", outcome="answered", **labels) == 1
    assert value(samples, "kraken_async_call_round_trip_seconds_count", outcome="refused", **labels) == 1
    assert value(samples, "kraken_async_call_round_trip_seconds_sum", outcome="answered", **labels) > 0
    (pair,) = stats.pair_levels
    assert value(samples, "kraken_async_engine_counter_level", key="main", pair=pair) > 0


async def test_the_names_keep_to_the_conventions(kraken_emulator: RunningEmulator) -> None:
    registry, collector = CollectorRegistry(), KrakenCollector()
    registry.register(collector)
    async with session(kraken_emulator, observers=[collector.observer()]) as client:
        collector.add(client)
        await trade(client)
        families = list(parse_openmetrics(generate_openmetrics(registry).decode()))  # the stricter of the two
    assert len(families) > 25
    for family in families:
        assert family.name.startswith("kraken_async_")
        assert family.documentation.endswith(".")
        assert not family.name.endswith("_total")  # the samples of a counter do
        assert family.type in ("counter", "gauge", "histogram")
        if family.type == "histogram" or re.search(r"wait|round_trip|age|lead|uptime|until", family.name):
            assert family.name.endswith("_seconds"), family.name
        assert family.samples, family.name
    assert kraken_emulator.api_key not in generate_latest(registry).decode()


async def test_two_sessions_share_one_collector(kraken_emulator: RunningEmulator) -> None:
    registry, collector = CollectorRegistry(), KrakenCollector()
    registry.register(collector)
    first, second = session(kraken_emulator), KrakenSession(store=MemoryStore())
    async with first, second:
        collector.add(first, key="a")
        collector.add(second, key="b")
        samples = read(registry)
        assert value(samples, "kraken_async_up", key="a") == value(samples, "kraken_async_up", key="b") == 1
        collector.remove(second)
        assert ("kraken_async_up", frozenset({("key", "b")})) not in read(registry)
        with pytest.raises(ValueError, match="labels are"):
            collector.add(second, account="b")
        with pytest.raises(ValueError, match="labels are"):
            collector.observer()


async def test_a_scrape_in_another_thread_is_answered_by_the_sessions_loop(
    kraken_emulator: RunningEmulator,
) -> None:
    registry = CollectorRegistry()
    seen: list[threading.Thread] = []
    async with session(kraken_emulator) as client:
        registry.register(KrakenCollector(client))
        stats = client.stats

        def watched() -> Any:
            seen.append(threading.current_thread())
            return stats()

        client.stats = watched  # type: ignore[method-assign]  # the test stands in for it
        samples = await asyncio.to_thread(read, registry)
    assert value(samples, "kraken_async_up") == 1
    assert seen == [threading.current_thread()]


async def test_a_blocked_loop_shows_as_down_and_costs_the_others_nothing(
    kraken_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "PATIENCE", 0.5)
    registry, collector = CollectorRegistry(), KrakenCollector()
    registry.register(collector)
    with BackgroundSession(lambda: session(kraken_emulator)) as background:
        collector.add(background, key="background")
        async with KrakenSession(store=MemoryStore()) as client:
            collector.add(client, key="blocked")
            found: list[Samples] = []
            scrape = threading.Thread(target=lambda: found.append(read(registry)))
            scrape.start()
            scrape.join()  # this loop stands still meanwhile
    assert value(found[0], "kraken_async_up", key="background") == 1
    assert value(found[0], "kraken_async_up", key="blocked") == 0
    assert ("kraken_async_halted", frozenset({("key", "blocked")})) not in found[0]


def test_a_session_of_no_loop_is_refused_at_once() -> None:
    with pytest.raises(RuntimeError):
        KrakenCollector(KrakenSession(store=MemoryStore()))


def test_endpoints_that_are_not_krakens_share_one_label() -> None:
    registry, collector = CollectorRegistry(), KrakenCollector()
    registry.register(collector)
    observe = collector.observer()
    for name in ("Balance", "Made/Up", "MadeUp2"):
        observe(
            CallRecord(
                endpoint=name,
                priority="READ",
                outcome="not sent",
                error=None,
                attempts=0,
                wait=1.0,
                round_trip=0.0,
                nonce=0,
            )
        )
    samples = read(registry)
    assert value(samples, "kraken_async_call_wait_seconds_count", endpoint="other", outcome="not sent") == 2
    assert not [name for name, _ in samples if name == "kraken_async_call_round_trip_seconds_count"]


# ------------------------------------------------------------------ the dashboard


def expressions() -> Iterator[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["query"]["query"]


async def test_every_query_of_the_dashboard_names_metrics_and_labels_that_exist(
    kraken_emulator: RunningEmulator,
) -> None:
    registry, collector = CollectorRegistry(), KrakenCollector()
    registry.register(collector)
    observer = collector.observer(key="main")
    async with session(kraken_emulator, observers=[observer], guard=guards.no_funding) as client:
        collector.add(client, key="main")
        await trade(client)
        samples = read(registry)
    labels: dict[str, set[str]] = {}
    for name, pairs in samples:
        labels.setdefault(name, {"job", "instance"}).update(label for label, _ in pairs)
    queries = list(expressions())
    assert len(queries) > 20
    for query in queries:
        names = re.findall(r"kraken_async_\w+", query)
        assert names, query
        for name in names:
            assert name in labels, f"{query}: no metric {name}"
        used = set(re.findall(r"(\w+)\s*=~?\s*\"", query))
        for listed in re.findall(r"by \(([^)]*)\)", query):
            used |= {label.strip() for label in listed.split(",")}
        for label in used:
            assert label in labels[names[0]], f"{query}: {names[0]} has no label {label}"


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["__inputs"][0]["name"] == "DS_PROMETHEUS"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${DS_PROMETHEUS}"
            assert panel["description"]
