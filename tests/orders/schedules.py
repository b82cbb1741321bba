"""Random schedules: two sessions, a foreign writer, an exchange that is not kind; and the truth beside what was told.

Each call's orders are known by their volume, which is its own, and by the nonce that placed them. What counts as wrong
stands in outcomes_told. A foreign order that carries the same id of the caller's own, agrees in every field and was
opened within what is not known of Kraken's clock, or until the deadline, is a twin, and is counted apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from kraken_async import OrderPolicy, Priority
from kraken_async.call import Orphan
from kraken_async.emulator import CATALOGUE, Fault, changing, trading
from kraken_async.errors import OutcomeUnknown
from kraken_async.orders.intent import Intent
from tests.orders import outcomes_told as told_
from tests.orders.fault_support import LIMIT, Told, World, told, unkind, volume_of
from tests.orders.outcomes_told import Entry, Ledger, certain, identity_of
from tests.orders.traffic import Traffic, number_of

#: Ids that callers and the foreign writer use again and again.
POOL = ("again-1", "again-2")
SHARED_REF = 77
#: The number of all calls of the kind "twin ref": they are alike, and only one txid for each can tell them apart.
ALIKE = 400
KINDS = (
    *("made", "made", "percent", "market", "close", "batch", "mixed batch"),
    *("own id", "pool id", "pool id", "own ref", "shared ref", "shared ref", "zero ref", "amend", "edit"),
)
#: Kinds that are looked for among all orders.
BROAD = frozenset({"batch", "mixed batch", "edit", "zero ref"})
LOST = (
    *(Fault.reset("after"), Fault.reset("before"), Fault.hang("after"), Fault.hang("before")),
    *(Fault.http(502, "after").with_(date=300.0), Fault.http(502, "before").with_(date=300.0)),
    *(Fault.no_result("after"), Fault.no_result("before"), Fault.late(20.0, "before")),
    *(Fault.warning(when="after"), Fault.warning(when="before")),
)
LYING = (
    *(Fault.http(503, "before").with_(date=90.0), Fault.no_result("before"), Fault.without("open", "closed")),
    *(Fault.cached(90), Fault.dateless(), Fault.dated(300.0)),
)
#: Longer than deadline, visibility and every late answer.
LONG = 260.0
#: Seconds of undisturbed exchanges within which an order that shows is found.
CALM = 6.0
#: Seconds by which Kraken's clock is not known at first.
UNSURE = 1.5


@dataclass
class Plan:
    """What a schedule may hold. A test narrows it to what a rule is about."""

    kinds: tuple[str, ...] = KINDS
    faults: tuple[Fault, ...] = (*CATALOGUE.values(), *LOST, *LOST, *LYING)
    share: tuple[float, ...] = (0.1, 0.4, 0.8)
    delays: tuple[float, ...] = (0.0, 0.0, 1.0, 5.0, 20.0, 60.0, 110.0)
    #: A key's nonce window and the end of what it may see, now and then; () for never.
    windows: tuple[tuple[int, float], ...] = ((0, 0.0), (10**12, 0.0), (0, -3600.0))
    kills: bool = True
    foreign: bool = True
    twins: bool = True  # orders of the foreign writer that cannot be told apart
    cancels: bool = True
    nameless: bool = True  # sessions that give no ids, now and then
    most: int = 6
    lasting: bool = False  # the faults of look-ups go on while what is unknown is looked at again
    only: tuple[str, ...] = ()  # the endpoints that meet faults; (): all
    punctual: bool = True  # Kraken takes no order after its deadline
    tally: bool = False  # count what is wrong, and go on


class Schedule(World):
    """One world, and the calls that are made in it."""

    plan: Plan
    ledger: Ledger
    traffic: Traffic
    targets: list[str]
    cancelled: list[tuple[str, float, float]]  # a client id, when its cancel was asked for and answered
    cancels: list[asyncio.Task[None]]
    sessions: int

    def begin(self, plan: Plan) -> None:
        self.plan, self.ledger, self.traffic = plan, Ledger(plan.tally), Traffic()
        self.targets, self.cancelled, self.cancels, self.sessions = [], [], [], 0

    async def open(self) -> Any:
        """Open a session whose exchanges are noted under its number."""
        number = self.sessions
        self.sessions += 1
        return await self.session(transport=partial(self.traffic.carry, self.send, number))

    def hear(self, orphan: Orphan) -> None:
        """Note when a caller is told, by ``on_orphan``, what became of an order."""
        super().hear(orphan)
        entry = self.ledger.entries.get(number_of(orphan.params))
        if entry is not None and certain(Told(orphan.result, orphan.error)):
            entry.known_at = entry.known_at or time.time()

    # -- calls ---------------------------------------------------------------------------------------------

    def volume_of(self, number: int) -> str:
        """Return the volume of a call's order. An exchange that refuses more digits than a lot has is given some."""
        if self.emulator.behaviour.volumes == "refuse" and number % 4:
            return f"{number}.12345678"
        return volume_of(number)

    def fields(self, rng: random.Random, kind: str, number: int) -> tuple[str, dict[str, Any]]:
        """Return the call of a kind."""
        volume = self.volume_of(ALIKE if kind == "twin ref" else number)
        base = {**LIMIT, "volume": volume}
        if kind in ("batch", "mixed batch"):
            row = {"type": "buy", "ordertype": "limit", "price": "20000"}
            own: list[dict[str, Any]] = [{}, {}, {}]
            if kind == "mixed batch":
                own = [{}, {"userref": SHARED_REF}, {"cl_ord_id": f"row-{number}"}]
            rows = [{**row, **more, "volume": self.volume_of(number + 500 * n)} for n, more in enumerate(own)]
            return "AddOrderBatch", {"pair": "XBTUSD", "orders": rows[: rng.randint(2, 3)]}
        if kind in ("amend", "edit"):
            txid = self.targets.pop() if self.targets else "OAAAAA-AAAAA-AAAAAA"
            if kind == "amend":
                return "AmendOrder", {"txid": txid, "order_qty": volume}
            return "EditOrder", {"txid": txid, "pair": "XBTUSD", "volume": volume}
        special: dict[str, dict[str, Any]] = {
            "percent": {"price": rng.choice(("-20%", "-5000", "#10%"))},
            "market": {"ordertype": "market"},
            "close": {"close[ordertype]": "limit", "close[price]": rng.choice(("+50%", "30000"))},
            "own id": {"cl_ord_id": f"bot-{number}"},
            "pool id": {"cl_ord_id": rng.choice(POOL)},
            "own ref": {"userref": 1000 + number},
            "own ref percent": {"userref": 1000 + number, "price": "-20%"},
            "shared ref": {"userref": SHARED_REF},
            "twin ref": {"userref": SHARED_REF},
            "zero ref": {"userref": 0},
        }
        if kind == "market":
            base.pop("price")
        return "AddOrder", {**base, **special.get(kind, {})}

    def truth(self, number: int) -> list[str]:
        """Return the ids of what call ``number`` has done: orders, or the amend."""
        kind = self.ledger.entries[number].kind
        if kind == "amend":
            return [
                str(row["amend_id"])
                for order in self.emulator.orders.values()
                for row in order.amends
                if row["amend_type"] == "user" and int(float(row["order_qty"])) == number
            ]
        many = 3 if "batch" in kind else 1
        return [txid for n in range(many) for txid in self.placed(number + 500 * n)]

    # -- checks --------------------------------------------------------------------------------------------

    def note(self, number: int, answer: Told, session: int | None = None) -> None:
        """Check what a caller was told against what is so now, and keep it for the end.

        ``session``: the one that told it, where it was asked for just now.
        """
        entry = self.ledger.entries[number]
        entry.answers.append(answer)
        if certain(answer):
            entry.known_at = entry.known_at or time.time()
        if answer.result is not None:
            for name in names(answer.result):
                owner = self.ledger.owners.setdefault(name, number)
                words = f"{name} was told to call {owner} too"
                self.ledger.check(owner == number, told_.TWO_CALLERS, number, words)
        if session is not None and answer.unknown:
            self._weigh(number, session)
        self.verify(number, answer)

    def _weigh(self, number: int, session: int) -> None:
        """Note why a caller was told "unknown", and whether it had to be."""
        entry, now = self.ledger.entries[number], time.time()
        lost, there = self.traffic.lost.get(number, now), self.truth(number)
        entry.why_unknown = entry.why_unknown or "it was not placed by then"
        if not there:
            return
        if entry.identity in (told_.CHANGE, told_.NONE):
            entry.why_unknown = "it was placed"
            return
        orders = [self.emulator.orders[txid] for txid in there]
        since = max(lost, *(o.visible if o.is_open else max(o.visible, o.visible_closed) for o in orders))
        calm = self.traffic.calm(since, now) if self.key is self.emulator.key else 0.0
        entry.why_unknown = "its look-ups met faults or stood behind a stalled call"
        if since > now:
            entry.why_unknown = "it did not show by then"
        elif calm >= CALM:
            entry.why_unknown = "what was shown did not prove it"
        if entry.identity == told_.MADE:
            shown = self._shown(number, session)
            words = f"{there} is unknown at {now:.1f}, seen: {shown}, to be seen since {since:.1f}, calm {calm:.1f} s"
            self.ledger.check(not shown and calm < CALM, told_.SHOWN, number, words)

    def _shown(self, number: int, session: int) -> bool:
        """Return whether a session's own look-ups for a call have shown all of its orders.

        A batch is looked for among all orders, as an edit and a userref of 0 are: what was shown to another call's
        question does not count.
        """
        entries, batch = self.ledger.entries, self.ledger.entries[number].kind == "batch"
        broad = [e for e in entries.values() if e.session == session and e.kind in BROAD]
        return not (batch and len(broad) > 1) and all(
            (session, txid, not batch) in self.traffic.shown for txid in self.truth(number)
        )

    def verify(self, number: int, answer: Told) -> None:
        """Check what was told against what is so now."""
        kind, there, check = self.ledger.entries[number].kind, self.truth(number), self.ledger.check
        if kind == "twin ref":
            strange = set(names(answer.result or {"orders": []})) - set(self.placed(ALIKE))
            check(not strange, told_.NOT_PLACED, number, f"told {answer.result}")
            return
        once = Counter(int(self.emulator.orders[t].volume) for t in there if t in self.emulator.orders)
        check(all(n == 1 for n in once.values()), told_.TWICE, number, f"it is {there}")
        if answer.result is not None:
            got = names(answer.result)
            strange = {name for name in got if name not in there}
            if not (strange and all(self.twin(number, name) for name in strange)):
                check(sorted(got) == sorted(there), told_.NOT_PLACED, number, f"told {got}, and is {there}")
        elif answer.failed or answer.absent:
            what = told_.NOT_ABSENT if answer.absent else told_.NOT_FAILED
            check(there == [], what, number, f"it is {there}, and was told {answer.error!r}")

    def twin(self, number: int, txid: str) -> bool:
        """Return whether an order is another writer's that cannot be told apart."""
        order, entry = self.emulator.orders.get(txid), self.ledger.entries[number]
        return (
            order is not None
            and order.nonce is None
            and int(order.volume) == number
            and entry.identity in (told_.OWN_ID, told_.OWN_REF)
            and order.opened >= entry.asked - UNSURE
        )


