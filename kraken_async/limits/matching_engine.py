"""The matching engine's counters, per account and pair, with the age of each order.

Kraken's engine charges by what a call does and how young the order is that it touches. The counter belongs to the
account: sessions of one account in this process share it, and each key's shared state carries it to other processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from kraken_async.limits.counters import (
    FIXED_COSTS,
    OLDEST,
    age_cost,
    decayed,
    seconds_until,
)
from kraken_async.order_fields import named_orders, pair_key

if TYPE_CHECKING:
    from kraken_async.api.endpoints import Tier
    from kraken_async.call import Call
    from kraken_async.stores.base import Shared

#: Kept free on each pair's counter, against the time a call is on the way.
MARGIN: Final = 1.0


class Account:
    """What is known of one account's counters, shared by the sessions of this process that name it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.levels: dict[str, list[float]] = {}  # pair -> [level, at]
        self.orders: dict[str, list[Any]] = {}  # txid or cl_ord_id -> [pair, created or last amended at]
        self.known_since: float | None = None


_accounts: WeakValueDictionary[str, Account] = WeakValueDictionary()


def account(name: str) -> Account:
    """Return this process's record of the account ``name``."""
    found = _accounts.get(name)
    if found is None:
        found = _accounts[name] = Account(name)
    return found


class EngineCounter:
    """One session's view of its account's counters. Times are seconds of the loop's clock."""

    def __init__(self, tier: Tier, account: Account) -> None:
        self._tier = tier
        self._merged: dict[str, list[Any]] | None = None  # the orders last taken over from the shared state
        self.account = account

    def pair(self, call: Call) -> str:
        """Return the pair that a call is charged to; "?" when it names an order that is not known here."""
        pair = call.params.get("pair")
        if pair is not None:
            return pair_key(str(pair))
        for name in named_orders(call.params):
            if name in self.account.orders:
                return str(self.account.orders[name][0])
        return "?"

    def pairs(self, shared: Shared, now: float) -> list[str]:
        """Return the pairs with a record."""
        self._merge(shared, now)
        return list(self.account.levels)

    def level(self, pair: str, now: float) -> float:
        """Return the level of a pair's counter; 0 with no record."""
        level, at = self.account.levels.get(pair, (0.0, now))
        return decayed(level, at, self._tier.engine_decay, now)

    def wait(self, call: Call, shared: Shared, now: float) -> float:
        """Return the seconds until the counter leaves room for the call."""
        self._merge(shared, now)
        room = self._tier.threshold - MARGIN - self._cost(call, now)
        return seconds_until(self.level(self.pair(call), now), room, self._tier.engine_decay)

    def charge(self, call: Call, shared: Shared, now: float) -> None:
        """Charge a call that is about to be sent, here and in the shared state."""
        self._merge(shared, now)
        cost = self._cost(call, now)
        everywhere = call.endpoint.engine == "cancel_all"
        for pair in list(self.account.levels) if everywhere else [self.pair(call)]:
            self._set(pair, self.level(pair, now) + cost, now, shared)

    def refused(self, call: Call, shared: Shared, now: float) -> None:
        """Kraken says the counter is at its threshold: so it is."""
        self._set(self.pair(call), float(self._tier.threshold), now, shared)

    def report(self, kind: str, pair: str, order: str | None, age: float | None, now: float) -> None:
        """Charge a transaction made elsewhere; see BurstGovernor.report."""
        key = pair_key(pair)
        cost = FIXED_COSTS[kind]
        if kind != "add":
            cost += age_cost(kind, age if age is not None else self._age(order or "", now))
        self.account.levels[key] = [self.level(key, now) + cost, now]
        if order is not None and kind != "cancel":
            self.account.orders[order] = [key, now]

    def learn(self, orders: dict[str, tuple[str, float]], shared: Shared, now: float) -> None:
        """Remember since when orders stand: ``{txid or cl_ord_id: (pair, time)}``; too old to cost are dropped."""
        mine = self.account.orders
        # Younger than known: amended, and so it is by its other name.
        amended = [o for o, (_, created) in orders.items() if o in mine and created > mine[o][1] + 1.0]
        orders = {**{alias: orders[o] for o in amended for alias in self._aliases(o)}, **orders}
        for order, (pair, created) in orders.items():
            mine[order] = [pair_key(pair), created]
        for known in (mine, shared.orders):
            for order in [name for name, (_, created) in known.items() if now - created > OLDEST]:
                del known[order]
        shared.orders = {**shared.orders, **{name: mine[name] for name in orders if name in mine}}
        shared.mark_changed()

    def _aliases(self, order: str) -> list[str]:
        """Return the other names of an order: its txid and its cl_ord_id were learnt from the same answer."""
        record = self.account.orders.get(order)
        return (
            [] if record is None else [name for name, other in self.account.orders.items() if other == record]
        )

    def _set(self, pair: str, level: float, now: float, shared: Shared) -> None:
        self.account.levels[pair] = [level, now]
        shared.engine[pair] = [level, now]
        if shared.known_since is None:
            shared.known_since = self.account.known_since
        shared.mark_changed()

    def _merge(self, shared: Shared, now: float) -> None:
        """Take over what other sessions of the key have recorded."""
        mine = self.account
        for pair, (level, at) in shared.engine.items():
            if decayed(level, at, self._tier.engine_decay, now) > self.level(pair, now):
                mine.levels[pair] = [level, at]
        if shared.orders is not self._merged:  # made anew whenever it changes
            self._merged = shared.orders
            for order, record in shared.orders.items():
                mine.orders.setdefault(order, record)
        if mine.known_since is None:
            mine.known_since = shared.known_since if shared.known_since is not None else now

    def _cost(self, call: Call, now: float) -> float:
        kind = call.endpoint.engine
        if kind == "add_batch":
            return len(call.params.get("orders") or ()) / 2
        if kind in ("add", "cancel_all"):
            return 1.0
        one = "cancel" if kind == "cancel_batch" else kind
        return FIXED_COSTS[one] + sum(
            age_cost(one, self._age(name, now)) for name in named_orders(call.params)
        )

    def _age(self, order: str, now: float) -> float:
        record = self.account.orders.get(order)
        if record is not None:
            return max(0.0, now - float(record[1]))
        # Not ours, or placed before the record began: at least as old as the record.
        since = self.account.known_since
        return now - since if since is not None else 0.0
