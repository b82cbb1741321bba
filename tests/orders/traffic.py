"""What passed between sessions and the exchange: which answers were lost, what look-ups showed, when all was calm."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from kraken_async.wire.messages import Response, SignedRequest

PLACING: Final = frozenset({"AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder"})
#: Look-ups, and the field that holds what they show.
SHOWING: Final = {"OpenOrders": "open", "ClosedOrders": "closed"}
#: Refusals that leave open whether the request was carried out.
OPEN: Final = ("EService", "EGeneral:Internal error", "EGeneral:Unknown error")
#: Seconds above which an exchange is no calm one.
SWIFT: Final = 1.2


@dataclass
class Traffic:
    """The exchanges of a schedule, of all its sessions. Times are seconds of the virtual wall clock."""

    exchanges: list[tuple[float, float, bool]] = field(default_factory=list)  # begin, end, answered
    on_their_way: dict[int, float] = field(default_factory=dict)
    lost: dict[int, float] = field(default_factory=dict)  # a call's number, and when its answer was lost
    #: A session, a txid, and whether it was shown to a question for an id alone.
    shown: set[tuple[int, str, bool]] = field(default_factory=set)
    count: int = 0

    async def carry(
        self,
        send: Callable[[SignedRequest, float], Awaitable[Response]],
        session: int,
        request: SignedRequest,
        timeout: float,
    ) -> Response:
        """Send a request of a session, and keep what came of it."""
        self.count += 1
        place, began, ok = self.count, time.time(), False
        self.on_their_way[place] = began
        try:
            response = await send(request, timeout)
            ok = self._read(session, request, response)
            return response
        finally:
            del self.on_their_way[place]
            self.exchanges.append((began, time.time(), ok))
            name = request.path.rpartition("/")[2]
            if name in PLACING:
                number = number_of(_params(request.body))
                if ok:
                    self.lost.pop(number, None)
                else:
                    self.lost[number] = time.time()

    def _read(self, session: int, request: SignedRequest, response: Response) -> bool:
        """Return whether the answer tells what became of the request; keep the orders that it shows."""
        try:
            answer = json.loads(response.body)
        except ValueError:
            return False
        if response.status != 200 or not isinstance(answer, dict):
            return False
        result = answer.get("result")
        name = request.path.rpartition("/")[2].partition("?")[0]
        if name in SHOWING:
            rows = result.get(SHOWING[name]) if isinstance(result, dict) else None
            for txid in rows or ():
                self.shown.add((session, txid, b"cl_ord_id=" in request.body or b"userref=" in request.body))
            return rows is not None
        errors = [text for text in answer.get("error", ()) if text.startswith("E")]
        return bool(result) or bool(errors and not errors[0].startswith(OPEN))

    def calm(self, start: float, end: float) -> float:
        """Return the longest time between two moments in which every exchange was swift and answered."""
        rough = [(a, b) for a, b, ok in self.exchanges if not ok or b - a > SWIFT]
        rough += [(began, math.inf) for began in self.on_their_way.values() if end - began > SWIFT]
        longest, at = 0.0, start
        for began, ended in sorted(rough):
            longest = max(longest, min(began, end) - at)
            at = max(at, ended)
        return max(longest, end - at)


def number_of(params: Mapping[str, Any]) -> int:
    """Return the number of the call that has these fields."""
    rows = params.get("orders") or [params]
    volume = rows[0].get("volume") or rows[0].get("order_qty") or "0"
    return int(float(str(volume)))


def _params(body: bytes) -> Mapping[str, Any]:
    text = body.decode()
    found: Mapping[str, Any] = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
    return found
