"""Faults: what can happen to a call between the rules and the client."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from . import given

When = Literal["before", "after"]

#: What can go wrong; "none": nothing but what the other fields say.
_KINDS: Final = (
    "none", "reset", "disconnect", "truncated", "broken json", "garbage", "html", "status", "late", "hang", "slow",
    "error", "no result", "warning", "warning beside the result", "without",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with a call, made by one of the class methods below.

    ``when`` says whether the request has reached the rules (and been carried out, unless they refuse it) when
    it happens. These fields can be added to any fault, by `with_`:

    ``jitter``: seconds on the path before the nonce check.
    ``visibility``: seconds before queries show an order, or an amend. ``closed_visibility``: seconds before they show
    that the order is closed.
    ``ending``: the end of an order, at once; "closed" is filled, "canceled", "expired".
    ``date``: seconds by which the header Date of the answer, or of the page, is off. ``undated``: there is none.
    ``age``: the header Age, which a cache adds. ``clock``: seconds by which the answer of Time is off.
    """

    what: str = "none"
    when: When = "after"
    status: int = 200
    seconds: float = 0.0
    error: str = ""
    retry_after: int | None = None
    jitter: float | None = None
    visibility: float | None = None
    ending: str = ""
    closed_visibility: float | None = None
    date: float = 0.0
    undated: bool = False
    age: int | None = None
    clock: float = 0.0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given.one_of(self.what, "what", _KINDS)
        given.one_of(self.when, "when", ("before", "after"))
        if self.ending:
            given.one_of(self.ending, "ending", ("closed", "canceled", "expired"))
        given.whole(self.status, "status", 100)
        given.seconds(self.seconds, "seconds")
        for name in ("jitter", "visibility", "closed_visibility", "retry_after", "age"):
            if getattr(self, name) is not None:
                given.seconds(getattr(self, name), name)
        given.flag(self.undated, "undated")
        for name in ("date", "clock"):
            given.number(getattr(self, name), name)

    def __str__(self) -> str:
        detail = f"{self.status} {self.error}".rstrip() if self.what == "status" else self.error
        when = self.when if self.what != "none" else ""
        return " ".join(filter(None, (self.what, detail, *self.names, when, self.ending, *self._clocks())))

    def _clocks(self) -> list[str]:
        """Return what is said of the clocks that the answer shows."""
        said = [f"date {self.date:+g} s"] if self.date else []
        said += ["no date"] if self.undated else []
        said += [f"age {self.age}"] if self.age is not None else []
        return said + ([f"time {self.clock:+g} s"] if self.clock else [])

    def with_(self, **changes: Any) -> Fault:
        """Return this fault with some fields changed."""
        return replace(self, **changes)

    @classmethod
    def reset(cls, when: When) -> Fault:
        """Reset the connection without an answer."""
        return cls("reset", when)

    @classmethod
    def disconnect(cls, when: When) -> Fault:
        """Close the connection in good order, without an answer."""
        return cls("disconnect", when)

    @classmethod
    def truncated(cls) -> Fault:
        """Break the answer off in the middle of its declared length, after executing."""
        return cls("truncated")

    @classmethod
    def broken_json(cls) -> Fault:
        """Answer with complete HTTP and half of the JSON, after executing."""
        return cls("broken json")

    @classmethod
    def garbage(cls, when: When = "after") -> Fault:
        """Status 200 and bytes that mean nothing."""
        return cls("garbage", when)

    @classmethod
    def html(cls, when: When = "after") -> Fault:
        """Status 200 and an HTML page."""
        return cls("html", when)

    @classmethod
    def http(
        cls, status: int, when: When = "before", *, error: str = "", retry_after: int | None = None
    ) -> Fault:
        """Answer with an HTML page and a status of the edge or the gateway; ``error``: with Kraken's envelope instead.

        ``retry_after`` seconds go into the header of that name.
        """
        return cls("status", when, status=status, error=error, retry_after=retry_after)

    @classmethod
    def late(cls, seconds: float, when: When = "after") -> Fault:
        """Answer ``seconds`` late; "before": the request is late, and is checked only then."""
        return cls("late", when, seconds=seconds)

    @classmethod
    def hang(cls, when: When = "after") -> Fault:
        """No answer, ever; the connection stays open."""
        return cls("hang", when)

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Let the body dribble out over ``seconds``, after executing."""
        return cls("slow", seconds=seconds)

    @classmethod
    def refuse(cls, error: str, when: When = "before") -> Fault:
        """Answer with ``error``; "after": although the call was carried out."""
        return cls("error", when, error=error)

    @classmethod
    def throttled(cls, until: float) -> Fault:
        """``EService:Throttled`` with a unix time."""
        return cls("error", "before", error=f"EService: Throttled: {int(until)}")

    @classmethod
    def delayed(cls, seconds: float) -> Fault:
        """Seconds on the path, before the nonce check."""
        return cls(jitter=seconds)

    @classmethod
    def invisible(cls, seconds: float) -> Fault:
        """Hide the order from queries for ``seconds``."""
        return cls(visibility=seconds)

    @classmethod
    def no_result(cls, when: When = "after") -> Fault:
        """Answer with ``{"error":[]}``."""
        return cls("no result", when)

    @classmethod
    def warning(cls, text: str = "WGeneral:Degraded", when: When = "after", *, result: bool = False) -> Fault:
        """Answer with a warning, without a result or (``result``) with one."""
        return cls("warning beside the result" if result else "warning", when, error=text)

    @classmethod
    def without(cls, *names: str) -> Fault:
        """Leave these keys, such as ``open`` and ``closed``, out of the result, after executing."""
        return cls("without", names=names)

    @classmethod
    def dated(cls, seconds: float) -> Fault:
        """Shift the header Date by so many seconds."""
        return cls(date=seconds)

    @classmethod
    def dateless(cls) -> Fault:
        """Leave the header Date out."""
        return cls(undated=True)

    @classmethod
    def cached(cls, age: int) -> Fault:
        """Answer as from a cache, ``age`` seconds old: with the header Age, and a Date as old."""
        return cls(age=age, date=-float(age))

    @classmethod
    def wrong_time(cls, seconds: float) -> Fault:
        """Shift the answer of Time by so many seconds, and its header Date with it."""
        return cls(clock=seconds, date=seconds)

    @classmethod
    def filled(cls) -> Fault:
        """Fill the order at once."""
        return cls(ending="closed")

    @classmethod
    def closed(cls) -> Fault:
        """Cancel the order at once, as another client would."""
        return cls(ending="canceled")


def _catalogue() -> dict[str, Fault]:
    whens: tuple[When, When] = ("before", "after")
    faults = [
        Fault.truncated(),
        Fault.broken_json(),
        Fault.slow(2.0),
        Fault.invisible(3.0),
        Fault.filled(),
        Fault.closed(),
    ]
    for when in whens:
        faults += [Fault.reset(when), Fault.disconnect(when), Fault.hang(when), Fault.late(20.0, when)]
        faults += [Fault.garbage(when), Fault.html(when)]
        faults += [Fault.http(status, when) for status in (429, 500, 502, 503, 504, *range(520, 528))]
        faults += [
            Fault.refuse(error, when)
            for error in (
                "EService:Busy",
                "EService:Unavailable",
                "EService:Timeout",
                "EService:Deadline elapsed",
                "EGeneral:Internal error",
            )
        ]
    faults.append(Fault.refuse("EAPI:Invalid nonce"))
    names = {
        Fault.invisible(3.0): "invisible",
        Fault.filled(): "filled",
        Fault.closed(): "canceled",
    }
    return {names.get(fault, str(fault)): fault for fault in faults}


def _lying() -> dict[str, Fault]:
    faults = [Fault.dated(300.0), Fault.dated(-300.0), Fault.dateless(), Fault.cached(90)]
    whens: tuple[When, When] = ("before", "after")
    for when in whens:
        faults += [Fault.no_result(when), Fault.warning(when=when)]
        faults += [Fault.http(502, when).with_(date=300.0), Fault.http(503, when).with_(date=90.0)]
        faults += [Fault.http(502, when).with_(undated=True)]
    faults.append(Fault.warning(result=True))
    faults.append(Fault.without("open", "closed"))
    return {str(fault): fault for fault in faults}


#: Faults that leave an answer in which something is wrong or left out.
LYING: Final = _lying()
#: Every kind of fault by name, to walk through.
CATALOGUE: Final = {**_catalogue(), **LYING}

Plan = Callable[[int, str], "Fault | None"]


class Faults:
    """Faults in store for the next calls: those queued for an endpoint (or for "*") first, then what ``plan`` says.

    ``plan`` gets the number of the exchange (0, 1, ...) and the endpoint.
    """

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.count: int = 0
        self._queued: dict[str, deque[Fault]] = defaultdict(deque)

    @property
    def active(self) -> bool:
        """Whether any fault may come."""
        return self.plan is not None or any(self._queued.values())

    def next(self, endpoint: str, *faults: Fault) -> None:
        """Let the next calls of ``endpoint`` ("*": any) meet ``faults``, one each."""
        self._queued[endpoint].extend(faults)

    def clear(self) -> None:
        """Take back everything that has not happened yet."""
        self._queued.clear()
        self.plan = None

    def draw(self, endpoint: str) -> Fault | None:
        """Return the fault of one exchange, and count the exchange."""
        index, self.count = self.count, self.count + 1
        if self._queued:
            for name in (endpoint, "*"):
                queue = self._queued.get(name)
                if queue:
                    return queue.popleft()
        return self.plan(index, endpoint) if self.plan is not None else None
