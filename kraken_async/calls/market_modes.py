"""MarketModes: say, once per change, that Kraken takes no orders on a market, or only some.

Rules:

1. What Kraken answers is the only source: ``EService:Market in <mode> mode``, and ``EService:Unavailable`` for "down".
2. An answer that repeats what is known is no event. A mode is over when an order that it forbids has been taken, or
   when nothing has confirmed it for a while.
3. Refusals of reads say that Kraken is down, not a market; a read that is answered ends that.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.api.endpoints import Endpoint
from kraken_async.call import CallListener
from kraken_async.errors import one_line
from kraken_async.order_fields import pair_key
from kraken_async.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kraken_async.call import Call
    from kraken_async.errors import KrakenError
    from kraken_async.problems import ProblemBoard

log: logging.Logger = logging.getLogger("kraken_async")

#: Seconds after which a mode that no answer has confirmed is no longer among the problems.
FORGET: Final = 900.0
DOWN: Final = "down"

_MODE: Final = re.compile(r"EService:\s*Market in (\w+) mode", re.IGNORECASE)
_DOWN: Final = re.compile(r"EService:\s*Unavailable", re.IGNORECASE)


class _Known(NamedTuple):
    mode: str
    at: float  # when it was last confirmed


class MarketModes(CallListener):
    """Hears of the ends of a session's calls. ``clock`` is the loop's."""

    def __init__(self, board: ProblemBoard, clock: Callable[[], float]) -> None:
        self._board = board
        self._clock = clock
        self._known: dict[str, _Known] = {}  # by pair; "" is Kraken as a whole

    def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Take note of what an answer says of a market's mode."""
        if error is not None:
            self.refused(call, error)
            return
        if not self._known and not call.endpoint.places_orders:
            return
        orders = result.get("orders") if isinstance(result, dict) and call.endpoint.places_orders else None
        refused = list(_refused(orders)) if orders else []
        for text in refused:
            if (mode := _mode_of([text])) is not None:
                self._learn(_market(call), mode)
        if self._known:
            self._end(call, taken=not refused)

    def refused(self, call: Call, error: KrakenError) -> None:
        """Take note of a refusal; of a write as soon as it comes, of a read when it is not repeated any more."""
        if error.errors and (mode := _mode_of(error.errors)) is not None:
            self._learn(_market(call), mode)

    def expire(self) -> None:
        """Forget modes that no answer has confirmed for a while."""
        now = self._clock()
        for market in [name for name, known in self._known.items() if now - known.at >= FORGET]:
            del self._known[market]
            self._board.clear("market-mode", market)

    def _learn(self, market: str, mode: str) -> None:
        known, now = self._known.get(market), self._clock()
        self._known[market] = _Known(mode, now)
        if known is not None and known.mode == mode and now - known.at < FORGET:
            return
        where = one_line(market) or "Kraken"
        text = f"{where} is down" if mode == DOWN else f"{where} is in {mode} mode"
        text = f"{text}, as Kraken answers"
        log.warning("%s", text, extra={"market": market, "mode": mode})
        self._board.put(Problem("market-mode", text, market))

    def _end(self, call: Call, *, taken: bool) -> None:
        self._over("")  # an answer with a result: Kraken is not down
        market = _market(call)
        known = self._known.get(market) if market and taken else None
        if known is not None and _forbids(known.mode, call.endpoint, call.params):
            self._over(market)

    def _over(self, market: str) -> None:
        known = self._known.pop(market, None)
        if known is None:
            return
        log.info(
            "%s is no longer %s",
            one_line(market) or "Kraken",
            known.mode if known.mode == DOWN else f"in {known.mode} mode",
            extra={"market": market, "mode": "online"},
        )
        self._board.clear("market-mode", market)


def _mode_of(errors: Iterable[str]) -> str | None:
    for text in errors:
        if (found := _MODE.match(text)) is not None:
            return found[1].lower()
        if _DOWN.match(text) is not None:
            return DOWN
    return None


def _market(call: Call) -> str:
    """Return the pair that an order is about; "" for every other call, which speaks for Kraken as a whole."""
    pair = call.params.get("pair") if call.endpoint.places_orders else None
    return "" if pair is None else pair_key(str(pair))


def _refused(orders: Any) -> Iterator[str]:
    """Yield the errors of a batch's orders."""
    for each in orders if isinstance(orders, list) else ():
        if isinstance(each, dict) and each.get("error"):
            yield str(each["error"])


def _forbids(mode: str, endpoint: Endpoint, params: Mapping[str, Any]) -> bool:
    """Whether a market in ``mode`` would have refused this order, which Kraken took."""
    orders = params.get("orders") if endpoint.name == "AddOrderBatch" else [params]
    if not endpoint.opens_orders or str(params.get("validate", "")).lower() in ("true", "1"):
        return False
    some = [each for each in orders or () if isinstance(each, dict)]
    if mode == "post_only":
        return any("post" not in str(each.get("oflags", "")) for each in some)
    if mode == "limit_only":
        return any(each.get("ordertype") == "market" for each in some)
    if mode == "reduce_only":
        return any(str(each.get("reduce_only", "")).lower() not in ("true", "1") for each in some)
    return True
