"""BurstGovernor: start-up protection, and Kraken's two counters kept below their maximum.

Rules:

1. A call is admitted only if Kraken's counter, as high as it can be by now, leaves room for its cost.
2. What is admitted is charged before it is sent: a crash in between costs a little room, never a refusal.
3. Cancels are counted, never held. CancelAll and CancelAllOrdersAfter are charged, never held.
4. With no record the call counter is taken as half full, the engine's counter as empty.
5. A refusal sets its counter to the maximum: Kraken knows better.

More than 300 lines: what is admitted, charged and corrected is one sum, and is checked by reading it in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

from aiolimiter import AsyncLimiter

from kraken_async.api.arguments import check_flag, check_one_of, check_seconds, check_text, number_of
from kraken_async.api.endpoints import CANCEL, Tier
from kraken_async.limits.counters import FIXED_COSTS, decayed, seconds_until
from kraken_async.limits.matching_engine import Account, EngineCharge, EngineCounter, account
from kraken_async.limits.waits import START_UP, THROTTLED, LimitWait, LimitWaits, add_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken_async.call import Call
    from kraken_async.stores.base import Shared

#: Kept free on the call counter for CancelAll and for settling orders, once the key has placed an order.
RESERVE: Final = 2.0
#: Never held back, whatever priority they are given: what takes back every order, now or when the caller falls silent.
NEVER_HELD: Final = frozenset({"CancelAll", "CancelAllOrdersAfter"})


class Quote(NamedTuple):
    """When a call may go.

    ``seconds`` from now, 0: at once. ``scarce``: its resource holds it back, and not only the pace at start-up.
    ``engine``: what the matching engine charges for it, if that was looked at; :meth:`Admission.charge` takes it.
    ``limit``: what it waits for, "" when it does not (limits/waits.py).
    """

    seconds: float
    scarce: bool = False
    engine: EngineCharge | None = None
    limit: str = ""


#: The quote of a call that nothing holds back.
AT_ONCE: Final = Quote(0.0)


class BurstGovernor:
    """How bursts are held back: at start-up, and by Kraken's counters.

    Args:
        tier: Kraken's verification tier, "starter", "intermediate" or "pro" (or a Tier): it sets both counters.
        startup_window: seconds from a session's first private call in which bursts are spaced; 0 for none.
        startup_interval: seconds between calls once ten have gone at once.
        max_burst_rate: at most so many calls in any second of that window.
        margin: kept free on the call counter, for what the network adds between our clock and Kraken's.

    ``enabled`` may be switched at run time; waiting calls go at once. Raises ValueError for figures that make no sense.

    >>> BurstGovernor("pro").tier.maximum
    20.0
    """

    def __init__(
        self,
        tier: Tier | str | None = "starter",
        *,
        startup_window: float = 10.0,
        startup_interval: float = 0.5,
        max_burst_rate: float = 20,
        margin: float = 0.2,
    ) -> None:
        self.tier: Tier = Tier.of(tier)
        window, interval, rate = map(number_of, (startup_window, startup_interval, max_burst_rate))
        if not (window >= 0 and interval > 0 and rate >= 2 and 0 <= number_of(margin) < 10):
            msg = (
                "BurstGovernor needs startup_window >= 0, startup_interval > 0, max_burst_rate >= 2 and "
                f"0 <= margin < 10, not {startup_window!r}, {startup_interval!r}, {max_burst_rate!r}, {margin!r}"
            )
            raise ValueError(msg)
        self.startup_window = startup_window
        self.startup_interval = startup_interval
        self.max_burst_rate = max_burst_rate
        self.margin = margin
        self._enabled = True
        self._admissions: WeakSet[Admission] = WeakSet()

    @classmethod
    def off(cls) -> BurstGovernor:
        """Return a governor that holds nothing back; Kraken's refusals then come through."""
        governor = cls()
        governor.enabled = False
        return governor

    @property
    def enabled(self) -> bool:
        """Whether calls are held back at all. May be set at any time, from the session's loop."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        check_flag("enabled", value)
        self._enabled = value
        for admission in self._admissions:
            admission.wake()

    def __repr__(self) -> str:
        if not self._enabled:
            return "<BurstGovernor off>"
        return f"<BurstGovernor {self.tier.name.lower()} startup {self.startup_window:g} s>"

    def report(self, kind: str, pair: str, *, order: str | None = None, age: float | None = None) -> None:
        """Charge a transaction made elsewhere (WebSocket, FIX, the web page) to its pair's engine counter.

        Args:
            kind: "add", "amend", "edit" or "cancel".
            pair: Kraken's name of the pair, any spelling.
            order: its txid or cl_ord_id, if known: then later cancels through us are charged by its age.
            age: seconds since the order was placed or last amended, if the order is not known here.

        Raises ValueError for arguments that cannot be.
        """
        check_one_of("kind", kind, FIXED_COSTS)
        check_text("pair", pair, "XBTUSD")
        if order is not None:
            check_text("order", order)
        if age is not None:
            check_seconds("age", age, least=0.0)
        engines = {id(admission.engine.account): admission for admission in self._admissions}
        for admission in engines.values():  # the sessions of one account share its counters
            admission.engine.report(kind, pair, order, age, admission.now())

    def admission(
        self,
        tier: Tier | None,
        account_name: str,
        clock: Callable[[], float],
        wake: Callable[[], None],
        *,
        tier_unset: bool = False,
    ) -> Admission:
        """Return one session's gate; the session's own tier, if given, goes before the governor's.

        ``tier_unset``: neither was given, which is worth a warning once it makes a call wait.
        """
        tier = tier or self.tier
        waits = LimitWaits(tier if tier_unset else None)
        admission = Admission(self, tier, account(account_name), clock, wake, waits)
        self._admissions.add(admission)
        return admission


def _free(call: Call) -> bool:
    """Return whether nothing holds the call back: a cancel, or what takes back orders at any priority."""
    return call.priority == CANCEL or call.endpoint.name in NEVER_HELD


class Admission:
    """One session's gate: which call may go now, and what it is charged."""

    def __init__(
        self,
        governor: BurstGovernor,
        tier: Tier,
        account: Account,
        clock: Callable[[], float],
        wake: Callable[[], None],
        waits: LimitWaits,
    ) -> None:
        self.governor = governor
        self.tier = tier
        self.engine: EngineCounter = EngineCounter(tier, account)
        self.wake = wake
        self.now = clock
        self._waits = waits
        self._started_at: float | None = None
        self._limiter: AsyncLimiter | None = None
        self.starting: bool = governor.startup_window > 0
        self._burst = 0.0
        self._burst_at = 0.0

    # -- start-up protection ------------------------------------------------------------------------------------

    def in_startup(self, now: float) -> bool:
        """Return whether the start-up window is open; it opens with the first private call."""
        window = self.governor.startup_window
        return window > 0 and (self._started_at is None or now - self._started_at < window)

    def _startup_wait(self, call: Call, now: float) -> float:
        if _free(call) or not call.options.burst_protection or not self.in_startup(now):
            return 0.0
        limiter = self._limiter
        if limiter is None or limiter.has_capacity():
            return 0.0
        # AsyncLimiter does not tell when its next place comes free, so its level is followed here.
        rate = 1 / self.governor.startup_interval
        level = decayed(self._burst, self._burst_at, rate, now)
        return max(seconds_until(level, self.governor.max_burst_rate / 2 - 1, rate), 0.001)

    async def started(self, call: Call, now: float) -> None:
        """Count a call that goes out now towards start-up protection, as long as it is ``starting``.

        Waits for nothing: its place is free. A governor that is off counts none.
        """
        self.starting = self.in_startup(now)
        if not self.starting:
            return
        if self._limiter is None:
            self._started_at = now
            half = self.governor.max_burst_rate / 2
            self._limiter = AsyncLimiter(half, self.governor.startup_interval * half)
        if self._limiter.has_capacity():  # a cancel goes without
            await self._limiter.acquire()
            self._burst = decayed(self._burst, self._burst_at, 1 / self.governor.startup_interval, now) + 1
            self._burst_at = now

    def close(self) -> None:
        """Release what the session waited for. Idempotent."""
        self._waits.close()

    # -- which call may go ---------------------------------------------------------------------------------------

    def resource(self, call: Call) -> str:
        """Return what the call uses up at Kraken and may have to wait for: the call counter, or a pair's engine."""
        endpoint = call.endpoint
        if endpoint.places_orders:
            return f"pair:{self.engine.pair(call)}"
        if not endpoint.cost or call.priority == CANCEL or endpoint.name in NEVER_HELD:  # as _free()
            return ""
        return "counter"

    def seconds_until_free(self, call: Call, shared: Shared, now: float) -> Quote:
        """Return when the call may go, judged by ``shared`` as it was read under the nonce lock. Log a new wait.

        What cannot be judged may go: charging it meets the fault again.
        """
        if not self.governor._enabled:
            return AT_ONCE
        if shared.level is None and call.resource == "counter":
            shared.level, shared.level_at = self.tier.maximum / 2, now  # nothing was ever recorded: half full
        try:
            quote = self._quote(call, shared, now)
            if quote.limit:
                self._waits.note(call, quote.limit, quote.seconds, now)
        except Exception:
            return AT_ONCE
        return quote

    def waits(self, lanes: Iterable[tuple[Call, int]], shared: Shared, now: float) -> list[LimitWait]:
        """Return what calls wait for. ``lanes``: the first call of each, the most urgent first, and how many it has."""
        found: dict[str, LimitWait] = {}
        for call, count in lanes:
            quote = self._quote(call, shared, now)
            if quote.limit == START_UP:
                delay = self.governor.startup_interval
            elif quote.engine is not None:
                delay = quote.engine.cost / self.tier.engine_decay
            else:
                delay = call.endpoint.cost / self.tier.decay
            if quote.limit:
                add_wait(found, call, quote.limit, quote.seconds, count, delay)
        return list(found.values())

    def _quote(self, call: Call, shared: Shared, now: float) -> Quote:
        if not self.governor.enabled:
            return AT_ONCE
        if shared.throttled_until > now and not _free(call):
            return Quote(shared.throttled_until - now, scarce=True, limit=THROTTLED)
        seconds, engine = 0.0, None
        if call.resource == "counter":
            seconds = self._counter_wait(call, shared, now)
        elif call.resource:
            engine = self.engine.charge_for(call, shared, now)
            seconds = self.engine.wait(engine, now)
        pace = self._startup_wait(call, now) if self.starting else 0.0
        if engine is None and not seconds and not pace:
            return AT_ONCE
        limit = "" if not seconds and not pace else call.resource if seconds >= pace else START_UP
        return Quote(max(seconds, pace), seconds > 0, engine, limit)

    def level(self, shared: Shared, now: float) -> float:
        """Return how full Kraken's call counter can be at ``now``."""
        if shared.level is None:
            return self.tier.maximum / 2
        return decayed(shared.level, shared.level_at, self.tier.decay, now)

    def _counter_wait(self, call: Call, shared: Shared, now: float) -> float:
        reserve = RESERVE if shared.trading and not call.internal else 0.0
        room = self.tier.maximum - self.governor.margin - reserve - call.endpoint.cost
        return seconds_until(self.level(shared, now), room, self.tier.decay)

    # -- what it is charged --------------------------------------------------------------------------------------

    def charge(self, call: Call, shared: Shared, now: float, quote: Quote = AT_ONCE) -> None:
        """Charge a call that is about to be sent, in the shared state that is about to be written."""
        endpoint = call.endpoint
        if endpoint.cost:
            # Above its maximum Kraken refuses, and a refusal sets the level: what got through proves there was room.
            tier, level = self.tier, shared.level
            level = tier.maximum / 2 if level is None else decayed(level, shared.level_at, tier.decay, now)
            if level > tier.maximum:
                level = float(tier.maximum)
            call.level_before = level
            shared.level, shared.level_at = level + endpoint.cost, now
        if endpoint.engine:
            self.engine.charge(quote.engine or self.engine.charge_for(call, shared, now), shared, now)
            if not shared.trading and (endpoint.opens_orders or endpoint.name in NEVER_HELD):
                shared.trading = True
                shared.mark_changed()

    def late_charge(self, call: Call, now: float) -> float:
        """Return what the counter may be higher by than charged, now that the answer is in.

        Kraken charges when the call arrives, at some time between sending and answer. That matters only when the
        counter would have run empty in between: decay below zero was never Kraken's.
        """
        if not call.endpoint.cost or not self.governor._enabled:
            return 0.0
        gone = self.tier.decay * (now - call.sent_at)
        return min(gone - call.level_before, call.endpoint.cost) if gone > call.level_before else 0.0

    def refused(self, call: Call, shared: Shared, now: float, *, engine: bool) -> None:
        """Take a rate-limit refusal at its word: the counter stands at its maximum."""
        if engine:
            self.engine.refused(call, shared, now)
        else:
            shared.level, shared.level_at = self.tier.maximum, now
