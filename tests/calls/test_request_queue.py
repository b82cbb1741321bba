"""Order of urgency and arrival, ageing, and calls that nobody wants any more."""

from __future__ import annotations

import asyncio
import gc
import random
import time

import pytest

from kraken_async.api.endpoints import Priority, find
from kraken_async.call import DEFAULTS, Call
from kraken_async.calls.request_queue import AGEING, FEW_LANES, Lane, RequestQueue
from kraken_async.errors import QueueFull
from kraken_async.limits.governor import AT_ONCE, Quote


def call(name: str = "Balance", priority: Priority | None = None, resource: str = "") -> Call:
    endpoint = find(name, private=True)
    future = asyncio.get_running_loop().create_future()
    made = Call(
        endpoint, {}, b"", endpoint.priority if priority is None else priority, 10.0, DEFAULTS, future
    )
    made.resource = resource
    return made


def push(queue: RequestQueue, each: Call, now: float) -> None:
    each.enqueued_at = now
    queue.push(each)


def now_all(_call: Call, _shared: object, _now: float) -> Quote:
    return AT_ONCE


def later(seconds: float) -> Quote:
    """The quote of a call whose resource holds it back."""
    return Quote(seconds, scarce=True)


def drain(queue: RequestQueue, now: float = 0.0) -> list[Call]:
    order = []
    while (chosen := queue.choose(now_all, None, now)[0]) is not None:
        queue.remove(chosen)
        order.append(chosen)
    return order


async def test_equal_priority_is_served_in_order_of_arrival() -> None:
    queue = RequestQueue()
    calls = [call() for _ in range(5)]
    for each in calls:
        push(queue, each, 0.0)
    assert drain(queue) == calls
    assert len(queue) == 0


async def test_priorities_go_in_order_and_a_cancel_goes_first() -> None:
    queue = RequestQueue()
    by_name = ["Ledgers", "Balance", "AddOrder", "AmendOrder", "CancelOrder"]
    for name in by_name:
        push(queue, call(name), 0.0)
    assert [each.endpoint.name for each in drain(queue)] == by_name[::-1]


async def test_what_may_not_go_does_not_stand_in_front_of_what_may() -> None:
    queue = RequestQueue()
    history, cancel = call("Ledgers", resource="counter"), call("CancelOrder")
    push(queue, history, 0.0)
    push(queue, cancel, 0.0)
    chosen, _ = queue.choose(lambda c, *_: later(7.0) if c is history else AT_ONCE, None, 0.0)
    assert chosen is cancel
    queue.remove(cancel)
    assert queue.choose(lambda *_: later(7.0), None, 0.0) == (None, later(7.0))


async def test_a_dear_call_is_not_starved_by_cheap_ones_of_less_urgency() -> None:
    queue = RequestQueue()
    dear, cheap = call("AddOrder", resource="counter"), call("Balance", resource="counter")
    push(queue, dear, 0.0)
    push(queue, cheap, 0.0)
    assert queue.choose(lambda c, *_: later(2.0) if c is dear else AT_ONCE, None, 0.0) == (None, later(2.0))


async def test_after_ageing_a_call_moves_up_one_class_once_to_that_class_s_end() -> None:
    queue = RequestQueue()
    for name in ("Balance", "Ledgers"):
        push(queue, call(name), 0.0)
    for name in ("AddOrder", "AmendOrder", "CancelOrder", "TradeBalance"):
        push(queue, call(name), AGEING - 1)
    for name in ("EditOrder", "AddOrderBatch", "OpenOrders"):
        push(queue, call(name), AGEING + 1)
    order = [each.endpoint.name for each in drain(queue, AGEING + 2)]
    assert order == [
        *("CancelOrder", "AmendOrder", "EditOrder"),
        *("AddOrder", "Balance", "AddOrderBatch"),  # Balance came among the orders after 30 s
        *("TradeBalance", "Ledgers", "OpenOrders"),  # and Ledgers among the reads
    ]


async def test_however_old_a_call_is_nothing_goes_before_a_cancel_and_history_before_no_order() -> None:
    queue = RequestQueue()
    for name in ("Balance", "Ledgers"):
        push(queue, call(name), 0.0)
    for name in ("AddOrder", "CancelOrder"):
        push(queue, call(name), 1800.0)
    order = [each.endpoint.name for each in drain(queue, 1801.0)]
    assert order == ["CancelOrder", "Balance", "AddOrder", "Ledgers"]


