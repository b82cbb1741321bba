"""Kraken's charges by the age of an order, and the engine counter: charged, decayed, reported, named by Kraken."""

from __future__ import annotations

import itertools

import pytest

from kraken_async.api.endpoints import Tier
from kraken_async.limits.budget import Budget
from kraken_async.limits.counters import AGE_COSTS, FIXED_COSTS, age_cost, decayed, seconds_until
from kraken_async.limits.governor import BurstGovernor
from kraken_async.limits.matching_engine import MANY_PAIRS, MARGIN, EngineCharge, EngineCounter, account
from kraken_async.stores.base import Shared
from tests.limits.limits_support import Clock, admission, call

_names = itertools.count()
NOW = 5000.0


@pytest.mark.parametrize(
    ("kind", "costs"),
    [
        ("amend", {0: 3, 5: 2, 10: 1, 15: 0, 1000: 0}),
        ("edit", {0: 6, 5: 5, 10: 4, 15: 2, 45: 1, 90: 0, 1000: 0}),
        ("cancel", {0: 8, 5: 6, 10: 5, 15: 4, 45: 2, 90: 1, 300: 0, 1000: 0}),
    ],
)
def test_each_age_costs_what_kraken_says_from_its_first_second_to_its_last(
    kind: str, costs: dict[int, int]
) -> None:
    for (start, cost), (end, _) in itertools.pairwise(costs.items()):
        assert age_cost(kind, start) == age_cost(kind, end - 0.001) == cost
    assert age_cost(kind, max(costs)) == 0


def test_the_fixed_part_is_charged_for_all_but_cancels() -> None:
    assert FIXED_COSTS == {"add": 1.0, "amend": 1.0, "edit": 1.0, "cancel": 0.0}
    assert set(AGE_COSTS) == {"amend", "edit", "cancel"}


def test_what_decays_stops_at_nothing_and_time_never_runs_back() -> None:
    assert decayed(10.0, NOW, 2.0, NOW + 3.0) == 4.0
    assert decayed(10.0, NOW, 2.0, NOW + 60.0) == 0.0
    assert decayed(10.0, NOW, 2.0, NOW - 60.0) == 10.0
    assert seconds_until(10.0, 4.0, 2.0) == 3.0
    assert seconds_until(4.0, 4.0, 2.0) == 0.0
    assert seconds_until(3.0, 4.0, 2.0) == 0.0


def counter(tier: Tier = Tier.PRO) -> EngineCounter:
    return EngineCounter(tier, account(f"engine {next(_names)}"))


def test_what_was_done_elsewhere_is_charged_by_what_it_was_and_how_old_the_order_is() -> None:
    engine = counter()
    engine.report("add", "XBT/USD", "o", None, NOW)
    assert engine.level("XBTUSD", NOW) == 1.0
    engine.report("amend", "XBTUSD", "o", None, NOW + 7.0)  # seven seconds old, and young again
    assert engine.level("XBTUSD", NOW + 7.0) == 1.0 + 2.0  # the first has decayed
    assert engine.account.ages.age("o", NOW + 7.0) == 0.0
    engine.report("cancel", "XBTUSD", "o", 60.0, NOW + 7.0)  # by the age that is given
    assert engine.level("XBTUSD", NOW + 7.0) == 3.0 + 2.0


def test_an_order_cancelled_elsewhere_is_not_taken_for_a_new_one() -> None:
    engine = counter()
    engine.report("cancel", "XBTUSD", "gone", 60.0, NOW)
    assert engine.account.ages.pair("gone") is None
    engine.report("edit", "XBTUSD", None, 60.0, NOW)  # without a name nothing is learnt, and nothing breaks
    assert len(engine.account.ages) == 0
    engine.report("edit", "XBTUSD", "edited", 60.0, NOW)
    assert engine.account.ages.age("edited", NOW + 1.0) == 1.0