def names(result: Any) -> list[str]:
    """Return the ids that a result tells."""
    if "amend_id" in result:
        return [result["amend_id"]]
    if "orders" in result:
        return [row["txid"] for row in result["orders"] if "txid" in row]
    txid = result.get("txid")
    return list(txid) if isinstance(txid, list) else [txid]


async def run(seed: int, directory: Path, plan: Plan | None = None) -> Ledger:
    """Run one schedule to its end, when everything that can be known is known. Raises AssertionError."""
    plan = plan or Plan()
    with contextlib.ExitStack() as stack:
        for module in () if plan.punctual else (trading, changing):
            stack.enter_context(mock.patch.object(module, "check_deadline"))
        return await _run(seed, directory, plan)


async def _run(seed: int, directory: Path, plan: Plan) -> Ledger:
    rng = random.Random(seed)
    world = _world(seed, rng, directory, plan)
    sessions = [await world.open(), await world.open()]
    if rng.random() < 0.7:
        await told(sessions[0].private("Balance"))
    if {"amend", "edit"} & set(plan.kinds):
        for _ in range(3):
            placed = await sessions[0].private("AddOrder", {**LIMIT, "volume": "900", "price": "15000"})
            world.targets += placed["txid"]
    share, luck = rng.choice(plan.share), random.Random(f"{seed} faults")
    world.emulator.faults.plan = lambda _n, name: (
        luck.choice(plan.faults) if luck.random() < share and (not plan.only or name in plan.only) else None
    )
    calls = await _ask(world, rng, sessions)
    killed = rng.randrange(2) if plan.kills and rng.random() < 0.3 else None
    if killed is not None:
        await asyncio.sleep(rng.uniform(0, 40))
        done = {number for number, task in calls.items() if task.done()}
        await world.kill(sessions[killed])
    for number, task in calls.items():
        answer = await task
        if killed is not None and world.ledger.entries[number].session == killed and number not in done:
            world.ledger.entries[number].answers.append(Told(left=True))
        else:
            world.verify(number, answer)
    await _settle(world, rng, sessions, killed)
    return world.ledger


