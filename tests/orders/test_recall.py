"""Orders taken back before they were sent: whose cancel came, and when."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kraken_async.api.endpoints import find
from kraken_async.orders import recall
from kraken_async.stores.recalled import Recalled

ID, OTHER = "6c9b3f0e-7d61-4f2c-9a55-0d2f8f0f7a11", "11111111-7d61-4f2c-9a55-0d2f8f0f7a11"


def shared(**changes: Any) -> Any:
    marked: list[bool] = []
    given = {"recalled": Recalled(), "cancelled_all_at": None, "halted": False, "marked": marked}
    return SimpleNamespace(**{**given, **changes}, mark_changed=lambda: marked.append(True))


def call(name: str, asked: float, **params: Any) -> Any:
    return SimpleNamespace(
        endpoint=find(name, private=True), params=params, enqueued_at=asked, attempt=0, first_sent_at=0.0
    )


@pytest.mark.parametrize(
    ("asked", "taken_back"),
    [(9.0, True), (10.0, True), (10.1, False)],
    ids=["before its cancel", "with its cancel", "after its cancel"],
)
@pytest.mark.parametrize("client_id", [ID, ID.upper(), ID.replace("-", "")])
def test_an_order_asked_for_no_later_than_its_cancel_is_taken_back(
    asked: float, client_id: str, *, taken_back: bool
) -> None:
    state = shared()
    recall.note_cancel(call("CancelOrder", 10.0, cl_ord_id=ID), state, now=11.0)
    why = recall.recalled(call("AddOrder", asked, cl_ord_id=client_id), state)
    assert why == (f"its cancel came (cl_ord_id={client_id})" if taken_back else None)
    assert recall.recalled(call("AddOrder", asked, cl_ord_id=OTHER), state) is None
    assert recall.recalled(call("AddOrder", asked), state) is None
    assert recall.recalled(call("Balance", asked, cl_ord_id=client_id), state) is None


@pytest.mark.parametrize(("asked", "taken_back"), [(19.0, True), (20.0, True), (20.1, False)])
def test_what_was_asked_for_while_cancels_were_missed_is_taken_back(
    asked: float, *, taken_back: bool
) -> None:
    state = shared()
    state.recalled.lost_at = 20.0
    why = recall.recalled(call("AddOrder", asked, cl_ord_id=ID), state)
    assert (why is not None) is taken_back
    assert why is None or "a cancel may have come" in why
    assert recall.recalled(call("AddOrder", asked), state) is None, "no cancel can have named it"


@pytest.mark.parametrize(
    ("attempt", "first_sent_at", "taken_back"),
    [(0, 10.0, False), (1, 10.0, True), (1, 12.0, True), (1, 12.5, False)],
)
def test_an_order_sent_before_a_cancel_of_all_is_not_repeated(
    attempt: int, first_sent_at: float, *, taken_back: bool
) -> None:
    state = shared()
    order = call("AddOrder", 9.0)
    order.attempt, order.first_sent_at = attempt, first_sent_at
    assert recall.recalled(order, state) is None
    recall.note_cancel(call("CancelAll", 11.0), state, now=12.0)
    assert state.marked
    assert (recall.recalled(order, state) is not None) is taken_back


def test_a_dead_mans_switch_takes_nothing_back() -> None:
    state = shared()
    recall.note_cancel(call("CancelAllOrdersAfter", 11.0, timeout=60), state, now=12.0)
    assert state.cancelled_all_at is None
    assert not state.marked


def test_what_still_waits_or_is_prepared_keeps_its_cancels() -> None:
    """An order may be prepared for a minute before it is among those that wait."""
    for waiting, kept in (([], {50.0, 70.0, 100.0}), ([call("AddOrder", 30.0)], {30.0, 50.0, 70.0, 100.0})):
        state = shared()
        for at in (10.0, 30.0, 50.0, 70.0, 100.0):
            recall.note_cancel(call("CancelOrder", at, cl_ord_id=f"bot-{at}"), state, now=at)
        recall.forget(state, waiting, now=110.0)
        assert {at for _, at in state.recalled.entries()} == kept


@pytest.mark.parametrize(
    ("name", "stopped"),
    [
        ("AddOrder", True),
        ("AmendOrder", True),
        ("EditOrder", True),
        ("CancelOrder", False),
        ("Balance", False),
    ],
)
def test_a_halt_stops_what_places_or_changes_orders(name: str, *, stopped: bool) -> None:
    assert recall.places(call(name, 1.0)) is stopped


def test_a_halt_is_told_to_every_process() -> None:
    state = shared()
    recall.halt(state)
    assert (state.halted, len(state.marked)) == (True, 1)
    recall.resume(state)
    assert (state.halted, len(state.marked)) == (False, 2)
