"""The governor against an oracle that keeps Kraken's counters by its own arithmetic, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from unittest import mock

import pytest

from kraken_async.api.endpoints import Tier
from kraken_async.call import DEFAULTS, Call
from kraken_async.limits.counters import age_cost, decayed
from kraken_async.limits.governor import RESERVE, Admission, BurstGovernor
from kraken_async.limits.order_ages import Age
from kraken_async.stores.base import Shared
from tests.limits.limits_support import Clock, admission, call


class Oracle:
    """Kraken's call counter: what was charged, less what decayed since, never below nothing."""

    def __init__(self, maximum: float, decay: float) -> None:
        self.maximum, self.decay = maximum, decay
        self.level, self.at, self.refused = 0.0, 0.0, 0

    def arrive(self, cost: float, now: float) -> None:
        self.level = max(0.0, self.level - self.decay * (now - self.at)) + cost
        self.at = now
        self.refused += self.level > self.maximum


def wait(gate: Admission, each: Call, shared: Shared, clock: Clock) -> float:
    return gate.seconds_until_free(each, shared, clock.now).seconds


def send(gate: Admission, each: Call, shared: Shared, clock: Clock, latency: float = 0.0) -> float:
    """Wait as long as the gate says, send, and answer after ``latency``; return the time of arrival."""
    each.resource = gate.resource(each)
    for _ in range(10):
        seconds = wait(gate, each, shared, clock)
        if seconds <= 0:
            break
        clock.now += seconds
    else:
        pytest.fail("the gate never opened")
    gate.charge(each, shared, clock.now)
    each.sent_at = clock.now
    clock.now += latency
    if (late := gate.late_charge(each, clock.now)) > 0:
        shared.level, shared.level_at = gate.level(shared, clock.now) + late, clock.now
    return clock.now


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("latency", [0.0, 0.25])
async def test_sixty_mixed_reads_are_never_refused_and_within_three_percent_of_the_optimum(
    tier: Tier, latency: float
) -> None:
    clock = Clock()
    gate = admission(BurstGovernor(tier, startup_window=0), clock)
    shared = Shared(level=0.0, level_at=clock.now)  # known to be empty
    oracle = Oracle(tier.maximum, tier.decay)
    oracle.at = start = clock.now
    costs = [2 if n % 3 == 0 else 1 for n in range(60)]
    for cost in costs:
        oracle.arrive(cost, send(gate, call("Ledgers" if cost == 2 else "Balance"), shared, clock, latency))
    # The last call is admitted once all costs but what the maximum holds have decayed.
    optimum = (sum(costs) - tier.maximum) / tier.decay
    assert oracle.refused == 0
    assert clock.now - start - latency <= optimum * 1.03


async def test_with_no_record_the_counter_is_taken_as_half_full() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    shared = Shared()
    start, sent = clock.now, 0
    while clock.now == start:
        send(gate, call("Balance"), shared, clock)
        sent += clock.now == start
    assert sent == 7  # of 15, less half and a margin


async def test_a_key_that_trades_keeps_a_reserve_for_cancel_all_and_settling() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("pro", startup_window=0), clock)
    shared = Shared(level=20.0 - RESERVE - 0.5, level_at=clock.now)
    read = call("Balance")
    read.resource = gate.resource(read)
    assert wait(gate, read, shared, clock) == 0
    shared.trading = True
    assert wait(gate, read, shared, clock) > 0
    read.internal = True
    assert wait(gate, read, shared, clock) == 0
    for name in ("CancelAll", "CancelAllOrdersAfter"):
        each = call(name)
        each.resource = gate.resource(each)
        shared.level = 20.0
        assert wait(gate, each, shared, clock) == 0


async def test_orders_do_not_use_the_call_counter() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    shared = Shared(level=15.0, level_at=clock.now)
    order = call("AddOrder", pair="XBTUSD")
    order.resource = gate.resource(order)
    assert wait(gate, order, shared, clock) == 0
    gate.charge(order, shared, clock.now)
    assert shared.level == 15.0


async def test_a_counter_refusal_sets_the_counter_to_its_maximum() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    shared = Shared(level=0.0, level_at=clock.now)
    read = call("Balance")
    read.resource = gate.resource(read)
    gate.refused(read, shared, clock.now, engine=False)
    assert wait(gate, read, shared, clock) == pytest.approx((1 + 0.2) / 0.33, abs=0.01)


async def test_krakens_worked_example_add_amend_cancel_costs_eight() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    shared = Shared()

    def spent(each: Call) -> float:
        before = gate.engine.level("XBTUSD", clock.now)
        gate.charge(each, shared, clock.now)
        return gate.engine.level("XBTUSD", clock.now) - before

    total = spent(call("AddOrder", pair="XBT/USD"))
    gate.engine.learn([Age(("OAAAAA-BBBBB-CCCCCC",), "XXBTZUSD", clock.now)], clock.now)
    clock.now += 7
    total += spent(call("AmendOrder", txid="OAAAAA-BBBBB-CCCCCC"))
    gate.engine.learn([Age(("OAAAAA-BBBBB-CCCCCC",), "XXBTZUSD", clock.now)], clock.now)
    clock.now += 36
    total += spent(call("CancelOrder", txid="OAAAAA-BBBBB-CCCCCC"))
    assert total == 8