def _world(seed: int, rng: random.Random, directory: Path, plan: Plan) -> Schedule:
    """Return an exchange of a random behaviour, and a key of it."""
    delay = rng.choice(plan.delays)
    behaviour = replace(
        unkind(rng), open_delay=(delay / 4, delay), closed_delay=(0.0, rng.choice((0.0, delay)))
    )
    # Of its own, so that a seed stays the schedule that it was.
    if random.Random(f"volumes {seed}").random() < 1 / 3:
        behaviour = replace(behaviour, volumes="refuse")
    policy = OrderPolicy(
        deadline=rng.choice((5.0, 5.0, 20.0, None)), cl_ord_id=not (plan.nameless and rng.random() < 0.05)
    )
    world = Schedule(directory, seed=seed, behaviour=behaviour, policy=policy)
    world.begin(plan)
    if plan.windows and rng.random() < 0.3:
        window, until = rng.choice(plan.windows)
        until = time.time() + until if until else 0.0
        world.key = world.emulator.add_key(nonce_window=window, query_to=until)
    world.emulator.jitter = (0.0, rng.choice((0.0, 0.01, 0.5)))
    return world


async def _ask(world: Schedule, rng: random.Random, sessions: list[Any]) -> dict[int, asyncio.Task[Told]]:
    """Make the calls, and what others do meanwhile."""
    plan, calls = world.plan, dict[int, asyncio.Task[Told]]()
    for number in range(1, rng.randint(2, plan.most) + 1):
        kind, session = rng.choice(plan.kinds), rng.randrange(2)
        endpoint, params = world.fields(rng, kind, number)
        identity = identity_of(endpoint, params, named=world.policy.cl_ord_id)
        world.ledger.entries[number] = Entry(kind, identity, time.time(), session)
        calls[number] = asyncio.ensure_future(_call(world, number, sessions[session], endpoint, params))
        if plan.foreign and rng.random() < 0.5:
            _foreign(world, rng, number, params)
        await asyncio.sleep(rng.choice((0.0, 0.0, 0.02, 0.5, 6.0)))
        if plan.cancels and rng.random() < 0.2 and params.get("cl_ord_id"):
            canceller = _cancel(world, sessions[rng.randrange(2)], params["cl_ord_id"])
            world.cancels.append(asyncio.ensure_future(canceller))
        if rng.random() < 0.1:
            calls[number].cancel()
    return calls


