"""What a session says to the script on the server, word by word, how often, and when; and what it makes of answers."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("redis")

from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

from kraken_async import NonceStoreError
from kraken_async.stores.base import Shared
from kraken_async.stores.redis import state, turn
from kraken_async.stores.redis.connection import Link
from tests.stores.script_support import Script, Silent, unreachable
from tests.stores.store_support import nothing, setting, yes
from tests.virtual_time import START, virtual

NOW = int(START)


async def opened(script: Script, unit: str = "ns", **options: Any) -> Any:
    script.state.setdefault("unit", unit)
    key = script.key(unit, **options)
    await key.open(asyncio.get_running_loop().time)
    script.said.clear()
    return key


def seeing(shown: list[Shared]) -> Callable[[Shared], bool]:
    """A choice that keeps what it is shown."""

    def choose(shared: Shared) -> bool:
        shown.append(shared)
        return True

    return choose


# ------------------------------------------------------------------ the state


@virtual
async def test_a_state_that_no_one_has_written_since_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script()
    key = await opened(script)
    read: list[object] = []
    parse = state.parse

    def reading(*args: Any) -> state.Version:
        read.append(args)
        return parse(*args)

    monkeypatch.setattr(state, "parse", reading)
    shown: list[Shared] = []
    for placed in ("", "OAAAAA"):
        await key.acquire_turn()
        await key.step(seeing(shown))
        if placed:
            key.note_placed([placed])
        await key.release_turn()
    await key.acquire_turn()
    assert read == []
    script.state.update(gen=50, level="7.5")  # another session's
    await key.release_turn()
    await key.acquire_turn()
    await key.step(seeing(shown))
    assert len(read) == 1
    assert shown[-1].level == 7.5
    assert script.heard("news") == []  # one's own orders are no news
    script.state["placed"] += 1  # another session has given the turn back with an order
    await key.release_turn()
    await key.acquire_turn()
    await key.step(seeing(shown))
    assert len(script.heard("news")) == 1
    assert len(read) == 1
    await key.close()


@virtual
async def test_opening_reads_the_state_of_this_key_and_nothing_else() -> None:
    script = Script()
    key = script.key(name="a:b")
    await key.open(asyncio.get_running_loop().time)
    assert [each.op for each in script.said] == ["load"]
    parts = ("state", "turn", "line", "seen", "go:", "recalled", "placed", "sessions")
    assert script.keys == ["{a:b}:" + part for part in parts]
    await key.open(asyncio.get_running_loop().time)  # it is open
    assert len(script.said) == 1
    assert not key.is_new
    await key.close()


@virtual
@pytest.mark.parametrize(
    ("unit", "now", "late", "lost"),
    [
        ("ns", NOW * 10**9, (NOW + 5) * 10**9, 10**6),
        ("us", NOW * 10**6, (NOW + 5) * 10**6, 2000),
        ("ms", NOW * 10**3, (NOW + 5) * 10**3, 2000),
    ],
)
async def test_a_nonce_is_asked_for_with_both_clocks_and_all_that_is_known(
    unit: str, now: int, late: int, lost: int
) -> None:
    script = Script()
    key = await opened(script, unit)
    await key.acquire_turn()
    ((ticket, *_),) = script.heard("acquire")
    chosen, nonce = await key.step(yes)
    assert (chosen, nonce) == (True, now)
    ((*words, era, recalled, placed),) = script.heard("take")
    # expected and new generation, floor, clocks, what may be lost, ticket, lease, no jump, level, since, slow fields
    assert words[:6] == [7, 8, unit, 100, now, late]
    assert words[6:10] == [lost, ticket, 6000, 0]
    assert (words[10], words[12]) == ("", "")
    assert (era, recalled, placed) == ("era", "", "")
    await key.step(yes)
    assert script.heard("take")[0][:4] == (8, 9, unit, now)
    await key.release_turn()
    await key.close()


@virtual
async def test_only_a_nonce_that_is_taken_with_the_turn_shows_a_ticket() -> None:
    script = Script()
    key = await opened(script)
    await key.acquire_turn()
    await key.update(nothing)
    await key.step(yes, overtake=True)
    await key.jump(5)
    assert [script.heard(op)[0][7] for op in ("write", "take", "jump")] == ["", "", ""]
    await key.release_turn()
    await key.close()


@virtual
async def test_a_change_goes_with_its_times_in_the_servers_clock() -> None:
    script = Script()
    key = await opened(script)
    now = asyncio.get_running_loop().time()
    await key.update(setting(touched=True, level=3.5, level_at=now - 2.0, lockout_until=now + 60.0, pauses=2))
    ((*_, level, since, slow, _era, _recalled, _placed),) = script.heard("write")
    assert level == "3.5"
    assert float(since) == pytest.approx(NOW - 2.0, abs=1e-3)
    told = json.loads(slow)
    assert told["lockout_until"] == pytest.approx(NOW + 60.0, abs=1e-3)
    assert told["pauses"] == 2
    await key.update(nothing)
    assert script.heard("write")[0][12] == ""  # slow fields are written when they have changed
    await key.close()


@virtual
async def test_cancelled_ids_and_placed_names_go_with_the_next_write_and_once() -> None:
    script = Script()
    key = await opened(script)
    key.note_placed(["OAAAAA", "my id"])
    await key.update(lambda shared: shared.recalled.note("mine", 1000.0))
    ((*_, recalled, placed),) = script.heard("write")
    digest, at = recalled.split()
    assert len(bytes.fromhex(digest)) == 16
    assert float(at) == pytest.approx(NOW, abs=1e-3)
    assert placed.splitlines() == [f"OAAAAA {float(NOW)}", f"myid {float(NOW)}"]
    await key.update(nothing)
    assert script.heard("write")[0][-2:] == ("", "")
    assert key.placed(NOW) == ("OAAAAA", "my id")
    assert key.placed(NOW + 0.001) == ()
    await key.close()


@virtual
async def test_what_a_lost_answer_was_to_write_goes_with_the_next() -> None:
    script = Script()
    key = await opened(script, timeout=0.05)
    key.note_placed(["OAAAAA"])
    script.answer("write", *[unreachable()] * 9)
    with pytest.raises(NonceStoreError):
        await key.update(lambda shared: shared.recalled.note("mine", 1000.0))
    script.heard("write")
    script.answers["write"].clear()
    key.note_placed(["OBBBBB"])
    await key.update(nothing)
    (said,) = script.heard("write")
    assert [line.split()[0] for line in said[-1].splitlines()] == ["OAAAAA", "OBBBBB"]
    await key.close()


@virtual
async def test_news_of_others_are_read_before_a_choice_and_only_where_there_are_some() -> None:
    script = Script()
    script.state.update(recalled=2, placed=0)
    key = await opened(script)
    await key.step(yes)
    assert [each.op for each in script.said] == ["take"]  # without the turn, which is another lock
    script.state.update(gen=20, recalled=5, placed=2)
    stale = [b"STATE", *script.snapshot()]
    key_text = bytes(16).hex()
    script.answer("take", stale)
    script.answer(
        "news",
        [
            [5, [f"{key_text} {NOW}.5".encode(), b"damaged", f"{key_text} nan".encode()]],
            [2, [f"OAAAAA {NOW}.0".encode(), f"OBBBBB {NOW}.0".encode()]],
        ],
    )
    shown: list[Shared] = []
    await key.step(seeing(shown))
    assert script.heard("news") == [(2, 0)]
    assert shown[-1].recalled.total == 5
    ((digest, asked_at),) = shown[-1].recalled.entries()
    assert digest == bytes(16)
    assert asked_at == pytest.approx(1000.5, abs=1e-3)
    assert shown[-1].recalled.lost_at == float("-inf")  # three there are, and three were read
    assert key.placed(0) == ("OAAAAA", "OBBBBB")
    assert key.placed(NOW + 0.5) == ()
    await key.step(yes)
    assert script.heard("news") == []
    await key.close()


@virtual
async def test_what_the_first_release_wrote_of_cancelled_ids_is_taken_over() -> None:
    script = Script()
    script.state["seldom"] = json.dumps({"withdrawn": {"mine": NOW + 5.0}})
    key = await opened(script)
    assert await key.update(lambda shared: shared.recalled.names("mine", 1004.0))
    assert not await key.update(lambda shared: shared.recalled.names("mine", 1006.0))
    await key.close()


@virtual
async def test_cancels_that_are_no_longer_kept_are_doubt() -> None:
    script = Script()
    key = await opened(script)
    script.state.update(gen=20, recalled=9)
    script.answer("take", [b"STATE", *script.snapshot()])
    script.answer("news", [[9, [f"{bytes(16).hex()} {NOW}".encode()]], [0, []]])
    shown: list[Shared] = []
    await key.step(seeing(shown))
    assert shown[-1].recalled.lost_at == asyncio.get_running_loop().time()
    await key.close()


@virtual
async def test_nothing_is_decided_on_a_guess_and_what_was_is_decided_again() -> None:
    script = Script()
    key = await opened(script)
    assert await key.step(nothing) == (None, 0)
    assert [each.op for each in script.said] == ["load"]  # the state was a guess when it was asked
    await key.close()


@virtual
async def test_what_others_have_just_written_is_no_guess() -> None:
    script = Script()
    key = await opened(script)
    script.answer("take", [b"STATE", *script.snapshot(gen=9)])
    choices = iter((True, None))
    assert await key.step(lambda shared: next(choices)) == (None, 0)
    assert [each.op for each in script.said] == ["take"]
    await key.close()


@virtual
async def test_a_change_gives_its_result_and_names_go_with_the_attempt_that_is_written() -> None:
    script = Script()
    key = await opened(script)
    key.note_placed(["OAAAAA"])
    script.answer("write", [b"STATE", *script.snapshot(gen=9)])
    assert await key.update(lambda shared: "its result") == "its result"
    assert [words[-1] for words in script.heard("write")] == [f"OAAAAA {float(NOW)}"] * 2
    await key.update(nothing)
    assert script.heard("write")[0][-1] == ""
    await key.close()


@virtual
async def test_names_that_come_while_others_are_under_way_stand_behind_them() -> None:
    script = Script()
    key = await opened(script)
    for op in ("write", "leave"):
        await key.acquire_turn()
        key.note_placed(["OAAAAA"])
        script.answer(op, Silent(0.1, unreachable()))
        work = asyncio.create_task(key.update(nothing) if op == "write" else key.release_turn())
        await asyncio.sleep(0.05)
        key.note_placed(["OBBBBB", "OCCCCC"])
        await work
        await key.update(nothing)
        written = [words[-1].splitlines() for words in script.heard("write") if words[-1]]
        names = [line.split()[0] for line in written[-1]]
        assert names == (["OBBBBB", "OCCCCC"] if op == "write" else ["OAAAAA", "OBBBBB", "OCCCCC"])
        await key.release_turn()
    await key.close()


@virtual
async def test_what_must_not_be_done_twice_is_asked_for_once() -> None:
    script = Script()
    key = await opened(script)
    for op in ("jump", "beat"):
        script.answer(op, unreachable())
        with pytest.raises(NonceStoreError):
            await (key.jump(5) if op == "jump" else key.beat(b"{}"))
        assert len(script.heard(op)) == 1
    await key.jump(5)
    assert script.heard("jump")[0][0] == 0  # whatever generation there is
    await key.close()


@virtual
async def test_opening_tries_again_and_a_cancel_asks_for_the_state_once() -> None:
    script = Script()
    script.answer("load", unreachable())
    key = await opened(script)
    await key.jump(1)  # what is known is no longer the newest
    script.answer("load", unreachable())
    await key.step(yes, overtake=True)
    assert [each.op for each in script.said] == ["jump", "load"]
    assert key.figures()["local_nonces"] == 1
    await key.close()


@virtual
async def test_who_is_overtaken_by_others_tries_fifty_times_and_steps_out_of_their_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script()
    key = await opened(script)
    bounds: list[tuple[float, float]] = []

    def longest(least: float, most: float) -> float:
        bounds.append((least, most))
        return most

    monkeypatch.setattr(random, "uniform", longest)

    def others(*_: Any) -> list[bytes]:
        script.state["gen"] += 1
        return [b"STATE", *script.snapshot()]

    script.answer("write", *[others] * 60)
    with pytest.raises(NonceStoreError, match="overtaken by other callers 50 times in a row"):
        await key.update(nothing)
    assert len(script.heard("write")) == 50
    assert key.figures()["conflicts"] == 50
    assert bounds == [(0.0, min(0.0005 * 2**attempt, 0.02)) for attempt in range(3, 50)]
    await key.close()


@virtual
async def test_counts_are_those_of_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="kraken_async")
    script = Script()
    key = await opened(script)
    assert key.shares_status
    assert key.durable
    assert {name: n for name, n in key.figures().items() if name != "round_trips"} == {
        **dict.fromkeys(("conflicts", "restored", "local_nonces", "failures", "scripts_loaded"), 0),
        **dict.fromkeys(("turns", "turns_waited_for", "leases_lost"), 0),
    }
    assert key.figures()["round_trips"] == 1
    script.answer("write", [b"STATE", *script.snapshot()])
    await key.update(nothing)
    assert key.figures()["conflicts"] == 1
    assert key.figures()["round_trips"] == 3
    script.answer("acquire", [b"0", b"100", b"other"])
    script.answer("BLPOP", None)
    await key.acquire_turn()
    await key.release_turn()
    await key.acquire_turn()
    await key.release_turn()
    assert (key.figures()["turns"], key.figures()["turns_waited_for"]) == (2, 1)
    assert key.figures()["round_trips"] == 3 + 5 + 1  # the list that was waited on is one
    script.answer("write", NoScriptError("NOSCRIPT"))
    await key.update(nothing)
    assert key.figures()["scripts_loaded"] == 1
    assert key.figures()["round_trips"] == 11
    script.answer("write", ResponseError("ERR odd"))
    with pytest.raises(NonceStoreError):
        await key.update(nothing)
    assert key.figures()["failures"] == 1
    assert "answers again" not in caplog.text
    await key.close()
    assert key.problems() == ()


# ------------------------------------------------------------------ cancels past a silent server


@virtual
async def test_a_cancel_waits_three_tenths_of_a_second_for_the_server_and_goes_out_on_the_floor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script()
    key = await opened(script)
    loop = asyncio.get_running_loop()
    began = loop.time()
    script.answer("take", Silent(60.0))
    (chosen, nonce) = await key.step(yes, overtake=True)
    assert loop.time() - began == pytest.approx(0.3)
    assert chosen
    assert nonce == time.time_ns()
    assert not key.durable
    assert key.figures()["local_nonces"] == 1
    assert [each.code for each in key.problems()] == ["store-unreachable"]
    assert "no answer within 0.3 s" in caplog.text
    await key.update(nothing)
    assert key.durable
    assert key.problems() == ()
    await key.close()


@virtual
async def test_what_such_a_cancel_charged_and_took_back_is_told_once_the_server_answers() -> None:
    script = Script()
    key = await opened(script)

    def charge(shared: Shared) -> bool:
        shared.level, shared.level_at = 4.0, 1000.0
        shared.recalled.note("mine", 1000.0)
        return True

    script.answer("load", *[unreachable()] * 2)
    script.answer("take", *[unreachable()] * 2)
    await key.step(charge, overtake=True)
    await key.step(charge, overtake=True)
    assert key.figures()["local_nonces"] == 2
    script.said.clear()
    for each in ("load", "take"):
        script.answers[each].clear()
    await key.update(nothing)
    (said,) = script.heard("write")
    assert said[10] == "4.0"
    assert len(said[14].splitlines()) == 2
    assert key.seen.recalled.lost_at == float("-inf")  # the server has lost nothing
    await key.update(nothing)
    assert script.heard("write")[0][14] == ""
    await key.close()


# ------------------------------------------------------------------ the turn


@virtual
async def test_the_turn_of_a_key_without_a_state_is_taken_as_any_other() -> None:
    script = Script()
    script.state = {"v": "", "unit": "", "last": "", "gen": "", "era": ""}
    key = script.key()
    await key.open(asyncio.get_running_loop().time)
    assert key.is_new
    await key.acquire_turn()
    assert key.figures()["turns"] == 1
    await key.release_turn()
    await key.close()


@virtual
@pytest.mark.parametrize("urgent", [False, True])
async def test_the_turn_is_asked_for_with_lease_short_lease_and_patience(urgent: bool) -> None:
    script = Script()
    key = await opened(script, lease=6.0, timeout=2.0)
    await key.acquire_turn(urgent=urgent)
    await key.release_turn()
    ((ticket, *words),) = script.heard("acquire")
    assert words == [6000, 1200, 5000, int(urgent)]
    ((left, short, parcel),) = script.heard("leave")
    assert (left, short, parcel) == (ticket, 1200, "")
    await key.acquire_turn()
    ((second, *_),) = script.heard("acquire")
    assert second != ticket  # an old ticket proves nothing
    assert second.rpartition(":")[0] == ticket.rpartition(":")[0]
    await key.release_turn()
    await key.close()


@virtual
async def test_who_waits_is_woken_by_the_list_or_asks_again_when_the_lease_may_have_run_out() -> None:
    script = Script()
    key = await opened(script)
    script.answer("acquire", [b"0", b"500", b"1@here/x:1"], [b"0", b"90000", b"1@here/x:2"])
    script.answer("BLPOP", None, Silent(1.0, script.handed(gen=12)))
    await key.acquire_turn()
    waits = script.heard("BLPOP")
    ((ticket, *_), (again, *_)) = script.heard("acquire")
    assert ticket == again
    assert key.figures()["turns_waited_for"] == 1
    assert waits == [("{kraken_async:k}:go:" + ticket, "0.520"), ("{kraken_async:k}:go:" + ticket, "3.000")]
    await key.step(yes)
    assert script.heard("take")[0][0] == 12  # the state came with the turn
    await key.release_turn()
    await key.close()


@virtual
async def test_the_turn_is_renewed_thrice_in_a_lease_and_a_turn_that_was_handed_over_sooner() -> None:
    script = Script()
    key = await opened(script, lease=6.0)
    began = asyncio.get_running_loop().time()
    await key.acquire_turn()
    await asyncio.sleep(6.5)
    assert [at - began for at in script.times("renew")] == pytest.approx([2.0, 4.0, 6.0])
    assert {words[1] for words in script.heard("renew")} == {6000}
    await key.release_turn()
    script.answer("acquire", [b"0", b"500", b"other"])
    script.answer("BLPOP", script.handed())
    began = asyncio.get_running_loop().time()
    await key.acquire_turn()
    await asyncio.sleep(3.0)
    assert [at - began for at in script.times("renew")] == pytest.approx([0.4, 2.4])
    await key.release_turn()
    await asyncio.sleep(10.0)
    assert len(script.heard("renew")) == 2  # given back, it is renewed no more
    await key.close()


@virtual
async def test_a_renewal_that_fails_is_tried_again_soon() -> None:
    script = Script()
    key = await opened(script, lease=6.0, timeout=2.0)
    began = asyncio.get_running_loop().time()
    await key.acquire_turn()
    script.answer("renew", Silent(60.0), b"1")
    await asyncio.sleep(4.3)
    # Two seconds are what the server has for it, a third of the lease; then a thirtieth is waited.
    assert [at - began for at in script.times("renew")] == pytest.approx([2.0, 4.2])
    assert key.figures()["leases_lost"] == 0
    await key.release_turn()
    await key.close()


@virtual
async def test_a_lease_that_ran_out_is_counted_said_and_waited_for_again_before_a_nonce(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script()
    key = await opened(script, lease=6.0)
    await key.acquire_turn()
    script.answer("renew", b"0")
    await asyncio.sleep(2.5)
    assert key.figures()["leases_lost"] == 1
    assert [each.code for each in key.problems()] == ["turn-lost"]
    assert "unrenewed" in caplog.text
    script.said.clear()
    await key.step(yes)
    assert [each.op for each in script.said] == ["acquire", "take"]
    assert script.heard("take")[0][7] == script.heard("acquire")[0][0]
    assert key.figures()["leases_lost"] == 1
    script.answer("take", [b"TURN"])
    await key.step(yes)
    assert [each.op for each in script.said] == ["take", "acquire", "take"]
    assert key.figures()["leases_lost"] == 2
    await key.release_turn()
    await key.close()


@virtual
async def test_a_turn_that_was_lost_and_given_back_is_not_waited_for_by_what_needs_none() -> None:
    script = Script()
    key = await opened(script)
    await key.acquire_turn()
    script.answer("renew", b"0")
    await asyncio.sleep(2.5)
    await key.release_turn()
    script.said.clear()
    await key.step(yes)
    assert [each.op for each in script.said] == ["take"]
    await key.close()


@virtual
async def test_a_turn_that_cannot_be_given_back_is_tried_to_be_as_long_as_its_lease() -> None:
    script = Script()
    key = await opened(script, lease=6.0, timeout=2.0)
    await key.acquire_turn()
    script.answer("leave", *[unreachable()] * 1000)
    began = asyncio.get_running_loop().time()
    await key.release_turn()
    assert asyncio.get_running_loop().time() == began  # who gives it back does not wait for that
    await asyncio.sleep(30.0)
    assert script.times("leave")[-1] - began == pytest.approx(6.0, abs=0.3)
    await key.close()


@virtual
async def test_closing_leaves_no_task_behind_when_the_turn_cannot_be_given_back() -> None:
    script = Script()
    key = await opened(script)
    await key.acquire_turn()
    script.answer("leave", *[unreachable()] * 1000)
    await key.close()
    assert len(asyncio.all_tasks()) == 1
    await asyncio.sleep(30.0)
    assert len(script.times("leave")) == 1


@virtual
async def test_a_turn_that_was_lost_in_flight_is_counted_and_one_that_was_given_back_is_not() -> None:
    script = Script()
    key = await opened(script)
    await key.acquire_turn()
    await key.release_turn()
    assert key.figures()["leases_lost"] == 0
    await key.acquire_turn()
    script.answer("leave", b"0")
    await key.release_turn()
    assert key.figures()["leases_lost"] == 1
    await key.close()


@virtual
async def test_names_of_placed_orders_go_with_the_turn_and_come_back_when_that_fails() -> None:
    script = Script()
    key = await opened(script)
    await key.acquire_turn()
    key.note_placed(["OAAAAA"])
    script.answer("leave", unreachable())
    await key.release_turn()
    await asyncio.sleep(0.1)  # tried again in the background, without the names
    assert [words[2] for words in script.heard("leave")] == [f"OAAAAA {float(NOW)}", ""]
    await key.update(nothing)
    assert script.heard("write")[0][-1] == f"OAAAAA {float(NOW)}"
    assert script.heard("news") == []
    await key.acquire_turn()
    key.note_placed(["OBBBBB"])
    await key.release_turn()
    assert script.heard("leave")[0][2].startswith("OBBBBB ")
    await key.acquire_turn()
    await key.step(yes)
    await key.release_turn()
    assert script.heard("news") == []  # its own names are no news
    await key.close()


def test_a_holder_on_this_host_is_looked_at_and_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "this one")
    monkeypatch.setattr(turn, "process_text", lambda pid: f"process {pid} (stopped)")
    assert turn.holder_text("5@thisone/abc:1") == "process 5 (stopped) on thisone"
    assert turn.holder_text("5@other/abc:1") == "process 5 on other"
    assert turn.holder_text("5@/abc:1") == "process 5 on an unnamed host"
    assert turn.holder_text("abc:1") == ""


@virtual
async def test_a_place_in_line_that_was_given_up_is_given_back_as_long_as_it_may_count() -> None:
    script = Script()
    key = await opened(script, lease=6.0, timeout=2.0)
    script.answer("acquire", [b"0", b"90000", b"other"])
    script.answer("BLPOP", Silent(60.0))
    waiter = asyncio.create_task(key.acquire_turn())
    await asyncio.sleep(0.1)
    script.answer("leave", *[unreachable()] * 1000)
    began = asyncio.get_running_loop().time()
    waiter.cancel()
    await asyncio.sleep(10.0)
    times = script.times("leave")
    assert times[-1] - began == pytest.approx(6.0, abs=0.3)  # a lease, and then it has run out
    await key.close()


@virtual
async def test_a_cancel_puts_those_who_wait_in_front_and_no_failure_is_heard_of() -> None:
    script = Script()
    key = await opened(script)
    key.hurry()  # nothing waits
    script.answer("acquire", [b"0", b"900", b"other"])
    script.answer("BLPOP", Silent(0.5, script.handed()))
    waiter = asyncio.create_task(key.acquire_turn())
    await asyncio.sleep(0.1)
    script.answer("hurry", unreachable())
    key.hurry()
    await waiter
    assert script.heard("hurry") == [(script.heard("acquire")[0][0],)]  # once: it may not wait
    await key.release_turn()
    await key.close()


@virtual
async def test_a_session_shows_its_status_for_twenty_seconds_and_takes_it_back() -> None:
    script = Script()
    key = await opened(script)
    await key.beat(b"{}")
    await key.close()
    (shown, gone) = script.heard("beat")
    assert shown[1:] == (20_000, b"{}")
    assert gone == (shown[0], 0, b"")
    await key.open(asyncio.get_running_loop().time)
    await key.close()
    assert script.heard("beat") == []  # it was taken back
    other = await opened(script)
    await other.close()
    assert script.heard("beat") == []  # nothing was shown


@virtual
async def test_closing_gives_a_silent_server_a_quarter_of_a_second_for_each_word() -> None:
    script = Script()
    key = await opened(script)
    await key.acquire_turn()
    await key.beat(b"{}")
    script.answer("beat", Silent(60.0))
    script.answer("leave", Silent(60.0))
    began = asyncio.get_running_loop().time()
    await key.close()
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)
    assert [len(script.heard(op)) for op in ("beat", "leave")] == [2, 1]


@virtual
async def test_when_others_last_moved_is_asked_once_and_told_by_this_clock() -> None:
    script = Script()
    key = await opened(script)
    loop = asyncio.get_running_loop()
    script.answer("moved", b"0", b"1500", b"-1", unreachable(), Silent(60.0))
    assert await key.moved_at() == loop.time()
    assert await key.moved_at() == loop.time() - 1.5
    assert await key.moved_at() == 0.0
    assert await key.moved_at() == 0.0
    began = loop.time()
    assert await key.moved_at() == 0.0
    assert loop.time() - began == pytest.approx(0.3)
    assert len(script.said) == 5
    await key.close()


# ------------------------------------------------------------------ a server that has forgotten, or cannot be read


@virtual
@pytest.mark.parametrize(("after", "level"), [(5.0, 2.5), (5.1, None)])
async def test_what_the_server_has_lost_goes_back_and_the_counter_while_it_is_fresh(
    after: float, level: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script()
    key = await opened(script)
    await key.update(setting(touched=True, level=2.5, level_at=1000.0, halted=True))
    script.heard("write")
    await asyncio.sleep(after)
    script.state = {"last": "", "gen": "", "era": "", "unit": ""}
    script.answer("write", [b"STATE", *script.snapshot()])
    script.state["last"] = 0
    await key.update(nothing)
    (_, again) = script.heard("write")
    assert json.loads(again[12])["halted"]
    assert again[10] == ("" if level is None else repr(level))
    assert key.seen.recalled.lost_at == asyncio.get_running_loop().time()
    assert key.figures()["restored"] == 1
    assert "has lost changes" in caplog.text
    await key.close()


@virtual
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([b"UNIT", b"ns"], "the key has nonces in ns"),
        ([b"DAMAGED", b"1", b"12x"], "version b'1', last nonce b'12x'"),
    ],
)
async def test_what_must_not_be_used_is_an_error_that_says_why(answer: list[bytes], said: str) -> None:
    script = Script()
    key = await opened(script, "us")
    script.answer("take", answer)
    with pytest.raises(NonceStoreError) as caught:
        await key.step(yes)
    assert said in str(caught.value)
    await key.close()


# ------------------------------------------------------------------ one command


def link_of(client: Any, timeout: float = 2.0) -> Link:
    return Link(client, "redis://here", ["{k}:state"], timeout, owned=False)


@virtual
async def test_a_command_is_tried_again_until_its_time_is_up_at_growing_distances() -> None:
    script = Script()
    link = link_of(script, timeout=1.0)
    loop = asyncio.get_running_loop()
    began = loop.time()
    script.answer("load", *[unreachable()] * 50)
    with pytest.raises(NonceStoreError, match="unreachable"):
        await link.run("load")
    gaps = [later - at for at, later in zip(script.times("load"), script.times("load")[1:], strict=False)]
    assert gaps == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16, 0.2, 0.2, 0.2])
    assert loop.time() - began < 1.0
    assert link.counts == {"round_trips": 9, "failures": 1, "scripts_loaded": 0}


@virtual
async def test_one_attempt_has_the_timeout_and_all_of_them_the_limit() -> None:
    script = Script()
    link = link_of(script, timeout=1.0)
    loop = asyncio.get_running_loop()
    script.answer("load", *[Silent(60.0)] * 9)
    began = loop.time()
    with pytest.raises(NonceStoreError, match=r"no answer in 2\.5 s"):
        await link.run("load", limit=2.5)
    assert loop.time() - began == pytest.approx(2.5)
    assert [at - began for at in script.times("load")] == pytest.approx([0.0, 1.01, 2.03])


@virtual
async def test_what_may_not_wait_is_tried_once() -> None:
    script = Script()
    link = link_of(script)
    script.answer("load", unreachable(), unreachable())
    with pytest.raises(NonceStoreError):
        await link.run("load", again=False)
    assert len(script.said) == 1


@virtual
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OOM command not allowed", "out of memory"),
        ("MISCONF Redis is configured", "cannot write to its disk"),
        ("MOVED 3999 127.0.0.1:6381", "a Redis Cluster"),
        ("ERR something else", "the server refused"),
        ("WRONGPASS invalid username-password pair", "access refused"),
    ],
)
async def test_what_trying_again_cannot_cure_is_tried_once(text: str, said: str) -> None:
    script = Script()
    link = link_of(script)
    script.answer("load", *[ResponseError(text)] * 3)
    with pytest.raises(NonceStoreError, match=said):
        await link.run("load")
    assert len(script.said) == 1


@virtual
async def test_a_replica_is_left_and_what_it_refused_is_tried_again() -> None:
    script = Script()
    left: list[bool] = []

    class Pool:
        connection_kwargs: dict[str, Any] = {}  # noqa: RUF012 - of one test

        async def disconnect(self, *, inuse_connections: bool) -> None:
            left.append(inuse_connections)

    script.connection_pool = Pool()  # type: ignore[attr-defined]  # as a client has one
    script.answer("load", ReadOnlyError("READONLY"))
    assert (await link_of(script).run("load"))[0] == b"1"
    assert left == [False]  # connections in use belong to others
    assert len(script.said) == 2


@virtual
async def test_waiting_on_a_list_ends_with_its_time_and_a_server_that_drops_us_makes_no_busy_loop() -> None:
    script = Script()
    link = link_of(script, timeout=2.0)
    loop = asyncio.get_running_loop()
    script.answer("BLPOP", [b"list", b"found"], None, unreachable(), Silent(60.0), ResponseError("ERR odd"))
    began = loop.time()
    assert await link.wait("list", 1.0) == b"found"
    assert await link.wait("list", 1.0) is None
    assert loop.time() == began
    assert await link.wait("list", 1.0) is None
    assert loop.time() - began == pytest.approx(0.01)
    began = loop.time()
    assert await link.wait("list", 1.0) is None  # the server has its timeout beyond what it was asked to wait
    assert loop.time() - began == pytest.approx(3.01)
    with pytest.raises(NonceStoreError, match="the server refused"):
        await link.wait("list", 1.0)
    assert link.counts == {"round_trips": 5, "failures": 1, "scripts_loaded": 0}


@virtual
async def test_a_failure_in_the_background_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    script = Script()
    key = await opened(script, lease=0.5)
    await key.acquire_turn()
    script.answer("renew", unreachable())
    await asyncio.sleep(0.3)
    await key.release_turn()
    await key.close()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
