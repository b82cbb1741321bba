"""What is known of one order: when it was sent, by which clock, and what its caller is told."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from kraken_async.errors import OutcomeUnknown
from kraken_async.orders.intent import Intent
from kraken_async.orders.pending_order import MOST_LOOKS, PendingOrder, intent_of_error, this_boot
from kraken_async.orders.policy import OrderPolicy
from kraken_async.server_time import ServerTime

ORDER = {
    "pair": "XBTUSD",
    "type": "buy",
    "ordertype": "limit",
    "volume": "1",
    "price": "9",
    "cl_ord_id": "bot-1",
}
SENT: dict[str, Any] = {
    "sent": True,
    "sent_at": 5000.0,
    "clock_error": 0.5,
    "boot": this_boot(),
    "boot_clock": 100.0,
    "deadline": 5.0,
    "due": 5005.0,
}


def pending(*, known_at: float = 200.0, endpoint: str = "AddOrder", **changes: Any) -> PendingOrder:
    given = {"id": "i", "endpoint": endpoint, "params": ORDER, **SENT, **changes}
    return PendingOrder(Intent(**given), known_at)


def clock(monkeypatch: pytest.MonkeyPatch, *, ahead: float | None) -> ServerTime:
    """Return what is known of a Kraken whose clock is ``ahead`` of the boot clock by 4,900 s and that."""
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    found = ServerTime(lambda: 100.0)
    if ahead is not None:
        now = found.boot_clock() - 100.0  # what this machine was suspended for
        found.observe(5000 - now + ahead, 100.0, 100.0)
    return found


# -- for how long it has been on its way -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "elapsed"),
    [
        ({}, 400.0),
        ({"boot": "another boot"}, 300.0),
        ({"boot": ""}, 300.0),
        ({"sent": False}, 300.0),
        ({"boot_clock": None}, 300.0),
    ],
    ids=["sent in this boot", "in another boot", "nobody knows when", "not marked as sent", "no clock"],
)
def test_the_time_since_the_send_counts_from_what_is_certain(changes: dict[str, Any], elapsed: float) -> None:
    """By the boot clock of its mark, or else from when this process first knew of it."""
    assert pending(**changes).clocks(now=500.0, kraken=None, epoch=0).elapsed == elapsed


@pytest.mark.parametrize(
    ("changes", "life", "due"),
    [
        ({}, 5.0, 5005.0),
        ({"deadline": None}, 5.5, 5005.0),
        ({"deadline": None, "clock_error": None}, 5.0, 5005.0),
        ({"deadline": None, "due": None}, 0.0, None),
    ],
    ids=["stamped here", "the caller's own", "the caller's own, clock not known", "none"],
)
def test_a_deadline_is_no_nearer_than_the_clock_can_tell(
    changes: dict[str, Any], life: float, due: float | None
) -> None:
    clocks = pending(**changes).clocks(now=500.0, kraken=6000.0, epoch=0)
    assert (clocks.life, clocks.due) == (life, due)
    assert (clocks.remaining(0.0) is None) is (due is None)


# -- when it was sent, in Kraken's time --------------------------------------------------------------------


def test_what_was_recorded_and_what_is_known_now_narrow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = pending(clock_error=0.6).send_time(clock(monkeypatch, ahead=0.3))
    assert sent is not None
    assert (sent.earliest, sent.latest, sent.due) == pytest.approx((5000.3, 5000.6, 5005.0))


@pytest.mark.parametrize("ahead", [20.0, -20.0])
def test_two_clocks_that_contradict_each_other_tell_nothing(
    ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pending().send_time(clock(monkeypatch, ahead=ahead)) is None


@pytest.mark.parametrize(
    ("changes", "earliest"),
    [
        ({"boot": "another boot"}, 4999.5),
        ({"boot_clock": None}, 4999.5),
        ({"clock_error": None}, 5000.0),
        ({"boot": "another boot", "clock_error": None}, None),
    ],
    ids=["in another boot", "no clock", "time not known then", "nothing is known"],
)
def test_either_clock_tells_by_itself(
    changes: dict[str, Any], earliest: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = pending(**changes).send_time(clock(monkeypatch, ahead=0.0))
    assert (None if sent is None else sent.earliest) == pytest.approx(earliest)


def test_nothing_is_known_while_kraken_s_time_never_was(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pending(clock_error=None).send_time(clock(monkeypatch, ahead=None)) is None


def test_without_its_mark_it_was_sent_at_any_time_since(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = pending(sent=False).send_time(clock(monkeypatch, ahead=0.0))
    assert sent is not None
    assert sent.latest == math.inf


def test_the_nonce_of_an_order_is_that_of_its_intent() -> None:
    assert pending(nonce=17).nonce == 17
    assert pending().nonce == 0


# -- by what it is known -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "params", "keys"),
    [
        ("AddOrder", {"cl_ord_id": "Bot-1"}, ("cbot-1",)),
        ("AddOrder", {"userref": 7}, ("u7",)),
        ("AddOrder", {"userref": 0}, ("u0",)),
        ("AddOrder", {}, ()),
        ("AmendOrder", {"txid": "OA", "cl_ord_id": "bot-1"}, ("aoa",)),
        ("AmendOrder", {"cl_ord_id": "Bot-1"}, ("abot-1",)),
        ("EditOrder", {"txid": "OA"}, ("eoa",)),
        ("EditOrder", {}, ()),
        ("Withdraw", {"txid": "OA"}, ()),
    ],
)
def test_what_another_call_may_carry_too_is_claimed_in_one_spelling(
    endpoint: str, params: dict[str, Any], keys: tuple[str, ...]
) -> None:
    assert tuple(key.lower() for key in pending(endpoint=endpoint, params=params).keys) == keys
    assert pending(endpoint=endpoint, params=params, generated=True).keys == ()


# -- what is told ------------------------------------------------------------------------------------------


def test_an_error_names_the_order_that_a_change_is_about() -> None:
    named = pending(endpoint="AmendOrder", params={"txid": "OA", "limit_price": "9"})
    assert named.unknown("not seen").txid == "OA"
    learnt = pending(endpoint="AmendOrder", params={"cl_ord_id": "bot-1", "limit_price": "9"})
    assert learnt.unknown("not seen").txid is None
    learnt.txid = "OB"
    assert learnt.unknown("not seen").txid == "OB"
    assert pending().unknown("not seen").txid is None


def test_an_error_keeps_the_latest_looks() -> None:
    order = pending()
    for at in range(MOST_LOOKS + 3):
        order.note_look(float(at), "OpenOrders", "0 shown")
    looks = order.unknown("not seen").looks
    assert [look.at for look in looks] == [float(at) for at in range(3, MOST_LOOKS + 3)]


def test_a_caller_s_own_userref_is_said_to_prove_nothing() -> None:
    own = pending(params={**ORDER, "cl_ord_id": None, "userref": 7})
    assert "proves no identity" in str(own.unknown("not seen"))
    assert "proves no identity" not in str(own.unknown("absent"))
    assert "proves no identity" not in str(pending().unknown("not seen"))


# -- errors of other processes -----------------------------------------------------------------------------


def error(**changes: Any) -> OutcomeUnknown:
    given = {
        "endpoint": "AddOrder",
        "nonce": 17,
        "cl_ord_id": "bot-1",
        "userref": 7,
        "sent": ORDER,
        "sent_at": 5000.0,
    }
    return OutcomeUnknown("lost", **{**given, **changes})


def test_an_error_without_its_intent_tells_what_it_can() -> None:
    intent = intent_of_error(error(), OrderPolicy())
    assert (intent.id, intent.endpoint, intent.nonce) == ("nonce 17", "AddOrder", 17)
    assert (intent.cl_ord_id, intent.userref, intent.params) == ("bot-1", 7, ORDER)
    assert (intent.sent, intent.generated) == (True, False)
    assert (intent.sent_at, intent.deadline, intent.due) == (5000.0, 5.0, 5005.0)
    assert (intent.clock_error, intent.boot_clock) == (None, None)


def test_an_error_of_an_intent_is_of_that_intent() -> None:
    assert intent_of_error(error(intent_id="its own"), OrderPolicy()).id == "its own"
    nothing = intent_of_error(error(nonce=None, sent_at=None, endpoint=None), OrderPolicy(deadline=None))
    assert (nothing.nonce, nothing.sent_at, nothing.endpoint) == (0, 0.0, "")
    assert (nothing.deadline, nothing.due) == (None, None)


def test_a_deadline_of_the_caller_s_own_is_that_of_the_error() -> None:
    own = intent_of_error(error(sent={**ORDER, "deadline": "1970-01-01T01:23:40Z"}), OrderPolicy())
    assert (own.deadline, own.due) == (None, 5020.0)