async def _call(world: Schedule, number: int, session: Any, endpoint: str, params: dict[str, Any]) -> Told:
    answer = await told(session.private(endpoint, params))
    entry = world.ledger.entries[number]
    if session in world.dead:
        return answer
    entry.lost_at = world.traffic.lost.get(number)
    entry.answered_at = time.time()
    world.note(number, answer, entry.session)
    return answer


async def _cancel(world: Schedule, session: Any, client_id: str) -> None:
    asked = time.time()
    answer = await told(
        session.with_options(priority=Priority.CANCEL).private("CancelOrder", cl_ord_id=client_id)
    )
    if not answer.unknown and not answer.left:
        world.cancelled.append((client_id, asked, time.time()))


def _check_cancels(world: Schedule) -> None:
    """No order asked for before a cancel of its id was answered has been opened after that."""
    for client_id, asked, answered in world.cancelled:
        for number, entry in world.ledger.entries.items():
            for txid in world.placed(number) if entry.asked < asked else ():
                order = world.emulator.orders[txid]
                late = order.cl_ord_id == client_id and order.opened > answered + 0.001
                words = f"{txid} went out {order.opened - answered:.2f} s after it"
                world.ledger.check(not late, told_.UNCANCELLED, number, words)


def _foreign(world: Schedule, rng: random.Random, number: int, params: dict[str, Any]) -> None:
    """Another writer places an order that looks much like the call's, or ends an order of anybody's."""
    kind = rng.choice(("similar", "similar", "end", "twin" if world.plan.twins else "end"))
    open_orders = [txid for txid, order in world.emulator.orders.items() if order.status == "open"]
    if kind == "end":
        if open_orders:
            rng.choice((world.emulator.cancel, world.emulator.fill))(rng.choice(open_orders))
        return
    fields = {name: value for name, value in params.items() if name not in ("orders", "txid", "order_qty")}
    if "pair" not in fields or "type" not in fields:
        fields = {**LIMIT, "userref": SHARED_REF}
    volume = world.volume_of(number if kind == "twin" else number + 5000)
    fields = {**fields, "volume": volume}
    if rng.random() < 0.3:
        fields = {**{k: v for k, v in fields.items() if k != "cl_ord_id"}, "userref": SHARED_REF}
    try:
        world.emulator.place(**fields)
    except ValueError:
        return


