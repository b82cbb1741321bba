"""Which order is the one that was sent: the identity table, against a Kraken that cuts, rounds, renames and resolves.

`shown` below is this test's own Kraken: it shows an order in one of the ways that clients have recorded.
"""

from __future__ import annotations

import random
import uuid
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken_async.orders.intent import Intent
from kraken_async.orders.order_agreement import agrees, disagreements, same_number, same_price
from kraken_async.orders.order_matching import (
    DOUBT,
    LATE,
    NOTHING,
    SLACK,
    Look,
    RequestedOrder,
    SendTime,
    Sight,
    amended_at,
    judge,
    judge_amend,
    judge_edit,
    rows_of,
)

SENT = SendTime(earliest=1000.0, latest=1001.0, due=1006.0)
AFTER, NEAR, BEFORE = 1002.0, 1000.5, 990.0
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1.25", "price": "27500"}
ID = "6c9b3f0e-7d61-4f2c-9a55-0d2f8f0f7a11"
PAIRS = {"USDTZUSD": "USDTUSD", "XXBTZUSD": "XBTUSD", "BTC/USD": "XBTUSD", "XBTUSD": "XBTUSD"}


def shown(fields: dict[str, Any], *, at: float = AFTER, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Show an order as Kraken may show it."""
    rng = random.Random(seed)
    how = rng.choice([ROUND_DOWN, ROUND_HALF_EVEN])
    volume = Decimal(str(fields["volume"])).quantize(Decimal("1e-8"), how)
    price = _resolved(fields.get("price", "0"), rng).quantize(Decimal("0.1"), how)
    client_id, ref = fields.get("cl_ord_id"), fields.get("userref")
    order: dict[str, Any] = {
        "refid": None,
        "status": rng.choice(["open", "pending"]),
        "opentm": at,
        "expiretm": 0,
        "vol": f"{volume:f}",
        "oflags": ",".join(sorted({"fciq", *filter(None, str(fields.get("oflags", "")).split(","))})),
        "descr": {
            "pair": PAIRS[fields["pair"]],
            "type": fields["type"],
            "ordertype": fields["ordertype"],
            "price": "0" if fields["ordertype"] == "market" else f"{price:f}",
            "price2": "0",
            "leverage": "none",
            "order": "",
            "close": "close position @ limit 30000.0" if "close[ordertype]" in fields else "",
        },
    }
    if client_id is not None:
        spelt = [str(client_id), str(client_id).upper(), str(client_id).replace("-", "")]
        order["cl_ord_id"] = rng.choice(spelt) if len(spelt[0]) == 36 else spelt[0]
    if ref:
        order["userref"] = rng.choice([int(ref), str(ref)])
    elif (none := rng.choice(["missing", None, 0])) != "missing":
        order["userref"] = none
    return {**order, **changes}


def _resolved(price: Any, rng: random.Random) -> Decimal:
    text = str(price)
    plain = Decimal("".join(each for each in text if each.isdigit() or each == ".") or "0")
    return plain if text[:1].isdigit() and "%" not in text else Decimal(rng.randint(100, 90_000))


def row(*, generated: bool = False, **fields: Any) -> RequestedOrder:
    intent = Intent(id="i", endpoint="AddOrder", params={**LIMIT, **fields}, sent_at=1.0, generated=generated)
    return rows_of(intent)[0]


def say(what: RequestedOrder, *orders: dict[str, Any], **look: Any) -> Sight:
    given = {f"O{number}": order for number, order in enumerate(orders)}
    return judge(what, given, Look(**{"sent": SENT, "filtered": True, **look}))


FOUND = Sight("O0")
OWN_ID = row(cl_ord_id="bot-1")
OWN_REF = row(userref=77)
MADE_ID = row(cl_ord_id=ID, generated=True)
MADE_REF = row(userref=123456, generated=True, **{"close[ordertype]": "limit", "close[price]": "-10%"})

# -- an id made here ---------------------------------------------------------------------------------------

orders_sent = st.fixed_dictionaries(
    {
        "pair": st.sampled_from(sorted(PAIRS)),
        "type": st.sampled_from(["buy", "sell"]),
        "ordertype": st.sampled_from(["limit", "market", "stop-loss", "take-profit-limit"]),
        "volume": st.decimals("0.00000001", "1000", places=12) | st.just(Decimal(100) / 3),
    },
    optional={
        "price": st.sampled_from(["27500", "27500.123456", "+5", "-2%", "#3", "-1.5%"]),
        "oflags": st.sampled_from(["post", "fcib", "post,nompp"]),
    },
)


@given(orders_sent, st.integers(0, 2**32), st.booleans())
def test_an_order_always_matches_itself_by_an_id_made_here(
    fields: dict[str, Any], seed: int, complete: bool
) -> None:
    made = row(cl_ord_id=str(uuid.UUID(int=seed)), generated=True, **fields)
    order = shown(made.fields, at=random.Random(seed).choice([BEFORE, NEAR, AFTER]), seed=seed)
    for filtered in (False, True):
        assert say(made, order, filtered=filtered, complete=complete) == FOUND
        assert say(made, order, filtered=filtered, sent=None) == FOUND


@given(orders_sent, st.integers(1, 2**31 - 1), st.integers(0, 2**32))
def test_an_order_always_matches_itself_by_a_userref_made_here(
    fields: dict[str, Any], ref: int, seed: int
) -> None:
    made = row(userref=ref, generated=True, **fields, **{"close[ordertype]": "limit"})
    assert say(made, shown(made.fields, seed=seed), sent=None) == FOUND


@given(orders_sent, st.integers(0, 2**32), st.sampled_from(["cl_ord_id", "userref"]), st.data())
def test_fields_never_prove_absence(
    fields: dict[str, Any], seed: int, name: str, data: st.DataObject
) -> None:
    """Whatever Kraken makes of the fields: an order of this id, new by Kraken's clock, is found or doubt."""
    own = row(**{**fields, name: {"cl_ord_id": "bot-1", "userref": 77}[name]})
    order = shown(own.fields, at=data.draw(st.sampled_from([NEAR, AFTER])), seed=seed)
    for field in data.draw(st.sets(st.sampled_from(["vol", "oflags", "descr", "expiretm"]))):
        order[field] = data.draw(st.sampled_from(["0.5", "x", None, {}, 7]))
    assert say(own, order) in (FOUND, DOUBT)
    assert say(own, order, sent=None) == DOUBT


def test_an_id_made_here_is_found_whatever_the_order_looks_like() -> None:
    odd = shown(MADE_ID.fields, vol="0.5", oflags="", descr={})
    assert say(MADE_ID, odd) == FOUND
    assert say(MADE_ID, odd, complete=False, rivals=True, others=frozenset({"O0"})) == FOUND


def test_an_order_of_another_id_is_not_it() -> None:
    other = shown({**LIMIT, "cl_ord_id": str(uuid.uuid4())})
    assert say(MADE_ID, other) == NOTHING
    assert say(MADE_ID, shown({**LIMIT, "userref": 5})) == NOTHING


def test_an_order_that_shows_no_id_is_it_only_alone_agreeing_and_asked_for() -> None:
    silent = shown(LIMIT)
    assert say(MADE_ID, silent) == FOUND
    assert say(MADE_ID, silent, filtered=False) == NOTHING
    assert say(MADE_ID, silent, shown(LIMIT)) == DOUBT
    assert say(MADE_ID, shown(LIMIT, vol="9")) == DOUBT
    assert say(MADE_ID, silent, complete=False) == DOUBT
    assert say(MADE_ID, silent, others=frozenset({"O0"})) == NOTHING
    assert say(MADE_ID, shown(LIMIT, at=BEFORE)) == NOTHING
    assert say(MADE_ID, silent, sent=None) == DOUBT


def test_a_conditional_close_is_not_taken_for_its_parent() -> None:
    parent = shown(MADE_REF.fields)
    child = shown({**LIMIT, "type": "sell", "userref": 123456}, refid="O0")
    assert say(MADE_REF, parent, child) == FOUND
    assert say(MADE_REF, child) == DOUBT  # it proves that its parent was placed, and does not name it here


@pytest.mark.parametrize("none", [None, "None", "null", "", 0, " None "], ids=repr)
def test_words_for_no_order_and_no_id_are_neither(none: Any) -> None:
    """Kraken's own samples show ``"refid": "None"``."""
    own_ref = row(userref=7)
    for each in (own_ref, MADE_REF, MADE_ID, OWN_ID):
        assert say(each, shown(each.fields, refid=none)) == FOUND
    for each in (own_ref, MADE_REF):
        assert say(each, shown(each.fields, cl_ord_id=none)) == FOUND
    assert say(MADE_ID, shown(LIMIT, cl_ord_id=none)) == FOUND
    word = row(cl_ord_id="None")
    assert say(word, shown(word.fields)) == FOUND


def test_an_order_with_the_own_userref_that_another_order_made_is_doubt() -> None:
    own_ref = row(userref=7)
    child = shown({**own_ref.fields}, refid="OAAAAA-BBBBB-CCCCCC")
    assert say(own_ref, child) == DOUBT
    assert say(own_ref, shown(own_ref.fields), child) == FOUND


# -- a cl_ord_id of the caller's own -----------------------------------------------------------------------


def test_an_own_id_opened_after_the_send_is_found_whatever_it_looks_like() -> None:
    assert say(OWN_ID, shown(OWN_ID.fields, at=AFTER, vol="1.2499", oflags="", expiretm=7)) == FOUND
    percent = row(cl_ord_id="bot-1", price="-2%")
    assert say(percent, shown(percent.fields, at=AFTER)) == FOUND


def test_an_own_id_of_an_order_that_another_writer_must_have_sent_is_doubt() -> None:
    assert say(OWN_ID, shown({**OWN_ID.fields, "volume": "1.5"})) == DOUBT
    assert say(OWN_ID, shown({**OWN_ID.fields, "type": "sell"})) == DOUBT
    assert say(OWN_ID, shown({**OWN_ID.fields, "pair": "USDTZUSD"})) == DOUBT


def test_an_own_id_of_an_older_order_is_not_it() -> None:
    yesterday = shown(
        OWN_ID.fields, at=SENT.earliest - 86_400, status="closed", closetm=SENT.earliest - 80_000
    )
    assert say(OWN_ID, yesterday) == NOTHING
    assert say(OWN_ID, yesterday, shown(OWN_ID.fields)) == Sight("O1")


def test_an_own_id_is_doubt_while_kraken_s_time_is_not_known() -> None:
    assert say(OWN_ID, shown(OWN_ID.fields, at=BEFORE), sent=None) == DOUBT
    assert say(OWN_ID, shown(OWN_ID.fields, at=AFTER), sent=None) == DOUBT


def test_an_own_id_within_what_is_not_known_of_the_clock_must_agree_and_be_alone() -> None:
    assert say(OWN_ID, shown(OWN_ID.fields, at=NEAR)) == FOUND
    assert say(OWN_ID, shown(OWN_ID.fields, at=NEAR, vol="0.5")) == DOUBT
    closed = shown(OWN_ID.fields, at=BEFORE, status="closed", closetm=NEAR)
    assert say(OWN_ID, shown(OWN_ID.fields, at=NEAR), closed) == DOUBT
    told = shown(OWN_ID.fields, at=NEAR, status="closed", closetm=NEAR)
    assert say(OWN_ID, shown(OWN_ID.fields, at=NEAR), told, others=frozenset({"O1"})) == DOUBT
    older = shown(OWN_ID.fields, at=BEFORE, status="closed", closetm=BEFORE + 1)
    assert say(OWN_ID, shown(OWN_ID.fields, at=NEAR), older) == FOUND


def test_an_own_id_told_to_another_call_or_sent_by_one_is_not_taken() -> None:
    order = shown(OWN_ID.fields)
    assert say(OWN_ID, order, others=frozenset({"O0"})) == NOTHING
    assert say(OWN_ID, order, rivals=True) == DOUBT
    assert say(OWN_ID, order, complete=False) == DOUBT
    assert say(OWN_ID, order, order) == DOUBT


def test_an_order_opened_past_the_deadline_is_not_it() -> None:
    assert say(OWN_ID, shown(OWN_ID.fields, at=1007.5)) == NOTHING
    assert say(OWN_ID, shown(OWN_ID.fields, at=1007.5), sent=SendTime(1000.0, 1001.0)) == FOUND


def test_an_order_that_does_not_say_when_it_was_opened_is_doubt_or_agrees() -> None:
    assert say(OWN_ID, shown(OWN_ID.fields, opentm=None, vol="0.5")) == DOUBT
    assert say(OWN_ID, shown(OWN_ID.fields, opentm="soon", vol="0.5")) == DOUBT


# -- a userref of the caller's own -------------------------------------------------------------------------


def test_a_userref_with_one_new_order_that_agrees_is_found() -> None:
    assert say(OWN_REF, shown(OWN_REF.fields, at=NEAR)) == FOUND


@pytest.mark.parametrize(
    "look",
    [{"complete": False}, {"rivals": True}, {"sent": None}],
    ids=["half an answer", "another call", "time not known"],
)
def test_a_userref_is_doubt_where_anything_is_missing(look: dict[str, Any]) -> None:
    assert say(OWN_REF, shown(OWN_REF.fields), **look) == DOUBT


def test_a_userref_of_two_new_orders_is_doubt() -> None:
    assert say(OWN_REF, shown(OWN_REF.fields), shown(OWN_REF.fields, vol="3")) == DOUBT


def test_a_userref_of_an_older_or_another_calls_order_is_not_it() -> None:
    assert say(OWN_REF, shown(OWN_REF.fields, at=BEFORE)) == NOTHING
    assert say(OWN_REF, shown(OWN_REF.fields), others=frozenset({"O0"})) == NOTHING
    assert say(OWN_REF, shown({**LIMIT, "userref": 78})) == NOTHING
    assert say(OWN_REF, shown({**LIMIT, "cl_ord_id": "x"})) == NOTHING


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "-2%"},
        {"volume": "1.3"},
        {"type": "sell"},
        {"ordertype": "market"},
        {"oflags": "post"},
        {"leverage": "2"},
        {"expiretm": "1800000000"},
        {"pair": "USDTZUSD"},
        {"close[ordertype]": "limit"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_userref_with_a_field_that_differs_is_doubt(changes: dict[str, Any]) -> None:
    own = row(userref=77, **changes)
    assert say(own, shown(OWN_REF.fields)) == DOUBT
    assert disagreements(own.fields, shown(OWN_REF.fields)) == [next(iter(changes)).split("[")[0]]


@pytest.mark.parametrize(
    "shows",
    [
        {"expiretm": 1800000000},
        {"starttm": 1800000000},
        {"oflags": "fciq,post"},
        pytest.param({"oflags": "fcib,viqc"}, id="by cost"),
        {"reduce_only": True},
        {"time_in_force": "ioc"},
        pytest.param({"time_in_force": "FOK"}, id="all or nothing"),
        {"descr": {**shown(OWN_REF.fields)["descr"], "leverage": "5:1"}},
    ],
    ids=lambda shows: next(iter(shows)),
)
def test_a_userref_of_an_order_that_shows_more_than_was_sent_is_doubt(shows: dict[str, Any]) -> None:
    """Another writer's order: with leverage, post-only, or one that expires."""
    assert say(OWN_REF, shown(OWN_REF.fields, **shows)) == DOUBT


@pytest.mark.parametrize(
    "shows",
    [
        {"expiretm": 0, "starttm": 0},
        {"expiretm": None, "starttm": "0"},
        {"oflags": "fcib,nompp"},
        {"reduce_only": False},
        {"time_in_force": "gtc"},
        {"time_in_force": None},
        {"trigger": "index", "margin": False, "misc": ""},
    ],
)
def test_a_userref_of_an_order_that_shows_krakens_defaults_is_found(shows: dict[str, Any]) -> None:
    assert say(OWN_REF, shown(OWN_REF.fields, **shows)) == FOUND


@pytest.mark.parametrize("volume", [100 / 3, "33.333333333333333", Decimal(100) / 3])
def test_a_volume_that_kraken_cuts_or_rounds_agrees(volume: Any) -> None:
    own = row(userref=77, volume=volume)
    for seed in range(8):
        assert say(own, shown(own.fields, seed=seed)) == FOUND


def test_a_pair_that_kraken_renames_agrees() -> None:
    own = row(userref=77, pair="USDTZUSD", price="1.0")
    assert say(own, shown(own.fields)) == FOUND


@pytest.mark.parametrize("none", ["null", "zero", "missing"])
def test_a_userref_of_zero_is_found_however_kraken_shows_it(none: str) -> None:
    own = row(userref=0)
    order = shown(own.fields)
    order.pop("userref", None)
    if none != "missing":
        order["userref"] = {"null": None, "zero": 0}[none]
    assert say(own, order, filtered=False) == FOUND
    assert say(own, shown({**LIMIT, "userref": 5}), filtered=False) == NOTHING


def test_without_an_id_nothing_is_ever_said() -> None:
    assert row().identity == "nothing"
    assert say(row(), shown(LIMIT)) == DOUBT
    assert say(row()) == DOUBT


# -- when it was sent --------------------------------------------------------------------------------------


@given(st.floats(900, 1100), st.floats(0, 3), st.floats(0, 1))
def test_an_order_opened_after_its_send_is_never_old_and_one_before_it_never_new(
    sent: float, width: float, share: float
) -> None:
    when = SendTime(sent - width * share, sent + width * (1 - share))
    for after in (0.0, 0.01, 5.0):
        assert not when.old(sent + after)
    for before in (0.001, 0.5, 50.0):
        assert not when.new(sent - before)
        assert when.old(sent - before) or when.near(sent - before)


@pytest.mark.parametrize(
    ("at", "old", "new"),
    [
        (999.5, True, False),
        (1000.0, False, False),
        (1001.0, False, False),
        (1001.5, False, True),
        (1007.0, False, True),
        (1007.5, True, True),
        (None, False, False),
    ],
)
def test_bounds_of_the_send_are_taken_with_a_margin(at: float | None, *, old: bool, new: bool) -> None:
    """Kraken's own clocks may differ by 0.1 s, and an order may come 1 s past its deadline."""
    assert (SENT.old(at), SENT.new(at)) == (old, new)
    assert SENT.near(at) is (not old and not new)


def test_the_margins_belong_to_what_they_bound() -> None:
    when = SendTime(earliest=SLACK, latest=0.0)
    assert not when.old(0.0)
    assert when.new(SLACK)
    assert not SendTime(0.0, 0.0, due=0.0).old(LATE)


def test_a_field_of_none_is_no_userref_and_stays_what_was_sent() -> None:
    own = row(userref=None, price2=None)
    assert own.identity == "nothing"
    assert own.fields == {**LIMIT, "price2": None}
    assert row(userref=7, price2=None).fields == {**LIMIT, "userref": 7, "price2": None}


# -- numbers -----------------------------------------------------------------------------------------------


@given(st.decimals("0.00000001", "1e6", places=14), st.integers(0, 10))
def test_a_number_agrees_with_itself_cut_or_rounded(value: Decimal, places: int) -> None:
    for how in (ROUND_DOWN, ROUND_HALF_EVEN):
        assert same_number(str(value), f"{value.quantize(Decimal(1).scaleb(-places), how):f}")


@pytest.mark.parametrize(
    ("sent", "shown_as"),
    [
        ("1.25", "1.26"),
        ("1.25", "1.24000000"),
        ("27500", "27500.1"),
        ("x", "1"),
        ("1", None),
        ("1.29", "1.1"),
    ],
)
def test_numbers_that_differ_do_not_agree(sent: str, shown_as: Any) -> None:
    assert not same_number(sent, shown_as)


def test_nothing_is_rounded_up_by_more_than_half_a_digit() -> None:
    assert not same_number("1.21", f"{Decimal('1.21').quantize(Decimal('0.1'), ROUND_UP)}")


def test_numbers_of_any_size_do_not_raise() -> None:
    for sent in ("1e60", "1e-60", "9" * 40, "0"):
        for other in ("1e60", "1e-60", "0.00000001", "0"):
            same_number(sent, other)


def test_a_relative_price_equals_no_absolute_one() -> None:
    assert not same_price("-2%", "2")
    assert not same_price("+5", "5")
    assert same_price("+5.0%", "+5%")
    assert same_price("27500", "27500.0")


def test_flags_may_be_expanded_and_none_may_be_missing() -> None:
    assert agrees({**LIMIT, "oflags": "post"}, shown({**LIMIT, "oflags": "post"}))
    assert not agrees({**LIMIT, "oflags": "post"}, shown(LIMIT))


def test_a_stop_that_fired_agrees_with_what_it_became() -> None:
    order = shown({**LIMIT, "ordertype": "market"})
    assert disagreements({**LIMIT, "ordertype": "stop-loss"}, order) == ["price"]
    assert not agrees({**LIMIT, "ordertype": "limit"}, order)


def test_a_market_order_agrees_though_it_is_shown_with_price_0() -> None:
    market = {**LIMIT, "ordertype": "market"}
    assert agrees(market, shown(market))
    assert not agrees(LIMIT, shown({**LIMIT, "price": "0"}))


# -- batches -----------------------------------------------------------------------------------------------


def test_rows_of_a_batch_take_the_pair_and_stand_in_their_places() -> None:
    rows = [
        {"type": "buy", "volume": "1", "cl_ord_id": "a"},
        {"type": "sell", "volume": "2", "userref": 5},
        7,
    ]
    intent = Intent(id="i", endpoint="AddOrderBatch", params={"pair": "XBTUSD", "orders": rows}, sent_at=1.0)
    found = rows_of(intent)
    assert [each.identity for each in found] == ["own cl_ord_id", "own userref", "nothing"]
    assert [each.key for each in found] == ["ca", "u5", None]
    assert all(each.fields["pair"] == "XBTUSD" for each in found)
    assert rows_of(Intent(id="i", endpoint="AddOrderBatch", params={"orders": 5}, sent_at=1.0)) == ()


# -- amends ------------------------------------------------------------------------------------------------

AMEND = {"txid": "O0", "limit_price": "20010", "order_qty": "1.25"}


def amend(at: float = AFTER, name: str = "T1", **changes: Any) -> dict[str, Any]:
    row = {"amend_id": name, "amend_type": "user", "limit_price": "20010.0", "order_qty": "1.25000000"}
    return {**row, "timestamp": int(at * 1e9), **changes}


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_the_unit_of_an_amends_time_is_told_by_its_size(unit: int) -> None:
    assert amended_at(1_728_821_182 * unit) == pytest.approx(1_728_821_182)
    assert amended_at(None) is None
    assert amended_at("x") is None


def say_amend(*rows: Any, fields: dict[str, Any] = AMEND, **look: Any) -> Sight:
    return judge_amend(fields, rows, Look(**{"sent": SENT, **look}))


def at_real_time(seconds: float) -> float:
    return 1_728_821_182 + seconds - 1000


REAL = SendTime(at_real_time(1000.0), at_real_time(1001.0), at_real_time(1006.0))


@pytest.mark.parametrize("unit", [10**3, 10**6, 10**9], ids=["ms", "us", "ns"])
def test_an_amend_is_found_in_every_unit(unit: int) -> None:
    row = amend(timestamp=int(at_real_time(AFTER) * unit))
    assert say_amend(row, sent=REAL) == Sight("T1")
    old = amend(name="T0", timestamp=int(at_real_time(BEFORE) * unit))
    assert say_amend(old, row, sent=REAL) == Sight("T1")
    assert say_amend(old, sent=REAL) == NOTHING


def test_an_amend_is_doubt_where_it_is_not_alone_or_does_not_agree() -> None:
    row = amend(timestamp=int(at_real_time(AFTER) * 1000))
    assert say_amend(row, amend(timestamp=int(at_real_time(AFTER) * 1000), name="T2"), sent=REAL) == DOUBT
    assert say_amend({**row, "limit_price": "20011"}, sent=REAL) == DOUBT
    assert say_amend(row, fields={**AMEND, "limit_price": "+5"}, sent=REAL) == DOUBT
    assert say_amend(row, fields={"txid": "O0"}, sent=REAL) == DOUBT
    assert say_amend(row, sent=None) == DOUBT
    assert say_amend(row, sent=REAL, rivals=True) == DOUBT
    assert say_amend(row, sent=REAL, complete=False) == DOUBT


def test_an_amend_of_another_call_or_of_kraken_itself_is_not_it() -> None:
    row = amend(timestamp=int(at_real_time(AFTER) * 1000))
    assert say_amend(row, sent=REAL, others=frozenset({"T1"})) == NOTHING
    assert say_amend({**row, "amend_type": "original"}, sent=REAL) == NOTHING
    assert say_amend(None, "x", sent=REAL) == NOTHING


# -- edits -------------------------------------------------------------------------------------------------

EDIT = {"txid": "O9", "pair": "XBTUSD", "volume": "2.5"}


def say_edit(*orders: dict[str, Any], **look: Any) -> Sight:
    given = {f"O{number}": order for number, order in enumerate(orders)}
    return judge_edit(EDIT, "O9", shown(LIMIT, at=BEFORE), given, Look(**{"sent": SENT, **look}))


def test_an_edit_is_found_as_the_one_order_that_took_the_old_ones_place() -> None:
    new = shown({**LIMIT, "volume": "2.5"})
    assert say_edit(new) == FOUND
    assert say_edit(new, rivals=True) == DOUBT
    assert say_edit(new, complete=False) == DOUBT
    assert say_edit(new, sent=None) == DOUBT
    assert say_edit(new, shown(LIMIT)) == DOUBT
    assert say_edit(shown({**LIMIT, "volume": "2.6"})) == DOUBT
    assert say_edit(shown({**LIMIT, "volume": "2.5", "price": "1"})) == DOUBT
    assert say_edit(shown({**LIMIT, "volume": "2.5", "ordertype": "market"})) == DOUBT


def test_an_order_that_cannot_be_the_edited_one_is_not_it() -> None:
    assert say_edit() == NOTHING
    assert say_edit(shown({**LIMIT, "volume": "2.5"}, at=BEFORE)) == NOTHING
    assert say_edit(shown({**LIMIT, "volume": "2.5", "type": "sell"})) == NOTHING
    assert say_edit(shown({**LIMIT, "volume": "2.5", "cl_ord_id": "x"})) == NOTHING
    assert say_edit(shown({**LIMIT, "volume": "2.5"}), others=frozenset({"O0"})) == NOTHING