async def test_a_read_waits_for_a_thousand_older_history_calls_no_longer_than_it_ages() -> None:
    queue = RequestQueue()
    for _ in range(1000):
        push(queue, call("Ledgers"), 0.0)
    push(queue, call("Balance"), 60.0)
    chosen, _ = queue.choose(lambda _call, *_: AT_ONCE, None, 60.0)
    assert chosen is not None
    assert chosen.endpoint.name == "Ledgers"  # they have moved up, and came into the class before it
    chosen, _ = queue.choose(lambda _call, *_: AT_ONCE, None, 60.0 + AGEING)
    assert chosen is not None
    assert chosen.endpoint.name == "Balance"


async def test_a_repeated_call_keeps_its_place() -> None:
    queue = RequestQueue()
    first, second, third = call(), call(), call()
    for each in (first, second, third):
        push(queue, each, 0.0)
    queue.remove(first)
    queue.remove(second)
    queue.put_back(second)
    queue.put_back(first)
    assert drain(queue) == [first, second, third]


async def test_cancelled_calls_are_skipped_and_not_counted() -> None:
    queue = RequestQueue()
    calls = [call() for _ in range(400)]
    for each in calls:
        push(queue, each, 0.0)
    for each in calls[::2]:
        each.future.cancel()
        queue.remove(each)
    assert len(queue) == 200
    assert queue.depth()["READ"] == 200
    assert drain(queue) == calls[1::2]
    assert queue.depth()["READ"] == 0


async def test_a_caller_that_left_without_a_word_is_skipped_too() -> None:
    queue = RequestQueue()
    gone, there = call(), call()
    push(queue, gone, 0.0)
    push(queue, there, 0.0)
    gone.future.cancel()
    assert drain(queue) == [there]
    assert gone.lane is None
    assert len(queue) == 0


async def test_among_the_aged_who_has_aged_longer_goes_first() -> None:
    queue = RequestQueue()
    history = [call("Ledgers", Priority.HISTORY, resource) for resource in ("a", "b")]
    push(queue, history[1], 10.0)
    push(queue, history[0], 0.0)
    read = call("Balance", Priority.READ, "c")
    push(queue, read, AGEING + 5.0)  # after the one had aged, and before the other
    assert drain(queue, AGEING + 10.0) == [history[0], read, history[1]]


async def test_ageing_takes_half_a_minute() -> None:
    queue = RequestQueue()
    order, read = call("AddOrder", Priority.PLACE, "a"), call("Balance", Priority.READ, "b")
    push(queue, read, 0.0)
    push(queue, order, 30.0)
    assert queue.choose(now_all, None, 29.9)[0] is order
    assert queue.choose(now_all, None, 30.0)[0] is read


async def test_lanes_tell_who_is_first_and_how_many_wait_without_those_that_left() -> None:
    queue = RequestQueue()
    reads = [call("Balance", Priority.READ, "counter") for _ in range(4)]
    order = call("AddOrder", Priority.PLACE, "pair:XBTUSD")
    for each in (*reads, order):
        push(queue, each, 0.0)
    queue.remove(reads[2])
    assert queue.lanes(0.0) == [(order, 1), (reads[0], 3)]
    queue.remove(reads[0])
    assert queue.lanes(0.0) == [(order, 1), (reads[1], 2)]
    queue.remove(order)
    assert queue.lanes(0.0) == [(reads[1], 2)]
    assert queue.depth()["READ"] == 2


async def test_calls_that_come_back_stand_where_they_stood() -> None:
    queue = RequestQueue()
    calls = [call() for _ in range(5)]
    for each in calls:
        push(queue, each, 0.0)
    for number in (3, 0, 4):
        queue.remove(calls[number])
    for number in (3, 4, 0):
        queue.put_back(calls[number])
    assert drain(queue) == calls


async def test_calls_that_come_back_in_any_order_stand_where_they_stood() -> None:
    queue = RequestQueue()
    calls = [call() for _ in range(40)]
    for each in calls:
        push(queue, each, 0.0)
    back = calls[:20]
    for each in back:
        queue.reserve(each)
    random.Random(5).shuffle(back)
    for each in back:
        queue.release(each)
    assert drain(queue) == calls


