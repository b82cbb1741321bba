"""RequestQueue: calls in order of urgency and arrival, one taken at a time.

Rules:

1. A call stands in the lane of its (priority, resource, start-up protection); within a lane, arrival order.
2. The most urgent call *that may go now* is next: higher priority first, then earlier arrival.
3. What may not go closes its resource for everything less urgent, so dear calls are not starved by cheap ones.
4. After ``AGEING`` seconds of waiting a call counts as PLACE; nothing ever counts as CANCEL but a cancel.
5. Nothing is O(n) per call: cancelled calls are skipped at the head of a lane, and swept once they are the majority.

The queue knows nothing of Kraken and does no I/O: whoever drains it says what may go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from kraken_async.api.endpoints import Priority
from kraken_async.errors import QueueFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kraken_async.call import Call

#: Seconds of waiting after which a call counts as PLACE.
AGEING = 30.0

Lane = deque["Call"]
Key = tuple[Priority, str, bool]


def _key(call: Call) -> Key:
    return call.priority, call.resource, call.options.burst_protection


class RequestQueue:
    """Waiting calls of one session. Belongs to one event loop; ``len()`` is the number still wanted."""

    def __init__(self, max_queued: int | None = None) -> None:
        self._lanes: dict[Key, Lane] = {}
        self._dead: dict[Key, int] = {}
        self._seq = 0
        self._size = 0
        self._max = max_queued
        self._changed = False
        self._sleeper: asyncio.Future[None] | None = None
        #: Told of every cancel that is put in the queue.
        self.on_cancel: Callable[[Call], None] | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Call]:
        """Yield the waiting calls, lane by lane; for closing and halting, not for choosing."""
        for lane in list(self._lanes.values()):
            for call in list(lane):
                if call.state == "queued" and not call.future.done():
                    yield call

    def __repr__(self) -> str:
        waiting = ", ".join(f"{name} {n}" for name, n in self.depth().items() if n)
        return f"<RequestQueue {waiting or 'empty'}>"

    def depth(self) -> dict[str, int]:
        """Return how many calls wait, by priority name."""
        depth = dict.fromkeys(Priority.__members__, 0)
        for key, lane in self._lanes.items():
            depth[key[0].name] += len(lane) - self._dead.get(key, 0)
        return depth

    def push(self, call: Call) -> None:
        """Put a new call behind those of its lane. Raises QueueFull, with nothing changed; a cancel always fits."""
        if self._max is not None and self._size >= self._max and call.priority != Priority.CANCEL:
            msg = f"{self._size} calls are waiting, max_queued={self._max}: slow down, or raise max_queued"
            raise QueueFull(msg, endpoint=call.endpoint.name)
        self._seq += 1
        call.seq = self._seq
        call.state = "queued"
        key = _key(call)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = deque()
        lane.append(call)
        self._added(call)

    def put_back(self, call: Call) -> None:
        """Put a call that is to be repeated at its old place."""
        key = _key(call)
        lane = self._lanes.setdefault(key, deque())
        place = 0
        while place < len(lane) and lane[place].seq < call.seq:
            place += 1
        lane.insert(place, call)
        call.state = "queued"
        self._added(call)

    def _added(self, call: Call) -> None:
        self._size += 1
        if self.on_cancel is not None and call.priority == Priority.CANCEL:
            self.on_cancel(call)
        self.wake()

    def remove(self, call: Call) -> None:
        """Take a call out: it is about to be sent, or nobody wants it any more. At once for the head of a lane."""
        if call.state != "queued":
            return
        call.state = "taken"
        self._size -= 1
        key = _key(call)
        lane = self._lanes[key]
        if lane[0] is call:
            lane.popleft()
            if not lane:
                del self._lanes[key]
                self._dead.pop(key, None)
            return
        dead = self._dead[key] = self._dead.get(key, 0) + 1
        if dead > 64 and dead * 2 > len(lane):
            self._lanes[key] = deque(c for c in lane if c.state == "queued")
            self._dead[key] = 0

    def _head(self, key: Key) -> Call | None:
        lane = self._lanes[key]
        while lane:
            call = lane[0]
            if call.state == "queued":
                if not call.future.done():
                    return call
                self.remove(call)
                call.state = "dropped"
                if key not in self._lanes:
                    return None
                continue
            lane.popleft()
            self._dead[key] -= 1
        del self._lanes[key]
        self._dead.pop(key, None)
        return None

    def choose(self, wait: Callable[[Call, float], float], now: float) -> tuple[Call | None, float | None]:
        """Return the most urgent call that may go now; else None and the seconds until the first one may.

        ``wait(call, now)`` gives the seconds that a call has to wait still, 0 for none. The call stays in the queue
        until :meth:`remove`. Seconds are None when nothing waits, or when only a change elsewhere can help.
        """
        self._changed = False
        heads = [head for key in tuple(self._lanes) if (head := self._head(key)) is not None]
        if len(heads) > 1:
            heads.sort(key=lambda call: self._urgency(call, now))
        closed: set[str] = set()
        earliest: float | None = None
        for call in heads:
            if call.resource in closed:
                continue
            seconds = wait(call, now)
            if seconds <= 0:
                return call, 0.0
            if call.resource and call.short:
                closed.add(call.resource)
            if earliest is None or seconds < earliest:
                earliest = seconds
        return None, earliest

    def _urgency(self, call: Call, now: float) -> tuple[int, int]:
        priority = call.priority
        if priority > Priority.PLACE and now - call.enqueued_at >= AGEING:
            priority = Priority.PLACE
        return priority, call.seq

    def wake(self) -> None:
        """Something changed: let the sleeper look again."""
        self._changed = True
        sleeper = self._sleeper
        if sleeper is not None and not sleeper.done():
            sleeper.set_result(None)

    async def sleep(self, seconds: float | None) -> None:
        """Wait until something changes, at most ``seconds``; returns at once if it did since the last choice."""
        if self._changed:
            self._changed = False
            return
        loop = asyncio.get_running_loop()
        self._sleeper = sleeper = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self.wake)
        try:
            await sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()
