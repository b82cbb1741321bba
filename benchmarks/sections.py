"""The sections of a run. Each returns plain data; what failed or is not installed is left out, and said."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from benchmarks.cancels import cancels
from benchmarks.contenders import CONTENDERS, FAST, FLOOR, LOCKED, Contender, installed
from benchmarks.figures import absolute, ratios, spread
from benchmarks.imports import IMPORTS, cost
from benchmarks.nonces import SOURCES
from benchmarks.orders import orders
from benchmarks.plan import Plan
from benchmarks.processes import Child, Failed, measure
from benchmarks.progress import Progress
from benchmarks.truth import outcomes, refusals

_Rounds = dict[str, list[list[dict[str, float]]]]


# ------------------------------------------------------------------ calls


def calls(plan: Plan, progress: Progress, contenders: Iterable[Contender] = CONTENDERS) -> dict[str, Any]:
    """Make Balance calls through every contender, uncontended and gathered."""
    there = installed(contenders, progress)
    rounds: dict[int, _Rounds] = {queued: {each.name: [] for each in there} for queued in plan.calls}
    once = [queued for queued, (_, n) in plan.calls.items() for _ in range(n)]
    progress.expect(plan.generations * len(once))
    for _ in range(plan.generations):
        schedule = random.sample(once, len(once))
        for found in rounds.values():
            for generations in found.values():
                generations.append([])
        _generation(plan, progress, there, schedule, rounds)
    return {str(queued): _calls_figures(found) for queued, found in rounds.items()}


def _generation(
    plan: Plan, progress: Progress, there: list[Contender], schedule: list[int], rounds: dict[int, _Rounds]
) -> None:
    """Open every contender in a process of its own, and let them take turns in an order drawn for each round."""
    with ExitStack() as stack:
        stub = stack.enter_context(Child("-m", "benchmarks.stub"))
        url = f"http://127.0.0.1:{int(stub.line(10))}"
        workers: dict[str, Child] = {}
        for each in random.sample(there, len(there)):
            spec = {"contender": each.name, "url": url, "without": each.without, "uvloop": each.uvloop}
            workers[each.name] = stack.enter_context(Child("-m", "benchmarks.worker", json.dumps(spec)))
        for name in list(workers):
            _ask(progress, workers, name, None)
        for queued in schedule:
            progress.step("calls", f"{queued} at a time")
            job = {"queued": queued, "calls": plan.calls[queued][0]}
            able = [each.name for each in there if each.most_queued >= queued and each.name in workers]
            one_round = {}
            for name in random.sample(able, len(able)):
                if (figures := _ask(progress, workers, name, job)) is not None:
                    one_round[name] = figures
            if FLOOR in one_round:  # ratios are taken inside a round
                for name, figures in one_round.items():
                    rounds[queued][name][-1].append(figures)


def _ask(
    progress: Progress, workers: dict[str, Child], name: str, job: dict[str, Any] | None
) -> dict[str, float] | None:
    """Give a worker its job (None: wait until it is open). One that fails is left out from now on, and said."""
    try:
        return workers[name].answer(60) if job is None else workers[name].ask(job, 120)
    except Failed as error:
        del workers[name]
        progress.say(f"{name}: {error}")
        return None


def _calls_figures(rounds: _Rounds) -> dict[str, Any]:
    found = {}
    for name, generations in rounds.items():
        if not any(generations) or not any(rounds.get(FLOOR, [])):
            continue
        found[name] = {
            "cpu_us": absolute(rounds, name, "cpu"),
            "wall_us": absolute(rounds, name, "wall"),
            "cpu_ratio": ratios(rounds, name, FLOOR, "cpu"),
            # calls a second: the inverse of wall time
            "rate_ratio": ratios(rounds, FLOOR, name, "wall"),
        }
        if LOCKED in rounds and any(rounds[LOCKED]):
            found[name]["cpu_ratio_locked"] = ratios(rounds, name, LOCKED, "cpu")
            found[name]["rate_ratio_locked"] = ratios(rounds, LOCKED, name, "wall")
    return found


# ------------------------------------------------------------------ everything else


def _repeat(
    repeats: int, progress: Progress, section: str, measurements: dict[str, Callable[[], dict[str, float]]]
) -> dict[str, Any]:
    """Take each measurement in fresh processes, in random order, and return the spread of each of its figures."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in measurements}
    progress.expect(repeats * len(measurements))
    for _ in range(repeats):
        for name in random.sample(list(measurements), len(measurements)):
            progress.step(section, name)
            try:
                found[name].append(measurements[name]())
            except Failed as error:
                progress.say(f"{name}: {error}")
    return {
        name: {figure: spread(each[figure] for each in taken) for figure in taken[0]}
        for name, taken in found.items()
        if taken
    }