def test_a_level_that_kraken_names_is_taken_with_what_has_decayed_since() -> None:
    engine = counter(Tier.STARTER)  # one a second
    assert engine.observed("XBTUSD", 50.0, NOW, least=1.0, most=3.0)
    assert engine.level("XBTUSD", NOW) == 49.0
    assert engine.account.named["XBTUSD"] == NOW - 3.0
    assert engine.level("XBTUSD", NOW + 9.0) == 40.0


@pytest.mark.parametrize(
    ("charged", "named", "taken"),
    [
        (-2.0, 10.0, False),  # it may not have seen the charge of two seconds ago
        (-3.0, 10.0, True),  # it has seen that of three
        (-5.0, 10.0, True),
        (-2.0, 40.0, True),  # but a higher one is taken anyhow
        (-2.0, 29.0, False),  # as high as ours: 28 now, by either
        (-2.0, 29.5, True),
    ],
)
def test_a_lower_level_than_ours_is_taken_only_if_it_holds_all_that_was_charged(
    charged: float, named: float, taken: bool
) -> None:
    engine = counter(Tier.STARTER)
    engine.account.levels["XBTUSD"] = [28.0 - charged, NOW + charged]
    assert engine.level("XBTUSD", NOW) == 28.0
    assert engine.observed("XBTUSD", named, NOW, least=1.0, most=3.0) is taken
    assert engine.level("XBTUSD", NOW) == (named - 1.0 if taken else 28.0)


def test_a_budget_counts_the_calls_that_may_all_have_gone() -> None:
    clock, shared = Clock(), Shared()
    shared.level, shared.level_at = 0.0, clock.now
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    budget = Budget.of(gate, shared, clock.now)
    room = int(budget.pair_threshold - MARGIN)
    assert budget.seconds("AddOrder", room, pair="XBT/USD") == 0.0
    assert budget.seconds("AddOrder", room + 4, pair="XBTUSD") == pytest.approx(4 / budget.pair_decay)
    gate.engine.report("add", "XBTUSD", None, None, clock.now)
    budget = Budget.of(gate, shared, clock.now)
    assert budget.seconds("AddOrder", room, pair="XBT/USD") == pytest.approx(1 / budget.pair_decay)
    assert budget.seconds("AddOrder", room, pair="ETHUSD") == 0.0
    least = budget.room - int(budget.room)
    assert budget.seconds("Balance", int(budget.room)) == 0.0
    assert budget.seconds("Balance", int(budget.room) + 1) == pytest.approx((1 - least) / budget.decay)


async def test_a_budget_counts_what_the_engine_is_charged_for_a_batch() -> None:
    clock, shared = Clock(), Shared()
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    for rows in (2, 3, 15):
        gate.engine.account.levels["XBTUSD"] = [59.0, clock.now]
        budget = Budget.of(gate, shared, clock.now)
        batch = call("AddOrderBatch", pair="XBTUSD", orders=[{}] * rows)
        batch.resource = gate.resource(batch)
        waits = gate.seconds_until_free(batch, shared, clock.now).seconds
        assert waits > 0
        assert budget.seconds("AddOrderBatch", pair="XBT/USD", rows=rows) == pytest.approx(waits)
        assert budget.seconds("AddOrderBatch", 4, pair="XBTUSD", rows=rows) == pytest.approx(
            waits + 3 * rows / 2 / budget.pair_decay
        )
        assert budget.seconds("AddOrderBatch", pair="ETHUSD", rows=rows) == 0.0
    assert budget.seconds("AddOrderBatch", pair="XBTUSD") == budget.seconds("AddOrder", pair="XBTUSD") > 0
    with pytest.raises(ValueError, match="rows of a batch"):
        budget.seconds("AddOrderBatch", rows=0)