async def test_most_of_a_lane_may_leave_from_its_middle() -> None:
    queue = RequestQueue()
    calls = [call() for _ in range(300)]
    for each in calls:
        push(queue, each, 0.0)
    for each in calls[1:280]:
        queue.remove(each)
    assert len(queue) == 21
    assert queue.lanes(0.0) == [(calls[0], 21)]
    assert drain(queue) == [calls[0], *calls[280:]]


async def test_a_sleeper_wakes_when_its_time_is_up_and_when_something_changed() -> None:
    queue = RequestQueue()
    queue.choose(now_all, None, 0.0)
    await queue.sleep(0.001)
    sleeping = asyncio.create_task(queue.sleep(None))
    await asyncio.sleep(0)
    assert not sleeping.done()
    queue.wake()
    await asyncio.wait_for(sleeping, 20)
    queue.choose(now_all, None, 0.0)
    queue.wake()
    await asyncio.wait_for(queue.sleep(None), 20)  # a change before it slept counts


async def test_a_change_counts_once_and_two_at_once_wake_one_sleeper() -> None:
    queue = RequestQueue()
    sleeping = asyncio.create_task(queue.sleep(None))
    await asyncio.sleep(0)
    assert not sleeping.done()  # nothing has changed yet
    queue.wake()
    queue.wake()
    await sleeping
    await queue.sleep(None)  # both came since the last choice, and count once
    sleeping = asyncio.create_task(queue.sleep(None))
    await asyncio.sleep(0)
    assert not sleeping.done()
    queue.wake()
    await sleeping


async def test_those_whose_callers_have_left_are_not_among_the_waiting() -> None:
    queue = RequestQueue()
    there, gone, held, held_and_gone = (call() for _ in range(4))
    for each in (there, gone, held, held_and_gone):
        push(queue, each, 0.0)
    queue.reserve(held)
    queue.reserve(held_and_gone)
    gone.future.cancel()
    held_and_gone.future.cancel()
    assert set(queue) == {there, held}


def count(kind: type) -> int:
    gc.collect()
    return sum(isinstance(each, kind) for each in gc.get_objects())


@pytest.mark.parametrize("priority", [Priority.PLACE, Priority.CANCEL])
async def test_lanes_of_pairs_that_no_order_waits_for_are_not_kept(priority: Priority) -> None:
    queue = RequestQueue()
    before = count(Lane)
    for number in range(100):
        order = call("AddOrder", priority, resource=f"pair:{number}")
        push(queue, order, 0.0)
        queue.remove(order)
    assert 0 < count(Lane) - before <= FEW_LANES + 1
    for number in range(100):
        order = call("AddOrder", resource=f"pair:{number}")
        push(queue, order, 0.0)
        order.future.cancel()
        queue.choose(now_all, None, 0.0)  # skips it
    assert count(Lane) - before <= FEW_LANES + 1
    waiting = [call("AddOrder", resource=f"pair:{number}") for number in range(50)]
    for order in waiting:
        push(queue, order, 0.0)
    assert drain(queue) == waiting


async def test_of_calls_that_left_from_the_middle_some_dozens_are_kept_at_most() -> None:
    before = count(Call)
    queue = RequestQueue()
    calls = [call() for _ in range(200)]
    for each in calls:
        push(queue, each, 0.0)
    for each in calls[1:190]:
        queue.remove(each)
    del calls[1:190], each
    assert 11 <= count(Call) - before <= 11 + 65
    assert drain(queue) == calls


async def test_whether_a_cancel_may_wait_is_known() -> None:
    queue = RequestQueue()
    assert not queue.urgent
    push(queue, call("Balance"), 0.0)
    assert not queue.urgent
    cancel = call("CancelOrder", Priority.CANCEL)
    push(queue, cancel, 0.0)
    assert queue.urgent
    queue.remove(cancel)
    assert not queue.urgent


async def test_a_full_queue_refuses_all_but_cancels() -> None:
    queue = RequestQueue(max_queued=1)
    push(queue, call(), 0.0)
    refused = call()
    with pytest.raises(QueueFull, match="max_queued=1"):
        push(queue, refused, 0.0)
    assert refused.lane is None
    push(queue, call("CancelOrder"), 0.0)
    push(queue, call("CancelAll", Priority.HISTORY), 0.0)
    push(queue, call("Balance", Priority.CANCEL), 0.0)
    assert len(queue) == 4


