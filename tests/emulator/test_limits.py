"""The emulator's counters against values worked out by hand and by an oracle in exact fractions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest

from kraken_async.emulator.counters import Counter
from kraken_async.emulator.rules import NEEDS, call_cost
from tests.emulator.emulator_support import LIMIT, MARKET, Desk

RATE = "EAPI:Rate limit exceeded"
ENGINE_RATE = "EOrder:Rate limit exceeded"
# name: maximum, decay, threshold, engine decay, open orders; Kraken's published table
TABLE = {
    "starter": (15, Fraction(33, 100), 60, Fraction(1), 60),
    "intermediate": (20, Fraction(1, 2), 125, Fraction(234, 100), 80),
    "pro": (20, Fraction(1), 180, Fraction(375, 100), 225),
}


def charged(desk: Desk, name: str, fields: Mapping[str, object], pair: str = "XBTUSD", **how: bool) -> float:
    """Return what one call adds to the engine counter of ``pair``, at one moment."""
    before = desk.emulator.engine_level(pair)
    desk.send(name, dict(fields), **how)
    return round(desk.emulator.engine_level(pair) - before, 6)


# ------------------------------------------------------------------ the call counter


@pytest.mark.parametrize("tier", TABLE)
def test_calls_pass_up_to_the_maximum_and_then_one_per_decay(tier: str) -> None:
    maximum, decay = TABLE[tier][:2]
    desk = Desk(limits=True, tier=tier)
    for _ in range(maximum):
        desk.call("Balance")
    assert desk.refusal("Balance") == RATE
    desk.clock.advance(float(1 / decay) - 0.01)
    assert desk.refusal("Balance") == RATE  # which costs again, up to the maximum
    desk.clock.advance(float(1 / decay) + 0.001)
    desk.call("Balance")
    assert desk.refusal("Balance") == RATE
    desk.clock.advance(float(maximum / decay))
    assert desk.emulator.counter_level(desk.emulator.key.api_key) == 0


def test_edge_decides_whether_the_counter_may_be_filled_exactly() -> None:
    desk = Desk(limits=True, edge="exclusive")
    for _ in range(14):
        desk.call("Balance")
    assert desk.refusal("Balance") == RATE


def test_refused_calls_count_up_to_the_maximum_or_prolonged_beyond() -> None:
    levels = {}
    for prolonged in (False, True):
        desk = Desk(limits=True, prolonged=prolonged)
        for _ in range(20):
            desk.send("Balance")
        levels[prolonged] = desk.emulator.counter_level(desk.emulator.key.api_key)
    assert levels == {False: 15, True: 20}


def test_refused_arguments_count_too() -> None:
    desk = Desk(limits=True)
    desk.refusal("QueryLedgers")
    assert desk.emulator.counter_level(desk.emulator.key.api_key) == 2


def test_costs_of_the_calls() -> None:
    two = {"Ledgers", "TradesHistory"}
    perhaps_two = {"QueryLedgers", "QueryTrades", "OpenOrders", "ClosedOrders"}
    trading = {"AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder", "CancelOrder", "CancelOrderBatch"}
    for name in NEEDS:
        documented = 0 if name in trading else 2 if name in two else 1
        assert call_cost(name, documented=True) == documented, name
        assert call_cost(name) == (2 if name in perhaps_two else documented), name
    assert Desk(limits=True, documented_costs=True).call("OpenOrders") == {"open": {}}


def test_trading_does_not_use_the_call_counter_and_keys_do_not_share_it() -> None:
    desk = Desk(limits=True)
    other = desk.emulator.add_key()
    for _ in range(16):
        desk.send("Balance")
    assert desk.refusal("Balance") == RATE
    desk.place()
    desk.call("Balance", key=other)


def test_key_may_have_a_tier_of_its_own() -> None:
    desk = Desk(limits=True)
    pro = desk.emulator.add_key(tier="pro")
    for _ in range(20):
        desk.call("Balance", key=pro)
    assert desk.refusal("Balance", key=pro) == RATE


def test_without_limits_nothing_is_counted() -> None:
    desk = Desk()
    for _ in range(100):
        desk.call("Ledgers")
        desk.place()
    assert desk.emulator.counter_level(desk.emulator.key.api_key) == 0
    assert desk.emulator.engine_level("XBTUSD") == 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("prolonged", [False, True])
def test_counter_agrees_with_an_oracle_in_fractions(seed: int, exclusive: bool, prolonged: bool) -> None:
    rng = random.Random(seed)
    limit, decay = rng.choice([(15, Fraction(33, 100)), (20, Fraction(1)), (60, Fraction(1))])
    counter = Counter(limit, float(decay))
    t, level = Fraction(1_000), Fraction(0)
    for _ in range(500):
        step = Fraction(rng.choice([0, 0, 1, 7, 40]), 16)  # exact as a float
        t, level = t + step, max(Fraction(0), level - decay * step)
        cost = Fraction(rng.choice([2, 4, 5]), 2)
        allowed = level + cost < limit if exclusive else level + cost <= limit
        if allowed or prolonged:
            level += cost
        else:
            level = max(level, min(level + cost, Fraction(limit)))
        assert counter.admit(float(cost), float(t), exclusive=exclusive, prolonged=prolonged) is allowed
        assert counter.level(float(t)) == pytest.approx(float(level))


def test_clock_that_steps_back_takes_nothing_off() -> None:
    counter = Counter(15, 1.0)
    counter.charge(10, 100.0)
    assert counter.level(50.0) == 10
    assert counter.admit(1, 50.0)
    assert counter.level(50.0) == 11


# ------------------------------------------------------------------ the engine counter


def test_krakens_worked_example_adds_up_to_eight() -> None:
    desk = Desk(limits=True)
    total = charged(desk, "AddOrder", LIMIT)
    (txid,) = desk.emulator.orders
    desk.clock.advance(7)
    total += charged(desk, "AmendOrder", {"txid": txid, "limit_price": "37000"})
    desk.clock.advance(36)
    total += charged(desk, "CancelOrder", {"txid": txid})
    assert total == 8
    assert desk.emulator.orders[txid].status == "canceled"


@pytest.mark.parametrize(
    ("age", "amend", "edit", "cancel"),
    [
        (0, 4, 7, 8), (4.9, 4, 7, 8), (5, 3, 6, 6), (9.9, 3, 6, 6), (10, 2, 5, 5), (14.9, 2, 5, 5),
        (15, 1, 3, 4), (44.9, 1, 3, 4), (45, 1, 2, 2), (89.9, 1, 2, 2), (90, 1, 1, 1), (299.9, 1, 1, 1),
        (300, 1, 1, 0), (9999, 1, 1, 0),
    ],
)  # fmt: skip
def test_cost_by_age_of_the_order(age: float, amend: int, edit: int, cancel: int) -> None:
    for name, cost, fields in (
        ("AmendOrder", amend, {"limit_price": "37000"}),
        ("EditOrder", edit, {"pair": "XBTUSD", "price": "37000"}),
        ("CancelOrder", cancel, {}),
    ):
        desk = Desk(limits=True)
        txid = desk.place()
        desk.clock.advance(age)
        assert charged(desk, name, {"txid": txid, **fields}) == cost, name


def test_batches_cost_by_their_number() -> None:
    desk = Desk(limits=True)
    row = {name: value for name, value in LIMIT.items() if name != "pair"}
    assert charged(desk, "AddOrderBatch", {"pair": "XBTUSD", "orders": [row] * 5}, as_json=True) == 2.5
    desk.clock.advance(50)
    assert charged(desk, "CancelOrderBatch", {"orders": list(desk.emulator.orders)}, as_json=True) == 10


def test_fixed_part_falls_due_when_the_arguments_are_bad_too() -> None:
    desk = Desk(limits=True)
    assert charged(desk, "AddOrder", {**LIMIT, "volume": "x"}) == 1
    assert charged(desk, "AddOrder", {**LIMIT, "validate": "true"}) == 1
    txid = desk.place()
    assert charged(desk, "AmendOrder", {"txid": txid, "limit_price": "x"}) == 1
    assert charged(desk, "AmendOrder", {"txid": "OAAAAA-AAAAA-AAAAAA", "limit_price": "1"}) == 0


def test_amend_below_what_is_filled_is_charged_as_a_cancel() -> None:
    desk = Desk(limits=True)
    txid = desk.place()
    desk.emulator.fill(txid, "1")
    desk.clock.advance(20)
    assert charged(desk, "AmendOrder", {"txid": txid, "order_qty": "0.5"}) == 4
    order = desk.emulator.orders[txid]
    assert (order.status, order.volume) == ("canceled", Decimal(1))


@pytest.mark.parametrize("tier", TABLE)
def test_adds_are_refused_at_the_threshold_and_pass_again_after_decay(tier: str) -> None:
    threshold, decay = TABLE[tier][2:4]
    desk = Desk(limits=True, tier=tier)
    for _ in range(threshold):
        desk.call("AddOrder", MARKET)  # filled at once, so that the cap on open orders stays out of it
    assert desk.refusal("AddOrder", MARKET) == ENGINE_RATE
    desk.clock.advance(float(1 / decay) - 0.01)
    assert desk.refusal("AddOrder", MARKET) == ENGINE_RATE
    desk.clock.advance(float(1 / decay) + 0.001)
    desk.call("AddOrder", MARKET)
    assert desk.refusal("AddOrder", MARKET) == ENGINE_RATE


def test_cancels_are_charged_and_never_refused() -> None:
    desk = Desk(limits=True)
    txids = [desk.place() for _ in range(20)]
    for txid in txids:
        assert charged(desk, "CancelOrder", {"txid": txid}) == 8
    assert desk.emulator.engine_level("XBTUSD") == 20 + 160
    assert desk.refusal("AddOrder", LIMIT) == ENGINE_RATE


def test_each_pair_and_each_account_has_its_own_engine_counter_and_keys_share_it() -> None:
    desk = Desk(limits=True)
    second, elsewhere = desk.emulator.add_key(), desk.emulator.add_key(account="sub")
    desk.place()
    desk.call("AddOrder", LIMIT, key=second)
    desk.call("AddOrder", LIMIT, key=elsewhere)
    desk.place(pair="ETHUSD", price="2000")
    assert desk.emulator.engine_level("XBTUSD") == 2
    assert desk.emulator.engine_level("XBTUSD", "sub") == 1
    assert desk.emulator.engine_level("ETHUSD") == 1


def test_cancel_all_costs_one_on_each_pair_involved_and_one_call() -> None:
    desk = Desk(limits=True)
    for _ in range(3):
        desk.place()
    desk.place(pair="ETHUSD", price="2000")
    before = desk.emulator.engine_level("XBTUSD"), desk.emulator.engine_level("ETHUSD")
    assert desk.call("CancelAll") == {"count": 4}
    after = desk.emulator.engine_level("XBTUSD"), desk.emulator.engine_level("ETHUSD")
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
    assert desk.emulator.counter_level(desk.emulator.key.api_key) == 1


def test_open_orders_per_pair_are_capped() -> None:
    desk = Desk(limits=True)
    for _ in range(60):
        desk.place()
        desk.clock.advance(1)
    assert desk.refusal("AddOrder", LIMIT) == "EOrder:Orders limit exceeded"
    desk.place(pair="ETHUSD", price="2000")
    desk.call("CancelOrder", {"txid": next(iter(desk.emulator.orders))})
    desk.clock.advance(60)
    desk.place()


# ------------------------------------------------------------------ public calls


def test_public_calls_are_limited_by_pair_for_trades_and_ohlc_and_together_otherwise() -> None:
    desk = Desk(public_limit=(2, 1.0))
    refused = ["EGeneral:Too many requests"]
    assert "unixtime" in desk.public("Time")
    assert "XXBTZUSD" in desk.public("Ticker", "pair=XBTUSD")
    assert desk.public("Time") == refused
    for pair in ("XBTUSD", "ETHUSD"):
        for _ in range(2):
            assert desk.public("Trades", f"pair={pair}") != refused
        assert desk.public("Trades", f"pair={pair}") == refused
    desk.clock.advance(1)
    assert desk.public("Time") != refused
