"""RequestQueue: calls in order of urgency and arrival, one taken at a time.

Rules:

1. A call stands in the lane of its (priority, resource, start-up protection); within a lane, arrival order.
2. The most urgent call *that may go now* is next: higher priority first, then earlier arrival.
3. What may not go closes its resource for everything less urgent, so dear calls are not starved by cheap ones.
4. After ``AGEING`` seconds of waiting a read or a history call moves up one class, once, to that class's end: behind
   what had come before. Nothing ever counts as CANCEL but a cancel.
5. A call is reserved while its nonce is fetched: it still waits, but no one else chooses it.
6. Nothing is O(n) per call: cancelled calls are skipped at the head of a lane, and swept once they are the majority.

The queue knows nothing of Kraken and does no I/O: the worker that drains it says what may go. It moves no call from
state to state; ``Call.lane`` is its own mark: where the call stands, None once it has left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from kraken_async.api.endpoints import CANCEL, Priority
from kraken_async.errors import QueueFull
from kraken_async.problems import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kraken_async.call import Call
    from kraken_async.limits.governor import Quote

#: Seconds of waiting after which a call moves up one class.
AGEING = 30.0

#: Lanes that are kept while no call stands in them.
FEW_LANES = 8

S = TypeVar("S")

#: Of a lane: its calls' priority, what they have to wait for, and whether start-up protection holds them.
Key = tuple[Priority, str, bool]


class Lane:
    """Calls that wait for the same, in order of arrival; ``dead`` of them are no longer wanted."""

    __slots__ = ("calls", "dead", "key")

    def __init__(self, key: Key) -> None:
        self.key: Key = key
        self.calls: deque[Call] = deque()
        self.dead: int = 0


class RequestQueue:
    """Waiting calls of one session. Belongs to one event loop; ``len()`` is the number still wanted."""

    def __init__(self, max_queued: int | None = None) -> None:
        self._lanes: dict[Key, Lane] = {}
        self._cancels: dict[Key, Lane] = {}  # those of them that cancels stand in
        self._reserved: set[Call] = set()
        self._seq = 0
        self.size: int = 0  # how many calls stand in lanes
        self._max = max_queued
        self._changed = False  # since the last choice
        self._sleeper: asyncio.Future[None] | None = None
        self._cancel_came = asyncio.Event()

    def __len__(self) -> int:
        return self.size + len(self._reserved)

    def __iter__(self) -> Iterator[Call]:
        """Yield the waiting calls, lane by lane; for closing and halting, not for choosing."""
        for lane in list(self._lanes.values()):
            for call in list(lane.calls):
                if call.lane is lane and not call.future.done():
                    yield call
        for call in list(self._reserved):
            if not call.future.done():
                yield call

    def __repr__(self) -> str:
        waiting = ", ".join(f"{name} {n}" for name, n in self.depth().items() if n)
        return f"<RequestQueue {waiting or 'empty'}>"

    def depth(self) -> dict[str, int]:
        """Return how many calls wait, by priority name."""
        depth = dict.fromkeys(Priority.__members__, 0)
        for key, lane in self._lanes.items():
            depth[key[0].name] += len(lane.calls) - lane.dead
        for call in self._reserved:
            depth[call.priority.name] += 1
        return depth

    def internal(self) -> int:
        """Return how many of the session's own calls wait. They have the priority of changes, in lanes of their own."""
        own = (
            call
            for (priority, resource, _), lane in self._lanes.items()
            if priority == Priority.AMEND and not resource.startswith("pair:")
            for call in lane.calls
            if call.lane is lane
        )
        return sum(call.internal for call in (*own, *self._reserved))

    # -- in and out ------------------------------------------------------------------------------------------------

    def push(self, call: Call) -> None:
        """Put a new call behind those of its lane. Raises QueueFull, with nothing changed.

        A cancel always fits, whatever its priority, and so does a call of the session's own: neither a dead man's
        switch nor what looks an order up is ever turned away.
        """
        if self._max is not None and len(self) >= self._max:
            self._check_fits(call)
        self._seq = call.seq = self._seq + 1
        self._join(call).append(call)

    def _check_fits(self, call: Call) -> None:
        if not (call.internal or call.priority == CANCEL or "cancel" in call.endpoint.engine):
            msg = (
                f"{counted(len(self), 'call is', 'calls are')} waiting, max_queued={self._max}: "
                "slow down, or raise max_queued"
            )
            raise QueueFull(msg, endpoint=call.endpoint.name)

    def put_back(self, call: Call) -> None:
        """Put a call that is to be repeated at its old place."""
        calls = self._join(call)
        place = 0
        while place < len(calls) and calls[place].seq < call.seq:
            place += 1
        calls.insert(place, call)

    def _join(self, call: Call) -> deque[Call]:
        """Count a call in, and return its lane's calls, for it to be put among them."""
        key = call.priority, call.resource, call.options.burst_protection
        call.lane = lane = self._lanes.get(key) or self._open(key)
        self.size += 1
        if call.priority == CANCEL:
            self._cancel_came.set()
        self._changed = True
        if self._sleeper is not None:
            self.wake()
        return lane.calls

    def _open(self, key: Key) -> Lane:
        lane = self._lanes[key] = Lane(key)
        if key[0] == CANCEL:
            self._cancels[key] = lane
        return lane

    def remove(self, call: Call) -> None:
        """Take a call out: it is about to be sent, or no longer wanted. At once for the head of a lane."""
        if call.lane is None:
            self._reserved.discard(call)
        else:
            self._leave_lane(call)

    def _leave_lane(self, call: Call) -> None:
        lane, call.lane = call.lane, None
        self.size -= 1
        calls = lane.calls
        if calls[0] is not call:
            lane.dead += 1
            if lane.dead > 64 and lane.dead * 2 > len(calls):
                lane.calls = deque(c for c in calls if c.lane is lane)
                lane.dead = 0
            return
        calls.popleft()
        while calls and calls[0].lane is not lane:
            calls.popleft()
            lane.dead -= 1
        if not calls and len(self._lanes) > FEW_LANES:
            del self._lanes[lane.key]
            self._cancels.pop(lane.key, None)

    def reserve(self, call: Call) -> None:
        """Keep a chosen call from being chosen again. It ends by :meth:`remove` or :meth:`release`."""
        self._leave_lane(call)
        self._reserved.add(call)

    def release(self, call: Call) -> None:
        """Put a reserved call back at its place; nothing happens when it is not reserved any more."""
        if call in self._reserved:
            self._reserved.remove(call)
            self.put_back(call)

    # -- choosing --------------------------------------------------------------------------------------------------

    def _heads(self, lanes: tuple[Lane, ...]) -> list[Call]:
        """Return the first call of each lane; those whose callers have left, and will say so, are taken out."""
        heads = []
        for lane in lanes:
            while lane.calls and lane.calls[0].future.done():
                self._leave_lane(lane.calls[0])
            if lane.calls:
                heads.append(lane.calls[0])
        return heads

    def choose(
        self, quote_of: Callable[[Call, S, float], Quote], shared: S, now: float
    ) -> tuple[Call | None, Quote | None]:
        """Return the most urgent call that may go now, and its quote; else None and the earliest quote.

        ``quote_of(call, shared, now)`` says when the call may go. The call stays in the queue until :meth:`reserve` or
        :meth:`remove`. The quote is None when nothing waits, or when only a change elsewhere can help.
        """
        self._changed = False
        heads = self._heads(tuple(self._lanes.values()))
        if len(heads) > 1:
            heads.sort(key=lambda call: self._urgency(call, now))
        closed: set[str] = set()
        earliest: Quote | None = None
        for call in heads:
            if call.resource in closed:
                continue
            quote = quote_of(call, shared, now)
            if quote.seconds <= 0:
                return call, quote
            if call.resource and quote.scarce:
                closed.add(call.resource)
            if earliest is None or quote.seconds < earliest.seconds:
                earliest = quote
        return None, earliest

    def _urgency(self, call: Call, now: float) -> tuple[int, float, int]:
        """Return what calls are sorted by: their class, when they came into it, and their order of arrival."""
        priority, since = call.priority, call.enqueued_at
        if priority > Priority.PLACE and now - since >= AGEING:
            return priority - 1, since + AGEING, call.seq
        return priority, since, call.seq

    def lanes(self, now: float) -> list[tuple[Call, int]]:
        """Return the first call of each lane, the most urgent first, and how many wait there."""
        heads = self._heads(tuple(self._lanes.values()))
        heads.sort(key=lambda call: self._urgency(call, now))
        return [(call, len(call.lane.calls) - call.lane.dead) for call in heads]

    # -- waiting ---------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Let the sleeper look again: something changed."""
        self._changed = True
        sleeper = self._sleeper
        if sleeper is not None and not sleeper.done():
            sleeper.set_result(None)

    async def sleep(self, seconds: float | None) -> None:
        """Wait until something changes, at most ``seconds``; return at once if it did since the last choice.

        For one sleeper, the worker.
        """
        if self._changed:
            self._changed = False
            return
        sleeper = self._sleeper = asyncio.get_running_loop().create_future()
        try:
            if seconds is None:
                await sleeper
                return
            async with asyncio.timeout(seconds):
                await sleeper
        except TimeoutError:
            return
        finally:
            self._sleeper = None

    @property
    def urgent(self) -> bool:
        """Whether a cancel may be waiting."""
        for lane in self._cancels.values():  # noqa: SIM110 - asked for every call, mostly with no such lane
            if lane.calls:
                return True
        return False

    async def cancel_waiting(self) -> Call:
        """Wait until a cancel waits, and return the one that came first."""
        while True:
            if heads := self._heads(tuple(self._cancels.values())):
                return min(heads, key=lambda call: call.seq)
            self._cancel_came.clear()
            await self._cancel_came.wait()