async def test_a_queue_is_full_with_as_many_as_it_may_hold() -> None:
    queue = RequestQueue(max_queued=2)
    for _ in range(2):
        push(queue, call(), 0.0)
    with pytest.raises(QueueFull, match="2 calls are waiting"):
        push(queue, call(), 0.0)


async def test_a_full_queue_takes_the_sessions_own_calls() -> None:
    queue = RequestQueue(max_queued=1)
    push(queue, call(), 0.0)
    own = call("OpenOrders")
    own.internal = True
    push(queue, own, 0.0)
    assert own in queue


async def test_sleep_returns_when_a_call_comes_and_at_once_if_one_came_meanwhile() -> None:
    queue = RequestQueue()
    assert queue.choose(now_all, None, 0.0) == (None, None)
    sleeper = asyncio.create_task(queue.sleep(None))
    await asyncio.sleep(0)
    assert not sleeper.done()
    push(queue, call(), 0.0)
    await sleeper
    await queue.sleep(3600.0)  # changed since the last choice: does not wait


async def test_a_reserved_call_waits_but_is_not_chosen_and_comes_back_to_its_place() -> None:
    queue = RequestQueue()
    first, second, third = call(), call(), call()
    for each in (first, second, third):
        push(queue, each, 0.0)
    queue.reserve(first)
    assert len(queue) == 3
    assert queue.depth()["READ"] == 3
    assert set(queue) == {first, second, third}
    assert queue.choose(now_all, None, 0.0)[0] is second
    queue.release(first)
    assert drain(queue) == [first, second, third]


async def test_a_reserved_call_that_is_taken_back_is_not_put_back() -> None:
    queue = RequestQueue()
    only = call()
    push(queue, only, 0.0)
    queue.reserve(only)
    queue.remove(only)
    queue.release(only)
    assert len(queue) == 0
    assert queue.choose(now_all, None, 0.0) == (None, None)


async def test_a_pace_that_holds_a_call_back_closes_no_resource() -> None:
    queue = RequestQueue()
    paced, free = call("AddOrder", resource="counter"), call("Balance", resource="counter")
    push(queue, paced, 0.0)
    push(queue, free, 0.0)
    assert queue.choose(lambda c, *_: Quote(2.0) if c is paced else AT_ONCE, None, 0.0)[0] is free


async def test_the_earliest_of_all_that_wait_is_told_however_short_it_is() -> None:
    queue = RequestQueue()
    waits = {"a": 3.0, "b": 0.25, "c": 2.0}
    for resource in waits:
        push(queue, call("AddOrder", resource=resource), 0.0)
    assert queue.choose(lambda each, *_: later(waits[each.resource]), None, 0.0) == (None, later(0.25))


async def test_an_order_never_ages() -> None:
    queue = RequestQueue()
    push(queue, call("AddOrder"), 0.0)
    push(queue, call("AmendOrder"), AGEING * 10)
    assert [each.endpoint.name for each in drain(queue, AGEING * 10)] == ["AmendOrder", "AddOrder"]


async def test_the_first_of_the_waiting_cancels_is_waited_for() -> None:
    queue = RequestQueue()
    push(queue, call(), 0.0)
    waiter = asyncio.create_task(queue.cancel_waiting())
    await asyncio.sleep(0)
    assert not waiter.done()
    first, second = call("CancelOrder"), call("CancelAll")
    push(queue, first, 0.0)
    push(queue, second, 0.0)
    assert await waiter is first
    queue.reserve(first)
    assert await queue.cancel_waiting() is second


@pytest.mark.parametrize(
    "order", ["random", *(pytest.param(each, marks=pytest.mark.proof) for each in ("oldest", "newest"))]
)
async def test_a_hundred_thousand_cancelled_calls_in_any_order_take_seconds_not_minutes(order: str) -> None:
    queue = RequestQueue()
    calls = [call() for _ in range(100_000)]
    for each in calls:
        push(queue, each, 0.0)
    if order == "newest":
        calls.reverse()
    elif order == "random":
        random.Random(7).shuffle(calls)
    started = time.perf_counter()
    for each in calls:
        queue.remove(each)
    assert queue.choose(now_all, None, 0.0) == (None, None)
    assert time.perf_counter() - started < 15.0  # half a second when nothing is searched for
