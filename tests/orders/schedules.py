"""Random schedules: two sessions, a foreign writer, an exchange that is not kind; and the truth beside what was told.

Each call's orders are known by their volume, which is its own (`volume_of`), and by the nonce that placed them. What is
counted: orders placed twice, told to be placed that were not, told to be absent or to have failed that were placed or
came to be, and one txid told to two callers. A foreign order that carries the same id or userref, agrees in every field
and was opened within what is not known of Kraken's clock is a twin, and is counted apart.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kraken_async import OrderPolicy, Priority
from kraken_async.emulator import CATALOGUE, Fault
from kraken_async.errors import OutcomeUnknown
from kraken_async.orders.intent import Intent
from tests.orders.fault_support import LIMIT, Told, World, told, unkind, volume_of

#: Ids that callers and the foreign writer use again and again.
POOL = ("again-1", "again-2")
SHARED_REF = 77
#: The number of all calls of the kind "twin ref": they are alike, and only one txid for each can tell them apart.
ALIKE = 400
KINDS = (
    *("made", "made", "percent", "market", "close", "batch", "mixed batch"),
    *("own id", "pool id", "pool id", "own ref", "shared ref", "shared ref", "zero ref", "amend", "edit"),
)
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


@dataclass
class Plan:
    """What a schedule may hold. A test narrows it to what a rule is about."""

    kinds: tuple[str, ...] = KINDS
    faults: tuple[Fault, ...] = (*CATALOGUE.values(), *LOST, *LOST, *LYING)
    share: tuple[float, ...] = (0.1, 0.4, 0.8)
    delays: tuple[float, ...] = (0.0, 0.0, 1.0, 5.0, 20.0, 60.0, 110.0)
    windows: bool = True  # a key's nonce window or query window, now and then
    kills: bool = True
    foreign: bool = True
    twins: bool = False
    cancels: bool = True
    most: int = 6
    lasting: bool = False  # the faults of look-ups go on while what is unknown is looked at again


@dataclass
class Ledger:
    """What was told, call by call, and what is wrong with it."""

    told: dict[int, list[Told]] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)  # txid or amend id -> the call it was told to
    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)


def check(ok: bool, words: str) -> None:
    """Raise what the schedules are about: something told that is not so."""
    if not ok:
        raise AssertionError(words)


class Schedule(World):
    """One world, and the calls that are made in it."""

    plan_of: Plan
    ledger: Ledger

    def number(self) -> int:
        self.calls_made = getattr(self, "calls_made", 0) + 1
        return self.calls_made

    # -- calls ---------------------------------------------------------------------------------------------

    def fields(self, kind: str, number: int) -> tuple[str, dict[str, Any]]:
        """Return the call of a kind."""
        rng, volume = self.random, volume_of(ALIKE if kind == "twin ref" else number)
        base = {**LIMIT, "volume": volume}
        if kind in ("batch", "mixed batch"):
            row = {"type": "buy", "ordertype": "limit", "price": "20000"}
            own: list[dict[str, Any]] = [{}, {}, {}]
            if kind == "mixed batch":
                own = [{}, {"userref": SHARED_REF}, {"cl_ord_id": f"row-{number}"}]
            rows = [{**row, **more, "volume": volume_of(number + 500 * n)} for n, more in enumerate(own)]
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

    targets: list[str]
    asked: dict[int, float]  # when each call was asked for
    cancelled: list[tuple[str, float, float]]  # a client id, when its cancel was asked for and answered
    cancels: list[asyncio.Task[None]]

    def truth(self, number: int) -> list[str]:
        """Return the ids of what call ``number`` has done: orders, or the amend."""
        kind = self.ledger.kinds[number]
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

    def note(self, number: int, answer: Told) -> None:
        """Check what a caller was told against what is so now, and keep it for the end."""
        self.ledger.told.setdefault(number, []).append(answer)
        if answer.result is not None:
            for name in self.names(answer.result):
                owner = self.ledger.owners.setdefault(name, number)
                check(owner == number, f"{name} was told to call {owner} and to call {number}")
        self.verify(number, answer)

    def names(self, result: Any) -> list[str]:
        if "amend_id" in result:
            return [result["amend_id"]]
        if "orders" in result:
            return [row["txid"] for row in result["orders"] if "txid" in row]
        txid = result.get("txid")
        return list(txid) if isinstance(txid, list) else [txid]

    def verify(self, number: int, answer: Told) -> None:
        kind, there = self.ledger.kinds[number], self.truth(number)
        if kind == "twin ref":
            there = self.placed(ALIKE)
            check(
                set(self.names(answer.result or {"orders": []})) <= set(there),
                f"{kind} was told {answer.result}",
            )
            return
        once = Counter(int(self.emulator.orders[t].volume) for t in there if t in self.emulator.orders)
        check(all(n == 1 for n in once.values()), f"{kind} {number} was placed twice: {there}")
        if answer.result is not None:
            got = self.names(answer.result)
            strange = [name for name in got if name not in there]
            if strange and all(self.twin(number, name) for name in strange):
                self.ledger.counts["foreign twins"] += 1
                return
            check(not strange, f"{kind} {number} was told {got}, and is {there}")
            check(sorted(got) == sorted(there), f"{kind} {number} was told {got}, and is {there}")
        elif answer.failed or answer.absent:
            check(there == [], f"{kind} {number} is {there}, and was told {answer.error!r}")

    def twin(self, number: int, txid: str) -> bool:
        """Return whether an order is another writer's that cannot be told apart."""
        order = self.emulator.orders.get(txid)
        return (
            order is not None
            and order.nonce is None
            and int(order.volume) == number
            and bool(self.plan_of.twins)
        )