async def _settle(world: Schedule, rng: random.Random, sessions: list[Any], killed: int | None) -> None:
    """Let the faults end, look again at all that is unknown, and compare the last word with the truth."""
    ledger = world.ledger
    if not world.plan.lasting:
        world.emulator.faults.clear()
    await asyncio.sleep(rng.choice((0.0, 30.0, LONG)))
    place = next(place for place in range(2) if place != killed)
    for number, entry in ledger.entries.items():
        for answer in list(entry.answers):
            if isinstance(answer.error, OutcomeUnknown) and rng.random() < 0.5:
                world.note(number, await told(sessions[place].resolve(answer.error)), place)
    await asyncio.sleep(LONG)
    world.emulator.faults.clear()
    for session in [session for session in sessions if session not in world.dead]:
        await session.aclose()
    await _last_word(world)
    await asyncio.sleep(LONG)
    for number, entry in ledger.entries.items():
        for answer in entry.answers:
            world.verify(number, answer)
    if world.key is world.emulator.key:  # with a nonce window, what is on its way may still come
        _check_cancels(world)
    _check_told(world)


async def _last_word(world: Schedule) -> None:
    """Take note of what was told of orphans, and of what a new session finds out about what is left."""
    ledger = world.ledger
    for orphan in world.orphans:
        if (number := number_of(orphan.params)) in ledger.entries:
            world.note(number, Told(result=orphan.result, error=orphan.error))
    last = await world.open()
    for intent in last.unresolved():
        if (number := number_of(intent.params)) in ledger.entries:
            world.note(number, await told(last.resolve(intent)))
    await last.aclose()


def _check_told(world: Schedule) -> None:
    """Every order that is placed was told, is on record, or its caller knows that it may be."""
    left = {number_of(intent.params) for intent in _left(world)}
    for number, entry in world.ledger.entries.items():
        entry.placed = bool(world.truth(number))
        if entry.placed and entry.identity != told_.CHANGE:
            heard = any(a.result or a.unknown or a.left for a in entry.answers)
            world.ledger.check(heard or number in left, told_.UNTOLD, number, "it is placed")
        for name in names(next((a.result for a in entry.answers if a.result), {"orders": []})):
            world.ledger.twins += entry.kind != "twin ref" and name not in world.truth(number)


def _left(world: Schedule) -> list[Intent]:
    return [intent for journal in world.journals.values() for intent in journal.on_record()]
