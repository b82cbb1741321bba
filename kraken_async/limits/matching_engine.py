"""The matching engine's counters, per account and pair.

Kraken's engine charges by what a call does and how young the order is that it touches. The counter belongs to the
account: sessions of one account in this process share it and the ages of its orders, and each key's shared state
carries the levels, and nothing else, to other processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakValueDictionary

from kraken_async.limits.counters import (
    FIXED_COSTS,
    age_cost,
    batch_cost,
    decayed,
    seconds_until,
)
from kraken_async.limits.order_ages import NO_PAIR, Age, OrderAges
from kraken_async.order_fields import named_orders, pair_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken_async.api.endpoints import Tier
    from kraken_async.call import Call
    from kraken_async.stores.base import Shared

#: Kept free on each pair's counter, against the time a call is on the way.
MARGIN: Final = 1.0
#: From so many pairs on, those whose counter has run empty are dropped from the shared state.
MANY_PAIRS: Final = 16


class Account:
    """The counters of one account as far as they are known, shared by the sessions of this process that name it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.levels: dict[str, list[float]] = {}  # pair -> [level, at]
        self.named: dict[str, float] = {}  # pair -> when Kraken named its level
        self.ages: OrderAges = OrderAges()


#: This process's records, by the name of the account.
accounts: WeakValueDictionary[str, Account] = WeakValueDictionary()


def account(name: str) -> Account:
    """Return this process's record of the account ``name``."""
    found = accounts.get(name)
    if found is None:
        found = accounts[name] = Account(name)
    return found


class EngineCharge(NamedTuple):
    """The matching engine's charge for one call, and to which pair; None: to every pair with a record."""

    pair: str | None
    cost: float


class EngineCounter:
    """One session's view of its account's counters. Times are seconds of the loop's clock."""

    def __init__(self, tier: Tier, account: Account) -> None:
        self._tier = tier
        self.account = account

    def pair(self, call: Call) -> str:
        """Return the pair that a call is charged to; "?" when it names an order that is not known here."""
        pair = call.params.get("pair")
        if pair is not None:
            return pair_key(str(pair))
        for name in named_orders(call.params):
            if (known := self.account.ages.pair(name)) is not None:
                return known
        return NO_PAIR

    def pairs(self, shared: Shared, now: float) -> list[str]:
        """Return the pairs with a record."""
        self._merge(shared, now)
        return list(self.account.levels)

    def level(self, pair: str, now: float) -> float:
        """Return the level of a pair's counter; 0 with no record."""
        level, at = self.account.levels.get(pair, (0.0, now))
        return decayed(level, at, self._tier.engine_decay, now)

    def charge_for(self, call: Call, shared: Shared, now: float) -> EngineCharge:
        """Return what a call is charged, with what other sessions have recorded taken over first."""
        self._merge(shared, now)
        everywhere = call.endpoint.engine == "cancel_all"
        return EngineCharge(None if everywhere else self.pair(call), self._cost(call, now))

    def wait(self, charge: EngineCharge, now: float) -> float:
        """Return the seconds until the counter leaves room for a charge."""
        room = self._tier.threshold - MARGIN - charge.cost
        return seconds_until(self.level(charge.pair or "", now), room, self._tier.engine_decay)

    def charge(self, charge: EngineCharge, shared: Shared, now: float) -> None:
        """Charge what is about to be sent, here and in the shared state."""
        pairs = list(self.account.levels) if charge.pair is None else [charge.pair]
        for pair in pairs:
            self._set(pair, self.level(pair, now) + charge.cost, now, shared)

    def refused(self, call: Call, shared: Shared, now: float) -> None:
        """Kraken says the counter is at its threshold: so it is."""
        self._set(self.pair(call), float(self._tier.threshold), now, shared)

    def report(self, kind: str, pair: str, order: str | None, age: float | None, now: float) -> None:
        """Charge a transaction made elsewhere; see BurstGovernor.report."""
        key = pair_key(pair)
        cost = FIXED_COSTS[kind]
        if kind != "add":
            cost += age_cost(kind, age if age is not None else self.account.ages.age(order or "", now))
        self.account.levels[key] = [self.level(key, now) + cost, now]
        if order is not None and kind != "cancel":
            self.learn([Age((order,), pair, now)], now)

    def observed(self, pair: str, level: float, now: float, *, least: float, most: float) -> bool:
        """Take over the level that Kraken named between ``least`` and ``most`` seconds ago; return whether it was.

        A lower one than ours is not, if something may have been charged after it: Kraken had not seen that yet.
        """
        held = self.account.levels.get(pair)
        known = decayed(level, now - least, self._tier.engine_decay, now)
        if held is not None and held[1] > now - most and known <= self.level(pair, now):
            return False
        self.account.levels[pair], self.account.named[pair] = [known, now], now - most
        return True

    def publish(self, pair: str, shared: Shared) -> None:
        """Put our level of a pair into the shared state, in place of what is there."""
        level, at = self.account.levels[pair]
        self._set(pair, level, at, shared)

    def learn(self, told: Iterable[Age], now: float) -> None:
        """Remember since when orders stand. In this process's memory; nothing is written."""
        self.account.ages.learn(told, now)

    def _set(self, pair: str, level: float, now: float, shared: Shared) -> None:
        self.account.levels[pair] = [level, now]
        if len(shared.engine) >= MANY_PAIRS and pair not in shared.engine:
            decay = self._tier.engine_decay
            shared.engine = {
                name: [kept, at]
                for name, (kept, at) in shared.engine.items()
                if decayed(kept, at, decay, now) > 0
            }
        shared.engine[pair] = [level, now]
        shared.mark_changed()

    def _merge(self, shared: Shared, now: float) -> None:
        """Take over what other sessions of the key have recorded."""
        mine = self.account
        for pair, (level, at) in shared.engine.items():
            if at <= mine.named.get(pair, at - 1.0):
                continue  # Kraken has named the level since
            if decayed(level, at, self._tier.engine_decay, now) > self.level(pair, now):
                mine.levels[pair] = [level, at]

    def _cost(self, call: Call, now: float) -> float:
        kind = call.endpoint.engine
        if kind == "add_batch":
            rows = call.params.get("orders")
            return batch_cost(len(rows) if isinstance(rows, (list, tuple)) else 1)
        if kind in ("add", "cancel_all"):
            return 1.0
        one = "cancel" if kind == "cancel_batch" else kind
        known = self.account.ages
        return FIXED_COSTS[one] + sum(
            age_cost(one, known.age(name, now)) for name in named_orders(call.params)
        )