async def test_the_engine_counter_holds_adds_of_its_pair_only_and_never_a_cancel() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    shared = Shared()
    for _ in range(59):
        gate.charge(call("AddOrder", pair="XBTUSD"), shared, clock.now)
    same, other = call("AddOrder", pair="XBTUSD"), call("AddOrder", pair="ETHUSD")
    cancel = call("CancelOrder", txid="OAAAAA-BBBBB-CCCCCC")
    for each in (same, other, cancel):
        each.resource = gate.resource(each)
    assert wait(gate, same, shared, clock) == pytest.approx(1.0)
    assert wait(gate, other, shared, clock) == 0
    assert wait(gate, cancel, shared, clock) == 0


async def test_engine_levels_are_kept_in_the_shared_state_and_taken_over_by_another_session() -> None:
    clock = Clock()
    shared = Shared()
    first = admission(BurstGovernor("starter"), clock)
    first.charge(call("AddOrder", pair="XBTUSD"), shared, clock.now)
    assert shared.changed
    second = admission(BurstGovernor("starter"), clock)
    assert second.engine.pairs(shared, clock.now) == ["XBTUSD"]
    assert second.engine.level("XBTUSD", clock.now) == 1


async def test_a_report_of_an_order_placed_elsewhere_is_charged() -> None:
    clock = Clock()
    governor = BurstGovernor("pro")
    gate = admission(governor, clock)
    governor.report("add", "BTC/USD", order="OAAAAA-BBBBB-CCCCCC")
    governor.report("cancel", "XBTUSD", order="OAAAAA-BBBBB-CCCCCC")
    assert gate.engine.level("XBTUSD", clock.now) == 9
    with pytest.raises(ValueError, match="add, amend, edit, cancel"):
        governor.report("buy", "XBTUSD")


async def test_start_up_spaces_a_burst_after_ten_and_never_holds_a_cancel() -> None:
    loop = asyncio.get_running_loop()
    clock = Clock()
    clock.now = loop.time()
    gate = admission(BurstGovernor("pro"), clock)
    orders = [call("AddOrder", pair="XBTUSD") for _ in range(11)]
    for each in orders[:10]:
        each.resource = gate.resource(each)
        assert wait(gate, each, Shared(), clock) == 0
        await gate.started(each, clock.now)
    last = orders[10]
    last.resource = gate.resource(last)
    assert wait(gate, last, Shared(), clock) == pytest.approx(0.5, abs=0.1)
    assert wait(gate, call("CancelOrder", txid="x"), Shared(), clock) == 0
    last.options = replace(DEFAULTS, burst_protection=False)
    assert wait(gate, last, Shared(), clock) == 0
    last.options = DEFAULTS
    gate.governor.enabled = False
    assert wait(gate, last, Shared(), clock) == 0


async def test_after_the_window_nothing_is_spaced() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("pro"), clock)
    for _ in range(10):
        await gate.started(call("AddOrder", pair="XBTUSD"), clock.now)
    clock.now += 10.1
    assert not gate.in_startup(clock.now)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tier": "gold"}, "starter"),
        ({"startup_interval": 0}, "startup_interval > 0"),
        ({"max_burst_rate": 1}, "max_burst_rate >= 2"),
        ({"startup_window": -1}, "startup_window >= 0"),
    ],
)
def test_figures_that_make_no_sense_are_refused_with_the_cure(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BurstGovernor(**options)  # type: ignore[arg-type]  # wrong on purpose


def test_time_that_runs_back_decays_nothing() -> None:
    assert decayed(5.0, 100.0, 1.0, 50.0) == 5.0
    assert decayed(5.0, 100.0, 1.0, 200.0) == 0.0


@pytest.mark.parametrize(
    ("kind", "age", "cost"),
    [
        ("cancel", 4.9, 8),
        ("cancel", 5, 6),
        ("cancel", 299, 1),
        ("cancel", 300, 0),
        ("edit", 89, 1),
        ("amend", 15, 0),
    ],
)
def test_costs_by_age_are_krakens_table(kind: str, age: float, cost: float) -> None:
    assert age_cost(kind, age) == cost


async def test_what_cannot_be_judged_may_go_and_meets_the_fault_when_it_is_charged() -> None:
    clock, shared = Clock(), Shared()
    gate = admission(BurstGovernor("pro", startup_window=0), clock)
    order = call("AddOrder", pair="XBTUSD")
    order.resource = gate.resource(order)
    with mock.patch.object(gate.engine, "charge_for", side_effect=ArithmeticError):
        quote = gate.seconds_until_free(order, shared, clock.now)
        assert quote.seconds == 0.0
        with pytest.raises(ArithmeticError):
            gate.charge(order, shared, clock.now, quote)


async def test_what_kraken_let_through_proves_that_its_counter_was_not_above_the_maximum() -> None:
    clock = Clock()
    gate = admission(BurstGovernor("pro", startup_window=0), clock)
    shared = Shared(level=gate.tier.maximum + 7.0, level_at=clock.now)
    gate.charge(call("Balance"), shared, clock.now)
    assert shared.level == gate.tier.maximum + 1.0