def waiting(plan: Plan, progress: Progress) -> dict[str, Any]:
    """What many waiting calls cost."""
    n, few = plan.waiting, min(1_000, plan.waiting)

    def memory(way: str, number: int, *, traced: bool) -> Callable[[], dict[str, float]]:
        return lambda: measure("waiting.memory", way=way, number=number, traced=traced)

    def cancel(way: str, number: int, order: str) -> Callable[[], dict[str, float]]:
        return lambda: measure("waiting.cancel", way=way, number=number, order=order)

    def cpu(way: str, *, collected: bool = True) -> Callable[[], dict[str, float]]:
        return lambda: measure("waiting.cpu", way=way, few=few, many=n, collected=collected, without=FAST)

    wanted: dict[str, Callable[[], dict[str, float]]] = {
        "memory, kraken_async": memory("kraken_async", plan.traced, traced=True),
        "memory, plain task + asyncio.Lock": memory("lock", plan.traced, traced=True),
        "memory, a bare task and its future": memory("bare", plan.traced, traced=True),
        "resident memory, kraken_async": memory("kraken_async", n, traced=False),
        "resident memory, a bare task and its future": memory("bare", n, traced=False),
        "CPU, kraken_async": cpu("kraken_async"),
        "CPU without garbage collection, kraken_async": cpu("kraken_async", collected=False),
        "CPU, a bare task and its future": cpu("bare"),
        **{f"cancel all, {order} first": cancel("kraken_async", n, order) for order in ("oldest", "newest")},
        "cancel all, in random order": cancel("kraken_async", n, "random"),
        f"cancel {plan.locked:,} on asyncio.Lock, newest first": cancel("lock", plan.locked, "newest"),
    }
    if plan.through_stub:
        wanted["CPU over HTTP, kraken_async"] = lambda: _cpu_over_http(few, n)
    return {
        "calls": n,
        "few": few,
        "traced": plan.traced,
        **_repeat(plan.waiting_repeats, progress, "waiting", wanted),
    }


def _cpu_over_http(few: int, many: int) -> dict[str, float]:
    with Child("-m", "benchmarks.stub") as stub:
        url = f"http://127.0.0.1:{int(stub.line(10))}"
        return measure("waiting.cpu", way="kraken_async", few=few, many=many, url=url, without=FAST)


def nonces(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Nonces a second."""

    def rate(source: str, number: int, threads: int) -> Callable[[], dict[str, float]]:
        return lambda: measure("nonces.rate", source=source, number=number, threads=threads)

    wanted = {
        f"{name} / {threads}": rate(source, max(int(number * plan.nonces), 8), threads)
        for name, (source, number) in SOURCES.items()
        for threads in (1, 8)
    }
    return _repeat(plan.repeats, progress, "nonces", wanted)


def pieces(plan: Plan, progress: Progress) -> dict[str, Any]:
    """The pieces of a call."""
    measured = {"pieces": lambda: measure("pieces.pieces", number=plan.pieces)}
    found: dict[str, dict[str, Any]] = _repeat(plan.repeats, progress, "pieces", measured)
    return found.get("pieces", {})


def imports(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Import in whole processes: time and memory; ratios to aiohttp's inside each round."""
    there = [name for name, (module, _) in IMPORTS.items() if find_spec(module) is not None]
    for name in IMPORTS.keys() - set(there):
        progress.say(f"import {name}: left out, it is not installed")
    rounds: _Rounds = {name: [[]] for name in there}
    times = plan.repeats * 2
    progress.expect(times + 1)
    for number in range(times + 1):
        progress.step("imports", f"round {number} of {times}")
        for name in random.sample(there, len(there)):
            try:
                found = cost(name)
            except Failed as error:
                progress.say(f"{name}: {error}")
                return {}
            if number:  # the first round compiles
                rounds[name][0].append(found)
    return {
        name: {
            **{what: absolute(rounds, name, key) for what, key in _IMPORTED.items()},
            "ratio": ratios(rounds, name, "aiohttp", "wall"),
            "cpu_ratio": ratios(rounds, name, "aiohttp", "cpu"),
            "memory_ratio": ratios(rounds, name, "aiohttp", "megabytes"),
        }
        for name in there
    }


def gateway(plan: Plan, progress: Progress) -> dict[str, Any]:
    """What a call through the gateway costs, and clients that wait there."""
    calls, rounds, clients = plan.gateway
    progress.expect(1)
    progress.step("gateway", f"{rounds} rounds of {calls:,} calls")
    try:
        with Child("-m", "benchmarks.gateway", str(calls), str(rounds), str(clients)) as child:
            return child.answer(600)
    except Failed as error:
        progress.say(f"gateway: {error}")
        return {}


_IMPORTED: Final = {"wall_ms": "wall", "cpu_ms": "cpu", "megabytes": "megabytes"}


def sessions(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Open beside a thousand dead sessions' journals, and take statistics with thousands of orders known."""
    wanted: dict[str, Callable[[], dict[str, float]]] = {
        f"opening beside {dead:,}": partial(measure, "sessions.opening", dead=dead)
        for dead in (0, plan.dead_sessions)
    }
    wanted["stats()"] = partial(
        measure, "sessions.statistics", orders=plan.known_orders, number=plan.repeats * 10
    )
    return _repeat(plan.repeats, progress, "sessions", wanted)


SECTIONS: dict[str, Callable[[Plan, Progress], dict[str, Any]]] = {
    "outcomes": outcomes,
    "refusals": refusals,
    "cancels": cancels,
    "calls": calls,
    "orders": orders,
    "waiting": waiting,
    "gateway": gateway,
    "nonces": nonces,
    "pieces": pieces,
    "sessions": sessions,
    "imports": imports,
}