def test_cancels_go_at_once_whatever_a_budget_holds() -> None:
    clock, shared = Clock(), Shared()
    shared.level, shared.level_at = 15.0, clock.now
    gate = admission(BurstGovernor("starter", startup_window=0), clock)
    gate.engine.account.levels["XBTUSD"] = [60.0, clock.now]  # as Kraken's refusal sets it
    budget = Budget.of(gate, shared, clock.now)
    assert budget.seconds("AddOrder", pair="XBTUSD") > 0
    for name in ("CancelOrder", "CancelOrderBatch", "CancelAll", "CancelAllOrdersAfter"):
        assert budget.seconds(name, 50, pair="XBTUSD") == 0.0


def test_the_reserve_is_kept_from_a_budget_once_the_key_trades() -> None:
    clock, shared = Clock(), Shared()
    gate = admission(BurstGovernor("pro", startup_window=0), clock)
    before = Budget.of(gate, shared, clock.now).room
    shared.trading = True
    assert before - Budget.of(gate, shared, clock.now).room == 2.0


async def test_what_no_state_says_is_taken_for_half_full_by_who_uses_that_counter_alone() -> None:
    clock, shared = Clock(), Shared()
    gate = admission(BurstGovernor("pro", startup_window=0), clock)
    for name, level in (("AddOrder", None), ("CancelOrder", None), ("Balance", 10.0)):
        each = call(name, pair="XBTUSD")
        each.resource = gate.resource(each)
        gate.seconds_until_free(each, shared, clock.now)
        assert shared.level == level


def test_pairs_that_have_run_empty_are_dropped_once_there_are_many() -> None:
    engine, shared = counter(Tier.STARTER), Shared()
    for number in range(MANY_PAIRS):
        engine.charge(EngineCharge(f"P{number}", 1.0), shared, NOW)
    engine.charge(EngineCharge("P0", 9.0), shared, NOW)
    assert len(shared.engine) == MANY_PAIRS
    engine.charge(EngineCharge("P1", 1.0), shared, NOW + 5.0)  # one that is there drops none
    assert len(shared.engine) == MANY_PAIRS
    engine.charge(EngineCharge("new", 1.0), shared, NOW + 5.0)
    assert set(shared.engine) == {"P0", "P1", "new"}


def test_the_higher_level_of_two_sessions_counts_unless_kraken_has_named_it_since() -> None:
    engine = counter(Tier.STARTER)
    engine.account.levels["XBTUSD"] = [10.0, NOW]
    assert engine.pairs(Shared(engine={"XBTUSD": [12.0, NOW], "ETHUSD": [3.0, NOW]}), NOW) == [
        "XBTUSD",
        "ETHUSD",
    ]
    assert engine.level("XBTUSD", NOW) == 12.0
    engine.pairs(Shared(engine={"XBTUSD": [12.0, NOW]}), NOW + 60.0)
    assert engine.observed("XBTUSD", 5.0, NOW + 60.0, least=0.0, most=2.0)
    engine.pairs(Shared(engine={"XBTUSD": [40.0, NOW + 58.0]}), NOW + 60.0)  # Kraken had seen that
    assert engine.level("XBTUSD", NOW + 60.0) == 5.0
    engine.pairs(Shared(engine={"XBTUSD": [40.0, NOW + 58.5]}), NOW + 60.0)  # and this it may not have
    assert engine.level("XBTUSD", NOW + 60.0) == 38.5


def test_what_is_not_counted_goes_at_once_though_the_counter_is_above_its_room() -> None:
    clock, shared = Clock(), Shared()
    shared.level, shared.level_at = 15.0, clock.now
    budget = Budget.of(admission(BurstGovernor("starter", startup_window=0), clock), shared, clock.now)
    assert budget.level > budget.room
    assert budget.seconds("Balance") > 0.0
    for name in (
        "AddOrder",
        "AddOrderBatch",
        "AmendOrder",
        "CancelOrder",
        "CancelAll",
        "CancelAllOrdersAfter",
    ):
        assert budget.seconds(name) == 0.0
