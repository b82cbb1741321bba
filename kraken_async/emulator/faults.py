"""Faults: what can happen to a call between the rules and the client."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call, made by one of the class methods below.

    ``when`` says whether the request has reached the rules (and been carried out, unless they refuse it) when
    it happens. The last three fields can be added to any fault, by `with_`: seconds on the path ``jitter``
    before the nonce check, seconds before queries show an order (``visibility``), and what becomes of an
    order at once (``ending``: "closed" is filled, "canceled", "expired").
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

    def __str__(self) -> str:
        detail = f"{self.status} {self.error}".rstrip() if self.what == "status" else self.error
        return " ".join(
            filter(None, (self.what, detail, self.when if self.what != "none" else "", self.ending))
        )

    def with_(self, **changes: Any) -> Fault:
        """Return this fault with some fields changed."""
        return replace(self, **changes)

    @classmethod
    def reset(cls, when: When) -> Fault:
        """The connection is reset without an answer."""
        return cls("reset", when)

    @classmethod
    def disconnect(cls, when: When) -> Fault:
        """The connection is closed in good order without an answer."""
        return cls("disconnect", when)

    @classmethod
    def truncated(cls) -> Fault:
        """The answer breaks off in the middle of its declared length, after executing."""
        return cls("truncated")

    @classmethod
    def broken_json(cls) -> Fault:
        """A complete HTTP answer with half of the JSON, after executing."""
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
        """An HTML page with a status of the edge or the gateway; with ``error`` Kraken's envelope instead of the page.

        ``retry_after`` seconds go into the header of that name.
        """
        return cls("status", when, status=status, error=error, retry_after=retry_after)

    @classmethod
    def late(cls, seconds: float, when: When = "after") -> Fault:
        """The answer comes ``seconds`` late; "before": the request is, and is checked only then."""
        return cls("late", when, seconds=seconds)

    @classmethod
    def hang(cls, when: When = "after") -> Fault:
        """No answer, ever; the connection stays open."""
        return cls("hang", when)

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """The body dribbles out over ``seconds``, after executing."""
        return cls("slow", seconds=seconds)

    @classmethod
    def refuse(cls, error: str, when: When = "before") -> Fault:
        """The answer is ``error``; "after": although the call was carried out."""
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
        """Queries do not show the order for ``seconds``."""
        return cls(visibility=seconds)

    @classmethod
    def filled(cls) -> Fault:
        """The order is filled at once."""
        return cls(ending="closed")

    @classmethod
    def closed(cls) -> Fault:
        """The order is cancelled at once by somebody else."""
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


#: Every kind of fault by name, to walk through.
CATALOGUE: Final = _catalogue()

Plan = Callable[[int, str], "Fault | None"]


class Faults:
    """Which fault the next call meets: those queued for its endpoint (or for "*") first, then what ``plan`` says.

    ``plan`` gets the number of the exchange (0, 1, ...) and the endpoint.
    """

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.count = 0
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