async def run(seed: int, directory: Path, plan: Plan | None = None) -> Ledger:
    """Run one schedule to its end, when everything that can be known is known. Raises AssertionError."""
    plan = plan or Plan()
    rng = random.Random(seed)
    delay = rng.choice(plan.delays)
    behaviour = replace(
        unkind(rng), open_delay=(delay / 4, delay), closed_delay=(0.0, rng.choice((0.0, delay)))
    )
    world = Schedule(
        directory,
        seed=seed,
        behaviour=behaviour,
        policy=OrderPolicy(deadline=rng.choice((5.0, 5.0, 20.0, None))),
    )
    world.plan_of, world.ledger, world.targets, world.cancels = plan, Ledger(), [], []
    world.asked, world.cancelled = {}, []
    if plan.windows and rng.random() < 0.3:
        window, until = rng.choice(((0, 0.0), (10**12, 0.0), (0, time.time() - 3600)))
        world.key = world.emulator.add_key(nonce_window=window, query_to=until)
    world.emulator.jitter = (0.0, rng.choice((0.0, 0.01, 0.5)))
    sessions = [await world.session(), await world.session()]
    if rng.random() < 0.7:
        await told(sessions[0].private("Balance"))
    if {"amend", "edit"} & set(plan.kinds):
        for _ in range(3):
            placed = await sessions[0].private("AddOrder", {**LIMIT, "volume": "900", "price": "15000"})
            world.targets += placed["txid"]
    share = rng.choice(plan.share)
    world.emulator.faults.plan = lambda _n, _name: rng.choice(plan.faults) if rng.random() < share else None
    calls: dict[int, asyncio.Task[Told]] = {}
    owner: dict[int, int] = {}
    for _ in range(rng.randint(2, plan.most)):
        number = world.number()
        world.ledger.kinds[number] = kind = rng.choice(plan.kinds)
        endpoint, params = world.fields(kind, number)
        owner[number] = rng.randrange(2)
        started = world.asked[number] = time.time()
        calls[number] = asyncio.ensure_future(
            _timed(world, number, started, sessions[owner[number]], endpoint, params)
        )
        if plan.foreign and rng.random() < 0.5:
            _foreign(world, rng, number, params)
        await asyncio.sleep(rng.choice((0.0, 0.0, 0.02, 0.5, 6.0)))
        if plan.cancels and rng.random() < 0.2 and params.get("cl_ord_id"):
            canceller = _cancel(world, sessions[rng.randrange(2)], params["cl_ord_id"])
            world.cancels.append(asyncio.ensure_future(canceller))
        if rng.random() < 0.1:
            calls[number].cancel()
    killed = rng.randrange(2) if plan.kills and rng.random() < 0.3 else None
    if killed is not None:
        await asyncio.sleep(rng.uniform(0, 40))
        done = {number for number, task in calls.items() if task.done()}
        await world.kill(sessions[killed])
    for number, task in calls.items():
        answer = await task
        if killed is None or owner[number] != killed or number in done:
            world.note(number, answer)
    await _settle(world, rng, sessions, killed, calls)
    return world.ledger


