"""The ledger of a schedule: what each call's caller was told, what is wrong with it, and the figures made of many.

Wrong is: an order placed twice; one told to be placed that was not; one told to be absent, or to have failed, that was
placed or came to be; one txid told to two callers; a placed order that nobody is told of; an order that goes out after
its cancel was answered; an order with an id made here, told to be unknown although Kraken had shown it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.orders.fault_support import Told

MADE, OWN_ID, OWN_REF = "id made here", "own cl_ord_id", "own userref"
NONE, CHANGE, SEVERAL = "no id", "amend or edit", "batch of several"
IDENTITIES: Final = (MADE, OWN_ID, OWN_REF, NONE, CHANGE, SEVERAL)

TWICE = "placed twice"
NOT_PLACED = "told placed, and was not"
NOT_ABSENT = "told absent, and was placed"
NOT_FAILED = "told to have failed, and was placed"
TWO_CALLERS = "one txid told to two callers"
UNTOLD = "placed, and never reported"
UNCANCELLED = "sent after its cancel"
SHOWN = "an id made here told unknown although shown"
WRONGS: Final = (TWICE, NOT_PLACED, NOT_ABSENT, NOT_FAILED, TWO_CALLERS, UNTOLD, UNCANCELLED, SHOWN)


def identity_of(endpoint: str, params: dict[str, Any], *, named: bool) -> str:
    """Return by what an order can be known; ``named``: the session gives an id to what has none."""
    if endpoint in ("AmendOrder", "EditOrder"):
        return CHANGE
    if endpoint == "AddOrderBatch":
        rows = {identity_of("AddOrder", row, named=named) for row in params["orders"]}
        return rows.pop() if len(rows) == 1 else SEVERAL
    if "cl_ord_id" in params:
        return OWN_ID
    if "userref" in params:
        return OWN_REF
    return MADE if named else NONE


@dataclass
class Entry:
    """One call: what it was, and what its caller was told. Times are seconds of the virtual wall clock."""

    kind: str
    identity: str
    asked: float
    session: int
    answers: list[Told] = field(default_factory=list)
    lost_at: float | None = None  # when the answer to its last sending was lost
    answered_at: float | None = None  # when its caller had an answer
    known_at: float | None = None  # when its outcome was told for certain
    why_unknown: str = ""
    placed: bool = False  # at the end

    @property
    def first(self) -> Told | None:
        """What its caller was told; None: it left, or its process was killed."""
        return self.answers[0] if self.answers and not self.answers[0].left else None


def certain(answer: Told) -> bool:
    return answer.result is not None or answer.failed or answer.absent


@dataclass
class Ledger:
    """What was told, call by call, and what is wrong with it. ``tally``: count what is wrong, and go on."""

    tally: bool = False
    entries: dict[int, Entry] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)  # txid or amend id -> the call it was told to
    wrong: dict[tuple[str, int], str] = field(default_factory=dict)
    twins: int = 0

    def check(self, ok: bool, what: str, number: int, words: str) -> None:
        """Raise AssertionError, or note, what the schedules are about."""
        if ok:
            return
        if not self.tally:
            raise AssertionError(f"{what}: call {number}, {self.entries[number].kind}: {words}")
        self.wrong[what, number] = words


# -- many schedules ----------------------------------------------------------------------------------------


@dataclass
class Figures:
    """What many schedules came to."""

    schedules: int = 0
    orders: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    seeds: dict[str, list[int]] = field(default_factory=dict)
    twins: int = 0
    #: By kind of id: callers who waited for their answer; of these, those whose answer was lost; those told unknown at
    #: first, of any order and of one that is placed; those never told anything certain.
    calls: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    unknown_placed: Counter[str] = field(default_factory=Counter)
    never: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)
    #: From asking to certainty, where the answer was lost; by kind of id, and whether it was placed.
    seconds: dict[tuple[str, bool], list[float]] = field(default_factory=dict)

    def add(self, seed: int, ledger: Ledger) -> None:
        """Add one schedule."""
        self.schedules += 1
        self.orders += len(ledger.entries)
        self.twins += ledger.twins
        for what, _ in ledger.wrong:
            self.wrong[what] += 1
            self.seeds.setdefault(what, []).append(seed)
        for entry in ledger.entries.values():
            if entry.first is None:
                continue
            kind = entry.identity
            self.calls[kind] += 1
            self.unknown[kind] += entry.first.unknown
            if entry.first.unknown:
                self.why[f"{kind}: {entry.why_unknown}"] += 1
                self.unknown_placed[kind] += entry.placed
            self.never[kind] += entry.known_at is None
            if entry.lost_at is not None or entry.first.unknown:
                self.lost[kind] += 1
                took = math.inf if entry.known_at is None else entry.known_at - entry.asked
                self.seconds.setdefault((kind, entry.placed), []).append(took)

    def merge(self, other: Figures) -> None:
        """Add what another process has counted."""
        self.schedules += other.schedules
        self.orders += other.orders
        self.twins += other.twins
        for name in ("wrong", "calls", "lost", "unknown", "unknown_placed", "never", "why"):
            getattr(self, name).update(getattr(other, name))
        for what, seeds in other.seeds.items():
            self.seeds.setdefault(what, []).extend(seeds)
        for case, seconds in other.seconds.items():
            self.seconds.setdefault(case, []).extend(seconds)

    def row(self, kinds: Iterable[str]) -> dict[str, Any]:
        """Return the figures of some kinds of order id together."""
        kinds = tuple(kinds)
        calls, lost, unknown, never = (
            sum(each[kind] for kind in kinds) for each in (self.calls, self.lost, self.unknown, self.never)
        )
        cases = [("placed", True), ("not placed", False)]
        seconds = {
            name: sorted(each for kind in kinds for each in self.seconds.get((kind, placed), ()))
            for name, placed in cases
        }
        known = {name: [each for each in every if math.isfinite(each)] for name, every in seconds.items()}
        return {
            "orders": calls,
            "answers lost": lost,
            "told unknown": unknown,
            "share told unknown": round(unknown / max(1, calls), 4),
            "share of the lost told unknown": round(unknown / max(1, lost), 4),
            "never known": never,
            "placed, told unknown": sum(self.unknown_placed[kind] for kind in kinds),
            **{f"lost, {name}": len(every) for name, every in seconds.items()},
            **{f"never known, {name}": len(every) - len(known[name]) for name, every in seconds.items()},
            **{f"median and p99 seconds, {name}": _quantiles(every) for name, every in known.items()},
        }

    def summary(self) -> dict[str, Any]:
        """Return everything, as what JSON can hold."""
        return {
            "schedules": self.schedules,
            "orders": self.orders,
            "wrong": {what: self.wrong[what] for what in WRONGS},
            "seeds": {what: sorted(seeds)[:20] for what, seeds in self.seeds.items()},
            "foreign twins": self.twins,
            "by id": {
                "all": self.row(IDENTITIES),
                **{kind: self.row([kind]) for kind in IDENTITIES if self.calls[kind]},
            },
            "why unknown": dict(sorted(self.why.items())),
        }


def _quantiles(ordered: list[float]) -> list[float]:
    """Return the median and the value that 99 of a hundred are not above; nothing of nothing."""
    places = [math.ceil(share * len(ordered)) - 1 for share in (0.5, 0.99)] if ordered else []
    return [round(ordered[place], 2) for place in places]