async def _timed(
    world: Schedule, number: int, started: float, session: Any, endpoint: str, params: dict[str, Any]
) -> Told:
    answer = await told(session.private(endpoint, params))
    kind = world.ledger.kinds[number]
    world.ledger.counts[f"{kind}: calls"] += 1
    world.ledger.counts[f"{kind}: unknown"] += answer.unknown
    world.ledger.seconds.setdefault(kind, []).append(time.time() - started)
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
        for number, at in world.asked.items():
            for txid in world.placed(number) if at < asked else ():
                order = world.emulator.orders[txid]
                late = order.cl_ord_id == client_id and order.opened > answered + 0.001
                check(
                    not late, f"{txid} of {number} went out {order.opened - answered:.2f} s after its cancel"
                )


def _foreign(world: Schedule, rng: random.Random, number: int, params: dict[str, Any]) -> None:
    """Another writer places an order that looks much like the call's, or ends an order of anybody's."""
    kind = rng.choice(("similar", "similar", "end", "twin" if world.plan_of.twins else "end"))
    open_orders = [txid for txid, order in world.emulator.orders.items() if order.status == "open"]
    if kind == "end":
        if open_orders:
            rng.choice((world.emulator.cancel, world.emulator.fill))(rng.choice(open_orders))
        return
    fields = {name: value for name, value in params.items() if name not in ("orders", "txid", "order_qty")}
    if "pair" not in fields or "type" not in fields:
        fields = {**LIMIT, "userref": SHARED_REF}
    volume = volume_of(number) if kind == "twin" else volume_of(number + 5000)
    fields = {**fields, "volume": volume}
    if rng.random() < 0.3:
        fields = {**{k: v for k, v in fields.items() if k != "cl_ord_id"}, "userref": SHARED_REF}
    try:
        world.emulator.place(**fields)
    except ValueError:
        return


async def _settle(
    world: Schedule, rng: random.Random, sessions: list[Any], killed: int | None, calls: dict[int, Any]
) -> None:
    """Let the faults end, look again at all that is unknown, and compare the last word with the truth."""
    if not world.plan_of.lasting:
        world.emulator.faults.clear()
    await asyncio.sleep(rng.choice((0.0, 30.0, LONG)))
    alive = [session for place, session in enumerate(sessions) if place != killed]
    for number in calls:
        for answer in list(world.ledger.told.get(number, ())):
            if isinstance(answer.error, OutcomeUnknown) and rng.random() < 0.5:
                world.note(number, await told(alive[0].resolve(answer.error)))
    await asyncio.sleep(LONG)
    world.emulator.faults.clear()
    for session in alive:
        await session.aclose()
    for orphan in world.orphans:
        number = _number(orphan.params)
        if number in calls:
            world.note(number, Told(result=orphan.result, error=orphan.error))
    last = await world.session()
    for intent in last.unresolved():
        number = _number(intent.params)
        if number in calls:
            world.note(number, await told(last.resolve(intent)))
    await last.aclose()
    await asyncio.sleep(LONG)
    heard = {number for number, answers in world.ledger.told.items() if any(a.result for a in answers)}
    for number, answers in world.ledger.told.items():
        for answer in answers:
            world.verify(number, answer)
    if world.key is world.emulator.key:  # with a nonce window, what is on its way may still come
        _check_cancels(world)
    left = {_number(intent.params) for intent in _left(world)}
    for number in calls:
        if world.truth(number) and world.ledger.kinds[number] not in ("amend", "edit"):
            some = any(a.unknown or a.left for a in world.ledger.told.get(number, ()))
            check(number in heard | left or some, f"{number} is placed, and nobody was told")


def _left(world: Schedule) -> list[Intent]:
    return [intent for journal in world.journals.values() for intent in journal._open.values()]


def _number(params: Any) -> int:
    """Return the number of the call that has these fields."""
    rows = params.get("orders") or [params]
    volume = rows[0].get("volume") or rows[0].get("order_qty") or "0"
    return int(float(str(volume)))
